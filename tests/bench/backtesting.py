"""The past run again: journals re-decided, and whether twice is the same."""

import hashlib
from collections.abc import Iterator

from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.history import rebuild
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from tests.bench.applying import BATCH, plainly_applied
from tests.bench.figures import Figure
from tests.bench.lives import STORE, THE_LIFE, chapters
from tests.bench.rules import shipped
from tests.bench.timing import Stopwatch, Timed, cpu, median_of, stopwatch

CUSTOMERS = 12
ROUNDS = 5
MILLION = 1_000_000


def figures() -> Iterator[Figure]:
    policy = shipped()
    journals = {f"c{number:024d}": _journal(f"c{number:024d}", policy) for number in range(CUSTOMERS)}
    entries = len(next(iter(journals.values())))
    watch = stopwatch()
    runs = [_Run() for _ in range(ROUNDS)]
    taken = median_of([run.again(*each, policy, watch) for run in runs for each in journals.items()])
    million = taken / entries * MILLION
    yield Figure(
        "backtest of a million journal entries",
        million.quiet,
        "s of CPU",
        budget=300,
        raw=million.raw,
        plain=plainly_applied(BATCH).ordinary.each.quiet * MILLION,
        note=(
            f"extrapolated from {ROUNDS} runs of {CUSTOMERS} journals with {entries} entries each, read from their "
            f"JSON and decided again in one process; three times in each: {THE_LIFE}. The plain assembly has nothing "
            "for it but to be fed the events again, into tables of AWS"
        ),
    )
    digests = {run.digest for run in runs}
    note = f"records of {ROUNDS} runs, byte by byte"
    yield Figure("backtest, runs that differ from the first", len(digests) - 1, "", budget=0, note=note)


class _Run:
    """One run over all journals; its digest is of all records that came out."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def again(self, customer: str, journal: list[str], policy: Policy, watch: Stopwatch) -> Timed:
        records: list[Customer] = []

        def work() -> None:
            entries = [Entry.model_validate_json(entry) for entry in journal]
            records.append(rebuild(Customer(id=customer, store=STORE), entries, lambda _: policy))

        taken = watch.time(lambda: cpu(work)[0])
        self._digest.update(records[0].model_dump_json(exclude_defaults=True).encode())
        return taken


def _journal(customer: str, policy: Policy) -> list[str]:
    """The entries as the table keeps them."""
    now, journal = Customer(id=customer, store=STORE), list[str]()
    for event in chapters(3):
        decision = decide(now, event, policy, event.time)
        now = decision.customer
        journal.append(decision.entry.model_dump_json(exclude_defaults=True))
    return journal
