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

from perennial.aws.holds import IN_FORCE
from perennial.aws.policies import ACTIVE
from perennial.aws.table import Delete, Item, Key, Put, Update, Write
from perennial.channels.messaging import Claim, Messaging
from perennial.channels.render import Message
from perennial.domain.consent import ConsentRules
from perennial.domain.policy import Policy
from tests.campaign.broken import Broken
from tests.campaign.coupons import PROMISE as COUPONS_ARE_GOOD
from tests.campaign.coupons import SOLD_OUT, Coupons
from tests.campaign.people import ZONES
from tests.campaign.sightings import (
    Graves,
    addresses_of,
    country_of,
    entries_by_record,
    is_tombstone,
    is_wanted_again,
    record_of,
    sent_to_others,
)
from tests.campaign.warmth import Warmth

if TYPE_CHECKING:
    from tests.campaign.turns import Turn

CLAIMS_ARE_KEPT = timedelta(days=60)
"""After their action is out of place."""
SKEW = timedelta(minutes=6)
RULES = ("none", "opt_out", "soft_opt_in", "opt_in", "confirmed_opt_in")
"""From the laxest to the strictest."""
Topic = tuple[str, str]
"""Purpose and channel."""

_DUE_AT = re.compile(r'"due_at":"([^"]+)"')


@dataclass
class Delivery:
    """How often the provider got a message, and what is known of its claim."""

    customer: str = ""
    claim: Claim | None = None
    taken: int = 0
    is_erased: bool = False
    """Its customer was erased, and its claim with them. Who claims it once more learns that, and sends nothing."""
    graves: Mapping[str, datetime] = field(default_factory=dict)
    """Who had been erased when its sender looked at its customer, and when."""


@dataclass
class Stop:
    """An emergency stop."""

    reach: Mapping[str, Any]
    by: str
    lifted_at: datetime | None = None
    answered_at: datetime | None = None
    """When somebody was first told that it is in force."""

    def covers(self, message: Message, country: str | None) -> bool:
        """country: None where nobody knows."""
        named = {"play": message.play, "channel": message.channel, "purpose": message.purpose}
        is_there = self.reach.get("country") is None or country in (None, self.reach["country"])
        return is_there and all(self.reach.get(name) in (None, value) for name, value in named.items())


