"""The one source of 'now'. The laptop's house replaces it by a clock that can be moved."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time by which the house lives: aware, UTC."""

    def wall(self) -> datetime:
        """The time by which senders outside sign their requests; the same as `now` unless a time machine is at work."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    wall = now
