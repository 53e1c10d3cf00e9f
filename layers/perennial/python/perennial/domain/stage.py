"""Which label and stage a customer has, by the policy's rules: the first rule that holds decides."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from perennial.domain.conditions import Context, Scalar
from perennial.domain.customer import Facts, Label, Stage
from perennial.domain.policy import LabelRule, Late, Moment, Policy, Rule, StageRule
from perennial.domain.score import Health
from perennial.domain.summary import Summary, customer_fields, summary_of
from perennial.domain.values import TICK, to_utc

R = TypeVar("R", LabelRule, StageRule)
Holding = tuple[tuple[int, R], ...]
"""Rules whose `if` holds, with their place in the policy."""
REMEMBERED = 4_096


class Standing(NamedTuple):
    label: Label
    stage: Stage
    label_rule: int
    """Index of the rule that decided, for the explanation."""
    stage_rule: int


class Possible(NamedTuple):
    """What events have left of the rules for some customers: time and band decide among these."""

    labels: Holding[LabelRule]
    stages: Holding[StageRule]
    within: frozenset[tuple[Moment, timedelta]]
    """How long after which moment some rule ceases to hold."""
    after: frozenset[tuple[Moment, timedelta]]
    """How long after which moment some rule begins to hold."""
    late: tuple[Late, ...]

    @classmethod
    def of(cls, labels: Holding[LabelRule], stages: Holding[StageRule]) -> "Possible":
        rules: list[Rule] = [rule for _, rule in (*labels, *stages)]
        within = frozenset(length for rule in rules for length in rule.within.items())
        after = frozenset(length for rule in rules for length in rule.after.items())
        return cls(labels, stages, within, after, tuple(rule.late for rule in rules if rule.late))


class Rules:
    """The policy's rules over one customer's facts: what events decide is settled here, what time decides is open."""

    def __init__(self, facts: Facts, policy: Policy, summary: Summary | None = None) -> None:
        self._summary = summary or summary_of(facts)
        self._possible = _possible(policy, customer_fields(facts, self._summary, policy.rule_fields))

    def standing(self, now: datetime, band: str | None) -> Standing:
        at, label_rule = self._first(self._possible.labels, now, band)
        label = label_rule.label
        fitting = [(index, rule) for index, rule in self._possible.stages if not rule.labels or label in rule.labels]
        stage_at, stage_rule = self._first(fitting, now, band)
        return Standing(label, stage_rule.stage, at, stage_at)

    def boundaries(self) -> Iterator[datetime]:
        """Every instant at which time alone makes some rule begin or cease to hold."""
        moments = self._summary.moments
        for moment, length in self._possible.within:
            if at := moments.get(moment):
                yield at + length + TICK
        for moment, length in self._possible.after:
            if at := moments.get(moment):
                yield at + length
        for late in self._possible.late:
            if late_at := self._late_at(late):
                yield late_at

    def _first(self, rules: Sequence[tuple[int, R]], now: datetime, band: str | None) -> tuple[int, R]:
        for index, rule in rules:
            if self._holds(rule, now, band):
                return index, rule
        raise AssertionError("the last rule holds for everybody: the policy was checked for it")

    def _holds(self, rule: Rule, now: datetime, band: str | None) -> bool:
        if rule.band and band not in rule.band:
            return False
        if rule.late and not ((late_at := self._late_at(rule.late)) and now >= late_at):
            return False
        moments = self._summary.moments
        for moment, length in rule.within.items():
            if (at := moments.get(moment)) is None or now - at > length:
                return False
        for moment, length in rule.after.items():
            if (at := moments.get(moment)) is not None and now - at < length:
                return False
        return True

    def _late_at(self, late: Late) -> datetime | None:
        """When the customer's own rhythm says that the next purchase is overdue; as precise as what is stored of it."""
        if self._summary.purchases < late.min_orders:
            return None
        first, last = self._summary.moments["first_order"], self._summary.moments["last_order"]
        gap: timedelta = (last - first) / (self._summary.purchases - 1)
        return to_utc(last + max(late.times * gap, late.at_least))


def stage_of(facts: Facts, now: datetime, policy: Policy) -> Stage:
    return _standing(facts, now, policy).stage


def label_of(facts: Facts, now: datetime, policy: Policy) -> Label:
    return _standing(facts, now, policy).label


def _standing(facts: Facts, now: datetime, policy: Policy) -> Standing:
    return Rules(facts, policy).standing(now, Health(facts, policy, now).band)


def _possible(policy: Policy, fields: Mapping[str, Scalar]) -> Possible:
    """The rules whose `if` holds, with their place in the policy.

    It takes CEL to say, and only a few fields: most customers agree on them with somebody before.
    """
    known: dict[tuple[Scalar, ...], Possible] = policy.possible_rules
    values = tuple(fields.values())
    if (possible := known.get(values)) is None:
        if len(known) >= REMEMBERED:
            known.clear()
        context = Context(fields, {})
        possible = known[values] = Possible.of(_holding(policy.labels, context), _holding(policy.stages, context))
    return possible


def _holding(rules: Sequence[R], context: Context) -> Holding[R]:
    return tuple(
        (index, rule) for index, rule in enumerate(rules) if rule.condition is None or rule.condition.holds(context)
    )
