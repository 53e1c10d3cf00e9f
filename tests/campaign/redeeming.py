"""Customers who pay with the code that a message brought, on an order that is edited, cancelled, or a friend's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from infra.local.time_machine import whole_minute
from perennial.channels.render import Message
from tests.campaign import vendors as v
from tests.campaign.circumstances import Circumstances
from tests.campaign.coupons import Coupons
from tests.campaign.people import EVERYBODY, Persona, owner_of
from tests.campaign.posts import Posts
from tests.campaign.vendors import Post

OWN = 800
"""The first number of orders that are paid with a code."""
DELAYS = (0.0, 1.0, 600.0, 20_000.0, 900_000.0)
"""Seconds from the message to the order. A minute before the other at the most: see `readers.py`."""
DEEDS = {"redeems": (0,), "edits": (0, 1), "cancels": (0, 1, 2), "gives away": (0,)}
"""What a buyer does -> which of placing, editing and cancelling."""


class Told(NamedTuple):
    """What an order was paid with, as the shop told it last."""

    at: datetime
    off: Decimal


@dataclass
class Purchase:
    """An order that was paid with a code."""

    order: str
    code: str
    told: list[Told] = field(default_factory=list)
    is_cancelled: bool = False

    @property
    def costs(self) -> Decimal:
        """What its code took off in the end."""
        return Decimal(0) if self.is_cancelled else max(self.told).off


@dataclass
class Buyers:
    circumstances: Circumstances
    posts: Posts
    coupons: Coupons
    purchases: dict[str, Purchase] = field(default_factory=dict)
    """By order."""

    def got(self, message: Message) -> None:
        """It lies in their box; perhaps it brought a code."""
        code = next((code for code, action in self.coupons.carried.items() if action == message.action_id), None)
        deed = code and self.circumstances.happens(f"buyer {message.action_id}", "got a coupon")
        if code and deed:
            self.circumstances.faults[f"buyer: {deed}"] += 1
            seconds = DELAYS[int(message.action_id[3], 16) % len(DELAYS)]
            at = self.circumstances.agenda.now + timedelta(seconds=seconds)
            at = whole_minute(at) + timedelta(seconds=3) if seconds >= 60 else at
            self.circumstances.agenda.at(at, lambda: self._buy(message, code, str(deed)))

    def _buy(self, message: Message, code: str, deed: str) -> None:
        who = owner_of(message.to)
        if deed == "gives away":
            who = EVERYBODY[(EVERYBODY.index(who) + 1) % len(EVERYBODY)]
        number = OWN + len(self.purchases)
        purchase = self.purchases[str(who.order + number)] = Purchase(str(who.order + number), code)
        for post in self._told(who, purchase, deed):
            self.posts.send(post)

    def _told(self, who: Persona, purchase: Purchase, deed: str) -> Iterator[Post]:
        """Of one order as it is placed, edited and cancelled within seconds: told in whatever order, and twice."""
        now = self.circumstances.agenda.now
        for turn in DEEDS[deed]:
            at, off = now + timedelta(seconds=turn), Decimal(9 - 4 * turn)
            purchase.is_cancelled |= turn == 2
            if turn < 2:
                purchase.told.append(Told(at, off))
            kind, said = ("cancelled", {}) if turn == 2 else ("placed", _terms(purchase.code, now, off))
            event = v.event(f"order.{kind}", who, order={"id": purchase.order, **said})
            yield v.open_api(f"bought-{purchase.order}-{turn}", at, who, event)


def _terms(code: str, placed_at: datetime, off: Decimal) -> dict[str, Any]:
    typed = code.lower()
    return {
        "placed_at": v.stamp(placed_at),
        "total": {"amount": str(80 - off), "currency": "USD"},
        "coupons": [{"code": f" {typed} ", "off": str(off)}],
    }
