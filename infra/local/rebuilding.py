"""Builds a house out of a past: read once to plan, then applied in as many processes as there are processors.

Customers do not touch each other, so their pasts may run side by side; what may be one customer's stays together.
"""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

from infra.local import canonical, olist, online_retail
from infra.local.blueprint import Blueprint
from infra.local.clock import EventClock
from infra.local.database import NOBODY_ELSE, Database
from infra.local.due import DueWatch
from infra.local.ministack import PARAMETERS
from infra.local.parts import divided
from infra.local.past import Line, Past
from infra.local.readers import Reading
from infra.local.report import Progress
from infra.local.sqlite_table import SqliteTable
from infra.local.state import STORE, State
from infra.local.twins import QUEUES, install, settings_of
from perennial.aws import wiring
from perennial.aws.quarantine import Entry
from perennial.ingest import Note
from perennial.sources.payloads import fingerprint

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LANES = ("orders", "tickets", "inactivity", "outcomes")
WORTH_A_PROCESS = 25_000
"""Events; for fewer it takes longer to start another process, which reads the past for itself, than it saves."""
TELL_EVERY = 0.5
"""Seconds between two words of a process on how far it is."""

SPAWN = multiprocessing.get_context("spawn")

Turn = AbstractContextManager[object]
"""Held by the one process that writes."""
Tell = Callable[[int, date], None]
"""How many events were read so far, and how late it is in the past."""


class Died(Exception):
    """A process ended without a result; its own words are above. Nothing is broken: start the replay again."""


Kind = Literal["file", "olist", "online_retail"]


class Asked(NamedTuple):
    kind: Kind
    path: Path
    until: date | None = None
    """The clock stops at the start of this day; what happened later is left out."""


class Plan(NamedTuple):
    parts: bytes
    """For each event, which process applies it."""
    end: datetime
    """Where the clock stands at the end."""

    @property
    def processes(self) -> int:
        return max(self.parts, default=0) + 1


@dataclass
class Done:
    """What one process did, or all of them together."""

    fed: int = 0
    timers: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    unsent: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    """(number, reason)"""

    def __add__(self, other: "Done") -> "Done":
        return Done(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def planned(asked: Asked) -> Plan:
    """Reads the past through once. Raises `Unreadable`."""
    reading = _reading(asked, lambda: LONG_AGO, lambda *_: None)
    processes = min(os.cpu_count() or 1, 1 + reading.total // WORTH_A_PROCESS)
    parts, latest = divided(reading.events, processes)
    if asked.until:
        return Plan(parts, datetime.combine(asked.until, time_of_day(), UTC))
    return Plan(parts, latest or LONG_AGO)


def rebuild(state: State, asked: Asked, plan: Plan) -> Done:
    """Applies all parts and says how far it is; one part alone runs in this process. Raises `Died`."""
    state.keys()
    SqliteTable(Database(state.database))  # keys and tables are made once, before several look for them
    progress = Progress(len(plan.parts))
    if plan.processes == 1:
        return _apply(state, asked, plan, 0, NOBODY_ELSE, progress.at)
    turn = SPAWN.Lock()
    return _gathered([_started(state, asked, plan, number, turn) for number in range(plan.processes)], progress)


def _reading(asked: Asked, now: Callable[[], datetime], keep: canonical.Keep) -> Reading:
    match asked.kind:
        case "olist":
            return olist.read(asked.path, STORE)
        case "online_retail":
            return online_retail.read(asked.path, STORE)
        case "file":
            return canonical.read_file(asked.path, now, keep)


# One part


def _apply(state: State, asked: Asked, plan: Plan, part: int, turn: Turn, tell: Tell) -> Done:
    """The part's events up to the plan's end, then time itself up to there."""
    with _laid_out(state, turn) as (past, clock):
        done = Done(messages=past.messages, unsent=past.unsent, failures=past.failures)
        keep = _keeper(clock, done.bad_lines) if part == 0 else lambda *_: None
        for number, event in enumerate(_reading(asked, clock.now, keep).events):
            if plan.parts[number] == part and event.time <= plan.end:
                past.feed(event)
                done.fed += 1
                tell(done.fed, clock.now().date())
        past.run_until(plan.end)
        done.timers = past.timers
    return done


@contextmanager
def _laid_out(state: State, turn: Turn) -> Iterator[tuple[Past, EventClock]]:
    """Engine and outboxes as deployed, on a table in the state's folder and on lines in place of queues."""
    database, clock = Database(state.database, turn), EventClock(LONG_AGO)
    table, lines = DueWatch(SqliteTable(database)), {name: Line() for name in QUEUES}
    install(settings_of(Blueprint(PARAMETERS)), table, lines, clock, state.keys(), state.mail)
    try:
        outboxes = ((lines["email"], wiring.email_outbox()), (lines["sms"], wiring.sms_outbox()))
        yield Past(wiring.engine(), [lines[name] for name in LANES], outboxes, table, clock), clock
    finally:
        wiring.reset()
        database.close()


def _keeper(clock: EventClock, bad_lines: list[tuple[int, str]]) -> canonical.Keep:
    """Puts lines that are not understood into quarantine, where they can be replayed once they are."""

    def keep(line: int, store: str, note: Note) -> None:
        bad_lines.append((line, note.reason))
        entry = Entry(
            id=fingerprint("open", store, note.part),
            source="open",
            store=store,
            received_at=clock.now(),
            reason=note.reason,
            payload=note.part,
        )
        wiring.quarantine().put(entry)

    return keep


# Many parts


def _started(state: State, asked: Asked, plan: Plan, part: int, turn: Turn) -> Connection:
    """A process for this part; from the connection come words of progress, (events, day), and at last `Done`."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    SPAWN.Process(target=_in_process, args=(theirs, state.folder, asked, plan, part, turn), daemon=True).start()
    theirs.close()
    return ours


def _in_process(pipe: Connection, folder: Path, asked: Asked, plan: Plan, part: int, turn: Turn) -> None:
    said = time.monotonic()

    def tell(fed: int, at: date) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_EVERY:
            said = time.monotonic()
            pipe.send((fed, at))

    pipe.send(_apply(State(folder), asked, plan, part, turn, tell))


def _gathered(pipes: Sequence[Connection], progress: Progress) -> Done:
    """The sum of what the processes did. Raises `Died`."""
    fed, total, waiting = dict.fromkeys(pipes, 0), Done(), set(pipes)
    while waiting:
        for pipe in [each for each in waiting if each.poll(TELL_EVERY / len(pipes))]:
            match _word(pipe):
                case Done() as done:
                    total, waiting = total + done, waiting - {pipe}
                case (int(count), at):
                    fed[pipe] = count
                    progress.at(sum(fed.values()), at)
    return total


def _word(pipe: Connection) -> Done | tuple[int, date]:
    try:
        word: Done | tuple[int, date] = pipe.recv()
    except EOFError:
        raise Died("a process of the replay ended without a result; start it again") from None
    return word
