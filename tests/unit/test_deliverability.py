"""Marketing emails stop by themselves at half of what SES reviews an account for, and people alone let them go on."""

from datetime import datetime, timedelta

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.holds import Holds
from perennial.aws.reputation import Received, Reputation
from perennial.deliverability import GUARD, Guard, reason
from perennial.domain.events import Event, MessageBounced, MessageComplained, MessageData, MessageSent
from perennial.domain.holds import Reach, hold_over
from tests.messaging import NOON, an_action

DAY = timedelta(days=1)


class Week:
    """A table in which receipts are noted, and the guard that looks at it."""

    def __init__(self) -> None:
        table = SqliteTable(Database())
        self.reputation, self.holds = Reputation(table), Holds(table)
        self.guard = Guard(self.reputation, self.holds)

    def receives(self, kind: type[Event], count: int, at: datetime = NOON, channel: str = "email") -> None:
        for number in range(count):
            data = MessageData.model_validate({"action": "a-1", "channel": channel})
            event = kind(id=f"{kind.__name__}-{at:%d}-{number}", source="ses", store="demo", time=at, data=data)
            self.reputation.note([event])


@pytest.fixture
def week() -> Week:
    return Week()


@pytest.mark.parametrize(
    ("received", "stops"),
    [
        (Received(sent=6000, bounced=0, complained=3), True),
        (Received(sent=6001, bounced=0, complained=3), False),
        (Received(sent=500, bounced=0, complained=2), False),
        (Received(sent=500, bounced=0, complained=3), True),
        (Received(sent=499, bounced=400, complained=99), False),
        (Received(sent=1000, bounced=25, complained=0), True),
        (Received(sent=1000, bounced=24, complained=0), False),
    ],
)
def test_marketing_stops_at_half_of_what_ses_reviews(received: Received, stops: bool) -> None:
    assert (reason(received) is not None) == stops


def test_marketing_emails_are_stopped_and_nothing_else_is(week: Week) -> None:
    week.receives(MessageSent, 500)
    week.receives(MessageBounced, 13)

    assert week.guard.look(NOON) == 1

    [hold] = week.holds.in_force()
    assert (hold.reach, hold.by) == (Reach(channel="email", purpose="marketing"), GUARD)
    assert hold_over(an_action(purpose="marketing"), "ES", [hold]) == hold
    assert hold_over(an_action(purpose="service"), "ES", [hold]) is None
    assert hold_over(an_action(purpose="marketing", channel="sms"), "ES", [hold]) is None


def test_one_stop_is_enough_and_is_told_as_long_as_it_lasts(week: Week) -> None:
    week.receives(MessageSent, 500)
    week.receives(MessageComplained, 3)

    assert [week.guard.look(NOON), week.guard.look(NOON + DAY), week.guard.look(NOON + 30 * DAY)] == [1, 1, 1]
    assert len(week.holds.ever(10)) == 1


def test_who_lifts_it_is_not_overruled_by_what_was_before(week: Week) -> None:
    week.receives(MessageSent, 500)
    week.receives(MessageComplained, 3)
    week.guard.look(NOON)
    [hold] = week.holds.in_force()

    week.holds.lift(hold.id, "ada", NOON)

    assert [week.guard.look(NOON + hours * timedelta(hours=1)) for hours in (1, 13, 40)] == [0, 0, 0]
    week.receives(MessageSent, 500, NOON + DAY)
    week.receives(MessageComplained, 3, NOON + DAY)
    assert week.guard.look(NOON + DAY) == 1


@pytest.mark.parametrize(("later", "stops"), [(6 * DAY, 1), (7 * DAY, 0)])
def test_a_week_is_looked_at(week: Week, later: timedelta, stops: int) -> None:
    week.receives(MessageSent, 500)
    week.receives(MessageBounced, 13)

    assert week.guard.look(NOON + later) == stops


def test_what_is_told_again_counts_once_and_sms_not_at_all(week: Week) -> None:
    for _ in range(2):
        week.receives(MessageBounced, 4)
        week.receives(MessageComplained, 2)
    week.receives(MessageSent, 3)
    week.receives(MessageSent, 5, channel="sms")
    week.receives(MessageBounced, 5, NOON + timedelta(hours=1), channel="sms")

    assert week.reputation.since(NOON.date(), NOON.date()) == Received(sent=3, bounced=4, complained=2)
