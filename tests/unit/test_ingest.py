"""The door: who gets in, what each delivery comes to, and that nothing is answered before it is kept."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.signing import signed
from infra.local.sqlite_table import SqliteTable
from perennial.aws.quarantine import Quarantine
from perennial.aws.queues import Message, NotSent
from perennial.domain.events import parse_event
from perennial.ingest import LARGEST_BODY, MOST_KEPT_SINGLY, MOST_PARTS, Ingest, Reply, group_of, lane_of

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
OPEN_SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four.").decode()
SECRET = "the-current-secret"


@dataclass
class FrozenClock:
    """House time and wall time, both standing still."""

    house: datetime = NOW
    outside: datetime = NOW

    def now(self) -> datetime:
        return self.house

    def wall(self) -> datetime:
        return self.outside


@dataclass
class KnownSecrets:
    book: dict[str, tuple[str, ...]]
    newer: dict[str, tuple[str, ...]] | None = None
    refreshes: int = 0

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return self.book.get(f"{source}/{store}", ())

    def refresh(self) -> bool:
        self.refreshes += 1
        if self.newer is None:
            return False
        self.book, self.newer = self.newer, None
        return True


@dataclass
class ListQueue:
    sent: list[Message] = field(default_factory=list)
    broken: bool = False

    def send(self, messages: Iterable[Message]) -> int:
        if self.broken:
            raise NotSent("no queue today")
        before = len(self.sent)
        self.sent.extend(messages)
        return len(self.sent) - before

    def backlog(self) -> int:
        return len(self.sent)


@dataclass
class Door:
    """An ingest with everything it touches in sight."""

    secrets: KnownSecrets
    clock: FrozenClock = field(default_factory=FrozenClock)
    lanes: dict[str, ListQueue] = field(
        default_factory=lambda: {n: ListQueue() for n in ("orders", "tickets", "outcomes")}
    )

    def __post_init__(self) -> None:
        self.quarantine = Quarantine(SqliteTable(Database()))
        self.ingest = Ingest(self.secrets, self.lanes, self.quarantine, self.clock)  # type: ignore[arg-type]

    def post(self, source: str, body: object, headers: Mapping[str, str] | None = None, store: str = "demo") -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        secret = OPEN_SECRET if source == "open" else SECRET
        return self.ingest.receive(source, store, signed(source, raw, headers or {}, secret, self.clock.outside), raw)

    def types(self, lane: str) -> list[str]:
        return [parse_event(message.body).type for message in self.lanes[lane].sent]

    def kept(self) -> list[str]:
        return [entry.reason for entry in self.quarantine.list().entries]


@pytest.fixture
def door() -> Door:
    book = {f"{source}/demo": (SECRET,) for source in ("shopify", "zendesk", "aftership")}
    return Door(KnownSecrets(book | {"open/demo": (OPEN_SECRET,)}))


def an_event(number: int = 1, kind: str = "product.used", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "app",
        "type": kind,
        "time": "2026-06-15T11:00:00Z",
        "data": {"customer": {"email": "ana@example.com"}, **data},
    }


CHECKOUT = {"token": "chk-1", "email": "ana@example.com", "updated_at": "2026-06-15T11:00:00Z", "line_items": []}
CHECKOUTS = {"X-Shopify-Topic": "checkouts/create", "X-Shopify-Webhook-Id": "w-1"}


# ── who gets in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_signed_webhook_becomes_events_on_its_lane(door: Door) -> None:
    reply = door.post("shopify", CHECKOUT, CHECKOUTS)

    assert reply == Reply(200, {"accepted": 1, "quarantined": [], "ignored": []})
    assert door.types("orders") == ["cart.abandoned"]


def test_header_names_are_read_in_any_case(door: Door) -> None:
    headers = {name.upper(): value for name, value in CHECKOUTS.items()}

    assert door.post("shopify", CHECKOUT, headers).body["accepted"] == 1


def test_a_forged_delivery_is_refused_and_leaves_nothing(door: Door) -> None:
    reply = door.ingest.receive("shopify", "demo", {**CHECKOUTS, "X-Shopify-Hmac-Sha256": "A" * 44}, b"{}")

    assert reply.status == 401
    assert door.kept() == []
    assert door.types("orders") == []


@pytest.mark.parametrize(("source", "store"), [("myspace", "demo"), ("shopify", "other"), ("open", "../demo")])
def test_strangers_are_told_nothing_of_who_is_known(door: Door, source: str, store: str) -> None:
    forged = door.ingest.receive("shopify", "demo", {}, b"{}")

    assert door.ingest.receive(source, store, {}, b"{}") == forged


def test_a_signature_for_one_store_is_none_for_another(door: Door) -> None:
    door.secrets.book["shopify/second"] = ("another-secret",)

    assert door.post("shopify", CHECKOUT, CHECKOUTS, store="second").status == 401


def test_what_comes_in_is_cleaned_and_the_impossible_is_kept_with_its_reason(door: Door) -> None:
    typed = {"email": "Ana@Example.com", "phone": "600 123 456", "country": "ES", "name": "N/A"}
    dear = {"id": "1", "total": {"amount": "1000000000.01", "currency": "EUR"}}
    early = {"id": "2", "placed_at": "2026-06-16T12:00:00.001Z"}

    clean = door.post("open", an_event(1, customer=typed))
    refused = door.post("open", [an_event(n, "order.placed", order=order) for n, order in ((2, dear), (3, early))])

    [message] = door.lanes["orders"].sent
    person = parse_event(message.body).data.customer
    assert clean.body["accepted"] == 1
    assert (person.email, person.phone, person.name) == ("ana@example.com", "+34600123456", None)
    assert person.cleaned == ("email.normalised", "name.dropped", "phone.normalised")
    assert [each["reason"] for each in refused.body["quarantined"]] == [
        "order.total: more than 1,000,000,000 EUR; correct it at the source and send it again",
        "order.placed_at: more than a day ahead of our clock; mend the source's clock and replay it",
    ]
    assert len(door.kept()) == 2


def test_a_recording_of_old_is_refused(door: Door) -> None:
    body = json.dumps(an_event()).encode()
    headers = signed("open", body, {}, OPEN_SECRET, NOW - timedelta(minutes=6))

    assert door.ingest.receive("open", "demo", headers, body).status == 401


def test_the_outside_may_sign_by_its_own_clock(door: Door) -> None:
    door.clock.house = NOW + timedelta(days=90)

    assert door.post("open", an_event()).status == 200


@pytest.mark.parametrize(("size", "status"), [(LARGEST_BODY, 401), (LARGEST_BODY + 1, 413)])
def test_a_body_over_one_mebibyte_is_too_large_before_anything_else(door: Door, size: int, status: int) -> None:
    assert door.ingest.receive("shopify", "demo", {}, b"x" * size).status == status


def test_the_largest_body_is_kept_whole_when_it_is_not_understood(door: Door) -> None:
    noise = bytes(n * n % 251 for n in range(LARGEST_BODY))

    assert door.post("shopify", noise, CHECKOUTS).status == 200
    (listed,) = door.quarantine.list().entries
    entry = door.quarantine.get(listed.id)
    assert entry is not None
    assert entry.payload == noise


def test_a_new_secret_is_found_without_a_deploy(door: Door) -> None:
    door.secrets.newer = door.secrets.book
    door.secrets.book = {"shopify/demo": ("the-old-secret",)}

    assert door.post("shopify", CHECKOUT, CHECKOUTS).status == 200
    assert door.secrets.refreshes == 1


def test_a_forged_delivery_is_refused_also_when_there_was_a_newer_secret(door: Door) -> None:
    door.secrets.newer = dict(door.secrets.book)

    reply = door.ingest.receive("shopify", "demo", {**CHECKOUTS, "X-Shopify-Hmac-Sha256": "A" * 44}, b"{}")

    assert (reply.status, door.secrets.refreshes) == (401, 1)


def test_a_known_signature_asks_for_no_newer_secrets(door: Door) -> None:
    door.post("shopify", CHECKOUT, CHECKOUTS)

    assert door.secrets.refreshes == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/cloudevents+json; charset=utf-8", 200),
        ("Application/CloudEvents-Batch+JSON", 200),
        ("", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
def test_open_events_come_as_json(door: Door, content_type: str, status: int) -> None:
    assert door.post("open", an_event(), {"content-type": content_type}).status == status


# ── what is not understood ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"not json", b"[]", b'"text"', b'{"token": 5, "line_items": 7}'])
def test_authentic_and_unreadable_is_kept_and_answered_200(door: Door, body: bytes) -> None:
    reply = door.post("shopify", body, CHECKOUTS)

    assert (reply.status, reply.body["accepted"]) == (200, 0)
    assert len(door.kept()) == 1


def test_what_is_ignored_is_answered_with_its_reason_and_not_kept(door: Door) -> None:
    reply = door.post("shopify", {}, {"X-Shopify-Topic": "carts/create"})

    assert reply.status == 200
    assert "names no customer" in reply.body["ignored"][0]["reason"]
    assert door.kept() == []


def test_a_retry_makes_no_second_entry(door: Door) -> None:
    door.post("shopify", {}, CHECKOUTS)
    door.clock.house += timedelta(hours=1)
    door.post("shopify", {}, CHECKOUTS)

    (entry,) = door.quarantine.list().entries
    assert entry.received_at == NOW


def test_the_same_body_under_another_topic_is_another_entry(door: Door) -> None:
    door.post("shopify", {}, CHECKOUTS)
    door.post("shopify", {}, {**CHECKOUTS, "X-Shopify-Topic": "orders/create"})

    assert len(door.kept()) == 2


def test_signatures_and_other_headers_are_not_kept(door: Door) -> None:
    door.post("shopify", {}, {**CHECKOUTS, "Authorization": "Bearer x", "X-Forwarded-For": "10.0.0.1"})

    (entry,) = door.quarantine.list().entries
    assert entry.headers == {"x-shopify-topic": "checkouts/create", "x-shopify-webhook-id": "w-1"}


def test_in_a_batch_a_bad_event_is_kept_alone(door: Door) -> None:
    reply = door.post("open", [an_event(1), an_event(2, kind="order.placed"), an_event(3)])

    assert reply.body["accepted"] == 2
    assert reply.body["quarantined"] == [{"index": 1, "reason": "data.order: Field required"}]
    (listed,) = door.quarantine.list().entries
    entry = door.quarantine.get(listed.id)
    assert entry is not None
    assert json.loads(entry.payload)["id"] == "e-2"


def test_very_many_bad_events_are_kept_together(door: Door) -> None:
    many = 1_000

    reply = door.post("open", [an_event(n, kind="nothing.known") for n in range(many)])

    assert len(reply.body["quarantined"]) == many
    entries = door.quarantine.list().entries
    payloads = [json.loads(entry.payload) for each in entries if (entry := door.quarantine.get(each.id))]
    kept = [one["id"] for payload in payloads for one in (payload if isinstance(payload, list) else [payload])]
    assert len(entries) == MOST_KEPT_SINGLY + 1
    assert sorted(kept) == sorted(f"e-{n}" for n in range(many))


@pytest.mark.parametrize(("count", "status"), [(MOST_PARTS, 200), (MOST_PARTS + 1, 413)])
def test_a_batch_of_more_than_can_be_stored_while_its_sender_waits_is_refused(
    door: Door, count: int, status: int
) -> None:
    reply = door.post("open", [an_event(number) for number in range(count)])

    assert reply.status == status
    assert len(door.types("orders")) == (count if status == 200 else 0)
    assert door.kept() == []


def test_an_event_that_no_queue_takes_is_kept_and_the_others_go_through(door: Door) -> None:
    grows = [{"product": str(number), "name": "\ufffe" * 500} for number in range(500)]
    whole = an_event(2, kind="order.placed", order={"id": "7", "items": grows})

    reply = door.post("open", json.dumps([an_event(1), whole, an_event(3)], ensure_ascii=False).encode())

    assert reply.status == 200
    assert reply.body["quarantined"] == [{"index": 1, "reason": "an event made of it is larger than a queue takes"}]
    assert door.types("orders") == ["product.used", "product.used"]
    assert len(door.kept()) == 1


def test_no_reason_repeats_what_was_sent(door: Door) -> None:
    door.post("open", an_event(1, kind="order.placed", order={"id": {"name": "Ana Ruiz"}}, **{"Ana Ruiz": 1}))

    assert door.kept() != []
    assert "Ana" not in str(door.kept())


# ── nothing is answered before it is kept ────────────────────────────────────────────────────────────────────────────


def test_when_the_queue_refuses_nothing_is_promised(door: Door) -> None:
    door.lanes["orders"].broken = True

    with pytest.raises(NotSent):
        door.post("shopify", CHECKOUT, CHECKOUTS)


# ── trying again ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_understood_by_now_goes_out_and_leaves_quarantine(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from perennial.sources import shopify

    topic = {**CHECKOUTS, "X-Shopify-Topic": "checkouts/started"}
    door.post("shopify", CHECKOUT, topic)
    (entry,) = door.quarantine.list().entries
    learnt = {**shopify.TOPICS, "checkouts/started": shopify.TOPICS["checkouts/create"]}
    monkeypatch.setattr(shopify, "TOPICS", learnt)

    reply = door.ingest.replay(entry.id)

    assert reply is not None
    assert reply.body["accepted"] == 1
    assert door.types("orders") == ["cart.abandoned"]
    assert door.kept() == []
    assert door.ingest.replay(entry.id) is None


def test_what_is_still_not_understood_stays_with_today_s_reason(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from perennial.sources import shopify

    door.post("shopify", CHECKOUT, {**CHECKOUTS, "X-Shopify-Topic": "checkouts/started"})
    (entry,) = door.quarantine.list().entries
    monkeypatch.setattr(shopify, "FOR_A_PERSON", {"checkouts/started": "look at it"})

    reply = door.ingest.replay(entry.id)

    assert reply is not None
    assert reply.body["accepted"] == 0
    assert door.kept() == ["needs a person: look at it"]


def test_a_replay_that_cannot_send_keeps_the_entry(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from perennial.sources import shopify

    door.post("shopify", CHECKOUT, {**CHECKOUTS, "X-Shopify-Topic": "checkouts/started"})
    (entry,) = door.quarantine.list().entries
    monkeypatch.setattr(shopify, "TOPICS", {"checkouts/started": shopify.TOPICS["checkouts/create"]})
    door.lanes["orders"].broken = True

    with pytest.raises(NotSent):
        door.ingest.replay(entry.id)

    assert door.quarantine.get(entry.id) is not None


# ── where events go ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "data", "lane"),
    [
        ("order.placed", {"order": {"id": "1"}}, "orders"),
        ("review.posted", {"id": "1", "rating": 5}, "orders"),
        ("shipment.updated", {"shipment": {"tracking": "1", "state": "lost"}}, "orders"),
        ("ticket.opened", {"ticket": {"id": "1"}}, "tickets"),
        ("survey.answered", {"survey": "nps", "score": 9}, "tickets"),
        ("message.replied", {"action": "a", "channel": "email"}, "tickets"),
        ("message.bounced", {"action": "a", "channel": "email"}, "outcomes"),
    ],
)
def test_each_type_has_its_lane(door: Door, kind: str, data: dict[str, Any], lane: str) -> None:
    door.post("open", an_event(kind=kind, **data))

    assert door.types(lane) == [kind]


def an_event_of(customer: dict[str, Any], kind: str = "product.used", **data: Any) -> Any:
    told = an_event(kind=kind, **data) | {"store": "demo"}
    return parse_event(json.dumps(told | {"data": {"customer": customer, **data}}))


def test_a_group_is_one_customer_s_and_tells_nobody_who() -> None:
    ana = group_of(an_event_of({"email": " Ana@Example.com"}))

    assert ana == group_of(an_event_of({"email": "ana@example.com", "phone": "+1"}))
    assert ana != group_of(an_event_of({"email": "eva@example.com"}))
    assert len(ana) == 32
    assert int(ana, 16)


def test_an_event_without_person_is_grouped_by_what_it_is_about() -> None:
    shipment = {"tracking": "T1", "state": "in_transit"}
    one = an_event_of({}, "order.paid", order={"id": "7"})

    assert group_of(one) == group_of(an_event_of({}, "order.shipped", order={"id": "7"}))
    assert group_of(one) == group_of(an_event_of({}, "product.activated", order="7"))
    assert group_of(one) != group_of(an_event_of({}, "order.paid", order={"id": "8"}))
    assert group_of(an_event_of({}, "shipment.updated", shipment=shipment)) != group_of(one)
    assert group_of(an_event_of({})) == group_of(an_event_of({}))


def test_lanes_are_told_by_type() -> None:
    assert lane_of(an_event_of({}, "order.paid", order={"id": "7"})) == "orders"


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("ahead", "accepted"), [(timedelta(days=1), 1), (timedelta(days=1, milliseconds=1), 0)])
def test_what_claims_to_happen_later_than_tomorrow_waits_in_quarantine(
    door: Door, ahead: timedelta, accepted: int
) -> None:
    reply = door.post("open", an_event() | {"time": (NOW + ahead).isoformat()})

    assert (reply.status, reply.body["accepted"], len(door.kept())) == (200, accepted, 1 - accepted)


def test_before_its_day_a_replay_does_not_take_it_either(door: Door) -> None:
    door.post("open", an_event() | {"time": (NOW + timedelta(days=30)).isoformat()})
    (kept,) = door.quarantine.list().entries

    door.clock.house = NOW + timedelta(days=28)
    reply = door.ingest.replay(kept.id)

    assert reply is not None
    assert (reply.body["accepted"], len(door.kept())) == (0, 1)


def test_it_is_taken_when_its_day_has_come(door: Door) -> None:
    door.post("open", an_event() | {"time": (NOW + timedelta(days=30)).isoformat()})
    (kept,) = door.quarantine.list().entries

    door.clock.house = NOW + timedelta(days=30)
    reply = door.ingest.replay(kept.id)

    assert reply is not None
    assert (reply.body["accepted"], door.kept()) == (1, [])


def test_what_has_no_time_is_the_same_event_when_it_is_delivered_again_within_the_hour(door: Door) -> None:
    timeless = {"id": 7, "email": "ana@example.com", "created_at": None, "updated_at": None}
    headers = {"X-Shopify-Topic": "customers/create", "X-Shopify-Webhook-Id": "w-7"}

    for minutes in (0, 59):
        door.clock.house = NOW + timedelta(minutes=minutes)
        door.post("shopify", timeless, headers)

    first, again = door.lanes["orders"].sent
    assert first.body == again.body
