"""The past run again: a journal, in the order in which it was decided, gives the same decisions and the same record."""

from collections.abc import Callable, Iterable, Iterator

from perennial.domain.customer import Customer
from perennial.domain.decide import Decision, decide
from perennial.domain.fold import Settled, recalls, ref_of
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy


def replay(unknown: Customer, entries: Iterable[Entry], policies: Callable[[int], Policy]) -> Iterator[Decision]:
    """Each decision again, by the policy of its time, or by whatever `policies` gives for that version.

    unknown: the customer before the first entry, who has an id and a store and nothing else. Sends nothing and writes
    nothing: who only looks at what comes out has run the past without a trace.
    """
    customer, settled = unknown, dict[tuple[str, str], Settled]()
    for entry in sorted(entries, key=lambda each: each.version):
        recalled = [settled[ref] for ref in recalls(customer.facts, entry.event) if ref in settled]
        decision = decide(customer, entry.event, policies(entry.policy), entry.decided_at, recalled)
        settled |= {ref_of(each): each for each in decision.settled}
        customer = decision.customer
        yield decision


def rebuild(unknown: Customer, entries: Iterable[Entry], policies: Callable[[int], Policy]) -> Customer:
    """The record that these entries made, to the last byte."""
    customer = unknown
    for decision in replay(unknown, entries, policies):
        customer = decision.customer
    return customer
