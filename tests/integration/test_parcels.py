"""A carrier who knows a parcel's number and nothing else reaches its order, also one that has left the record."""

from collections import Counter

from perennial.aws.quarantine import Quarantine
from perennial.aws.store import TRANSACTION_WRITES, record_key
from perennial.aws.table import Delete, Key
from perennial.domain.customer import MOST_PARCELS, RECENT_ORDERS, Customer, Order
from perennial.domain.events import Event, PrivacyRequested
from perennial.domain.history import rebuild
from perennial.privacy.erasing import Erasing
from perennial.privacy.exporting import Exporting
from perennial.privacy.requests import Requests
from tests.builders import DAY, HOUR, NOON, an_event, folded, parcel, placed, shipped, written
from tests.families import id_of, journal, merging, parting, record, says, settled
from tests.house import SECRET, House, ListQueue

LATER = NOON + 30 * DAY
FIRST = [placed(order="o-0"), shipped(order="o-0", tracking="T-0")]
OTHERS = [placed(NOON + day * DAY, order=f"o-{day}") for day in range(1, RECENT_ORDERS + 1)]
"""As many as the record keeps."""
ARRIVED = parcel("delivered", NOON + 9 * DAY, tracking="T-0")


def the_order(house: House, customer: Customer, order: str = "o-0") -> Order:
    (found,) = house.store.settled(customer.id, [("order", order)], customer.shelf)
    assert isinstance(found, Order)
    return found


# One customer


def test_a_parcel_finds_its_settled_order_by_its_number_alone_in_the_table_and_within_one_batch() -> None:
    life = [*FIRST, *OTHERS, ARRIVED]
    one, batch = House(), House()

    for event in life:
        one.hears(event, now=LATER)
    batch.hears(*life, now=LATER)

    for house in (one, batch):
        customer = house.record(ARRIVED)
        assert written(customer.facts) == written(folded(life))
        assert customer.facts.strays == {}
        assert the_order(house, customer).delivered_at == ARRIVED.time
        unknown, policy = Customer(id=customer.id, store="demo"), house.policy
        again = rebuild(unknown, house.journal(ARRIVED), lambda _, policy=policy: policy)
        assert again.model_dump_json() == customer.model_dump_json()


def test_what_happened_to_the_order_earlier_in_the_batch_is_not_undone_by_its_parcel() -> None:
    house = House()
    house.hears(*FIRST, *OTHERS, now=LATER)

    house.hears(an_event("order.paid", NOON, order={"id": "o-0"}), ARRIVED, now=LATER)

    order = the_order(house, house.record(ARRIVED))
    assert (order.paid_at, order.delivered_at) == (NOON, ARRIVED.time)


def test_more_is_read_only_for_a_parcel_that_no_order_in_the_record_carries() -> None:
    house = House()
    house.hears(*FIRST, *OTHERS, shipped(NOON + 9 * DAY, order="o-8", tracking="T-8"), now=LATER)

    def reads(event: Event) -> int:
        house.table.gets.clear()
        house.hears(event, now=LATER)
        return len(house.table.gets)

    ordinary = reads(an_event("product.viewed", LATER))
    assert reads(parcel("delivered", LATER, tracking="T-8")) == ordinary
    assert reads(parcel("in_transit", LATER, tracking="T-0", order="o-0")) == ordinary + 1
    assert reads(ARRIVED) == ordinary + 2


def test_whose_a_parcel_is_is_written_when_its_order_leaves_and_not_again() -> None:
    house = House()
    wrote = Counter[str]()
    house.table.after = lambda writes: wrote.update(write.key.sk.partition("#")[0] for write in writes)

    house.hears(*FIRST, now=LATER)
    house.hears(*OTHERS, now=LATER)
    house.hears(ARRIVED, now=LATER)

    assert (wrote["ORDER"], wrote["PARCEL"]) == (2, 1)


