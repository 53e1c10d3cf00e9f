"""Who is one person, and who was erased: as an invocation saw it, and as it was written.

As `watch.py`, it reads what was stored and shares no rule with the product.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from perennial.aws.store import identity_key, record_text
from perennial.aws.table import Item, Key, Put, Write
from perennial.domain.identity import key_for
from tests.campaign.vendors import STORE

if TYPE_CHECKING:
    from perennial.channels.messaging import Claim
    from tests.campaign.turns import Turn

Claims = Mapping[str, Mapping[str, "Claim"]]
"""Customer -> action -> claim."""
UNSURE = "??"
"""No country."""
_DECIDED_ON = re.compile(r'"record":"([^"]+)"')


def body_of(turn: "Turn", customer: str, sk: str) -> dict[str, Any]:
    """An item of a customer as this invocation read it last, since it claimed the message."""
    item: Item | None = turn.seen.get(Key(f"C#{customer}", sk))
    body: dict[str, Any] = json.loads(record_text(item)) if item and item.body else {}
    return body


def record_of(turn: "Turn", customer: str) -> dict[str, Any]:
    """The record that is this customer's: that of whom they were merged into, where they were."""
    record = body_of(turn, customer, "RECORD")
    while into := record.get("merged_into"):
        record = body_of(turn, into, "RECORD")
    return record


def family_of(turn: "Turn", customer: str) -> tuple[str, ...]:
    """Everybody who is the same person, the survivor first."""
    record = record_of(turn, customer)
    return (record.get("id", customer), *record.get("members", {}))


def addresses_of(turn: "Turn", customer: str, channel: str) -> set[str | None]:
    """Where this person may be written to: the survivor's own address, or where there is none, one of the others'."""
    word = "email" if channel == "email" else "phone"
    told = [body_of(turn, each, "PROFILE").get("person", {}).get(word) for each in family_of(turn, customer)]
    return {told[0]} if told[0] else set(told[1:])


def country_of(turn: "Turn", customer: str) -> str | None:
    """Where this person lives, as far as anybody told: the survivor's own word, or else that of the others; of two
    words of theirs neither is taken, for which of them holds is not asked here."""
    own, *others = (
        body_of(turn, each, "PROFILE").get("person", {}).get("country") for each in family_of(turn, customer)
    )
    told = {own} if own else {each for each in others if each}
    return told.pop() if len(told) == 1 else UNSURE if told else None


def entries_by_record(writes: Sequence[Write]) -> Iterator[str]:
    """For each journal entry the customer on whose record it was decided: their version counts it."""
    for write in writes:
        if write.key.sk.startswith("J#") and isinstance(write, Put):
            named = _DECIDED_ON.search(write.item.body)
            yield f"C#{named[1]}" if named else write.key.pk


def sent_to_others(turn: "Turn", customer: str, claims: Claims) -> list["Claim"]:
    """What had been claimed for the rest of the family before this invocation looked, and still is.

    claims: as they are now.
    """
    before: Claims = turn.seen.get(("claims", customer), {})
    others = [each for each in family_of(turn, customer) if each != customer]
    known = [(each, action) for each in others for action in before.get(each, {})]
    found = (claims.get(each, {}).get(action) for each, action in known)
    return [claim for claim in found if claim and claim.state != "failed"]


@dataclass
class Graves:
    """Who was erased, as it was written."""

    secret: bytes
    erased_at: dict[str, datetime] = field(default_factory=dict)
    """By customer, as the tombstone has it."""
    _again: dict[str, str] = field(default_factory=dict)
    _owners: dict[Key, str] = field(default_factory=dict)
    """Identity key -> customer."""

    def written(self, writes: Iterable[Write]) -> None:
        for write in writes:
            if isinstance(write, Put) and write.key.pk.startswith("I#") and "customer" in write.item.attributes:
                self._owners[write.key] = str(write.item.attributes["customer"])
            elif isinstance(write, Put) and is_tombstone(write.item):
                self._buried(write.item)

    def _buried(self, tombstone: Item) -> None:
        customer, told = tombstone.key.pk.removeprefix("C#"), tombstone.attributes
        self.erased_at[customer] = datetime.fromisoformat(str(told["erased"]))
        self._again[customer] = str(told["again"])

    def known(self) -> Mapping[str, datetime]:
        """As they are at this moment."""
        return dict(self.erased_at)

    def of_address(self, channel: str, to: str, known: Mapping[str, datetime]) -> datetime | None:
        """When whoever this address was known by had it erased, the last time. known: the graves there were then."""
        key = key_for(STORE, "email" if channel == "email" else "phone", to)
        owner = self._owners.get(identity_key(key.kind, key.hashed(self.secret)))
        found: datetime | None = None
        while owner and owner in known:
            found, owner = known[owner], self._again.get(owner)
        return found


def is_tombstone(item: Item) -> bool:
    return item.key.sk == "RECORD" and "erased" in item.attributes


def is_wanted_again(record: Mapping[str, Any], channel: str, erased_at: datetime) -> bool:
    """Is there a consent for this channel that was given after the erasure?"""
    words = (word for key, word in record.get("facts", {}).get("consent", {}).items() if key.endswith(f"/{channel}"))
    return any(granted and datetime.fromisoformat(at) > erased_at for granted, at in words)
