"""When time alone would next change a record."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from perennial.domain.customer import Facts, Wait
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.stage import Rules, Standing

HORIZON = timedelta(days=3660)
"""What time would change in ten years or later is not looked for."""


def due_at(facts: Facts, now: datetime, policy: Policy, waits: Iterable[Wait] = ()) -> datetime | None:
    """The first instant after now at which time alone changes stage, label or band, or a wait comes due.

    Exact for rules and waits; the band's crossing is the first whole minute at which the score is in another.
    None when nothing will, within `HORIZON`.
    """
    health, rules = Health(facts, policy, now), Rules(facts, policy)
    return next_change(health, rules, rules.standing(now, health.band), now, waits)


def next_change(
    health: Health, rules: Rules, standing: Standing, now: datetime, waits: Iterable[Wait]
) -> datetime | None:
    """`due_at`, from what the decision has worked out already."""
    end = now + HORIZON
    soonest = min((wait.due for wait in waits), default=end)
    for boundary in sorted([at for at in rules.boundaries() if now < at < soonest]):
        if _differs(rules.standing(boundary, health.band), standing):
            soonest = boundary
            break
    soonest = health.leaves_band(min(soonest, end)) or soonest
    return None if soonest == end else soonest


def _differs(one: Standing, other: Standing) -> bool:
    return one.label is not other.label or one.stage is not other.stage