def test_a_batch_that_is_more_than_a_transaction_takes_is_written_all_the_same() -> None:
    """Ten orders of six parcels each that leave the record at once, each with an address that was not known."""
    house = House()
    known = [shipped(order=f"old-{n}", tracking=f"T-{n}-{m}") for n in range(10) for m in range(MOST_PARCELS)]
    for start in range(0, len(known), 10):
        house.hears(*known[start : start + 10], *OTHERS[:1], now=LATER)
    house.hears(*OTHERS, now=LATER)
    late = [
        an_event(
            "order.placed",
            NOON - DAY,
            customer={"id": "mia", "email": f"mia{n}@example.com", "phone": f"+3461234567{n}"},
            order={"id": f"old-{n}", "name": f"#{n}", "placed_at": NOON - DAY},
        )
        for n in range(10)
    ]

    sizes: list[int] = []
    house.table.before = lambda writes: sizes.append(len(writes))

    assert house.hears(*late, now=LATER) == {}

    customer = house.record(ARRIVED)
    items = house.table.query(f"C#{customer.id}", limit=1_000).items
    kinds = Counter(item.key.sk.partition("#")[0] for item in items)
    assert (kinds["ORDER"], kinds["PARCEL"], customer.facts.strays) == (10, 10 * MOST_PARCELS, {})
    assert (sizes[0] > TRANSACTION_WRITES, max(sizes[1:]) < TRANSACTION_WRITES) == (True, True), sizes


# Who are merged, and parted


def test_a_parcel_finds_its_order_among_those_of_all_who_were_merged_and_of_who_was_parted() -> None:
    house = House()
    for name in ("ana", "bo"):
        house.hears(says(name, "order.placed", NOON, order={"id": f"{name}-0"}), now=LATER)
        house.hears(
            says(name, "order.shipped", NOON, order={"id": f"{name}-0"}, shipment={"tracking": f"T-{name}"}), now=LATER
        )
        orders = [
            says(name, "order.placed", NOON + n * DAY, order={"id": f"{name}-{n}"}) for n in range(1, RECENT_ORDERS)
        ]
        house.hears(*orders, now=LATER)
    house.hears(merging("ana", "bo", LATER + DAY))

    def arrives(name: str, state: str, at: int) -> None:
        told = {"tracking": f"T-{name}", "state": state}
        house.hears(says(name, "shipment.updated", LATER + at * HOUR, shipment=told), now=LATER + 2 * DAY + at * HOUR)

    arrives("bo", "delivered", 1)
    assert the_order(house, record(house, "ana"), "bo-0").delivered_at == LATER + HOUR
    house.hears(parting("ana", "bo", LATER + 3 * DAY))
    house.hears(says("bo", "order.placed", NOON + 20 * DAY, order={"id": "bo-last"}), now=LATER + 3 * DAY + HOUR)
    arrives("bo", "returned", 40)

    (order,) = settled(house, "bo", ["bo-0"], [])
    assert isinstance(order, Order)
    assert order.parcels["T-bo"].states == {"delivered": LATER + HOUR, "returned": LATER + 40 * HOUR}
    assert all(record(house, name).facts.strays == {} for name in ("ana", "bo"))
    unknown, others = Customer(id=id_of("bo"), store="demo"), {id_of("ana"): journal(house, "ana")}
    again = rebuild(unknown, journal(house, "bo"), lambda _: house.policy, others)
    assert again.model_dump_json() == record(house, "bo").model_dump_json()


# What is kept of a person


def test_an_export_names_each_parcel_of_a_settled_order_once_and_erasing_leaves_none() -> None:
    house = House()
    house.hears(*FIRST, *OTHERS, ARRIVED, now=LATER)
    customer = house.record(ARRIVED).id

    held = Exporting(house.store, Quarantine(house.table), SECRET).page("demo", [customer], None).items
    assert [each.content for each in held if each.what == "parcel"] == [{"id": "T-0", "order": "o-0"}]

    asked = an_event("privacy.requested", LATER + DAY, request="erase", request_id="r-1", customer={"id": "mia"})
    assert isinstance(asked, PrivacyRequested)
    Erasing(house.store, Requests(house.table), (), ListQueue(), SECRET).answer(asked, LATER + DAY)

    assert [item.key for item in house.table.query(f"C#{customer}").items] == [record_key(customer)]


# Settled before whose a parcel is was written


def test_of_an_order_that_left_before_parcels_were_written_down_its_parcel_waits_astray_and_is_joined_later() -> None:
    house = House()
    house.hears(*FIRST, *OTHERS, now=LATER)
    customer = house.record(ARRIVED).id
    house.table.write([Delete(Key(f"C#{customer}", "PARCEL#T-0"))])

    house.hears(ARRIVED, now=LATER)
    assert list(house.record(ARRIVED).facts.strays) == ["~T-0"]
    house.hears(parcel("in_transit", NOON, tracking="T-0", order="o-0"), now=LATER)

    assert house.record(ARRIVED).facts.strays == {}
    assert the_order(house, house.record(ARRIVED)).delivered_at == ARRIVED.time
