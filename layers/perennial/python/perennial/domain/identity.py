"""What a customer can be found by. Kept only as keyed hashes: who reads the table cannot tell whose they are."""

import hmac
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from perennial.domain import events as e
from perennial.domain.events import Event

PERSONAL = frozenset({"id", "email", "phone"})
"""Kinds that name a person. The others name a thing of theirs, and find a customer but never make one."""
_NOT_DIGITS = re.compile(r"\D")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"\+?(?!(\d)\1*$)\d{6,15}")
"""What people and shops write when they have none ("n/a", "-", 0000000) would make one customer of many strangers."""


class IdentityKey(NamedTuple):
    kind: str
    """id, email, phone, order, order_name, tracking."""
    value: str
    """Normalised, with the store in front: ids of different stores never meet."""

    @property
    def is_personal(self) -> bool:
        return self.kind in PERSONAL

    def hashed(self, secret: bytes) -> str:
        return hmac.digest(secret, f"{self.kind}\x1f{self.value}".encode(), "sha256").hex()[:32]


def identity_keys(event: Event) -> tuple[IdentityKey, ...]:
    """By what this event's customer may be found, strongest first: ids, email, phone, then what belongs to them."""
    return tuple(dict.fromkeys(IdentityKey(kind, f"{event.store}\x1f{value}") for kind, value in _named(event)))


def key_for(store: str, kind: str, value: str) -> IdentityKey:
    """The key of one thing that somebody looks a customer up by."""
    normal = {"email": normal_email, "phone": normal_phone, "order_name": normal_order_name}.get(kind, str)
    return IdentityKey(kind, f"{store}\x1f{normal(value)}")


def customer_id(key: IdentityKey, secret: bytes) -> str:
    """The id that a customer first met by this key gets; whoever works it out gets the same."""
    return "c" + hmac.digest(secret, f"customer\x1f{key.kind}\x1f{key.value}".encode(), "sha256").hex()[:24]


def normal_email(email: str) -> str:
    return unicodedata.normalize("NFKC", email).strip().lower()


def normal_phone(phone: str) -> str:
    """Digits, with + in front where the country is told."""
    digits = _NOT_DIGITS.sub("", unicodedata.normalize("NFKC", phone))
    if phone.strip().startswith("00"):
        return "+" + digits[2:]
    return ("+" if phone.strip().startswith("+") else "") + digits


def normal_order_name(name: str) -> str:
    return name.strip().lstrip("#").lower()


def _named(event: Event) -> Iterator[tuple[str, str]]:
    person = event.data.customer
    if person.id:
        yield "id", f"own:{person.id}"
    for vendor, vendor_id in sorted(person.ids.items()):
        yield "id", f"{vendor}:{vendor_id}"
    if person.email and _EMAIL.fullmatch(email := normal_email(person.email)):
        yield "email", email
    if person.phone and _PHONE.fullmatch(phone := normal_phone(person.phone)):
        yield "phone", phone
    yield from _things(event)


def _things(event: Event) -> Iterator[tuple[str, str]]:
    data = event.data
    match data:
        case e.OrderData():
            yield from _order(data.order.id, data.order.name)
            if isinstance(data, e.ShippedData) and data.shipment.tracking:
                yield "tracking", data.shipment.tracking
        case e.ShipmentData():
            yield from _order(data.shipment.order, data.shipment.order_name)
            yield "tracking", data.shipment.tracking
        case e.TicketData():
            yield from _order(data.ticket.order, None)
        case e.ProductData() | e.ReviewData() | e.SurveyData():
            yield from _order(data.order, None)
        case _:
            pass


def _order(order: str | None, name: str | None) -> Iterator[tuple[str, str]]:
    if order:
        yield "order", order
    if name:
        yield "order_name", normal_order_name(name)
