"""What was measured, against its budget and beside the last time; and the page that keeps it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KEPT = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_HEADINGS = ("what", "now", "last", "budget", "wish", "")


@dataclass(frozen=True)
class Figure:
    """One line of the table. A budget is the most, or with `more_is_better` the least, that is good enough."""

    what: str
    value: float
    unit: str
    budget: float | None = None
    wish: float | None = None
    more_is_better: bool = False
    note: str = ""
    """How it was measured, and what it is made of."""

    @property
    def is_missed(self) -> bool:
        return self.budget is not None and not self._reaches(self.budget)

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        if self.is_missed:
            return "MISSED"
        return "wish met" if self.wish is not None and self._reaches(self.wish) else "met"

    def _reaches(self, limit: float) -> bool:
        return self.value >= limit if self.more_is_better else self.value <= limit


def table(figures: Sequence[Figure], last: Mapping[str, float]) -> list[str]:
    """The figures as the lines of a Markdown table, which a terminal can read too."""
    rows = [_HEADINGS, *(_row(figure, last.get(figure.what)) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def last_kept(page: Path) -> dict[str, float]:
    """What the page holds of the last time; nothing where there was none."""
    kept = _KEPT.search(page.read_text(encoding="utf-8")) if page.exists() else None
    figures: dict[str, float] = json.loads(kept[1])["figures"] if kept else {}
    return figures


def page_of(figures: Sequence[Figure], last: Mapping[str, float], intro: str, circumstances: Mapping[str, str]) -> str:
    """docs/benchmarks.md: the table, how each figure came about, and all of it for the next run to read."""
    notes = [f"- **{figure.what}**: {figure.note}" for figure in figures if figure.note]
    kept = {**circumstances, "figures": {figure.what: round(figure.value, 3) for figure in figures}}
    document = json.dumps(kept, indent=2, ensure_ascii=False)
    return "\n".join([intro, *table(figures, last), "", *notes, "", "```json", document, "```", ""])


def missed(figures: Iterable[Figure]) -> list[str]:
    return [figure.what for figure in figures if figure.is_missed]


def _row(figure: Figure, last: float | None) -> tuple[str, ...]:
    limits = [_limit(limit, figure) for limit in (figure.budget, figure.wish)]
    before = "" if last is None else _number(last)
    return (figure.what, f"{_number(figure.value)} {figure.unit}", before, *limits, figure.verdict)


def _limit(limit: float | None, figure: Figure) -> str:
    return "" if limit is None else f"{'≥' if figure.more_is_better else '≤'} {_number(limit)}"


def _number(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
