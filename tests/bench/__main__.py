"""Measures, prints, keeps; ends non-zero when a budget is missed or the plain assembly is ahead: `make bench`."""

import argparse
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from time import perf_counter

from infra.local.template import ROOT
from tests.bench import (
    applying,
    backtesting,
    charging,
    deciding,
    faulting,
    housing,
    profiling,
    spending,
    starting,
    sweeping,
    timing,
)
from tests.bench.figures import Figure, Section, behind, last_kept, lines_of, missed, page_of, table

PAGE = ROOT / "docs" / "benchmarks.md"
INTRO = """# Benchmarks

The budgets of the engine, and what `make bench` measured last; it writes this page.

- `now`: counts are exact. Times are CPU time at the speed of the quiet machine that the budgets were written for: each
  piece of some milliseconds is divided by what a workload that never changes took right before and after it, and the
  median of the pieces counts. So a verdict does not change with what else the machine does. `raw` is what the clock
  said, `last` is `now` of the run before.
- `plain`: the same of the usual parts put together, [tests/bench/plain.py](../tests/bench/plain.py): Powertools
  Idempotency, boto3's resource API, read-modify-write, a direct send, a scan each night. It is given our decision, so
  that the assembly is compared and nothing else. `ratio` is how many times better ours is; below 1 it is worse, and
  the command fails.
"""
Measure = Callable[[], Iterable[Figure | Section]]
MEASURES: Mapping[str, Measure] = {
    "machine": lambda: [timing.reference()],
    "decide": deciding.figures,
    "apply": applying.figures,
    "phases": profiling.figures,
    "units": charging.figures,
    "bill": spending.figures,
    "starts": starting.figures,
    "house": housing.figures,
    "sweep": sweeping.figures,
    "backtest": backtesting.figures,
    "faults": faulting.figures,
}


def main(arguments: list[str]) -> int:
    only = _asked(arguments)
    last, began = last_kept(PAGE), perf_counter()
    measured = list(_measured(only))
    figures = [each for each in measured if isinstance(each, Figure)]
    sections = [each for each in measured if isinstance(each, Section)]
    print("\n".join(["", *table(figures, last)]))
    for section in sections:
        print("\n".join(["", section.title, *lines_of(section.rows)]))
    if not only:
        PAGE.write_text(page_of(figures, sections, last, INTRO, _circumstances()), encoding="utf-8")
    print(f"\nIn {perf_counter() - began:.0f} s. How each came about: {PAGE.relative_to(ROOT)}")
    return _judged(figures)


def _measured(only: list[str]) -> Iterator[Figure | Section]:
    for name, measure in MEASURES.items():
        if not only or name in only:
            began = perf_counter()
            print(f"Measuring: {name} ...", end=" ", flush=True)
            yield from measure()
            print(f"{perf_counter() - began:.0f} s", flush=True)


def _judged(figures: list[Figure]) -> int:
    late, slower = missed(figures), behind(figures)
    for what in late:
        print(f"Missed its budget: {what}", file=sys.stderr)
    for what in slower:
        print(f"Behind the plain assembly: {what}", file=sys.stderr)
    return 1 if late or slower else 0


def _circumstances() -> dict[str, str]:
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _asked(arguments: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"measure just these, and keep nothing: {', '.join(MEASURES)}")
    only: list[str] = parser.parse_args(arguments).only
    if unknown := sorted(set(only) - MEASURES.keys()):
        parser.error(f"there is no {', '.join(unknown)}")
    return only


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
