"""The parts that know AWS, replaced: the twins of table and queues, a clock, secrets and a provider, all of which fail.

Each fails as the real one does. A transaction whose answer is lost is repeated by the SDK under its token and done
once; a lone conditional write that is repeated is refused by its own first attempt (tests/contract/test_lost_answers).
What the SDK gives up on is raised as botocore raises it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn, TypeVar

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from infra.local.sqlite_queues import SqliteDeadLetters
from perennial.aws.queues import Message as QueueMessage
from perennial.aws.queues import NotSent, batches
from perennial.aws.table import Busy, Item, Key, Page, Write
from perennial.channels.provider import OptedOut, OutcomeUnknown, Rejected, Spent, Throttled, Unavailable
from perennial.channels.render import Message
from tests.campaign.telling import of_messages, of_reads, of_writes
from tests.campaign.turns import Environment, Turns, Wrong
from tests.campaign.watch import Watch
from tests.stale import StaleIndexes

T = TypeVar("T")
Fails = Callable[[Callable[[], object]], NoReturn]

STALEST = 20
"""Writes that an index may be behind."""
REPEATED_AFTER = 1.0
"""Seconds until the SDK gives up waiting for an answer and asks again."""


def raising(error: Callable[[], Exception]) -> Fails:
    """Nothing is done."""

    def fail(_do: Callable[[], object]) -> NoReturn:
        raise error()

    return fail


def then_raising(error: Callable[[], Exception]) -> Fails:
    """It is done, and the caller does not hear of it."""

    def fail(do: Callable[[], object]) -> NoReturn:
        do()
        raise error()

    return fail


# Made anew each time: an error remembers where it was raised, and with that all of the world it was raised in.
UNREACHABLE = partial(ConnectTimeoutError, endpoint_url="https://aws")
LOST = partial(ReadTimeoutError, endpoint_url="https://aws")
THROTTLED = partial(Busy, "ThrottlingException")
READ_ERRORS: Wrong = {"throttled": raising(THROTTLED), "unreachable": raising(UNREACHABLE)}


class FaultyTable:
    """As `Table`."""

    def __init__(self, table: Callable[[Callable[[int], int]], StaleIndexes], turns: Turns, watch: Watch) -> None:
        """`table` makes the table, given how far an index read is behind."""
        self._lag = 0
        self._table = table(lambda _most: self._lag)
        self._turns = turns
        self._watch = watch

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        if not keys:
            return {}
        found = self._turns.call("read", lambda: of_reads(keys), lambda: self._table.get(keys), READ_ERRORS)
        self._watch.read(self._turns.current, found)
        return found

    def write(self, writes: Sequence[Write]) -> None:
        wrong: Wrong = {
            "throttled": raising(THROTTLED),
            "conflict": raising(partial(Busy, "TransactionConflict")),
            "unreachable": raising(UNREACHABLE),
            "answer lost": then_raising(LOST),
            "answer lost, repeated by the SDK": lambda do: self._repeated(do, writes),
        }
        self._turns.call("write", lambda: of_writes(writes), lambda: self._write(writes), wrong)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return self._turns.call(
            "read",
            lambda: f"queries {pk}",
            lambda: self._table.query(pk, prefix=prefix, newest_first=newest_first, limit=limit, cursor=cursor),
            READ_ERRORS,
        )

    def index(
        self,
        name: str,
        partition: str,
        *,
        prefix: str = "",
        upto: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        if not self._watch.is_used(partition):
            return Page((), None)  # most shards are, and to be interrupted at one is as at another
        return self._turns.call(
            "index",
            lambda: f"queries {partition}",
            lambda: self._table.index(name, partition, prefix=prefix, upto=upto, limit=limit, cursor=cursor),
            {**READ_ERRORS, "stale": self._stale},
        )

    def _write(self, writes: Sequence[Write]) -> None:
        self._table.write(writes)
        self._watch.written(self._turns.current, writes)

    def _repeated(self, do: Callable[[], None], writes: Sequence[Write]) -> None:
        """Done, answered, not heard; and asked for again by the SDK, after whatever others did meanwhile."""
        do()
        self._turns.hold_up(REPEATED_AFTER)
        if len(writes) == 1:
            do()

    def _stale(self, do: Callable[[], Page]) -> Page:
        self._lag = STALEST
        try:
            return do()
        finally:
            self._lag = 0


class FaultyQueue:
    """As `Queue`. `carry` takes messages to where they are received from."""

    def __init__(
        self, name: str, carry: Callable[[str, Sequence[QueueMessage]], None], backlog: Callable[[], int], turns: Turns
    ) -> None:
        self._name = name
        self._carry = carry
        self._backlog = backlog
        self._turns = turns

    def send(self, messages: Iterable[QueueMessage]) -> int:
        """Ten a call, as `SqsQueue`. The messages may themselves be made by asking the table: that comes first."""
        return sum(self._send(batch) for batch in list(batches(messages)))

    def backlog(self) -> int:
        wrong: Wrong = {"unreachable": raising(UNREACHABLE)}
        return self._turns.call("backlog", lambda: f"asks how long {self._name} is", self._backlog, wrong)

    def _send(self, batch: Sequence[QueueMessage]) -> int:
        wrong: Wrong = {
            "refused": raising(partial(NotSent, "ServiceUnavailable")),
            "partly refused": lambda do: self._partly(batch),
            "answer lost": then_raising(LOST),
            "answer lost, repeated by the SDK": lambda do: (do(), do())[0],
        }
        self._turns.call("send", lambda: of_messages(self._name, batch), lambda: self._carry(self._name, batch), wrong)
        return len(batch)

    def _partly(self, batch: Sequence[QueueMessage]) -> None:
        self._carry(self._name, batch[: len(batch) // 2])
        raise NotSent(f"{len(batch) - len(batch) // 2} of {len(batch)} messages: InternalError")


class FaultyLetters:
    """As `DeadLetters`: those of one queue."""

    def __init__(self, name: str, letters: SqliteDeadLetters, turns: Turns) -> None:
        self._name = name
        self._letters = letters
        self._turns = turns

    def remove(self, is_meant: Callable[[str], bool]) -> int:
        wrong: Wrong = {"unreachable": raising(UNREACHABLE)}
        told = f"looks through the dead letters of {self._name}"
        return self._turns.call("dead letters", lambda: told, lambda: self._letters.remove(is_meant), wrong)


class FaultyProvider:
    """As `Provider`. `take` is what happens when the provider has the message, `is_stopped` asks its own list of those
    who have told it STOP."""

    def __init__(
        self, take: Callable[[Message], None], is_stopped: Callable[[Message], bool], turns: Turns, watch: Watch
    ) -> None:
        self._take = take
        self._is_stopped = is_stopped
        self._turns = turns
        self._watch = watch

    def send(self, message: Message) -> str:
        wrong: Wrong = {
            "answer lost, taken": then_raising(partial(OutcomeUnknown, "ReadTimeoutError")),
            "answer lost, not taken": raising(partial(OutcomeUnknown, "ReadTimeoutError")),
            "rejected": raising(partial(Rejected, "MessageRejected")),
            "unavailable": raising(partial(Unavailable, "SendingPausedException")),
            "throttled": raising(partial(Throttled, "ThrottlingException", timedelta(minutes=2))),
            "used up": raising(partial(Spent, "daily quota")),
        }
        return self._turns.call("provider", lambda: _handing(message), lambda: self._taken(message), wrong)

    def _taken(self, message: Message) -> str:
        if self._is_stopped(message):
            self._turns.note("provider: has been told STOP")
            raise OptedOut("twilio 21610")
        self._watch.handed_over(self._turns.current, message)
        self._take(message)
        return f"m-{message.action_id[:12]}"


def _handing(message: Message) -> str:
    return f"hands {message.template} {message.action_id[:6]} to the provider"


class SecretsClient:
    """As the client of Secrets Manager, as far as it is asked; versions of the book, the newest last."""

    def __init__(
        self, books: Sequence[Mapping[str, Any]], turns: Turns, was_stale: Callable[[], None] = lambda: None
    ) -> None:
        """was_stale: told whenever somebody is given a version that is not the newest."""
        self._books = books
        self._turns = turns
        self._was_stale = was_stale

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 -- as boto3 names it
        wrong: Wrong = {"unreachable": raising(UNREACHABLE), "stale": lambda do: self._stale()}
        return self._turns.call("secrets", lambda: f"reads secret {SecretId}", lambda: self._book(-1), wrong)

    def _stale(self) -> dict[str, str]:
        self._was_stale()
        return self._book(-2)

    def _book(self, version: int) -> dict[str, str]:
        return {"SecretString": json.dumps(self._books[max(version, -len(self._books))])}


class Lots:
    """As the module `secrets`: nobody knows what comes next, but who runs the seed again."""

    def __init__(self, seed: int, turns: Turns) -> None:
        self._seed = seed
        self._turns = turns
        self._drawn = 0

    def token_hex(self, size: int) -> str:
        return self._digest(size).hex()

    def choice(self, options: Sequence[T]) -> T:
        return options[int.from_bytes(self._digest(7), "big") % len(options)]

    def _digest(self, size: int) -> bytes:
        self._drawn += 1
        turn = self._turns.current
        name = f"{self._seed} {self._drawn} {turn.name if turn else ''}"
        return hashlib.blake2b(name.encode(), digest_size=size).digest()


class SkewedClock:
    """As `Clock`: this environment's own."""

    def __init__(self, now: Callable[[], datetime], environment: Environment, turns: Turns) -> None:
        self._now = now
        self._environment = environment
        self._turns = turns

    def now(self) -> datetime:
        told = self._turns.call("clock", lambda: "looks at the clock", self._now) + self._environment.skew
        if self._turns.current:
            self._turns.current.clock = told
        return told

    wall = now
