"""The policy: all rules and all business numbers, one version. Read from a document that business people edit.

Two kinds of condition. What only events change is written in CEL (`if:`). What time changes is written as
`within:`, `after:`, `late:` and `band:`, so that the instant at which it changes can be worked out exactly.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from math import inf
from operator import itemgetter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from perennial.domain.actions import Channel, Purpose
from perennial.domain.conditions import EVENT_FIELDS, FACT_FIELDS, TIMED_FIELDS, Condition
from perennial.domain.consent import ConsentRules
from perennial.domain.customer import Label, Stage
from perennial.domain.events import EVENT_TYPES
from perennial.domain.festivals import ANY, Festival, by_country
from perennial.domain.notices import TASK, Kinds
from perennial.domain.offers import Authority, GiftOffer, PointsOffer, plain_points
from perennial.domain.permission import Cap, QuietHours
from perennial.domain.rhythm import Rhythm
from perennial.domain.send_time import SendTime
from perennial.domain.values import Amount, Currency, Duration, Fraction, Model
from perennial.domain.warm_up import WarmUp

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
Weight = Annotated[float, Field(ge=0, le=1000)]


def _half_life(length: timedelta) -> timedelta:
    if not timedelta(days=3) <= length <= timedelta(days=3650):
        raise ValueError("a half-life is 3d to 3650d")
    return length


def _more_than_nothing(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("is more than 0d")
    return length


HalfLife = Annotated[Duration, AfterValidator(_half_life)]
"""Shorter ones would make the exact sums of `signals` too long to be kept."""
Stretch = Annotated[Duration, AfterValidator(_more_than_nothing)]
"""A duration that something is divided by."""
Moment = Literal["first_order", "last_order", "last_contact", "signed_up"]
_BEGINS_NOTHING = (
    "timer.due", "policy.changed", "message.deferred", "privacy.requested", "customer.merged", "customer.unmerged",
)  # fmt: skip
TRIGGERS = tuple(kind for kind in EVENT_TYPES if kind not in _BEGINS_NOTHING)
OWN_FACTS = frozenset(
    {
        "order.placed", "order.paid", "order.shipped", "order.delivered", "order.cancelled", "order.returned",
        "product.activated", "ticket.resolved", "ticket.reopened",
    }
)  # fmt: skip
"""Event types whose happening the facts tell by themselves."""
PLAIN = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


def _many(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


LONGEST_CONDITION = 1000
If = Annotated[str | None, Field(alias="if", max_length=LONGEST_CONDITION)]
Stages = Annotated[tuple[Stage, ...], BeforeValidator(_many)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_many)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_many)]


class Late(Model):
    """Late against the customer's own rhythm: silent for `times` the mean gap between purchases."""

    times: Annotated[float, Field(gt=0, le=100)]
    min_orders: Annotated[int, Field(ge=2, le=1000)] = 3
    at_least: Duration


class Rule(Model):
    """All that is given must hold."""

    model_config = PLAIN

    if_: If = None
    within: Mapping[Moment, Duration] = {}
    """At most this long ago (both ends included). An instant that never was is not within."""
    after: Mapping[Moment, Duration] = {}
    """At least this long ago. An instant that never was is long ago."""
    late: Late | None = None
    band: Names = ()

    @cached_property
    def condition(self) -> Condition | None:
        return Condition(self.if_, FACT_FIELDS, {}) if self.if_ else None


class LabelRule(Rule):
    label: Label


class StageRule(Rule):
    stage: Stage
    labels: Annotated[Labels, Field(alias="label")] = ()


class Prior(Model):
    """What is believed of somebody of whom little is known: `mean`, as if it had been said `weight` times."""

    mean: Fraction
    weight: Annotated[float, Field(gt=0, le=100)]


class RhythmPart(Model):
    weight: Weight
    horizon: Stretch
    min_orders: Annotated[int, Field(ge=1, le=1000)] = 2
    """Who bought less often has no rhythm to judge by: most customers of most shops buy once."""
    model: Rhythm


class EngagementPart(Model):
    weight: Weight
    half_life: HalfLife
    saturation: Annotated[float, Field(gt=0, le=1e6)]
    """Weighted interactions at which the part reaches 63 %."""
    quiet: Fraction = 0.0
    """What the part comes to when all has faded: somebody who is only quiet is not yet unwell."""
    kinds: Mapping[Literal["view", "use", "click", "open", "reply", "ticket", "review", "survey", "sign_up"], Weight]


