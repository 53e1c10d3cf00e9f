"""The health score: a weighted mean of what can be judged, with its parts, and when its band changes by itself.

Each part is a curve over time. A curve can be read at an instant, and it can say between which values it stays
from one instant to another; so the first instant at which the score leaves its band is found exactly, and not
by looking at every minute.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, exp2
from typing import NamedTuple, Protocol

from perennial.domain.customer import Facts, Order, Part
from perennial.domain.events import ShipmentState
from perennial.domain.policy import (
    DeliveryPart,
    EngagementPart,
    MeanPart,
    Policy,
    RecommendationPart,
    ResolutionPart,
    Score,
)
from perennial.domain.signals import EPOCH, Decayed
from perennial.domain.summary import Summary, summary_of

FULL = 10_000
"""100 points, in hundredths."""
DAY = 86_400.0
_NONE = timedelta(0)
_MOST_LOOKS = 1_000
"""Some thirty are usual; only parts that cancel each other out on the edge of a band need more."""
_NOISE = 1e-3
"""What is this near below a hundredth is that hundredth: floats are not that exact, and no band may flicker."""
_LARGEST_POWER = 900.0
"""What happens years from now is as good as infinite, and must not overflow."""
HARMFUL = frozenset(
    {ShipmentState.CUSTOMS_HOLD, ShipmentState.DELAYED, ShipmentState.EXCEPTION, ShipmentState.DELIVERY_FAILED}
)
DISASTROUS = frozenset({ShipmentState.LOST, ShipmentState.RETURNED})

Reading = tuple[float, ...]
"""What a curve reads at one instant: its value first, then whatever it needs to say how far it can stray."""


class Curve(Protocol):
    """A value between 0 and 1 over time; `t` is in seconds since EPOCH, from the moment the curve was drawn on."""

    def read(self, t: float) -> Reading: ...

    def span(self, start: Reading, end: Reading) -> tuple[float, float]:
        """The least and the greatest value it can take between two readings."""


class Falling:
    """A curve that moves one way only, so that its ends bound it."""

    def __init__(self, value: Callable[[float], float]) -> None:
        self._value = value

    def read(self, t: float) -> Reading:
        return (self._value(t),)

    def span(self, start: Reading, end: Reading) -> tuple[float, float]:
        return (end[0], start[0]) if end[0] < start[0] else (start[0], end[0])


class Balance:
    """Good against bad, with a prior; good and bad fade, and what is overdue grows.

    value = (good + mean * weight) / (good + bad + overdue + weight)
    """

    def __init__(
        self,
        now: float,
        part: MeanPart,
        good: Sequence[tuple[float, float]],
        bad: Sequence[tuple[float, float]],
        overdue: Sequence[tuple[float, float, float]],
    ) -> None:
        """good, bad: (mass, since); overdue: (from when, seconds until its mass is 1, greatest mass)."""
        self._now, self._rate = now, -1 / part.half_life.total_seconds()
        self._good, self._bad = self._left(good), self._left(bad)
        self._overdue = overdue
        self._prior, self._weight = part.prior.mean * part.prior.weight, part.prior.weight

    def read(self, t: float) -> Reading:
        faded = 2.0 ** ((t - self._now) * self._rate)
        good, bad, overdue = self._good * faded, self._bad * faded, 0.0
        for start, unit, most in self._overdue:
            if t > start:
                overdue += min(most, (t - start) / unit)
        return self._ratio(good, bad, overdue), good, bad, overdue

    def span(self, start: Reading, end: Reading) -> tuple[float, float]:
        return self._ratio(end[1], start[2], end[3]), self._ratio(start[1], end[2], start[3])

    def _left(self, masses: Sequence[tuple[float, float]]) -> float:
        """What is left of them now. All fade alike: what a clock ahead of ours told weighs a little more until then."""
        now, rate = self._now, self._rate
        return sum([mass * exp2(min((now - since) * rate, _LARGEST_POWER)) for mass, since in masses if mass])

    def _ratio(self, good: float, bad: float, overdue: float) -> float:
        return (good + self._prior) / (good + bad + overdue + self._weight)


Term = tuple[str, Curve]
"""A part's name and its curve."""


