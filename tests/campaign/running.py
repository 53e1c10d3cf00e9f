"""Seeds: lived through, reckoned up, counted; one after the other, or by several processes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random
from time import process_time

from tests.campaign.broken import Broken
from tests.campaign.chance import Chance, Decision
from tests.campaign.end import End
from tests.campaign.plan import Plan, plan_of
from tests.campaign.reckoning import figures_of, reckon
from tests.campaign.weather import Weather
from tests.campaign.world import World

PORTION = 20
"""Seeds that a process takes at a time: few enough that all end together."""


@dataclass(frozen=True)
class Failure:
    seed: int
    promise: str
    what: str


@dataclass
class Tally:
    """What happened in some runs."""

    figures: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    """Of processor time."""

    def add(self, other: "Tally") -> None:
        self.figures.update(other.figures)
        self.faults.update(other.faults)
        self.failures += other.failures
        self.seconds += other.seconds


def world_of(
    plan: Plan, only: Mapping[str, Decision] | None = None, *, is_told: bool = False, is_full: bool = False
) -> World:
    chance = Chance(plan.seed, only)
    return World(plan, chance, Weather(Random(f"weather {plan.seed}")), is_told=is_told, is_full=is_full)


def lived(world: World) -> End:
    """The world after its plan, when the weather has cleared. Raises `Broken`."""
    world.live()
    world.clear_up()
    return reckon(world)


def broken(world: World) -> Broken | None:
    """What broke in it, if anything did; then it is closed."""
    try:
        lived(world)
    except Broken as why:
        return why
    finally:
        world.close()
    return None


def run(seed: int) -> Tally:
    began, world = process_time(), world_of(plan_of(seed))
    tally = Tally(Counter(seeds=1), world.circumstances.faults)
    try:
        tally.figures.update(figures_of(lived(world)))
    except Broken as why:
        tally.failures.append(Failure(seed, why.promise, why.what))
    finally:
        world.close()
    tally.seconds = process_time() - began
    return tally


def run_all(seeds: Sequence[int], processes: int) -> Iterator[Tally]:
    """What came of all seeds, portion by portion, in whatever order they are done."""
    # started anew and not forked: a process that has threads forks at its peril
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_run_some, portion) for portion in _portions(seeds)]):
            yield done.result()


def total(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    whole.failures.sort(key=lambda failure: failure.seed)
    return whole


def _run_some(seeds: Sequence[int]) -> Tally:
    return total(map(run, seeds))


def _portions(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    return (seeds[start : start + PORTION] for start in range(0, len(seeds), PORTION))
