"""E-mail addresses and phone numbers: one way of writing for each, so that one person has one key.

The libraries know the rules and take time to import (e-mail 40 ms, phones 15 to 30): they are met by the first address
that a plain pattern does not settle, and by the first number that is not yet in the international form.
"""

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(rf"(?=.{{6,254}}\Z)(?=[^@]{{1,64}}@){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+[a-z]{{2,63}}")
"""Part of what the library accepts, and all but some hundredths of what shops send."""
_SPECIAL = ("test", "invalid", "local", "localhost", "onion", "arpa")
"""Domains that nobody can be written to (RFC 6761 and kin): the library says which are refused."""

PROVIDERS = frozenset(
    {
        "gmail.com", "hotmail.com", "hotmail.es", "hotmail.fr", "hotmail.it", "hotmail.co.uk", "outlook.com",
        "outlook.es", "outlook.fr", "icloud.com", "yahoo.com", "yahoo.es", "yahoo.fr", "yahoo.it", "yahoo.de",
        "yahoo.co.uk", "yahoo.co.jp", "yahoo.com.mx", "yahoo.com.br", "googlemail.com", "proton.me", "protonmail.com",
        "t-online.de", "libero.it", "orange.fr", "wanadoo.fr", "live.com", "foxmail.com", "sina.com", "naver.com",
    }
)  # fmt: skip
"""Where most shoppers have their address, and nearly all typing errors in a domain happen."""
_REAL_NEIGHBOURS = frozenset(
    {
        "mail.com", "ymail.com", "email.com", "fmail.com", "hmail.com", "gmail.co.uk", "yahoo.ca", "yahoo.se",
        "yahoo.cn", "yahoo.co.uk", "outlook.de", "outlook.pt", "outlook.it", "hotmail.de", "hotmail.se", "hotmail.be",
        "sima.com", "line.com", "life.com", "like.com", "love.com", "dive.com", "give.com", "five.com", "lime.com",
        "vina.com", "sina.cn", "navier.com", "orange.tn", "live.co", "nave.com",
    }
)  # fmt: skip
"""Domains of their own that are one key away from one of `PROVIDERS`."""
_SHORTEST_JUDGED = 8
"""Letters. Shorter domains have too many real neighbours."""

_SEPARATED = re.compile(r"[\s().\-/\u2010-\u2015\u00b7]+")
_DIGIT, _NOT_DIGITS = re.compile(r"\d"), re.compile(r"\D")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_MEXICAN_MOBILE_OF_OLD = re.compile(r"\+521(\d{10})")
"""Until August 2019 mobiles in Mexico were called with a 1 after the country's code; WhatsApp still writes it."""


def email_address(email: str) -> str | None:
    """As mail servers take it: lower case, the domain in ASCII. None for what is no address, by syntax alone.

    Dots and tags of the local part stay: what they mean is each provider's own business.
    """
    text = unicodedata.normalize("NFKC", email).strip().lower()
    if _PLAIN_EMAIL.fullmatch(text) and text.rsplit(".", 1)[1] not in _SPECIAL:
        return text
    return _odd_email(text)


def normal_email(email: str) -> str:
    """What an address is found by; of what is no address, the same text always."""
    if email.isascii():
        return email.strip().lower()
    return email_address(email) or unicodedata.normalize("NFKC", email).strip().lower()


def misspelt_domain(email: str) -> bool:
    """Is its domain one slip of a finger from that of a large provider? Only a guess: such an address is kept."""
    return _is_slip(email.rpartition("@")[2])


@lru_cache(maxsize=4_096)
def _is_slip(domain: str) -> bool:
    if domain in PROVIDERS or domain in _REAL_NEIGHBOURS or len(domain) < _SHORTEST_JUDGED:
        return False
    return any(_one_slip(domain, provider) for provider in PROVIDERS)


def international(phone: str, country: str | None = None) -> str | None:
    """The number as +34600123456 (E.164). None where it is no number, or nothing tells of which country it is.

    country: ISO 3166 alpha-2 of the address. A number without a country's code is only taken for one of that country
    if it is valid there, for people have parcels sent abroad: a wrong guess would be a stranger's number.
    """
    text = _in_ascii_digits(phone).strip()
    return _read(text, country) or _read(_digits(text), country)


def _read(text: str, country: str | None) -> str | None:
    if text.startswith("00"):
        text = "+" + text[2:].lstrip()
    number = _parsed(text, country)
    if number is None:
        return None
    written = _written(number)
    if old := _MEXICAN_MOBILE_OF_OLD.fullmatch(written):
        return f"+52{old[1]}"
    return written if _holds(number, told_its_country=text.startswith("+")) else None


def normal_phone(phone: str, country: str | None = None) -> str:
    """What a phone is found by: E.164 where that can be known, else its digits.

    Events have their numbers in E.164 since they came in; those are not looked at again.
    """
    if _INTERNATIONAL.fullmatch(phone):
        return phone
    compact = _SEPARATED.sub("", _in_ascii_digits(phone))
    return (_worth_parsing(compact) and international(phone, country)) or _digits(compact)


def _in_ascii_digits(phone: str) -> str:
    """Arabic, Persian and Indian digits, and full-width ones, are digits too."""
    if phone.isascii():
        return phone
    return _DIGIT.sub(lambda digit: str(int(digit[0])), unicodedata.normalize("NFKC", phone))


def _worth_parsing(compact: str) -> bool:
    return len(set(compact.lstrip("+0"))) > 1


def _digits(compact: str) -> str:
    """With + in front where the country is told."""
    digits = _NOT_DIGITS.sub("", compact)
    if compact.startswith("+"):
        return "+" + digits
    return "+" + digits[2:] if digits.startswith("00") else digits


def _odd_email(text: str) -> str | None:
    """Other alphabets, odd characters, and what is wrong."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return None
    return found.ascii_email or f"{found.local_part}@{found.ascii_domain}"


def _parsed(text: str, country: str | None) -> "PhoneNumber | None":
    from phonenumbers import NumberParseException, parse

    try:
        return parse(text, country)
    except NumberParseException:
        return None


def _written(number: "PhoneNumber") -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(number, PhoneNumberFormat.E164)


def _holds(number: "PhoneNumber", *, told_its_country: bool) -> bool:
    from phonenumbers import is_possible_number, is_valid_number

    return is_possible_number(number) if told_its_country else is_valid_number(number)


def _one_slip(typed: str, meant: str) -> bool:
    """One letter too many, too few, wrong, or two in the wrong order (Damerau)."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    same = next((place for place, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        return len(typed) != len(meant)
    rest, other = typed[same:], meant[same:]
    swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
