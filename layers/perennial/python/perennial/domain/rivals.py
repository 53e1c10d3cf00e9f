"""Whether a message that may leave should wait for a more valuable one that wants the same room within a cap.

Of what is due in one decision the most valuable goes first (`plays`). A message that comes to its sender just as
something more valuable has come due goes back to wait, so that one decision is made on both.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from perennial.domain.actions import Action
from perennial.domain.customer import Customer, Send, Wait
from perennial.domain.permission import Cap, refusal, sends_within
from perennial.domain.policy import WORTH, Play, Policy


def rival_of(action: Action, customer: Customer, policy: Policy, sends: Iterable[Send], now: datetime) -> Wait | None:
    """The most valuable of what is due and would find no room if this message left; None: it takes none away.

    sends: all that left, or may have left.
    """
    sends = tuple(sends)
    better = list(_better(action, customer, policy, now))
    for cap in policy.caps:
        wanting = [wait for wait in better if _counts(cap, policy.by_id[wait.play])]
        room = cap.at_most - sends_within(cap, sends, now)
        if wanting and cap.governs(action.purpose, action.channel) and len(wanting) >= room:
            return max(wanting, key=lambda wait: policy.by_id[wait.play].worth)
    return None


def _better(action: Action, customer: Customer, policy: Policy, now: datetime) -> Iterator[Wait]:
    """What is due, of more value, and would be allowed."""
    own = policy.by_id.get(action.play)
    worth = own.worth if own else WORTH[action.purpose]
    for wait in customer.waits:
        play = policy.by_id.get(wait.play) if wait.due <= now else None
        if play and play.worth > worth and _may_be_sent(play, customer, policy):
            yield wait


def _may_be_sent(play: Play, customer: Customer, policy: Policy) -> bool:
    channels = (channel for channel, _ in play.do.channels if channel not in customer.facts.suppressed)
    return any(refusal(customer.facts, play.purpose, channel, policy.consent) is None for channel in channels)


def _counts(cap: Cap, play: Play) -> bool:
    return any(cap.governs(play.purpose, channel) for channel, _ in play.do.channels)
