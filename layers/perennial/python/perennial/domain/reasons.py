"""Why a part of the score has its value, or cannot be judged: the numbers behind it, in words."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from perennial.domain.customer import Order, Ticket
from perennial.domain.judgement import Judgement
from perennial.domain.policy import DeliveryPart, MeanPart, Parts
from perennial.domain.score import DISASTROUS, HARMFUL
from perennial.domain.values import duration_text

NOTHING_TO_JUDGE_BY: Mapping[str, str] = {
    "rhythm": "too few purchases to tell a rhythm",
    "engagement": "no visit, reply, click or use yet",
    "satisfaction": "no survey answered and no review yet",
    "resolution": "no ticket yet",
    "sentiment": "nothing written yet whose mood is known",
    "delivery": "nothing delivered yet, and nothing promised or in trouble",
    "recommendation": "nothing recommended was clicked yet",
}
_DAY = timedelta(days=1)


def why_left_out(part: str, parts: Parts) -> str:
    """Why the part is not in the score; its weight is shared out among the others."""
    return NOTHING_TO_JUDGE_BY[part] if getattr(parts, part).weight else "the policy gives it no weight"


def why(part: str, judgement: Judgement) -> str:
    """The numbers behind the value of a part that is in the score."""
    return _REASONS[part](judgement)


def days(length: timedelta) -> str:
    return f"{length / _DAY:.1f} days"


def number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _rhythm(judgement: Judgement) -> str:
    summary, horizon = judgement.summary, judgement.policy.score.parts.rhythm.horizon
    silence = days(judgement.at - summary.moments["last_order"])
    chance = f"chance of another within {duration_text(horizon)}, by the customer's own rhythm (MBG/NBD)"
    return f"{number(summary.purchases, 'purchase')}, the last {silence} ago; {chance}"


def _engagement(judgement: Judgement) -> str:
    part, signals = judgement.policy.score.parts.engagement, judgement.customer.facts.signals
    faded = {kind: signals[kind].value(judgement.at) for kind in part.kinds if kind in signals}
    told = ", ".join(f"{kind} {value:.2f} x {part.kinds[kind]:g}" for kind, value in faded.items())
    total = sum(value * part.kinds[kind] for kind, value in faded.items())
    weighed = f"signs of life, faded and weighted: {told}; {total:.2f} against a saturation of {part.saturation:g}"
    return f"{weighed}, above the {part.quiet:g} of somebody quiet" if part.quiet else weighed


def _recommendation(judgement: Judgement) -> str:
    clicks = judgement.customer.facts.signals["recommendation"].value(judgement.at)
    saturation = judgement.policy.score.parts.recommendation.saturation
    return f"clicks on recommendations, faded: {clicks:.2f} against a saturation of {saturation:g}"


def _satisfaction(judgement: Judgement) -> str:
    return _mean("satisfaction", "surveys and reviews", judgement.policy.score.parts.satisfaction, judgement)


def _sentiment(judgement: Judgement) -> str:
    return _mean("sentiment", "texts", judgement.policy.score.parts.sentiment, judgement)


def _mean(name: str, what: str, part: MeanPart, judgement: Judgement) -> str:
    signals = judgement.customer.facts.signals
    said, voices = signals[name].value(judgement.at), signals[f"{name}#"].value(judgement.at)
    mean = said / voices if voices else 0.0
    return f"{what}, faded: {voices:.2f} with a mean of {mean:.2f} (0 to 1); {_prior(part)}"


def _resolution(judgement: Judgement) -> str:
    part, tickets = judgement.policy.score.parts.resolution, judgement.customer.facts.tickets.values()
    waiting = [ticket for ticket in tickets if ticket.is_open]
    in_time = sum(_took(ticket) <= part.target for ticket in tickets if not ticket.is_open)
    overdue = [judgement.at - ticket.open_since - part.target for ticket in waiting]
    told = [
        f"{in_time} resolved within {duration_text(part.target)}",
        f"{len(tickets) - len(waiting) - in_time} later",
        f"{len(waiting)} open{_longest(overdue)}",
    ]
    return f"tickets: {', '.join(told)}; {_prior(part)}"


def _delivery(judgement: Judgement) -> str:
    part = judgement.policy.score.parts.delivery
    orders = [order for order in judgement.customer.facts.orders.values() if order.counts]
    arrived = [order for order in orders if order.delivered_at]
    expected = [order.promised_at for order in orders if order.promised_at and not order.delivered_at]
    told = [
        f"{len(arrived)} delivered, {sum(_is_late(order, part) for order in arrived)} of them"
        f" more than {duration_text(part.grace)} late",
        f"{len(expected)} promised and not there yet{_longest(judgement.at - at - part.grace for at in expected)}",
        number(sum(map(_is_troubled, orders)), "order") + " with trouble on the way",
    ]
    return f"parcels: {', '.join(told)}; {_prior(part)}"


def _took(ticket: Ticket) -> timedelta:
    assert ticket.resolved_at is not None, "only asked of tickets that are not open"
    return ticket.resolved_at - ticket.started_at


def _is_late(order: Order, part: DeliveryPart) -> bool:
    return bool(order.promised_at and order.delivered_at and order.delivered_at - order.promised_at > part.grace)


def _is_troubled(order: Order) -> bool:
    return any(parcel.states.keys() & (HARMFUL | DISASTROUS) for parcel in order.parcels.values())


def _longest(overdue: Iterable[timedelta]) -> str:
    longest = max(overdue, default=timedelta(0))
    return f" (overdue by up to {days(longest)})" if longest > timedelta(0) else ""


def _prior(part: MeanPart) -> str:
    return f"with a prior of {part.prior.mean:g} that weighs as much as {part.prior.weight:g}"


_REASONS: Mapping[str, Callable[[Judgement], str]] = {
    "rhythm": _rhythm,
    "engagement": _engagement,
    "satisfaction": _satisfaction,
    "resolution": _resolution,
    "sentiment": _sentiment,
    "delivery": _delivery,
    "recommendation": _recommendation,
}
assert _REASONS.keys() == NOTHING_TO_JUDGE_BY.keys() == Parts.model_fields.keys(), "each part can be explained"
