"""What a run came to, as the laptop's tables tell it."""

from datetime import datetime

from infra.local.findings import Findings, Row
from perennial.domain.actions import Action
from perennial.domain.events import Event
from perennial.domain.values import iso
from tests.builders import HOUR, NOON, a_play, an_event, with_plays
from tests.house import House


def told(kind: str, action: Action, at: datetime, **more: str) -> Event:
    """What the sender says of it."""
    about = {"action": action.id, "channel": action.channel, "play": action.play, "about": action.about}
    data = {**about, "template": action.template, "purpose": action.purpose, **more}
    return an_event(kind, at, **data)


def test_a_message_that_its_sender_put_off_is_one_line() -> None:
    house = House(with_plays(a_play(on="product.viewed", purpose="service")))
    viewed = an_event("product.viewed")
    house.hears(viewed)
    action, morning = house.actions[0], NOON + 2 * HOUR
    house.hears(told("message.deferred", action, NOON, reason="quiet hours", until=iso(morning)))
    house.passes(morning)
    house.hears(told("message.sent", action, morning), now=morning)

    rows = Findings.of(house.table).rows()

    assert rows == [Row(morning, action.customer, action.play, f"email {action.template}", "sent")]
