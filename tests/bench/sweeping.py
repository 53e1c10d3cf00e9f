"""The sweep: what it reads for what is due, however many customers there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from infra.local.database import Database
from infra.local.past import Line
from infra.local.sqlite_table import SqliteTable
from perennial.aws.store import DUE_SHARDS, record_key, shard_of
from perennial.aws.table import Item, Put
from perennial.domain.values import iso
from perennial.sweep import Sweep
from tests.bench.applying import Broken
from tests.bench.figures import Figure
from tests.bench.metering import Metered
from tests.bench.timing import cpu

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
DUE = 500
AT_ONCE = 100
"""Writes in one transaction."""


def figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    table = SqliteTable(Database())
    metered, known = Metered(table), 0
    for size in sizes:
        _fill(table, known, size)
        known = size
        yield _swept(metered, size)


def _swept(table: Metered, size: int) -> Figure:
    lane = Line()
    table.take()
    seconds, sent = cpu(lambda: Sweep(table, lane).run(NOW))
    usage = table.take()
    if sent != DUE or lane.backlog() != DUE:
        raise Broken(f"{DUE} were due and {sent} were sent")
    return Figure(
        f"sweep, items read per item due, {size:,} customers",
        usage.items_read / DUE,
        "",
        budget=1.2,
        note=(
            f"{DUE} due; {usage.calls} queries, {usage.read_units:g} read units, {seconds * 1000:.0f} ms of CPU. "
            f"A minute with nothing due: {DUE_SHARDS} queries, {DUE_SHARDS / 2:g} read units"
        ),
    )


def _fill(table: SqliteTable, known: int, size: int) -> None:
    """As many records, as far as the sweep sees them: the first `DUE` are due, each other one a second later."""
    items = (_record(number) for number in range(known, size))
    while writes := [Put(item) for item in islice(items, AT_ONCE)]:
        table.write(writes)


def _record(number: int) -> Item:
    customer = f"c{number:024d}"
    due = NOW - timedelta(seconds=number) if number < DUE else NOW + timedelta(seconds=number)
    shard = f"due#{shard_of(customer, DUE_SHARDS):02d}"
    return Item(record_key(customer), "", {"due_shard": shard, "due": f"{iso(due)}#{customer}#1"})
