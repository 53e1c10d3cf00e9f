"""Words that occur nowhere else: who finds one where it must not be has found a leak."""

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

PERSONAL = ("zqcanary", "206555019")
"""In everything that tells who the people below are, where they live and what they write; in their phone numbers."""
STRAY = ("zqstray", "406555018")
"""In what somebody put where no person belongs: into an id, a header, the name of a field, an amount."""

_EMAILS = {"email", "contact_email", "email_address", "emails", "ticket_requester_email"}
_PHONES = {"phone", "phone_number", "mobile", "smses", "From", "To"}
_WORDS = {
    "address", "address1", "address2", "address_1", "address_2", "city", "zip", "first_name", "last_name", "company",
    "text", "subject", "description", "body", "note", "reason", "comment", "remark", "body_text", "body_html",
    "stripped_text", "description_text", "ticket_subject", "ticket_description", "ticket_latest_public_comment",
    "ticket_requester_name", "_default_title_", "_default_description_",
    "abandoned_checkout_url", "order_status_url", "url",
}  # fmt: skip
_KINDS = {("easypost", "description")}
"""Names of words for people in most payloads, which with this source say what kind of event it is."""
_PEOPLE = {
    "customer", "customers", "shipping_address", "billing_address", "default_address", "destination", "billing",
    "shipping", "contact", "contacts", "requester", "author", "user", "sender", "item",
}  # fmt: skip
"""Things have names and ids too, such as orders and products; these are people's."""
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass(frozen=True)
class Person:
    """Somebody who is made of canaries."""

    number: int

    @property
    def email(self) -> str:
        return f"{PERSONAL[0]}.{self.number}@example.com"

    @property
    def phone(self) -> str:
        return f"+1{PERSONAL[1]}{self.number}"

    def within(self, payload: Any, source: str) -> Any:
        """The same payload, said of this person."""
        return self._within(payload, "", "", source)

    def _within(self, value: Any, name: str, holder: str, source: str) -> Any:
        match value:
            case dict():
                return {key: self._within(each, key, name, source) for key, each in value.items()}
            case list():
                return [self._within(each, name, holder, source) for each in value]
            case str():
                return self._word(value, name, holder, source)
        return value

    def _word(self, word: str, name: str, holder: str, source: str) -> str:
        """This person's word for a field; what tells of no person stays as it is."""
        is_a_person_s = holder in _PEOPLE or (source == "zendesk" and holder == "detail")
        if name in _EMAILS or (name in ("value", "address") and "@" in word):
            return self.email
        if name in _PHONES:
            return self.phone
        if (
            (name in _WORDS and (source, name) not in _KINDS)
            or (name == "name" and is_a_person_s)
            or (name == "id" and source == "open" and is_a_person_s)
        ):
            return f"{PERSONAL[0]} {name} {self.number}"
        return word


def leaks(said: Iterable[str], words: Iterable[str]) -> list[str]:
    """Where one of these words stands in what was said: as it is, in any case, percent-encoded or in base64."""
    wanted = tuple(word.lower() for word in words)
    return [
        text[max(at - 200, 0) : at + 200]
        for text in said
        for reading in _readings(text)
        if (at := min((found for word in wanted if (found := reading.lower().find(word)) >= 0), default=-1)) >= 0
    ]


def _readings(text: str) -> Iterator[str]:
    yield text
    yield unquote(text)
    for found in _ENCODED.finditer(text):
        packed = found[0].rstrip("=").translate(_URL_SAFE)
        yield base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("latin-1") if len(packed) % 4 != 1 else ""


_URL_SAFE = str.maketrans("-_", "+/")
