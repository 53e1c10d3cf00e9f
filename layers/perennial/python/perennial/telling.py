"""What the policy wants told leaves for the queue of notices; as often as the journal's entry is emitted."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from perennial.aws.queues import Message, Queue
from perennial.domain.journal import Entry
from perennial.domain.notices import Notice, notices
from perennial.domain.policy import Policy


class Lived(NamedTuple):
    """An entry, and whose record it was decided on."""

    customer: str
    entry: Entry


class Telling:
    def __init__(self, queue: Queue, policy: Callable[[], Policy]) -> None:
        """policy: the one in force."""
        self._queue = queue
        self._policy = policy

    def asks(self, lived: Lived, now: datetime) -> bool:
        return any(True for _ in self._notices(lived, now))

    def tell(self, lives: Iterable[Lived], now: datetime) -> None:
        """At least once for each: whoever hears it knows it again by its id."""
        messages = [Message(notice.to_json()) for lived in lives for notice in self._notices(lived, now)]
        if messages:
            self._queue.send(messages)

    def _notices(self, lived: Lived, now: datetime) -> Iterator[Notice]:
        return notices(lived.entry, lived.customer, self._policy().tell, now)
