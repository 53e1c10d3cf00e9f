"""What a customer can be found by. Kept only as keyed hashes: who reads the table cannot tell whose they are.

Keys are not all worth the same. A vendor's id and an email are one person's; a phone is a household's now and then, a
loyalty card often, a device belongs to whoever sits before it. So a new person is not swallowed by a weaker key than
their own (`whose`), and what speaks for two customers being one is collected instead (docs/decisions/0009).
"""

import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from perennial.domain import events as e
from perennial.domain.contacts import international
from perennial.domain.contacts import normal_email as normal_email
from perennial.domain.contacts import normal_phone as normal_phone
from perennial.domain.events import Event
from perennial.domain.relays import is_relay

STRONG = frozenset({"id", "email", "phone", "relay"})
"""Kinds by which somebody is known. Who has none of them is anonymous, or a card."""
PERSONAL = STRONG | {"loyalty", "device"}
"""Kinds that name a person. The others name a thing of theirs, and find a customer but never make one."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"\+?(?!(\d)\1*$)\d{6,15}")
"""What people and shops write when they have none ("n/a", "-", 0000000) would make one customer of many strangers."""


class IdentityKey(NamedTuple):
    kind: str
    """id, email, relay, phone, loyalty, device, order, order_name, tracking."""
    value: str
    """Normalised, with the store in front: ids of different stores never meet."""

    @property
    def is_personal(self) -> bool:
        return self.kind in PERSONAL

    @property
    def is_strong(self) -> bool:
        return self.kind in STRONG

    @property
    def vendor(self) -> str:
        """Of an id: whose it is, "own" where the merchant gave it."""
        return self.value.split("\x1f")[1].partition(":")[0]

    @property
    def field(self) -> str:
        """Of a personal key: the word of the profile that it was made of."""
        if self.kind == "id":
            return "id" if self.vendor == "own" else f"ids.{self.vendor}"
        return "email" if self.kind == "relay" else self.kind

    def hashed(self, secret: bytes) -> str:
        return hmac.digest(secret, f"{self.kind}\x1f{self.value}".encode(), "sha256").hex()[:32]


def identity_keys(event: Event) -> tuple[IdentityKey, ...]:
    """By what this event's customer may be found, strongest first: ids, email, phone, then what belongs to them."""
    return tuple(dict.fromkeys(IdentityKey(kind, f"{event.store}\x1f{value}") for kind, value in _named(event)))


def key_for(store: str, kind: str, value: str) -> IdentityKey:
    """The key of one thing that somebody looks a customer up by."""
    if kind == "email" and is_relay(normal_email(value)):
        kind = "relay"
    normal = {"email": normal_email, "relay": normal_email, "phone": _typed_phone, "order_name": normal_order_name}.get(
        kind, str
    )
    return IdentityKey(kind, f"{store}\x1f{normal(value)}")


def customer_id(key: IdentityKey, secret: bytes) -> str:
    """The id that a customer first met by this key gets; whoever works it out gets the same."""
    return "c" + hmac.digest(secret, f"customer\x1f{key.kind}\x1f{key.value}".encode(), "sha256").hex()[:24]


def _typed_phone(phone: str) -> str:
    """By hand, so looked at as closely as one that comes in from outside."""
    return international(phone) or normal_phone(phone)


def normal_order_name(name: str) -> str:
    return name.strip().lstrip("#").lower()


# Whose an event is

ONE_EMAIL_EACH = frozenset({"shopify", "woocommerce", "bigcommerce", "zendesk", "freshdesk", "gorgias"})
"""Vendors who give one email one account: a second id with the same email is an account that was made again."""
_EVERYBODYS = frozenset(
    {
        "info", "contact", "hello", "office", "sales", "shop", "support", "admin", "mail", "service", "orders",
        "einkauf", "compras", "accounting", "billing", "team", "purchasing", "procurement", "kontakt", "contacto",
    }
)  # fmt: skip
"""Mailboxes that several people of a company read."""


def is_anonymous(known: Collection[str]) -> bool:
    """known: the fields of the profile of which there is a word. A device may be anybody's."""
    return not any(field in ("id", "email", "phone", "loyalty") or field.startswith("ids.") for field in known)


class Words(NamedTuple):
    """What is known of somebody's profile without reading it."""

    known: Collection[str]
    """Fields of which there is a word."""
    repeated: Collection[str]
    """Those of them of which the event says the same."""


NO_WORDS = Words((), ())


def whose(
    keys: Collection[IdentityKey], owners: Mapping[IdentityKey, str], words: Callable[[str], Words]
) -> str | None:
    """To whom an event is told of which the strongest key is nobody's yet: None where that is somebody new.

    keys: strongest first; owners: whose they are; words: of each owner. Where such a one has a word for a field and the
    event brings another one, the event may be somebody else's.
    """
    for key in keys:
        owner = owners.get(key)
        if owner and _speaks(key, _News(keys, owners, owner, words(owner))):
            return owner
    return None


class _News(NamedTuple):
    """What an event tells of somebody."""

    keys: Collection[IdentityKey]
    owners: Mapping[IdentityKey, str]
    owner: str
    words: Words

    def another(self, kind: str) -> list[IdentityKey]:
        """Keys of this kind that take the place of another that the customer has."""
        mine = (key for key in self.keys if key.kind == kind and self.owners.get(key) != self.owner)
        return [key for key in mine if key.field in self.words.known]


def _speaks(key: IdentityKey, news: _News) -> bool:
    """Does this key alone say that the event is its owner's?"""
    match key.kind:
        case "email":
            others = news.another("id")
            return not others or (
                "email" in news.words.repeated  # not one that a parcel of theirs was addressed to
                and not _is_everybodys(key)
                and all(each.vendor in ONE_EMAIL_EACH for each in others)
            )
        case "phone" | "relay":
            return not (news.another("id") or news.another("email") or news.another("relay"))
        case "loyalty":
            return not any(each.is_strong for each in news.keys)
        case "device":
            return is_anonymous(news.words.known) or not any(each.is_strong for each in news.keys)
        case _:
            return True


def _is_everybodys(key: IdentityKey) -> bool:
    return key.value.split("\x1f")[1].partition("@")[0] in _EVERYBODYS


def former_keys(event: Event) -> frozenset[IdentityKey]:
    """Ids that a vendor says it has merged into another: whose they are, is this event's customer.

    In the open API it is not the vendor who says so: there it is evidence, like any other.
    """
    if event.source.startswith("open/"):
        return frozenset()
    return frozenset(IdentityKey(kind, f"{event.store}\x1f{value}") for kind, value in _former(event))


def _former(event: Event) -> Iterator[tuple[str, str]]:
    for vendor, former_id in sorted(event.data.customer.former.items()):
        yield "id", f"{vendor}:{former_id}"


def _named(event: Event) -> Iterator[tuple[str, str]]:
    person = event.data.customer
    if person.id:
        yield "id", f"own:{person.id}"
    for vendor, vendor_id in sorted(person.ids.items()):
        yield "id", f"{vendor}:{vendor_id}"
    yield from _former(event)
    if person.email and _EMAIL.fullmatch(email := normal_email(person.email)):
        yield "relay" if is_relay(email) else "email", email
    if person.phone and _PHONE.fullmatch(phone := normal_phone(person.phone, person.country)):
        yield "phone", phone
    if person.loyalty:
        yield "loyalty", person.loyalty
    if person.device:
        yield "device", person.device
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
