"""What vendors, staff and time itself do in a run: made from the seed before it begins, and data from then on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from tests.campaign import erasures, families, listening, points, warmth
from tests.campaign import vendors as v
from tests.campaign.erasures import Wish
from tests.campaign.families import Said
from tests.campaign.listening import Change, Listener
from tests.campaign.people import EVERYBODY, Persona
from tests.campaign.points import Move
from tests.campaign.policies import EVERYDAY
from tests.campaign.shop import Kind
from tests.campaign.vendors import SOURCES, Post

THIRD_LIFE = 9
"""The number of the thread in which somebody collects points."""
SECOND_LIFE = 8
"""The number of the thread in which somebody is met by another name: no life has so many others."""
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)

YOUNG = 0.15
"""Share of all seeds in which the domain that emails come from is new."""

REACHES = (
    *("",) * 4,
    "channel email",
    "channel sms",
    "purpose marketing",
    "purpose service",
    "country DE",
    "country IN",
    "play welcome",
    "play dispatched",
    "play abandoned-cart",
)
"""What staff stop, as `field value`; nothing: everything."""

STOPPED_AFTER = (-MINUTE, -SECOND, -SECOND, 0 * SECOND, 20 * MILLISECOND, 50 * MILLISECOND, SECOND, 4 * HOUR)
"""When staff stop something, from what a vendor tells on: before its messages, between them, or as a cart's is due."""

Deed = Literal[
    "change policy",
    "rotate secret",
    "retire secret",
    "rotate key",
    "retire key",
    "redrive",
    "replay quarantine",
    "stop the world",
    "stop",
    "release",
    "discard",
    "look",
    "fill pool",
]


@dataclass(frozen=True)
class Act:
    """Something that staff or the world does."""

    at: datetime
    deed: Deed
    about: str
    """Variant of the policy, source, queue; for how many days the world stands still; what is stopped (`stops.py`), or
    which of what is; the numbers of the codes that go into the pool, from and to."""

    @property
    def name(self) -> str:
        return f"{self.deed} {self.about}"


Step = Post | Act | Said | Wish | Move | Change


@dataclass(frozen=True)
class Plan:
    seed: int
    policy: str
    """The variant that ships."""
    steps: tuple[Step, ...]
    """In the order of time."""
    begins: datetime
    ends: datetime
    goes_on_for: timedelta
    """How long the house is watched after the weather has cleared."""
    shop: Kind = "none"
    """Where coupons are made good."""
    has_others: bool = False
    """The shop has many customers besides, of whom some have complained already."""
    listeners: tuple[Listener, ...] = ()
    """The merchant's own systems that want to be told."""


def plan_of(seed: int) -> Plan:
    """The same for the same seed."""
    chance = Random(seed)
    who = chance.sample(EVERYBODY, chance.choice((1, 1, 2, 3)))
    begins = _beginning(chance)
    steps = [post for each in who for post in _life(chance, each, begins)]
    lives = Random(f"people {seed}")
    is_met_twice = lives.random() < families.SHARE
    if is_met_twice:
        twice = lives.sample(who, min(len(who), lives.choice((1, 1, 2))))
        steps += [post for each in twice for post in families.lived_twice(lives, Teller(each, SECOND_LIFE), begins)]
    ends = max(step.at for step in steps) + 10 * MINUTE
    everything: list[Step] = [*steps, *_deeds(chance, begins, ends), *_stops(chance, steps), *_codes(chance, steps)]
    if is_met_twice:
        everything += families.words_of_staff(lives, who, begins, ends)
    everything += _keys(Random(f"keys {seed}"), steps)
    if lives.random() < erasures.SHARE:
        tellers, moments = [Teller(each, SECOND_LIFE) for each in who], sorted(step.at for step in steps)
        everything += erasures.wishes(lives, tellers, moments, ends)
    domain = Random(f"domain {seed}")
    if is_young := domain.random() < YOUNG:
        everything += warmth.crowd(domain, [Teller(each, THIRD_LIFE) for each in EVERYBODY], begins + HOUR)
    everything += _points(seed, who, sorted(step.at for step in steps), ends)
    listeners = listening.listeners(ears := Random(f"listeners {seed}"))
    everything += _told(ears, listeners, sorted(step.at for step in steps), ends)
    everything.sort(key=lambda step: step.at)
    ends = max(ends, everything[-1].at + 10 * MINUTE)
    later = chance.choice((2 * DAY, 5 * DAY, 40 * DAY, 200 * DAY))
    policy = chance.choice(("shipped", "busy", "lawful"))
    policy = "young" if is_young else policy
    shop: Kind = chance.choice(("none", "shopify", "woocommerce"))
    has_others = chance.random() < 0.5
    return Plan(seed, policy, tuple(everything), begins, ends, later, shop, has_others, listeners)


