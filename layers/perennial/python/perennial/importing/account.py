"""The account of an import: what became of every row, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field
from pydantic_core import to_json

from perennial.domain.events import Event
from perennial.domain.values import Model

Outcome = Literal["accepted", "skipped", "refused"]


class Verdict(NamedTuple):
    """What became of a row."""

    line: int
    outcome: Outcome
    reason: str = ""
    lines: int = 1
    """How many rows of the file it stands for."""


class Counts(Model):
    """What became of some rows."""

    accepted: int = 0
    skipped: int = 0
    refused: int = 0
    events: int = 0
    orders: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    """Why rows were skipped or refused, and how many."""
    unapplied: dict[str, int] = Field(default_factory=dict)
    """What the write path could not do where it is called at once: kind of event and error. Nothing, mostly."""

    @property
    def rows(self) -> int:
        return self.accepted + self.skipped + self.refused

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            accepted=self.accepted + other.accepted,
            skipped=self.skipped + other.skipped,
            refused=self.refused + other.refused,
            events=self.events + other.events,
            orders=self.orders + other.orders,
            reasons=dict(Counter(self.reasons) + Counter(other.reasons)),
            unapplied=dict(Counter(self.unapplied) + Counter(other.unapplied)),
        )


NOTHING = Counts()


def counted(events: Sequence[Event], verdicts: Iterable[Verdict]) -> Counts:
    rows: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for verdict in verdicts:
        rows[verdict.outcome] += verdict.lines
        if verdict.reason:
            reasons[_without_line(verdict.reason)] += verdict.lines
    orders = sum(event.type == "order.placed" for event in events)
    return Counts(
        accepted=rows["accepted"],
        skipped=rows["skipped"],
        refused=rows["refused"],
        events=len(events),
        orders=orders,
        reasons=dict(reasons),
    )


def _without_line(reason: str) -> str:
    """The reason that rows share: "column Price of line 17: ..." is one reason, whatever the line."""
    return " ".join("..." if word.rstrip(":").isdigit() else word for word in reason.split(" "))


def reported(file: str, verdict: Verdict) -> bytes:
    told = {"file": file, "line": verdict.line, "outcome": verdict.outcome, "reason": verdict.reason}
    return to_json(told if verdict.lines == 1 else {**told, "lines": verdict.lines}) + b"\n"
