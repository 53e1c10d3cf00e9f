"""Is a source silent? Judged against its own rhythm, hour of the week by hour of the week. Pure.

What is counted are minutes in which something came, for a burst of a hundred events is one sign of life. For each hour
of the week the source has a usual number of them, learned week by week (an exponentially weighted mean, of which the
last week makes 3/10). Since the source was heard last, so many should have come: the sum of what the hours gone by
usually bring. Once `ENOUGH` should have come and none did, it is silent. Were they to come by chance alone (Poisson),
that would happen once in 3,000 times (exp -8).

So a shop that sleeps at night is not missed at night, for its nights bring nothing; three orders a day are missed
after three days, three thousand after half an hour. The first week is for learning, and so is no hour in which the
source was silent: an outage does not become its habit. After a month of silence it is no longer asked after.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from perennial.domain.values import Instant, Model

ENOUGH = 8.0
"""Signs of life that should have come."""
AT_LEAST = timedelta(minutes=30)
"""No silence is shorter: a vendor's deploy or a retry takes as long."""
LEARNING = timedelta(days=7)
GIVEN_UP = timedelta(days=30)
WEIGHT = 0.3
"""Of the last week."""
HOUR = timedelta(hours=1)
ONE_LOOK = timedelta(minutes=40)
"""Two looks that are further apart than this lie in different hours, or one was missed: nothing is learned of them."""


class Heard(NamedTuple):
    """What a source has been heard to say, as counted at the door."""

    source: str
    store: str
    last: datetime
    minutes: int
    """In which something came, since it was heard first."""


class Rhythm(Model):
    """What is usual for a source, as learned until the last look."""

    since: Instant
    looked_at: Instant
    counted: int
    """Minutes, as of the last look."""
    so_far: int = 0
    """Minutes in the hour of the last look."""
    usual: Mapping[int, float] = Field(default_factory=dict)
    """Hour of the week, from Monday 0:00 UTC -> minutes in which something comes."""


class Silence(NamedTuple):
    """How it stands with a source."""

    is_silent: bool
    minutes: int
    """Since it was heard last."""
    missing: float
    """Minutes in which something should have come since."""
    usually_every: float | None
    """Minutes, in this hour of the week; None: it is not known, or nothing usually comes."""


def begun(heard: Heard, now: datetime) -> Rhythm:
    return Rhythm(since=now, looked_at=now, counted=heard.minutes)


def looked(rhythm: Rhythm, heard: Heard, now: datetime) -> Rhythm:
    """With what has come since the last look. Looks are a quarter of an hour apart: what came is of the hour of the
    last, and an hour is learned when the first look after it comes."""
    came = rhythm.so_far + heard.minutes - rhythm.counted
    changes: dict[str, object] = {"looked_at": now, "counted": heard.minutes, "so_far": came}
    if _hour(now) != _hour(rhythm.looked_at):
        changes["so_far"] = 0
        if now - rhythm.looked_at <= ONE_LOOK and not silence(rhythm, heard, now).is_silent:
            changes["usual"] = _learned(rhythm.usual, slot(rhythm.looked_at), came)
    return rhythm.but(changes)


def silence(rhythm: Rhythm, heard: Heard, now: datetime) -> Silence:
    """How it stands now."""
    length, missing = now - heard.last, expected(rhythm, heard.last, now)
    is_silent = missing >= ENOUGH and AT_LEAST <= length < GIVEN_UP and now - rhythm.since >= LEARNING
    usual = rhythm.usual.get(slot(now), 0.0)
    return Silence(is_silent, int(length.total_seconds() // 60), round(missing, 1), 60 / usual if usual else None)


def expected(rhythm: Rhythm, since: datetime, until: datetime) -> float:
    """Minutes in which something usually comes between these; of more than a month no more than a month's."""
    hours = _hours(max(since, until - GIVEN_UP), until)
    return sum(rhythm.usual.get(slot(hour), 0.0) * part for hour, part in hours)


def slot(at: datetime) -> int:
    """The hour of the week, counted from Monday 0:00 UTC."""
    at = at.astimezone(UTC)
    return at.weekday() * 24 + at.hour


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hours(since: datetime, until: datetime) -> Iterator[tuple[datetime, float]]:
    """(hour, which part of it) of all that lies between."""
    hour = _hour(since)
    while hour < until:
        yield hour, (min(until, hour + HOUR) - max(since, hour)) / HOUR
        hour += HOUR


def _learned(usual: Mapping[int, float], at: int, came: int) -> Mapping[int, float]:
    before = usual.get(at, float(came))
    return {**usual, at: round(before + WEIGHT * (came - before), 3)}
