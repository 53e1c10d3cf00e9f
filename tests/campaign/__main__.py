"""Many seeds, or one again: `make campaign SEEDS=n`.

python -m tests.campaign --seeds 20000             seeds 0 to 19,999 by two processes; the first broken ones shrunken
python -m tests.campaign --seeds 500 --first 900   seeds 900 to 1,399
python -m tests.campaign --seed 143                one, with its script, and a shrunken one where it breaks a promise
"""

import argparse
import sys
from collections.abc import Sequence
from time import monotonic

from tests.campaign.plan import plan_of
from tests.campaign.running import Failure, Tally, broken, run_all, world_of
from tests.campaign.shrinking import Shrunken, shrink
from tests.campaign.weather import KINDS

SHRUNKEN = 3
"""How many failures are looked into: the others are mostly the same."""
EVERY_KIND_FROM = 20_000
"""With so many seeds each kind of fault has to happen often."""
OFTEN = 1_000
REPORT_EVERY = 30.0
"""Seconds."""


def main(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(arguments)
    if asked.seed is not None:
        return _again(asked.seed, asked.shrink_for, is_full=asked.full)
    began, seeds = monotonic(), range(asked.first, asked.first + asked.seeds)
    tally = _all(seeds, asked.processes)
    print(*summary(tally, monotonic() - began), sep="\n")
    for failure in tally.failures[:SHRUNKEN]:
        print(*_looked_into(failure, asked.shrink_for), sep="\n")
    seldom = [kind for kind in KINDS if tally.faults[kind] < OFTEN] if len(seeds) >= EVERY_KIND_FROM else []
    if seldom:
        print(f"less than {OFTEN:,} times: {', '.join(seldom)}")
    return 1 if tally.failures or seldom else 0


def summary(tally: Tally, seconds: float) -> list[str]:
    """What a person wants to know of some runs."""
    figures = [f"  {number:>12,}  {name}" for name, number in _ranked(tally.figures)]
    faults = [f"  {tally.faults[kind]:>12,}  {kind}" for kind in sorted({*KINDS, *tally.faults})]
    seeds = max(tally.figures["seeds"], 1)
    return [
        f"{tally.figures['seeds']:,} seeds in {seconds:,.0f} s; {tally.seconds / seeds:.3f} s of processor time each",
        *figures,
        f"faults: {tally.faults.total():,}",
        *faults,
        f"violations: {len(tally.failures)}",
        *map(_line, tally.failures),
    ]


def _ranked(figures: dict[str, int]) -> list[tuple[str, int]]:
    """What was dropped comes last, the rest as it was counted."""
    return sorted(figures.items(), key=lambda figure: (figure[0].startswith("dropped"), -figure[1], figure[0]))


def _line(failure: Failure) -> str:
    return f"  seed {failure.seed}: {failure.promise}: {failure.what}"


def _all(seeds: range, processes: int) -> Tally:
    tally, reported = Tally(), monotonic()
    for each in run_all(seeds, processes):
        tally.add(each)
        for failure in each.failures:
            print(_line(failure), file=sys.stderr, flush=True)
        if monotonic() > reported + REPORT_EVERY:
            reported = monotonic()
            told = f"{tally.figures['seeds']:,} of {len(seeds):,} seeds, {len(tally.failures)} violations"
            print(told, file=sys.stderr, flush=True)
    tally.failures.sort(key=lambda failure: failure.seed)
    return tally


def _looked_into(failure: Failure, seconds: float) -> list[str]:
    found = shrink(failure.seed, seconds)
    again = f"python -m tests.campaign --seed {failure.seed}"
    return ["", *(_told(found) if found else [f"seed {failure.seed} keeps all promises this time"]), f"again: {again}"]


def _told(found: Shrunken) -> list[str]:
    needed = f"{found.steps} steps and {found.decisions} faults are enough:"
    return [f"BROKEN: {found.promise}: {found.what}", needed, *found.script]


def _again(seed: int, seconds: float, *, is_full: bool) -> int:
    world = world_of(plan_of(seed), is_told=True, is_full=is_full)
    why = broken(world)
    print(*world.script.lines, sep="\n")
    if why is None:
        print(f"seed {seed} keeps all promises")
        return 0
    print(*_looked_into(Failure(seed, why.promise, why.what), seconds), sep="\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="this one alone, with its script")
    parser.add_argument("--full", action="store_true", help="with every call in the script")
    parser.add_argument("--shrink-for", type=float, default=60.0, metavar="SECONDS", help="at most, a failing seed")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
