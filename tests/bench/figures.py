"""What was measured: against its budget, beside the last time, and beside the plain assembly; and the page it is on."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

_KEPT = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_HEADINGS = ("what", "now", "raw", "last", "budget", "wish", "verdict", "plain", "ratio")


@dataclass(frozen=True)
class Figure:
    """One line of the table. A budget is the most, or with `more_is_better` the least, that is good enough."""

    what: str
    value: float
    """A count, which is exact; or a time at the speed of the quiet machine, see timing.py. Verdicts are on this."""
    unit: str
    budget: float | None = None
    wish: float | None = None
    more_is_better: bool = False
    raw: float | None = None
    """Of a time: what the clock said."""
    plain: float | None = None
    """The same of the plain assembly, measured in the same way."""
    note: str = ""
    """How it was measured, and what it is made of."""

    @property
    def is_missed(self) -> bool:
        return self.budget is not None and not self._reaches(self.budget)

    @property
    def is_behind(self) -> bool:
        """Is the plain assembly better?"""
        return self.ratio is not None and self.ratio < 1

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        if self.is_missed:
            return "MISSED"
        return "wish met" if self.wish is not None and self._reaches(self.wish) else "met"

    @property
    def ratio(self) -> float | None:
        """How many times better than the plain assembly; less than 1 where that one is. None where it has no such."""
        if self.plain is None:
            return None
        better, worse = (self.value, self.plain) if self.more_is_better else (self.plain, self.value)
        if better == worse:
            return 1.0
        return better / worse if worse else inf

    def _reaches(self, limit: float) -> bool:
        return self.value >= limit if self.more_is_better else self.value <= limit


@dataclass(frozen=True)
class Section:
    """More than one line can say: a table of its own."""

    title: str
    said: str
    rows: Sequence[Sequence[str]]
    """The first are the headings."""


def table(figures: Sequence[Figure], last: Mapping[str, float]) -> list[str]:
    """The figures as the lines of a Markdown table, which a terminal can read too."""
    return lines_of([_HEADINGS, *(_row(figure, last.get(figure.what)) for figure in figures)])


def lines_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Headings and rows as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def last_kept(page: Path) -> dict[str, float]:
    """What the page holds of the last time; nothing where there was none."""
    kept = _KEPT.search(page.read_text(encoding="utf-8")) if page.exists() else None
    figures: dict[str, float] = json.loads(kept[1])["figures"] if kept else {}
    return figures


def page_of(
    figures: Sequence[Figure],
    sections: Sequence[Section],
    last: Mapping[str, float],
    intro: str,
    circumstances: Mapping[str, str],
) -> str:
    """docs/benchmarks.md: the table, how each figure came about, and all of it for the next run to read."""
    notes = [f"- **{figure.what}**: {figure.note}" for figure in figures if figure.note]
    told = [line for section in sections for line in _told(section)]
    kept = {
        **circumstances,
        "figures": {figure.what: round(figure.value, 3) for figure in figures},
        "plain": {figure.what: round(figure.plain, 3) for figure in figures if figure.plain is not None},
    }
    document = json.dumps(kept, indent=2, ensure_ascii=False)
    return "\n".join([intro, *table(figures, last), "", *notes, "", *told, "```json", document, "```", ""])


def missed(figures: Iterable[Figure]) -> list[str]:
    return [figure.what for figure in figures if figure.is_missed]


def behind(figures: Iterable[Figure]) -> list[str]:
    return [figure.what for figure in figures if figure.is_behind]


def _told(section: Section) -> list[str]:
    return [f"## {section.title}", "", section.said, "", *lines_of(section.rows), ""]


def _row(figure: Figure, last: float | None) -> tuple[str, ...]:
    limits = [_limit(limit, figure) for limit in (figure.budget, figure.wish)]
    against = (_number(figure.plain), _number(figure.ratio))
    now = f"{_number(figure.value)} {figure.unit}"
    return (figure.what, now, _number(figure.raw), _number(last), *limits, figure.verdict, *against)


def _limit(limit: float | None, figure: Figure) -> str:
    return "" if limit is None else f"{'≥' if figure.more_is_better else '≤'} {_number(limit)}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == inf:
        return "∞"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
