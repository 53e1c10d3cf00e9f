"""Pools of coupon codes for staff: add codes out of a table, and see how many are left. Knows no HTTP.

Errors: those of problems.py; and what the table raises.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from perennial.admin import answers
from perennial.admin.problems import Fault, Unanswerable
from perennial.admin.tables import table
from perennial.aws.clock import Clock
from perennial.aws.coupons import Code, Pools, State

COLUMN = "code"
MOST_ADDED = 5_000
"""Codes that one request adds: well within the time of a function."""
MOST_FAULTS = 50
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,59}")
"""A code that shops take. It begins with a letter or a digit: with one of = + - @ a spreadsheet would compute it."""


@dataclass(frozen=True)
class CouponDesk:
    pools: Pools
    clock: Clock

    def all(self) -> answers.CouponPools:
        return answers.CouponPools(pools=tuple(self._shown(pool.name) for pool in self.pools.all()))

    def add(self, pool: str, table: str, by: str) -> answers.CodesAdded:
        """Add the codes of a CSV table. All of it is refused where one is no code."""
        codes = _codes(table)
        added = self.pools.add(pool, codes, by, self.clock.now())
        return answers.CodesAdded(pool=self._shown(pool), added=added, known=len(codes) - added)

    def codes(self, pool: str, state: State, limit: int, cursor: str | None) -> tuple[str, str | None]:
        """Codes of a pool as a table, and the cursor of what follows. Raises `BadCursor`."""
        page = self.pools.codes(pool, state, limit, cursor)
        return table(Code._fields, page.codes), page.cursor

    def _shown(self, name: str) -> answers.CouponPool:
        count = self.pools.left(name)
        return answers.CouponPool(name=name, left=count.left, is_complete=count.is_complete)


def _codes(written: str) -> list[str]:
    """Of the column `code`. Raises `Unanswerable`, which names lines and quotes none: a code is money."""
    try:
        lines = _lines(written)
    except csv.Error:  # a cell longer than any table has, like a quote that is never closed
        raise Unanswerable("no codes were added", [Fault(where="body", message="cannot be read as a table")]) from None
    if faults := list(_faults(lines)):
        raise Unanswerable("no codes were added", faults[:MOST_FAULTS])
    return [code for _, code in lines]


def _lines(written: str) -> list[tuple[int, str]]:
    """(line, code)"""
    read = csv.DictReader(written.removeprefix("\ufeff").splitlines())
    if COLUMN not in (read.fieldnames or ()):
        raise Unanswerable("no codes were added", [Fault(where="body", message=f"has no column {COLUMN!r}", line=1)])
    return [(read.line_num, str(row[COLUMN] or "").strip()) for row in read]


def _faults(lines: list[tuple[int, str]]) -> Iterator[Fault]:
    if not 0 < len(lines) <= MOST_ADDED:
        yield Fault(where="body", message=f"has {len(lines)} codes; a request adds 1 to {MOST_ADDED}")
    for number, code in lines:
        if not CODE.fullmatch(code):
            told = "is no code: 3 to 60 letters, digits, - and _, and it begins with a letter or a digit"
            yield Fault(where="body", message=told, line=number)
