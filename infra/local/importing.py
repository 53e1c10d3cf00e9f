"""`make import`: a merchant's past, from files and a mapping, into a house, at full speed; nobody is sent anything.

Files are cut into parts on disk; processes divide the customers among them and apply the parts in order. A part that
is done is marked in the table, so whoever starts the import again goes on where it stopped, and all is decided at the
instant at which it began: killed and started again, it makes the same table.
"""

import hashlib
import multiprocessing
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from infra.local import recount, report
from infra.local.clock import EventClock, HouseClock
from infra.local.database import NOBODY_ELSE, Database
from infra.local.findings import customers, standings
from infra.local.joining import Joined
from infra.local.past import Line
from infra.local.readers import Unreadable
from infra.local.rebuilding import LANES, WORTH_A_PROCESS, Died, Turn
from infra.local.report import Progress
from infra.local.sqlite_table import SqliteTable
from infra.local.state import STORE, State
from infra.local.twins import QUEUES, KeptSecrets
from perennial.aws import documents, wiring
from perennial.aws.imports import Import, Imports
from perennial.aws.imports import Progress as Standing
from perennial.aws.table import Table
from perennial.domain.events import Event, parse_event
from perennial.engine import Engine
from perennial.importing.account import NOTHING, Counts, Verdict, counted, reported
from perennial.importing.cutting import Part, Plan, cut, keep_plan, plan_on, teller
from perennial.importing.loading import Batch, read_part
from perennial.importing.mapping import Mapping, read_mapping
from perennial.importing.rows import Sheet, sheet_of
from perennial.importing.shelf import report_name
from perennial.importing.telling import Setting

MOST_EVENTS = 40
"""Applied in one call: a few customers share a transaction."""
LOOK_EVERY = 0.5
"""Seconds between two looks at how far the processes are."""
ASIDE = "report-aside.jsonl"
REPORT = "report.jsonl"
SHOWN = 20
"""So many reasons are shown; all are in the report."""
SENDING = ("email", "sms")
WIDTH = 30
"""Characters of the bar."""
SPAWN = multiprocessing.get_context("spawn")


class Asked(NamedTuple):
    path: Path
    """A file, or a folder with the files of the mapping's tables."""
    mapping: Path
    """A mapping file; or the name of one that ships."""
    store: str = STORE
    on: date | None = None
    """Import as if it were this day; only into an empty house."""


