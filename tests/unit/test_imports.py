"""Imports in the table: begun once, done part by part, cancelled at any time."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.imports import Import, Imports
from perennial.importing.account import Counts

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def imports() -> Imports:
    return Imports(SqliteTable(Database()))


def an_import(name: str = "i-1", at: datetime = NOON) -> Import:
    return Import(id=name, store="demo", file="orders.csv", mapping="source: a-shop", created_at=at)


def test_an_import_that_is_begun_again_goes_on_as_it_was(imports: Imports):
    imports.begin(an_import())

    again = imports.begin(an_import(at=NOON + timedelta(days=1)))

    assert again.created_at == NOON
    assert imports.list().imports == (an_import(),)


def test_imports_are_listed_newest_first(imports: Imports):
    for number in range(3):
        imports.begin(an_import(f"i-{number}", NOON + timedelta(hours=number)))

    assert [each.id for each in imports.list().imports] == ["i-2", "i-1", "i-0"]


def test_it_is_done_when_each_part_of_each_shard_is(imports: Imports):
    imports.begin(an_import())
    imports.cut("i-1", rows=10, parts=2)
    for part, shard in ((0, 0), (0, 1), (1, 0)):
        imports.done("i-1", part, shard, Counts(accepted=2))
    before = imports.progress("i-1", shards=2)

    imports.done("i-1", 1, 1, Counts(accepted=4, reasons={"why": 1}))

    after = imports.progress("i-1", shards=2)
    assert before is not None
    assert after is not None
    assert (before.state, after.state) == ("loading", "done")
    assert (after.rows, after.parts, after.counts) == (10, 2, Counts(accepted=10, reasons={"why": 1}))


def test_a_part_that_is_done_twice_counts_once(imports: Imports):
    imports.begin(an_import())
    imports.cut("i-1", rows=10, parts=2)

    for _ in range(2):
        imports.done("i-1", 0, 0, Counts(accepted=5))

    progress = imports.progress("i-1")
    assert progress is not None
    assert progress.counts.accepted == 5


def test_what_is_cancelled_is_wanted_no_more_and_stays_so(imports: Imports):
    imports.begin(an_import())
    imports.cut("i-1", rows=10, parts=2)
    assert imports.is_wanted("i-1")

    assert imports.cancel("i-1")

    assert not imports.is_wanted("i-1")
    assert not imports.cut("i-1", rows=10, parts=2)
    assert not imports.cancel("i-1")


def test_why_it_failed_is_told(imports: Imports):
    imports.begin(an_import())

    imports.fail("i-1", "the header has not the columns")

    progress = imports.progress("i-1")
    assert progress is not None
    assert (progress.state, progress.why) == ("failed", "the header has not the columns")


def test_of_an_import_that_was_never_begun_there_is_nothing(imports: Imports):
    assert imports.get("i-9") is None
    assert imports.progress("i-9") is None
    assert not imports.is_wanted("i-9")
    assert not imports.cancel("i-9")
