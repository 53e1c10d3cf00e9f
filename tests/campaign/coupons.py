"""Codes of coupons: each in one message, the same for the same action, and good where the customer will try it."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from perennial.aws.table import Delete, Put, Write
from tests.campaign.broken import Broken

if TYPE_CHECKING:
    from perennial.channels.render import Message
    from tests.campaign.shop import Shop

POOL = "spring"
IMPORTED = re.compile(r"\bSPRING-\d{4}\b")
GENERATED = re.compile(r"\b[2-9B-DF-HJ-NP-TV-Z]{10}\b")
_ADDRESS = re.compile(r"https?://\S+")
SOLD_OUT = "no coupon left"
PROMISE = "a coupon is good, and for one"
_BEFORE = datetime.min.replace(tzinfo=UTC)


def imported(first: int, last: int) -> list[str]:
    """Codes of these numbers, without the last."""
    return [f"SPRING-{number:04}" for number in range(first, last)]


@dataclass
class Coupons:
    """What is known of all codes."""

    added: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    drawn: dict[str, str] = field(default_factory=dict)
    """Action -> code, of the pool."""
    given_back: set[str] = field(default_factory=set)
    """Codes of messages that failed for good, on their way back to the pool."""
    carried: dict[str, str] = field(default_factory=dict)
    """Code -> the action whose message carried it away."""
    empty: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """From when to when there was no code in the pool; the last may last."""

    def written(self, write: Write, now: datetime) -> None:
        kind, _, name = write.key.sk.partition("#")
        if kind == "FREE" and isinstance(write, Put):
            self._come(name, now)
        elif kind == "FREE" and isinstance(write, Delete):
            self.free.discard(name)
            self._looked(now)
        elif kind == "DRAWN" and isinstance(write, Put):
            self._drawn(name, write.item.body)
        elif kind == "DRAWN" and isinstance(write, Delete):
            self.given_back.add(self.drawn.pop(name))

    def _come(self, code: str, now: datetime) -> None:
        if code in self.carried:
            raise Broken(PROMISE, "a code that a customer has is free again")
        if code in self.added and code not in self.given_back:
            raise Broken(PROMISE, "a code that was in the pool before is there again")
        self.given_back.discard(code)
        if not self.added:
            self.empty.append((_BEFORE, None))
        self.added.add(code)
        self.free.add(code)
        self._looked(now)

    def _drawn(self, action: str, code: str) -> None:
        if action in self.drawn:
            raise Broken(PROMISE, f"action {action[:6]} drew twice")
        if code in self.drawn.values():
            raise Broken(PROMISE, f"action {action[:6]} drew a code that was another's")
        self.drawn[action] = code

    def _looked(self, now: datetime) -> None:
        if self.free and self.empty and self.empty[-1][1] is None:
            self.empty[-1] = (self.empty[-1][0], now)
        elif not self.free and not (self.empty and self.empty[-1][1] is None):
            self.empty.append((now, None))

    def was_empty(self, begun: datetime, now: datetime) -> bool:
        """Was the pool without a code at some moment between these?"""
        spells = ((first, last or now) for first, last in self.empty)
        return not self.added or any(first <= now and last >= begun for first, last in spells)

    def handed_over(self, action: dict[str, Any], message: "Message", shop: "Shop") -> None:
        asked = action.get("coupon")
        words = _ADDRESS.sub("", f"{message.body}\n{message.html}")
        codes = {*IMPORTED.findall(words), *GENERATED.findall(words)}
        if asked is None:
            if codes:
                raise Broken(PROMISE, "a message without a coupon has a code")
            return
        if len(codes) != 1:
            raise Broken(PROMISE, f"{message.template} {message.action_id[:6]} has {len(codes)} codes")
        self._carried(action, codes.pop(), shop)

    def _carried(self, action: dict[str, Any], code: str, shop: "Shop") -> None:
        name, coupon = action["id"], action["coupon"]
        if self.carried.setdefault(code, name) != name:
            raise Broken(PROMISE, f"the code of {name[:6]} is another's too")
        if coupon.get("pool"):
            if self.drawn.get(name) != code:
                raise Broken(PROMISE, f"the code of {name[:6]} is not the one that it drew")
        elif coupon["kind"] in ("percent", "amount") and shop.kind != "none" and code not in shop.codes:
            raise Broken(PROMISE, f"the shop does not know the code of {name[:6]}")
