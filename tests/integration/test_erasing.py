"""A person erased step by step on the engine's own house: interrupted anywhere, in a race, and coming back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from perennial.aws.holds import Holds
from perennial.aws.imports import Import, Imports
from perennial.aws.proposals import Proposals
from perennial.aws.quarantine import Entry
from perennial.aws.store import ERASED, record_key
from perennial.aws.table import Item, Key, Put, Write
from perennial.aws.uploads import Upload
from perennial.domain.events import Event, PrivacyRequested
from perennial.domain.holds import Reach
from perennial.domain.identity import customer_id, identity_keys
from perennial.domain.notices import Notice
from perennial.domain.policy import Policy
from perennial.domain.proposal import Proposal, proposal_id
from perennial.privacy.erasing import NOTICES_COME_TO_REST, Erasing, second_looks
from perennial.privacy.places import AmongDeadLetters, AmongHeld, AmongProposals, AmongUploads, InQuarantine
from perennial.privacy.requests import LOOKED_THROUGH, Request, Requests
from perennial.privacy.trace import Trace
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    parcel,
    placed,
    with_plays,
)
from tests.families import FREE, merging, says
from tests.house import SECRET, Crash, House, ListQueue
from tests.messaging import an_action

MIA = {"id": "mia", "email": "mia@example.com"}


class Letters:
    """Dead letters in a list."""

    def __init__(self, bodies: Iterable[str] = ()) -> None:
        self.bodies = list(bodies)

    def remove(self, is_meant: Callable[[str], bool]) -> int:
        kept = [body for body in self.bodies if not is_meant(body)]
        removed, self.bodies = len(self.bodies) - len(kept), kept
        return removed


class Shop(House):
    """The engine's house, which erases too."""

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(policy)
        self.letters = Letters()
        self.own = ListQueue()

    @property
    def erasing(self) -> Erasing:
        letters = AmongDeadLetters("orders", self.letters)
        among = (InQuarantine(self.ingest.quarantine), AmongProposals(self.table), AmongHeld(Holds(self.table)))
        places = (*among, letters)
        return Erasing(self.store, Requests(self.table), places, self.own, SECRET)

    def erases(self, event: Event | None = None, now: datetime = NOON + DAY) -> Request | None:
        asked = event or a_request(now)
        assert isinstance(asked, PrivacyRequested)
        return self.erasing.answer(asked, now)

    @property
    def customers(self) -> list[str]:
        return sorted(loaded.customer.id for loaded in self.everybody())

    def everything(self, event: Event) -> list[Key]:
        return [item.key for item in self.table.query(f"C#{self.id_of(event)}").items]

    def id_of(self, event: Event) -> str:
        """Of the customer first met by this event's strongest key."""
        return customer_id(identity_keys(event)[0], SECRET)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def a_request(at: datetime = NOON + DAY, /, request: str = "erase", **changes: Any) -> PrivacyRequested:
    data = {"request": request, "request_id": "r-1", "customer": MIA, **changes}
    event = an_event("privacy.requested", at, event_id=f"privacy-{at:%d%H%M}-{request}", **data)
    assert isinstance(event, PrivacyRequested)
    return event


def the_life() -> list[Event]:
    return [
        placed(),
        consent(True, NOON + MINUTE),
        a_ticket_event("opened", NOON + HOUR, text="Where is my parcel?"),
        parcel("in_transit", NOON + 2 * HOUR, order="o-1"),
    ]


def test_of_who_is_erased_only_a_tombstone_is_left(shop: Shop) -> None:
    shop.hears(*the_life())

    request = shop.erases()

    assert shop.everything(placed()) == [record_key(shop.id_of(placed()))]
    assert shop.customers == []
    assert request is not None
    assert (request.state, request.removed["items"]) == ("done", 7)


