"""A customer judged at one instant as DESIGN section 4 says it, term by term: no curves, no spans, no search for roots.

It shares with the product what events alone decide (facts, their sums, whether an `if` holds) and the purchases that a
rhythm lets expect, which has proofs of its own. All that time does to a customer is written down here a second time.
Instants and lengths are whole milliseconds; instants count from EPOCH.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import exp, exp2, floor, inf
from typing import NamedTuple

from perennial.domain.conditions import Context
from perennial.domain.customer import Facts, Order, Ticket
from perennial.domain.events import ShipmentState
from perennial.domain.policy import MeanPart, Policy, Rule
from perennial.domain.signals import EPOCH, Decayed
from perennial.domain.summary import customer_fields, summary_of
from perennial.domain.values import TICK

DAY = 86_400_000
HOUR = 3_600_000
DOUBT = 1e-6
"""Hundredths of a point: nearer to the edge of a band than this, floats may differ."""
NEARLY = 1e-3
"""So near below a hundredth is that hundredth."""
DISASTER = {ShipmentState.LOST, ShipmentState.RETURNED}
TROUBLE = {
    ShipmentState.CUSTOMS_HOLD,
    ShipmentState.DELAYED,
    ShipmentState.EXCEPTION,
    ShipmentState.DELIVERY_FAILED,
} | DISASTER
Value = Callable[[int], float]
"""A part of the score, between 0 and 1, at an instant."""


class Standing(NamedTuple):
    label: str
    stage: str
    band: str | None


class Span(NamedTuple):
    """From when until when a rule holds, both included, as far as time decides it; and in which bands."""

    name: str
    begins: float
    ends: float
    bands: tuple[str, ...]
    labels: tuple[str, ...]

    def holds(self, t: int, band: str | None) -> bool:
        return self.begins <= t <= self.ends and (not self.bands or band in self.bands)


def instant(at: datetime) -> int:
    return (at - EPOCH) // TICK


def length(of: timedelta) -> int:
    return of // TICK


class Judge:
    """Asked of one customer at many instants, `start` or later."""

    def __init__(self, facts: Facts, policy: Policy, start: datetime) -> None:
        self._facts, self._policy, self._start = facts, policy, instant(start)
        self._summary = summary_of(facts)
        self._moments = {name: instant(at) for name, at in self._summary.moments.items()}
        self._floors = policy.score.floors
        weights = policy.score.weights
        parts = [(weights[name], value) for name, value in self._parts() if weights[name]]
        self._parts_of_score = [(10_000 * weight / sum(each for each, _ in parts), value) for weight, value in parts]
        self._labels = [self._span(rule, rule.label, ()) for rule in policy.labels if self._may_hold(rule)]
        self._stages = [self._span(rule, rule.stage, rule.labels) for rule in policy.stages if self._may_hold(rule)]

    def at(self, t: int) -> Standing:
        return self._standing(t, self._band(self._score(t)))

    def is_sure(self, t: int) -> bool:
        """Not where the score lies on the very edge of a band."""
        score = self._score(t)
        return score is None or min(abs(least - score) for least, _ in self._floors) > DOUBT

    def _standing(self, t: int, band: str | None) -> Standing:
        label = next(rule.name for rule in self._labels if rule.holds(t, band))
        fitting = (rule for rule in self._stages if not rule.labels or label in rule.labels)
        return Standing(label, next(rule.name for rule in fitting if rule.holds(t, band)), band)

    def _band(self, score: float | None) -> str | None:
        if score is None:
            return None
        band = ""
        for least, name in self._floors:
            if least <= score:
                band = name
        return band

    def _score(self, t: int) -> float | None:
        """In hundredths of a point; None where there is nothing to judge by."""
        if not self._parts_of_score:
            return None
        return sum([share * value(t) for share, value in self._parts_of_score]) + NEARLY

    # Rules

    def _may_hold(self, rule: Rule) -> bool:
        fields = customer_fields(self._facts, self._summary, self._policy.rule_fields)
        return rule.condition is None or rule.condition.holds(Context(fields, {}))

    def _span(self, rule: Rule, name: str, labels: Iterable[str]) -> Span:
        begins = [self._moments.get(moment, -inf) + length(after) for moment, after in rule.after.items()]
        ends = [self._moments.get(moment, -inf) + length(within) for moment, within in rule.within.items()]
        late = [self._late_at(rule)] if rule.late else []
        return Span(name, max([-inf, *begins, *late]), min([inf, *ends]), rule.band, tuple(labels))

    def _late_at(self, rule: Rule) -> float:
        assert rule.late is not None
        if (bought := self._summary.purchases) < rule.late.min_orders:
            return inf
        first, last = self._moments["first_order"], self._moments["last_order"]
        return floor(last + max(rule.late.times * (last - first) / (bought - 1), length(rule.late.at_least)))

    # Parts of the score

    def _parts(self) -> Iterator[tuple[str, Value]]:
        facts, parts = self._facts, self._policy.score.parts
        if self._summary.purchases >= parts.rhythm.min_orders:
            yield "rhythm", self._rhythm()
        if heard := [
            (weight, facts.signals[kind]) for kind, weight in parts.engagement.kinds.items() if kind in facts.signals
        ]:
            yield "engagement", self._saturating(heard, parts.engagement.saturation, parts.engagement.quiet)
        if clicks := facts.signals.get("recommendation"):
            yield "recommendation", self._saturating([(1.0, clicks)], parts.recommendation.saturation, 0.0)
        for name, part in (("satisfaction", parts.satisfaction), ("sentiment", parts.sentiment)):
            if voices := facts.signals.get(f"{name}#"):
                yield name, self._mean(facts.signals[name], voices, part)
        if facts.tickets:
            yield "resolution", self._resolution(list(facts.tickets.values()))
        bought = [order for order in facts.orders.values() if order.counts]
        if any(order.delivered_at or order.promised_at or is_troubled(order) for order in bought):
            yield "delivery", self._delivery(bought)

    def _rhythm(self) -> Value:
        part, repeats = self._policy.score.parts.rhythm, self._summary.purchases - 1
        first, last = self._moments["first_order"], self._moments["last_order"]
        horizon, expected = length(part.horizon) / DAY, part.model.expected_purchases
        return lambda t: 1 - exp(-expected(repeats, (last - first) / DAY, (max(t, last) - first) / DAY, horizon))

    def _saturating(self, heard: Sequence[tuple[float, Decayed]], saturation: float, quiet: float) -> Value:
        start = self._start
        at_first = [(weight * signal.read(start / 1000), signal.half_life * HOUR) for weight, signal in heard]

        def value(t: int) -> float:
            mass = sum([mass * exp2((start - t) / half_life) for mass, half_life in at_first])
            return 1 - (1 - quiet) * exp(-mass / saturation)

        return value

    def _mean(self, said: Decayed, voices: Decayed, part: MeanPart) -> Value:
        start, half_life, weight = self._start, voices.half_life * HOUR, part.prior.weight
        total, count = said.read(start / 1000), voices.read(start / 1000)

        def value(t: int) -> float:
            left = exp2((start - t) / half_life)
            return (total * left + part.prior.mean * weight) / (count * left + weight)

        return value

    def _resolution(self, tickets: Sequence[Ticket]) -> Value:
        part = self._policy.score.parts.resolution
        solved = [(each.resolved_at, each.started_at) for each in tickets if each.resolved_at and not each.is_open]
        good = [(1.0, instant(at)) for at, began in solved if at - began <= part.target]
        bad = [(1.0, instant(at)) for at, began in solved if at - began > part.target]
        waiting = [instant(each.open_since + part.target) for each in tickets if each.is_open]
        return balance(part, good, bad, waiting, length(part.as_bad_after), inf)

    def _delivery(self, bought: Sequence[Order]) -> Value:
        part = self._policy.score.parts.delivery
        harms = [(harm_of(each, part.grace, part.full_harm, part.exception), each) for each in bought]
        good = [(1 - harm, instant(each.delivered_at)) for harm, each in harms if each.delivered_at]
        bad = [(harm, instant(each.delivered_at or trouble_at(each))) for harm, each in harms if harm]
        late = [instant(each.promised_at + part.grace) for each in bought if each.promised_at and not each.delivered_at]
        return balance(part, good, bad, late, length(part.full_harm), 1.0)


def balance(
    part: MeanPart,
    good: Sequence[tuple[float, int]],
    bad: Sequence[tuple[float, int]],
    overdue: Sequence[int],
    as_bad_after: int,
    most: float,
) -> Value:
    """good, bad: (mass, since), which fade from then on; overdue: since when each weighs more and more."""
    half_life, prior = length(part.half_life), part.prior

    def left(masses: Sequence[tuple[float, int]], t: int) -> float:
        return sum([mass * exp2((since - t) / half_life) for mass, since in masses])

    def value(t: int) -> float:
        well, ill = left(good, t), left(bad, t)
        ill += sum([min(most, max(0, t - start) / as_bad_after) for start in overdue])
        return (well + prior.mean * prior.weight) / (well + ill + prior.weight)

    return value


def is_troubled(order: Order) -> bool:
    return any(state in TROUBLE for parcel in order.parcels.values() for state in parcel.states)


def harm_of(order: Order, grace: timedelta, full: timedelta, exception: float) -> float:
    """How badly it went on its way and, where it arrived, how late it was: the worse of the two."""
    is_lost = any(state in DISASTER for parcel in order.parcels.values() for state in parcel.states)
    trouble = 1.0 if is_lost else exception if is_troubled(order) else 0.0
    if order.delivered_at is None or order.promised_at is None:
        return trouble
    return max(trouble, min(1.0, max(0.0, (order.delivered_at - order.promised_at - grace) / full)))


def trouble_at(order: Order) -> datetime:
    return max(at for parcel in order.parcels.values() for state, at in parcel.states.items() if state in TROUBLE)
