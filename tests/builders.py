"""Builders of events, facts, customers and policies: valid by default, override only what the test is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from hypothesis import settings

from perennial.aws.documents import default_policy, messages
from perennial.channels.catalogue import read_catalogue
from perennial.domain.customer import Customer, Facts
from perennial.domain.decide import Decision, decide
from perennial.domain.events import Event, TimerDue, event_adapter
from perennial.domain.fold import fold
from perennial.domain.policy import Policy
from perennial.domain.settled import Ref, Settled, among, recall, ref_of
from perennial.domain.values import iso
from perennial.policy_document import Known, read_policy

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MS = timedelta(milliseconds=1)

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, database=None)
"""Of property tests: CI sees what the developer saw. Set `max_examples` so that a test stays under three seconds."""

_numbers = count(1)


@cache
def the_policy() -> Policy:
    """The policy that ships."""
    return read_policy(default_policy(), 1, what_policies_may_name())


@cache
def what_policies_may_name() -> Known:
    catalogue = read_catalogue(messages())
    return Known(catalogue.channels, frozenset(catalogue.tasks))


def a_policy(**overrides: Any) -> Policy:
    """The shipped policy with some sections replaced, given as they would be written."""
    written = the_policy().model_dump(mode="json", by_alias=True)
    return Policy.model_validate({**written, **overrides})


def a_score(part: str, **changes: Any) -> dict[str, Any]:
    """The shipped score section with one part changed, as it would be written."""
    written: dict[str, Any] = the_policy().score.model_dump(mode="json")
    written["parts"][part] |= changes
    return written


def a_play(**overrides: Any) -> dict[str, Any]:
    """A play as it would be written."""
    return {"id": "a-play", "on": "product.viewed", "do": {"email": "welcome"}, "purpose": "transactional", **overrides}


def with_plays(*plays: Mapping[str, Any], **overrides: Any) -> Policy:
    return a_policy(plays=list(plays), **overrides)


def an_event(kind: str, at: datetime = NOON, /, *, event_id: str | None = None, **data: Any) -> Event:
    """An event of this type; `data` are the fields of its data. Its id is its own unless given."""
    return event_adapter.validate_python(
        {
            "type": kind,
            "id": event_id or f"e-{next(_numbers)}",
            "source": "test",
            "store": "demo",
            "time": at,
            "data": {"customer": {"id": "mia", "email": "mia@example.com"}, **data},
        }
    )


def an_order_event(kind: str, at: datetime = NOON, /, *, order: str = "o-1", **facts: Any) -> Event:
    """`order.<kind>`; `facts` are what it tells of the order."""
    data: dict[str, Any] = {"order": {"id": order, **facts}}
    if kind == "refunded":
        data["refund"] = {"id": f"r-{order}", "total": {"amount": "5", "currency": "USD"}}
    return an_event(f"order.{kind}", at, **data)


def placed(at: datetime = NOON, /, *, order: str = "o-1", **facts: Any) -> Event:
    money = {"amount": "40", "currency": "USD"}
    return an_order_event("placed", at, order=order, **{"placed_at": at, "total": money, **facts})


def shipped(at: datetime = NOON, /, *, order: str = "o-1", tracking: str = "T-1") -> Event:
    return an_event("order.shipped", at, order={"id": order}, shipment={"tracking": tracking})


def parcel(state: str, at: datetime = NOON, /, *, tracking: str = "T-1", **facts: Any) -> Event:
    return an_event("shipment.updated", at, shipment={"tracking": tracking, "state": state, **facts})


def a_ticket_event(kind: str, at: datetime = NOON, /, *, ticket: str = "t-1", **facts: Any) -> Event:
    return an_event(f"ticket.{kind}", at, ticket={"id": ticket, **facts})


def a_cart(at: datetime = NOON, /, *, cart: str = "k-1", **facts: Any) -> Event:
    return an_event("cart.abandoned", at, cart={"id": cart, **facts})


def consent(granted: bool = True, at: datetime = NOON, /, channel: str = "email") -> Event:
    return an_event("consent.changed", at, channel=channel, granted=granted)


def the_time(at: datetime) -> TimerDue:
    """A timer that came due."""
    timer = an_event("timer.due", at, armed=f"{iso(at)}#c1#1", customer={})
    assert isinstance(timer, TimerDue)
    return timer


def a_customer(**overrides: Any) -> Customer:
    return Customer(**{"id": "c1", "store": "demo", **overrides})


def folded(events: Iterable[Event], policy: Policy | None = None) -> Facts:
    """The facts of these events, with settled orders and tickets recalled as the engine would."""
    facts, left = Facts(), dict[Ref, Settled]()
    for event in events:
        done = fold(facts, event, policy or the_policy(), recall(facts, event, among(left)))
        facts, left = done.facts, left | {ref_of(each): each for each in done.settled}
    return facts


def written(facts: Facts) -> str:
    """The facts as the record keeps them."""
    return facts.model_dump_json(exclude_defaults=True)


class Life:
    """One customer, from event to event: what the engine does, without a table."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or the_policy()
        self.customer = a_customer()
        self.decisions: list[Decision] = []
        self._left: dict[Ref, Settled] = {}

    def hears(self, event: Event, now: datetime | None = None) -> Decision:
        """Decides on this event, at its own time unless another is given."""
        recalled = recall(self.customer.facts, event, among(self._left))
        decision = decide(self.customer, event, self.policy, now or event.time, recalled)
        self._left |= {ref_of(each): each for each in decision.settled}
        self.customer = decision.customer
        self.decisions.append(decision)
        return decision

    def lives_until(self, end: datetime) -> None:
        """Time passes: whatever becomes due is decided when it does."""
        while (due := self.customer.due_at) and due <= end:
            self.hears(the_time(due))
            assert self.customer.due_at != due, "what was due is done"

    @property
    def actions(self) -> list[tuple[str, datetime]]:
        """(play, when) of every message that was asked for."""
        return [(action.play, action.decided_at) for decision in self.decisions for action in decision.actions]

    @property
    def tasks(self) -> list[tuple[str, datetime]]:
        return [(task.play, task.decided_at) for decision in self.decisions for task in decision.tasks]

    def became_of(self, play: str) -> list[tuple[str, str | None]]:
        """(what it did, why) of one play, in the order of decisions."""
        outcomes = (each for decision in self.decisions for each in decision.entry.outcomes)
        return [(each.did, each.reason) for each in outcomes if each.play == play]
