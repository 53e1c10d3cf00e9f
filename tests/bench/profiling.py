"""Where the time of one event goes, by phase and step: a thousand times a second the stack is looked at.

Nothing is patched and nothing traced, so the shares are those of the function as it runs. They are applied to the CPU
that applying.py measured, and so add up to it.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from functions.apply import app as apply
from infra.local.clock import EventClock
from tests.bench.applying import BATCH, SECRETS, Function, applied, batches
from tests.bench.figures import Section
from tests.bench.lives import BIRTH
from tests.bench.wire import deployed

INTERVAL = 0.001
"""Seconds between two looks."""
LOOKED = 10.0
"""Seconds to look for: 10,000 looks tell a share of 10 % to within 0.6."""


class Place(NamedTuple):
    """Where a frame of the stack is."""

    module: str
    function: str


class Step(NamedTuple):
    phase: str
    name: str


ROOT = Place("tests.bench.applying", "handled")
REST = Step("around", "Powertools, batch, receipts")
PHASES: Mapping[Place, str] = {
    Place("perennial.batch", "read_batch"): "read",
    Place("perennial.addressing", "of"): "read",
    Place("perennial.aws.store", "settled"): "read",
    Place("perennial.aws.store", "entry"): "read",
    Place("perennial.domain.decide", "decide"): "decide",
    Place("perennial.engine", "_completed"): "write",
    Place("perennial.aws.store", "together"): "write",
    Place("perennial.aws.store", "commit"): "write",
    Place("perennial.engine", "_emit"): "emit",
}
"""The function whose call begins a phase."""
DECIDING: Mapping[str, str] = {
    "perennial.domain.fold": "fold: the event into the facts",
    "perennial.domain.happenings": "happenings: what became true",
    "perennial.domain.plays": "plays",
    "perennial.domain.stage": "stage and label",
    "perennial.domain.score": "score",
    "perennial.domain.timers": "due: when time changes it next",
}
"""Module that `decide` calls -> what for. Whatever that calls in turn, it is for that."""
CALLING: Mapping[str, str] = {
    "tests.bench.wire": "the stand-in for AWS",
    "botocore.auth": "signing",
    "botocore.signers": "signing",
    "botocore.parsers": "parsing the answer",
    "botocore": "botocore's building, hooks, sending",
    "perennial.aws.dynamo_table": "marshalling and packing, and back",
    "perennial.aws.queues": "messages of the queue",
    "perennial.aws.store": "records and entries from and to JSON",
    "perennial.domain.identity": "addressing: identity keys",
    "perennial.addressing": "addressing: identity keys",
    "perennial.batch": "parsing the message",
    "perennial.engine": "profile, texts, actions",
}
"""Package or module -> what it does in every other phase; the innermost of the stack that is named here tells."""


def figures() -> Iterator[Section]:
    looks = _looked()
    each, all_looks = applied(BATCH).ordinary.each, looks.total()
    rows = [
        (step.phase, step.name, f"{each.quiet * 1e6 * count / all_looks:.0f}", f"{100 * count / all_looks:.1f}")
        for step, count in sorted(looks.items(), key=_order)
    ]
    yield Section(
        "Where the time of one event goes",
        (
            f"The {each.quiet * 1e6:.0f} µs of CPU of an ordinary event in a batch of {BATCH}, by {all_looks:,} looks "
            "at the stack, one a millisecond."
        ),
        [("phase", "step", "µs", "%"), *rows, *_phases(looks, each.quiet * 1e6)],
    )


def step_of(stack: Sequence[Place]) -> Step:
    """`stack`: outermost first, from the function's own call on."""
    for depth, place in enumerate(stack):
        if phase := PHASES.get(place):
            within = stack[depth:]
            return Step(phase, _deciding(within) if phase == "decide" else _calling(within))
    return REST


def _deciding(stack: Sequence[Place]) -> str:
    return next((DECIDING[place.module] for place in stack if place.module in DECIDING), "record, entry and the rest")


def _calling(stack: Sequence[Place]) -> str:
    named = (CALLING[name] for place in reversed(stack) for name in _names(place.module) if name in CALLING)
    return next(named, "the rest")


def _names(module: str) -> Iterator[str]:
    """The module and the packages that it is in, itself first."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _looked() -> Counter[Step]:
    """How often a look fell into each step, of ordinary events."""
    clock, looks, number = EventClock(BIRTH), Counter[Step](), 0
    with deployed(clock, SECRETS) as wire:
        function = Function(apply.handler, wire, clock)
        while looks.total() < LOOKED / INTERVAL:
            strangers, *ordinary = batches(number, BATCH)
            function.apply(strangers)
            with _looking(looks):
                for batch in ordinary:
                    function.apply(batch)
            number += 1
    return looks


@contextmanager
def _looking(looks: Counter[Step]) -> Iterator[None]:
    def look(_signal: int, frame: FrameType | None) -> None:
        stack = _stack(frame)
        if stack and stack[0] == ROOT:
            looks[step_of(stack)] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stack(frame: FrameType | None) -> list[Place]:
    """From `ROOT` on, outermost first; without `ROOT`, all of it."""
    places: list[Place] = []
    while frame and (not places or places[-1] != ROOT):
        places.append(Place(frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        frame = frame.f_back
    return places[::-1]


def _order(look: tuple[Step, int]) -> tuple[int, int]:
    """Phases as they come, in each the dearest step first."""
    step, count = look
    return (*PHASES.values(), REST.phase).index(step.phase), -count


def _phases(looks: Counter[Step], microseconds: float) -> Iterator[tuple[str, ...]]:
    for phase in dict.fromkeys((*PHASES.values(), REST.phase)):
        share = sum(count for step, count in looks.items() if step.phase == phase) / looks.total()
        yield (f"**{phase}**", "", f"{microseconds * share:.0f}", f"{100 * share:.1f}")
    yield ("**all**", "", f"{microseconds:.0f}", "100")
