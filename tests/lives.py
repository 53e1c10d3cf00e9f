"""Strategies for hypothesis: any life of a customer, as a list of events of every type but `timer.due`.

Vendors say the same thing twice, late, at the same instant, and not with the same words. On two things they agree, as
folding needs it (`perennial.domain.fold` says so): when an order was placed, and whose a parcel is.
"""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from perennial.domain.actions import coupon_mark
from perennial.domain.customer import RECENT_CARTS, RECENT_ORDERS, RECENT_TICKETS
from perennial.domain.events import Event, ShipmentState
from tests.builders import DAY, HOUR, NOON, a_ticket_event, an_event, an_order_event, parcel, placed, shipped

CODES = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")
ORDERS, TICKETS = RECENT_ORDERS + 4, RECENT_TICKETS + 3
Words = dict[str, Any]
hours = st.integers(0, 400 * 24).map(lambda hour: NOON + hour * HOUR)
ties = st.integers(0, 4).map(lambda times: NOON + times * 90 * DAY)
instants = st.one_of(hours, hours, ties)
channels = st.sampled_from(("email", "sms"))
moods = st.none() | st.floats(-1, 1)
grades = st.integers(1, 5)


def happens(kind: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    """Events of this type, at any instant, with such data."""
    return st.builds(lambda at, said: an_event(kind, at, **said), instants, st.fixed_dictionaries(data))


def one_of(number: int) -> st.SearchStrategy[int]:
    """Of so many, the first few more often than the others: of most things one hears more than once."""
    return st.integers(1, 2) | st.integers(1, number)


# Orders and parcels


def bought(number: int) -> datetime:
    """Vendors agree on when an order was placed."""
    return NOON + number * 9 * DAY


def trackings(number: int) -> st.SearchStrategy[str]:
    """The parcels of an order: two, and no other order's."""
    return st.sampled_from((f"T-{number}", f"T-{number}-b"))


@st.composite
def terms(draw: st.DrawFn, number: int) -> Words:
    """What one vendor may know of an order, or nothing."""
    if not draw(st.booleans()):
        return {}
    amount, currency = draw(st.sampled_from(("10", "10.0", "12.50", "0"))), draw(st.sampled_from(("USD", "EUR", "XXX")))
    said: Words = {"placed_at": bought(number), "total": {"amount": amount, "currency": currency}}
    said["promised_at"] = draw(st.none() | st.integers(0, 20).map(lambda days: bought(number) + days * DAY))
    codes = draw(st.lists(st.sampled_from(CODES), max_size=2, unique=True))
    said["coupons"] = [{"code": code, "off": draw(st.sampled_from(("2", "2.00", None)))} for code in codes]
    said["base"], said["country"] = draw(st.sampled_from((None, "11"))), draw(st.sampled_from((None, "ES", "US")))
    return said


@st.composite
def order_events(draw: st.DrawFn) -> Event:
    number, at = draw(one_of(ORDERS)), draw(instants)
    order, said = f"o-{number}", draw(terms(number))
    kinds = ("placed", "placed", "paid", "delivered", "cancelled", "returned", "refunded", "shipped")
    match draw(st.sampled_from(kinds)):
        case "placed":
            said = {"placed_at": bought(number), "name": f"#{at.hour % 2}", **said}
            return an_order_event("placed", at, order=order, **said)
        case "shipped":
            return shipped(at, order=order, tracking=draw(trackings(number)))
        case "refunded":
            money = {"amount": draw(st.sampled_from(("5", "5.00", "7"))), "currency": "USD"}
            refund = {"id": draw(st.sampled_from("abc")), "total": money}
            return an_event("order.refunded", at, order={"id": order, **said}, refund=refund)
        case kind:
            return an_order_event(kind, at, order=order, cart=f"k-{number}", **said)


@st.composite
def parcel_events(draw: st.DrawFn) -> Event:
    number, state = draw(one_of(ORDERS)), draw(st.sampled_from([*ShipmentState]))
    said: Words = {"order": f"o-{number}"} if draw(st.booleans()) else {}
    said["promised_at"] = draw(st.none() | instants)
    return parcel(state, draw(instants), tracking=draw(trackings(number)), **said)


# Tickets


@st.composite
def ticket_events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(("opened", "replied", "resolved", "reopened")))
    facts: Words = {"by": draw(st.sampled_from(("customer", "agent", "bot"))), "sentiment": draw(moods)}
    facts |= {"channel": draw(st.sampled_from(("chat", "email"))), "intent": draw(st.sampled_from(("return", "how")))}
    facts["opened_at"] = draw(st.none() | instants)
    return a_ticket_event(kind, draw(instants), ticket=f"t-{draw(one_of(TICKETS))}", **facts)


