"""Request units as DynamoDB counts them: both sides of each boundary."""

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.table import Delete, Item, Key, Put, Write
from tests.bench.metering import Metered

KEY, OTHER = Key("C#1", "RECORD"), Key("C#1", "J#1")
DUE = {"due_shard": "due#01", "due": "2026-06-01"}
KEYS_AND_NAMES = len("pk" + "C#1" + "sk" + "RECORD" + "weight")


@pytest.fixture
def table() -> Metered:
    return Metered(SqliteTable(Database()))


def item(size: int, key: Key = KEY) -> Item:
    """An item of so many bytes, none of which is packed."""
    return Item(key, "", {"weight": "x" * (size - KEYS_AND_NAMES + len("RECORD") - len(key.sk))})


def test_a_body_weighs_what_it_weighs_packed(table: Metered) -> None:
    table.write([Put(Item(KEY, "x" * 5_000))])

    assert table.take().write_units == 1


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (2049, 3)])
def test_each_kilobyte_begun_is_a_write_unit(table: Metered, size: int, units: int) -> None:
    table.write([Put(item(size))])

    assert table.take().write_units == units


def test_a_transaction_doubles_what_each_item_costs(table: Metered) -> None:
    table.write([Put(item(1024)), Put(item(1025, OTHER))])

    assert table.take().write_units == 2 * (1 + 2)


def test_the_larger_of_before_and_after_is_charged(table: Metered) -> None:
    table.write([Put(item(3000))])
    table.take()

    table.write([Put(item(100))])

    assert table.take().write_units == 3


def test_an_index_costs_one_where_an_entry_comes_or_goes_two_where_it_moves_nothing_where_it_stays(
    table: Metered,
) -> None:
    writes: list[Write] = [
        Put(Item(KEY, "", DUE)),
        Put(Item(KEY, "changed", DUE)),
        Put(Item(KEY, "", {**DUE, "due": "2026-07-01"})),
        Delete(KEY),
    ]

    units = []
    for write in writes:
        table.write([write])
        units.append(table.take().index_units)

    assert units == [1, 0, 2, 1]


def test_half_the_keys_of_an_index_are_no_entry(table: Metered) -> None:
    table.write([Put(Item(KEY, "", {"due": "2026-06-01"}))])

    assert table.take().index_units == 0


def test_a_transaction_does_not_double_what_an_index_costs(table: Metered) -> None:
    table.write([Put(Item(KEY, "", DUE)), Put(Item(OTHER))])

    assert table.take().index_units == 1


@pytest.mark.parametrize(("size", "units"), [(100, 1), (4096, 1), (4097, 2)])
def test_each_four_kilobytes_begun_are_a_read_unit(table: Metered, size: int, units: int) -> None:
    table.write([Put(item(size))])
    table.take()

    table.get([KEY])

    assert table.take().read_units == units


def test_what_is_not_there_costs_a_read_unit_too(table: Metered) -> None:
    table.get([KEY, OTHER, KEY])

    assert table.take().read_units == 2


def test_an_index_is_read_at_half_the_price_even_when_nothing_is_found(table: Metered) -> None:
    table.index("due", "due#01")

    assert table.take().read_units == 0.5


def test_a_hundred_keys_are_one_call(table: Metered) -> None:
    table.get([Key(f"C#{number}", "RECORD") for number in range(101)])

    assert table.take().calls == 2
