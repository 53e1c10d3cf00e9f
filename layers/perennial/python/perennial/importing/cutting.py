"""Cuts files into parts of whole orders, so that each part can be read by itself, once or again, here or elsewhere.

Rows that name one order mostly stand together; those that do not are found by reading the file once before, and are
gathered into parts of their own at the end. A part is lines of JSON, a row each.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from perennial.domain.values import Model
from perennial.importing.account import NOTHING, Counts
from perennial.importing.mapping import EVENTS, Mapping
from perennial.importing.rows import Row, Sheet, packed_row, unpacked_rows
from perennial.importing.shelf import PLAN, Shelf, part_name
from perennial.importing.telling import Reciter, Setting, Teller

PART_ROWS = 8_000
PART_BYTES = 4_000_000
"""A part is closed at the first end of an order after so much: it is held in memory, and worked through in seconds."""
MOST_SCATTERED = 200_000
"""Rows of orders whose lines stand apart, held in memory until the file ends."""


class Unsorted(Exception):
    """Too many orders have their lines apart. Sort the file by its order column and import it again."""


class Part(Model):
    """Some rows of one file, in a document of their own."""

    number: int
    table: str
    header: tuple[str, ...]
    file: str
    rows: int
    """Of the file; a quote that was never closed may have swallowed more than there are here."""

    @property
    def name(self) -> str:
        return part_name(self.number)


class Plan(Model):
    """All parts of an import."""

    parts: tuple[Part, ...]
    shards: int = 1
    """Into how many each part's customers are divided; with another number nobody may go on."""
    aside: Counts = NOTHING
    """Of rows that tell nothing by themselves: they were joined to others."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts) + self.aside.rows


class _Group(NamedTuple):
    """Rows that stay together."""

    key: str
    rows: list[Row]


Grouped = Callable[[Row], str]
Teaching = Teller | Reciter


def teller(mapping: Mapping, table: str, header: Sequence[str], setting: Setting) -> Teaching:
    return Reciter(setting) if table == EVENTS else Teller(mapping, mapping.tables[table], header, setting)


def cut(mapping: Mapping, sheets: Iterable[Sheet], setting: Setting, shelf: Shelf) -> list[Part]:
    """Puts every part on the shelf. Raises `Unsorted`."""
    parts: list[Part] = []
    for sheet in sheets:
        group = teller(mapping, sheet.table, sheet.header, setting).group
        for rows in _parts(sheet, group):
            part = Part(
                number=len(parts),
                table=sheet.table,
                header=sheet.header,
                file=sheet.name,
                rows=sum(row.lines for row in rows),
            )
            shelf.put(part.name, b"".join(map(packed_row, rows)))
            parts.append(part)
    return parts


def keep_plan(plan: Plan, shelf: Shelf) -> None:
    """The last thing that is put: who finds it finds all parts."""
    shelf.put(PLAN, plan.model_dump_json().encode())


def plan_on(shelf: Shelf) -> Plan | None:
    """The plan, if all parts were cut."""
    found = shelf.get(PLAN)
    return Plan.model_validate_json(found) if found else None


def groups_of(part: bytes, group: Grouped) -> Iterator[list[Row]]:
    """A part's rows, those of one order together."""
    return (each.rows for each in _grouped(unpacked_rows(part), group))


def _grouped(rows: Iterable[Row], group: Grouped) -> Iterator[_Group]:
    for key, together in groupby(rows, key=group):
        if key:
            yield _Group(key, list(together))
        else:
            yield from (_Group("", [row]) for row in together)


def _parts(sheet: Sheet, group: Grouped) -> Iterator[list[Row]]:
    scattered = _scattered(sheet, group)
    apart: dict[str, list[Row]] = {}
    yield from _filled(_adjacent(sheet, group, scattered, apart))
    yield from _filled(apart.values())


def _filled(groups: Iterable[list[Row]]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for rows in groups:
        part += rows
        size += sum(len(field) for row in rows for field in row.fields)
        if len(part) >= PART_ROWS or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _adjacent(
    sheet: Sheet, group: Grouped, scattered: frozenset[bytes], apart: dict[str, list[Row]]
) -> Iterator[list[Row]]:
    """The groups that stand together, in the order of the file; the rows of the others go to `apart`."""
    held = 0
    for key, rows in _grouped(sheet.rows(), group):
        if not key or _mark(key) not in scattered:
            yield rows
            continue
        apart.setdefault(key, []).extend(rows)
        held += len(rows)
        if held > MOST_SCATTERED:
            raise Unsorted(f"{sheet.name}: the lines of too many orders stand apart; sort the file by its order column")


def _scattered(sheet: Sheet, group: Grouped) -> frozenset[bytes]:
    """Marks of the orders that come up again after another one's rows. Reads the file through."""
    if sheet.table == EVENTS:
        return frozenset()
    seen: set[bytes] = set()
    again: set[bytes] = set()
    for key, _ in groupby(sheet.rows(), key=group):
        if key:
            mark = _mark(key)
            (again if mark in seen else seen).add(mark)
    return frozenset(again)


def _mark(key: str) -> bytes:
    """Eight bytes: millions of orders are remembered, and two alike only cost that they are gathered as well."""
    return blake2b(key.encode(), digest_size=8).digest()