def _points(seed: int, who: Sequence[Persona], moments: Sequence[datetime], ends: datetime) -> Iterator[Step]:
    """Of some, systems of the merchant's own tell how many points they have; and staff move some."""
    chance = Random(f"points {seed}")
    if chance.random() >= points.SHARE:
        return
    for each in chance.sample(who, chance.randint(1, len(who))):
        at = chance.choice(moments) + chance.choice((0 * SECOND, MINUTE))
        yield from points.told_of(chance, Teller(each, THIRD_LIFE), at)
    yield from points.moves(chance, [each.email for each in who], moments, ends)


def _beginning(chance: Random) -> datetime:
    """Any hour; often just before quiet hours begin or end somewhere, sometimes the day before clocks change."""
    day = chance.choice((datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)))
    return day + chance.choice(
        (
            12 * HOUR,
            timedelta(hours=17, minutes=56),  # Berlin's evening in summer
            timedelta(hours=11, minutes=57),  # Singapore's evening
            timedelta(hours=6, minutes=55),  # Berlin's morning
            timedelta(minutes=chance.randrange(24 * 60)),
        )
    )


# Lives


@dataclass(frozen=True)
class Teller:
    """Vendors, as they tell of one thread in one customer's life: each event's id is its own in all runs."""

    who: Persona
    number: int

    def shopify(self, name: str, at: datetime, topic: str, body: Mapping[str, Any]) -> Post:
        return v.shopify(self._named(name), at, self.who, topic, body)

    def zendesk(self, name: str, at: datetime, kind: str, detail: Mapping[str, Any], **event: Any) -> Post:
        return v.zendesk(self._named(name), at, self.who, kind, detail, **event)

    def aftership(self, name: str, at: datetime, tracking: Mapping[str, Any]) -> Post:
        return v.aftership(self._named(name), at, self.who, tracking)

    def open_api(self, name: str, at: datetime, *events: Mapping[str, Any]) -> Post:
        return v.open_api(self._named(name), at, self.who, *events)

    def _named(self, name: str) -> str:
        return f"{self.who.last[:4].lower()}{self.number}-{name}"


Thread = Callable[[Random, Teller, datetime], Iterator[Post]]
"""chance, who tells, when it begins"""


def _life(chance: Random, who: Persona, begins: datetime) -> Iterator[Post]:
    """Some threads of one customer's life: side by side, or with days and months between."""
    at = begins
    threads = _threads(chance)
    for number, thread in enumerate(threads):
        at += chance.choice((0 * SECOND, 2 * SECOND, 2 * MINUTE, 3 * HOUR, 2 * DAY, 45 * DAY))
        yield from thread(chance, Teller(who, number), at)


def _threads(chance: Random) -> Sequence[Thread]:
    threads: dict[Thread, float] = {
        _order: 4,
        _cart: 3,
        _newsletter: 2,
        _ticket: 2,
        _browsing: 2,
        _refund_first: 2,
        _account: 1.5,
        _unreadable: 1.5,
        _collector: 0.15,
    }
    first = [_account] if chance.random() < 0.6 else []
    return first + chance.choices(list(threads), list(threads.values()), k=chance.choice((1, 2, 2, 3)))


