"""People who want to be forgotten: by the shop's own webhook or by staff, at any moment of their lives."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from tests.campaign.people import Persona
from tests.campaign.vendors import Post

if TYPE_CHECKING:
    from tests.campaign.plan import Teller

SHARE = 0.1
"""Of all seeds."""
AGAIN = (timedelta(seconds=1), timedelta(hours=3), timedelta(days=20))
"""Somebody may ask more than once."""


class Wish(NamedTuple):
    """Staff are asked to erase somebody."""

    at: datetime
    about: str
    """The address by which they find the customer."""
    deed: Literal["erase"] = "erase"


def wishes(
    chance: Random, who: Sequence["Teller"], moments: Sequence[datetime], ends: datetime
) -> Iterator[Post | Wish]:
    """Of one of these people, seldom of two. moments: when something happens, with which an erasure may race."""
    for tell in chance.sample(who, min(len(who), chance.choice((1, 1, 1, 2)))):
        at = _some_time(chance, moments, ends)
        yield _asked(chance, tell, at, 0)
        if chance.random() < 0.25:
            yield _asked(chance, tell, at + chance.choice(AGAIN), 1)


def _some_time(chance: Random, moments: Sequence[datetime], ends: datetime) -> datetime:
    """Just as something happens, or at any time, or after all of it."""
    near = chance.choice(moments) + timedelta(seconds=chance.choice((-1.0, 0.0, 0.05, 0.2, 2.0, 120.0)))
    between = moments[0] + chance.random() * (ends - moments[0])
    return chance.choice((near, near, between, ends))


def _asked(chance: Random, tell: "Teller", at: datetime, number: int) -> Post | Wish:
    who = tell.who
    if chance.random() < 0.5:
        return Wish(at, chance.choice((who.email, who.email, who.other_email)))
    return tell.shopify(f"redact-{number}", at, "customers/redact", _redaction(chance, who))


def _redaction(chance: Random, who: Persona) -> dict[str, object]:
    """As Shopify asks, of the one account or of the other."""
    account = chance.choice((who.shopify, who.shopify, who.second_shopify))
    email = who.email if account == who.shopify else who.other_email
    customer = {"id": account, "email": email, "phone": who.phone}
    return {"shop_id": 1, "shop_domain": "demo.myshopify.com", "customer": customer, "orders_to_redact": []}