# All else

people = st.fixed_dictionaries(
    {
        "id": st.just("mia"),
        "phone": st.sampled_from((None, "+34 612345678")),
        "birthday": st.sampled_from((None, "1990-02-28", "1992-02-29")),
        "locale": st.sampled_from(("en", "es")),
        "country": st.sampled_from(("ES", "US")),
        "time_zone": st.sampled_from((None, "Europe/Madrid", "Asia/Kathmandu", "Nowhere")),
    }
)
message = {
    "action": st.just("a-1"),
    "channel": channels,
    "purpose": st.sampled_from((None, "transactional", "service", "marketing")),
    "play": st.sampled_from((None, "welcome", "winback")),
    "coupon": st.sampled_from((None, *map(coupon_mark, CODES))),
}
message_events = st.one_of(
    *(
        happens(f"message.{verb}", **message)
        for verb in ("sent", "delivered", "opened", "clicked", "bounced", "complained", "replied", "failed")
    ),
    happens("message.deferred", **{**message, "play": st.just("welcome")}, about=st.just("sign-up"), until=instants),
)
some_points = st.integers(1, 200)
other_events = st.one_of(
    happens("cart.abandoned", cart=one_of(RECENT_CARTS + 3).map(lambda number: {"id": f"k-{number}"})),
    happens("survey.answered", survey=st.sampled_from(("csat", "nps", "ces")), score=grades),
    happens("review.posted", id=st.just("v"), rating=grades, sentiment=moods),
    happens("product.viewed"),
    happens("product.used"),
    happens("product.activated", order=st.sampled_from((None, "o-1", f"o-{ORDERS}"))),
    happens("customer.signed_up", customer=people),
    happens("customer.updated", customer=people),
    happens("customer.deleted"),
    happens("customer.merged", other=st.just("c2")),
    happens("customer.unmerged", other=st.just("c2"), by=st.just("lee")),
    happens("consent.changed", channel=channels, granted=st.booleans()),
    happens("privacy.requested", request=st.sampled_from(("erase", "export")), request_id=st.just("p-1")),
    happens("recommendation.clicked", recommendation=st.just("r-1")),
    happens("points.earned", points=some_points, expires_at=st.none() | instants, reason=st.none() | st.just("kind")),
    happens("points.adjusted", points=some_points | some_points.map(lambda points: -points)),
    happens("points.spent", points=some_points, reference=st.none() | st.just("#1001")),
    happens("points.expired", points=some_points),
    happens("agent.acted", agent=st.just("lee"), did=st.just("called")),
    happens("policy.changed", version=st.just(2)),
)

A_LONG_LIFE = [
    *(placed(bought(number), order=f"o-{number}") for number in range(1, ORDERS + 1)),
    *(shipped(bought(number) + DAY, order=f"o-{number}", tracking=f"T-{number}") for number in range(1, ORDERS + 1)),
    *(a_ticket_event("opened", ticket=f"t-{number}") for number in range(1, TICKETS + 1)),
]
chapters = (
    order_events(),
    order_events(),
    parcel_events(),
    ticket_events(),
    message_events,
    other_events,
    other_events,
)
any_event: st.SearchStrategy[Event] = st.sampled_from(chapters).flatmap(lambda chapter: chapter)
a_life = st.lists(any_event, min_size=5, max_size=30)
