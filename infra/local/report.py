"""Tables for people: who came out of it, and what was done."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic

from infra.local.findings import Findings
from perennial.domain.customer import Label, Stage

SHORT = 10
"""So much of a customer's id is shown."""
EVERY = 2.0
"""Seconds between two lines of progress."""


def standings_table(counts: Mapping[tuple[str, str], int]) -> str:
    """Stages down, labels across, and their sums."""
    labels = [str(label) for label in Label]
    rows = [[stage, *(counts.get((stage, label), 0) for label in labels), _sum(counts, 0, stage)] for stage in Stage]
    sums = ["all", *(_sum(counts, 1, label) for label in labels), sum(counts.values())]
    return columns(["stage", *labels, "all"], [*rows, sums])


def _sum(counts: Mapping[tuple[str, str], int], place: int, name: str) -> int:
    return sum(count for key, count in counts.items() if key[place] == name)


def customers_table(findings: Findings) -> str:
    """Who there is; nobody is named."""
    rows = [
        (
            customer.id[:SHORT],
            customer.facts.about["country"].value if "country" in customer.facts.about else None,
            customer.stage.value,
            customer.label.value,
            None if customer.score is None else f"{customer.score / 100:.2f}",
            customer.band,
            None if customer.due_at is None else _minute(customer.due_at),
        )
        for customer in findings.customers
    ]
    return columns(["customer", "country", "stage", "label", "score", "band", "next due (UTC)"], rows)


def actions_table(findings: Findings) -> str:
    """What was done and what waits, in the order of time."""
    rows = [(_minute(row.at), row.customer[:SHORT], row.play, row.what, row.became) for row in findings.rows()]
    return columns(["when (UTC)", "customer", "play", "action", "state"], rows)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Text in columns: numbers to the right, everything else to the left."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(_aligned(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str("-" if cell is None else cell)


def _aligned(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(",", "").replace(".", "").isdigit() else cell.ljust(width)


def counted(counts: Mapping[str, int]) -> str:
    """ "tutorial 3, welcome 1", the most frequent first; "none" for nothing."""
    most_first = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{name} {count:,}" for name, count in most_first) or "none"


class Progress:
    """Says every two seconds how far a long task is, and nothing for a short one."""

    def __init__(self, total: int | None = None) -> None:
        """`total` where it is known."""
        self._total = total
        self._began = self._said = monotonic()

    @property
    def seconds(self) -> float:
        return monotonic() - self._began

    def at(self, done: int, where: object) -> None:
        if monotonic() - self._said >= EVERY:
            self._said = monotonic()
            of_all = f" of {self._total:,} ({done / self._total:.0%})" if self._total else ""
            print(f"  {done:,}{of_all}, {done / self.seconds:,.0f} a second, at {where}", flush=True)
