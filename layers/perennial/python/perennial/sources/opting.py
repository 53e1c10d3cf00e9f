"""What becomes of a customer's one word, STOP or START (domain/keywords.py), when a provider of SMS tells it."""

from datetime import datetime, timedelta
from typing import Literal

from perennial.domain.actions import Channel
from perennial.domain.events import ENDED_BY_STOP, ConsentChanged, ConsentData, MessageReplied, Person
from perennial.sources.payloads import Delivery


def consents(delivery: Delivery, person: Person, *, granted: bool, method: str) -> tuple[ConsentChanged, ...]:
    return tuple(
        delivery.event(ConsentChanged, None, _word(person, purpose, "sms", granted, method), purpose)
        for purpose in ENDED_BY_STOP
    )


def consents_of(reply: MessageReplied, *, granted: bool) -> tuple[ConsentChanged, ...]:
    """What a reply means that was STOP or START, by whichever way it came."""
    said, word = reply.data, "START" if granted else "STOP"
    return tuple(
        ConsentChanged(
            id=f"{reply.id}:{purpose}",
            source=reply.source,
            store=reply.store,
            time=reply.time,
            data=_word(said.customer, purpose, said.channel, granted, f"{word} by reply"),
        )
        for purpose in ENDED_BY_STOP
    )


def _word(
    person: Person, purpose: Literal["marketing", "service"], channel: Channel, granted: bool, method: str
) -> ConsentData:
    """Said from the address itself, a yes needs no further confirmation."""
    return ConsentData(
        customer=person, purpose=purpose, channel=channel, granted=granted, confirmed=granted, method=method
    )


def until_the_hour_ends(arrived: datetime) -> datetime:
    """When a STOP that names no time counts from.

    All that is known is the hour in which it arrived (so that it is the same event when it is delivered again): with
    its end, a STOP is the last word of that hour, and not overruled by a consent given earlier in it.
    """
    return arrived.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1, milliseconds=-1)
