"""Policies that take turns in a run. They differ in everything that staff may change, but for what facts are folded by.

Half-lives, rates, watched types and the longest window of a cap are the same in all, so that facts do not depend on
when a policy was changed: only with that can they be compared with the fold of all events.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from perennial.domain.policy import Policy
from tests.builders import the_policy
from tests.campaign.coupons import POOL

Document = dict[str, Any]


_POINTS: tuple[Document, ...] = (
    {"id": "bought", "on": "order.paid", "do": {"points": 50}, "purpose": "service"},
    {"id": "seen", "on": "product.viewed", "do": {"points": 7}, "at_most": "3 per 1d", "purpose": "service"},
    {
        "id": "patient",
        "on": "ticket.resolved",
        "do": {"points": {"give": 30, "expires": "40d"}, "email": "apology"},
        "at_most": "2 per 30d",
        "purpose": "service",
    },
    {
        "id": "enough",
        "on": "points.earned",
        "if": "customer.points >= 100",
        "do": {"email": "apology"},
        "at_most": "1 per 90d",
        "purpose": "service",
    },
)
"""Plays that give points, by an order, again and again, and beside a message; and one that asks for them."""


@cache
def variant(name: str) -> Policy:
    """The policy of this name, as version 1."""
    document = the_policy().model_dump(mode="json", by_alias=True)
    VARIANTS[name](document)
    return Policy.model_validate(document)


def _shipped(_document: Document) -> None:
    """As it is."""


def _busy(document: Document) -> None:
    """Something is sent at every turn."""
    document["plays"] += [
        _play(
            "glance", "product.viewed", "winback_silent", "marketing", coupon=_coupon("15", POOL), at_most="2 per 1d"
        ),
        _play("paid", "order.paid", "apology", "transactional", coupon=_coupon("5")),
        _play("asked", "ticket.opened", "apology", "service", coupon=_coupon("5"), after="2m"),
        _play("helped", "ticket.replied", "apology", "service", coupon=_coupon("5", POOL)),
        _play("moved", "customer.updated", "welcome", "transactional", at_most="1 per 1d"),
        _play("texted", "shipment.updated", "out_for_delivery", "service", channel="sms", at_most="1 per 1d"),
        _play("posted", "order.shipped", "out_for_delivery", "service", channel="sms", at_most="1 per 1d"),
        *_POINTS,
    ]
    _granting(document, most=250, worth="0.01")
    document["consent"]["service"] = "opt_out"
    document["tell"] += ["stage.changed", "order.placed", "customer.merged", "customer.unmerged", "message.failed"]


def _granting(document: Document, *, most: int, worth: str) -> None:
    """So many points at every stage, each worth so much."""
    document["currencies"]["point"] = worth
    for granted in document["authority"].values():
        granted["points"] = most


def _lawful(document: Document) -> None:
    """What some countries want: a consent said twice, none at all, and one no for everything."""
    _busy(document)
    document["consent"] |= {
        "no_means": "every channel",
        "regions": [
            {"countries": ["DE"], "marketing": "confirmed_opt_in"},
            {"countries": ["IN"], "marketing": "soft_opt_in", "service": {"email": "opt_out", "sms": "opt_in"}},
            {"countries": ["GB"], "marketing": {"email": "opt_out", "sms": "confirmed_opt_in"}},
        ],
    }


def _strict(document: Document) -> None:
    """Few messages, and long nights."""
    _busy(document)
    document["caps"] = [
        {"purposes": ["service", "marketing"], "at_most": 1, "per": "1d"},
        {"purposes": ["marketing"], "at_most": 1, "per": "7d"},
    ]
    document["quiet_hours"] |= {"start": "18:00", "end": "10:00"}
    document["tell"] = ["task.created", "stage.changed", "ticket.opened"]
    _granting(document, most=40, worth="0.02")


def _awake(document: Document) -> None:
    """No night, other waits, other bands."""
    document["quiet_hours"]["purposes"] = []
    for play in document["plays"]:
        if play["id"] == "abandoned-cart":
            play["after"] = "1h"
    document["score"]["bands"] = {"critical": 0, "at_risk": 35, "steady": 55, "healthy": 75}
    document["plays"] = [play for play in document["plays"] if play["id"] != "tutorial"]
    document["tell"] += ["stage.changed", "label.changed", "band.changed", "customer.updated"]


def _young(document: Document) -> None:
    """The domain is new: a marketing email a day for a start. And there is news for everybody who looks around."""
    _busy(document)
    document["plays"] = [play for play in document["plays"] if play["id"] != "glance"]
    document["plays"].append(_play("news", "product.viewed", "welcome", "marketing", at_most="1 per 1d"))
    document["consent"]["marketing"] = "opt_out"
    document["warm_up"] = {"since": "2026-06-01", "until": "2026-11-25", "first_day": 1, "growth": 1.004}


VARIANTS: Mapping[str, Callable[[Document], None]] = {
    "shipped": _shipped,
    "busy": _busy,
    "lawful": _lawful,
    "strict": _strict,
    "awake": _awake,
    "young": _young,
}


EVERYDAY = ("awake", "busy", "lawful", "shipped", "strict")
"""Those that staff change to at any time."""


def _play(
    name: str,
    on: str,
    template: str,
    purpose: str,
    *,
    channel: str = "email",
    coupon: Document | None = None,
    **rest: Any,
) -> Document:
    do = {channel: template, **({"coupon": coupon} if coupon else {})}
    return {"id": name, "on": on, "do": do, "purpose": purpose, **rest}


def _coupon(percent: str, pool: str | None = None) -> Document:
    return {"kind": "percent", "value": percent, "expires": "14d", **({"pool": pool} if pool else {})}
