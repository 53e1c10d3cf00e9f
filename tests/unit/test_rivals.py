"""Where caps bind the most valuable message goes, and the others say to which they gave way."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from perennial.aws.store import record_key
from perennial.domain.customer import Known, Wait
from perennial.domain.events import MessageDeferred, MessageSent
from perennial.domain.policy import Policy
from tests.builders import DAY, NOON, Life, a_play, an_event, placed, with_plays
from tests.messaging import NOON as SENT_AT
from tests.messaging import a_customer, a_policy
from tests.unit.test_outbox import House

EVENING = NOON.replace(hour=21)
MORNING = NOON.replace(hour=9) + DAY
ONE_A_DAY = {"purposes": ["service", "transactional"], "at_most": 1, "per": "1d"}
TWO_A_DAY = {**ONE_A_DAY, "at_most": 2}
FREE = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}
NIGHTS = {**FREE, "purposes": ["service", "transactional"]}


def living(*plays: dict[str, Any], **overrides: Any) -> Life:
    return Life(with_plays(*plays, **{"caps": [ONE_A_DAY], "quiet_hours": FREE, **overrides}))


def worth(value: float | None, **overrides: Any) -> dict[str, Any]:
    return a_play(**{"id": f"worth-{value}", "on": "product.viewed", "purpose": "service", "value": value, **overrides})


# In one decision


def test_of_what_is_asked_for_at_once_the_most_valuable_goes() -> None:
    life = living(worth(1), worth(3), worth(2))

    life.hears(an_event("product.viewed"))

    assert [play for play, _ in life.actions] == ["worth-3"]
    assert life.became_of("worth-1") == life.became_of("worth-2") == [("dropped", "email: cap: gave way to worth-3")]


def test_as_many_go_as_there_is_room_for() -> None:
    life = living(worth(1), worth(3), worth(2), caps=[TWO_A_DAY])

    life.hears(an_event("product.viewed"))

    assert [play for play, _ in life.actions] == ["worth-3", "worth-2"]


def test_of_what_waits_for_the_same_morning_the_most_valuable_goes() -> None:
    life = living(worth(1), worth(5, on="order.placed"), quiet_hours=NIGHTS)
    life.hears(an_event("product.viewed", EVENING))
    life.hears(placed(EVENING + timedelta(hours=2)))

    life.lives_until(MORNING)

    assert life.actions == [("worth-5", MORNING)]
    assert life.became_of("worth-1") == [("held", "quiet hours"), ("dropped", "email: cap: gave way to worth-5")]


def test_what_says_no_value_is_worth_what_its_purpose_is() -> None:
    life = living(worth(None, id="service"), worth(None, id="transactional", purpose="transactional"))

    life.hears(an_event("product.viewed"))

    assert [play for play, _ in life.actions] == ["transactional"]


def test_among_equals_the_first_due_goes() -> None:
    life = living(worth(1, id="late", on="order.placed"), worth(1, id="early"), quiet_hours=NIGHTS)
    life.hears(an_event("product.viewed", EVENING))
    life.hears(placed(EVENING + timedelta(hours=2)))

    life.lives_until(MORNING)

    assert [play for play, _ in life.actions] == ["early"]


def test_a_cap_that_was_reached_before_is_no_matter_of_value() -> None:
    life = living(worth(1))
    life.hears(an_event("message.sent", action="a", channel="email", purpose="service"))

    life.hears(an_event("product.viewed"))

    assert life.became_of("worth-1") == [("dropped", "email: cap")]


# As it comes to its sender


def a_house(policy: Policy, *waits: Wait, **facts: Any) -> House:
    house = House()
    house.policy = policy
    customer = a_customer(**facts).but({"waits": waits})
    house.put(record_key("c-1"), customer.model_dump_json(exclude_defaults=True))
    return house


def a_wait(play: str, due: datetime = SENT_AT) -> Wait:
    return Wait(play=play, about="x", since=SENT_AT - DAY, due=due)


def valued(values: dict[str, float], at_most: int = 1) -> Policy:
    """The shipped plays, these worth this, and so many messages a day."""
    plays = [
        play.but({"value": values.get(play.id), "stage": ()}).model_dump(mode="json", by_alias=True)
        for play in a_policy().plays
    ]
    cap = {"purposes": ["service", "marketing"], "at_most": at_most, "per": "1d"}
    return with_plays(*plays, caps=[cap])


def test_what_is_about_to_leave_waits_for_the_decision_on_something_more_valuable() -> None:
    house = a_house(valued({"welcome": 1, "tutorial": 2}), a_wait("tutorial"))

    outcome = house.send()

    assert isinstance(outcome, MessageDeferred)
    assert (outcome.data.until, outcome.data.reason) == (SENT_AT, "may give way to tutorial")
    assert (house.carrier.taken, house.claims) == ([], {})


@pytest.mark.parametrize(
    ("values", "wait", "facts"),
    [
        ({"welcome": 2, "tutorial": 2}, a_wait("tutorial"), {}),
        ({"welcome": 2, "tutorial": 1}, a_wait("tutorial"), {}),
        ({"welcome": 1, "tutorial": 2}, a_wait("tutorial", SENT_AT + timedelta(minutes=1)), {}),
        ({"welcome": 1}, a_wait("day-90-call"), {}),
        ({"welcome": 1}, a_wait("gone"), {}),
    ],
    ids=["as valuable", "less valuable", "later", "no message", "no play any more"],
)
def test_for_nothing_else_it_waits(values: dict[str, float], wait: Wait, facts: dict[str, Any]) -> None:
    house = a_house(valued(values), wait, **facts)

    assert isinstance(house.send(), MessageSent)


@pytest.mark.parametrize(("consent", "kind"), [({}, MessageSent), (None, MessageDeferred)])
def test_it_does_not_wait_for_what_may_not_leave(consent: dict[str, Any] | None, kind: type) -> None:
    facts = {} if consent is None else {"consent": consent}

    house = a_house(valued({"welcome": 1, "birthday": 9}), a_wait("birthday"), **facts)

    assert isinstance(house.send(), kind)


def test_it_does_not_wait_where_there_is_room_for_both() -> None:
    house = a_house(valued({"welcome": 1, "tutorial": 2}, at_most=2), a_wait("tutorial"))

    assert isinstance(house.send(), MessageSent)


def test_what_gave_way_leaves_when_the_other_does_not() -> None:
    """The one decision on both: the more valuable play does not fit any more, so there is room."""
    policy = with_plays(
        worth(1, id="welcome"), worth(9, id="tutorial", on="order.placed", **{"if": "customer.orders > 5"}),
        caps=[ONE_A_DAY], quiet_hours=FREE,
    )  # fmt: skip
    life = Life(policy)
    life.hears(an_event("product.viewed"))
    life.hears(placed(NOON + timedelta(minutes=1)))
    subject = {"action": "a", "about": "x", "channel": "email", "play": "welcome", "purpose": "service"}
    due = NOON + timedelta(minutes=1)
    life.hears(an_event("message.deferred", due, **subject, until=due.isoformat(), reason="may give way to tutorial"))

    life.lives_until(NOON + DAY)

    assert life.became_of("welcome")[-1] == ("sent", None)


def test_a_suppressed_rival_takes_no_room() -> None:
    policy = valued({"welcome": 1, "tutorial": 2})
    house = a_house(policy, a_wait("tutorial"), suppressed={"email": Known("bounced", SENT_AT)})

    assert isinstance(house.send(channel="sms", template="out_for_delivery"), MessageSent)
