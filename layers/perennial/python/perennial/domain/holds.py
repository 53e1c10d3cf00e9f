"""The emergency stop: what staff have stopped from leaving, whatever else speaks for it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from perennial.domain.actions import Action, Channel, Purpose
from perennial.domain.values import Country, Instant, Model

DISCARDED = "discarded by staff"
HoldId = Annotated[str, Field(pattern=r"^h-[0-9a-z-]{1,60}$")]


class Reach(Model):
    """What a hold stops: messages of which all that is given is true. Nothing given: every message."""

    play: Annotated[str, Field(max_length=100)] | None = None
    channel: Channel | None = None
    purpose: Purpose | None = None
    country: Country | None = None
    """Where the customer is; who may be anywhere may be there."""

    def covers(self, action: Action, country: str | None) -> bool:
        """Whether it stops this action for somebody in that country; None: nobody knows which."""
        return (
            self.play in (None, action.play)
            and self.channel in (None, action.channel)
            and self.purpose in (None, action.purpose)
            and (self.country is None or country in (None, self.country))
        )


class Hold(Model):
    """One stop, from the word of whoever ordered it to the word of whoever lifted it."""

    id: HoldId
    reach: Reach
    because: str
    since: Instant
    by: str
    """Of the identity provider's own ids, as all names of staff here."""
    released_at: Instant | None = None
    released_by: str | None = None

    def released(self, at: datetime, by: str) -> "Hold":
        return self.but({"released_at": at, "released_by": by})


def hold_over(action: Action, country: str | None, holds: Iterable[Hold]) -> Hold | None:
    """The first of these holds that stops the action."""
    return next((hold for hold in holds if hold.reach.covers(action, country)), None)
