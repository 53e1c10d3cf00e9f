"""decide(): CPU for a typical customer under a large policy."""

from collections.abc import Iterator

from perennial.domain.decide import decide
from tests.bench.figures import Figure
from tests.bench.lives import a_typical_customer
from tests.bench.rules import with_plays
from tests.bench.timing import microseconds

PLAYS = 40


def figures() -> Iterator[Figure]:
    policy = with_plays(PLAYS)
    customer, delivered = a_typical_customer(policy)
    facts, now = customer.facts, delivered.time
    size = len(customer.model_dump_json(exclude_defaults=True))
    note = (
        f"an order delivered to a customer with {len(facts.orders)} orders, {len(facts.tickets)} ticket, "
        f"{len(facts.signals)} signals and {len(customer.waits)} waits ({size:,} bytes), {PLAYS} plays"
    )
    taken = microseconds(lambda: decide(customer, delivered, policy, now), 300)
    yield Figure("decide(), CPU", taken, "µs", budget=150, wish=75, note=note)
