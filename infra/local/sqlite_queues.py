"""Queues on SQLite with the manners of SQS: at least once, visibility, delay, dead letters; durable through kill -9."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from infra.local.database import Database
from perennial.aws.queues import Message, batches

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, "
    "dead INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, message_group TEXT NOT NULL, sent_at REAL NOT NULL, "
    "visible_at REAL NOT NULL, receives INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS messages_visible ON messages (queue, dead, visible_at)",
)

NO_GROUP = ""

_VISIBLE = (
    "SELECT id, body, message_group, receives + 1, sent_at FROM messages "
    "WHERE queue = ? AND dead = 0 AND visible_at <= ? ORDER BY visible_at, id LIMIT ?"
)
_DEAD = (
    "SELECT id, body, message_group, receives, sent_at FROM messages WHERE queue = ? AND dead = 1 ORDER BY id LIMIT ?"
)
_SEND = "INSERT INTO messages (queue, body, message_group, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)"
_HIDE = "UPDATE messages SET visible_at = ?, receives = receives + 1 WHERE id = ?"
_BURY = "UPDATE messages SET dead = 1 WHERE id = ?"
_RELEASE = "UPDATE messages SET visible_at = ? WHERE id = ? AND receives = ?"
_DELETE = "DELETE FROM messages WHERE id = ? AND receives = ? AND dead = 0"
_FORGET = "DELETE FROM messages WHERE id = ? AND dead = 1"
_REDRIVE = "UPDATE messages SET dead = 0, receives = 0, visible_at = ? WHERE queue = ? AND dead = 1"
_GIVE_BACK = "UPDATE messages SET visible_at = ?1 WHERE dead = 0 AND receives > 0 AND visible_at > ?1"
_BACKLOG = "SELECT count(*) FROM messages WHERE queue = ? AND dead = 0"

EVERY = -1
"""As many as there are, in SQLite's words."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a queue treats its messages, in SQS's words."""

    visibility: timedelta = timedelta(minutes=3)
    """How long a received message stays hidden from other receivers."""
    max_receives: int = 5
    """So often a message is given out; after that it is a dead letter."""
    delay: timedelta = timedelta(0)
    """How long a new message stays hidden."""


class Received(NamedTuple):
    id: str
    receipt: str
    """Names this delivery of the message, not the message: it is void once the message was delivered again."""
    body: str
    group: str | None
    receive_count: int
    sent_at: datetime


class UnknownQueue(LookupError):
    """There is no queue of this name in the house: mend the name, or declare the queue."""


class SqliteQueues:
    """All queues of the house in one file. Workers receive and delete; senders get `queue(name)`."""

    def __init__(self, database: Database, now: Callable[[], datetime], manners: Mapping[str, Manners]) -> None:
        """`manners` holds every queue by name. `now` should be wall time, or a time machine ends visibilities early."""
        self._database = database
        self._now = now
        self._manners = dict(manners)
        database.create(*SCHEMA)

    def queue(self, name: str) -> "SqliteQueue":
        self.manners(name)
        return SqliteQueue(self, name)

    def manners(self, name: str) -> Manners:
        if name not in self._manners:
            raise UnknownQueue(f"{name} is not one of {sorted(self._manners)}")
        return self._manners[name]

    def send(self, name: str, messages: Iterable[Message]) -> int:
        """All of them or none; returns how many. Raises `Unsendable`."""
        now = self._now()
        visible = now + self.manners(name).delay
        rows = [
            (name, message.body, message.group or NO_GROUP, now.timestamp(), visible.timestamp())
            for batch in batches(messages)
            for message in batch
        ]
        with self._database.writing() as connection:
            connection.executemany(_SEND, rows)
        return len(rows)

    def receive(self, name: str, limit: int = 10) -> list[Received]:
        """At most `limit` messages, oldest first, hidden from others for the queue's visibility.

        What was given out `max_receives` times already becomes a dead letter instead.
        """
        manners, now = self.manners(name), self._now()
        hidden_until = (now + manners.visibility).timestamp()
        with self._database.writing() as connection:
            while rows := connection.execute(_VISIBLE, (name, now.timestamp(), limit)).fetchall():
                visible = [_received(*row) for row in rows]
                spent = [(message.id,) for message in visible if message.receive_count > manners.max_receives]
                connection.executemany(_BURY, spent)
                if given := [message for message in visible if message.receive_count <= manners.max_receives]:
                    connection.executemany(_HIDE, [(hidden_until, message.id) for message in given])
                    return given
        return []

    def delete(self, receipts: Iterable[str]) -> int:
        """Forget these deliveries' messages; returns how many. A void receipt deletes nothing, which is no error."""
        with self._database.writing() as connection:
            return sum(connection.execute(_DELETE, receipt.split(".")).rowcount for receipt in receipts)

    def release(self, receipt: str, after: timedelta = timedelta(0)) -> None:
        """Show the message to receivers again after this time, sooner or later than its visibility would."""
        visible = (self._now() + after).timestamp()
        with self._database.writing() as connection:
            connection.execute(_RELEASE, (visible, *receipt.split(".")))

    def give_back(self) -> int:
        """Show every message that is in somebody's hands; returns how many.

        For a house that starts and knows that nobody else is alive: what a killed one held need not wait until its
        visibility ends.
        """
        with self._database.writing() as connection:
            return connection.execute(_GIVE_BACK, (self._now().timestamp(),)).rowcount

    def backlog(self, name: str) -> int:
        """How many messages wait or are being worked on; dead letters do not count."""
        self.manners(name)
        with self._database.reading() as connection:
            return int(connection.execute(_BACKLOG, (name,)).fetchone()[0])

    def are_empty(self, names: Sequence[str]) -> bool:
        """Does nothing wait, nor is in anybody's hands, in any of them? One look at all of them: asked one by one, what
        moves from a later one to an earlier meanwhile would be seen in neither."""
        some = f"SELECT EXISTS (SELECT 1 FROM messages WHERE dead = 0 AND queue IN ({','.join('?' * len(names))}))"  # noqa: S608
        with self._database.reading() as connection:
            return not connection.execute(some, tuple(names)).fetchone()[0]

    def dead(self, name: str, limit: int = 100) -> list[Received]:
        """The queue's dead letters, oldest first."""
        self.manners(name)
        with self._database.reading() as connection:
            return [_received(*row) for row in connection.execute(_DEAD, (name, limit))]

    def forget(self, dead: Iterable[str]) -> int:
        """Remove these dead letters, by id; returns how many."""
        with self._database.writing() as connection:
            return sum(connection.execute(_FORGET, (number,)).rowcount for number in dead)

    def redrive(self, name: str) -> int:
        """Put all dead letters back where they came from, as if sent anew; returns how many."""
        self.manners(name)
        with self._database.writing() as connection:
            return connection.execute(_REDRIVE, (self._now().timestamp(), name)).rowcount


class SqliteDeadLetters:
    """As `DeadLetters`: those of one queue."""

    def __init__(self, queues: SqliteQueues, name: str) -> None:
        self._queues = queues
        self._name = name

    def remove(self, is_meant: Callable[[str], bool]) -> int:
        meant = [letter.id for letter in self._queues.dead(self._name, limit=EVERY) if is_meant(letter.body)]
        return self._queues.forget(meant)


class SqliteQueue:
    """As `Queue`: the sender's end of one queue."""

    def __init__(self, queues: SqliteQueues, name: str) -> None:
        self._queues = queues
        self._name = name

    def send(self, messages: Iterable[Message]) -> int:
        return self._queues.send(self._name, messages)

    def backlog(self) -> int:
        return self._queues.backlog(self._name)


def _received(number: int, body: str, group: str, receives: int, sent_at: float) -> Received:
    at = datetime.fromtimestamp(sent_at, UTC)
    return Received(str(number), f"{number}.{receives}", body, group or None, receives, at)
