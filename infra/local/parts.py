"""Divides a past among processes: events that may be about one customer stay together and in order."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from perennial.domain.events import Event
from perennial.domain.identity import IdentityKey, identity_keys


class Division(NamedTuple):
    parts: bytes
    """For each event the number of its part."""
    latest: datetime | None
    """The latest time of all; None where there are no events."""


def divided(events: Iterable[Event], parts: int) -> Division:
    """Into at most so many parts, 256 at the most.

    Two events that share something by which a customer is found are in one part, and so are all that hang on these:
    an order that names an email, and a ticket that names the order.
    """
    groups, first_keys, latest = _Groups(), [], None
    for event in events:
        first_keys.append(groups.join(identity_keys(event)))
        latest = event.time if latest is None else max(latest, event.time)
    return Division(bytes(groups.root(key) % parts for key in first_keys), latest)


class _Groups:
    """Union-find over keys; a key's number is its place in `_parents`."""

    def __init__(self) -> None:
        self._numbers: dict[IdentityKey, int] = {}
        self._parents = [0]
        """Number 0 stands for events that name nobody."""

    def join(self, keys: Iterable[IdentityKey]) -> int:
        """Make one group of these keys' groups; returns a key of it."""
        joined = 0
        for number in map(self._number, keys):
            if joined:
                self._parents[self.root(number)] = self.root(joined)
            joined = joined or number
        return joined

    def root(self, number: int) -> int:
        while (parent := self._parents[number]) != number:
            self._parents[number] = number = self._parents[parent]
        return number

    def _number(self, key: IdentityKey) -> int:
        number = self._numbers.setdefault(key, len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
        return number
