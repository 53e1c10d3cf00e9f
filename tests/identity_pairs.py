"""Pairs of people, or of one person's two appearances, with what is true of them: made by rules, of invented people.

Each pair is two or three events in a store of its own. `same` says whether a careful person who knew all would call
them one.
"""

from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any, NamedTuple

Person = dict[str, Any]


class Pair(NamedTuple):
    rule: str
    same: bool
    told: tuple[Person, ...]
    """Who did something, one event each. The last is looked at: is it the first?"""
    stores: tuple[str, ...] = ("a", "a", "a")


FAMILIES = ("Wang", "Li", "Zhang", "Lü", "Ouyang", "García", "Nguyễn", "Müller", "Kovács", "Sato")
GIVEN = ("Xiaoming", "Wei", "Meiling", "Jianguo", "Yùn", "Lucía", "Thảo", "Jörg", "Ágnes", "Haruto")
PEOPLE = [f"{given} {family}" for family in FAMILIES for given in GIVEN]
MOBILES = (
    ("CN", "+86 138 {:04d} {:04d}", "138{:04d}{:04d}"),
    ("ES", "+34 612 {:02d}{:04d}", "612 {:02d} {:04d}"),
    ("DE", "+49 1512 {:03d}{:04d}", "01512/{:03d}{:04d}"),
    ("GB", "+44 7400 {:02d}{:04d}", "(07400) {:02d}{:04d}"),
    ("US", "+1 212 {:03d} {:04d}", "(212) {:03d}-{:04d}"),
)
_numbers = count(1)


def number() -> int:
    return next(_numbers)


def mobile(country: int, serial: int) -> tuple[str, str, str]:
    """(country, as the world dials it, as the country writes it)."""
    name, abroad, home = MOBILES[country % len(MOBILES)]
    width = 10 ** (4 if name == "CN" else 3 if name in ("DE", "US") else 2)
    parts = (200 + serial) % width, 2000 + serial
    return name, abroad.format(*parts), home.format(*parts)


def shop(serial: int, **person: Any) -> Person:
    return {"ids": {"shopify": str(700_000 + serial)}, **person}


def pinyin(name: str) -> tuple[str, ...]:
    """One name as people write it: either order, capitals, syllables apart."""
    given, family = name.split(" ")
    return (f"{family} {given}", f"{family.upper()} {given}", f"{given}, {family}", f"{given[:4]} {given[4:]} {family}")


def pairs() -> list[Pair]:
    return [pair for rule in RULES for pair in rule()]


# One person


def same_email() -> Iterator[Pair]:
    for name in PEOPLE[:12]:
        serial = number()
        plain = f"p{serial}@example.com"
        for written in (plain.upper(), f" {plain} ", plain.replace("@", "＠"), plain.replace("p", "ｐ", 1)):
            yield Pair("same email, written otherwise", True, ({"email": plain}, {"email": written, "name": name}))


def same_phone() -> Iterator[Pair]:
    for serial in range(30):
        country, abroad, home = mobile(serial, serial)
        zeros = "00" + abroad.removeprefix("+")
        for written in (home, zeros):
            told = {"phone": abroad, "country": country}, {"phone": written, "country": country}
            yield Pair("same phone, written otherwise", True, told)


def idn_email() -> Iterator[Pair]:
    for name, domain, ascii_domain in (
        ("jorg", "bücher.example.de", "xn--bcher-kva.example.de"),
        ("ana", "señal.example.es", "xn--seal-hqa.example.es"),
    ):
        for serial in range(4):
            told = {"email": f"{name}{serial}@{domain}"}, {"email": f"{name}{serial}@{ascii_domain}"}
            yield Pair("same address, domain in Unicode and in ASCII", True, told)


def account_made_again() -> Iterator[Pair]:
    for _ in range(15):
        email = f"again{number()}@example.com"
        yield Pair("an account that was made again", True, (shop(number(), email=email), shop(number(), email=email)))


def visitor_who_signs_in() -> Iterator[Pair]:
    for _ in range(15):
        serial = number()
        seen, email = {"device": f"d{serial}"}, {"email": f"v{serial}@example.com"}
        yield Pair("a visitor who signs in", True, (seen, {**seen, **email}))
        yield Pair("a visitor who turns out to be known", True, (email, seen, {**seen, **email}))


def buyer_on_a_marketplace() -> Iterator[Pair]:
    for domain in ("marketplace.amazon.de", "marketplace.amazon.co.uk", "members.ebay.com", "scs.tiktokw.us"):
        for _ in range(3):
            email = f"r{number()}x@{domain}"
            yield Pair("two orders by one relay address", True, ({"email": email}, {"email": email.upper()}))


def merged_by_the_vendor() -> Iterator[Pair]:
    for _ in range(12):
        old, new = number(), number()
        merged = shop(new, email=f"m{new}@example.com")
        told = (shop(old, email=f"m{old}@example.com"), merged, {**merged, "former": {"shopify": str(700_000 + old)}})
        yield Pair("two ids that their vendor merged", True, told)


def two_emails_one_phone() -> Iterator[Pair]:
    for name in PEOPLE[:20]:
        for written in pinyin(name)[:2]:
            serial = number()
            country, abroad, home = mobile(serial, serial)
            first = {"email": f"e{serial}@example.com", "phone": abroad, "name": name, "country": country}
            second = {"email": f"e{serial}@example.org", "phone": home, "name": written, "country": country}
            yield Pair("two emails, one phone, one name in either order", True, (first, second))


