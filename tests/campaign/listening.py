"""The merchant's own systems that want to be told: which there are, when they are down, what becomes of their keys."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

from tests.campaign.vendors import STORE

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NAMES = ("desk", "chat", "stock")
WANTED = (
    (),
    (),
    ("task.created", "stage.changed", "ticket.opened"),
    ("order.placed", "customer.merged", "customer.unmerged", "band.changed"),
    ("message.failed", "label.changed", "customer.updated", "stage.changed"),
)
"""Kinds that one wants; none: all that the policy tells."""
STORES = ((), (), (STORE,), ("another",))
OUTAGES = (10 * MINUTE, 10 * MINUTE, 2 * HOUR, 2 * HOUR, 30 * HOUR)
TRUSTED_AFTER = (SECOND, MINUTE, 20 * MINUTE, 5 * HOUR)
"""When a system takes the new key for the old one, after staff gave it to us: sooner than we know it, or later."""

Deed = Literal[
    "add listener",
    "remove listener",
    "rotate listener key",
    "change key there",
    "retire listener key",
    "go down",
    "come back",
]


BY_STAFF: frozenset[Deed] = frozenset({"add listener", "remove listener", "rotate listener key", "retire listener key"})
"""In the senders' secret; the rest is what the systems do themselves."""


@dataclass(frozen=True)
class Listener:
    """One of these systems, and what stands of it in the senders' secret."""

    name: str
    kinds: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    skew: timedelta = timedelta(0)
    """How far its clock is ahead."""
    comes_later: bool = False
    """It is not there when the run begins."""

    @property
    def url(self) -> str:
        return f"https://{self.name}.demo.example/in?to={self.name}"

    def key(self, version: int) -> str:
        """After so many rotations, as Standard Webhooks writes it."""
        return "whsec_" + base64.b64encode(f"{self.name}: key of version {version:+}, long enough".encode()).decode()


class Change(NamedTuple):
    """What becomes of one of them."""

    at: datetime
    deed: Deed
    about: str
    """Its name."""


def listeners(chance: Random) -> tuple[Listener, ...]:
    """One to three; the last of them may come only later."""
    names = NAMES[: chance.choice((1, 1, 2, 3))]
    return tuple(_listener(chance, name, comes_later=name == names[-1] and chance.random() < 0.3) for name in names)


def _listener(chance: Random, name: str, *, comes_later: bool) -> Listener:
    skew = chance.choice((0, 0, 0, -40, 90)) * SECOND
    return Listener(name, chance.choice(WANTED), chance.choice(STORES), skew, comes_later)


def changes(chance: Random, who: Sequence[Listener], moments: Sequence[datetime], ends: datetime) -> Iterator[Change]:
    """What happens to them, mostly as something else happens. moments: when that is."""
    for each in who:
        if each.comes_later:
            yield Change(_moment(chance, moments), "add listener", each.name)
        if chance.random() < 0.2:
            yield from _outage(chance, each, _moment(chance, moments))
        if chance.random() < 0.3:
            yield from _rotation(chance, each, _moment(chance, moments))
    if chance.random() < 0.2:
        yield Change(_moment(chance, (*moments, ends)), "remove listener", chance.choice(who).name)


def _moment(chance: Random, moments: Sequence[datetime]) -> datetime:
    return chance.choice(moments) + chance.choice((-MINUTE, -SECOND, 0 * SECOND, SECOND, HOUR))


def _outage(chance: Random, who: Listener, at: datetime) -> Iterator[Change]:
    yield Change(at, "go down", who.name)
    yield Change(at + chance.choice(OUTAGES), "come back", who.name)


def _rotation(chance: Random, who: Listener, at: datetime) -> Iterator[Change]:
    """As docs/connect/merchant-webhook.md says: the new key before the old one, then there, then the old one goes."""
    yield Change(at, "rotate listener key", who.name)
    at += chance.choice(TRUSTED_AFTER)
    yield Change(at, "change key there", who.name)
    yield Change(at + chance.choice((SECOND, HOUR, DAY)), "retire listener key", who.name)
