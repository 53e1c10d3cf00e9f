"""While a domain is warmed up, marketing emails need a place among those of the day; the others wait for tomorrow."""

from datetime import datetime, time, timedelta

from perennial.channels.verdict import OUTCOME_UNKNOWN, Close, Turn, Wait, put_off
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent


def quota_of(turn: Turn) -> int | None:
    """How many there are for such a message today; None: as many as are wanted."""
    action, warm_up = turn.action, turn.policy.warm_up
    if warm_up is None or (action.purpose, action.channel) != ("marketing", "email"):
        return None
    return warm_up.quota(turn.now.date())


def tomorrow(turn: Turn, quota: int) -> Wait | Close:
    """What becomes of a message that finds no place."""
    midnight = datetime.combine(turn.now.date() + timedelta(days=1), time(), turn.now.tzinfo)
    return put_off(turn, midnight, f"warm-up: {quota} a day")


def may_have_left(outcome: MessageSent | MessageFailed | MessageDeferred) -> bool:
    """If not, its place is somebody else's."""
    return isinstance(outcome, MessageSent) or outcome.data.reason == OUTCOME_UNKNOWN
