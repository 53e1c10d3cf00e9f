"""Files in parts: no order is torn apart, no row is lost, and the same file gives the same parts."""

import io
import json
from collections.abc import Callable

import pytest

from perennial.importing import cutting
from perennial.importing.account import Counts
from perennial.importing.cutting import Part, Plan, Unsorted, cut, keep_plan, plan_on, teller
from perennial.importing.loading import MOST_TOGETHER, PartRead, read_part
from perennial.importing.mapping import read_mapping
from perennial.importing.rows import sheet_of
from tests.unit.test_import_telling import SETTING

MAPPING = read_mapping("""
source: a-shop
currency: EUR
tables:
  lines:
    has: [No]
    customer: {id: Who}
    order: {id: No, placed_at: On, lines: {quantity: Pieces, price: Each}}
""")
HEADER = "No,Who,On,Pieces,Each\n"


class Memory:
    """As `Shelf`."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self.kept[name] = content

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)


def a_line(order: str, who: str = "mia", day: int = 1, each: str = "5") -> str:
    return f"{order},{who},2026-03-{day:02d},1,{each}\n"


def opened(text: str) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(text.encode())


def cut_up(text: str, shelf: Memory) -> list[PartRead]:
    parts = cut(MAPPING, [sheet_of("lines.csv", opened(text), MAPPING)], SETTING, shelf)
    return [read_part(part, shelf, teller(MAPPING, part.table, part.header, SETTING)) for part in parts]


def orders(parts: list[PartRead]) -> dict[str, str]:
    """Order -> its total."""
    events = [event for part in parts for batch in part.batches for event in batch.events]
    placed = [json.loads(event.to_json())["data"]["order"] for event in events]
    assert len(placed) == len({order["id"] for order in placed}), "each once"
    return {order["id"]: order["total"]["amount"] for order in placed}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "PART_ROWS", 3)


@pytest.mark.usefixtures("small_parts")
def test_a_part_ends_where_an_order_ends():
    text = HEADER + a_line("A") * 2 + a_line("B") * 4 + a_line("C")

    parts = cut_up(text, Memory())

    assert [part.counts.rows for part in parts] == [6, 1]
    assert orders(parts) == {"A": "10", "B": "20", "C": "5"}


@pytest.mark.usefixtures("small_parts")
def test_an_order_whose_lines_stand_apart_is_one_order():
    text = HEADER + a_line("A") + a_line("B") + a_line("A") + a_line("C") * 3 + a_line("B", each="7")

    parts = cut_up(text, Memory())

    assert orders(parts) == {"A": "10", "B": "12", "C": "15"}
    assert sum(part.counts.rows for part in parts) == 7


def test_too_many_orders_with_their_lines_apart_are_sent_back_to_be_sorted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cutting, "MOST_SCATTERED", 3)

    with pytest.raises(Unsorted, match=r"lines\.csv: .*sort the file"):
        cut_up(HEADER + (a_line("A") + a_line("B")) * 2, Memory())


@pytest.mark.usefixtures("small_parts")
def test_the_same_file_gives_the_same_parts():
    text = HEADER + "".join(a_line(str(number % 7), day=1 + number % 28) for number in range(40))
    one, other = Memory(), Memory()

    cut_up(text, one)
    cut_up(text, other)

    assert one.kept == other.kept
    assert one.kept


@pytest.mark.usefixtures("small_parts")
def test_every_row_is_accounted_for_and_what_gave_nothing_is_reported_with_its_line():
    text = HEADER + a_line("A") + "B,too,few\n" + "\n" + a_line("C", who="") + a_line("D", each="?") + a_line("E")

    parts = cut_up(text, Memory())

    total = sum((part.counts for part in parts), Counts())
    assert (total.accepted, total.skipped, total.refused, total.orders) == (2, 2, 2, 2)
    assert sum(total.reasons.values()) == 4
    told = [json.loads(line) for part in parts for line in part.report().splitlines()]
    assert sorted((line["line"], line["outcome"]) for line in told) == [
        (3, "refused"), (4, "skipped"), (5, "skipped"), (6, "refused"),
    ]  # fmt: skip
    assert {line["file"] for line in told} == {"lines.csv"}


def test_one_customers_events_are_together_oldest_first_and_no_more_than_a_transaction_takes():
    number = MOST_TOGETHER + 3
    lines = "".join(a_line(f"M{day}", day=day) + a_line(f"B{day}", who="bo", day=day) for day in range(number, 0, -1))

    [part] = cut_up(HEADER + lines, Memory())

    assert [len(batch.events) for batch in part.batches] == [MOST_TOGETHER, 3, MOST_TOGETHER, 3]
    assert len({batch.group for batch in part.batches}) == 2
    theirs = [event.time for batch in part.batches[:2] for event in batch.events]
    assert theirs == sorted(theirs)


def test_a_plan_is_found_again_and_only_when_all_of_it_was_cut():
    shelf = Memory()
    parts = cut(MAPPING, [sheet_of("lines.csv", opened(HEADER + a_line("A")), MAPPING)], SETTING, shelf)
    assert plan_on(shelf) is None

    keep_plan(Plan(parts=tuple(parts), shards=2), shelf)

    assert plan_on(shelf) == Plan(parts=tuple(parts), shards=2)


def test_a_part_that_is_gone_is_told_by_its_name():
    part = Part(number=4, table="lines", header=("no",), file="lines.csv", rows=1)

    with pytest.raises(LookupError, match=r"part-000004\.jsonl is gone"):
        read_part(part, Memory(), teller(MAPPING, "lines", ("no", "who", "on", "pieces", "each"), SETTING))
