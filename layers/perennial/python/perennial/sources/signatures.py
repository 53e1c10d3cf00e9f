"""Comparing signatures without telling an attacker, by time taken, how close a guess was."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from perennial.sources import Forged, Stale

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours, before and after: Standard Webhooks' own advice."""


def hmac_sha256_base64(secret: str, message: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha256))


def require_signature(given: Sequence[str | None], expected: Iterable[bytes]) -> None:
    """One of the signatures given is one of those expected. Compares every pair, in constant time.

    Raises `Forged`. A character outside of ASCII becomes "?", which no base64 holds.
    """
    theirs = [each.encode("ascii", "replace") for each in given if each is not None]
    ours = list(expected)
    agree = [hmac.compare_digest(one, other) for one in theirs for other in ours]
    if not any(agree):
        raise Forged("no active secret gives this signature")


def require_fresh(signed_at: datetime, moments: Sequence[datetime]) -> None:
    """Raises `Stale` unless the time that was signed is within `TOLERANCE` of one of the moments."""
    if not any(abs(signed_at - moment) <= TOLERANCE for moment in moments):
        raise Stale(f"signed more than {TOLERANCE.seconds // 60} minutes from now")
