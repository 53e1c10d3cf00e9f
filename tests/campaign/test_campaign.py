"""The campaign as CI runs it: some hundred seeds, each crash point of a few short lives, and that a run is one run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.campaign.__main__ import summary
from tests.campaign.plan import Plan, plan_of
from tests.campaign.running import Tally, broken, run_all, total, world_of
from tests.campaign.scenarios import SCENARIOS
from tests.campaign.shrinking import shrink
from tests.campaign.weather import KINDS

ROOT = Path(__file__).parents[2]
SEEDS = range(300)
SHRINKING = 30.0
"""Seconds that a failing seed is shortened for before it is told."""
LEAVES_SOMETHING = ("write", "send", "provider")
"""Calls after which something is not as before: dying after any other is dying before the next."""

pytestmark = pytest.mark.xdist_group("campaign")


@pytest.fixture(scope="module")
def tally() -> Tally:
    began = monotonic()
    whole = total(run_all(SEEDS, processes=2))
    print(*summary(whole, monotonic() - began), sep="\n")
    return whole


def test_every_promise_holds_in_any_weather(tally: Tally) -> None:
    assert tally.figures["seeds"] == len(SEEDS)
    if tally.failures:
        pytest.fail("\n".join(_told(tally)), pytrace=False)


def _told(tally: Tally) -> Iterator[str]:
    yield from (f"seed {each.seed}: {each.promise}: {each.what}" for each in tally.failures)
    if found := shrink(tally.failures[0].seed, SHRINKING):
        yield from found.script
    yield f"again: python -m tests.campaign --seed {tally.failures[0].seed}"


def test_every_kind_of_fault_happens_and_is_known(tally: Tally) -> None:
    assert set(tally.faults) == set(KINDS)


FIGURES = (
    "decisions",
    "sends",
    "unknown",
    "choices",
    "clicks",
    "codes of the pool",
    "notices, taken",
    "points moved by staff",
    "points given by plays",
    "charged to plays",
    "put off by the warm-up",
    "given up",
    "held",
    "stops by itself",
    "dropped: consent withdrawn",
    "dropped: cap",
    "dropped: no coupon left",
)


@pytest.mark.parametrize("figure", FIGURES)
def test_there_is_something_to_get_wrong(tally: Tally, figure: str) -> None:
    assert tally.figures[figure] >= 3


# A run is one run


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    stories = [_story(7, hash_seed) for hash_seed in ("1", "2")]

    assert stories[0] == stories[1]
    assert len(stories[0].splitlines()) > 20


def _story(seed: int, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.campaign", "--seed", str(seed), "--full"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_run_is_the_same_with_the_decisions_that_were_recorded_in_it() -> None:
    drawn = world_of(plan_of(7), is_told=True)
    assert broken(drawn) is None

    replayed = world_of(plan_of(7), drawn.circumstances.chance.taken, is_told=True)
    assert broken(replayed) is None

    assert replayed.script.lines == drawn.script.lines


# Each place to die at


@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_dies_at_any_call_leaves_nothing_undone(name: str) -> None:
    deaths = list(_deaths(SCENARIOS[name]))
    assert len(deaths) > 50

    wrong = {death: why for death in deaths if (why := broken(world_of(SCENARIOS[name], dict([death]))))}

    assert not wrong


def _deaths(plan: Plan) -> Iterator[tuple[str, str]]:
    """The name of a call, and when its worker dies."""
    calm = world_of(plan, {})
    assert broken(calm) is None
    for call in calm.turns.made:
        yield call.name, "crash before"
        if call.place in LEAVES_SOMETHING:
            yield call.name, "crash after"