class Share(NamedTuple):
    """What a term counts for beside the others."""

    weight: float
    """After renormalisation, as it is told."""
    hundredths: float
    """Of the score, where the curve reads 1."""


class Health:
    """The score of one customer's facts under one policy, from `now` on."""

    def __init__(self, facts: Facts, policy: Policy, now: datetime, summary: Summary | None = None) -> None:
        self._start = _seconds(now)
        self.terms = _terms(facts, summary or summary_of(facts), policy, self._start)
        self._shares = _shares(policy.score, tuple([name for name, _ in self.terms]))
        self._score = policy.score
        self._readings = [curve.read(self._start) for _, curve in self.terms]
        self.parts = _parts(self.terms, self._shares, self._readings)
        self.score = sum([part.points for part in self.parts]) if self.parts else None
        self.band = None if self.score is None else policy.score.band_of(self.score)

    def leaves_band(self, until: datetime) -> datetime | None:
        """The first whole minute in (now, until] at which the score is in another band than now.

        Where the score lies on the edge of its band for years, the minute up to which it is sure to stay: look again.
        """
        if self.score is None:
            return None
        search = _Search(self.terms, self._shares, self._score.around(self.score))
        return search.first(self._start, self._readings, until)


class _At(NamedTuple):
    """The score at one minute."""

    minute: float
    readings: list[Reading]
    total: float