def typing_error() -> Iterator[Pair]:
    for name in PEOPLE[20:36]:
        serial = number()
        country, abroad, _ = mobile(serial, serial)
        beside = {"phone": abroad, "name": name, "country": country}
        told = {"email": f"t{serial}@gmail.com", **beside}, {"email": f"t{serial}@gmial.com", **beside}
        yield Pair("an email with a typing error, the same phone and name", True, told)


def dots_and_tags() -> Iterator[Pair]:
    for serial in range(12):
        plain = f"ana.lopez{serial}@gmail.com"
        for written in (plain.replace(".l", "l"), plain.replace("@", "+shop@")):
            yield Pair("dots and tags in an email, nothing else", True, ({"email": plain}, {"email": written}))


# Two people


def family_with_one_phone() -> Iterator[Pair]:
    for name, other in pairwise(PEOPLE[:31]):
        serial = number()
        country, abroad, home = mobile(serial, serial)
        first = {"email": f"f{serial}@example.com", "phone": abroad, "name": name, "country": country}
        second = {"email": f"g{serial}@example.com", "phone": home, "name": other, "country": country}
        yield Pair("a family with one phone", False, (first, second))


def family_with_one_card() -> Iterator[Pair]:
    for name, other in pairwise(PEOPLE[30:51]):
        serial = number()
        card = {"loyalty": f"L-{serial}"}
        first = {"email": f"c{serial}@example.com", "name": name, **card}
        yield Pair("a family with one card", False, (first, {"email": f"k{serial}@example.com", "name": other, **card}))
        yield Pair("a card, then somebody who also has it", False, (card, {"email": f"l{serial}@example.com", **card}))


def one_address() -> Iterator[Pair]:
    for name, other in pairwise(PEOPLE[50:66]):
        serial = number()
        home = {"address": f"Calle Sol {serial}, Madrid", "country": "ES"}
        first = {"email": f"a{serial}@example.com", "name": name, **home}
        yield Pair("one address", False, (first, {"email": f"b{serial}@example.com", "name": other, **home}))


def one_device() -> Iterator[Pair]:
    for _ in range(20):
        serial = number()
        device = {"device": f"tablet-{serial}"}
        first, second = ({"email": f"{who}{serial}@example.com", **device} for who in ("h", "i"))
        yield Pair("one device of two who are known", False, (first, second))


def company_mailbox() -> Iterator[Pair]:
    for box in ("info", "sales", "office", "compras", "einkauf"):
        for vendor in ("own", "intercom", "zendesk"):
            email = f"{box}@firma{number()}.example.com"
            told = tuple(_known_to(vendor, number()) | {"email": email, "name": name} for name in PEOPLE[:2])
            yield Pair("a company's mailbox", False, told)


def _known_to(vendor: str, serial: int) -> Person:
    return {"id": f"crm-{serial}"} if vendor == "own" else {"ids": {vendor: str(serial)}}


def two_ids_one_phone() -> Iterator[Pair]:
    for _ in range(20):
        serial = number()
        country, abroad, _ = mobile(serial, serial)
        phone = {"phone": abroad, "country": country}
        yield Pair("two ids of one shop, one phone", False, (shop(number(), **phone), shop(number(), **phone)))


def parcel_to_somebody_else() -> Iterator[Pair]:
    """The friend's email is on a parcel of the first one's order; then the friend buys with an account of their own."""
    for _ in range(8):
        serial = number()
        friend = {"email": f"friend{serial}@example.com"}
        first = shop(number(), email=f"giver{serial}@example.com", order=f"gift-{serial}")
        yield Pair(
            "a parcel to a friend", False, (first, {**friend, "parcel": f"gift-{serial}"}, shop(number(), **friend))
        )


def relay_in_two_stores() -> Iterator[Pair]:
    for domain in ("marketplace.amazon.de", "members.ebay.com", "relay.walmart.com"):
        for _ in range(4):
            person = {"email": f"s{number()}@{domain}"}
            yield Pair("one relay address in two stores", False, (person, person), ("a", "b", "b"))


def nearly_one_email() -> Iterator[Pair]:
    for one, other in (("ana", "anna"), ("li.wei", "li.wen"), ("m.garcia", "m.garcia1"), ("jorg", "jörg")):
        for domain in ("example.com", "qq.com", "gmail.com", "163.com", "web.de"):
            yield Pair("nearly one email", False, ({"email": f"{one}@{domain}"}, {"email": f"{other}@{domain}"}))


def one_name() -> Iterator[Pair]:
    for name in PEOPLE[66:86]:
        emails = (f"n{number()}@example.com" for _ in range(2))
        yield Pair("one name", False, tuple({"email": email, "name": name} for email in emails))


def one_number_in_two_countries() -> Iterator[Pair]:
    for serial in range(8):
        told = ({"phone": f"091234567{serial}", "country": country} for country in ("TW", "VN"))
        yield Pair("one national number in two countries", False, tuple(told))


def no_address_at_all() -> Iterator[Pair]:
    for nothing in ({"phone": "0000000000"}, {"email": "n/a"}, {"email": "-"}, {"phone": "+1111111111"}):
        for _ in range(2):
            yield Pair("nothing where an address should be", False, tuple(shop(number(), **nothing) for _ in range(2)))


RULES = (
    same_email, same_phone, idn_email, account_made_again, visitor_who_signs_in, buyer_on_a_marketplace,
    merged_by_the_vendor, two_emails_one_phone, typing_error, dots_and_tags, family_with_one_phone,
    family_with_one_card, one_address, one_device, company_mailbox, two_ids_one_phone, parcel_to_somebody_else,
    relay_in_two_stores, nearly_one_email, one_name, one_number_in_two_countries, no_address_at_all,
)  # fmt: skip
