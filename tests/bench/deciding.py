"""decide(): CPU for a typical customer under a large policy."""

from collections.abc import Iterator
from datetime import datetime
from statistics import mean

from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, OrderPaid, ProductViewed, TicketOpened
from perennial.domain.policy import Policy
from tests.bench.figures import Figure
from tests.bench.lives import a_typical_customer, life
from tests.bench.rules import with_plays
from tests.bench.timing import microseconds

PLAYS = 40


def figures() -> Iterator[Figure]:
    policy = with_plays(PLAYS)
    customer, delivered = a_typical_customer(policy)
    taken = {event.type: _microseconds(customer, event, policy) for event in (delivered, *_others(delivered.time))}
    yield Figure(
        "decide(), CPU",
        mean(taken.values()),
        "µs",
        budget=150,
        wish=75,
        note=(
            f"mean of {', '.join(f'{kind} {each:.0f}' for kind, each in taken.items())}; a customer with "
            f"{len(customer.facts.orders)} orders, {len(customer.facts.tickets)} ticket, {len(customer.facts.signals)} "
            f"signals and {len(customer.waits)} waits; {PLAYS} plays, of which "
            f"{len(policy.by_event['order.delivered'])} begin with a delivery"
        ),
    )


def _microseconds(customer: Customer, event: Event, policy: Policy) -> float:
    return microseconds(lambda: decide(customer, event, policy, event.time), 200)


def _others(now: datetime) -> list[Event]:
    """What else may come next, as ordinary as a delivery."""
    by_type = {type(event): event for event in life(9, now)}
    return [by_type[kind].model_copy(update={"time": now}) for kind in (ProductViewed, OrderPaid, TicketOpened)]
