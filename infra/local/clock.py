"""The house's clock: real time plus an offset, which a time machine moves and which outlives the process."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


class HouseClock:
    """As `Clock`. The offset lies in a file, in seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = timedelta(seconds=float(file.read_text())) if file.exists() else timedelta(0)

    def now(self) -> datetime:
        return self.wall() + self._offset

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def move_to(self, instant: datetime) -> None:
        """Make it this late; no effect when it is later already."""
        if instant > self.now():
            self.set_to(instant)

    def set_to(self, instant: datetime) -> None:
        """Make it this late, or this early: for a house in which nothing has happened yet."""
        self._offset = instant - self.wall()
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(self._offset.total_seconds()))
        os.replace(fresh, self._file)


class EventClock:
    """As `Clock`, for replays: it stands where the past has got to, and only ever moves forward."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def move_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)
