"""What a run came to, read from the table: who there is, what was asked for, and what became of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from perennial.aws.store import DIRECTORY_SHARDS, Store
from perennial.aws.table import Page, Table
from perennial.domain.actions import Action
from perennial.domain.customer import Customer, Stage
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent
from perennial.domain.journal import Entry

JOURNAL = "J#"
PAGE = 1000


class Row(NamedTuple):
    """One thing that was done, waits, or was left undone."""

    at: datetime
    customer: str
    play: str
    what: str
    became: str


@dataclass(frozen=True)
class Findings:
    customers: tuple[Customer, ...]
    entries: tuple[Entry, ...]
    """All journals, each in the order of its time."""

    @classmethod
    def of(cls, table: Table) -> "Findings":
        """Reads everything there is: for a demonstration, not for a shop."""
        found = tuple(customers(table))
        return cls(found, tuple(entry for customer in found for entry in _journal(table, customer.id)))

    @property
    def messages(self) -> Counter[str]:
        """Template -> how many were sent."""
        return Counter(
            event.data.template or "-" for event in self._outcomes.values() if isinstance(event, MessageSent)
        )

    @property
    def tasks(self) -> Counter[str]:
        return Counter(task.task for entry in self.entries for task in entry.tasks)

    @property
    def mornings(self) -> tuple[datetime, ...]:
        """When the messages that wait for the morning may leave."""
        return tuple(wait.due for customer in self.customers for wait in customer.waits if wait.held)

    def rows(self) -> list[Row]:
        """What was done and what waits, in the order of time."""
        return sorted([*self._asked(), *self._waiting()])

    def _asked(self) -> Iterator[Row]:
        for entry, action in self._actions.values():
            what = f"{action.channel} {action.template}"
            yield Row(entry.decided_at, action.customer, action.play, what, self._became(action))
        for entry in self.entries:
            for task in entry.tasks:
                yield Row(entry.decided_at, task.customer, task.play, f"task {task.task}", "waits on the desk")

    def _waiting(self) -> Iterator[Row]:
        for customer in self.customers:
            for wait in customer.waits:
                became = "waits for the morning" if wait.held else "waits for its time"
                yield Row(wait.due, customer.id, wait.play, "", became)

    def dropped(self) -> Counter[tuple[str, str]]:
        """(play, reason) -> how often it was due and left undone."""
        outcomes = (outcome for entry in self.entries for outcome in entry.outcomes if outcome.did == "dropped")
        return Counter((outcome.play, outcome.reason or "-") for outcome in outcomes)

    def _became(self, action: Action) -> str:
        match self._outcomes.get(action.id):
            case MessageSent():
                return "sent"
            case MessageFailed(data=data):
                return f"not sent: {data.reason}"
            case MessageDeferred():
                return "waits for the morning"
            case None:
                return "on its way"

    @cached_property
    def _actions(self) -> Mapping[str, tuple[Entry, Action]]:
        """Each with the entry that asked for it last: what its sender puts off is asked for again."""
        entries = sorted(self.entries, key=lambda entry: entry.decided_at)
        return {action.id: (entry, action) for entry in entries for action in entry.actions}

    @cached_property
    def _outcomes(self) -> Mapping[str, MessageSent | MessageFailed | MessageDeferred]:
        """Action -> the last word on it."""
        events = [entry.event for entry in sorted(self.entries, key=lambda entry: entry.decided_at)]
        told = (each for each in events if isinstance(each, MessageSent | MessageFailed | MessageDeferred))
        return {event.data.action: event for event in told}


def standings(table: Table) -> Counter[tuple[str, str]]:
    """(stage, label) -> how many customers stand there, counted on the directory index."""
    return Counter((stage, rank.split("#")[0]) for stage, rank in _directory(table))


def customers(table: Table) -> Iterator[Customer]:
    """All of them, a page of the directory at a time."""
    ids = (rank.split("#")[2] for _, rank in _directory(table))
    while some := list(islice(ids, PAGE)):
        yield from (loaded.customer for loaded in Store(table).load(some).values())


def _directory(table: Table) -> Iterator[tuple[str, str]]:
    """(stage, "label#band#customer") of every customer."""
    for stage in Stage:
        for shard in range(DIRECTORY_SHARDS):
            for page in _pages(table, f"{stage}#{shard}"):
                yield from ((stage.value, str(item.attributes["directory_rank"])) for item in page.items)


def _pages(table: Table, partition: str) -> Iterator[Page]:
    cursor: str | None = None
    while True:
        page = table.index("directory", partition, limit=PAGE, cursor=cursor)
        yield page
        if (cursor := page.cursor) is None:
            return


def _journal(table: Table, customer: str) -> Iterator[Entry]:
    cursor: str | None = None
    while True:
        page = table.query(f"C#{customer}", prefix=JOURNAL, limit=PAGE, cursor=cursor)
        yield from (Entry.model_validate_json(item.body) for item in page.items)
        if (cursor := page.cursor) is None:
            return