class Folder:
    """As `Shelf`. Readable by its owner only: parts are a merchant's rows."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path

    def put(self, name: str, content: bytes) -> None:
        fresh = self.path / f"{name}.new"
        fresh.write_bytes(content)
        os.replace(fresh, self.path / name)

    def get(self, name: str) -> bytes | None:
        file = self.path / name
        return file.read_bytes() if file.exists() else None

    def gather(self, names: Iterable[str], into: str) -> None:
        """One after the other; done once: who died while the pieces were thrown away has the whole already."""
        if (self.path / into).exists():
            return
        fresh = self.path / f"{into}.new"
        with fresh.open("wb") as whole:
            whole.writelines(content for name in names if (content := self.get(name)) is not None)
        os.replace(fresh, self.path / into)

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)


def main(state: State, asked: Asked) -> int:
    """Imports, or goes on importing; 1 when something failed or a count made straight from the files says otherwise.

    Raises `BadMapping`, `Died`, `InUse`, `Unreadable`, and what of importing/ says that a file cannot be used.
    """
    text = mapping_text(asked.mapping)
    mapping, files = read_mapping(text), _files(asked.path)
    with state.lock():
        progress = Progress()
        started = _started(state, asked, text, files)
        with closing(Loading(state.folder, started.id)) as loading:
            print(f"Importing {asked.path} into {state.folder} (import {started.id})", flush=True)
            plan = loading.planned(mapping, files)
            print(f"{plan.rows:,} rows in {len(plan.parts)} parts, read after {progress.seconds:.1f} s", flush=True)
            standing = loading.run(plan)
            loading.clear(plan)
            _tell(loading, plan, standing, progress.seconds)
            agreed = state.history != _history(asked.path) or _agrees(loading.table, mapping.source, asked.path)
    return 0 if agreed and standing.state == "done" and not standing.counts.unapplied else 1


def mapping_text(mapping: Path) -> str:
    """Raises `Unreadable`."""
    if shipped := documents.mapping(str(mapping)):
        return shipped
    try:
        return mapping.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        names = ", ".join(sorted(file.stem for file in (documents.root() / "import").glob("*.yaml")))
        raise Unreadable(f"{mapping}: no mapping file, and none of {names}") from None


def _files(path: Path) -> list[Path]:
    """Raises `Unreadable`."""
    endings = (".csv", ".csv.gz", ".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".txt", ".tsv", ".tsv.gz")
    files = sorted(each for each in path.glob("*") if each.name.endswith(endings)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise Unreadable(f"{path}: there is nothing to import")
    return files


def _started(state: State, asked: Asked, mapping: str, files: Sequence[Path]) -> Import:
    """This import as it was begun first: the same files by the same mapping are the same import."""
    is_new, import_id = not state.database.exists(), _digest(files, mapping, asked.store)
    state.keys()
    with closing(Database(state.database)) as database:
        imports = Imports(SqliteTable(database))
        return imports.get(import_id) or imports.begin(_named(state, asked, mapping, import_id, is_new))


def _named(state: State, asked: Asked, mapping: str, import_id: str, is_new: bool) -> Import:
    if is_new:
        state.history = _history(asked.path)
    elif asked.on:
        raise Unreadable(f"{state.folder} has a house already: its clock stands where it stands, leave out --on")
    now = datetime.combine(asked.on, time(), UTC) if asked.on else HouseClock(state.clock).now()
    if asked.on:
        HouseClock(state.clock).set_to(now)
    return Import(id=import_id, store=asked.store, file=asked.path.name, mapping=mapping, created_at=now)


def _history(path: Path) -> str:
    return f"an import of {path.resolve()}"


def _digest(files: Sequence[Path], *texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{text}\x1f".encode())
    for file in files:
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


class Loading:
    """One import in one house."""

    def __init__(self, folder: Path, import_id: str, turn: Turn = NOBODY_ELSE) -> None:
        self.state = State(folder)
        self.shelf = Folder(self.state.imports / import_id)
        self._database = Database(self.state.database, turn)
        self.table = SqliteTable(self._database)
        self.imports = Imports(self.table)
        found = self.imports.get(import_id)
        assert found is not None, "it was begun"
        self.started = found
        self.mapping = read_mapping(found.mapping)

    def close(self) -> None:
        self._database.close()

    @property
    def setting(self) -> Setting:
        return Setting(self.started.store, self.started.created_at, self.state.keys().identity.encode())

    def planned(self, mapping: Mapping, files: Sequence[Path]) -> Plan:
        """Cuts the files into parts, unless that is done. Raises `NoTable` and `Unsorted`."""
        plan = plan_on(self.shelf)
        if plan is None:
            self.imports.reading(self.started.id)
            plan = self._cut(mapping, [sheet_of(file.name, partial(_opened, file), mapping) for file in files])
        self.imports.cut(self.started.id, plan.rows, len(plan.parts))
        return plan

    def run(self, plan: Plan) -> Standing:
        """Applies what is not done yet. Raises `Died`."""
        if plan.shards == 1:
            apply_shard(self.state.folder, self.started.id, 0, NOBODY_ELSE, Bar(plan))
        else:
            self._run_in_processes(plan)
        standing = self.imports.progress(self.started.id, plan.shards)
        assert standing is not None, "it was begun"
        return standing

    def clear(self, plan: Plan) -> None:
        """Puts the report together, and throws the parts away: they are people's data."""
        names = [ASIDE, *(report_name(part.number) for part in plan.parts)]
        self.shelf.gather(names, REPORT)
        for name in (*names, *(part.name for part in plan.parts)):
            self.shelf.delete(name)

    def _cut(self, mapping: Mapping, sheets: Sequence[Sheet]) -> Plan:
        if mapping.format == "events":
            return self._kept(Plan(parts=tuple(cut(mapping, sheets, self.setting, self.shelf))))
        scratch = self.shelf.path / "joined.db"
        scratch.unlink(missing_ok=True)
        joined = Joined(mapping, sheets, scratch)
        parts = tuple(cut(mapping, joined.sheets(), self.setting, self.shelf))
        aside = self._aside(joined)
        joined.close()
        scratch.unlink(missing_ok=True)
        return self._kept(Plan(parts=parts, aside=aside))

    def _aside(self, joined: Joined) -> Counts:
        """What became of the rows that are only joined; those that nobody asked for go to the report."""
        lines: list[bytes] = []

        def each() -> Iterator[Verdict]:
            for file, verdict in joined.verdicts():
                if verdict.outcome != "accepted":
                    lines.append(reported(file, verdict))
                yield verdict

        counts = counted((), each())
        self.shelf.put(ASIDE, b"".join(lines))
        return counts

    def _kept(self, plan: Plan) -> Plan:
        shards = min(os.cpu_count() or 1, 1 + plan.rows // WORTH_A_PROCESS)
        plan = plan.but({"shards": shards})
        keep_plan(plan, self.shelf)
        return plan

    def _run_in_processes(self, plan: Plan) -> None:
        turn, bar = SPAWN.Lock(), Bar(plan)
        processes = [
            SPAWN.Process(target=apply_shard, args=(self.state.folder, self.started.id, shard, turn), daemon=True)
            for shard in range(plan.shards)
        ]
        for process in processes:
            process.start()
        while running := [process for process in processes if process.is_alive()]:
            running[0].join(LOOK_EVERY)
            standing = self.imports.progress(self.started.id, plan.shards)
            bar.at(standing.done if standing else ())
        if any(process.exitcode for process in processes):
            raise Died("a process of the import ended without a result; start it again, and it goes on from there")


# One process


def apply_shard(folder: Path, import_id: str, shard: int, turn: Turn, bar: "Bar | None" = None) -> None:
    """Applies this shard's customers of all parts that are not done, in the order of the parts, and marks each."""
    with closing(Loading(folder, import_id, turn)) as loading, _write_path(loading) as path:
        plan, standing = plan_on(loading.shelf), loading.imports.progress(import_id)
        assert plan is not None, "it was planned"
        assert standing is not None, "it was begun"
        done = set(standing.done)
        for part in plan.parts:
            if (part.number, shard) not in done:
                _apply_part(loading, path, plan, part, shard)
                done.add((part.number, shard))
                if bar:
                    bar.at(done)


def _apply_part(loading: Loading, path: "WritePath", plan: Plan, part: Part, shard: int) -> None:
    """The first shard also tells what became of the part's rows: all of them read the same."""
    reading = read_part(part, loading.shelf, teller(loading.mapping, part.table, part.header, loading.setting))
    unapplied = path.apply(_of_shard(reading.batches, shard, plan.shards))
    if shard == 0:
        loading.shelf.put(reading.report_name, reading.report())
    counts = reading.counts if shard == 0 else NOTHING
    loading.imports.done(loading.started.id, part.number, shard, counts.but({"unapplied": dict(unapplied)}))


class WritePath(NamedTuple):
    """The engine, and the lanes on which it sends word to itself: that two customers are one, that a key is known."""

    engine: Engine
    lanes: Sequence[Line]
    now: datetime

    def apply(self, batches: Iterable[Batch]) -> Counter[str]:
        """What could not be done, by kind of event and error."""
        failures: Counter[str] = Counter()
        for events in _calls(batches):
            failures += self._applied(events)
            while waiting := [lane.take().body for lane in self.lanes for _ in range(lane.backlog())]:
                failures += self._applied([parse_event(body) for body in waiting])
        return failures

    def _applied(self, events: Sequence[Event]) -> Counter[str]:
        failed = self.engine.apply(events, self.now)
        return Counter(f"{events[position].type}: {type(error).__name__}" for position, error in failed.items())


@contextmanager
def _write_path(loading: Loading) -> Iterator[WritePath]:
    """On the house's table, at the instant at which the import began. Raises `AssertionError` where history asked for
    a message after all."""
    now, keys = loading.started.created_at, loading.state.keys()
    lines = {f"queue_{name}": Line() for name in QUEUES}
    identity, webhooks = keys.identity.encode(), KeptSecrets(keys.webhooks)
    wiring.install(table=loading.table, clock=EventClock(now), secrets=webhooks, identity_secret=identity, **lines)
    try:
        yield WritePath(wiring.engine(), [lines[f"queue_{name}"] for name in LANES], now)
        if asked := sum(lines[f"queue_{name}"].backlog() for name in SENDING):
            raise AssertionError(f"history asked for {asked} messages")
    finally:
        wiring.reset()


def _of_shard(batches: Iterable[Batch], shard: int, shards: int) -> Iterator[Batch]:
    return (batch for batch in batches if int(batch.group[:8], 16) % shards == shard)


def _calls(batches: Iterable[Batch]) -> Iterator[list[Event]]:
    """A few customers a call, none of them twice: a transaction takes so many items and no more."""
    events: list[Event] = []
    whose: set[str] = set()
    for batch in batches:
        if events and (batch.group in whose or len(events) + len(batch.events) > MOST_EVENTS):
            yield events
            events, whose = [], set()
        events += batch.events
        whose.add(batch.group)
    if events:
        yield events


def _opened(file: Path) -> BinaryIO:
    return file.open("rb")


# For people


class Bar:
    """How far it is, on one line; nothing where nobody looks."""

    def __init__(self, plan: Plan) -> None:
        self._rows = {part.number: part.rows for part in plan.parts}
        self._shards, self._total = plan.shards, sum(part.rows for part in plan.parts)
        self._progress = Progress(self._total)

    def at(self, done: Iterable[tuple[int, int]]) -> None:
        rows = sum(self._rows[part] for part, _ in done) // self._shards
        if not sys.stdout.isatty():
            self._progress.at(rows, "work")
            return
        full = WIDTH * rows // (self._total or 1)
        drawn = "#" * full + "." * (WIDTH - full)
        print(f"\r  [{drawn}] {rows:,} of {self._total:,} rows", end="" if rows < self._total else "\n", flush=True)


def _tell(loading: Loading, plan: Plan, standing: Standing, seconds: float) -> None:
    counts = standing.counts + plan.aside
    print(f"\n{counts.rows:,} of {plan.rows:,} rows are accounted for:")
    print(f"  accepted {counts.accepted:,}, skipped {counts.skipped:,}, refused {counts.refused:,}")
    for reason, rows in sorted(counts.reasons.items(), key=lambda each: (-each[1], each[0]))[:SHOWN]:
        print(f"    {rows:>9,}  {reason}")
    print(f"{counts.orders:,} orders in {counts.events:,} events. Messages sent: none.")
    if counts.unapplied:
        print(f"NOT applied: {report.counted(counts.unapplied)}")
    print(f"\n{report.standings_table(standings(loading.table))}\n")
    busy, peak = _spent()
    print(f"{seconds:.1f} s, {plan.rows / seconds:,.0f} rows a second; {busy:.1f} s of processor time.")
    print(f"At most {peak:,} MB of memory in one of {plan.shards + (plan.shards > 1)} processes.")
    print(f"What gave nothing, row by row: {loading.shelf.path / REPORT}")
    print(f"To look around: make run STATE={loading.state.folder}", flush=True)


def _spent() -> tuple[float, int]:
    """Seconds of processor time of this process and those that it started; MB of the largest of them."""
    usages = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = max(usage.ru_maxrss for usage in usages) // (1024 if sys.platform != "darwin" else 1024 * 1024)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages), peak


def _agrees(table: Table, source: str, path: Path) -> bool:
    """Does a count made straight from the files, sharing no code, give as many orders and customers?"""
    count = recount.COUNTS.get(source)
    if count is None:
        return True
    theirs = count(path)
    ours = recount.Found(orders=0, customers=0)
    for customer in customers(table):
        orders = len(customer.facts.orders) + customer.facts.totals.orders
        ours = recount.Found(ours.orders + orders, ours.customers + 1)
    verdict = "the same as in the table" if ours == theirs else f"NOT the same as in the table: {ours}"
    print(f"Counted straight from the files: {theirs.orders:,} orders, {theirs.customers:,} customers: {verdict}.")
    return ours == theirs