class MeanPart(Model):
    weight: Weight
    half_life: HalfLife
    prior: Prior


class ResolutionPart(MeanPart):
    target: Duration
    """A ticket is resolved in time when it takes at most this long."""
    as_bad_after: Stretch
    """How long overdue an open ticket weighs as much as one that was resolved late; it grows without end."""


class DeliveryPart(MeanPart):
    grace: Duration
    """Harm starts this long after the promised day."""
    full_harm: Stretch
    """And is complete after this much more."""
    exception: Fraction
    """Harm of an exception on the way (customs hold, failed delivery, damage)."""


class RecommendationPart(Model):
    weight: Weight
    half_life: HalfLife
    saturation: Annotated[float, Field(gt=0, le=1e6)]


class Parts(Model):
    rhythm: RhythmPart
    engagement: EngagementPart
    satisfaction: MeanPart
    resolution: ResolutionPart
    sentiment: MeanPart
    delivery: DeliveryPart
    recommendation: RecommendationPart


class Score(Model):
    parts: Parts
    bands: Mapping[Name, Annotated[float, Field(ge=0, le=100)]]
    """Band -> the least score that is in it, lowest band first, starting at 0."""

    @model_validator(mode="after")
    def _bands_rise_from_zero(self) -> Self:
        floors = list(self.bands.values())
        if not floors or floors[0] != 0 or floors != sorted(set(floors)):
            raise ValueError("bands start at 0 and rise; each names the least score that is in it")
        return self

    @cached_property
    def floors(self) -> tuple[tuple[int, str], ...]:
        """(least score in hundredths, band), lowest first."""
        return tuple((round(floor * 100), name) for name, floor in self.bands.items())

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """Part -> its weight, before renormalisation."""
        return {name: getattr(self.parts, name).weight for name in Parts.model_fields}

    @cached_property
    def shares(self) -> dict[tuple[str, ...], Any]:
        """What `domain.score` remembers of these weights; here because it is true of this policy only."""
        return {}

    def band_of(self, score: int) -> str:
        return self.floors[self._above(score) - 1][1]

    def around(self, score: int) -> tuple[int, float]:
        """The band that a score is in: its least score, and the first that is above it."""
        above = self._above(score)
        return self.floors[above - 1][0], self.floors[above][0] if above < len(self.floors) else inf

    def _above(self, score: int) -> int:
        """Of the band above: its place in `floors`, or the length of that."""
        return bisect_right(self.floors, score, key=itemgetter(0))


class StageEntered(Model):
    stage: Stage


class LabelEntered(Model):
    label: Label


class BandEntered(Model):
    band: Name


class OnDate(Model):
    date: Literal["birthday"]


class OnFestival(Model):
    """The day of a festival, where the customer lives."""

    festival: Annotated[Names, Field(min_length=1)]
    """Which of the policy's; `any` of them."""
    over: Duration = Field(default=timedelta(hours=6))
    """Everybody's turn comes within this long from the first minute of the day at which a message may leave."""

    def means(self, festival: Festival) -> bool:
        return ANY in self.festival or festival.id in self.festival


