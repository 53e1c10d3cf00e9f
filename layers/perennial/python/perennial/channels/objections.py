"""What is known from a provider alone: whoever has told it STOP takes no message of ours, and means us.

Providers answer that word themselves, and mostly do not pass it on. We hear of it when the next message is refused.
"""

from collections.abc import Iterator

from perennial.channels.provider import OPTED_OUT
from perennial.domain.events import (
    ENDED_BY_STOP,
    ConsentChanged,
    ConsentData,
    MessageDeferred,
    MessageFailed,
    MessageSent,
)


def objections(outcome: MessageSent | MessageFailed | MessageDeferred) -> Iterator[ConsentChanged]:
    """The withdrawals that an outcome tells of; the same events however often it is reported."""
    if not (isinstance(outcome, MessageFailed) and (outcome.data.reason or "").startswith(OPTED_OUT)):
        return
    for purpose in ENDED_BY_STOP:
        said = ConsentData(
            purpose=purpose, channel=outcome.data.channel, granted=False, method="STOP, told by the provider"
        )
        yield ConsentChanged(
            id=f"{outcome.data.action}:stop:{purpose}",
            source=outcome.source,
            store=outcome.store,
            time=outcome.time,
            data=said,
        )
