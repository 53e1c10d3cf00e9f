"""`make replay`: the past of a shop, from a file or a data set, into a house of its own, at full speed."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

from infra.local import canonical, olist, online_retail, recount, report
from infra.local.blueprint import Blueprint
from infra.local.clock import EventClock, HouseClock
from infra.local.database import Database
from infra.local.due import DueWatch
from infra.local.findings import standings
from infra.local.ministack import PARAMETERS
from infra.local.past import Line, Past
from infra.local.readers import Reading
from infra.local.sqlite_table import SqliteTable
from infra.local.state import STORE, State
from infra.local.twins import QUEUES, install, settings_of
from perennial.aws import wiring
from perennial.aws.quarantine import Entry
from perennial.aws.table import Table
from perennial.domain.customer import Stage
from perennial.domain.values import iso
from perennial.ingest import Note
from perennial.sources.payloads import fingerprint

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LANES = ("orders", "tickets", "inactivity", "outcomes")
SHOWN = 20
"""So many bad lines are named; the rest is counted."""


@dataclass
class Replay:
    """A house under construction, and the past that it is fed."""

    table: Table
    clock: EventClock
    past: Past
    bad_lines: list[str] = field(default_factory=list)

    def keep(self, line: int, store: str, note: Note) -> None:
        """A line that was not understood: into quarantine, where it can be replayed once it is."""
        self.bad_lines.append(f"  line {line}: {note.reason}")
        entry = Entry(
            id=fingerprint("open", store, note.part),
            source="open",
            store=store,
            received_at=self.clock.now(),
            reason=note.reason,
            payload=note.part,
        )
        wiring.quarantine().put(entry)


def main(state: State, asked: Namespace) -> int:
    """Feeds it, says how it went; 1 when something failed or the count of the CSV says otherwise."""
    until = asked.until and datetime.combine(asked.until, time(), UTC)
    own = house_for(state)
    print(f"Replaying into {own.folder}", flush=True)
    with own.lock(), laid_out(own) as replay:
        reading = _reading(asked, replay)
        fed, seconds = feed(replay, reading, until)
        own.history = f"a replay of {asked.olist or asked.online_retail or asked.file}"
        HouseClock(own.clock).set_to(replay.clock.now())
        code = _told(replay, fed, seconds, own)
        if asked.online_retail and asked.until:
            code |= _compared(replay, asked.online_retail, asked.until)
    return code


def house_for(state: State) -> State:
    """The state itself if it has no house yet, else a folder in it, made afresh: the past needs an empty house."""
    if not state.database.exists():
        return state
    State(state.folder / "replay").forget()
    return State(state.folder / "replay")


@contextmanager
def laid_out(state: State) -> Iterator[Replay]:
    """Engine and outboxes as deployed, on a table in the state's folder and on lines in place of queues."""
    table = DueWatch(SqliteTable(Database(state.database)))
    clock, lines = EventClock(LONG_AGO), {name: Line() for name in QUEUES}
    install(settings_of(Blueprint(PARAMETERS)), table, lines, clock, state.keys(), state.mail)
    try:
        outboxes = ((lines["email"], wiring.email_outbox()), (lines["sms"], wiring.sms_outbox()))
        past = Past(wiring.engine(), [lines[name] for name in LANES], outboxes, table, clock)
        yield Replay(table, clock, past)
    finally:
        wiring.reset()


def _reading(asked: Namespace, replay: Replay) -> Reading:
    if asked.olist:
        return olist.read(asked.olist, STORE)
    if asked.online_retail:
        return online_retail.read(asked.online_retail, STORE)
    return canonical.read_file(asked.file, replay.clock.now, replay.keep)


def feed(replay: Replay, reading: Reading, until: datetime | None) -> tuple[int, float]:
    """All events up to `until`, then time itself up to there; how many events, and in how many seconds."""
    progress, fed = report.Progress(reading.total), 0
    for number, event in enumerate(reading.events, start=1):
        if until is None or event.time <= until:
            replay.past.feed(event)
            fed += 1
        progress.at(number, replay.clock.now().date())
    if until:
        replay.past.run_until(until)
    return fed, progress.seconds


def _told(replay: Replay, fed: int, seconds: float, state: State) -> int:
    past = replay.past
    print(f"\n{fed:,} events and {past.timers:,} timers in {seconds:.1f} s: {fed / seconds:,.0f} events a second,")
    print(f"{(fed + past.timers) / seconds:,.0f} decisions a second. The clock stands at {iso(replay.clock.now())}.\n")
    print(report.standings_table(standings(replay.table)))
    print(f"\nMessages sent:     {report.counted(past.messages)}")
    print(f"Messages not sent: {report.counted(past.unsent)}")
    print(f"Failures:          {report.counted(past.failures)}")
    if replay.bad_lines:
        print(f"{len(replay.bad_lines):,} lines were not understood and wait in quarantine:")
        print("\n".join(replay.bad_lines[:SHOWN]))
    print(f"Mail is in {state.mail}. To look around: make run STATE={state.folder}", flush=True)
    return 1 if past.failures else 0


def _compared(replay: Replay, folder: Path, until: date) -> int:
    """Online Retail's labels on a day, beside a count made straight from the CSV; 1 when they differ."""
    counts = standings(replay.table)
    ours = {label: sum(counts[stage.value, label] for stage in Stage) for label in ("new", "silent")}
    theirs = recount.labels(folder, until)
    same = all(ours[label] == theirs[label] for label in ours)
    verdict = "the same" if same else f"NOT the same: {report.counted(ours)}"
    print(f"Counted straight from the CSV: new {theirs['new']:,}, silent {theirs['silent']:,}: {verdict}.")
    return 0 if same else 1