def test_whatever_of_their_past_comes_late_is_let_go(shop: Shop) -> None:
    life = the_life()
    shop.hears(*life)
    shop.erases()

    late = [*life, a_ticket_event("replied", NOON + 3 * HOUR), an_event("product.viewed", NOON + 4 * HOUR)]
    assert shop.hears(*late, now=NOON + 2 * DAY) == {}
    assert [shop.another_engine().apply([event], NOON + 2 * DAY) for event in late] == [{}] * len(late)

    assert shop.customers == []
    assert shop.everything(placed()) == [record_key(shop.id_of(placed()))]


@pytest.mark.parametrize(
    "event",
    [
        parcel("delivered", NOON + 2 * DAY, order="o-1"),
        an_order_event("refunded", NOON + 2 * DAY),
        placed(NOON + 2 * DAY, placed_at=NOON - DAY, order="o-0"),
        an_event("customer.updated", NOON + 2 * DAY),
        an_event("product.viewed", NOON + 2 * DAY),
        consent(False, NOON + 2 * DAY),
        an_event("order.paid", NOON + 2 * DAY, order={"id": "o-9"}),
    ],
    ids=lambda event: event.type,
)
def test_nobody_comes_back_by_what_others_do_or_by_things_of_the_time_before(shop: Shop, event: Event) -> None:
    shop.hears(*the_life())
    shop.erases()

    assert shop.hears(event) == {}

    assert shop.customers == []


@pytest.mark.parametrize(
    "event",
    [
        placed(NOON + 2 * DAY, order="o-2"),
        an_event("order.paid", NOON + 2 * DAY, order={"id": "o-2", "placed_at": NOON + 2 * DAY - HOUR}),
        a_ticket_event("opened", NOON + 2 * DAY, ticket="t-2"),
        an_event("customer.signed_up", NOON + 2 * DAY),
        consent(True, NOON + 2 * DAY),
    ],
    ids=lambda event: event.type,
)
def test_by_an_act_of_their_own_they_are_a_new_customer_of_whom_nothing_is_known(shop: Shop, event: Event) -> None:
    shop.hears(*the_life())
    shop.erases()

    assert shop.hears(event) == {}

    [back] = shop.everybody()
    assert back.customer.id != shop.id_of(placed())
    assert (back.customer.version, len(back.customer.facts.orders)) == (1, event.type.startswith("order.placed"))


def test_who_came_back_hears_what_is_told_of_them_since_and_nothing_of_before(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))

    lost = parcel("lost", NOON + 3 * DAY, tracking="T-2", order="o-2")
    shop.hears(an_event("customer.updated", NOON + 3 * DAY), lost)
    shop.hears(*the_life(), parcel("lost", NOON + 4 * DAY), an_order_event("refunded", NOON + 4 * DAY))

    [back] = shop.everybody()
    assert back.customer.version == 3
    assert list(back.customer.facts.orders) == ["o-2"]


def test_who_is_erased_twice_stays_so(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))

    shop.erases(now=NOON + 3 * DAY)
    shop.hears(*the_life(), placed(NOON + 2 * DAY, order="o-2"), now=NOON + 4 * DAY)

    assert shop.customers == []


def test_who_came_back_twice_hears_of_what_is_theirs_since_and_of_nothing_before(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))
    shop.erases(now=NOON + 3 * DAY)

    shop.hears(placed(NOON + 4 * DAY, order="o-3"))
    shop.hears(parcel("lost", NOON + 5 * DAY, tracking="T-3", order="o-3"))
    shop.hears(an_order_event("paid", NOON + 5 * DAY, order="o-3"), an_order_event("paid", NOON + 5 * DAY, order="o-2"))

    [back] = shop.everybody()
    assert back.customer.version == 3
    assert list(back.customer.facts.orders) == ["o-3"]


def test_who_came_back_may_still_be_somebody_else_too(shop: Shop) -> None:
    leo = an_event("customer.signed_up", customer={"id": "leo", "email": "leo@example.com"})
    shop.hears(*the_life(), leo)
    shop.erases()
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))

    moved = an_event("customer.updated", NOON + 3 * DAY, customer={**MIA, "email": "leo@example.com"})
    shop.hears(moved)

    [back] = [each for each in shop.customers if each != shop.id_of(leo)]
    [entry] = [entry for entry in shop.store.journal(back) if entry.event.id == moved.id]
    assert entry.met == ((back, shop.id_of(leo), ("email",)),)


