"""CPU time at the speed of one quiet machine, so that a verdict does not depend on what else runs on this one.

Other work on the machine adds to every time, up to half, and it comes and goes within a second. So a measure is cut
into pieces of some milliseconds, each piece lies between two pieces of a workload that never changes, and is divided by
what that took. The median of the pieces is the figure; what the clock itself said is printed beside it as `raw`.
What is left is that busy neighbours slow Python's own work a little more than the reference's: with ten processes on
two cores figures are still some 15 % too high, where raw ones are twice too high. So a budget is never met by noise.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from statistics import mean, median
from time import process_time
from typing import TypeVar

from tests.bench.figures import Figure

QUIET = 67e-6
"""Seconds of CPU that the reference workload took on the machine that the budgets were written for."""
PIECE = 75
"""Reference workloads in one piece: 5 ms."""
PIECES = 41
_DOCUMENT = json.dumps({f"field-{n}": [n, str(n), {"deeper": n / 7}] for n in range(40)})


T = TypeVar("T")


@dataclass(frozen=True)
class Timed:
    """Seconds of CPU."""

    quiet: float
    """As it would have been on the quiet machine."""
    raw: float
    """As it was."""

    def __add__(self, other: "Timed") -> "Timed":
        return Timed(self.quiet + other.quiet, self.raw + other.raw)

    def __truediv__(self, parts: float) -> "Timed":
        return Timed(self.quiet / parts, self.raw / parts)

    def __mul__(self, times: float) -> "Timed":
        return Timed(self.quiet * times, self.raw * times)


class Stopwatch:
    """Times one piece of work after another, each between two pieces of the reference."""

    def __init__(self, reference: Callable[[], float], quiet: float) -> None:
        """`reference` takes its time anew and tells it; `quiet` is what it would be on the quiet machine."""
        self._reference = reference
        self._quiet = quiet
        self._before = reference()

    def time(self, seconds: Callable[[], float]) -> Timed:
        """`seconds` does the work and tells what it took."""
        raw, after = seconds(), self._reference()
        slowness = mean((self._before, after)) / self._quiet
        self._before = after
        return Timed(raw / slowness, raw)


def cpu(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of CPU of this process, all threads, and what `work` gave."""
    began = process_time()
    given = work()
    return process_time() - began, given


def stopwatch() -> Stopwatch:
    return Stopwatch(_reference, QUIET)


def timed(work: Callable[[], object], times: int = 1, pieces: int = PIECES) -> Timed:
    """One call of `work`: the median of so many pieces of `times` calls each."""
    watch = stopwatch()
    return median_of([watch.time(lambda: cpu(lambda: _repeat(work, times))[0]) for _ in range(pieces)]) / times


def median_of(pieces: Sequence[Timed]) -> Timed:
    """Of the same work, done several times."""
    return Timed(median(piece.quiet for piece in pieces), median(piece.raw for piece in pieces))


def total(pieces: Sequence[Timed]) -> Timed:
    return reduce(Timed.__add__, pieces)


def reference() -> Figure:
    """A piece of work that never changes: what every other time is divided by, as it was beside it."""
    return Figure(
        "reference workload",
        median(_reference() for _ in range(PIECES)) * 1e6,
        "µs",
        note=(
            "parse, write and hash 1.7 kB of JSON with the standard library, before all else; every figure in time is "
            f"what it took times {QUIET * 1e6:.0f} µs, over what this took right before and after it"
        ),
    )


def _reference() -> float:
    """Seconds of one reference workload, now."""
    return cpu(lambda: _repeat(_fixed_work, PIECE))[0] / PIECE


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def _fixed_work() -> None:
    hashlib.sha256(json.dumps(json.loads(_DOCUMENT)).encode()).hexdigest()
