"""A run that broke a promise, made as short as it gets: without every step and every decision that it does not need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeVar

from tests.campaign.broken import Broken
from tests.campaign.chance import Decision
from tests.campaign.plan import Plan, Step, plan_of
from tests.campaign.running import broken, world_of

T = TypeVar("T")


@dataclass(frozen=True)
class Shrunken:
    promise: str
    what: str
    steps: int
    decisions: int
    script: tuple[str, ...]


def shrink(seed: int, seconds: float) -> Shrunken | None:
    """The seed's run, shortened for at most this long; None where it breaks nothing."""
    case = _Case.of(plan_of(seed))
    if case is None:
        return None
    deadline = monotonic() + seconds
    before = -1
    while before != case.size and monotonic() < deadline:
        before = case.size
        case = _fewer_steps(case, deadline)
        case = _fewer_decisions(case, deadline)
    return case.told()


@dataclass(frozen=True)
class _Case:
    """A plan and decisions that break a promise."""

    plan: Plan
    decisions: tuple[tuple[str, Decision], ...]
    promise: str

    @property
    def size(self) -> int:
        return len(self.plan.steps) + len(self.decisions)

    @classmethod
    def of(cls, plan: Plan) -> "_Case | None":
        world = world_of(plan)
        why = broken(world)
        return cls(plan, tuple(world.circumstances.chance.taken.items()), why.promise) if why else None

    def but(
        self, *, steps: Sequence[Step] | None = None, decisions: Sequence[tuple[str, Decision]] | None = None
    ) -> "_Case":
        plan = self.plan if steps is None else replace(self.plan, steps=tuple(steps))
        return replace(self, plan=plan, decisions=self.decisions if decisions is None else tuple(decisions))

    def again(self) -> "_Case | None":
        """This case with only those decisions that are still made in it; None where it keeps the promise."""
        world = world_of(self.plan, dict(self.decisions))
        why = broken(world)
        if why is None or why.promise != self.promise:
            return None
        return replace(self, decisions=tuple(world.circumstances.chance.taken.items()))

    def told(self) -> Shrunken:
        world = world_of(self.plan, dict(self.decisions), is_told=True)
        why = broken(world) or Broken("a run is the same every time", "this one broke its promise once, and then not")
        return Shrunken(why.promise, why.what, len(self.plan.steps), len(self.decisions), tuple(world.script.lines))


def _fewer_steps(case: _Case, deadline: float) -> _Case:
    return _fewer(case, lambda case: case.plan.steps, lambda case, steps: case.but(steps=steps), deadline)


def _fewer_decisions(case: _Case, deadline: float) -> _Case:
    return _fewer(case, lambda case: case.decisions, lambda case, kept: case.but(decisions=kept), deadline)


def _fewer(
    case: _Case,
    parts: Callable[[_Case], Sequence[T]],
    with_parts: Callable[[_Case, Sequence[T]], _Case],
    deadline: float,
) -> _Case:
    """Takes parts away in ever smaller pieces (delta debugging), as long as the promise stays broken."""
    size = len(parts(case))
    while size > 0:
        start = 0
        while start < len(parts(case)) and monotonic() < deadline:
            every = parts(case)
            shorter = with_parts(case, [*every[:start], *every[start + size :]]).again()
            if shorter is None:
                start += size
            else:
                case = shorter
        size //= 2
    return case