def test_the_same_request_told_again_leaves_who_came_back_alone(shop: Shop) -> None:
    shop.hears(*the_life())
    request = a_request()
    shop.erases(request)
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))

    shop.erases(request, now=NOON + 3 * DAY)

    assert len(shop.customers) == 1


def test_who_is_not_known_yet_is_erased_before_their_first_event_arrives(shop: Shop) -> None:
    shop.erases()

    shop.hears(*the_life(), now=NOON + 2 * DAY)

    assert shop.customers == []


def test_somebody_who_shares_an_address_is_left_alone_and_named_in_the_request(shop: Shop) -> None:
    shop.hears(*the_life())
    son = an_event("customer.signed_up", customer={"id": "son", "email": "son@example.com", "phone": "+34600123456"})
    shop.hears(son)

    request = shop.erases(a_request(customer={**MIA, "phone": "+34600123456"}))

    assert request is not None
    assert request.others == tuple(shop.customers) == (shop.id_of(son),)


# ---------------------------------------------------------------- while others are at work


class During:
    """Does something once, when the table is written next, or when a tombstone is."""

    def __init__(self, does: Callable[[], object], *, burial: bool = False) -> None:
        self._does: Callable[[], object] | None = does
        self._burial = burial

    def __call__(self, writes: Sequence[Write]) -> None:
        if (does := self._does) and (not self._burial or any(map(is_tombstone, writes))):
            self._does = None
            does()


def is_tombstone(write: Write) -> bool:
    return isinstance(write, Put) and ERASED in write.item.attributes


def test_an_event_that_is_being_decided_while_they_are_erased_is_let_go(shop: Shop) -> None:
    shop.hears(*the_life())
    engine = shop.another_engine()
    shop.table.before = During(lambda: shop.erases())

    assert engine.apply([a_ticket_event("replied", NOON + 3 * HOUR, text="Thanks")], NOON + DAY) == {}

    assert shop.everything(placed()) == [record_key(shop.id_of(placed()))]


def test_an_event_that_comes_while_they_are_erased_is_erased_with_them(shop: Shop) -> None:
    shop.hears(*the_life())
    engine = shop.another_engine()
    late = a_ticket_event("replied", NOON + 3 * HOUR)
    shop.table.before = During(lambda: engine.apply([late], NOON + DAY), burial=True)

    request = shop.erases()

    assert shop.everything(placed()) == [record_key(shop.id_of(placed()))]
    assert request is not None
    assert request.removed["items"] == 8


