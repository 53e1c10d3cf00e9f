"""What happens when: the one clock of a run, and everything that is to happen later."""

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count


class Agenda:
    """One thing at a time; what is due at the same time happens in the order in which it was put down."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._things: list[tuple[datetime, int, Callable[[], object]]] = []
        self._count = count()

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is due; it may be overdue."""
        return self._things[0][0] if self._things else None

    def at(self, when: datetime, do: Callable[[], object]) -> None:
        heappush(self._things, (max(when, self.now), next(self._count), do))

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        self.at(self.now + timedelta(seconds=seconds), do)

    def take(self, seconds: float) -> None:
        """Whatever is being done takes this long."""
        self.now += timedelta(seconds=seconds)

    def do_next(self) -> None:
        when, _, do = heappop(self._things)
        self.now = max(self.now, when)
        do()