class _Search:
    """Looks for the first minute outside a band; skips what cannot hold a crossing, and closes in on what does."""

    def __init__(self, terms: Sequence[Term], shares: Sequence[Share], band: tuple[float, float]) -> None:
        self._curves = [curve for _, curve in terms]
        self._scales = [share.hundredths for share in shares]
        self._low, self._high = band[0] - _NOISE, band[1] - _NOISE
        self._looks = 0

    def first(self, now: float, readings: list[Reading], until: datetime) -> datetime | None:
        """readings: of all curves at `now`, in seconds since EPOCH."""
        start, end = now / 60, _seconds(until) // 60
        if end <= start:
            return None
        minute = self._between(self._read(start, readings), self._at(end))
        return None if minute is None else EPOCH + timedelta(minutes=int(minute))

    def _between(self, start: _At, end: _At) -> float | None:
        """The first minute in (start, end] outside the band; at `start` the score is inside."""
        if self._stays(start, end):
            return None
        return self._dip(start, end) if self._inside(end) else self._crossing(start, end)

    def _dip(self, start: _At, end: _At) -> float | None:
        """Inside at both ends: look at both halves."""
        if self._looks > _MOST_LOOKS:
            return int(start.minute) + 1.0
        first, last = int(start.minute) + 1, int(end.minute) - 1
        if first > last:
            return None
        middle = self._at((first + last) // 2)
        sooner = self._between(start, middle)
        return sooner if sooner is not None else self._between(middle, end)

    def _crossing(self, start: _At, end: _At) -> float | None:
        """Inside at the start, outside at the end: close in by false position.

        Where the same end moves twice, the other weighs less, as Anderson and Bjoerck say (BIT 13, 1973).
        """
        edge = self._low if end.total < self._low else self._high
        inner, outer = abs(start.total - edge), abs(end.total - edge)
        moved = None
        while end.minute - start.minute > 1:
            guess = round(start.minute + (end.minute - start.minute) * inner / (inner + outer))
            middle = self._at(min(max(guess, int(start.minute) + 1), int(end.minute) - 1))
            distance = abs(middle.total - edge)
            if not self._inside(middle):
                inner *= _kept(distance, outer) if moved is end else 1
                end, outer = middle, distance
            elif not self._stays(start, middle) and (sooner := self._dip(start, middle)) is not None:
                return sooner
            else:
                outer *= _kept(distance, inner) if moved is start else 1
                start, inner = middle, distance
            moved = middle
        return end.minute

    def _at(self, minute: float) -> _At:
        self._looks += 1
        t = minute * 60
        return self._read(minute, [curve.read(t) for curve in self._curves])

    def _read(self, minute: float, readings: list[Reading]) -> _At:
        total = 0.0
        for scale, reading in zip(self._scales, readings, strict=True):
            total += scale * reading[0]
        return _At(minute, readings, total)

    def _inside(self, at: _At) -> bool:
        return self._low <= at.total < self._high

    def _stays(self, start: _At, end: _At) -> bool:
        """Can the score be outside the band nowhere between the two?"""
        least = most = 0.0
        for curve, scale, one, other in zip(self._curves, self._scales, start.readings, end.readings, strict=True):
            low, high = curve.span(one, other)
            least += scale * low
            most += scale * high
        return self._low <= least and most < self._high


def _kept(new: float, old: float) -> float:
    """How much of the far end's weight stays, so that it moves too."""
    return kept if old and (kept := 1 - new / old) > 0 else 0.5


def score_of(facts: Facts, now: datetime, policy: Policy) -> tuple[int | None, tuple[Part, ...]]:
    """The score in hundredths of a point and its parts, which add up to it; None when nothing can be judged."""
    health = Health(facts, policy, now)
    return health.score, health.parts


def _parts(terms: Sequence[Term], shares: Sequence[Share], readings: Sequence[Reading]) -> tuple[Part, ...]:
    """Each part gets the whole hundredths by which it lifts the running sum: so they add up to the score exactly."""
    parts: list[Part] = []
    total, given = 0.0, 0
    for (name, _), (weight, hundredths), reading in zip(terms, shares, readings, strict=True):
        total += hundredths * reading[0]
        points = int(total + _NOISE) - given
        given += points
        parts.append(Part(name, round(reading[0], 6), weight, points))
    return tuple(parts)


def _shares(score: Score, names: tuple[str, ...]) -> tuple[Share, ...]:
    """What each of these parts counts for, when they are all that can be judged."""
    known: dict[tuple[str, ...], tuple[Share, ...]] = score.shares
    if (shares := known.get(names)) is None:
        weights = [score.weights[name] for name in names]
        total = sum(weights)
        shares = tuple(Share(round(weight / total, 6), FULL * (weight / total)) for weight in weights)
        known[names] = shares
    return shares


def _terms(facts: Facts, summary: Summary, policy: Policy, now: float) -> tuple[Term, ...]:
    """The parts that there is something to judge by, and that the policy gives any weight."""
    parts, signals, weights = policy.score.parts, facts.signals, policy.score.weights
    curves: list[tuple[str, Curve | None]] = [("rhythm", _rhythm(summary, policy))]
    if signals:
        curves.append(("engagement", _engagement(signals, parts.engagement, now)))
        curves.append(("satisfaction", _mean(signals, "satisfaction", parts.satisfaction, now)))
    curves.append(("resolution", _resolution(facts, parts.resolution, now)))
    if signals:
        curves.append(("sentiment", _mean(signals, "sentiment", parts.sentiment, now)))
    curves.append(("delivery", _delivery(facts, parts.delivery, now)))
    if signals:
        curves.append(("recommendation", _recommendation(signals, parts.recommendation, now)))
    return tuple([(name, curve) for name, curve in curves if curve is not None and weights[name]])


def _seconds(at: datetime) -> float:
    return (at - EPOCH).total_seconds()


def _rhythm(summary: Summary, policy: Policy) -> Curve | None:
    part = policy.score.parts.rhythm
    if summary.purchases < part.min_orders:
        return None
    first = _seconds(summary.moments["first_order"])
    last = (_seconds(summary.moments["last_order"]) - first) / DAY
    horizon, repeats = part.horizon.total_seconds() / DAY, summary.purchases - 1
    expected = part.model.expected_purchases

    def chance(t: float) -> float:
        return 1 - exp(-expected(repeats, last, max(last, (t - first) / DAY), horizon))

    return Falling(chance)


def _engagement(signals: Mapping[str, Decayed], part: EngagementPart, now: float) -> Curve | None:
    weighed = [(weight, signals[kind]) for kind, weight in part.kinds.items() if kind in signals]
    return _saturating(weighed, part.saturation, now, part.quiet) if weighed else None


def _recommendation(signals: Mapping[str, Decayed], part: RecommendationPart, now: float) -> Curve | None:
    signal = signals.get("recommendation")
    return _saturating([(1.0, signal)], part.saturation, now, 0.0) if signal else None


def _saturating(weighed: Sequence[tuple[float, Decayed]], saturation: float, now: float, quiet: float) -> Curve:
    """1 - (1 - quiet) exp(-weighted sum / saturation). Each signal fades by the half-life it was kept with."""
    room = 1 - quiet
    masses: dict[int, float] = {}
    for weight, signal in weighed:
        seconds = signal.half_life * 3600
        masses[seconds] = masses.get(seconds, 0.0) + weight * signal.read(now) / saturation
    if len(masses) == 1:
        ((half_life, mass),) = masses.items()
        return Falling(lambda t: 1 - room * exp(-mass * exp2((now - t) / half_life)))
    fading = tuple(masses.items())
    return Falling(lambda t: 1 - room * exp(-sum(mass * exp2((now - t) / half_life) for half_life, mass in fading)))


def _mean(signals: Mapping[str, Decayed], name: str, part: MeanPart, now: float) -> Curve | None:
    if (voices := signals.get(f"{name}#")) is None:
        return None
    said, count = signals[name].read(now), voices.read(now)
    half_life, weight, prior = voices.half_life * 3600, part.prior.weight, part.prior.mean * part.prior.weight

    def mean(t: float) -> float:
        faded = exp2((now - t) / half_life)
        return (said * faded + prior) / (count * faded + weight)

    return Falling(mean)


def _resolution(facts: Facts, part: ResolutionPart, now: float) -> Curve | None:
    if not facts.tickets:
        return None
    good: list[tuple[float, float]] = []
    bad: list[tuple[float, float]] = []
    overdue: list[tuple[float, float, float]] = []
    for ticket in facts.tickets.values():
        if ticket.is_open:
            overdue.append((_seconds(ticket.open_since + part.target), part.as_bad_after.total_seconds(), 1e9))
        elif ticket.resolved_at:
            in_time = ticket.resolved_at - ticket.started_at <= part.target
            (good if in_time else bad).append((1.0, _seconds(ticket.resolved_at)))
    return Balance(now, part, good, bad, overdue)


def _delivery(facts: Facts, part: DeliveryPart, now: float) -> Curve | None:
    good: list[tuple[float, float]] = []
    bad: list[tuple[float, float]] = []
    overdue: list[tuple[float, float, float]] = []
    for order in facts.orders.values():
        if not order.counts:
            continue
        troubled = _trouble(order, part)
        if order.delivered_at:
            harm, at = max(troubled, _lateness(order, part)), _seconds(order.delivered_at)
            good.append((1 - harm, at))
            bad.append((harm, at))
        else:
            if troubled:
                bad.append((troubled, _trouble_at(order)))
            if order.promised_at:
                start = _seconds(order.promised_at + part.grace)
                overdue.append((start, part.full_harm.total_seconds(), 1.0))
    return Balance(now, part, good, bad, overdue) if good or bad or overdue else None


def _lateness(order: Order, part: DeliveryPart) -> float:
    if order.promised_at is None or order.delivered_at is None:
        return 0.0
    late = order.delivered_at - order.promised_at - part.grace
    return min(1.0, late / part.full_harm) if late > _NONE else 0.0


def _trouble(order: Order, part: DeliveryPart) -> float:
    worst = 0.0
    for parcel in order.parcels.values():
        if not DISASTROUS.isdisjoint(parcel.states):
            return 1.0
        if not HARMFUL.isdisjoint(parcel.states):
            worst = part.exception
    return worst


def _trouble_at(order: Order) -> float:
    return max(
        _seconds(at)
        for parcel in order.parcels.values()
        for state, at in parcel.states.items()
        if state in HARMFUL | DISASTROUS
    )
