"""What comes in is cleaned before anybody decides on it, and what cannot be is refused. See docs/decisions/0013.

Cleaning touches the person only, and says what it did by field and kind, never by value: `Person.cleaned` goes into the
journal with the event, and so onto the timeline. Cleaning twice is cleaning once.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from perennial.domain import events as e
from perennial.domain.contacts import email_address, international, misspelt_domain, normal_phone
from perennial.domain.events import NOBODY, Event, Person
from perennial.domain.values import Money

LARGEST_TOTAL = Decimal(10) ** 9
"""In the currency's own units. Nobody pays more to a shop; a price list in the wrong field does."""
LARGEST_TOTAL_OF_SMALL_UNITS = 100 * LARGEST_TOTAL
_LONG_SUMS = """
CLP COP CRC GNF IDR IQD IRR KHR KRW LAK LBP MGA MMK MNT MWK NGN PYG RWF SLL SOS SYP TZS UGX UZS VND XAF XOF YER
"""
SMALL_UNITS = frozenset(_LONG_SUMS.split())
"""Currencies whose unit is worth less than a cent, or near it: sums in them are long."""
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_IN_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
DECIMALS: Mapping[str, int] = {**dict.fromkeys(_WHOLE.split(), 0), **dict.fromkeys(_IN_THOUSANDTHS.split(), 3)}
"""By ISO 4217; all others have two."""
FIRST_BIRTHDAY = date(1900, 1, 1)
LONGEST_WORDS = 500
"""Characters of a `ShortText`: to put accents and letters together can make a text longer."""

_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
"""Control and formatting characters. Not U+200C and U+200D, which belong to names of Persia and India."""
_BLANK = re.compile(r"\s+")
PLACEHOLDERS = frozenset(
    {
        "null", "(null)", "none", "n/a", "n.a.", "#n/a", "undefined", "unknown", "-", "--", "---", ".", "..", "...",
        "?", "??", "???", "_", "/", "xxx", "[object object]", "not provided", "no name",
    }
)  # fmt: skip
"""What systems and people write where they have nothing. Not "na", "nil" or "nan": these are names of people."""
_PHONE = re.compile(r"\+?(?!(\d)\1*$)\d{6,15}")

Kind = Literal["normalised", "dropped", "misspelt", "unclear"]


class Impossible(Exception):
    """The event tells what cannot be. The message names the field and the limit, never a person."""


def cleaned(event: Event, latest: datetime | None = None) -> Event:
    """The event with its person's words cleaned. Raises `Impossible` for dates and amounts that cannot be.

    latest: the last instant that can have passed where the source's clock is right, or None where nobody can tell.
    """
    _refuse_dates(event, latest)
    _refuse_amounts(event)
    person = event.data.customer
    if person is NOBODY or (tidy := cleaned_person(person, event.time.date())) is person:
        return event
    return event.but({"data": event.data.but({"customer": tidy})})


def cleaned_person(person: Person, today: date) -> Person:
    """Each field as it is kept; what is nothing is None. The same object where there is nothing to clean."""
    changes = dict(_changes(person, today))
    told = {name: value for name, (value, _) in changes.items() if value != getattr(person, name)}
    notes = {f"{name}.{kind}" for name, (_, kind) in changes.items() if kind}
    if not told and notes <= set(person.cleaned):
        return person
    return person.but({**told, "cleaned": tuple(sorted({*person.cleaned, *notes}))})


def _changes(person: Person, today: date) -> Iterator[tuple[str, tuple[object, Kind | None]]]:
    """(field, (its clean value, what was done to it or found))."""
    if person.email is not None:
        yield "email", _email(person.email)
    if person.phone is not None:
        yield "phone", _phone(person.phone, person.country)
    if person.birthday is not None and not FIRST_BIRTHDAY <= person.birthday <= today:
        yield "birthday", (None, "dropped")
    for name in ("name", "first_name", "address"):
        if (words := getattr(person, name)) is not None:
            yield name, _words(words)


def _email(email: str) -> tuple[str | None, Kind | None]:
    address = email_address(email)
    if address is None:
        return None, "dropped"
    if misspelt_domain(address):
        return address, "misspelt"
    return address, None if address == email else "normalised"


def _phone(phone: str, country: str | None) -> tuple[str | None, Kind | None]:
    """In E.164; as its digits where nothing tells the country; None for what is no number in any."""
    digits = normal_phone(phone)
    if not _PHONE.fullmatch(digits):
        return None, "dropped"
    if (number := international(phone, country)) is None:
        return digits, "unclear"
    return number, None if number == phone else "normalised"


def _words(words: str) -> tuple[str | None, Kind | None]:
    seen = _UNSEEN.sub("", unicodedata.normalize("NFC", words)) if not words.isprintable() else words
    tidy = _BLANK.sub(" ", unicodedata.normalize("NFC", seen)).strip()
    if all(word in PLACEHOLDERS for word in tidy.casefold().split(" ")) or tidy.casefold() in PLACEHOLDERS or not tidy:
        return None, "dropped"
    tidy = tidy[:LONGEST_WORDS]
    return tidy, None if tidy == words else "normalised"


# Dates and amounts


def _refuse_dates(event: Event, latest: datetime | None) -> None:
    if latest is None:
        return
    for field, at in _dates(event):
        if at is not None and at > latest:
            raise Impossible(f"{field}: more than a day ahead of our clock; mend the source's clock and replay it")


def _dates(event: Event) -> Iterator[tuple[str, datetime | None]]:
    data = event.data
    if isinstance(data, e.OrderData):
        yield "order.placed_at", data.order.placed_at
    if isinstance(data, e.TicketData):
        yield "ticket.opened_at", data.ticket.opened_at


def _refuse_amounts(event: Event) -> None:
    for field, money in _totals(event):
        if money is not None:
            _refuse_total(field, money)


def _totals(event: Event) -> Iterator[tuple[str, Money | None]]:
    data = event.data
    if isinstance(data, e.OrderData):
        yield "order.total", data.order.total
    if isinstance(data, e.RefundData):
        yield "refund.total", data.refund.total
    if isinstance(data, e.CartData):
        yield "cart.total", data.cart.total


def _refuse_total(field: str, money: Money) -> None:
    largest = LARGEST_TOTAL_OF_SMALL_UNITS if money.currency in SMALL_UNITS else LARGEST_TOTAL
    if money.amount > largest:
        raise Impossible(f"{field}: more than {largest:,} {money.currency}; correct it at the source and send it again")
    if -_exponent(money.amount) > (digits := decimals_of(money.currency)):
        raise Impossible(f"{field}: {money.currency} has {digits} decimals, and this amount has more of them")


def _exponent(amount: Decimal) -> int:
    """Of the last digit that counts: trailing zeros do not."""
    return int(amount.normalize().as_tuple().exponent)


def decimals_of(currency: str) -> int:
    return DECIMALS.get(currency, 2)
