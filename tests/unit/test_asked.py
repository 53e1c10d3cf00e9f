"""What staff asked for under a key is asked once, and counts once towards what may be moved in a day."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.asked import KEPT_FOR, Asked, Spent, Use
from perennial.aws.table import Write
from tests.builders import DAY, MS, NOON


@pytest.fixture
def table() -> SqliteTable:
    return SqliteTable(Database())


def of(number: int, most: int = 200, name: str = "given", customer: str = "mia") -> Use:
    return Use(customer, name, number, most)


def test_nobody_has_asked_for_what_is_new(table: SqliteTable) -> None:
    assert Asked(table).known("a") is None


def test_the_first_time_stays_the_first_time(table: SqliteTable) -> None:
    asked = Asked(table)
    first = asked.first("a", "for mia", NOON, of(5))

    assert asked.first("a", "for leo", NOON + DAY, of(5)) == first
    assert asked.known("a") == first


@pytest.mark.parametrize(("numbers", "fits"), [((200,), True), ((201,), False), ((150, 50), True), ((150, 51), False)])
def test_of_a_day_s_limit_no_more_is_used_than_there_is(
    table: SqliteTable, numbers: tuple[int, ...], fits: bool
) -> None:
    asked = Asked(table)
    *before, last = numbers
    for place, number in enumerate(before):
        asked.first(f"before {place}", "", NOON, of(number))

    if fits:
        asked.first("a", "", NOON, of(last))
    else:
        with pytest.raises(Spent):
            asked.first("a", "", NOON, of(last))


def test_what_is_refused_is_not_written_down_and_uses_nothing(table: SqliteTable) -> None:
    asked = Asked(table)
    asked.first("a", "", NOON, of(150))
    with pytest.raises(Spent):
        asked.first("b", "", NOON, of(60))

    assert asked.known("b") is None
    asked.first("b", "", NOON, of(50))


@pytest.mark.parametrize("other", [of(200, name="taken"), of(200, customer="leo")])
def test_each_use_and_each_customer_has_a_limit_of_its_own(table: SqliteTable, other: Use) -> None:
    asked = Asked(table)
    asked.first("a", "", NOON, of(200))

    asked.first("b", "", NOON, other)


def test_each_day_has_its_own(table: SqliteTable) -> None:
    asked, midnight = Asked(table), NOON.replace(hour=0) + DAY
    asked.first("a", "", midnight - MS, of(200))

    asked.first("b", "", midnight, of(200))


def test_where_the_limit_is_nothing_nothing_is_used(table: SqliteTable) -> None:
    with pytest.raises(Spent):
        Asked(table).first("a", "", NOON, of(1, most=0))


def test_of_fifty_who_ask_at_once_so_many_are_heard_as_there_is_left(table: SqliteTable) -> None:
    asked = Asked(table)

    def ask(number: int) -> bool:
        try:
            asked.first(f"a-{number // 2}", "", NOON, of(30))  # each asked by two at the same time
        except Spent:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        heard = Counter(number // 2 for number, is_heard in enumerate(pool.map(ask, range(50))) if is_heard)

    assert len(heard) == 6
    assert sum(asked.known(f"a-{number}") is not None for number in range(25)) == 6


class Repeating:
    """A table to which a lone write is made twice: its answer was lost, and the SDK asked again."""

    def __init__(self, table: SqliteTable) -> None:
        self._table = table
        self.get = table.get

    def write(self, writes: list[Write]) -> None:
        self._table.write(writes)
        if len(writes) == 1:
            self._table.write(writes)


def test_whoever_loses_an_answer_finds_that_they_have_asked(table: SqliteTable) -> None:
    asked = Asked(Repeating(table))  # type: ignore[arg-type]  # it is neither queried nor indexed

    assert asked.first("a", "for mia", NOON).said == "for mia"


def test_both_are_forgotten_after_a_while(table: SqliteTable) -> None:
    Asked(table).first("a", "", NOON, of(200))

    table.purge(NOON + KEPT_FOR + timedelta(seconds=1))

    Asked(table).first("a", "", NOON, of(200))
