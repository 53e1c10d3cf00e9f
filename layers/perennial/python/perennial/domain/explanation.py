"""Why a customer stands where they stand: the rules that decided, the terms of the score, what time will do next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from perennial.domain.customer import Customer, Part, PlainDecimal
from perennial.domain.judgement import Judgement
from perennial.domain.plays import Scene
from perennial.domain.points import Account, account
from perennial.domain.policy import Late, Moment, Policy, Rule, StageRule
from perennial.domain.reasons import days, why, why_left_out
from perennial.domain.summary import customer_fields
from perennial.domain.values import Instant, Model, duration_text

_MOMENTS: Mapping[Moment, str] = {
    "first_order": "first purchase",
    "last_order": "last purchase",
    "last_contact": "last sign of life",
    "signed_up": "sign-up",
}
Points = Annotated[float, Field(description="Points of 100, with two decimals.")]
Hundredths = Annotated[int, Field(description="The same in hundredths of a point: whole numbers add up exactly.")]


class Ruling(Model):
    """A stage or label, and the rule of the policy that gave it."""

    name: str
    since: Instant | None
    rule: Annotated[int, Field(description="Which of the policy's rules, from 1. The first that holds decides.")]
    quote: Annotated[Mapping[str, Any], Field(description="The rule as the policy has it.")]
    because: tuple[str, ...]


class Term(Model):
    """A part of the score."""

    name: str
    value: Annotated[float, Field(ge=0, le=1)]
    weight: Annotated[float, Field(description="In the policy.")]
    share: Annotated[float, Field(description="Of the whole weight of the parts that could be judged.")]
    points: Points
    hundredths: Hundredths
    because: str


class LeftOut(Model):
    """A part that is not in the score; its weight is shared out among the others."""

    name: str
    because: str


class Band(Model):
    name: str
    since: Instant | None
    starts_at: Points
    next: Annotated[str | None, Field(description="The band above.")]
    next_starts_at: Points | None


class Change(Model):
    """What time alone will do next."""

    at: Instant
    because: str


class LapsesNext(Model):
    """What is gone at this instant if nothing is taken until then."""

    at: Instant
    points: int


class PointsHeld(Model):
    """The account of loyalty points. Balance = given - taken - lapsed."""

    balance: Annotated[int, Field(description="Below 0, more was taken than there was: see `because`.")]
    given: int
    taken: Annotated[int, Field(description="Spent, taken back, or told to have expired.")]
    lapsed: Annotated[int, Field(description="By their own date.")]
    next: LapsesNext | None
    worth: Annotated[PlainDecimal | None, Field(description="In the base currency, where the policy says it.")]
    because: str


class Explanation(Model):
    """A customer at one instant. `hundredths` of all parts add up to the score's, exactly."""

    customer: str
    at: Instant
    policy: Annotated[int, Field(description="Version of the policy that judges.")]
    stage: Ruling
    label: Ruling
    score: Points | None
    hundredths: Hundredths | None
    band: Band | None
    parts: tuple[Term, ...]
    left_out: tuple[LeftOut, ...]
    points: PointsHeld | None
    due: Change | None


def explain(customer: Customer, policy: Policy, at: datetime) -> Explanation:
    """Everything about the customer's standing at this instant, under this policy, in numbers and words."""
    judgement = Judgement(customer, policy, at)
    score = judgement.health.score
    return Explanation(
        customer=customer.id,
        at=at,
        policy=policy.version,
        stage=_stage(judgement),
        label=_label(judgement),
        score=None if score is None else score / 100,
        hundredths=score,
        band=_band(judgement),
        parts=tuple(_term(part, judgement) for part in judgement.health.parts),
        left_out=tuple(_left_out(judgement)),
        points=points_of(judgement),
        due=_due(judgement),
    )


def points_of(judgement: Judgement) -> PointsHeld | None:
    """The loyalty points of the customer at that instant; None where there never were any."""
    points = judgement.customer.facts.points
    if not (points.given or points.taken):
        return None
    held, worth = account(points, judgement.at), judgement.policy.currencies.point
    return PointsHeld(
        balance=held.balance,
        given=held.given,
        taken=held.taken,
        lapsed=held.lapsed,
        next=LapsesNext(at=held.next.at, points=held.next.points) if held.next else None,
        worth=None if worth is None else worth * max(0, held.balance),
        because=_movements(held),
    )


def _movements(held: Account) -> str:
    told = f"{held.given} given, {held.taken} taken, {held.lapsed} lapsed"
    if held.balance >= 0:
        return told
    return f"{told}: overdrawn by {-held.balance}; whoever let them be spent did not hear of all, or heard of more"


# The score


