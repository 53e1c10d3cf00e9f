"""What vendors send, made into our own events: one module a vendor, pure, each of the shape of `Source`.

Errors:
    SourceError
    ├── Untrusted
    │   ├── Forged       not signed by any of our secrets: answer 401, look for newer secrets once
    │   └── Stale        signed, but too long ago (or ahead): answer 401, it may be somebody's recording
    ├── NotUnderstood    authentic, but not what we can read: answer 200 and keep it in quarantine
    └── Ignored          authentic and understood, and by design nothing for us: answer 200
        └── OnlyNamed    it names what has changed and says no more: answer 200 and fetch that
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from perennial.domain.events import Event

Headers = Mapping[str, str]
"""By lower-case name."""
URL = "x-perennial-url"
"""No header of the request: the address that the sender called, which some sign. The handler puts it there, over
whatever was sent under that name."""


class SourceError(Exception):
    """Something about a delivery; the message is fit for logs and for the merchant: it holds no personal data."""


class Untrusted(SourceError):
    """Nobody we know stands behind this request."""


class Forged(Untrusted):
    """No active secret gives this signature."""


class Stale(Untrusted):
    """The signature is right and its time is not: too old, or ahead of us."""


class Ping(SourceError):
    """A vendor tries the address: it carries nothing, need not be signed, and wants a 200."""


class NotUnderstood(SourceError):
    """Authentic, but not readable as events; the message tells the merchant which field or topic, and what to do."""


class Ignored(SourceError):
    """Authentic and understood, and it changes nothing we keep; the message says why."""


FETCHED = "perennial-fetched"
"""Stands among the headers of what we fetched ourselves, with the kind that it is of. No source's `HEADERS` names it:
nobody outside can send it."""


class Wanted(NamedTuple):
    """What is to be fetched from the vendor."""

    kind: str
    """Such as "order"."""
    id: str


class OnlyNamed(Ignored):
    """Authentic, and all that it says is what has changed: the rest is fetched from the vendor."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(f"it names {wanted.kind} {wanted.id}, which is fetched from the vendor")
        self.wanted = wanted


class Source(Protocol):
    """What `ingest` asks of a vendor's module."""

    @property
    def HEADERS(self) -> frozenset[str]:  # noqa: N802  # a constant of the module
        """The headers that `translate` reads: only these are ever kept."""

    @property
    def MEDIA_TYPES(self) -> frozenset[str]:  # noqa: N802
        """The content types it takes; empty where the vendor decides alone."""

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[str], moments: Sequence[datetime], /) -> None:
        """Raises `Forged` unless one of the secrets signed these bytes, and `Stale` when a signed time is
        further than the tolerance from each of `moments` (more than one only where a time machine is at work).
        Raises `Ping` for what carries nothing."""

    def split(self, body: bytes, /) -> tuple[bytes, ...]:
        """The parts that stand or fall alone: the entries of a batch, or just the body."""

    def translate(self, headers: Headers, body: bytes, store: str, received_at: datetime, /) -> tuple[Event, ...]:
        """At least one event, or `NotUnderstood`, or `Ignored`; nothing else comes out, whatever the bytes are."""


def whole(body: bytes) -> tuple[bytes, ...]:
    """How vendors without batches split."""
    return (body,)
