"""decide(): CPU for a typical customer under a large policy."""

from collections.abc import Iterator
from datetime import datetime

from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, OrderPaid, ProductViewed, TicketOpened
from perennial.domain.policy import Policy
from tests.bench.figures import Figure
from tests.bench.lives import a_typical_customer, life
from tests.bench.rules import with_plays
from tests.bench.timing import Timed, timed, total

PLAYS = 40


def figures() -> Iterator[Figure]:
    policy = with_plays(PLAYS)
    customer, delivered = a_typical_customer(policy)
    events = (delivered, *_others(delivered.time))
    taken = {event.type: _timed(customer, event, policy) for event in events}
    mean = total(list(taken.values())) / len(taken)
    yield Figure(
        "decide(), CPU",
        mean.quiet * 1e6,
        "µs",
        budget=150,
        wish=75,
        raw=mean.raw * 1e6,
        note=(
            f"mean of {', '.join(f'{kind} {each.quiet * 1e6:.0f}' for kind, each in taken.items())}; a customer with "
            f"{len(customer.facts.orders)} orders, {len(customer.facts.tickets)} ticket, {len(customer.facts.signals)} "
            f"signals and {len(customer.waits)} waits; {PLAYS} plays, of which "
            f"{len(policy.by_event['order.delivered'])} begin with a delivery. The plain assembly is given the same"
        ),
    )


def _timed(customer: Customer, event: Event, policy: Policy) -> Timed:
    return timed(lambda: decide(customer, event, policy, event.time), 30)


def _others(now: datetime) -> list[Event]:
    """What else may come next, as ordinary as a delivery."""
    by_type = {type(event): event for event in life(9, now)}
    return [by_type[kind].model_copy(update={"time": now}) for kind in (ProductViewed, OrderPaid, TicketOpened)]
