"""What vendors send of our people: bodies and headers as they write them, signed when they leave."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from tests.campaign.people import Persona

STORE = "demo"
SOURCES = ("shopify", "zendesk", "aftership", "open", "twilio")
BY_ARRIVAL = frozenset({"twilio"})
"""Who tells no time: what they tell happened in the hour in which it arrived."""
Voice = Literal["own", "previous", "forged"]
"""Who signs: the vendor by its newest secret or by the one before, or somebody who has none."""


@dataclass(frozen=True)
class Post:
    """One delivery of a vendor, from the first try to the last."""

    name: str
    at: datetime
    source: str
    body: bytes
    persona: str
    headers: Mapping[str, str] = field(default_factory=dict)
    voice: Voice = "own"

    @property
    def is_authentic(self) -> bool:
        return self.voice != "forged"


def secret_of(source: str, version: int) -> str:
    """A vendor's secret after so many rotations; version -1 is nobody's."""
    text = f"{source} secret of version {version:+}, long enough"
    return f"whsec_{base64.b64encode(text.encode()).decode()}" if source == "open" else text


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def shopify(name: str, at: datetime, who: Persona, topic: str, body: Mapping[str, Any]) -> Post:
    headers = {"x-shopify-topic": topic, "x-shopify-event-id": name, "x-shopify-triggered-at": stamp(at)}
    return Post(name, at, "shopify", _json(body), who.email, headers)


def zendesk(name: str, at: datetime, who: Persona, kind: str, detail: Mapping[str, Any], **event: Any) -> Post:
    body = {
        "id": name,
        "type": f"zen:event-type:{kind}",
        "time": stamp(at),
        "detail": detail,
        "event": event,
    }
    return Post(name, at, "zendesk", _json(body), who.email)


def aftership(name: str, at: datetime, who: Persona, tracking: Mapping[str, Any]) -> Post:
    body = {"event_id": name, "ts": int(at.timestamp()), "msg": tracking}
    return Post(name, at, "aftership", _json(body), who.email)


def open_api(name: str, at: datetime, who: Persona, *events: Mapping[str, Any]) -> Post:
    """One event, or a batch."""
    said = [
        {"specversion": "1.0", "id": f"{name}-{index}", "source": "app", "time": stamp(at), **event}
        for index, event in enumerate(events)
    ]
    return Post(name, at, "open", _json(said if len(said) > 1 else said[0]), who.email)


def twilio(name: str, at: datetime, who: Persona, form: Mapping[str, str], voice: Voice = "own") -> Post:
    """What somebody texts to a number of ours."""
    headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    return Post(name, at, "twilio", urlencode(form).encode(), who.email, headers, voice)


def account(who: Persona, at: datetime, *, email: str | None = None, consent: Mapping[str, Any] | None = None) -> Any:
    """A customer as Shopify shows one."""
    return {
        "id": who.shopify,
        "email": email or who.email,
        "phone": who.phone,
        "first_name": who.first,
        "last_name": who.last,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "default_address": {"address1": who.street, "city": "Somewhere", "country_code": who.country},
        "email_marketing_consent": consent,
    }


def consent(granted: bool, at: datetime) -> dict[str, Any]:
    state = "subscribed" if granted else "unsubscribed"
    return {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": stamp(at)}


def order(who: Persona, number: int, placed_at: datetime, **said: Any) -> dict[str, Any]:
    """The customer's order of this number, placed at this time."""
    return {
        "id": who.order + number,
        "name": f"#{who.number}{number:02}",
        "email": who.email,
        "created_at": stamp(placed_at),
        "processed_at": stamp(placed_at),
        "updated_at": stamp(placed_at),
        "total_price": "99.00",
        "currency": "USD",
        "financial_status": "pending",
        "customer_locale": who.locale,
        "customer": {"id": who.shopify, "email": who.email, "phone": who.phone, "first_name": who.first},
        "shipping_address": {"address1": who.street, "country_code": who.country},
        "line_items": [{"id": 1, "product_id": 7, "quantity": 1, "title": "Mirror"}],
        **said,
    }


def tracking_of(who: Persona, number: int) -> str:
    return f"1Z{who.number}{number:04}"


def parcel(who: Persona, number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": 5_000_000 + who.number * 1000 + number,
        "order_id": who.order + number,
        "status": "success",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "tracking_number": tracking_of(who, number),
        "tracking_company": "UPS",
    }


def refund(who: Persona, number: int, at: datetime, amount: str = "9.00") -> dict[str, Any]:
    paid = {"kind": "refund", "status": "success", "amount": amount, "currency": "USD"}
    return {
        "id": 900_000 + who.number * 1000 + number,
        "order_id": who.order + number,
        "created_at": stamp(at),
        "processed_at": stamp(at),
        "transactions": [paid],
    }


def checkout(who: Persona, number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": 33_000_000 + number,
        "token": f"chk-{who.number}-{number}",
        "email": who.email,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "currency": "USD",
        "total_price": "79.00",
        "customer_locale": who.locale,
        "abandoned_checkout_url": f"https://demo.example/recover/{who.last}-{number}",
        "customer": {"id": who.shopify, "email": who.email, "first_name": who.first},
        "shipping_address": {"country_code": who.country},
    }


def tracking(who: Persona, number: int, tag: str, subtag: str = "", *, names_order: bool = True) -> dict[str, Any]:
    named = {"order_id": str(who.order + number), "order_number": f"#{who.number}{number:02}"} if names_order else {}
    return {"tracking_number": tracking_of(who, number), "slug": "ups", "tag": tag, "subtag": subtag, **named}


def ticket(who: Persona, number: int, opened_at: datetime, actor: str | None = None, **said: Any) -> dict[str, Any]:
    return {
        "id": f"{who.number}{number:03}",
        "requester_id": who.zendesk,
        "actor_id": actor or who.zendesk,
        "created_at": stamp(opened_at),
        "subject": f"A question of {who.first}",
        "description": f"{who.last} writes: where is it?",
        "is_public": True,
        "status": "NEW",
        "tags": ["return"],
        "via": {"channel": "mail"},
        **said,
    }


def user(who: Persona) -> dict[str, Any]:
    return {"id": who.zendesk, "email": who.email, "name": f"{who.first} {who.last}", "role": "end-user"}


def event(kind: str, who: Persona, **data: Any) -> dict[str, Any]:
    """An event of the open API, of this customer by email and, where it is known, with the zone they live in."""
    zone = {"time_zone": who.zone} if who.zone else {}
    return {"type": kind, "data": {"customer": {"email": who.email, "country": who.country, **zone}, **data}}


def _json(body: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
