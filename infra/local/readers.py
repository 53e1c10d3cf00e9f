"""Shop histories in CSV, read into canonical events in the order of time. Files are known by their header, not by name.

`Reading` is what a reader gives: the events one after the other, and how many there will be.
"""

import csv
import gzip
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from perennial.domain.events import Event

Row = dict[str, str]


class Unreadable(Exception):
    """The folder does not hold what the reader needs. Says what is missing; nothing was read."""


class Reading(NamedTuple):
    events: Iterator[Event]
    """Sorted by time."""
    total: int


def tables(folder: Path, wanted: Mapping[str, Collection[str]]) -> dict[str, tuple[Path, ...]]:
    """Which files hold which table: those whose header has all the columns that `wanted` names for it.

    Raises `Unreadable` when a table has no file.
    """
    found = {table: with_columns(folder, columns) for table, columns in wanted.items()}
    for table, paths in found.items():
        if not paths:
            raise Unreadable(f"{folder}: no .csv or .csv.gz has the columns of {table}: {', '.join(wanted[table])}")
    return found


def with_columns(folder: Path, columns: Collection[str]) -> tuple[Path, ...]:
    """The CSV files in the folder whose header has all these columns, by name."""
    files = (path for path in sorted(folder.glob("*.csv*")) if path.name.endswith((".csv", ".csv.gz")))
    return tuple(path for path in files if set(_header(path)).issuperset(columns))


def rows(paths: Sequence[Path]) -> Iterator[Row]:
    """All rows of the files, one file after the other, by column."""
    for path in paths:
        with _opened(path) as file:
            yield from csv.DictReader(file)


def instant(text: str, zone_offset: str) -> datetime:
    """An aware time from "2017-07-09 21:57:05", written by a clock of this offset, such as "-03:00"."""
    return datetime.fromisoformat(text + zone_offset)


def _header(path: Path) -> Sequence[str]:
    with _opened(path) as file:
        return next(csv.reader(file), ())


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
