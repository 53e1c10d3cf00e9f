"""A young domain earns its name slowly: so many marketing emails a day, a few more on each.

Mail providers judge by what they knew yesterday. Days are UTC's, as the counter of the house is one.
"""

from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from perennial.domain.values import Model

LONGEST = timedelta(days=180)
MOST_A_DAY = 100_000_000


class WarmUp(Model):
    since: date
    """The first day of it."""
    until: date
    """The last day; from the next on there is no limit of ours."""
    first_day: Annotated[int, Field(ge=1, le=1_000_000)]
    """Marketing emails on the first day, of the whole house."""
    growth: Annotated[float, Field(ge=1, le=3)]
    """Each day so many times as many as on the day before."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if not timedelta(0) <= self.until - self.since <= LONGEST:
            raise ValueError(f"a warm-up ends on the day it begins or later, {LONGEST.days} days at most")
        return self

    def quota(self, day: date) -> int | None:
        """How many marketing emails may leave on that day; None: as many as there are."""
        if not self.since <= day <= self.until:
            return None
        return int(min(self.first_day * self.growth ** (day - self.since).days, MOST_A_DAY))
