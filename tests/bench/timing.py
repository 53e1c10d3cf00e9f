"""CPU time, best of several rounds: other work on the machine only ever adds to it."""

import hashlib
import json
from collections.abc import Callable
from time import process_time
from typing import TypeVar

from tests.bench.figures import Figure

ROUNDS = 15
_DOCUMENT = json.dumps({f"field-{n}": [n, str(n), {"deeper": n / 7}] for n in range(40)})


T = TypeVar("T")


def cpu(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of CPU of this process, all threads, and what `work` gave."""
    began = process_time()
    given = work()
    return process_time() - began, given


def microseconds(work: Callable[[], object], times: int) -> float:
    """CPU for one call of `work`: the best round of `ROUNDS` with `times` calls each."""

    def repeated() -> None:
        for _ in range(times):
            work()

    return min(cpu(repeated)[0] for _ in range(ROUNDS)) / times * 1e6


def reference() -> Figure:
    """A piece of work that never changes: two runs, or two machines, compare by what is left after dividing by it."""
    note = (
        "parse, write and hash 1.7 kB of JSON with the standard library; divide by it to compare two machines or runs"
    )
    return Figure("reference workload", microseconds(_fixed_work, 400), "µs", note=note)


def _fixed_work() -> None:
    hashlib.sha256(json.dumps(json.loads(_DOCUMENT)).encode()).hexdigest()
