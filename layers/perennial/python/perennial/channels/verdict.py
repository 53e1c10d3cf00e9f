"""May this action leave now? Asked again when the message is about to leave, for much may have changed since."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.channels.findings import findings
from perennial.channels.messaging import Claim, Messaging
from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action
from perennial.domain.holds import DISCARDED, Hold, hold_over
from perennial.domain.permission import NO_ADDRESS, cap_reached, may_leave_at, refusal
from perennial.domain.policy import Policy
from perennial.domain.rivals import rival_of

EXPIRED = "expired"
CAP = "cap"
QUIET_HOURS = "quiet hours"
OUTCOME_UNKNOWN = "outcome unknown"

PATIENCE = timedelta(minutes=1)
"""How long a claim may belong to a sender that is still at work. Longer than a sender lives, shorter than the queue
hides a message: a copy that comes back finds either an outcome or a sender that died."""


class StillSending(Exception):
    """Another copy of this action is being sent right now; let the queue bring this one again."""


@dataclass(frozen=True, slots=True)
class Clear:
    """It may leave: claim it and send it."""

    to: str
    checked: tuple[str, ...]
    """What was looked at, and found."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It may not leave before this."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """It may not leave before staff say so."""

    under: Hold


@dataclass(frozen=True, slots=True)
class Close:
    """It will not leave: write that down, then report it."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Closed:
    """It has had its outcome: report that again."""

    claim: Claim


Verdict = Clear | Wait | Held | Close | Closed


@dataclass(frozen=True, slots=True)
class Turn:
    """One try to send one action."""

    name: str
    """Of this try alone: two tries of the same action never mistake each other's claim for their own."""
    action: Action
    recipient: Recipient
    policy: Policy
    now: datetime


def judge(turn: Turn, messaging: Messaging) -> Verdict:
    """What to do with the action, given what was sent so far. Raises `StillSending`."""
    claim = messaging.claims.get(turn.action.id)
    if claim is None:
        return _judge_unclaimed(turn, messaging)
    if claim.state != "claimed":
        return Closed(claim)
    if claim.by == turn.name:  # our own write, whose answer was lost
        return judge_claimed(turn, messaging)
    if turn.now < claim.at + PATIENCE:
        raise StillSending(f"action {turn.action.id} was claimed {turn.now - claim.at} ago; wait for {PATIENCE}")
    return Close(claim.unknown(OUTCOME_UNKNOWN))


def judge_claimed(turn: Turn, messaging: Messaging) -> Clear | Wait | Held | Close:
    """May an action leave still, once this turn has claimed it?"""
    return _judge_unclaimed(turn, messaging.without(turn.action.id))


def _judge_unclaimed(turn: Turn, messaging: Messaging) -> Clear | Wait | Held | Close:
    action, facts = turn.action, turn.recipient.customer.facts
    to = turn.recipient.address(action.channel)
    if reason := _refusal(turn) or (None if to else NO_ADDRESS):
        return _refused(turn, reason)
    zones = turn.recipient.phone_zones
    opens = may_leave_at(facts, action.purpose, turn.policy.quiet_hours, turn.now, action.channel, zones)
    if opens > action.not_after:
        return _refused(turn, EXPIRED)
    if hold := hold_over(action, turn.recipient.country, turn.recipient.holds):
        return Held(hold)
    if opens > turn.now:
        return Wait(opens, QUIET_HOURS)
    sends = (*messaging.sends, *turn.recipient.sends)
    if cap_reached(sends, turn.policy.caps, action.purpose, action.channel, turn.now):
        return _refused(turn, CAP)
    if rival := rival_of(action, turn.recipient.customer, turn.policy, sends, turn.now):
        return Wait(rival.due, f"may give way to {rival.play}")
    return Clear(str(to), findings(action, turn.recipient, turn.policy, turn.now, sends))


def put_off(turn: Turn, until: datetime, reason: str) -> Wait | Close:
    """It may not leave before that for a reason that is not its customer's; and not outside of their hours either."""
    action, facts = turn.action, turn.recipient.customer.facts
    hours, zones = turn.policy.quiet_hours, turn.recipient.phone_zones
    opens = may_leave_at(facts, action.purpose, hours, until, action.channel, zones)
    return _refused(turn, EXPIRED) if opens > action.not_after else Wait(opens, reason)


def _refusal(turn: Turn) -> str | None:
    """Why it may not leave, whatever the hour."""
    action, facts = turn.action, turn.recipient.customer.facts
    if action.given_up:
        return DISCARDED
    if reason := refusal(facts, action.purpose, action.channel, turn.policy.consent):
        return reason
    suppressed = facts.suppressed.get(action.channel)
    return suppressed.value if suppressed else None


def _refused(turn: Turn, reason: str) -> Close:
    return Close(Claim.of(turn.action, turn.name, turn.now).failed(reason))