def crashes(shop: Shop, at: int, asked: Event) -> bool:
    """Whether erasing dies at its n-th write."""
    left = at

    def die(_: Sequence[Write]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    shop.table.before = die
    try:
        shop.erases(asked)
    except Crash:
        return True
    finally:
        shop.table.before = lambda writes: None
    return False


def test_interrupted_at_any_write_and_begun_again_it_comes_to_the_same() -> None:
    deaths, at = 0, 1
    while True:
        shop = Shop()
        shop.hears(*the_life(), an_event("customer.updated", NOON, customer={**MIA, "name": "Mia Ejemplo"}))
        shop.ingest.quarantine.put(an_entry(b'{"email":"Mia@Example.com"}'))
        shop.ingest.quarantine.put(an_entry(b'{"to":"Mia Ejemplo"}', 2))
        asked = a_request(customer={}).but({"customer": shop.id_of(placed())})
        died = crashes(shop, at, asked)
        shop.erases(asked)

        assert shop.everything(placed()) == [record_key(shop.id_of(placed()))], at
        assert payloads(shop) == ['{"to": "[erased]"}'], at
        if not died:
            break
        deaths, at = deaths + 1, at + 1
    assert deaths >= 6


def payloads(shop: Shop) -> list[str]:
    kept = (shop.ingest.quarantine.get(listed.id) for listed in shop.ingest.quarantine.list().entries)
    return [entry.payload.decode(errors="replace") for entry in kept if entry]


def test_who_comes_back_before_an_interrupted_erasure_is_begun_again_is_left_alone(shop: Shop) -> None:
    shop.hears(*the_life())
    assert crashes(shop, 4, a_request())
    assert shop.customers == []
    shop.hears(placed(NOON + 2 * DAY, order="o-2"))

    shop.erases(a_request(), now=NOON + 2 * DAY)

    assert len(shop.customers) == 1


def test_what_was_in_somebodys_hands_is_looked_for_once_more(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    shop.letters.bodies = [a_ticket_event("replied", NOON + 3 * HOUR, text="Where is it?").to_json()]
    shop.table.write([Put(Item(Key(f"C#{shop.id_of(placed())}", "MESSAGING"), "{}"))])

    requests = Requests(shop.table)
    assert second_looks(requests, shop.own, NOON + DAY + 10 * MINUTE) == 0
    assert second_looks(requests, shop.own, NOON + DAY + HOUR) == 1
    [asked] = shop.own.take()
    request = shop.erases(asked, now=NOON + DAY + HOUR)

    assert shop.letters.bodies == []
    assert shop.everything(placed()) == [record_key(shop.id_of(placed()))]
    assert request is not None
    assert request.removed["orders"] == 1
    assert second_looks(requests, shop.own, NOON + 2 * DAY) == 0


def test_a_notice_that_was_tried_for_a_day_and_died_is_looked_for_too(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    _looks_again(shop, NOON + DAY + HOUR)
    whose = {"customer": shop.id_of(placed()), "store": "demo"}
    notice = Notice.model_validate({"id": "n-1", "kind": "task.created", "at": NOON, "data": {}, **whose})
    shop.letters.bodies = [notice.to_json()]

    request = _looks_again(shop, NOON + 2 * DAY + 8 * HOUR)

    assert shop.letters.bodies == []
    assert request.look_again_at is None
    assert second_looks(Requests(shop.table), shop.own, NOON + 9 * DAY) == 0


def test_a_look_that_is_asked_for_twice_is_no_later_one(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()
    second_looks(Requests(shop.table), shop.own, NOON + DAY + HOUR)
    [asked] = shop.own.take()

    once, again = (shop.erases(asked, now=NOON + DAY + HOUR) for _ in range(2))

    assert once == again
    assert again is not None
    assert again.look_again_at == NOON + DAY + NOTICES_COME_TO_REST


def test_every_request_of_many_gets_its_second_look(shop: Shop) -> None:
    """As after the erasure of a whole shop."""
    requests, asked = Requests(shop.table), [NOON + timedelta(seconds=number) for number in range(450)]
    for at in asked:
        noted = requests.noted(a_request().model_copy(update={"id": f"r-{at}", "time": at}))
        requests.change(noted, {"state": "done", "done_at": at, "look_again_at": at + HOUR})

    assert second_looks(requests, shop.own, NOON + DAY) == len(asked)


def _looks_again(shop: Shop, now: datetime) -> Request:
    second_looks(Requests(shop.table), shop.own, now)
    [asked] = shop.own.take()
    request = shop.erases(asked, now=now)
    assert request is not None
    return request


# ---------------------------------------------------------------- what names them elsewhere


def an_entry(payload: bytes, number: int = 1, **changes: Any) -> Entry:
    fields = {"id": f"q{number}", "source": "shopify", "store": "demo", "received_at": NOON, "reason": "odd"}
    return Entry(**{**fields, "payload": payload, **changes})


@pytest.mark.parametrize(
    "payload",
    [
        b'{"order": {"contact": "Write to MIA@example.com, please"}}',
        b"mail=mia%40example.com&total=5",
        b'{"phone": "0034 600 12 34 56"}',
        b'{"note": "call 600-123-456"}',
        b'{"customer": {"id": 6940095500}}',
        b'{"old": "mia.before@example.com"}',
    ],
)
def test_what_waits_in_quarantine_and_names_them_by_an_address_goes(shop: Shop, payload: bytes) -> None:
    before = {**MIA, "ids": {"shopify": "6940095500"}, "email": "mia.before@example.com"}
    shop.hears(an_event("customer.signed_up", NOON - DAY, customer=before))
    shop.hears(an_event("customer.updated", NOON, customer={**MIA, "phone": "+34 600 123 456", "country": "ES"}))
    shop.ingest.quarantine.put(an_entry(payload))
    shop.ingest.quarantine.put(an_entry(b'{"email": "leo@example.com", "phone": "600 123 457"}', 2))

    request = shop.erases()

    assert [each.id for each in shop.ingest.quarantine.list().entries] == ["q2"]
    assert request is not None
    assert request.removed["quarantine"] == 1


@pytest.mark.parametrize(
    "payload",
    [
        b'{"customer": {"id": 12345, "email": "leo@example.com"}, "type": "order.placed"}',
        b'{"customer": ["x"], "type": 7}',
        b"[1, null, true, [[]]]",
        b"null",
        b'"text"',
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[" * 500 + b"]" * 500,
        b'{"type": "order.placed", "data": {}}',
    ],
    ids=lambda payload: payload[:20].decode(errors="replace"),
)
def test_whatever_lies_there_of_others_stays_and_stops_no_erasure(shop: Shop, payload: bytes) -> None:
    shop.hears(an_event("customer.signed_up", customer={**MIA, "name": "Mia Ejemplo"}))
    shop.ingest.quarantine.put(an_entry(payload))
    shop.letters.bodies = [payload.decode(errors="replace")]

    shop.erases()

    assert payloads(shop) == [payload.decode(errors="replace")]
    assert len(shop.letters.bodies) == 1


def test_a_name_is_found_however_deep_it_is_hidden(shop: Shop) -> None:
    shop.hears(an_event("customer.signed_up", customer={**MIA, "name": "Mia Ejemplo"}))
    shop.ingest.quarantine.put(an_entry(b"[" * 500 + b'"Mia Ejemplo"' + b"]" * 500))

    shop.erases()

    assert payloads(shop) == ["[erased]"]


def test_a_namesakes_delivery_stays_without_the_name(shop: Shop) -> None:
    shop.hears(an_event("customer.signed_up", customer={**MIA, "name": "Mia Ejemplo"}))
    shop.ingest.quarantine.put(an_entry('{"to": "mia  EJEMPLO", "total": 5, "city": "Málaga"}'.encode()))

    shop.erases()

    [entry] = shop.ingest.quarantine.list().entries
    kept = shop.ingest.quarantine.get(entry.id)
    assert kept is not None
    assert kept.payload.decode() == '{"to": "[erased]", "total": 5, "city": "Málaga"}'


def test_deliveries_of_another_shop_are_none_of_its_business(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.ingest.quarantine.put(an_entry(b'{"email": "mia@example.com"}', store="other"))

    shop.erases()

    assert len(shop.ingest.quarantine.list().entries) == 1


def test_dead_letters_of_theirs_go_and_others_stay(shop: Shop) -> None:
    shop.hears(*the_life())
    others = an_event("customer.updated", customer={"id": "leo", "email": "leo@example.com"}).to_json()
    action = f'{{"id":"a","customer":"{shop.id_of(placed())}","template":"welcome"}}'
    shop.letters.bodies = [parcel("delivered", order="o-1").to_json(), others, action, "not mia@example.com JSON", "?"]

    request = shop.erases()

    assert shop.letters.bodies == [others, "?"]
    assert request is not None
    assert request.removed["orders"] == 3


def test_a_request_among_dead_letters_stays_until_it_is_answered(shop: Shop) -> None:
    shop.hears(*the_life())
    request = a_request(NOON + 2 * DAY).to_json()
    shop.letters.bodies = [request, "[1]"]

    shop.erases()

    assert shop.letters.bodies == [request, "[1]"]


def test_a_batch_of_an_import_is_theirs_by_any_of_its_lines(shop: Shop) -> None:
    shop.hears(*the_life())
    leo = an_event("customer.updated", customer={"id": "leo"}).to_json()
    shop.letters.bodies = [f"{leo}\n{an_event('customer.updated', customer={'id': 'mia'}).to_json()}", leo]

    shop.erases()

    assert shop.letters.bodies == [leo]


class Bucket:
    """Uploads in a list."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)

    def all(self) -> Iterator[Upload]:
        yield from (Upload(key, key.split("/")[1]) for key in [*self.keys])

    def remove(self, upload: Upload) -> None:
        self.keys.remove(upload.key)


def test_what_an_import_that_is_over_left_behind_is_thrown_away_but_its_report(shop: Shop) -> None:
    imports = Imports(shop.table)
    for name in ("over", "under-way"):
        imports.begin(Import(id=name, store="demo", file="a.csv", mapping="{}", created_at=NOON))
    imports.cancel("over")
    over = ["uploads/over", "imports/over/part-000001.jsonl", "imports/over/report-000001.jsonl"]
    bucket = Bucket(*over, "uploads/under-way", "uploads/unknown")

    removed = AmongUploads(bucket, imports).forget(Trace(shop.store, SECRET, "demo", frozenset()))

    assert removed == 3
    assert bucket.keys == ["imports/over/report-000001.jsonl", "uploads/under-way"]


def test_a_proposal_to_merge_them_with_somebody_goes(shop: Shop) -> None:
    shop.hears(*the_life())
    proposals, mia = Proposals(shop.table), shop.id_of(placed())
    for one, other in ((mia, "c-leo"), ("c-ana", "c-leo")):
        pair = proposal_id(one, other)
        evidence = Proposal(id=pair, store="demo", one=one, other=other, kinds=("phone",), score=40, at=NOON)
        proposals.propose(evidence)

    shop.erases()

    assert [each.one for each in proposals.waiting(10, None).proposals] == ["c-ana"]


def test_a_message_that_an_emergency_stop_keeps_from_them_goes(shop: Shop) -> None:
    shop.hears(*the_life())
    holds = Holds(shop.table)
    hold = holds.stop(Reach(), "wrong prices", "staff-1", NOON)
    for whose in (shop.id_of(placed()), "c-ana"):
        holds.keep(an_action(id=f"a-{whose}", customer=whose), hold)

    shop.erases()

    assert [action.customer for action in holds.waiting(hold.id, 10).actions] == ["c-ana"]


# ---------------------------------------------------------------- what waits for a person


def test_a_request_for_a_copy_waits_for_a_person_and_erases_nobody(shop: Shop) -> None:
    shop.hears(*the_life())

    request = shop.erases(a_request(request="export"))

    assert request is not None
    assert (request.state, request.customers) == ("waits", tuple(shop.customers))
    assert len(shop.customers) == 1


def test_of_whom_nothing_is_kept_there_is_nothing_to_hand_over(shop: Shop) -> None:
    request = shop.erases(a_request(request="export"))

    assert request is not None
    assert (request.state, request.customers) == ("done", ())


def test_a_request_for_a_copy_waits_no_more_once_they_are_erased(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases(a_request(request="export"))

    shop.erases(a_request())

    assert Requests(shop.table).waiting(NOON + DAY) == ()


def test_a_request_for_a_copy_waits_for_a_person_however_many_are_made_after_it(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases(a_request(request="export"))
    requests = Requests(shop.table)
    for number in range(LOOKED_THROUGH + 1):
        requests.noted(a_request().model_copy(update={"id": f"r-{number}", "time": NOON + DAY + HOUR}))

    assert [each.request for each in requests.waiting(NOON + 2 * DAY)] == ["export"]


def test_a_whole_shop_goes_only_by_the_word_of_staff(shop: Shop) -> None:
    shop.hears(*the_life(), an_event("customer.signed_up", customer={"id": "leo", "email": "leo@example.com"}))
    asked = a_request(request="erase_shop", customer={})

    request = shop.erases(asked)
    assert request is not None
    assert (request.state, shop.own.sent) == ("waits", [])

    shop.erases(asked.but({"source": "perennial/admin/ines", "id": "confirmed"}))
    assert len(shop.own.sent) == 2
    for each in shop.own.take():
        shop.erases(each)
    assert shop.customers == []


def test_requests_name_nobody(shop: Shop) -> None:
    shop.hears(*the_life())
    shop.erases()

    [item] = shop.table.query("PRIVACY").items
    assert "mia" not in item.body


def test_the_journal_of_others_keeps_all_it_had(shop: Shop) -> None:
    leo = an_event("customer.signed_up", customer={"id": "leo", "email": "leo@example.com"})
    shop.hears(*the_life(), leo)
    before = shop.everything(leo)

    shop.erases()

    assert shop.everything(leo) == before


# ---------------------------------------------------------------- who were merged


def a_merged_couple(shop: Shop) -> tuple[Event, Event]:
    """Ana, and Bo who was merged into her: their first events."""
    ana, bo = (says(name, "product.used", at) for name, at in (("ana", NOON), ("bo", NOON + HOUR)))
    shop.hears(ana)
    shop.hears(bo)
    shop.hears(merging("ana", "bo", NOON + 2 * HOUR))
    shop.hears(says("bo", "product.viewed", NOON + 3 * HOUR))
    return ana, bo


def a_request_of(name: str, at: datetime) -> PrivacyRequested:
    return a_request(at, customer=says(name, "product.used", at).data.customer.model_dump(mode="json"))


@pytest.mark.parametrize("name", ["ana", "bo"])
def test_who_was_merged_is_erased_whole_by_whichever_name_they_are_asked_for(name: str) -> None:
    shop = Shop(with_plays(**FREE))
    ana, bo = a_merged_couple(shop)

    shop.erases(a_request_of(name, NOON + DAY))

    assert shop.customers == []
    for event in (ana, bo):
        assert shop.everything(event) == [record_key(shop.id_of(event))]


@pytest.mark.parametrize("name", ["ana", "bo"])
def test_who_was_merged_is_erased_whole_where_one_delivery_has_buried_them_and_died_and_another_began_before(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(with_plays(**FREE))
    ana, bo = a_merged_couple(shop)
    asked = a_request_of(name, NOON + DAY)
    other = shop.erasing
    before = other.requests.noted(asked)
    monkeypatch.setattr(other.requests, "noted", lambda _: before)
    assert crashes(shop, 4, asked)

    other.answer(asked, NOON + DAY)

    assert shop.customers == []
    for event in (ana, bo):
        assert shop.everything(event) == [record_key(shop.id_of(event))]


def test_of_who_was_merged_nothing_that_comes_late_is_heard() -> None:
    shop = Shop(with_plays(**FREE))
    late = a_merged_couple(shop)
    shop.erases(a_request_of("bo", NOON + DAY))

    more = [says("bo", "product.viewed", NOON + 4 * HOUR), merging("ana", "bo", NOON + 5 * HOUR)]
    assert shop.hears(*late, *more, now=NOON + 2 * DAY) == {}

    assert shop.customers == []
    for event in late:
        assert shop.everything(event) == [record_key(shop.id_of(event))]


def test_who_was_merged_comes_back_as_one_by_either_name() -> None:
    shop = Shop(with_plays(**FREE))
    a_merged_couple(shop)
    shop.erases(a_request_of("ana", NOON + DAY))

    for name in ("ana", "bo"):
        shop.hears(says(name, "customer.signed_up", NOON + 2 * DAY))

    assert len(shop.customers) == 1


def test_who_is_merged_while_they_are_erased_is_erased_with_them() -> None:
    shop = Shop(with_plays(**FREE))
    ana, bo = says("ana", "product.used", NOON), says("bo", "product.used", NOON + HOUR)
    shop.hears(ana)
    shop.hears(bo)
    other = shop.another_engine()
    merged = merging("ana", "bo", NOON + 2 * HOUR)
    shop.table.before = During(lambda: other.apply([merged], NOON + DAY), burial=True)

    shop.erases(a_request_of("ana", NOON + DAY))

    assert shop.customers == []
    for event in (ana, bo):
        assert shop.everything(event) == [record_key(shop.id_of(event))]
