"""Events into facts. Any order, any number of times, gives the same facts.

Each fact is a join: the earliest or the latest of what was said, or a sum over distinct ids; mappings are kept
in the order of their keys, so that equal facts are equal to the byte. What belongs to an order that was not placed
yet waits in `strays` until it is. The newest orders and the tickets last touched stay in the record; the rest are
settled into the totals and kept as items of their own, from where the engine recalls one when an event is about it
(`domain/settled.py`).

Two things need agreement to be free of order. Which orders stay depends on when they were placed: where vendors do not
agree on that time, the sums over record and totals still are. And a parcel that a carrier names without its order is
joined to the order that is known to carry it: one, and within `MOST_PARCELS`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, assert_never

from perennial.domain import events as e
from perennial.domain.customer import (
    MOST_PARCELS,
    NO_PARCEL,
    RECENT_CARTS,
    RECENT_COUPONS,
    RECENT_ORDERS,
    RECENT_TICKETS,
    Cart,
    Consent,
    Facts,
    Given,
    Known,
    Order,
    Parcel,
    Points,
    Send,
    Terms,
    Ticket,
    Totals,
)
from perennial.domain.points import with_given, with_taken
from perennial.domain.policy import Policy
from perennial.domain.send_time import with_read
from perennial.domain.settled import Carried, Recalled, Settled
from perennial.domain.signals import Decayed
from perennial.domain.values import Utc

K = TypeVar("K", bound=str)
V = TypeVar("V")


class Folded(NamedTuple):
    facts: Facts
    settled: tuple[Settled, ...]
    """Orders and tickets that left the record with this event, and whose their parcels are; to be written as items of
    their own."""


def fold(facts: Facts, event: e.Event, policy: Policy, recalled: Iterable[Recalled] = ()) -> Folded:
    """The facts with one event more. `recalled` are the settled orders and tickets that it is about (`recall`)."""
    recalled = tuple(recalled)
    taken_back = _take_back(facts, recalled)
    return _settle(_noted(_about(_told(taken_back, event, policy), event), event, policy), recalled)


def is_of_an_account(event: e.Event) -> bool:
    """Does it tell of one account and not of the person? Who was merged may lose one and have the other still."""
    return isinstance(event, e.CustomerDeleted)


def _told(facts: Facts, event: e.Event, policy: Policy) -> Facts:
    match event:
        case e.OrderPlaced():
            return _order(facts, event, policy, placed_at=event.data.order.placed_at or event.time)
        case e.OrderPaid():
            return _order(facts, event, policy, paid_at=event.time)
        case e.OrderShipped(data=data):
            return _order(facts, event, policy, shipped_at=event.time, tracking=data.shipment.tracking)
        case e.OrderDelivered():
            return _order(facts, event, policy, delivered_at=event.time)
        case e.OrderCancelled():
            return _order(facts, event, policy, cancelled_at=event.time)
        case e.OrderRefunded():
            return _refund(facts, event, policy)
        case e.OrderReturned():
            return _order(facts, event, policy, returned_at=event.time)
        case e.CartAbandoned(data=data):
            return _cart(_signed(facts, "view", event.time, policy), event, policy)
        case e.ShipmentUpdated():
            return _shipment(facts, event)
        case e.TicketOpened() | e.TicketReplied() | e.TicketResolved() | e.TicketReopened():
            return _ticket(facts, event, policy)
        case e.SurveyAnswered(data=data):
            low, high = data.scale
            mood = (data.score - low) / (high - low)
            return _signed(_mean(facts, "satisfaction", mood, event.time, policy), "survey", event.time, policy)
        case e.ReviewPosted(data=data):
            rated = _mean(facts, "satisfaction", (data.rating - 1) / 4, event.time, policy)
            return _signed(_mood(rated, data.sentiment, event.time, policy), "review", event.time, policy)
        case e.ProductViewed():
            return _signed(facts, "view", event.time, policy)
        case e.ProductActivated():
            return _signed(_activation(facts, event), "use", event.time, policy)
        case e.ProductUsed():
            return _signed(facts, "use", event.time, policy)
        case e.CustomerSignedUp():
            first = _earliest(facts.signed_up_at, event.time)
            return _signed(facts.but({"signed_up_at": first}), "sign_up", event.time, policy)
        case e.CustomerUpdated():
            return facts
        case e.CustomerDeleted():
            return facts.but({"deleted_at": _earliest(facts.deleted_at, event.time)})
        case e.ConsentChanged(data=data):
            return _consent(facts, data, event.time)
        case e.MessageSent(data=data):
            given = _given(facts, data, event.time)
            return _sent(given, Send(data.channel, data.purpose or "service", event.time), policy)
        case e.MessageFailed(data=data):
            return _given(facts, data, event.time)
        case e.MessageOpened(data=data):
            return _signed(_read(facts, data, policy), "open", event.time, policy)
        case e.MessageClicked(data=data):
            return _signed(_read(facts, data, policy), "click", event.time, policy)
        case e.MessageReplied():
            return _signed(facts, "reply", event.time, policy)
        case e.MessageBounced(data=data) | e.MessageComplained(data=data):
            kind = event.type.removeprefix("message.")
            return facts.but({"suppressed": _latest_word(facts.suppressed, data.channel, kind, event.time)})
        case e.RecommendationClicked():
            clicked = _signal(facts, "recommendation", 1.0, event.time, policy.score.parts.recommendation.half_life)
            return _signed(clicked, "click", event.time, policy)
        case e.PointsEarned() | e.PointsSpent() | e.PointsAdjusted() | e.PointsExpired():
            return facts.but({"points": _points(facts.points, event)})
        case (
            e.CustomerMerged() | e.CustomerUnmerged() | e.MessageDeferred() | e.MessageDelivered()
            | e.PrivacyRequested() | e.AgentActed() | e.TimerDue() | e.PolicyChanged()
        ):  # fmt: skip
            return facts
        case _:
            assert_never(event)


# Orders


def _order(facts: Facts, event: e.OrderEvent, policy: Policy, *, tracking: str | None = None, **states: Utc) -> Facts:
    """Join what the event tells of its order, wherever that order is: in the record, astray, or new."""
    said = event.data.order
    before = facts.orders.get(said.id) or facts.strays.get(said.id) or Order(id=said.id, heard_at=event.time)
    told: dict[str, Any] = {name: _earliest(getattr(before, name), at) for name, at in states.items()}
    told |= {
        "heard_at": min(before.heard_at, event.time),
        "name": _least(before.name, said.name),
        "cart": _least(before.cart, said.cart),
        "promised_at": _earliest(before.promised_at, said.promised_at),
        "terms": _terms(before.terms, said, event.time, policy),
    }
    if tracking and tracking not in before.parcels:
        told["parcels"] = _with(before.parcels, tracking, NO_PARCEL)
    return _place(facts, before.but(told))


def _terms(before: Terms | None, said: e.OrderFacts, at: Utc, policy: Policy) -> Terms | None:
    if said.total is None:
        return before
    base = said.base if said.base is not None else policy.currencies.to_base(said.total.amount, said.total.currency)
    coupons = dict(sorted(_redeemed(said, policy)))
    now = Terms.made_of(told_at=at, total=said.total, base=base, country=said.country, coupons=coupons)
    return now if before is None else max(before, now, key=_terms_rank)


def _redeemed(said: e.OrderFacts, policy: Policy) -> Iterator[tuple[str, Decimal]]:
    """Mark of each coupon, and what it took off in base currency; 0 where nobody says."""
    for coupon in said.coupons:
        off = coupon.base
        if off is None and coupon.off is not None and said.total:
            off = policy.currencies.to_base(coupon.off, said.total.currency)
        if coupon.mark:
            yield coupon.mark, off or Decimal(0)


def _terms_rank(terms: Terms) -> tuple[Utc, Decimal, Decimal, str]:
    """Last told wins; of two told at one instant, the same one always."""
    coupons = "".join(f" {mark} {off.normalize():f}" for mark, off in terms.coupons.items())
    rest = f"{terms.total.amount} {terms.total.currency} {terms.country or ''}{coupons}"
    return terms.told_at, terms.total.amount, Decimal(-1) if terms.base is None else terms.base, rest


def _place(facts: Facts, order: Order) -> Facts:
    """Put the order where it belongs, with whatever was astray under one of its parcels."""
    strays = {key: stray for key, stray in facts.strays.items() if key != order.id}
    for tracking in order.parcels:
        if stray := strays.pop(f"~{tracking}", None):
            order = _joined(order, stray)
    order = _bounded(order)
    if order.is_known:
        return facts.but({"orders": _with(facts.orders, order.id, order), "strays": strays})
    return facts.but({"strays": _with(strays, order.id, order)})


def _bounded(order: Order) -> Order:
    """With no more parcels than the record has room for: the first by number, whichever was heard of first."""
    if len(order.parcels) <= MOST_PARCELS:
        return order
    return order.but({"parcels": dict(list(order.parcels.items())[:MOST_PARCELS])})


def _joined(order: Order, parcel_only: Order) -> Order:
    parcels = order.parcels
    for tracking, parcel in parcel_only.parcels.items():
        parcels = _with(parcels, tracking, _parcel_joined(parcels.get(tracking, NO_PARCEL), parcel))
    return order.but(
        {
            "parcels": parcels,
            "heard_at": min(order.heard_at, parcel_only.heard_at),
            "promised_at": _earliest(order.promised_at, parcel_only.promised_at),
            "delivered_at": _earliest(order.delivered_at, parcel_only.delivered_at),
        }
    )


def _parcel_joined(one: Parcel, other: Parcel) -> Parcel:
    states = one.states
    for state, at in other.states.items():
        states = _with(states, state, min(at, states.get(state, at)))
    return Parcel.made_of(states=states)


def _refund(facts: Facts, event: e.OrderRefunded, policy: Policy) -> Facts:
    refund = event.data.refund
    base = refund.base
    if base is None:
        base = policy.currencies.to_base(refund.total.amount, refund.total.currency) or Decimal(0)
    with_order = _order(facts, event, policy)
    order_id = event.data.order.id
    order = with_order.orders.get(order_id) or with_order.strays[order_id]
    if refund.in_all:
        return _place(with_order, order.but({"given_back": max(base, order.given_back or Decimal(0))}))
    refunds = _with(order.refunds, refund.id, max(base, order.refunds.get(refund.id, base)))
    return _place(with_order, order.but({"refunds": refunds}))


def _shipment(facts: Facts, event: e.ShipmentUpdated) -> Facts:
    said = event.data.shipment
    order = _order_of_shipment(facts, said) or Order(id=said.order or f"~{said.tracking}", heard_at=event.time)
    heard = Parcel.made_of(states={said.state: event.time})
    parcel = _parcel_joined(order.parcels.get(said.tracking, NO_PARCEL), heard)
    told: dict[str, Any] = {
        "parcels": _with(order.parcels, said.tracking, parcel),
        "heard_at": min(order.heard_at, event.time),
        "promised_at": _earliest(order.promised_at, said.promised_at),
    }
    if said.state is e.ShipmentState.DELIVERED:
        told["delivered_at"] = _earliest(order.delivered_at, event.time)
    return _place(facts, order.but(told))


def _order_of_shipment(facts: Facts, said: e.ShipmentFacts) -> Order | None:
    everything = {**facts.strays, **facts.orders}
    if said.order:
        return everything.get(said.order)
    carrying = (order for order in everything.values() if said.tracking in order.parcels)
    return next(carrying, None)


def _activation(facts: Facts, event: e.ProductActivated) -> Facts:
    if not event.data.order:
        return facts.but({"activated_at": _earliest(facts.activated_at, event.time)})
    order_id = event.data.order
    order = facts.orders.get(order_id) or facts.strays.get(order_id) or Order(id=order_id, heard_at=event.time)
    told = {"activated_at": _earliest(order.activated_at, event.time), "heard_at": min(order.heard_at, event.time)}
    return _place(facts, order.but(told))


def _cart(facts: Facts, event: e.CartAbandoned, policy: Policy) -> Facts:
    said = event.data.cart
    base = policy.currencies.to_base(said.total.amount, said.total.currency) if said.total else None
    now = Cart.made_of(id=said.id, touched_at=event.time, base=base)
    cart = max(facts.carts.get(said.id, now), now, key=_cart_rank)
    newest = sorted({**facts.carts, said.id: cart}.values(), key=_cart_rank)[-RECENT_CARTS:]
    return facts.but({"carts": {each.id: each for each in sorted(newest, key=lambda each: each.id)}})


def _cart_rank(cart: Cart) -> tuple[Utc, str, Decimal]:
    return cart.touched_at, cart.id, Decimal(-1) if cart.base is None else cart.base


# Tickets


def _ticket(facts: Facts, event: e.TicketEvent, policy: Policy) -> Facts:
    said = event.data.ticket
    before = facts.tickets.get(said.id) or Ticket(id=said.id, heard_at=event.time, touched_at=event.time)
    told: dict[str, Any] = {
        "heard_at": min(before.heard_at, event.time),
        "touched_at": max(before.touched_at, event.time),
        "opened_at": _earliest(before.opened_at, said.opened_at),
        "channel": _least(before.channel, said.channel),
        "intent": _least(before.intent, said.intent),
    }
    match event:
        case e.TicketOpened():
            told["opened_at"] = _earliest(told["opened_at"], event.time)
        case e.TicketReplied() if said.by == "agent":
            told["answered_at"] = _earliest(before.answered_at, event.time)
        case e.TicketResolved():
            told |= _resolved(before, event.time, said.by)
        case e.TicketReopened():
            told["reopened_at"] = _latest(before.reopened_at, event.time)
        case _:
            pass
    with_ticket = facts.but({"tickets": _with(facts.tickets, said.id, before.but(told))})
    if said.by != "customer" or isinstance(event, e.TicketResolved):
        return with_ticket
    kind = "ticket" if isinstance(event, e.TicketOpened) else "reply"
    return _signed(_mood(with_ticket, said.sentiment, event.time, policy), kind, event.time, policy)


def _resolved(before: Ticket, at: Utc, by: str) -> dict[str, Any]:
    """When last, and by whom; of two at one instant an agent did it, whichever is heard first."""
    if before.resolved_at is None or at > before.resolved_at:
        return {"resolved_at": at, "resolved_by": by}
    if at == before.resolved_at:
        return {"resolved_by": _least(before.resolved_by, by)}
    return {}


# Signals


def _signed(facts: Facts, kind: str, at: Utc, policy: Policy) -> Facts:
    """A sign of life: counted, and remembered as the latest contact."""
    part = policy.score.parts.engagement
    told: dict[str, Any] = {
        "counts": _with(facts.counts, kind, facts.counts.get(kind, 0) + 1),
        "contact_at": _latest(facts.contact_at, at),
    }
    if kind in part.kinds:
        told["signals"] = _heard(facts, kind, 1.0, at, part.half_life)
    return facts.but(told)


def _read(facts: Facts, said: e.MessageData, policy: Policy) -> Facts:
    if said.read_at is None or said.channel != "email" or not policy.learns_send_time:
        return facts
    return facts.but({"reads": with_read(facts.reads, said.read_at)})


def _signal(facts: Facts, name: str, weight: float, at: Utc, half_life: timedelta) -> Facts:
    return facts.but({"signals": _heard(facts, name, weight, at, half_life)})


def _heard(facts: Facts, name: str, weight: float, at: Utc, half_life: timedelta) -> Mapping[str, Decayed]:
    before = facts.signals.get(name) or Decayed.nothing(half_life)
    return _with(facts.signals, name, before.add(weight, at, half_life))


def _mean(facts: Facts, name: str, value: float, at: Utc, policy: Policy) -> Facts:
    """One more voice in a decayed mean: `name` sums what was said, `name#` how often."""
    half_life = getattr(policy.score.parts, name).half_life
    return _signal(_signal(facts, name, value, at, half_life), f"{name}#", 1.0, at, half_life)


def _mood(facts: Facts, sentiment: float | None, at: Utc, policy: Policy) -> Facts:
    return facts if sentiment is None else _mean(facts, "sentiment", (sentiment + 1) / 2, at, policy)


def _points(points: Points, event: e.PointsEvent) -> Points:
    match event:
        case e.PointsEarned(data=data):
            return with_given(points, data.points, event.time, data.expires_at)
        case e.PointsAdjusted(data=data) if data.points > 0:
            return with_given(points, data.points, event.time, data.expires_at)
        case _:
            return with_taken(points, abs(event.data.points), event.time)


# Words: the latest counts


def _consent(facts: Facts, said: e.ConsentData, at: Utc) -> Facts:
    key, now = f"{said.purpose}/{said.channel}", Consent(said.granted, at)
    before = facts.consent.get(key)
    later = now if before is None else max(before, now, key=lambda word: (word.at, not word.granted))
    changes: dict[str, Any] = {"consent": _with(facts.consent, key, later)}
    if not said.granted:
        changes["withdrawn"] = _with(facts.withdrawn, key, _latest(facts.withdrawn.get(key), at))
    elif said.confirmed:
        changes["confirmed"] = _with(facts.confirmed, key, _latest(facts.confirmed.get(key), at))
    return facts.but(changes)


def _latest_word(words: Mapping[K, Known], key: K, value: str, at: Utc) -> Mapping[K, Known]:
    now = Known(value, at)
    before = words.get(key, now)
    return _with(words, key, now if (now.at, now.value) >= (before.at, before.value) else before)


def _about(facts: Facts, event: e.Event) -> Facts:
    """What events of every type may tell: language, place, birthday, how to reach."""
    person, about = event.data.customer, facts.about
    for field, value in (
        ("locale", person.locale),
        ("time_zone", person.time_zone),
        ("country", person.country),
        ("birthday", person.birthday and person.birthday.isoformat()),
    ):
        if value:
            about = _latest_word(about, field, value, event.time)
    told: dict[str, Any] = {"about": about, "reach": facts.reach.union(person.channels)}
    if about is facts.about and told["reach"] == facts.reach:
        return facts
    return facts.but(told)


def _noted(facts: Facts, event: e.Event, policy: Policy) -> Facts:
    """That the event's type happened, where a play's `unless` watches for it and no other fact tells."""
    if event.type not in policy.watched:
        return facts
    latest = _latest(facts.latest.get(event.type), event.time)
    return facts.but({"latest": _with(facts.latest, event.type, latest)})


def _given(facts: Facts, said: e.MessageData, at: Utc) -> Facts:
    """With the coupon that the message carried, if it may have left with one: among the newest few."""
    if not (said.coupon and said.play):
        return facts
    now = Given(said.play, at)
    known = {**facts.coupons, said.coupon: max(now, facts.coupons.get(said.coupon, now), key=_given_rank)}
    newest = sorted(known, key=lambda mark: (known[mark].at, mark))[-RECENT_COUPONS:]
    return facts.but({"coupons": {mark: known[mark] for mark in sorted(newest)}})


def _given_rank(given: Given) -> tuple[Utc, str]:
    return given.at, given.play


def _sent(facts: Facts, send: Send, policy: Policy) -> Facts:
    every = sorted({*facts.sends, send}, key=lambda each: (each.at, each.channel, each.purpose))
    horizon = every[-1].at - policy.cap_window
    return facts.but({"sends": tuple(each for each in every if each.at >= horizon)})


# Settling


def _settle(facts: Facts, recalled: tuple[Recalled, ...]) -> Folded:
    if len(facts.orders) <= RECENT_ORDERS and len(facts.tickets) <= RECENT_TICKETS:
        return Folded(facts, ())
    orders = sorted(facts.orders.values(), key=_placed)[:-RECENT_ORDERS]
    tickets = sorted(facts.tickets.values(), key=lambda ticket: (ticket.touched_at, ticket.id))[:-RECENT_TICKETS]
    totals = facts.totals
    for order in orders:
        totals = _counted(totals, order, 1)
    left = {
        "orders": _without(facts.orders, orders),
        "tickets": _without(facts.tickets, tickets),
        "totals": totals.but({"tickets": totals.tickets + len(tickets)}),
    }
    return Folded(facts.but(left), (*orders, *tickets, *_carried(orders, recalled)))


def _carried(orders: Iterable[Order], recalled: Iterable[Recalled]) -> Iterator[Carried]:
    """Whose each parcel of these is. Of one that was recalled with its order, that is written already."""
    written = {(each.id, tracking) for each in recalled if isinstance(each, Order) for tracking in each.parcels}
    parcels = ((tracking, order.id) for order in orders for tracking in order.parcels)
    return (Carried.made_of(id=of, order=order) for of, order in parcels if (order, of) not in written)


def _placed(order: Order) -> tuple[Utc, str]:
    assert order.placed_at is not None, "only known orders are kept with the orders"
    return order.placed_at, order.id


def _without(mapping: Mapping[str, V], gone: Iterable[Recalled]) -> Mapping[str, V]:
    ids = {each.id for each in gone}
    return {key: value for key, value in mapping.items() if key not in ids}


def _take_back(facts: Facts, recalled: tuple[Recalled, ...]) -> Facts:
    totals, orders, tickets = facts.totals, facts.orders, facts.tickets
    for each in recalled:
        if isinstance(each, Order):
            totals, orders = _counted(totals, each, -1), _with(orders, each.id, each)
        else:
            totals = totals.but({"tickets": totals.tickets - 1})
            tickets = _with(tickets, each.id, each)
    return facts.but({"totals": totals, "orders": orders, "tickets": tickets}) if recalled else facts


def _counted(totals: Totals, order: Order, sign: int) -> Totals:
    """The totals with an order more or less. First and last are of all that ever left: they do not shrink."""
    placed_at, _ = _placed(order)
    return totals.but(
        {
            "orders": totals.orders + sign,
            "purchases": totals.purchases + sign * order.counts,
            "value": totals.value + sign * order.value,
            "refunds": totals.refunds + sign * order.refund_count,
            "returns": totals.returns + sign * (order.returned_at is not None),
            "activated": totals.activated + sign * (order.activated_at is not None),
            "first_at": _earliest(totals.first_at, placed_at),
            "last_at": _latest(totals.last_at, placed_at),
        }
    )


# Joins


def _earliest(one: Utc | None, other: Utc | None) -> Utc | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def _latest(one: Utc | None, other: Utc | None) -> Utc | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _least(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """With this entry, in the order of the keys."""
    if key in mapping:
        return {**mapping, key: value}
    return dict(sorted({**mapping, key: value}.items(), key=lambda entry: entry[0]))
