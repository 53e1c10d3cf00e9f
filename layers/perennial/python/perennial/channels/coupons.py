"""The codes of coupons: generated or imported, one for each action, good in the shop before the message leaves.

A generated code is worked out from a key: the same for the same action, and not to be guessed without the key. An
imported one is drawn from its pool and bound to the action. Either way a message made again carries the same code.

Errors:
    PoolEmpty    no imported code is left: the message is not sent, its outcome says why
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol

from perennial.domain.actions import Action, Coupon

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""No look-alikes (0 O, 1 I L), and no vowels, so that no code is a word."""
LENGTH = 10
"""48 bits: to try them all at a thousand a second takes nine thousand years."""
SOLD_OUT = "no coupon left"
"""Why a message failed whose pool was empty."""


class PoolEmpty(Exception):
    """No code of this pool is left; add some. The message must not promise one."""


class Pools(Protocol):
    def draw(self, pool: str, action: str) -> str:
        """The code of this action; the same however often it is drawn. Raises `PoolEmpty`."""

    def put_back(self, pool: str, action: str) -> None:
        """Free the code that this action drew, if it did."""


class Issuer(Protocol):
    def issue(self, code: str, coupon: Coupon) -> None:
        """Make the code good in the shop, once and until it expires; if it is so already, all is well.

        Raises `Unavailable`: then nothing may leave that promises it. `Throttled`, where the shop has too much to do.
        """


class Coupons:
    """Gives actions their codes."""

    def __init__(self, key: bytes, pools: Pools, issuer_of: Callable[[str], Issuer | None]) -> None:
        """issuer_of: who makes codes good in the shop of a store; None where the merchant gave us no key for that."""
        self._key = key
        self._pools = pools
        self._issuer_of = issuer_of

    def drawn(self, action: Action) -> Action:
        """The action with the code of its coupon, if it has one. Raises `PoolEmpty`, `Unavailable` and `Throttled`."""
        coupon = action.coupon
        if coupon is None:
            return action
        code = self._pools.draw(coupon.pool, action.id) if coupon.pool else self._generated(action, coupon)
        return action.but({"coupon": coupon.but({"code": code})})

    def put_back(self, action: Action) -> None:
        """Let somebody else have the imported code of an action that failed for good. A generated one stays its own."""
        if action.coupon and action.coupon.pool:
            self._pools.put_back(action.coupon.pool, action.id)

    def _generated(self, action: Action, coupon: Coupon) -> str:
        code = coupon_code(self._key, action.id)
        if coupon.kind in ("percent", "amount") and (issuer := self._issuer_of(action.store)):
            issuer.issue(code, coupon)
        return code


def coupon_code(key: bytes, action: str) -> str:
    digest = hmac.digest(key, b"coupon\x1f" + action.encode(), hashlib.sha256)
    number, code = int.from_bytes(digest, "big"), ""
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        code += ALPHABET[index]
    return code
