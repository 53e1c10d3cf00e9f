"""Measures, prints, keeps, and ends non-zero when a budget is missed: `make bench`, or python -m tests.bench."""

import argparse
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import perf_counter

from infra.local.template import ROOT
from tests.bench import applying, backtesting, charging, deciding, housing, spending, starting, sweeping, timing
from tests.bench.figures import Figure, last_kept, missed, page_of, table

PAGE = ROOT / "docs" / "benchmarks.md"
INTRO = """# Benchmarks

The budgets of the engine, and what `make bench` measured last; it writes this page. Times are CPU time, the best of
several rounds, because other work on the machine only ever adds to them; to compare two machines, or two runs, divide
by the reference workload. `last` is the run before.
"""


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    last, began = last_kept(PAGE), perf_counter()
    figures = list(_measured(million=asked.million))
    print("\n".join(["", *table(figures, last)]))
    PAGE.write_text(page_of(figures, last, INTRO, _circumstances()), encoding="utf-8")
    print(f"\nIn {perf_counter() - began:.0f} s. How each came about: {PAGE.relative_to(ROOT)}")
    for what in (late := missed(figures)):
        print(f"Missed its budget: {what}", file=sys.stderr)
    return 1 if late else 0


def _measured(*, million: bool) -> Iterator[Figure]:
    sizes = (10_000, 100_000, 1_000_000) if million else (10_000, 100_000)
    measures: dict[str, Callable[[], Iterable[Figure]]] = {
        "the machine": lambda: [timing.reference()],
        "decide()": deciding.figures,
        "the apply function": applying.figures,
        "request units": charging.figures,
        "the bill": spending.figures,
        "cold starts": starting.figures,
        "the laptop's house": housing.figures,
        "the sweep": lambda: sweeping.figures(sizes),
        "the backtest": backtesting.figures,
    }
    for name, measure in measures.items():
        print(f"Measuring {name} ...", flush=True)
        yield from measure()


def _circumstances() -> dict[str, str]:
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--million", action="store_true", help="sweep a million customers too; a minute more")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
