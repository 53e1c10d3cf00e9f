"""Somebody as found in what lies outside of their own items: raw payloads, dead letters, files.

An address in a text is theirs when it is known as theirs, or when its keyed hash leads to them: so also addresses are
found that they gave up long ago. A name alone proves nothing: others bear it too. It is taken out of the text, and the
rest stays.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

from pydantic import ValidationError

from perennial.aws.store import Store, identity_key
from perennial.domain.events import Person, parse_event
from perennial.domain.identity import IdentityKey, identity_keys, key_for, normal_email

ERASED = "[erased]"
"""Stands where a name stood."""
LEAST_DIGITS = 8
"""Of a telephone number, from its end: how it is dialled from abroad or at home changes only what is before them."""
LEAST_ID = 5
"""A vendor's id that is shorter might be any number."""
NO_JSON = object()
DEEPEST = 60
"""Levels of a JSON document."""
MOST_CANDIDATES = 80
"""Addresses of one text that are looked up: more are in no delivery, and a hundred keys are one read."""
_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:=&?/\\]+@[^\s@<>()\[\]\"',;:=&?/\\]+\.[^\s@<>()\[\]\"',;:=&?/\\.]+")
_PHONE = re.compile(r"\+?\d[\d\s().\-/]{5,24}\d")
_NOT_DIGITS = re.compile(r"\D")


@dataclass(frozen=True)
class Trace:
    """Who is looked for. `people` is what is known of them; empty once that is erased too."""

    store: Store
    secret: bytes
    shop: str
    """The store that the request is about: ids and addresses of others are somebody else's."""
    customers: frozenset[str]
    people: tuple[Person, ...] = ()

    def is_theirs(self, text: bytes, source: str | None = None) -> bool:
        """Does the text name them by an address, or by the id that this vendor knows them by?"""
        words = list(scalars(text))
        if any(word in self._ids(source) for word in words):
            return True
        emails = {normal_email(each) for word in words for each in _EMAIL.findall(word)}
        phones = {each for word in words for each in _PHONE.findall(word)}
        if emails & self._emails or {ending(each) for each in phones} & self._phones:
            return True
        return self._leads_here(_candidates(self.shop, emails, phones))

    def is_their_event(self, text: str) -> bool:
        """Is it an event or an action of theirs, or does it name them in any other way?"""
        lines = text.splitlines()  # of an import's batch, which has an event in each
        return any(map(self._is_addressed_to_them, lines)) or self.is_theirs(text.encode())

    def names(self, text: bytes) -> bool:
        """Does it bear their full name?"""
        return any(name in _plain(word) for name in self._names for word in scalars(text))

    def without_names(self, text: bytes) -> bytes:
        """The text with their name taken out of every word that bears it."""
        document = _parsed(text)
        if document is NO_JSON:
            return self._cleaned(unquote_plus(text.decode(errors="replace"))).encode()
        return json.dumps(_mapped(document, self._cleaned), ensure_ascii=False).encode()

    def _cleaned(self, word: str) -> str:
        return ERASED if any(name in _plain(word) for name in self._names) else word

    def _is_addressed_to_them(self, text: str) -> bool:
        match _parsed(text):
            case {"customer": str(customer)} if customer in self.customers:
                return True
            case {"type": str()}:
                return self._leads_here(_keys_of_event(text))
            case _:
                return False

    def _leads_here(self, keys: Iterable[IdentityKey]) -> bool:
        wanted = [identity_key(key.kind, key.hashed(self.secret)) for key in keys]
        return any(each.customer in self.customers for each in self.store.identities(wanted).values())

    def _ids(self, source: str | None) -> frozenset[str]:
        ids = (person.ids.get(source) for person in self.people) if source else ()
        return frozenset(each for each in ids if each and len(each) >= LEAST_ID)

    @cached_property
    def _emails(self) -> frozenset[str]:
        return frozenset(normal_email(person.email) for person in self.people if person.email)

    @cached_property
    def _phones(self) -> frozenset[str]:
        return frozenset(ending(person.phone) for person in self.people if person.phone and ending(person.phone))

    @cached_property
    def _names(self) -> frozenset[str]:
        """Of two words at least: one alone may be any word of a text."""
        names = (_plain(person.name) for person in self.people if person.name)
        return frozenset(name for name in names if " " in name or not name.isascii())


def scalars(text: bytes) -> Iterator[str]:
    """Every value of a JSON document as text; the whole text where it is none, forms unquoted."""
    document = _parsed(text)
    if document is NO_JSON:
        yield unquote_plus(text.decode(errors="replace"))
    else:
        yield from _values(document)


def is_request(text: str) -> bool:
    """Is it an event by which somebody asks for their data, or to be erased?"""
    match _parsed(text):
        case {"type": "privacy.requested"}:
            return True
        case _:
            return False


def ending(phone: str) -> str:
    """The digits by which a number is told from others; empty where they are too few."""
    digits = _NOT_DIGITS.sub("", phone)
    return digits[-LEAST_DIGITS:] if len(digits) >= LEAST_DIGITS else ""


def _parsed(text: bytes | str) -> Any:
    """`NO_JSON` where it is none, or is nested deeper than anybody means."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
    return document if _depth_fits(document) else NO_JSON


def _depth_fits(document: Any) -> bool:
    """Level by level: what is walked by functions that call themselves must not exhaust them."""
    level = [document]
    for _ in range(DEEPEST):
        level = [each for value in level for each in _inner(value)]
        if not level:
            return True
    return False


def _inner(document: Any) -> Iterable[Any]:
    match document:
        case dict():
            return document.values()
        case list():
            return document
        case _:
            return ()


def _keys_of_event(text: str) -> tuple[IdentityKey, ...]:
    try:
        return identity_keys(parse_event(text))
    except ValidationError:  # no event of ours; its addresses are looked for all the same
        return ()


def _candidates(shop: str, emails: Iterable[str], phones: Iterable[str]) -> list[IdentityKey]:
    keys = [key_for(shop, "email", each) for each in sorted(emails)]
    return (keys + [key_for(shop, "phone", each) for each in sorted(phones)])[:MOST_CANDIDATES]


def _values(document: Any) -> Iterator[str]:
    match document:
        case dict():
            for name, value in document.items():
                yield name
                yield from _values(value)
        case list():
            for value in document:
                yield from _values(value)
        case None | bool():
            pass
        case _:
            yield str(document)


def _mapped(document: Any, change: Callable[[str], str]) -> Any:
    match document:
        case dict():
            return {name: _mapped(value, change) for name, value in document.items()}
        case list():
            return [_mapped(value, change) for value in document]
        case str():
            return change(document)
        case _:
            return document


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
