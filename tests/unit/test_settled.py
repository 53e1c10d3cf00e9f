"""Orders and tickets that have left the record are found again by whatever names them, a parcel's number included."""

from collections.abc import Iterable, Sequence

import pytest

from perennial.domain.customer import MOST_PARCELS, RECENT_ORDERS, RECENT_TICKETS, Facts, Order, Ticket
from perennial.domain.events import Event
from perennial.domain.fold import fold
from perennial.domain.settled import Carried, Ref, Settled, among, has_left, recall, recalls, ref_of
from tests.builders import (
    DAY,
    HOUR,
    NOON,
    a_ticket_event,
    an_event,
    an_order_event,
    folded,
    parcel,
    placed,
    shipped,
    the_policy,
    written,
)

LATER = [placed(NOON + day * DAY, order=f"o-{day}") for day in range(1, RECENT_ORDERS + 1)]
"""As many as the record keeps."""
FIRST = [placed(order="o-0"), shipped(order="o-0", tracking="T-0")]
ARRIVED = parcel("delivered", NOON + 3 * DAY, tracking="T-0")


def lived(events: Iterable[Event], facts: Facts | None = None) -> tuple[Facts, dict[Ref, Settled]]:
    """The facts, and all that ever left them."""
    facts, left = facts or Facts(), dict[Ref, Settled]()
    for event in events:
        done = fold(facts, event, the_policy(), recall(facts, event, among(left)))
        facts, left = done.facts, left | {ref_of(each): each for each in done.settled}
    return facts, left


# By the number of its parcel


@pytest.mark.parametrize("at", range(len(FIRST) + len(LATER) + 1))
def test_a_parcel_finds_its_order_by_its_number_alone_before_and_after_that_order_has_left(at: int) -> None:
    life = [*FIRST, *LATER]

    facts, left = lived([*life[:at], ARRIVED, *life[at:]])

    assert written(facts) == written(folded([ARRIVED, *life]))
    assert facts.strays == {}
    order = left["order", "o-0"]
    assert isinstance(order, Order)
    assert order.delivered_at == ARRIVED.time
    assert left["parcel", "T-0"] == Carried(id="T-0", order="o-0")


def test_a_parcel_that_nobody_carries_waits_astray() -> None:
    facts, _ = lived([*FIRST, *LATER, parcel("delivered", tracking="T-9")])

    assert list(facts.strays) == ["~T-9"]


def test_whose_a_parcel_is_is_told_once_and_again_for_a_new_one_only() -> None:
    facts, left = lived([*FIRST, *LATER])

    told = [
        fold(facts, event, the_policy(), recall(facts, event, among(left))).settled
        for event in (ARRIVED, shipped(order="o-0", tracking="T-0"), shipped(order="o-0", tracking="T-1"))
    ]

    assert [[each.id for each in settled] for settled in told] == [["o-0"], ["o-0"], ["o-0", "T-1"]]


def test_of_an_order_in_very_many_parcels_as_many_are_found_as_the_record_has_room_for() -> None:
    parcels = [shipped(order="o-0", tracking=f"T-{number:03d}") for number in range(150)]

    _, left = lived([*FIRST[:1], *parcels, *LATER])

    assert [ref for ref in left if ref[0] == "parcel"] == [("parcel", f"T-{n:03d}") for n in range(MOST_PARCELS)]


# What is looked for


TICKETS = [a_ticket_event("opened", ticket=f"t-{number}") for number in range(RECENT_TICKETS + 1)]


@pytest.mark.parametrize(
    ("event", "refs"),
    [
        (an_order_event("refunded", order="o-0"), (("order", "o-0"),)),
        (placed(NOON + 90 * DAY, order="o-0"), (("order", "o-0"),)),
        (an_event("product.activated", order="o-0"), (("order", "o-0"),)),
        (parcel("delivered", tracking="T-0", order="o-0"), (("order", "o-0"),)),
        (ARRIVED, (("parcel", "T-0"),)),
        (a_ticket_event("resolved", ticket="t-0"), (("ticket", "t-0"),)),
        (an_order_event("refunded", order="o-1"), ()),
        (an_event("product.activated"), ()),
        (a_ticket_event("resolved", ticket="t-1"), ()),
        (an_event("product.viewed"), ()),
    ],
)
def test_only_what_is_not_in_the_record_is_looked_for(event: Event, refs: Sequence[Ref]) -> None:
    assert recalls(folded([*FIRST, *LATER, *TICKETS]), event) == refs
    assert recalls(folded([placed(order="o-9"), a_ticket_event("opened")]), event) == (), "none has left"


@pytest.mark.parametrize("known_by", [shipped(order="o-1", tracking="T-0"), shipped(order="new", tracking="T-0")])
def test_nothing_is_looked_for_where_the_record_knows_whose_the_parcel_is(known_by: Event) -> None:
    facts, _ = lived([*LATER, placed(NOON - DAY, order="old"), known_by])

    assert facts.totals.orders
    assert recalls(facts, ARRIVED) == ()


def test_a_second_update_on_a_parcel_that_nobody_carries_looks_for_nothing() -> None:
    facts, _ = lived([*FIRST, *LATER, parcel("in_transit", tracking="T-9")])

    assert recalls(facts, parcel("delivered", NOON + HOUR, tracking="T-9")) == ()


def test_there_are_two_looks_for_a_parcel_one_for_an_order_and_none_for_what_is_there() -> None:
    facts, left = lived([*FIRST, *LATER])
    looks: list[Sequence[Ref]] = []

    def look(refs: Sequence[Ref]) -> Iterable[Settled]:
        looks.append(refs)
        return among(left)(refs)

    for event in (ARRIVED, an_order_event("paid", order="o-0"), an_order_event("paid", order="o-1")):
        recall(facts, event, look)

    assert looks == [(("parcel", "T-0"),), (("order", "o-0"),), (("order", "o-0"),)]


# What came back leaves its items behind


def test_an_order_that_came_back_is_not_taken_from_where_it_was() -> None:
    """And has no room for this parcel any more, since parcels with smaller numbers were told of."""
    facts, left = lived([*FIRST, *LATER])
    back = facts.but({"orders": {**facts.orders, "o-0": Order(id="o-0", heard_at=NOON, placed_at=NOON)}})

    assert recall(back, ARRIVED, among(left)) == ()


def test_what_has_left_is_told_from_what_came_back() -> None:
    facts, left = lived([*FIRST, *LATER, a_ticket_event("opened", ticket="t-1")])

    assert all(has_left(facts, each) for each in left.values())
    assert not has_left(facts, Carried(id="T-0", order="o-1"))
    assert not has_left(facts, Order(id="o-1", heard_at=NOON))
    assert not has_left(facts, Ticket(id="t-1", heard_at=NOON, touched_at=NOON))
