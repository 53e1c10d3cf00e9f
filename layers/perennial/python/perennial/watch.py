"""Every quarter of an hour: who has fallen silent, what is new in quarantine, and what waits for a person."""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from perennial.aws.coupons import Pools
from perennial.aws.pulses import Pulses
from perennial.aws.quarantine import MOST_COUNTED, Quarantine
from perennial.aws.queues import Queue
from perennial.aws.table import Item, Key, Put, Table
from perennial.deliverability import Guard
from perennial.domain.values import iso
from perennial.gaps import Heard, Silence, begun, looked, silence
from perennial.privacy.erasing import second_looks
from perennial.privacy.requests import Requests

STATE = Key("RHYTHMS", "#WATCH")
"""Sorts before all rhythms, for no source begins so."""
LOW = 50
"""Fewer codes than this, and a pool may be empty before somebody adds more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to. It is logged, and template.yaml makes metrics and alarms of it."""

    new_in_quarantine: int
    """Since the look before; without strays, with which nothing is wrong."""
    silent_sources: int
    longest_silence_minutes: int
    """Of those that are silent."""
    silent: tuple[str, ...]
    """Source and store."""
    second_looks: int
    requests_waiting: int
    """About people's data: until a person answers them."""
    low_coupon_pools: int
    """That need more codes soon, or at once."""
    marketing_stopped: int
    """Stops that the guard of the domain's good name has set, and nobody has lifted."""


@dataclass(frozen=True)
class Watch:
    table: Table
    pulses: Pulses
    quarantine: Quarantine
    requests: Requests
    privacy: Queue
    coupons: Pools
    guard: Guard

    def run(self, now: datetime) -> Seen:
        quiet = [(heard, stands) for heard in self.pulses.all() if (stands := self._learned(heard, now)).is_silent]
        seen = Seen(
            new_in_quarantine=self._new_in_quarantine(now),
            silent_sources=len(quiet),
            longest_silence_minutes=max((stands.minutes for _, stands in quiet), default=0),
            silent=tuple(f"{heard.source}/{heard.store}" for heard, _ in quiet),
            second_looks=second_looks(self.requests, self.privacy, now),
            requests_waiting=len(self.requests.waiting(now)),
            low_coupon_pools=sum(self.coupons.left(pool.name, LOW).left < LOW for pool in self.coupons.all()),
            marketing_stopped=self.guard.look(now),
        )
        self.table.write([Put(Item(STATE, iso(now)))])
        return seen

    def _learned(self, heard: Heard, now: datetime) -> Silence:
        before = self.pulses.rhythm(heard)
        rhythm = looked(before, heard, now) if before else begun(heard, now)
        self.pulses.learn(heard, rhythm)
        return silence(rhythm, heard, now)

    def _new_in_quarantine(self, now: datetime) -> int:
        since = self._last_look() or now
        new = takewhile(lambda entry: entry.received_at > since, self.quarantine.every())
        return sum(not entry.is_stray for _, entry in zip(range(MOST_COUNTED), new, strict=False))

    def _last_look(self) -> datetime | None:
        item = self.table.get([STATE]).get(STATE)
        return datetime.fromisoformat(item.body) if item else None
