"""What must hold at every step: looked at when a write is done, and when a message is handed to the provider.

The checks are written from the promises and not from the code that keeps them: they read what was stored, and share
neither `permission` nor `verdict` nor `store` with the product.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from perennial.aws.policies import ACTIVE
from perennial.aws.store import record_text
from perennial.aws.table import Item, Key, Put, Update, Write
from perennial.channels.messaging import Claim, Messaging
from perennial.channels.render import Message
from perennial.domain.policy import Policy
from tests.campaign.people import ZONES

if TYPE_CHECKING:
    from tests.campaign.turns import Turn

CLAIMS_ARE_KEPT = timedelta(days=60)
"""After their action is out of place."""
SKEW = timedelta(minutes=6)

_DUE_AT = re.compile(r'"due_at":"([^"]+)"')


class Broken(BaseException):
    """A promise does not hold. Goes through all code that catches what it can."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise
        self.what = what


@dataclass
class Delivery:
    """How often the provider got a message, and what is known of its claim."""

    customer: str = ""
    claim: Claim | None = None
    taken: int = 0


@dataclass
class Watch:
    now: Callable[[], datetime]
    versions: dict[str, int] = field(default_factory=dict)
    """Customer -> version of the record."""
    due_at: dict[str, datetime | None] = field(default_factory=dict)
    armed: dict[str, str] = field(default_factory=dict)
    """Customer -> entry of the due index."""
    shards: set[str] = field(default_factory=set)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    """By action."""
    claims: dict[str, Mapping[str, Claim]] = field(default_factory=dict)
    """Customer -> claims as they were written last."""
    policies: list[int] = field(default_factory=lambda: [1])
    """Versions in the order in which they came into force."""
    _next_due: datetime | None = None

    def is_used(self, partition: str) -> bool:
        """May this partition of the due index have entries, or have had some?"""
        return partition in self.shards

    def next_due(self) -> datetime | None:
        """The earliest time in the due index."""
        return self._next_due

    def delivery(self, action: str) -> Delivery:
        return self.deliveries.setdefault(action, Delivery())

    # Reads

    def read(self, turn: "Turn | None", found: Mapping[Key, Item]) -> None:
        """Remember what a sender saw of its customer."""
        if turn and turn.environment.function in ("email", "sms"):
            turn.seen.update(found)

    # Writes

    def written(self, turn: "Turn | None", writes: Sequence[Write]) -> None:
        entries = Counter(write.key.pk for write in writes if write.key.sk.startswith("J#"))
        for write in writes:
            if write.key.sk == "RECORD":
                self._record(write, entries[write.key.pk])
            elif write.key.sk == "MESSAGING" and isinstance(write, Put):
                self._messaging(turn, write)
            elif write.key == ACTIVE and isinstance(write, Put):
                self._policy(int(write.item.attributes["version"]))

    def _record(self, write: Write, entries: int) -> None:
        customer = write.key.pk.removeprefix("C#")
        if isinstance(write, Put):
            self._version(customer, write.item, entries)
            self._arm(customer, write.item.attributes)
        elif isinstance(write, Update):
            self._arm(customer, write.set)
        self._armed_in_time(customer)

    def _version(self, customer: str, record: Item, entries: int) -> None:
        before, version = self.versions.get(customer, 0), int(record.attributes["version"])
        if version != before + entries or not entries:
            told = f"record {customer[:6]} went from version {before} to {version} with {entries} journal entries"
            raise Broken("versions have no gaps", told)
        due_at = _DUE_AT.search(record.body)
        self.versions[customer] = version
        self.due_at[customer] = datetime.fromisoformat(due_at[1]) if due_at else None

    def _arm(self, customer: str, attributes: Mapping[str, str | int]) -> None:
        if entry := attributes.get("due"):
            self.armed[customer] = str(entry)
            self.shards.add(str(attributes["due_shard"]))
        else:
            self.armed.pop(customer, None)
        self._next_due = min((_due(each) for each in self.armed.values()), default=None)

    def _armed_in_time(self, customer: str) -> None:
        due_at, entry = self.due_at.get(customer), self.armed.get(customer)
        if due_at and (entry is None or _due(entry) > due_at):
            raise Broken("what is due is found", f"{customer[:6]} is due at {due_at}, the index says {entry}")

    def _policy(self, version: int) -> None:
        if version != self.policies[-1] + 1:
            raise Broken("policies follow each other", f"version {version} after {self.policies[-1]}")
        self.policies.append(version)

    # Claims

    def _messaging(self, turn: "Turn | None", write: Put) -> None:
        customer = write.key.pk.removeprefix("C#")
        before = self.claims.get(customer, {})
        after = Messaging.model_validate_json(write.item.body).claims
        for action in before.keys() - after.keys():
            self._forgotten(action, before[action])
        for action, claim in after.items():
            if action not in before:
                self._claimed(turn, customer, action, claim, after)
            elif claim != before[action]:
                self._changed(action, before[action], claim)
        self.claims[customer] = after

    def _forgotten(self, action: str, claim: Claim) -> None:
        delivery = self.delivery(action)
        is_old = self.now() + SKEW > claim.not_after + CLAIMS_ARE_KEPT
        if is_old:
            return
        if claim.state != "claimed" or delivery.taken:
            raise Broken("a claim is kept", f"that of {action[:6]}, {claim.state}, is gone")
        delivery.claim = None

    def _claimed(
        self, turn: "Turn | None", customer: str, action: str, claim: Claim, everything: Mapping[str, Claim]
    ) -> None:
        delivery = self.delivery(action)
        if delivery.claim is not None and claim.state == "claimed":
            raise Broken("an action is claimed once", f"{action[:6]} was {delivery.claim.state} already")
        delivery.customer, delivery.claim = customer, claim
        if claim.state == "claimed" and turn:
            policy: Policy = turn.environment.parts["policies"].in_use
            self._within_caps(action, claim, everything, policy)
            if claim.at > claim.not_after:
                raise Broken("nothing out of place is sent", f"{action[:6]} was good until {claim.not_after}")
            turn.seen.clear()  # what it saw before is not what it may send by

    def _changed(self, action: str, before: Claim, after: Claim) -> None:
        if before.state != "claimed" or (before.at, before.by) != (after.at, after.by):
            raise Broken("an outcome stays", f"{action[:6]} was {before.state} and became {after.state}")
        self.delivery(action).claim = after

    def _within_caps(self, action: str, claim: Claim, everything: Mapping[str, Claim], policy: Policy) -> None:
        others = [each for name, each in everything.items() if name != action and each.state != "failed"]
        for cap in policy.caps:
            if claim.purpose not in cap.purposes or cap.channel not in (None, claim.channel):
                continue
            counted = [each for each in others if each.purpose in cap.purposes and each.at > claim.at - cap.per]
            counted = [each for each in counted if cap.channel in (None, each.channel)]
            if len(counted) >= cap.at_most:
                raise Broken("caps hold", f"{action[:6]} is one more than {cap.at_most} per {cap.per}")

    def _by_day(self, record: Mapping[str, Any], claim: Claim, policy: Policy) -> None:
        hours = policy.quiet_hours
        if claim.purpose not in hours.purposes:
            return
        local = claim.at.astimezone(_zone(record)).time()
        is_day = hours.end <= local < hours.start
        if not is_day:
            raise Broken("nothing leaves in quiet hours", f"claimed at {local:%H:%M} of the customer's time")

    # The provider

    def handed_over(self, turn: "Turn | None", message: Message) -> None:
        delivery = self.delivery(message.action_id)
        delivery.taken += 1
        if delivery.taken > 1:
            raise Broken("a message is sent once", f"{message.template} {message.action_id[:6]} was sent again")
        if delivery.claim is None:
            raise Broken("a claim comes first", f"{message.template} {message.action_id[:6]} has none")
        if turn is None or delivery.claim.channel != message.channel:
            raise Broken("a claim comes first", f"{message.action_id[:6]} was claimed for another channel")
        record = _seen(turn, delivery.customer, "RECORD")
        if wrong := _objection(record.get("facts", {}), delivery.claim):
            raise Broken("consent comes before contact", f"{message.template} was sent: {wrong}")
        self._by_day(record, delivery.claim, turn.environment.parts["policies"].in_use)
        person = _seen(turn, delivery.customer, "PROFILE").get("person", {})
        address = person.get("email") if message.channel == "email" else person.get("phone")
        if address != message.to:
            raise Broken("a message goes to the address on file", f"{message.template} went elsewhere")