class Doing(Model):
    email: Name | None = None
    sms: Name | None = None
    task: Name | None = None
    coupon: GiftOffer | None = None
    """Rides on the message."""
    points: Annotated[PointsOffer | None, BeforeValidator(plain_points)] = None
    """Loyalty points, whether a message may leave or not."""
    first_of: bool = False
    """Of several channels take the first that may be used, in the order sms, email."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.email or self.sms or self.task or self.points):
            raise ValueError("do at least one of email, sms, task, points")
        if self.coupon and not (self.email or self.sms):
            raise ValueError("a coupon needs a message to ride on")
        return self

    @cached_property
    def channels(self) -> tuple[tuple[Channel, str], ...]:
        both: tuple[tuple[Channel, str | None], ...] = (("sms", self.sms), ("email", self.email))
        return tuple((channel, template) for channel, template in both if template)


_AT_MOST = re.compile(r"(\d{1,3}) per (\d{1,6}[dhm])")


class AtMost(Model):
    times: Annotated[int, Field(ge=1, le=100)]
    per: Duration


def _at_most(value: Any) -> Any:
    if value == "once":
        return {"times": 1, "per": "36500d"}
    if isinstance(value, str):
        if not (match := _AT_MOST.fullmatch(value)):
            raise ValueError('say how often like this: "1 per 90d", or "once"')
        return {"times": int(match[1]), "per": match[2]}
    return value


_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")


def _percent(value: Any) -> Any:
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value)):
        return float(match[1]) / 100
    return value


Share = Annotated[Fraction, BeforeValidator(_percent)]


class Experiment(Model):
    holdout: Share = 0.0
    variants: Mapping[Name, Share] = {}

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not 0 < (total := self.holdout + sum(self.variants.values())) <= 1 + 1e-9:
            raise ValueError(f"shares add up to {total:.0%}; they may not be nothing or more than 100%")
        return self


def _trigger(value: Any) -> Any:
    if isinstance(value, str) and value not in TRIGGERS:
        raise ValueError(f"unknown event {value!r}; known are {', '.join(TRIGGERS)}")
    if not isinstance(value, str) and _trigger_tag(value) is None:
        raise ValueError(
            "an event, or one of {stage: ...}, {label: ...}, {band: ...} entered, {date: birthday} or {festival: any}"
        )
    return value


def _trigger_tag(value: Any) -> str | None:
    """Which kind of trigger it is, so that its mistakes are told as those of that kind only."""
    if isinstance(value, str):
        return "event"
    names = value.keys() if isinstance(value, dict) else getattr(type(value), "model_fields", {}).keys()
    tags = [f"{name} entered" for name in ("stage", "label", "band", "date", "festival") if names - {"over"} == {name}]
    return tags[0] if tags else None


Trigger = Annotated[
    Annotated[str, Tag("event")]
    | Annotated[StageEntered, Tag("stage entered")]
    | Annotated[LabelEntered, Tag("label entered")]
    | Annotated[BandEntered, Tag("band entered")]
    | Annotated[OnDate, Tag("date entered")]
    | Annotated[OnFestival, Tag("festival entered")],
    Discriminator(_trigger_tag),
    BeforeValidator(_trigger),
]


def _watched(value: Any) -> Any:
    many = _many(value)
    if unknown := [each for each in many if each not in TRIGGERS]:
        raise ValueError(f"unknown event {unknown[0]!r}; known are {', '.join(TRIGGERS)}")
    return many


WORTH: Mapping[Purpose, float] = {"transactional": 100, "service": 50, "marketing": 10}
"""What a message is worth whose play does not say."""


class Play(Model):
    model_config = PLAIN

    id: Name
    on: Trigger
    stage: Stages = ()
    """The customer must be in one of these when it fires; empty: any."""
    after: Duration = Field(default=timedelta(0))
    unless: Annotated[tuple[str, ...], BeforeValidator(_watched)] = ()
    """Ends the wait when it happens, for the same order, cart or ticket where the event has one."""
    if_: If = None
    do: Doing
    purpose: Purpose
    at_most: Annotated[AtMost | None, BeforeValidator(_at_most)] = None
    good_for: Duration = Field(default=timedelta(days=3))
    """How long after it was decided the message may still leave."""
    value: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    """What its message is worth, in a unit that all plays share: where caps bind, the most valuable goes."""
    test: Experiment | None = None
    send_time: SendTime | None = None
    """Whether its marketing email waits for the hour that the customer reads at; None: as the policy says."""

    @model_validator(mode="after")
    def _only_marketing_emails_wait_for_an_hour(self) -> Self:
        if self.send_time == "learned" and not self.is_marketing_email:
            raise ValueError("only marketing by email waits for the hour that somebody reads at")
        return self

    @property
    def is_marketing_email(self) -> bool:
        return self.purpose == "marketing" and self.do.email is not None

    @model_validator(mode="after")
    def _gives_points_within_bounds(self) -> Self:
        """What began with points and gave some would begin again for ever; a ticket can be resolved, and a birthday
        moved, time and again."""
        if self.do.points and isinstance(self.on, str) and self.on.startswith("points."):
            raise ValueError("a play that begins with points gives none")
        if self.do.points and not (self.at_most or str(self.on).startswith("order.")):
            raise ValueError("a play that gives points says at_most, or begins with what becomes of an order")
        return self

    @cached_property
    def condition(self) -> Condition | None:
        return Condition(self.if_, {**FACT_FIELDS, **TIMED_FIELDS}, EVENT_FIELDS) if self.if_ else None

    @property
    def worth(self) -> float:
        return WORTH[self.purpose] if self.value is None else self.value


class Script(Model):
    """What a person says or does at this stage."""

    model_config = PLAIN

    if_: If = None
    say: Annotated[str, Field(min_length=1, max_length=500)]

    @cached_property
    def condition(self) -> Condition | None:
        return Condition(self.if_, {**FACT_FIELDS, **TIMED_FIELDS}, {}) if self.if_ else None


class Currencies(Model):
    base: Currency
    rates: Mapping[Currency, Annotated[Decimal, Field(gt=0, le=1_000_000)]] = {}
    """One unit of that currency in the base currency."""
    point: Amount | None = None
    """What a loyalty point is worth, in the base currency; None: nobody counts them as money."""

    def to_base(self, amount: Decimal, currency: str) -> Decimal | None:
        """None when no rate is known: then the amount does not count, and the explanation says so."""
        if currency == self.base:
            return amount
        rate = self.rates.get(currency)
        return None if rate is None else (amount * rate).quantize(Decimal("0.01"))


class Policy(Model):
    """One version of all rules."""

    model_config = PLAIN

    version: Annotated[int, Field(ge=0)] = 0
    name: Annotated[str, Field(max_length=200)]
    currencies: Currencies
    labels: Annotated[tuple[LabelRule, ...], Field(min_length=1)]
    stages: Annotated[tuple[StageRule, ...], Field(min_length=1)]
    score: Score
    stale_after: Duration
    """A play does not fire on what happened longer ago than this: nobody wants thanks for last year's order."""
    quiet_hours: QuietHours
    send_time: SendTime = "none"
    """Whether marketing emails wait for the hour that the customer reads at."""
    warm_up: WarmUp | None = None
    """While the domain is young: how many marketing emails may leave a day."""
    caps: tuple[Cap, ...] = ()
    consent: ConsentRules = ConsentRules()
    festivals: tuple[Festival, ...] = ()
    plays: tuple[Play, ...]
    authority: Mapping[Stage, Authority]
    scripts: Mapping[Stage, tuple[Script, ...]]
    tell: Kinds = (TASK,)
    """What the merchant's own systems are told, where they want to be (docs/connect/merchant-webhook.md)."""

    @cached_property
    def by_id(self) -> Mapping[str, Play]:
        return {play.id: play for play in self.plays}

    @cached_property
    def by_event(self) -> Mapping[str, tuple[Play, ...]]:
        """Event type -> the plays that begin with it."""
        found: dict[str, tuple[Play, ...]] = {}
        for play in self.plays:
            if isinstance(play.on, str):
                found[play.on] = (*found.get(play.on, ()), play)
        return found

    @cached_property
    def on_change(self) -> tuple[Play, ...]:
        """The plays that begin when a stage, label or band is entered."""
        return tuple(play for play in self.plays if isinstance(play.on, StageEntered | LabelEntered | BandEntered))

    @cached_property
    def on_date(self) -> tuple[Play, ...]:
        return tuple(play for play in self.plays if isinstance(play.on, OnDate | OnFestival))

    @cached_property
    def celebrated_in(self) -> Mapping[str, tuple[Festival, ...]]:
        """Country -> its festivals."""
        return by_country(self.festivals)

    @cached_property
    def watched(self) -> frozenset[str]:
        """Event types that end some wait and leave no fact of their own that would tell."""
        return frozenset(kind for play in self.plays for kind in play.unless) - OWN_FACTS

    @cached_property
    def rule_fields(self) -> frozenset[str]:
        """Fields of customer that stage and label rules name."""
        conditions = [each.condition for each in (*self.labels, *self.stages) if each.condition]
        return frozenset().union(*(condition.customer_fields for condition in conditions))

    @cached_property
    def possible_rules(self) -> dict[Any, Any]:
        """What `domain.stage` remembers of these rules; here because it is true of this policy only."""
        return {}

    def waits_for_readers(self, play: Play) -> bool:
        """Do messages of this play leave at the hour that their reader reads at? Not those of a birthday."""
        is_of_its_day = isinstance(play.on, OnDate)
        return play.is_marketing_email and not is_of_its_day and (play.send_time or self.send_time) == "learned"

    @cached_property
    def learns_send_time(self) -> bool:
        """Whether any play wants to know when people read; if none does, nobody keeps it."""
        return any(map(self.waits_for_readers, self.plays))

    @cached_property
    def cap_window(self) -> timedelta:
        """How long back sends must be remembered."""
        return max((cap.per for cap in self.caps), default=timedelta(0))