@dataclass
class Watch:
    now: Callable[[], datetime]
    graves: Graves
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
    second_looks: dict[Key, datetime] = field(default_factory=dict)
    """By request to be erased."""
    policies: list[int] = field(default_factory=lambda: [1])
    """Versions in the order in which they came into force."""
    in_force_from: dict[int, datetime] = field(default_factory=dict)
    """Version -> since when; the first one is always there."""
    stops: dict[str, Stop] = field(default_factory=dict)
    """By id, each that was ever in force."""
    moves: list[tuple[str, str]] = field(default_factory=list)
    """What staff were told to be done with what a hold stopped: hold, and release or discard."""
    given_up: set[str] = field(default_factory=set)
    """Actions that staff gave up."""
    chosen: dict[tuple[str, Topic], tuple[datetime, datetime]] = field(default_factory=dict)
    """Customer and topic -> when they last pressed on a page that they want none of it, and were told that it is so."""
    coupons: Coupons = field(default_factory=Coupons)
    warmth: Warmth = field(default_factory=Warmth)
    _next_due: datetime | None = None

    def is_used(self, partition: str) -> bool:
        """May this partition of the due index have entries, or have had some?"""
        return partition in self.shards

    def next_due(self) -> datetime | None:
        """The earliest time in the due index."""
        return self._next_due

    def delivery(self, action: str) -> Delivery:
        return self.deliveries.setdefault(action, Delivery())

    def next_look(self) -> datetime | None:
        """When somebody who was erased is to be looked for once more."""
        return min(self.second_looks.values(), default=None)

    # Reads

    def read(self, turn: "Turn | None", found: Mapping[Key, Item]) -> None:
        """Remember what a sender saw of its customer, and what was claimed and who was erased at that moment."""
        if turn and turn.environment.function in ("email", "sms"):
            turn.seen.update(found)
            if any(key.sk == "RECORD" for key in found):
                turn.looked_at = self.now()
            for customer in (key.pk.removeprefix("C#") for key in found if key.sk == "RECORD"):
                turn.seen["claims", customer] = dict(self.claims)
                turn.seen["graves", customer] = self.graves.known()

    # Writes

    def written(self, turn: "Turn | None", writes: Sequence[Write]) -> None:
        entries = Counter(entries_by_record(writes))
        for write in writes:
            if write.key.sk == "RECORD":
                self._record(write, entries[write.key.pk])
            elif write.key.sk == "MESSAGING" and isinstance(write, Put):
                self._messaging(turn, write)
            elif write.key.sk == "MESSAGING" and isinstance(write, Delete):
                self._claims_erased(write.key.pk.removeprefix("C#"))
            elif write.key.pk == "PRIVACY" and isinstance(write, Put):
                self._second_look(write)
            elif write.key == ACTIVE and isinstance(write, Put):
                self._policy(int(write.item.attributes["version"]))
            elif write.key.pk.startswith("HELD#") and isinstance(write, Delete) and turn:
                if turn.name.startswith("admin/discard"):
                    self.given_up.add(write.key.sk)
            elif write.key.pk.startswith("COUPONS#"):
                self.coupons.written(write, self.now())
            elif write.key.pk.startswith("WARM_UP#"):
                self.warmth.written(write)
            elif write.key == IN_FORCE and isinstance(write, Put):
                self._stopped(json.loads(write.item.body or "{}").get("holds", ()))
        self.graves.written(writes)

    def _second_look(self, write: Put) -> None:
        if wanted := json.loads(write.item.body).get("look_again_at"):
            self.second_looks[write.key] = datetime.fromisoformat(wanted)
        else:
            self.second_looks.pop(write.key, None)

    def _record(self, write: Write, entries: int) -> None:
        customer = write.key.pk.removeprefix("C#")
        if customer in self.graves.erased_at:
            raise Broken("who was erased stays so", f"something is written on the tombstone of {customer[:6]}")
        if isinstance(write, Put):
            self._version(customer, write.item, entries)
            self._arm(customer, write.item.attributes)
        elif isinstance(write, Update):
            self._arm(customer, write.set)
        self._armed_in_time(customer)

    def _version(self, customer: str, record: Item, entries: int) -> None:
        before, version = self.versions.get(customer, 0), int(record.attributes["version"])
        entries = 1 if is_tombstone(record) else entries  # which says itself what happened
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
        self.in_force_from[version] = self.now()

    # The emergency stop

    @property
    def in_force(self) -> list[str]:
        return [hold for hold, stop in self.stops.items() if stop.lifted_at is None]

    def _stopped(self, holds: Sequence[Mapping[str, Any]]) -> None:
        """All that is in force from now on."""
        for hold in holds:
            stop = self.stops.setdefault(hold["id"], Stop(hold["reach"], hold["by"]))
            if stop.lifted_at:
                raise Broken("who lifts a stop lifts it", f"{hold['id']} is in force again")
        named = {hold["id"] for hold in holds}
        for name in self.in_force:
            if name not in named:
                self.stops[name].lifted_at = self.now()
        reaches = [json.dumps(hold["reach"], sort_keys=True) for hold in holds]
        if len(set(reaches)) < len(reaches):
            raise Broken("what is stopped is stopped once", f"{sorted(reaches)} are in force")

    def stop_was_answered(self, hold: Mapping[str, Any]) -> None:
        if hold["id"] not in self.stops:
            raise Broken("a stop is in force when it is answered", f"{hold['id']} was never")
        stop = self.stops[hold["id"]]
        stop.answered_at = stop.answered_at or self.now()

    def move_was_answered(self, hold: str, deed: str) -> None:
        if deed == "release" and self.stops[hold].lifted_at is None:
            raise Broken("who lifts a stop lifts it", f"{hold} is in force")
        self.moves.append((hold, deed))

    def _as_chosen(self, message: Message, customer: str, record: Mapping[str, Any], looked_at: datetime) -> None:
        """Whoever said no on a page, and was told that it counts, gets no more of it: not before they say yes again."""
        topic = (message.purpose, message.channel)
        pressed_at, answered_at = self.chosen.get((customer, topic), (looked_at, looked_at))
        word = record.get("facts", {}).get("consent", {}).get("/".join(topic))
        is_later = word and word[0] and datetime.fromisoformat(word[1]) >= pressed_at - SKEW
        if answered_at < looked_at and not is_later:
            raise Broken("a choice counts when it is answered", f"{message.template} left after its reader had said no")

    def _not_stopped(self, message: Message, country: str | None, looked_at: datetime) -> None:
        for name, stop in self.stops.items():
            is_told = stop.answered_at is not None and stop.answered_at < looked_at
            if is_told and (stop.lifted_at is None or stop.lifted_at > looked_at) and stop.covers(message, country):
                told = f"{message.template} {message.action_id[:6]} left under {name}"
                raise Broken("what is stopped does not leave", told)

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

    def _claims_erased(self, customer: str) -> None:
        for action in self.claims.pop(customer, {}):
            self.delivery(action).is_erased = True

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
        if delivery.claim is not None and claim.state == "claimed" and not delivery.is_erased:
            raise Broken("an action is claimed once", f"{action[:6]} was {delivery.claim.state} already")
        delivery.customer, delivery.claim = customer, claim
        if claim.reason == SOLD_OUT and turn and not self.coupons.was_empty(turn.began, self.now()):
            raise Broken(COUPONS_ARE_GOOD, f"{action[:6]} got none of a pool that was never empty")
        if claim.state == "claimed" and turn:
            policy: Policy = turn.environment.parts["policies"].in_use
            own = [each for name, each in everything.items() if name != action and each.state != "failed"]
            self._within_caps(action, claim, [*own, *sent_to_others(turn, customer, self.claims)], policy)
            delivery.graves = turn.seen.get(("graves", customer), {})
            if claim.at > claim.not_after:
                raise Broken("nothing out of place is sent", f"{action[:6]} was good until {claim.not_after}")
            turn.seen.clear()  # what it saw before is not what it may send by

    def _changed(self, action: str, before: Claim, after: Claim) -> None:
        if before.state != "claimed" or (before.at, before.by) != (after.at, after.by):
            raise Broken("an outcome stays", f"{action[:6]} was {before.state} and became {after.state}")
        self.delivery(action).claim = after

    def _within_caps(self, action: str, claim: Claim, others: Sequence[Claim], policy: Policy) -> None:
        """others: what left, is leaving, or may have left for the same person."""
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
        record = record_of(turn, delivery.customer)
        rules = turn.environment.parts["policies"].in_use.consent
        if wrong := _objection(record.get("facts", {}), delivery.claim, rules):
            raise Broken("consent comes before contact", f"{message.template} was sent: {wrong}")
        self._by_day(record, delivery.claim, turn.environment.parts["policies"].in_use)
        if message.to not in addresses_of(turn, delivery.customer, message.channel):
            raise Broken("a message goes to the address on file", f"{message.template} went elsewhere")
        erased_at = self.graves.of_address(message.channel, message.to, delivery.graves)
        if erased_at and not is_wanted_again(record, message.channel, erased_at):
            raise Broken("who was erased is not written to", f"{message.template} went to an address that was erased")
        assert turn.looked_at is not None, "it has seen its customer"
        self._as_chosen(message, delivery.customer, record, turn.looked_at)
        self._not_stopped(message, country_of(turn, delivery.customer) or _country(record), turn.looked_at)
        self.warmth.handed_over(message, delivery.claim, turn.environment.parts["policies"].in_use)


