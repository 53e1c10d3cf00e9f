"""Where a mail comes back to that cannot be delivered: an address of its own for each, which only we can make (VERP).

Its local part is a mark: `b1-` and 61 characters of base32, which are the ids of action and customer and an HMAC over
both and the store. That is all the 64 characters that RFC 5321 allows, in an alphabet that no server spoils by writing
it in capitals. Whoever has a mark was sent that mail, or saw it, and can do no more with it than say that it came back.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Mapping
from typing import NamedTuple

STORE_HEADER = "X-Perennial-Store"
"""In the head of our mails: of which store a mark that comes back may be. Its seal tells whether that is true."""
MARK_HEADER = "X-Perennial-Mark"
"""Complaints do not come back to the address, and repeat our head."""

Keys = Mapping[str, bytes]
"""Key id -> key, as of links: the newest seals, all of them are believed."""

_MARK = re.compile(rb"(?<![a-z0-9])b1-([a-z2-7]{61})(?![a-z0-9])", re.IGNORECASE)
_ACTION, _CUSTOMER = re.compile(r"[0-9a-f]{32}"), re.compile(r"c[0-9a-f]{24}")
_ACTION_BYTES, _SEAL_BYTES = 16, 10
"""With 12 of the customer 38. A seal of 80 bits is the least that RFC 2104 advises; each guess costs a mail."""


class Mark(NamedTuple):
    """What a mark says, whether it is ours or not."""

    action: str
    customer: str
    seal: bytes


def mark(action: str, customer: str, store: str, key: bytes) -> str | None:
    """Such as "b1-mfrgg...". key: the newest. None where an id is not of our own making: it would not fit."""
    if not (_ACTION.fullmatch(action) and _CUSTOMER.fullmatch(customer)):
        return None
    sealed = bytes.fromhex(action + customer[1:]) + _seal(action, customer, store, key)
    return "b1-" + b32encode(sealed).decode().rstrip("=").lower()


def marked(text: bytes) -> Mark | None:
    """The first mark in a text; None where there is none."""
    found = _MARK.search(text)
    if found is None:
        return None
    said = b32decode(found[1].upper() + b"===")
    ids, seal = said[:-_SEAL_BYTES].hex(), said[-_SEAL_BYTES:]
    return Mark(ids[: 2 * _ACTION_BYTES], "c" + ids[2 * _ACTION_BYTES :], seal)


def is_ours(found: Mark, store: str, keys: Keys) -> bool:
    """Whether one of the keys sealed it, for this store. Compares all, in constant time."""
    agree = [hmac.compare_digest(found.seal, _seal(found.action, found.customer, store, key)) for key in keys.values()]
    return any(agree)


def _seal(action: str, customer: str, store: str, key: bytes) -> bytes:
    return hmac.digest(key, "\x1f".join(("return", store, action, customer)).encode(), "sha256")[:_SEAL_BYTES]