def _seen(turn: "Turn", customer: str, sk: str) -> dict[str, Any]:
    """What this invocation read of the customer last, since it claimed the message."""
    item: Item | None = turn.seen.get(Key(f"C#{customer}", sk))
    body: dict[str, Any] = json.loads(record_text(item)) if item else {}
    return body


def _objection(facts: Mapping[str, Any], claim: Claim) -> str | None:
    """Why this customer may not be written to, as far as the record knows."""
    if "deleted_at" in facts:
        return "the customer is deleted"
    if claim.channel in facts.get("suppressed", {}):
        return "the address is suppressed"
    word = facts.get("consent", {}).get(f"{claim.purpose}/{claim.channel}")
    if claim.purpose == "marketing" and not (word and word[0]):
        return "there is no consent"
    if claim.purpose == "service" and word and not word[0]:
        return "there is an objection"
    return None


def _zone(record: Mapping[str, Any]) -> ZoneInfo:
    about = record.get("facts", {}).get("about", {})
    if "time_zone" in about:
        return ZoneInfo(about["time_zone"][0])
    return ZoneInfo(ZONES[about["country"][0]]) if "country" in about else ZoneInfo("UTC")


def _due(entry: str) -> datetime:
    return datetime.fromisoformat(entry.partition("#")[0]).astimezone(UTC)