def _objection(facts: Mapping[str, Any], claim: Claim, rules: ConsentRules) -> str | None:
    """Why this customer may not be written to, as far as the record knows."""
    if "deleted_at" in facts:
        return "the customer is deleted"
    if claim.channel in facts.get("suppressed", {}):
        return "the address is suppressed"
    words = {name.partition("/")[2]: word for name, word in facts.get("consent", {}).items() if _is_of(name, claim)}
    rule, word = _rule(facts, claim, rules), words.get(claim.channel)
    if rule == "none":
        return None
    if word and not word[0]:
        return "there is an objection"
    if rules.no_means == "every channel" and any(not no[0] and (not word or no[1] > word[1]) for no in words.values()):
        return "there is an objection by another channel"
    if rule == "opt_out" or (rule == "soft_opt_in" and _has_bought(facts)):
        return None
    if not word:
        return "there is no consent"
    return "it was not confirmed" if rule == "confirmed_opt_in" and not _is_confirmed(facts, claim) else None


def _is_of(name: str, claim: Claim) -> bool:
    return name.startswith(f"{claim.purpose}/")


def _rule(facts: Mapping[str, Any], claim: Claim, rules: ConsentRules) -> str:
    """Of where they live; of whom nobody knows where, the strictest. Written from docs/consent.md."""
    country = facts.get("about", {}).get("country", (None,))[0]
    everywhere = str(getattr(getattr(rules, claim.purpose), claim.channel))
    if claim.purpose == "transactional":
        return everywhere
    own = {
        code: str(getattr(getattr(region, claim.purpose) or getattr(rules, claim.purpose), claim.channel))
        for region in rules.regions
        for code in region.countries
    }
    if country is None:
        return max((everywhere, *own.values()), key=RULES.index)
    return own.get(country, everywhere)


def _has_bought(facts: Mapping[str, Any]) -> bool:
    orders = facts.get("orders", {}).values()
    return bool(facts.get("totals", {}).get("purchases")) or any(
        "placed_at" in order and "cancelled_at" not in order for order in orders
    )


def _is_confirmed(facts: Mapping[str, Any], claim: Claim) -> bool:
    topic = f"{claim.purpose}/{claim.channel}"
    confirmed, withdrawn = (facts.get(name, {}).get(topic, "") for name in ("confirmed", "withdrawn"))
    return bool(confirmed > withdrawn)


def _zone(record: Mapping[str, Any]) -> ZoneInfo:
    about = record.get("facts", {}).get("about", {})
    if "time_zone" in about:
        return ZoneInfo(about["time_zone"][0])
    return ZoneInfo(ZONES[about["country"][0]]) if "country" in about else ZoneInfo("UTC")


def _country(record: Mapping[str, Any]) -> str | None:
    known = record.get("facts", {}).get("about", {}).get("country")
    return known[0] if known else None


def _due(entry: str) -> datetime:
    return datetime.fromisoformat(entry.partition("#")[0]).astimezone(UTC)
