"""Tables that only make sense together: columns of one joined to the rows of another, on disk, whatever their size."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from perennial.importing.account import Verdict
from perennial.importing.mapping import Join
from perennial.importing.mapping import Mapping as Meaning
from perennial.importing.rows import BLANK, Row, Sheet, column_name
from perennial.importing.values import Unreadable, Values

UNREADABLE = "?"
"""Stands where a sum would be, if one of its numbers cannot be read: the row that asks for it is refused."""


class Joined:
    """The sheets of a folder with their joined columns; and what became of the rows that are only joined."""

    def __init__(self, mapping: Meaning, sheets: Sequence[Sheet], scratch: Path) -> None:
        """scratch: a file that may be overwritten, and is of no use afterwards."""
        self._mapping = mapping
        self._values = Values(mapping)
        self._kept = sqlite3.connect(scratch, isolation_level=None)
        self._kept.execute("PRAGMA journal_mode = OFF")
        self._kept.execute("PRAGMA synchronous = OFF")
        self._kept.execute("CREATE TABLE kept (slot INT, key TEXT, file TEXT, line INT, told TEXT)")
        self._kept.execute("CREATE TABLE asked (whose TEXT, key TEXT, PRIMARY KEY (whose, key)) WITHOUT ROWID")
        self._sheets = sheets
        self._slots: dict[tuple[str, str], int] = {}
        """(table, key column) -> its number in `kept`"""
        self._columns: dict[str, list[str]] = {}

    def sheets(self) -> list[Sheet]:
        """Those whose rows tell something."""
        for table in self._mapping.tables.values():
            for join in table.joins:
                self._keep(join)
        self._kept.execute("CREATE INDEX by_key ON kept (slot, key)")
        telling = [sheet for sheet in self._sheets if not self._mapping.tables[sheet.table].only_joined]
        return [self._extended(sheet) for sheet in telling]

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """(file, what became of a row) of the tables that are only joined; once the other sheets were read."""
        for sheet in self._sheets:
            if self._mapping.tables[sheet.table].only_joined:
                yield from ((sheet.name, verdict) for verdict in self._of_sheet(sheet))

    def close(self) -> None:
        self._kept.close()

    def _keep(self, join: Join) -> None:
        name = (join.table, column_name(join.on))
        if name in self._slots:
            return
        slot = self._slots[name] = len(self._slots)
        for sheet in self._sheets:
            if sheet.table == join.table:
                self._columns[join.table] = list(sheet.header)
                at = sheet.header.index(name[1])
                rows = ((slot, row.fields[at].strip(), sheet.name, row.line, _text(row)) for row in _sound(sheet))
                self._kept.execute("BEGIN")
                self._kept.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", rows)
                self._kept.execute("COMMIT")

    def _extended(self, sheet: Sheet) -> Sheet:
        joins = self._mapping.tables[sheet.table].joins
        new = tuple(column_name(column) for join in joins for column in (*join.take, *join.sum))
        header = (*sheet.header, *new)

        def rows() -> Iterator[Row]:
            self._kept.execute("BEGIN")
            for row in sheet.rows():
                yield row if row.fault else row._replace(fields=self._with_joins(joins, header, row.fields))
            self._kept.execute("COMMIT")

        return sheet._replace(header=header, rows=rows) if joins else sheet

    def _with_joins(self, joins: Sequence[Join], header: Sequence[str], fields: Sequence[str]) -> list[str]:
        """Joined one after the other: a later one may go by a column that an earlier one brought."""
        extended = list(fields)
        for join in joins:
            key = extended[header.index(column_name(join.by or join.on))].strip()
            found = self._found(join, key)
            extended += [found[0].get(column_name(column), "") if found else "" for column in join.take.values()]
            extended += [self._sum(found, columns) for columns in join.sum.values()]
        return extended

    def _found(self, join: Join, key: str) -> list[Mapping[str, str]]:
        slot = self._slots[join.table, column_name(join.on)]
        if not key:
            return []
        self._kept.execute("INSERT OR IGNORE INTO asked VALUES (?, ?)", (join.table, key))
        told = self._kept.execute("SELECT told FROM kept WHERE slot = ? AND key = ? ORDER BY rowid", (slot, key))
        columns = self._columns[join.table]
        return [dict(zip(columns, text.split("\x1f"), strict=True)) for (text,) in told]

    def _sum(self, found: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
        """ "" where there is nothing to sum."""
        names = [column_name(column) for column in columns]
        texts = [(text, name) for row in found for name in names if (text := row[name].strip())]
        try:
            return str(sum((self._values.number(*each) for each in texts), Decimal(0))) if texts else ""
        except Unreadable:
            return UNREADABLE

    def _of_sheet(self, sheet: Sheet) -> Iterator[Verdict]:
        """Taken by a row of another table, or asked for by none."""
        [column] = {column for table, column in self._slots if table == sheet.table}
        at = sheet.header.index(column)
        for row in sheet.rows():
            if row.fault:
                yield Verdict(row.line, "skipped" if row.fault == BLANK else "refused", row.fault, row.lines)
                continue
            asked = "SELECT 1 FROM asked WHERE whose = ? AND key = ?"
            if self._kept.execute(asked, (sheet.table, row.fields[at].strip())).fetchone():
                yield Verdict(row.line, "accepted")
            else:
                yield Verdict(row.line, "skipped", f"no row of another table has its {column}")


def _sound(sheet: Sheet) -> Iterator[Row]:
    return (row for row in sheet.rows() if not row.fault)


def _text(row: Row) -> str:
    return "\x1f".join(field.replace("\x1f", " ") for field in row.fields)
