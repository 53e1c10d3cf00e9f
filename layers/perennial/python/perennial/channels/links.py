"""Links in messages by which a customer decides what they get: signed, so that only we can make them.

A token is `<key>.<permit>.<signature>`: which key signed it, what its bearer may do (in base64), and HMAC-SHA256 over
both. It names our own id of the customer and nothing that tells who that is. Whoever holds it can do no more than what
stands in it: no sum, no order and no address can be seen or changed by it.

Errors:
    Refused          not ours, not for this purpose, or too old; the page says the same of all of them
    └── UnknownKey   signed with a key that we do not hold: taken away, or newer than our last look at the secret
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeVar, get_args
from urllib.parse import quote

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from perennial.domain.actions import Action, Channel, Purpose
from perennial.domain.values import at_milliseconds, milliseconds

Scope = Literal["preferences", "one_click", "confirm"]
PATHS: Mapping[Scope, str] = {"preferences": "preferences", "one_click": "u", "confirm": "confirm"}
"""Where on our domain each kind of link leads; template.yaml has the routes."""
GOOD_FOR: Mapping[Scope, timedelta | None] = {
    "preferences": timedelta(days=366),
    "one_click": None,  # it can only withdraw: an old letter's button must work as well as a new one's
    "confirm": timedelta(days=30),
}
"""How long after its message a link works; None: always."""
LONGEST_TOKEN = 1_000
SHORTEST_KEY = 16

LinkKeys = Mapping[str, bytes]
"""Key id -> key. The newest one signs; all of them are believed."""
T = TypeVar("T")
_book: TypeAdapter[dict[str, str]] = TypeAdapter(
    Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")], Annotated[str, Field(min_length=SHORTEST_KEY)]],
        Field(min_length=1),
    ],
    config=ConfigDict(defer_build=True, hide_input_in_errors=True),
)


class Refused(Exception):
    """The link is not ours, is meant for something else, or has expired. Says nothing about any customer."""


class UnknownKey(Refused):
    """It names a key that we do not hold. Read the keys anew before turning it away: others may sign with one since."""


class BadLinkKeys(Exception):
    """The secret does not hold keys as {"1": "..."}; correct it, no link is made or believed meanwhile."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What a link lets its bearer do: see and change one customer's choices; or one of them, without a look."""

    scope: Scope
    store: str
    customer: str
    channel: Channel
    """By which the link was sent: who follows it reads what comes there."""
    purpose: Purpose
    """Of the message it stood in; of `confirm`, what is confirmed."""
    at: datetime
    """When the message was decided on; of `confirm`, when the consent was given."""


def read_keys(text: str) -> LinkKeys:
    """`{"1": "a long random key"}`. Raises `BadLinkKeys`, without quoting any of it."""
    try:
        return {name: key.encode() for name, key in _book.validate_json(text).items()}
    except ValidationError as wrong:
        raise BadLinkKeys(f"{wrong.error_count()} mistakes in the secret of the links") from None


def newest(keys: LinkKeys) -> str:
    """The id of the key that signs, the greatest: dates go by themselves, and "10" comes after "9"."""
    return max(keys, key=lambda name: (len(name), name))


def nothing_newer() -> bool:
    """Of a house whose keys do not change."""
    return False


def with_newer_keys(reads: Callable[[LinkKeys], T], keys: Callable[[], LinkKeys], refresh: Callable[[], bool]) -> T:
    """What `reads` makes of the keys, or else of those that `refresh` finds: a link may be signed, and followed, with a
    key that was added since we looked. Raises `Refused`."""
    try:
        return reads(keys())
    except UnknownKey:
        if not refresh():
            raise
        return reads(keys())


def sign(permit: Permit, keys: LinkKeys) -> str:
    """The token of this permit."""
    name = newest(keys)
    fields = [permit.scope, permit.store, permit.customer, permit.channel, permit.purpose, milliseconds(permit.at)]
    said = f"{name}.{_encoded(json.dumps(fields, separators=(',', ':')).encode())}"
    return f"{said}.{_signature(said, keys[name])}"


def read(token: str, scope: Scope, keys: LinkKeys, now: datetime) -> Permit:
    """What it permits. Raises `Refused`."""
    said, _, signature = token[:LONGEST_TOKEN].rpartition(".")
    name, _, body = said.partition(".")
    key = keys.get(name)
    if key is None:
        raise UnknownKey("signed with no key of ours")
    if not token.isascii() or not hmac.compare_digest(_signature(said, key).encode(), signature.encode()):
        raise Refused("not one of ours")
    permit = _permit(body)  # ours: nobody else can have written it
    lasts = GOOD_FOR[scope]
    if permit.scope != scope or (lasts is not None and now > permit.at + lasts):
        raise Refused("for something else, or expired")
    return permit


def _permit(body: str) -> Permit:
    scope, store, customer, channel, purpose, at = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return Permit(scope, store, customer, channel, purpose, at_milliseconds(at))


def _signature(said: str, key: bytes) -> str:
    return _encoded(hmac.digest(key, f"link\x1f{said}".encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def unsubscribe_headers(one_click: str | None) -> dict[str, str]:
    """What RFC 8058 wants in a mail's head, for a button in the reader's own mail program; nothing without an address.

    A mail is signed (DKIM) over both, or the button is not shown: SES does so for all that it is given.
    """
    if one_click is None:
        return {}
    return {"List-Unsubscribe": f"<{one_click}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


class SignedLinks:
    """`Links` of the renderer."""

    def __init__(self, base: str, keys: Callable[[], LinkKeys]) -> None:
        """base: where customers' browsers reach our API: "https://example.execute-api.eu-west-1.amazonaws.com"."""
        self._base = base.rstrip("/")
        self._keys = keys

    def preferences(self, action: Action, locale: str) -> str:
        return f"{self._link('preferences', action, action.purpose, action.decided_at)}?lang={quote(locale)}"

    def one_click(self, action: Action) -> str:
        return self._link("one_click", action, action.purpose, action.decided_at)

    def confirm(self, action: Action, locale: str) -> str | None:
        """Where the consent is confirmed that this message asks about; None where it asks about none of its channel.

        An email proves nothing about who reads the SMS of a number.
        """
        for purpose in get_args(Purpose):
            if action.subject.get("consent") == f"{purpose}/{action.channel}" and "said_at" in action.subject:
                given_at = datetime.fromisoformat(action.subject["said_at"])
                return f"{self._link('confirm', action, purpose, given_at)}?lang={quote(locale)}"
        return None

    def _link(self, scope: Scope, action: Action, purpose: Purpose, at: datetime) -> str:
        permit = Permit(scope, action.store, action.customer, action.channel, purpose, at)
        return f"{self._base}/{PATHS[scope]}/{sign(permit, self._keys())}"
