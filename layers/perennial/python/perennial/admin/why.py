"""Why somebody got a message: everything that is known of it, out of journal, claim and proofs of consent.

The journal has the decision and its outcome. What the sender looked at is in the outcome too, unless a provider told of
it before the sender could; then it is in the claim, which is kept for two months.

Errors: those of problems.py; and what the table raises.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial.admin import answers
from perennial.admin.problems import NotFound
from perennial.admin.story import JOURNAL
from perennial.aws.policies import Policies
from perennial.aws.store import Store, messaging_key
from perennial.channels.messaging import Claim, Messaging
from perennial.domain.actions import Action
from perennial.domain.events import MessageData
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from perennial.domain.values import iso

CONSENT = "CONSENT#"
PIECE = 1_000


@dataclass(frozen=True)
class WhyDesk:
    store: Store
    policies: Policies

    def why(self, customer: str, action_id: str) -> answers.Why:
        """Raises `NotFound` where this customer was never to be sent such a message."""
        everyone = self._everyone(customer)
        journal = [body for each in everyone for body in self._bodies(each, JOURNAL)]
        told = [Entry.model_validate_json(body) for body in journal if action_id in body]
        action = next((each for entry in told for each in entry.actions if each.id == action_id), None)
        if action is None:
            raise NotFound("there is no such message")
        claim, outcomes = self._claim(action), _outcomes(told, action_id)
        left_at = next((each.at for each in outcomes if each.type == "message.sent"), claim.at if claim else None)
        said: list[MessageData | Claim] = [data for _, data in _told(told, action_id)]
        said += [claim] if claim else []
        return answers.Why(
            message=action.id,
            customer=action.customer,
            play=action.play,
            occasion=action.about,
            channel=action.channel,
            purpose=action.purpose,
            template=action.template,
            template_version=_first(said, "template_version"),
            provider_id=_first(said, "provider_id"),
            decided_at=action.decided_at,
            policy=action.policy,
            rule=_quote(self.policies.version(action.policy), action.play),
            steps=tuple(_steps(self._of_occasion(journal, action), action)),
            consent=self._proof(everyone, action, left_at or action.decided_at),
            checked=_first(said, "checked") or (),
            outcomes=tuple(outcomes),
        )

    def _everyone(self, customer: str) -> tuple[str, ...]:
        root = self.store.roots([customer]).get(customer)
        if root is None:
            raise NotFound("there is no such customer")
        return (root.customer.id, *root.customer.members)

    def _bodies(self, customer: str, prefix: str) -> Iterator[str]:
        cursor: str | None = None
        while True:
            page = self.store.table.query(f"C#{customer}", prefix=prefix, limit=PIECE, cursor=cursor)
            yield from (item.body for item in page.items)
            if (cursor := page.cursor) is None:
                return

    def _claim(self, action: Action) -> Claim | None:
        key = messaging_key(action.customer)
        item = self.store.table.get([key]).get(key)
        return Messaging.model_validate_json(item.body).claims.get(action.id) if item else None

    def _of_occasion(self, journal: Sequence[str], action: Action) -> list[Entry]:
        """What was decided about this play on this occasion, in that order."""
        named = json.dumps(action.about, ensure_ascii=False)
        entries = (Entry.model_validate_json(body) for body in journal if action.play in body and named in body)
        return sorted(entries, key=lambda entry: (entry.decided_at, entry.version))

    def _proof(self, everyone: Sequence[str], action: Action, at: datetime) -> answers.ConsentProof | None:
        """The last that was said of this purpose and channel before the message left."""
        found = [item for each in everyone for item in self._consents(each, at)]
        words = [each for each in found if _topic(each[1]) == (action.purpose, action.channel)]
        if not words:
            return None
        said_at, proof = max(words, key=_weight)
        said = {name: proof["said"].get(name) for name in _SAID}
        confirmed = proof["said"].get("confirmed", False)
        return answers.ConsentProof.model_validate(
            {"at": said_at, "source": proof["source"], **said, "confirmed": confirmed}
        )

    def _consents(self, customer: str, until: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        """(when, proof) of all that was said until then."""
        cursor: str | None = None
        while True:
            page = self.store.table.query(f"C#{customer}", prefix=CONSENT, limit=PIECE, cursor=cursor)
            for item in page.items:
                if (at := item.key.sk.split("#")[1]) <= iso(until):
                    yield at, json.loads(item.body)
            if (cursor := page.cursor) is None:
                return


_SAID = ("granted", "text_version", "method")


def _topic(proof: Mapping[str, Any]) -> tuple[str, str]:
    return proof["said"].get("purpose", "marketing"), proof["said"]["channel"]


def _weight(word: tuple[str, dict[str, Any]]) -> tuple[str, bool, bool]:
    """The later word holds, at the same instant the no; and a confirmation bears the time of what it confirms."""
    said_at, said = word[0], word[1]["said"]
    return said_at, not said["granted"], said.get("confirmed", False)


def _told(entries: Sequence[Entry], action_id: str) -> Iterator[tuple[Entry, MessageData]]:
    for entry in entries:
        if isinstance(entry.event.data, MessageData) and entry.event.data.action == action_id:
            yield entry, entry.event.data


def _first(said: Sequence[MessageData | Claim], name: str) -> Any:
    """The first word on it; None where none was said."""
    return next((value for each in said if (value := getattr(each, name)) not in (None, ())), None)


def _outcomes(entries: Sequence[Entry], action_id: str) -> list[answers.MessageOutcome]:
    found = (
        answers.MessageOutcome(at=entry.event.time, type=entry.event.type, reason=data.reason)
        for entry, data in _told(entries, action_id)
    )
    return sorted(found, key=lambda each: each.at)


def _steps(entries: Sequence[Entry], action: Action) -> Iterator[answers.MessageStep]:
    for entry in entries:
        for outcome in entry.outcomes:
            if (outcome.play, outcome.about) == (action.play, action.about):
                yield answers.MessageStep(
                    at=entry.decided_at,
                    event=entry.event.type,
                    source=entry.event.source,
                    did=outcome.did,
                    reason=outcome.reason,
                    until=outcome.until,
                )


def _quote(policy: Policy, play: str) -> dict[str, Any] | None:
    """The play as that version has it."""
    found = policy.by_id.get(play)
    return found.model_dump(mode="json", by_alias=True, exclude_defaults=True) if found else None