def _account(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """Signs up, mostly with the newsletter; may move house, or leave."""
    who = tell.who
    word = v.consent(True, at) if chance.random() < 0.75 else None
    yield tell.shopify("signed-up", at, "customers/create", v.account(who, at, consent=word))
    if chance.random() < 0.4:
        mine = v.event("customer.updated", who)
        mine["data"]["customer"] |= {"birthday": who.birthday, "first_name": who.first}
        yield tell.open_api("born", at + SECOND, mine)
    for index, moved in enumerate(_some(chance, 0.3, 0.3)):
        then = at + moved
        email = who.other_email if index == 0 else who.email
        yield tell.shopify(f"moved-{index}", then, "customers/update", v.account(who, then, email=email))
    if chance.random() < 0.08:
        yield tell.shopify("left", at + 4 * DAY, "customers/delete", {"id": who.shopify})


def _some(chance: Random, *chances: float) -> Iterator[timedelta]:
    """A rising time for each of these things that happens."""
    after = timedelta(0)
    for each in chances:
        after += chance.choice((SECOND, MINUTE, 5 * HOUR, 2 * DAY))
        if chance.random() < each:
            yield after


def _newsletter(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """Changes their mind about the newsletter, once or several times."""
    granted = chance.random() < 0.7
    for index, after in enumerate(_some(chance, 1, 0.7, 0.3)):
        yield _word(tell, f"word-{index}", at + after, granted)
        granted = not granted


def _word(tell: Teller, name: str, at: datetime, granted: bool) -> Post:
    who, yes_or_no = tell.who, v.consent(granted, at)
    word = {"customer_id": who.shopify, "email_address": who.email, "email_marketing_consent": yes_or_no}
    return tell.shopify(name, at, "customers_email_marketing_consent/update", word)


def _cart(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """Leaves a cart. Just when the reminder goes out, they may object, or order."""
    who, number = tell.who, tell.number
    yield _word(tell, "yes", at, True)
    yield tell.shopify("cart", at + SECOND, "checkouts/create", v.checkout(who, number, at))
    reminder = at + 4 * HOUR
    if chance.random() < 0.7:
        moment = chance.choice((-30.0, 0.02, 0.03, 0.05, 0.08, 0.1, 0.2, 0.4, 2.0, 60.05, 90.0))
        yield _word(tell, "no", reminder + timedelta(seconds=moment), False)
    if chance.random() < 0.3:
        then = reminder + timedelta(seconds=chance.randrange(-7200, 120))
        order = v.order(who, number * 10, then, checkout_token=f"chk-{who.number}-{number}")
        yield tell.shopify("ordered", then, "orders/create", order)


def _order(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """An order from placed to worn out, as shop, carrier and customer tell of it."""
    who, number = tell.who, tell.number
    own = number * 10
    consent = {"buyer_accepts_marketing": chance.random() < 0.4}
    yield tell.shopify("placed", at, "orders/create", v.order(who, own, at, **consent))
    paid = {"financial_status": "paid", "updated_at": v.stamp(at + SECOND)}
    yield tell.shopify("paid", at + SECOND, "orders/paid", v.order(who, own, at, **paid))
    if chance.random() < 0.15:
        gone = at + chance.choice((SECOND, HOUR))
        cancelled = v.order(who, own, at, cancelled_at=v.stamp(gone))
        yield tell.shopify("cancelled", gone, "orders/cancelled", cancelled)
        return
    shipped = at + chance.choice((2 * SECOND, 6 * HOUR, DAY))
    yield tell.shopify("shipped", shipped, "fulfillments/create", v.parcel(who, own, shipped))
    yield from _parcel(chance, tell, own, shipped)
    yield from _use(chance, tell, own, shipped + 3 * DAY)


def _parcel(chance: Random, tell: Teller, own: int, shipped: datetime) -> Iterator[Post]:
    who = tell.who
    stations = (("InTransit", ""), ("Exception", "Exception_018"), ("InTransit", "InTransit_005"))
    at = shipped
    for index, (tag, subtag) in enumerate(chance.sample(stations, chance.randrange(3))):
        at += chance.choice((SECOND, 5 * HOUR))
        said = v.tracking(who, own, tag, subtag, names_order=chance.random() < 0.7)
        yield tell.aftership(f"station-{index}", at, said)
    at += chance.choice((SECOND, 8 * HOUR, 2 * DAY))
    if chance.random() < 0.5:
        yield tell.aftership("out", at, v.tracking(who, own, "OutForDelivery"))
    if chance.random() < 0.8:
        yield tell.aftership("arrived", at + HOUR, v.tracking(who, own, "Delivered"))


def _use(chance: Random, tell: Teller, own: int, at: datetime) -> Iterator[Post]:
    who = tell.who
    order = str(who.order + own)
    if chance.random() < 0.3:
        yield tell.open_api("used", at, v.event("product.activated", who, order=order))
    if chance.random() < 0.3:
        asked = v.event("survey.answered", who, survey="csat", score=chance.randint(1, 5), text=f"{who.last}: so so")
        yield tell.open_api("asked", at + chance.choice((SECOND, HOUR)), asked)
    if chance.random() < 0.3:
        yield tell.shopify("refund", at + HOUR, "refunds/create", v.refund(who, own, at + HOUR))
    if chance.random() < 0.2:
        closed = {"id": 88_000 + who.number * 100 + own, "order_id": who.order + own}
        yield tell.shopify("back", at + 2 * HOUR, "returns/close", closed)


def _refund_first(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """What names only an order comes first, and waits in quarantine for whoever's order it is."""
    who, number = tell.who, tell.number
    own = number * 10 + 5
    earlier = at - chance.choice((SECOND, MINUTE, DAY))
    yield tell.shopify("lone-refund", at, "refunds/create", v.refund(who, own, at))
    yield tell.aftership("lone-parcel", at + SECOND, v.tracking(who, own, "OutForDelivery"))
    if chance.random() < 0.5:
        yield tell.shopify("lone-refund-2", at, "refunds/create", v.refund(who, own, at, "1.00") | {"id": 7})
    if chance.random() < 0.85:
        late = at + chance.choice((0 * SECOND, SECOND, 2 * HOUR, 3 * DAY))
        placed = tell.shopify("late-order", late, "orders/create", v.order(who, own, earlier))
        yield placed


def _ticket(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """Asks for help; who they are may be told before, after, or at the same time."""
    who, number = tell.who, tell.number
    yield tell.zendesk("user", at + chance.choice((-2, 0, 0, 30)) * SECOND, "user.created", v.user(who))
    yield tell.zendesk("opened", at, "ticket.created", v.ticket(who, number, at))
    agent = v.ticket(who, number, at, "999")
    for index, after in enumerate(_some(chance, 0.6, 0.5)):
        by = {"id": "999", "is_staff": True} if index else {"id": who.zendesk, "is_staff": False}
        said = {"id": f"{index}", "author": by, "body": f"To {who.last}: on its way", "is_public": True}
        yield tell.zendesk(f"comment-{index}", at + after, "ticket.comment_added", agent, comment=said)
    solved = at + chance.choice((MINUTE, 20 * HOUR))
    yield tell.zendesk("solved", solved, "ticket.status_changed", agent, previous="OPEN", current="SOLVED")
    if chance.random() < 0.3:
        again = solved + chance.choice((SECOND, 23 * HOUR))
        yield tell.zendesk("again", again, "ticket.status_changed", agent, previous="SOLVED", current="OPEN")


def _browsing(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """Looks around, several times at once and now and then; may answer by SMS, or not be reached any more."""
    who = tell.who
    views = [v.event("product.viewed", who, product=str(index)) for index in range(chance.randint(1, 4))]
    yield tell.open_api("views", at, *views)
    for index, after in enumerate(_some(chance, 0.6, 0.6)):
        kind = chance.choice(("product.used", "product.viewed", "recommendation.clicked"))
        data = {"recommendation": "r-1"} if kind == "recommendation.clicked" else {}
        yield tell.open_api(f"look-{index}", at + after, v.event(kind, who, **data))
    if chance.random() < 0.15:
        channel = chance.choice(("email", "sms"))
        kind = chance.choice(("message.bounced", "message.complained"))
        yield tell.open_api("unreached", at + MINUTE, v.event(kind, who, action="news-1", channel=channel))


def _unreadable(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """What cannot be understood, what is nothing for us, and what somebody made up."""
    who = tell.who
    odd = (
        lambda: tell.shopify("odd", at, "themes/publish", {"id": 1}),
        lambda: tell.shopify("odd", at, "orders/create", v.order(who, 9, at, total_price="much")),
        lambda: tell.shopify("odd", at, "carts/update", {"id": 1}),
        lambda: tell.open_api("odd", at, v.event("product.viewed", who), v.event("product.broken", who)),
        lambda: tell.open_api("odd", at + 9 * DAY, v.event("product.viewed", who)),
        lambda: tell.zendesk("odd", at, "ticket.tags_changed", v.ticket(who, 1, at)),
    )
    yield replace(chance.choice(odd)(), at=at)
    forged = tell.shopify("forged", at, "orders/create", v.order(who, 999, at))
    yield replace(forged, voice="forged")
    if chance.random() < 0.5:
        yield replace(tell.open_api("faked", at, v.event("product.viewed", who)), voice="forged")


def _collector(chance: Random, tell: Teller, at: datetime) -> Iterator[Post]:
    """So many orders and tickets that the first ones leave the record; and then something is told of those."""
    who, number = tell.who, tell.number
    numbers = [number * 10 + 100 + index for index in range(11)]
    for index, own in enumerate(numbers):
        then = at + index * chance.choice((SECOND, HOUR))
        yield tell.shopify(f"placed-{own}", then, "orders/create", v.order(who, own, at + index * HOUR))
    for own in chance.sample(numbers, 3):
        then = at + 12 * HOUR
        yield tell.shopify(f"refund-{own}", then, "refunds/create", v.refund(who, own, then))
        yield tell.shopify(f"shipped-{own}", then, "fulfillments/create", v.parcel(who, own, then))
        arrived = v.tracking(who, own, "Delivered", names_order=False)
        yield tell.aftership(f"arrived-{own}", then + chance.choice((SECOND, HOUR)), arrived)
    for index in range(8):
        then = at + 13 * HOUR + index * SECOND
        yield tell.zendesk(f"opened-{index}", then, "ticket.created", v.ticket(who, 100 + index, then))
    then = at + 14 * HOUR
    for index in (0, 7):
        solved = v.ticket(who, 100 + index, then)
        yield tell.zendesk(f"solved-{index}", then, "ticket.status_changed", solved, previous="OPEN", current="SOLVED")


# Staff and the world


def _deeds(chance: Random, begins: datetime, ends: datetime) -> Iterator[Act]:
    def some_time() -> datetime:
        return begins + chance.random() * (ends - begins)

    for _ in range(chance.choice((0, 0, 1, 2))):
        yield Act(some_time(), "change policy", chance.choice(EVERYDAY))
    if chance.random() < 0.3:
        source = chance.choice(SOURCES)
        yield Act(rotated := some_time(), "rotate secret", source)
        if chance.random() < 0.5:
            yield Act(rotated + HOUR, "retire secret", source)
    for _ in range(chance.choice((0, 1, 2))):
        yield Act(
            some_time(),
            "redrive",
            chance.choice(("orders", "tickets", "outcomes", "inactivity", "email", "sms", "receipts")),
        )
    for _ in range(chance.choice((0, 0, 1, 2))):
        yield Act(some_time(), "replay quarantine", "newest")
    if chance.random() < 0.25:
        yield Act(some_time(), "stop the world", str(chance.choice((1, 6, 12, 90, 200))))


def _keys(chance: Random, steps: Sequence[Step]) -> Iterator[Act]:
    """A new key for the links, mostly just as messages go out; and the old ones go, soon or when nobody needs them."""
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        rotated = chance.choice(steps).at + chance.choice((-SECOND, 50 * MILLISECOND, 2 * SECOND, 20 * SECOND, MINUTE))
        yield Act(rotated, "rotate key", "of links")
        if chance.random() < 0.6:
            yield Act(rotated + chance.choice((SECOND, 2 * MINUTE, HOUR, 3 * DAY)), "retire key", "of links")


def _stops(chance: Random, steps: Sequence[Step]) -> Iterator[Act]:
    """Something is stopped just when a message is on its way, and let go, given up, or left as it is."""
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        at = chance.choice(steps).at + chance.choice(STOPPED_AFTER)
        reach = chance.choice(REACHES)
        yield Act(at, "stop", reach)
        if chance.random() < 0.2:
            yield Act(at + chance.choice((5 * MILLISECOND, MINUTE)), "stop", reach)
        later = at + chance.choice((SECOND, MINUTE, HOUR, 2 * DAY, 10 * DAY))
        yield from _what_waits(chance, later)


def _what_waits(chance: Random, at: datetime) -> Iterator[Act]:
    if chance.random() < 0.5:
        yield Act(at - chance.choice((0 * SECOND, SECOND)), "look", "what waits")
    which = chance.choice(("oldest", "newest"))
    if chance.random() < 0.35:
        yield Act(at, "discard", which)
        at += chance.choice((0 * SECOND, 10 * MILLISECOND, SECOND, HOUR))
    if chance.random() < 0.8:
        yield Act(at, "release", which)
    if chance.random() < 0.2:
        yield Act(at + chance.choice((5 * MILLISECOND, MINUTE)), "release", which)


def _told(
    chance: Random, who: Sequence[Listener], moments: Sequence[datetime], ends: datetime
) -> Iterator[Act | Change]:
    """What becomes of those who are told, and staff who send back what they did not take."""
    yield from listening.changes(chance, who, moments, ends)
    if chance.random() < 0.2:
        yield Act(chance.choice(moments) + chance.choice((HOUR, 2 * DAY)), "redrive", "notices")


def _codes(chance: Random, steps: Sequence[Step]) -> Iterator[Act]:
    """A few codes for the pool, when it is time, when it is too late, and the same ones again."""
    filled = 0
    for _ in range(chance.choice((1, 1, 2, 3))):
        first, filled = max(0, filled - chance.choice((0, 0, 1))), filled + chance.choice((1, 2, 4))
        yield Act(chance.choice(steps).at, "fill pool", f"{first} {filled}")
