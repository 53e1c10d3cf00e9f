"""The past run again: journals re-decided, and whether twice is the same."""

import hashlib
from collections.abc import Iterator

from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.history import rebuild
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from tests.bench.figures import Figure
from tests.bench.lives import STORE, THE_LIFE, chapters
from tests.bench.rules import shipped
from tests.bench.timing import cpu

CUSTOMERS = 12
ROUNDS = 6
MILLION = 1_000_000


def figures() -> Iterator[Figure]:
    policy = shipped()
    journals = {f"c{number:024d}": _journal(f"c{number:024d}", policy) for number in range(CUSTOMERS)}
    entries = sum(map(len, journals.values()))
    rounds = [cpu(lambda: _run(journals, policy)) for _ in range(ROUNDS)]
    yield Figure(
        "backtest of a million journal entries",
        min(seconds for seconds, _ in rounds) / entries * MILLION,
        "s of CPU",
        budget=300,
        note=(
            f"extrapolated from {entries} entries of {CUSTOMERS} customers, read from their JSON and decided again in "
            f"one process; three times in each: {THE_LIFE}"
        ),
    )
    digests = {digest for _, digest in rounds}
    note = f"records and decisions of {ROUNDS} runs, byte by byte"
    yield Figure("backtest, runs that differ from the first", len(digests) - 1, "", budget=0, note=note)


def _journal(customer: str, policy: Policy) -> list[str]:
    """The entries as the table keeps them."""
    now, journal = Customer(id=customer, store=STORE), list[str]()
    for event in chapters(3):
        decision = decide(now, event, policy, event.time)
        now = decision.customer
        journal.append(decision.entry.model_dump_json(exclude_defaults=True))
    return journal


def _run(journals: dict[str, list[str]], policy: Policy) -> str:
    """A digest of all records that come out."""
    digest = hashlib.sha256()
    for customer, journal in journals.items():
        entries = [Entry.model_validate_json(entry) for entry in journal]
        record = rebuild(Customer(id=customer, store=STORE), entries, lambda _: policy)
        digest.update(record.model_dump_json(exclude_defaults=True).encode())
    return digest.hexdigest()
