"""Parts into batches for the one write path, each customer's events together; and the account of every row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from perennial.domain.events import Event
from perennial.importing.account import Counts, Verdict, counted, reported
from perennial.importing.cutting import Part, Teaching, groups_of
from perennial.importing.shelf import Shelf, report_name
from perennial.ingest import group_of

MOST_TOGETHER = 12
"""Events of one customer in one transaction: each may write six items, and a transaction takes a hundred."""


class Batch(NamedTuple):
    """Some of one customer's events, oldest first."""

    group: str
    """Whose, without personal data."""
    events: tuple[Event, ...]


@dataclass(slots=True)
class PartRead:
    """What a part's rows came to."""

    part: Part
    batches: tuple[Batch, ...]
    counts: Counts
    unaccepted: list[Verdict] = field(default_factory=list)

    def report(self) -> bytes:
        """A line of JSON for each row that gave nothing: its file, its line, what became of it and why."""
        return b"".join(reported(self.part.file, verdict) for verdict in self.unaccepted)

    @property
    def report_name(self) -> str:
        return report_name(self.part.number)


def read_part(part: Part, shelf: Shelf, teller: Teaching) -> PartRead:
    """Raises `LookupError` where the part is gone."""
    content = shelf.get(part.name)
    if content is None:
        raise LookupError(f"{part.name} is gone: import the file again")
    events: list[Event] = []
    verdicts: list[Verdict] = []
    for rows in groups_of(content, teller.group):
        told = teller.tell(rows)
        events += told.events
        verdicts += told.verdicts
    unaccepted = [verdict for verdict in verdicts if verdict.outcome != "accepted"]
    return PartRead(part, tuple(_batches(events)), counted(events, verdicts), unaccepted)


def _batches(events: Iterable[Event]) -> Iterator[Batch]:
    """By customer, as far as that can be told from an event alone; in an order that is the same each time."""
    by_customer: dict[str, list[Event]] = {}
    for event in events:
        by_customer.setdefault(group_of(event), []).append(event)
    for group, theirs in by_customer.items():
        theirs.sort(key=lambda event: (event.time, event.id))
        for start in range(0, len(theirs), MOST_TOGETHER):
            yield Batch(group, tuple(theirs[start : start + MOST_TOGETHER]))
