"""The engine with everything it touches in sight, on SQLite in memory; and ways to break it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.addressing import Addressing
from perennial.aws.proposals import Proposals
from perennial.aws.quarantine import Quarantine
from perennial.aws.queues import Message, NotSent
from perennial.aws.store import DIRECTORY_SHARDS, Loaded, Store, record_key
from perennial.aws.table import Item, Key, Table, Write
from perennial.domain.actions import Action
from perennial.domain.customer import Customer, Stage
from perennial.domain.events import Event, parse_event
from perennial.domain.identity import customer_id, identity_keys
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from perennial.engine import Engine
from perennial.families import Families
from perennial.ingest import Ingest
from perennial.marking import Marking
from perennial.matching import Matching
from perennial.sweep import Sweep
from perennial.telling import Telling
from tests.builders import NOON, the_policy

SECRET = b"identity key"


@dataclass
class ListQueue:
    sent: list[Message] = field(default_factory=list)
    broken: bool = False

    def send(self, messages: Iterable[Message]) -> int:
        if self.broken:
            raise NotSent("no queue today")
        before = len(self.sent)
        self.sent.extend(messages)
        return len(self.sent) - before

    def backlog(self) -> int:
        return len(self.sent)

    def take(self) -> list[Event]:
        """What waits, as events; it waits no longer."""
        taken, self.sent = self.sent, []
        return [parse_event(message.body) for message in taken]


class Crash(Exception):
    """The process died, or the answer never came."""


class BreakableTable:
    """The table; calls `before` and `after` each write, which may raise or write something themselves."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.before: Callable[[Sequence[Write]], object] = lambda writes: None
        self.after: Callable[[Sequence[Write]], object] = lambda writes: None
        self.gets: list[int] = []
        """How many keys each read asked for."""

    def write(self, writes: Sequence[Write]) -> None:
        self.before(writes)
        self._table.write(writes)
        self.after(writes)

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        self.gets += [len(keys)] if keys else []
        return self._table.get(keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


@dataclass
class FrozenClock:
    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    wall = now


class House:
    """One deployment: a table, its queues, and as many engines on them as a test asks for."""

    def __init__(self, policy: Policy | None = None, table: Table | None = None) -> None:
        self.policy = policy or the_policy()
        self.clock = FrozenClock()
        self.table = BreakableTable(table or SqliteTable(Database()))
        self.channels = {"email": ListQueue(), "sms": ListQueue()}
        self.lane = ListQueue()
        self.notices = ListQueue()
        lanes: Any = {"orders": self.lane, "tickets": self.lane, "outcomes": self.lane}
        self.ingest = Ingest(None, lanes, Quarantine(self.table), self.clock)  # type: ignore[arg-type]
        self.store = Store(self.table)
        self.proposals = Proposals(self.table)
        self.engine = self.another_engine()

    def another_addressing(self) -> Addressing:
        """One that remembers nothing."""
        return Addressing(self.store, SECRET, self.ingest.keep_event)

    def another_engine(self) -> Engine:
        """As another execution environment would build it: it remembers nothing."""
        addressing = self.another_addressing()
        channels: Any = self.channels
        families = Families(self.store, lambda: self.policy, lambda version: self.policy, Marking(SECRET))
        matching = Matching(self.store, self.proposals, self.lane)
        return Engine(
            self.store,
            channels,
            lambda: self.policy,
            addressing,
            SECRET,
            self.ingest.replay,
            families,
            matching,
            Telling(self.notices, lambda: self.policy),
            self.lane,
        )

    def hears(self, *events: Event, now: datetime | None = None) -> dict[int, Exception]:
        """One batch, at the time of its last event unless another is given."""
        self.clock.time = now or max(event.time for event in events)
        return self.engine.apply(events, self.clock.time)

    def settles(self, now: datetime | None = None) -> None:
        """Whatever was sent back to the lanes is heard, until nothing is."""
        while events := self.lane.take():
            assert self.hears(*events, now=now or self.clock.time) == {}

    def passes(self, until: datetime) -> None:
        """Time passes: the sweep runs every minute at which something is due."""
        while (due := self._next_due()) and due <= until:
            self.clock.time = due
            Sweep(self.table, self.lane).run(due)
            self.settles()

    def _next_due(self) -> datetime | None:
        return min((loaded.armed.due for loaded in self.everybody() if loaded.armed), default=None)

    def everybody(self) -> list[Loaded]:
        """Every record there is, by way of the directory."""
        pages = (
            self.table.index("directory", f"{stage}#{shard}") for stage in Stage for shard in range(DIRECTORY_SHARDS)
        )
        ids = [item.key.pk.removeprefix("C#") for page in pages for item in page.items]
        return list(self.store.load(ids).values())

    def record(self, event: Event) -> Customer:
        """The customer first met by this event's strongest key."""
        return self.loaded(event).customer

    def loaded(self, event: Event) -> Loaded:
        found = customer_id(identity_keys(event)[0], SECRET)
        return self.store.load([found])[found]

    def written(self, event: Event) -> str:
        """The record's JSON, as it lies in the table."""
        key = record_key(self.record(event).id)
        return self.table.get([key])[key].body

    def journal(self, event: Event) -> list[Entry]:
        items = self.table.query(f"C#{self.record(event).id}", prefix="J#").items
        return [Entry.model_validate_json(item.body) for item in items]

    @property
    def actions(self) -> list[Action]:
        """Every message that was emitted, as often as it was."""
        messages = [message for queue in self.channels.values() for message in queue.sent]
        return [Action.model_validate_json(message.body) for message in messages]

    @property
    def effects(self) -> list[str]:
        """The plays of what senders would send: each action id once."""
        return sorted({action.id: action.play for action in self.actions}.values())
