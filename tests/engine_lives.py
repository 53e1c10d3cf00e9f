"""Random lives of one customer on a real engine with SQLite, policy changes and due timers included."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.addressing import Addressing
from perennial.aws.documents import default_policy
from perennial.aws.policies import Policies
from perennial.aws.proposals import Proposals
from perennial.aws.queues import Message
from perennial.aws.store import Store
from perennial.domain.customer import Customer
from perennial.domain.events import Event, parse_event
from perennial.domain.identity import customer_id, key_for
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from perennial.engine import Engine
from perennial.families import Families
from perennial.marking import Marking
from perennial.matching import Matching
from perennial.policy_document import shipped_policy
from perennial.sweep import Sweep
from perennial.telling import Telling

BIRTH = datetime(2026, 1, 5, 10, 30, 0, 123456, tzinfo=UTC)
"""With microseconds: real clocks have them, records and journals do not."""
EMAIL, SECRET = "ana@example.com", b"key"
ANA = customer_id(key_for("demo", "email", EMAIL), SECRET)
Told = tuple[str, dict[str, Any]]
"""Type and data of an event to be."""


@cache
def the_policy() -> Policy:
    return shipped_policy(default_policy(), 1)


@cache
def another_policy() -> Policy:
    """Version 2: other half-lives, bands and rates, so that whoever mixes the two up is found out."""
    parts = the_policy().score.parts
    slower = parts.engagement.model_copy(update={"half_life": timedelta(days=45), "weight": 25.0})
    document = the_policy().model_dump(mode="json", by_alias=True)
    document["version"] = 2
    document["score"]["parts"]["engagement"] = slower.model_dump(mode="json")
    document["score"]["bands"] = {"critical": 0, "at_risk": 30, "steady": 50, "healthy": 70}
    document["currencies"]["rates"]["EUR"] = "1.2"
    return Policy.model_validate(document)


@dataclass
class Outbound:
    """A queue that keeps what it is sent."""

    messages: list[Message] = field(default_factory=list)

    def send(self, messages: Iterable[Message]) -> int:
        before = len(self.messages)
        self.messages.extend(messages)
        return len(self.messages) - before

    def backlog(self) -> int:
        return 0


@dataclass
class MovedClock:
    time: datetime = BIRTH

    def now(self) -> datetime:
        return self.time

    wall = now


class Life:
    """One customer, lived event by event."""

    def __init__(self) -> None:
        self.table = SqliteTable(Database())
        self.store = Store(self.table)
        self.clock = MovedClock()
        self.policies = Policies(self.table, self.clock, the_policy)
        self.sent = Outbound()
        addressing = Addressing(self.store, SECRET, lambda event, reason, until: None)
        channels: dict[Any, Any] = {"email": self.sent, "sms": self.sent}
        families = Families(self.store, self.policies.active, self.policies.version, Marking(SECRET))
        matching = Matching(self.store, Proposals(self.table), self.sent)
        active = self.policies.active
        telling = Telling(Outbound(), active)
        self.engine = Engine(
            self.store, channels, active, addressing, SECRET, lambda entry: None, families, matching, telling, self.sent
        )
        self._told = 0

    def live(self, batch: Sequence[Told], after: timedelta) -> None:
        """Time passes, what came due is swept, then this batch arrives."""
        self.clock.time += after
        self._sweep()
        self._apply([self._event(kind, data) for kind, data in batch])

    def change_policy(self) -> None:
        self.policies.activate(another_policy(), over=1)

    @property
    def customer(self) -> Customer:
        return self.store.load([ANA])[ANA].customer

    @property
    def unknown(self) -> Customer:
        return Customer(id=ANA, store="demo")

    @property
    def journal(self) -> list[Entry]:
        """In the order of the table, which is that of the events."""
        items = self.table.query(f"C#{ANA}", prefix="J#", limit=10_000).items
        return [Entry.model_validate_json(item.body) for item in items]

    def _sweep(self) -> None:
        lane = Outbound()
        Sweep(self.table, lane).run(self.clock.now())
        self._apply([parse_event(message.body) for message in lane.messages])

    def _apply(self, events: Sequence[Event]) -> None:
        assert self.engine.apply(events, self.clock.now()) == {}

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        self._told += 1
        late = timedelta(hours=data.pop("late", 0))
        document = {
            "type": kind,
            "id": f"e{self._told}",
            "source": "test",
            "store": "demo",
            "time": (self.clock.now() - late).isoformat(),
            "data": {"customer": {"email": EMAIL, "locale": "es", "time_zone": "Europe/Madrid"}, **data},
        }
        return parse_event(json.dumps(document))


def lived(batches: Sequence[tuple[Sequence[Told], int]], change_at: int = -1) -> Life:
    """A life of batches, each some hours after the one before, with a change of policy before one of them."""
    life = Life()
    for index, (batch, hours) in enumerate(batches):
        if index == change_at:
            life.change_policy()
        life.live([(kind, json.loads(json.dumps(data))) for kind, data in batch], timedelta(hours=hours))
    return life


ORDERS = st.integers(1, 14).map(str)
TICKETS = st.integers(1, 9).map(str)
SOON = st.integers(0, 100).map(lambda days: (BIRTH + timedelta(days=days)).isoformat())
AMOUNTS = st.integers(1, 50_000).map(lambda cents: {"amount": f"{cents / 100:.2f}", "currency": "EUR"})


@st.composite
def order_events(draw: st.DrawFn) -> Told:
    order: dict[str, Any] = {"id": draw(ORDERS), "total": draw(AMOUNTS), "name": "#1", "country": "ES"}
    state = draw(
        st.sampled_from(["placed"] * 4 + ["paid", "shipped", "delivered", "cancelled", "returned", "refunded"])
    )
    data: dict[str, Any] = {"order": order, "late": draw(st.integers(0, 400))}
    if state == "refunded":
        data["refund"] = {"id": draw(TICKETS), "total": draw(AMOUNTS)}
    if draw(st.booleans()):
        order["promised_at"] = (BIRTH + timedelta(days=draw(st.integers(1, 90)))).isoformat()
    return f"order.{state}", data


@st.composite
def parcel_events(draw: st.DrawFn) -> Told:
    state = draw(st.sampled_from(["in_transit", "customs_hold", "customs_cleared", "out_for_delivery", "delivered"]))
    shipment = {"tracking": f"T{draw(ORDERS)}", "state": state, "order": draw(st.none() | ORDERS)}
    return "shipment.updated", {"shipment": shipment, "late": draw(st.integers(0, 48))}


@st.composite
def ticket_events(draw: st.DrawFn) -> Told:
    verb = draw(st.sampled_from(["opened", "replied", "resolved", "reopened"]))
    ticket = {"id": draw(TICKETS), "text": "why?", "by": draw(st.sampled_from(["customer", "agent"]))}
    return f"ticket.{verb}", {"ticket": ticket | {"sentiment": draw(st.sampled_from([None, -0.5, 0.8]))}}


def happens(kind: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[Told]:
    return st.fixed_dictionaries(data).map(lambda said: (kind, said))


CHANNELS, GRADES = st.sampled_from(["email", "sms"]), st.integers(1, 5)
MESSAGE = {"action": st.just("a"), "channel": CHANNELS}
VERBS = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "replied", "failed")
PEOPLE = st.fixed_dictionaries(
    {
        "email": st.just(EMAIL),
        "phone": st.sampled_from([None, "+34612345678"]),
        "birthday": st.sampled_from([None, "1990-02-28", "1992-02-29"]),
        "time_zone": st.sampled_from([None, "Asia/Kathmandu", "America/Sao_Paulo"]),
    }
)
MESSAGES = st.one_of(
    *(happens(f"message.{verb}", **MESSAGE) for verb in VERBS),
    happens("message.deferred", **MESSAGE, play=st.just("welcome"), about=st.just("sign-up"), until=SOON),
)
OTHER_EVENTS = st.one_of(
    happens("product.viewed"),
    happens("product.used"),
    happens("product.activated", order=st.none() | ORDERS),
    happens("customer.signed_up", customer=PEOPLE),
    happens("customer.updated", customer=PEOPLE),
    happens("customer.deleted"),
    happens("privacy.requested", request=st.sampled_from(["erase", "export"]), request_id=st.just("p")),
    happens("recommendation.clicked", recommendation=st.just("r")),
    happens("survey.answered", survey=st.sampled_from(["csat", "nps", "ces"]), score=GRADES, text=st.just("so so")),
    happens("review.posted", id=st.just("v"), rating=GRADES, sentiment=st.sampled_from([None, -1, 0.3])),
    happens("cart.abandoned", cart=st.builds(lambda total: {"id": "c", "total": total}, AMOUNTS)),
    happens("consent.changed", channel=CHANNELS, granted=st.booleans()),
    happens("agent.acted", agent=st.just("lee"), did=st.just("called"), text=st.just("hello")),
    happens("policy.changed", version=st.just(2)),
)
CHAPTERS = (order_events(), order_events(), parcel_events(), ticket_events(), MESSAGES, OTHER_EVENTS, OTHER_EVENTS)
EVENTS: st.SearchStrategy[Told] = st.sampled_from(CHAPTERS).flatmap(lambda chapter: chapter)
BATCHES = st.lists(
    st.tuples(st.lists(EVENTS, min_size=1, max_size=4), st.integers(0, 60) | st.integers(0, 24 * 120)),
    min_size=1,
    max_size=14,
)
A_LONG_PAST: list[tuple[Sequence[Told], int]] = [
    (
        [
            ("order.placed", {"order": {"id": str(number)}}),
            ("order.shipped", {"order": {"id": str(number)}, "shipment": {"tracking": f"T{number}"}}),
            ("ticket.opened", {"ticket": {"id": str(number)}}),
        ],
        200,
    )
    for number in range(1, 13)
]
"""So long that orders, with their parcels, and tickets have left the record."""
PASTS = st.sampled_from([[], [], A_LONG_PAST])
LIVES = st.builds(lambda past, life, change_at: lived([*past, *life], change_at), PASTS, BATCHES, st.integers(-1, 8))