def _term(part: Part, judgement: Judgement) -> Term:
    return Term(
        name=part.name,
        value=part.value,
        weight=getattr(judgement.policy.score.parts, part.name).weight,
        share=part.weight,
        points=part.points / 100,
        hundredths=part.points,
        because=why(part.name, judgement),
    )


def _left_out(judgement: Judgement) -> Iterator[LeftOut]:
    parts = judgement.policy.score.parts
    judged = {part.name for part in judgement.health.parts}
    for name in type(parts).model_fields:
        if name not in judged:
            yield LeftOut(name=name, because=why_left_out(name, parts))


def _band(judgement: Judgement) -> Band | None:
    name, customer = judgement.health.band, judgement.customer
    if name is None:
        return None
    names, floors = zip(*judgement.policy.score.bands.items(), strict=True)
    above = names.index(name) + 1
    return Band(
        name=name,
        since=customer.band_since if customer.band == name else None,
        starts_at=floors[above - 1],
        next=names[above] if above < len(names) else None,
        next_starts_at=floors[above] if above < len(names) else None,
    )


# The rules


def _stage(judgement: Judgement) -> Ruling:
    standing, customer = judgement.scene.standing, judgement.customer
    since = customer.stage_since if customer.stage is standing.stage else None
    return _ruling(standing.stage, since, judgement.policy.stages, standing.stage_rule, judgement)


def _label(judgement: Judgement) -> Ruling:
    standing, customer = judgement.scene.standing, judgement.customer
    since = customer.label_since if customer.label is standing.label else None
    return _ruling(standing.label, since, judgement.policy.labels, standing.label_rule, judgement)


def _ruling(name: str, since: datetime | None, rules: Sequence[Rule], index: int, judgement: Judgement) -> Ruling:
    rule = rules[index]
    return Ruling(
        name=name,
        since=since,
        rule=index + 1,
        quote=rule.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        because=tuple(_grounds(rule, judgement)) or ("no rule above it holds, and it is for everybody else",),
    )


def _grounds(rule: Rule, judgement: Judgement) -> Iterator[str]:
    """What the rule asks for and how the customer meets it."""
    yield from _condition(rule, judgement)
    for moment, length in rule.within.items():
        yield f"{_ago(moment, judgement)}, at most {duration_text(length)} ago"
    for moment, length in rule.after.items():
        yield f"{_ago(moment, judgement)}, at least {duration_text(length)} ago"
    if rule.late:
        yield _late(rule.late, judgement)
    if rule.band:
        yield f"band {judgement.health.band} is one of {', '.join(rule.band)}"
    if isinstance(rule, StageRule) and rule.labels:
        yield f"label {judgement.scene.standing.label} is one of {', '.join(rule.labels)}"


def _condition(rule: Rule, judgement: Judgement) -> Iterator[str]:
    if rule.condition:
        fields = customer_fields(judgement.customer.facts, judgement.summary, rule.condition.customer_fields)
        told = ", ".join(f"{name} is {value!r}" for name, value in sorted(fields.items()))
        yield f"{rule.if_} holds: {told}" if told else f"{rule.if_} holds"


def _ago(moment: Moment, judgement: Judgement) -> str:
    at = judgement.summary.moments.get(moment)
    return f"{_MOMENTS[moment]} {days(judgement.at - at)} ago" if at else f"{_MOMENTS[moment]}: never"


def _late(late: Late, judgement: Judgement) -> str:
    summary = judgement.summary
    first, last = summary.moments["first_order"], summary.moments["last_order"]
    gap = (last - first) / (summary.purchases - 1)
    usual = f"{summary.purchases} purchases, on average {days(gap)} apart, the last {days(judgement.at - last)} ago"
    return f"{usual}: longer than {late.times:g} times that, and than {duration_text(late.at_least)}"


# What comes next


def _due(judgement: Judgement) -> Change | None:
    at = judgement.due_at
    return None if at is None else Change(at=at, because="; ".join(_coming(judgement, at)))


def _coming(judgement: Judgement, at: datetime) -> Iterator[str]:
    waits = [wait for wait in judgement.customer.waits if wait.due <= at]
    for wait in waits:
        yield f"play {wait.play} waits for {'the hour' if wait.held else 'its time'}"
    if not waits:
        yield from _crossings(judgement.scene, Judgement(judgement.customer, judgement.policy, at).scene)


def _crossings(now: Scene, then: Scene) -> Iterator[str]:
    if then.standing.label is not now.standing.label:
        yield f"label becomes {then.standing.label}"
    if then.standing.stage is not now.standing.stage:
        yield f"stage becomes {then.standing.stage}"
    if then.band != now.band:
        yield f"the score comes into band {then.band}"
