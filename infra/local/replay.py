"""`make replay`: the past of a shop, from a file or a data set, into a house of its own, at full speed."""

from datetime import date

from infra.local import recount, report
from infra.local.clock import HouseClock
from infra.local.database import Database
from infra.local.findings import standings
from infra.local.rebuilding import Asked, Done, planned, rebuild
from infra.local.sqlite_table import SqliteTable
from infra.local.state import State
from perennial.aws.table import Table
from perennial.domain.customer import Stage
from perennial.domain.values import iso

SHOWN = 20
"""So many bad lines are named; the rest is counted."""


def main(state: State, asked: Asked) -> int:
    """Feeds it, says how it went; 1 when something failed or the count of the CSV says otherwise.

    Raises `InUse`, `Unreadable` and `Died`.
    """
    own = house_for(state)
    print(f"Replaying into {own.folder}", flush=True)
    with own.lock():
        plan, progress = planned(asked), report.Progress()
        done = rebuild(own, asked, plan)
        own.history = f"a replay of {asked.path}"
        HouseClock(own.clock).set_to(plan.end)
        table = SqliteTable(Database(own.database))
        _tell(done, table, progress.seconds)
        print(f"The clock stands at {iso(plan.end)}. Mail is in {own.mail}.")
        print(f"To look around: make run STATE={own.folder}", flush=True)
        compared = asked.kind != "online_retail" or not asked.until or _agrees(table, asked, asked.until)
    return 0 if compared and not done.failures else 1


def house_for(state: State) -> State:
    """The state itself if it has no house yet, else a folder in it, made afresh: the past needs an empty house."""
    if not state.database.exists():
        return state
    own = State(state.folder / "replay")
    own.forget()
    return own


def _tell(done: Done, table: Table, seconds: float) -> None:
    decisions = done.fed + done.timers
    print(f"\n{done.fed:,} events and {done.timers:,} timers between them, stored and decided in {seconds:.1f} s:")
    print(f"{done.fed / seconds:,.0f} events a second, {decisions / seconds:,.0f} with their timers.\n")
    print(report.standings_table(standings(table)))
    print(f"\nMessages sent:     {report.counted(done.messages)}")
    print(f"Messages not sent: {report.counted(done.unsent)}")
    print(f"Failures:          {report.counted(done.failures)}")
    if done.bad_lines:
        print(f"{len(done.bad_lines):,} lines were not understood and wait in quarantine:")
        print("\n".join(f"  line {number}: {reason}" for number, reason in sorted(done.bad_lines)[:SHOWN]))


def _agrees(table: Table, asked: Asked, until: date) -> bool:
    """Does a count made straight from Online Retail's CSV give as many new and silent customers on that day?"""
    counts, theirs = standings(table), recount.labels(asked.path, until)
    ours = {label: sum(counts[stage.value, label] for stage in Stage) for label in ("new", "silent")}
    same = all(ours[label] == theirs[label] for label in ours)
    verdict = "the same" if same else f"NOT the same as here: {report.counted(ours)}"
    print(f"Counted straight from the CSV: new {theirs['new']:,}, silent {theirs['silent']:,}: {verdict}.")
    return same
