"""A provider's rate, kept by each of its senders for itself: nothing is shared, and nothing is asked.

So many senders run at once at most (the event source's `MaximumConcurrency`); each goes its share of the rate. What is
too much all the same (a sender that just started knows of no pause) the provider throttles, and it waits on the due
index.
"""

import time
from collections.abc import Callable

LONGEST_PAUSE_SECONDS = 2.0
"""Ten messages come in a batch, and all have left within a sender's half minute."""


class Pace:
    """Holds its sender back for as long as it must."""

    def __init__(
        self,
        per_second: float,
        senders: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """per_second: of all senders together. monotonic, sleep: in seconds."""
        self._interval = min(senders / per_second, LONGEST_PAUSE_SECONDS)
        self._monotonic, self._sleep = monotonic, sleep
        self._next = monotonic()

    def __call__(self) -> None:
        """Returns when the next message may go."""
        now = self._monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def at_once() -> None:
    """Of a house whose providers take whatever comes."""
