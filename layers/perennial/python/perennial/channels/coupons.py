"""The code of a coupon: the same for the same action, and not to be guessed without the key."""

import hashlib
import hmac

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""No look-alikes (0 O, 1 I L), and no vowels, so that no code is a word."""
LENGTH = 10
"""48 bits: to try them all at a thousand a second takes nine thousand years."""


def coupon_code(key: bytes, action: str) -> str:
    digest = hmac.digest(key, b"coupon\x1f" + action.encode(), hashlib.sha256)
    number, code = int.from_bytes(digest, "big"), ""
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        code += ALPHABET[index]
    return code
