"""Buttons of emails that lead over us, so that a click is heard of: signed, and only to where our own message led.

A token is `<key>.<way>.<signature>`, as those of `links`: what is signed holds the address itself, so nobody can make
one that leads elsewhere. Whoever follows it comes to that page, however often. It counts as a click once a day, and
never when a browser or a mail program only looks ahead.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from perennial.aws.clock import Clock
from perennial.aws.queues import Message, Queue
from perennial.channels.links import LinkKeys, Refused, UnknownKey, newest, nothing_newer, with_newer_keys
from perennial.channels.markup import web_address
from perennial.domain.actions import Action
from perennial.domain.events import MessageClicked
from perennial.domain.label import Label

PATH = "r"
SOURCE = "perennial/redirect"
LONGEST_ADDRESS = 1_000
"""What is longer is led to directly: a token a third longer than that would break in some mail programs."""
LONGEST_TOKEN = 4_000
COUNTED_FOR = timedelta(days=90)
"""After its message. Who clicks later finds the page, and tells nothing about that message."""
AT_ONCE = timedelta(minutes=1)
"""After its message was decided on. Who follows a button sooner is a scanner, as likely as not: that tells no hour."""
LOOKS_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers in which programs say that nobody has clicked yet."""
HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-robots-tag": "noindex"}


@dataclass(frozen=True, slots=True)
class Way:
    """What a token says: of which message it is, and where it leads."""

    label: Label
    address: str


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


def sign(way: Way, keys: LinkKeys) -> str:
    name = newest(keys)
    label = way.label.but({"coupon": None})  # a click does not tell of it
    said = f"{name}.{_encoded(json.dumps([way.address, label.written()], separators=(',', ':')).encode())}"
    return f"{said}.{_signature(said, keys[name])}"


def read(token: str, keys: LinkKeys) -> Way:
    """Raises `Refused`."""
    said, _, signature = token[:LONGEST_TOKEN].rpartition(".")
    name, _, body = said.partition(".")
    if name not in keys:
        raise UnknownKey("signed with no key of ours")
    if not token.isascii() or not hmac.compare_digest(_signature(said, keys[name]), signature):
        raise Refused("not one of ours")
    address, written = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))  # ours: nobody else wrote it
    label = Label.read(written)
    if label is None or label.at is None or web_address(address) is None:
        raise Refused("not as we write them today")
    return Way(label, address)


class SignedRedirects:
    """Where a button of an email leads."""

    def __init__(self, base: str, keys: Callable[[], LinkKeys]) -> None:
        """base: where customers' browsers reach our API."""
        self._base = base.rstrip("/")
        self._keys = keys

    def over_us(self, action: Action, address: str) -> str:
        """The same for the same action and address."""
        if len(address) > LONGEST_ADDRESS:
            return address
        way = Way(Label.of(action, action.decided_at), address)
        return f"{self._base}/{PATH}/{sign(way, self._keys())}"


@dataclass(frozen=True)
class Redirects:
    """Answers who follows a button."""

    keys: Callable[[], LinkKeys]
    outcomes: Queue
    clock: Clock
    refresh: Callable[[], bool] = nothing_newer
    """Look for newer keys; False where that was done only just now."""

    def follow(self, token: str, method: str, headers: Mapping[str, str]) -> Answer:
        """Leads to the page, and notes the click. `headers` by lower-case name."""
        try:
            way = with_newer_keys(lambda keys: read(token, keys), self.keys, self.refresh)
        except Refused:
            return Answer(404, {**HEADERS, "content-type": "text/plain"}, "There is no such page.")
        if method == "GET" and not any("prefetch" in headers.get(name, "").lower() for name in LOOKS_AHEAD):
            self._note(way, self.clock.now())
        return Answer(302, {**HEADERS, "location": way.address}, "")

    def _note(self, way: Way, now: datetime) -> None:
        assert way.label.at is not None
        if now > way.label.at + COUNTED_FOR:
            return
        try:
            self.outcomes.send([Message(_clicked(way, way.label.at, now).to_json())])
        except Exception:  # noqa: BLE001 -- whatever the queue says: whoever clicked wants the page, not to be counted
            return


def _clicked(way: Way, sent: datetime, now: datetime) -> MessageClicked:
    """The same event all day long, whoever clicks how often; `read_at` is that of the first that is told."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    mark = hashlib.blake2b(way.address.encode(), digest_size=8).hexdigest()
    return MessageClicked(
        id=f"{way.label.action}:click:{mark}:{day:%Y-%m-%d}",
        source=SOURCE,
        store=way.label.store,
        time=max(sent, day),
        customer=way.label.customer,
        data=way.label.data("email", read_at=now if now - sent >= AT_ONCE else None),
    )


def _signature(said: str, key: bytes) -> str:
    return _encoded(hmac.digest(key, f"redirect\x1f{said}".encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
