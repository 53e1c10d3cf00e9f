"""Walking the directory finds each customer once, in bounded steps, from wherever it stopped."""

from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.admin.directory import MOST_QUERIES, places, walk
from perennial.aws.store import DIRECTORY_SHARDS
from perennial.aws.table import BadCursor, Item, Key, Page, Put
from perennial.domain.customer import Label, Stage

EVERYWHERE = places(None, None, None)


class CountingTable(SqliteTable):
    reads = 0

    def index(self, *args: Any, **options: Any) -> Page:
        self.reads += 1
        return super().index(*args, **options)


@pytest.fixture
def table() -> CountingTable:
    return CountingTable(Database())


def put(table: SqliteTable, customer: str, stage: str, label: str, band: str, shard: int = 0) -> None:
    attributes: dict[str, str | int] = {"directory": f"{stage}#{shard}", "directory_rank": f"{label}#{band}#{customer}"}
    table.write([Put(Item(Key(f"C#{customer}", "RECORD"), "{}", attributes))])


def everybody(table: SqliteTable, limit: int, **which: Any) -> list[str]:
    where = places(which.get("stage"), which.get("label"), which.get("band"))
    found, cursor = walk(table, where, limit, None)
    while cursor is not None:
        more, cursor = walk(table, where, limit, cursor)
        found += more
    return found


@pytest.fixture
def forty(table: CountingTable) -> list[str]:
    names = [f"c{number:02d}" for number in range(40)]
    for number, name in enumerate(names):
        band = ["steady", "healthy"][number % 2]
        put(table, name, list(Stage)[number % 5], list(Label)[number % 6], band, number % DIRECTORY_SHARDS)
    return names


@pytest.mark.parametrize("limit", [1, 3, 7, 40, 200])
def test_everybody_is_found_once_however_small_the_steps(table: CountingTable, forty: list[str], limit: int) -> None:
    assert sorted(everybody(table, limit)) == forty


def test_stage_label_and_band_narrow_the_walk(table: CountingTable, forty: list[str]) -> None:
    assert sorted(everybody(table, 9, stage=Stage.DECISION)) == forty[1::5]
    assert sorted(everybody(table, 9, label=Label.NEW)) == forty[1::6]
    assert sorted(everybody(table, 9, band="healthy")) == forty[1::2]
    assert everybody(table, 9, stage=Stage.DECISION, label=Label.NEW, band="healthy") == ["c01", "c31"]


def test_a_band_is_not_found_by_the_beginning_of_its_name(table: CountingTable) -> None:
    put(table, "c1", "retention", "new", "steady_as_she_goes")

    assert everybody(table, 9, label=Label.NEW, band="steady") == []


def test_one_step_reads_the_index_a_bounded_number_of_times(table: CountingTable) -> None:
    put(table, "c1", "winback", "silent", "critical", DIRECTORY_SHARDS - 1)
    everywhere = places(None, None, "critical")
    assert len(everywhere) > MOST_QUERIES

    found, cursor = walk(table, everywhere, 10, None)

    assert (found, table.reads) == ([], MOST_QUERIES)
    assert cursor is not None
    assert everybody(table, 10, band="critical") == ["c1"]


def test_a_walk_that_ended_has_no_cursor(table: CountingTable) -> None:
    put(table, "c1", "retention", "new", "steady")

    assert walk(table, EVERYWHERE, 10, None) == (["c1"], None)


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "W10", "WzEsMiwzXQ", "é", "A" * 3000, "W1tdLFtdLFtdXQ"])
def test_what_is_no_cursor_is_refused(table: CountingTable, cursor: str) -> None:
    with pytest.raises(BadCursor):
        walk(table, EVERYWHERE, 10, cursor)


def test_a_cursor_of_another_list_is_refused(table: CountingTable, forty: list[str]) -> None:
    _, cursor = walk(table, places(Stage.DECISION, None, None), 1, None)

    with pytest.raises(BadCursor):
        walk(table, places(Stage.RETENTION, None, None), 1, cursor)
