"""Comparing signatures without telling an attacker, by time taken, how close a guess was."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from perennial.sources import Forged, Headers, Stale

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours, before and after: Standard Webhooks' own advice."""


def hmac_sha1_base64(secret: str, message: bytes) -> bytes:
    """Twilio's choice. HMAC does not need its hash to resist collisions."""
    return base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha1))


def hmac_sha256_base64(secret: str, message: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha256))


def hmac_sha1_hex(secret: str, message: bytes) -> bytes:
    """Intercom's choice, for which the same holds."""
    return hmac.digest(secret.encode(), message, hashlib.sha1).hex().encode()


def require_signature(given: Sequence[str | None], expected: Iterable[bytes]) -> None:
    """One of the signatures given is one of those expected. Compares every pair, in constant time.

    Raises `Forged`. A character outside of ASCII becomes "?", which no base64 holds.
    """
    theirs = [each.encode("ascii", "replace") for each in given if each is not None]
    ours = list(expected)
    agree = [hmac.compare_digest(one, other) for one in theirs for other in ours]
    if not any(agree):
        raise Forged("no active secret gives this signature")


def require_fresh(signed_at: datetime, moments: Sequence[datetime], tolerance: timedelta = TOLERANCE) -> None:
    """Raises `Stale` unless the time that was signed is within the tolerance of one of the moments."""
    if not any(abs(signed_at - moment) <= tolerance for moment in moments):
        raise Stale(f"signed more than {tolerance // timedelta(minutes=1)} minutes from now")


def require_key(headers: Headers, secrets: Sequence[str]) -> None:
    """For vendors that sign nothing: the merchant has them send one of our secrets with each delivery.

    As `X-Perennial-Key`, or as `Authorization: Bearer`, or as one half of `Authorization: Basic`, whose other half is
    anything. It says who sends, and nothing of the body. Raises `Forged`.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    given = [headers.get("x-perennial-key", ""), *_presented(scheme.lower(), credential.strip())]
    require_signature([each for each in given if each], (secret.encode() for secret in secrets))


def _presented(scheme: str, credential: str) -> tuple[str, ...]:
    if scheme == "bearer":
        return (credential,)
    if scheme != "basic":
        return ()
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        return ()
    return user, password
