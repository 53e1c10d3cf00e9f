"""The sweep: what it reads for what is due, however many customers there are."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config

from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.past import Line
from infra.local.sqlite_table import SqliteTable
from perennial.aws.store import DUE_SHARDS, record_key, shard_of
from perennial.domain.values import iso
from perennial.sweep import Sweep
from tests.bench import plain_deployed
from tests.bench.applying import CONTEXT, Broken, sqs_record
from tests.bench.counting import PAGE, READ_UNIT, size_of
from tests.bench.emulating import emulated, plain_session
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, life
from tests.bench.metering import Metered
from tests.bench.plain import SHOP
from tests.bench.timing import cpu, stopwatch

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
SIZES = (10_000, 100_000, 1_000_000)
DUE = 500
AT_ONCE = 25
"""Items in one call of BatchWriteItem."""


def figures() -> Iterator[Figure]:
    scan = _scanned(SIZES[0])
    with TemporaryDirectory() as folder:
        database = Database(Path(folder) / "customers.db")
        table, known = Metered(SqliteTable(database)), 0
        for size in SIZES:
            _fill(database, known, size)
            known = size
            yield _swept(table, size, scan)
        database.close()


class Scan(NamedTuple):
    """What the plain assembly's nightly look at all customers takes, for one customer."""

    items: float
    bytes: float
    seconds: float


def _swept(table: Metered, size: int, scan: Scan) -> Figure:
    lane = Line()
    table.take()
    taken = stopwatch().time(lambda: cpu(lambda: Sweep(table, lane).run(NOW))[0])
    usage = table.take()
    if lane.backlog() != DUE:
        raise Broken(f"{DUE} were due and {lane.backlog()} were sent")
    return Figure(
        f"sweep, items read per item due, {size:,} customers",
        usage.items_read / DUE,
        "",
        budget=1.2,
        plain=size * scan.items / DUE,
        note=(
            f"{DUE} due; {usage.calls} queries, {usage.read_units:g} read units, {taken.quiet * 1e3:.0f} ms of CPU. "
            f"A minute with nothing due: {DUE_SHARDS} queries, {DUE_SHARDS / 2:g} read units. The plain assembly's "
            f"scan, {_told(scan, size)}"
        ),
    )


def _told(scan: Scan, size: int) -> str:
    """Read eventually consistently: half a read unit for each 4 KB."""
    units, pages = size * scan.bytes / READ_UNIT / 2, ceil(size * scan.bytes / PAGE)
    how = "measured in ministack" if size == SIZES[0] else f"{size / SIZES[0]:g} times what {SIZES[0]:,} took"
    return f"{how}: {pages:,} calls, {units:,.0f} read units, {size * scan.seconds:.1f} s of CPU"


def _fill(database: Database, known: int, size: int) -> None:
    """As many records, as far as the sweep sees them: the first `DUE` are due, each other one a second later.

    Past the table's own door, which takes a hundred at a time.
    """
    with database.writing() as connection:
        connection.executemany(
            "INSERT INTO items (pk, sk, body, attributes, due_shard, due) VALUES (?, ?, '', ?, ?, ?)",
            (_row(number) for number in range(known, size)),
        )


def _row(number: int) -> tuple[str, str, str, str, str]:
    customer = f"c{number:024d}"
    shard, due = f"due#{shard_of(customer, DUE_SHARDS):02d}", f"{iso(_due(number))}#{customer}#1"
    return (*record_key(customer), json.dumps({"due_shard": shard, "due": due}), shard, due)


def _due(number: int) -> datetime:
    return NOW - timedelta(seconds=number) if number < DUE else NOW + timedelta(seconds=number)


def _scanned(size: int) -> Scan:
    """By the plain assembly, in ministack, with as many copies of one ordinary customer."""
    copy = _plain_customer()
    with emulated():
        session, meter = plain_session()
        with plain_deployed.in_ministack(session, EventClock(NOW)) as plain:
            _put_all(session, copy, size)
            meter.take()
            found: list[str] = []
            taken = stopwatch().time(lambda: cpu(lambda: found.extend(plain.sweep(NOW)))[0])
            if len(found) != DUE:
                raise Broken(f"{DUE} were due and {len(found)} were found")
            return Scan(meter.take().items_scanned / size, size_of(copy), taken.quiet / size)


def _plain_customer() -> Mapping[str, Any]:
    """The item that a life leaves, as DynamoDB holds it."""
    clock = EventClock(BIRTH)
    with plain_deployed.on_wire(clock) as (plain, wire):
        events = list(life(1))
        for event in events:
            clock.move_to(event.time)
            plain.handler({"Records": [sqs_record(event.to_json())]}, CONTEXT)
        return wire.item(events[0].data.customer.ids[SHOP])


def _put_all(session: botocore.session.Session, copy: Mapping[str, Any], size: int) -> None:
    dynamodb = session.create_client("dynamodb", config=Config(parameter_validation=False))
    for start in range(0, size, AT_ONCE):
        items = [
            {**copy, "id": {"S": str(number)}, "due_at": {"S": _due(number).isoformat()}}
            for number in range(start, start + AT_ONCE)
        ]
        dynamodb.batch_write_item(
            RequestItems={plain_deployed.CUSTOMERS: [{"PutRequest": {"Item": item}} for item in items]}
        )
