"""Plays: from what happened, and from time, to what is to be done; each occasion once, nothing out of place."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from perennial.domain.customer import RECENT_ORDERS, Customer
from perennial.domain.dates import next_birthday
from perennial.domain.events import Event
from perennial.domain.label import OUTBOX
from perennial.domain.plays import arm_of
from perennial.domain.policy import Play, Policy
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    NOON,
    Life,
    a_cart,
    a_customer,
    a_play,
    a_policy,
    a_score,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    parcel,
    placed,
    shipped,
    the_policy,
    with_plays,
)

EVENING = NOON.replace(hour=21)
MORNING = NOON.replace(hour=9) + DAY


def living(*plays: dict[str, Any], **overrides: Any) -> Life:
    """A customer under a policy of these plays, without caps or quiet hours unless given."""
    quiet = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}
    return Life(with_plays(*plays, **{"caps": [], "quiet_hours": quiet, **overrides}))


def plays_of(life: Life) -> list[str]:
    return [play for play, _ in life.actions]


# Waiting


def test_what_waits_is_kept_in_the_order_in_which_it_is_due():
    late, soon = (a_play(id=f"p-{after}", on="product.viewed", after=after) for after in ("9d", "2d"))
    life = living(late, soon, a_play(id="p-held", on="order.placed", after="5d"))

    life.hears(an_event("product.viewed"))
    life.hears(placed(NOON + HOUR))
    life.hears(an_event("product.used", NOON + 2 * HOUR))

    assert [wait.play for wait in life.customer.waits] == ["p-2d", "p-held", "p-9d"]


def test_a_play_without_a_wait_fires_at_once():
    life = living(a_play(on="product.viewed"))

    life.hears(an_event("product.viewed"))

    assert life.actions == [("a-play", NOON)]


@pytest.mark.parametrize(("until", "fired"), [(3 * DAY - MS, False), (3 * DAY, True)])
def test_a_wait_is_over_when_its_time_has_come(until: timedelta, fired: bool):
    life = living(a_play(on="order.placed", after="3d"))
    life.hears(placed())

    life.lives_until(NOON + until)

    assert (life.actions == [("a-play", NOON + 3 * DAY)]) is fired


def test_a_wait_counts_from_when_it_happened_not_from_when_it_was_heard():
    life = living(a_play(on="order.placed", after="3d"))

    life.hears(placed(NOON), now=NOON + 2 * DAY)
    life.lives_until(NOON + 9 * DAY)

    assert life.actions == [("a-play", NOON + 3 * DAY)]


def test_a_play_that_fired_at_once_waits_no_more():
    life = living(a_play(on="order.placed"))

    life.hears(placed())

    assert life.actions == [("a-play", NOON)]
    assert life.customer.waits == ()


def test_a_wait_that_is_over_is_gone():
    life = living(a_play(on="order.placed", after="3d"))
    life.hears(placed())

    life.lives_until(NOON + 9 * DAY)

    assert life.customer.waits == ()
    assert life.customer.due_at is None or life.customer.due_at > NOON + 9 * DAY


@pytest.mark.parametrize(("heard", "what"), [(7 * DAY, "sent"), (7 * DAY + MS, "dropped")])
def test_what_is_long_past_fires_nothing(heard: timedelta, what: str):
    life = living(a_play(on="order.placed"))

    life.hears(placed(NOON), now=NOON + heard)

    assert life.became_of("a-play") == [(what, "stale" if what == "dropped" else None)]


def test_a_wait_that_came_due_while_nobody_looked_fires_unless_it_is_stale():
    life = living(a_play(on="order.placed", after="30d"))

    life.hears(placed(NOON), now=NOON + 36 * DAY)

    assert plays_of(life) == ["a-play"]


def test_a_play_that_left_the_policy_ends_its_waits():
    life = living(a_play(on="order.placed", after="3d"))
    life.hears(placed())

    life.policy = with_plays(a_play(id="another"))
    life.lives_until(NOON + 4 * DAY)
    life.hears(an_event("product.used", NOON + 4 * DAY))

    assert plays_of(life) == []
    assert life.customer.waits == ()


# Ending

SUM_OF_ALL = {"id": "all", "total": {"amount": "5", "currency": "USD"}, "in_all": True}
BACK_IN_ALL = an_event("order.refunded", NOON + DAY, order={"id": "o-1"}, refund=SUM_OF_ALL)
UNLESS = [
    ("order.placed", "product.activated", placed(NOON), an_event("product.activated", NOON + DAY, order="o-1"), True),
    ("order.placed", "product.activated", placed(NOON), an_event("product.activated", NOON + DAY, order="o-2"), False),
    ("order.placed", "product.activated", placed(NOON), an_event("product.activated", NOON + DAY), True),
    ("order.placed", "order.delivered", placed(NOON), an_order_event("delivered", NOON + DAY), True),
    ("order.placed", "order.delivered", placed(NOON), an_order_event("delivered", NOON + DAY, order="o-2"), False),
    ("order.placed", "order.refunded", placed(NOON), an_order_event("refunded", NOON + DAY), True),
    ("order.placed", "order.refunded", placed(NOON), an_order_event("refunded", NOON + DAY, order="o-2"), False),
    ("order.placed", "order.refunded", placed(NOON), BACK_IN_ALL, True),
    ("order.placed", "order.placed", placed(NOON), placed(NOON + DAY, order="o-2"), True),
    ("order.placed", "review.posted", placed(NOON), an_event("review.posted", NOON + DAY, id="v", rating=5), True),
    ("order.placed", "review.posted", placed(NOON), an_event("review.posted", NOON - DAY, id="v", rating=5), False),
    ("order.placed", "ticket.resolved", placed(NOON), a_ticket_event("resolved", NOON + DAY), True),
    ("order.placed", "ticket.resolved", placed(NOON), a_ticket_event("resolved", NOON - DAY), False),
    ("cart.abandoned", "order.placed", a_cart(NOON), placed(NOON + DAY, cart="k-1"), True),
    ("cart.abandoned", "order.placed", a_cart(NOON), placed(NOON - HOUR, cart="k-1"), True),
    ("cart.abandoned", "order.placed", a_cart(NOON), placed(NOON + DAY, cart="k-2"), False),
    ("cart.abandoned", "order.placed", a_cart(NOON), placed(NOON + DAY), True),
    ("cart.abandoned", "order.placed", a_cart(NOON), placed(NOON - DAY), False),
    ("ticket.opened", "ticket.resolved", a_ticket_event("opened", NOON), a_ticket_event("resolved", NOON + DAY), True),
    (
        "ticket.opened",
        "ticket.resolved",
        a_ticket_event("opened", NOON),
        a_ticket_event("resolved", NOON + DAY, ticket="t-2"),
        False,
    ),
    ("product.viewed", "product.viewed", an_event("product.viewed", NOON), an_event("product.used", NOON + DAY), False),
    (
        "product.viewed",
        "order.delivered",
        an_event("product.viewed", NOON),
        an_order_event("delivered", NOON + DAY),
        True,
    ),
]


@pytest.mark.parametrize(("on", "unless", "event", "then", "ends"), UNLESS)
@pytest.mark.parametrize("order", ["in order", "the other way round"])
def test_unless_ends_the_wait_for_the_same_thing_only(
    on: str, unless: str, event: Event, then: Event, ends: bool, order: str
):
    life = living(a_play(on=on, after="3d", unless=unless))

    for each in (event, then) if order == "in order" else (then, event):
        life.hears(each, now=NOON + DAY)
    life.lives_until(NOON + 3 * DAY)

    assert plays_of(life) == ([] if ends else ["a-play"])


def test_a_reopened_ticket_is_not_asked_about_and_once_resolved_again_it_is():
    life = living(a_play(on="ticket.resolved", after="1d", unless="ticket.reopened"))
    for hour, state in enumerate(("opened", "resolved", "reopened")):
        life.hears(a_ticket_event(state, NOON + hour * HOUR))
    life.lives_until(NOON + 3 * DAY)
    assert plays_of(life) == []

    life.hears(a_ticket_event("resolved", NOON + 3 * DAY))
    life.lives_until(NOON + 9 * DAY)

    assert life.actions == [("a-play", NOON + 4 * DAY)]


def test_a_cancelled_order_ends_what_waits_for_it_and_nothing_else():
    life = living(a_play(on="order.placed", after="3d"))
    life.hears(placed(NOON, order="o-1"))
    life.hears(placed(NOON, order="o-2"))

    life.hears(an_order_event("cancelled", NOON + DAY, order="o-1"))
    life.lives_until(NOON + 9 * DAY)

    assert [action.about for decision in life.decisions for action in decision.actions] == ["o-2"]
    assert ("ended", "order.cancelled") in life.became_of("a-play")


def test_a_play_about_the_cancellation_itself_goes_on():
    life = living(a_play(on="order.cancelled", after="1d"))
    life.hears(placed())

    life.hears(an_order_event("cancelled", NOON + HOUR))
    life.lives_until(NOON + 9 * DAY)

    assert life.actions == [("a-play", NOON + HOUR + DAY)]


def test_a_cancellation_ends_the_wait_of_an_order_that_has_left_the_record():
    life = living(a_play(on="order.placed", after="30d", unless="order.delivered"))
    for number in range(RECENT_ORDERS + 1):
        life.hears(placed(NOON + number * HOUR, order=f"o-{number}"))
    assert "o-0" not in life.customer.facts.orders

    life.hears(an_order_event("cancelled", NOON + DAY, order="o-0"))

    assert "o-0" not in [wait.about for wait in life.customer.waits]
    assert len(life.customer.waits) == RECENT_ORDERS


def test_a_parcel_of_an_unknown_order_is_not_told_of_once_its_order_arrived():
    life = living(a_play(on="shipment.updated", after="1d", unless="order.delivered"))
    life.hears(parcel("delayed", NOON))

    life.hears(parcel("delivered", NOON + HOUR))
    life.lives_until(NOON + 9 * DAY)

    assert plays_of(life) == []


def test_a_cart_touched_again_waits_from_then():
    life = living(a_play(on="cart.abandoned", after="4h"))
    life.hears(a_cart(NOON))

    life.hears(a_cart(NOON + 3 * HOUR))
    life.lives_until(NOON + 9 * HOUR)

    assert life.actions == [("a-play", NOON + 7 * HOUR)]


def test_an_old_touch_that_comes_late_does_not_pull_the_wait_back():
    life = living(a_play(on="cart.abandoned", after="4h"))
    life.hears(a_cart(NOON + 3 * HOUR))

    life.hears(a_cart(NOON), now=NOON + 3 * HOUR)
    life.lives_until(NOON + 9 * HOUR)

    assert life.actions == [("a-play", NOON + 7 * HOUR)]


def test_a_second_parcel_that_was_late_earlier_does_not_pull_the_wait_back():
    life = living(a_play(on="shipment.updated", after="4h"))
    life.hears(placed(NOON - DAY))
    life.hears(parcel("delayed", NOON + 2 * HOUR, tracking="T-1", order="o-1"))

    life.hears(parcel("delayed", NOON, tracking="T-2", order="o-1"), now=NOON + 2 * HOUR)
    life.lives_until(NOON + 9 * HOUR)

    assert life.actions == [("a-play", NOON + 6 * HOUR)]


# Stage, condition, how often


@pytest.mark.parametrize(
    ("stage", "fires"), [("awareness", True), (["decision", "awareness"], True), ("retention", False)]
)
def test_a_play_of_a_stage_fires_in_that_stage_only(stage: Any, fires: bool):
    life = living(a_play(on="product.viewed", stage=stage))

    life.hears(an_event("product.viewed"))

    assert bool(plays_of(life)) is fires


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ("customer.orders == 1 && event.total >= 30.0", True),
        ("event.total >= 41.0", False),
        ('event.currency == "USD" && event.first', True),
        ("customer.value == 40.0 && customer.open_orders == 1", True),
        ('customer.stage == "onboarding" && customer.label == "new"', True),
        ('customer.band != "" && customer.score > 0.0', True),
        (
            "customer.days_since_order == 0.0 && customer.days_since_contact > 1000.0 && customer.tenure_days == 0.0",
            True,
        ),
        ('event.tracking == ""', True),
        ("1 / (customer.orders - 1) > 0", False),
    ],
)
def test_a_condition_looks_at_customer_and_event(condition: str, fires: bool):
    life = living(a_play(on="order.placed", **{"if": condition}), score=a_score("rhythm", min_orders=1))

    life.hears(placed())

    assert bool(plays_of(life)) is fires


def test_a_condition_is_looked_at_when_the_play_fires():
    life = living(a_play(on="order.placed", after="3d", **{"if": "customer.activated"}))
    life.hears(placed())
    life.hears(an_event("product.activated", NOON + 2 * DAY))

    life.lives_until(NOON + 4 * DAY)

    assert plays_of(life) == ["a-play"]


@pytest.mark.parametrize(("gap", "times"), [(90 * DAY - MS, 1), (90 * DAY, 2)])
def test_at_most_counts_within_its_time(gap: timedelta, times: int):
    life = living(a_play(on="product.viewed", at_most="1 per 90d"))

    life.hears(an_event("product.viewed", NOON))
    life.hears(an_event("product.viewed", NOON + gap))

    assert len(life.actions) == times
    assert life.became_of("a-play")[-1] == (("sent", None) if times == 2 else ("dropped", "at_most"))


def test_at_most_several_remembers_as_many_as_it_must():
    life = living(a_play(on="product.viewed", at_most="2 per 10d"))

    for day in (0, 1, 2, 10, 11, 12):
        life.hears(an_event("product.viewed", NOON + day * DAY))

    assert [at for _, at in life.actions] == [NOON + day * DAY for day in (0, 1, 10, 11)]
    assert len(life.customer.fired["a-play"]) == 2


def test_once_is_once():
    life = living(a_play(on="product.viewed", at_most="once"))

    for year in range(9):
        life.hears(an_event("product.viewed", NOON + year * 365 * DAY))

    assert len(life.actions) == 1


def test_what_was_not_sent_does_not_count_for_at_most():
    life = living(a_play(on="product.viewed", at_most="once", purpose="marketing"))
    life.hears(an_event("product.viewed"))
    life.hears(consent(True, NOON + HOUR))

    life.hears(an_event("product.viewed", NOON + DAY))

    assert life.became_of("a-play") == [("dropped", "email: no consent"), ("sent", None)]


# Entering


def test_a_stage_label_or_band_that_is_entered_begins_a_play_once():
    life = living(a_play(on={"label": "silent"}))
    life.hears(placed())

    life.lives_until(NOON + 900 * DAY)

    assert life.actions == [("a-play", NOON + 180 * DAY)]


def test_a_label_entered_again_is_another_occasion():
    life = living(a_play(on={"label": "silent"}))
    life.hears(placed())
    life.lives_until(NOON + 200 * DAY)
    life.hears(an_event("product.used", NOON + 200 * DAY))

    life.lives_until(NOON + 900 * DAY)

    assert [at for _, at in life.actions] == [NOON + 180 * DAY, NOON + 380 * DAY]
    assert len({action.id for decision in life.decisions for action in decision.actions}) == 2


@pytest.mark.parametrize("on", [{"stage": "awareness"}, {"label": "prospect"}])
def test_whom_we_meet_enters_what_they_are_in(on: dict[str, str]):
    life = living(a_play(on=on))

    life.hears(an_event("customer.signed_up"))
    life.hears(an_event("product.viewed", NOON + HOUR))

    assert life.actions == [("a-play", NOON)]


def test_a_band_is_entered_from_another_band_not_from_being_unknown():
    life = living(a_play(on={"band": "at_risk"}), a_play(id="b-play", on={"band": "steady"}))
    life.hears(an_event("survey.answered", NOON, survey="csat", score=1))
    assert life.customer.band == "at_risk"

    life.hears(an_event("survey.answered", NOON + HOUR, survey="csat", score=4))

    assert (life.customer.band, plays_of(life)) == ("steady", ["b-play"])


# Dates


def born(day: str, at: datetime = NOON, **person: Any) -> Event:
    return an_event("customer.updated", at, customer={"email": "mia@example.com", "birthday": day, **person})


BIRTHDAY = a_play(id="birthday", on={"date": "birthday"})
LONDON = {"start": "20:00", "end": "09:00", "purposes": ["transactional"], "default_zone": "UTC"}


def test_a_birthday_comes_every_year():
    life = living(BIRTHDAY)
    life.hears(born("1990-09-01"))

    life.lives_until(NOON + 800 * DAY)

    assert [at.date() for _, at in life.actions] == [date(2026, 9, 1), date(2027, 9, 1)]
    assert len({action.id for decision in life.decisions for action in decision.actions}) == 2


def test_a_birthday_waits_for_the_morning_where_the_customer_lives():
    life = living(BIRTHDAY, quiet_hours=LONDON)
    life.hears(born("1990-09-01", time_zone="Asia/Tokyo"))

    life.lives_until(NOON + 200 * DAY)

    assert [at for _, at in life.actions] == [datetime(2026, 9, 1, 0, tzinfo=UTC)]


@pytest.mark.parametrize("heard", [datetime(2026, 9, 1, 0, 1, tzinfo=UTC), datetime(2026, 9, 1, 8, 59, tzinfo=UTC)])
def test_an_event_in_the_small_hours_of_a_birthday_does_not_lose_it(heard: datetime):
    life = living(BIRTHDAY, quiet_hours=LONDON)
    life.hears(born("1990-09-01"))
    life.lives_until(heard)

    life.hears(an_event("customer.updated", heard, customer={"email": "mia@example.com", "locale": "es"}))
    life.lives_until(NOON + 500 * DAY)

    assert [at for _, at in life.actions] == [datetime(year, 9, 1, 9, tzinfo=UTC) for year in (2026, 2027)]


def test_a_corrected_birthday_moves_the_wait():
    life = living(BIRTHDAY)
    life.hears(born("1990-09-01"))

    life.hears(born("1990-10-01", NOON + DAY))
    life.lives_until(NOON + 200 * DAY)

    assert [at.date() for _, at in life.actions] == [date(2026, 10, 1)]


@pytest.mark.parametrize(
    ("born_on", "zone", "now", "expected"),
    [
        ("1904-06-15", "UTC", datetime(2026, 6, 14, 23, 59, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)),
        ("1904-06-15", "UTC", datetime(2026, 6, 15, tzinfo=UTC), datetime(2027, 6, 15, tzinfo=UTC)),
        ("1904-06-15", "Asia/Tokyo", datetime(2026, 6, 14, tzinfo=UTC), datetime(2026, 6, 14, 15, tzinfo=UTC)),
        ("1904-06-15", "America/New_York", datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 15, 4, tzinfo=UTC)),
        ("1904-02-29", "UTC", datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 28, tzinfo=UTC)),
        ("1904-02-29", "UTC", datetime(2028, 1, 1, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        ("1904-02-29", "UTC", datetime(2027, 2, 28, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        (
            "1904-01-01",
            "Pacific/Kiritimati",
            datetime(2026, 12, 31, 9, tzinfo=UTC),
            datetime(2026, 12, 31, 10, tzinfo=UTC),
        ),
        ("1904-04-24", "Africa/Cairo", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ],
)
def test_the_next_birthday_begins_at_midnight_where_the_customer_lives(
    born_on: str, zone: str, now: datetime, expected: datetime
):
    assert next_birthday(date.fromisoformat(born_on), ZoneInfo(zone), now) == expected


# Quiet hours

QUIET = {"start": "20:00", "end": "09:00", "purposes": ["service"], "default_zone": "UTC"}


def by_night(*plays: dict[str, Any], **overrides: Any) -> Life:
    return living(*plays, quiet_hours=QUIET, **overrides)


def test_what_is_due_in_quiet_hours_waits_for_the_morning_once():
    life = by_night(a_play(on="order.placed", purpose="service"))

    life.hears(placed(EVENING))
    life.lives_until(MORNING + 9 * DAY)

    assert life.actions == [("a-play", MORNING)]
    assert life.became_of("a-play") == [("held", "quiet hours"), ("sent", None)]


def test_what_waited_for_the_morning_and_fits_no_longer_is_said_to_be_dropped():
    life = by_night(a_play(on="order.placed", purpose="service", **{"if": "!customer.activated"}))
    life.hears(placed(EVENING))
    life.hears(an_event("product.activated", EVENING + HOUR))

    life.lives_until(MORNING + DAY)

    assert life.actions == []
    assert life.became_of("a-play") == [("held", "quiet hours"), ("dropped", "no longer fits")]


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (an_order_event("delivered", EVENING + HOUR), ("ended", "order.delivered")),
        (an_order_event("cancelled", EVENING + HOUR), ("ended", "order.cancelled")),
        (an_event("customer.deleted", EVENING + HOUR), ("dropped", "email: customer deleted")),
        (an_event("message.bounced", EVENING + HOUR, action="a", channel="email"), ("dropped", "email: bounced")),
        (
            an_event("consent.changed", EVENING + HOUR, purpose="service", channel="email", granted=False),
            ("dropped", "email: consent withdrawn"),
        ),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_in_the_morning_everything_is_looked_at_again(meanwhile: Event, reason: tuple[str, str]):
    life = by_night(a_play(on="order.placed", purpose="service", unless="order.delivered"))
    life.hears(placed(EVENING))

    life.hears(meanwhile)
    life.lives_until(MORNING + DAY)

    assert plays_of(life) == []
    assert life.became_of("a-play")[-1] == reason


def test_a_task_for_a_person_does_not_wait_for_the_morning():
    life = by_night(a_play(on="order.placed", do={"task": "callback"}, purpose="service"))

    life.hears(placed(EVENING))

    assert life.tasks == [("a-play", EVENING)]


def test_two_that_were_held_for_one_morning_count_against_at_most_then():
    life = by_night(a_play(on="order.placed", purpose="service", at_most="1 per 30d"))
    life.hears(placed(EVENING, order="o-1"))
    life.hears(placed(EVENING + HOUR, order="o-2"))

    life.lives_until(MORNING + DAY)

    assert life.became_of("a-play")[-2:] == [("sent", None), ("dropped", "at_most")]


# What a sender gives back


def deferred(life: Life, until: datetime) -> Event:
    """The last action, given back by its sender."""
    action = next(action for decision in reversed(life.decisions) for action in decision.actions)
    told = {name: getattr(action, name) for name in ("about", "subject", "channel", "play", "template", "purpose")}
    return an_event("message.deferred", action.decided_at, action=action.id, until=until, reason="quiet hours", **told)


@pytest.mark.parametrize("condition", ["event.first", "event.total > 1.0", "customer.orders == 1"])
def test_what_its_sender_gave_back_leaves_in_the_morning_with_the_same_id(condition: str):
    life = living(a_play(on="order.placed", at_most="once", **{"if": condition}))
    life.hears(placed(NOON))

    life.hears(deferred(life, MORNING), now=NOON + MINUTE)
    life.lives_until(MORNING + 90 * DAY)

    assert life.actions == [("a-play", NOON), ("a-play", MORNING)]
    assert len({action.id for decision in life.decisions for action in decision.actions}) == 1
    assert life.became_of("a-play")[1] == ("held", "sender: quiet hours")


def test_what_was_given_back_does_not_count_twice_for_at_most():
    life = living(a_play(on="product.viewed", at_most="2 per 30d"))
    life.hears(an_event("product.viewed", NOON))
    life.hears(deferred(life, MORNING), now=NOON + MINUTE)
    life.lives_until(MORNING)

    life.hears(an_event("product.viewed", MORNING + HOUR))

    assert life.became_of("a-play")[-1] == ("sent", None)


def test_what_was_given_back_ends_when_its_unless_happens():
    life = living(a_play(on="order.placed", unless="order.delivered"))
    life.hears(placed(NOON))
    life.hears(deferred(life, MORNING), now=NOON + MINUTE)

    life.hears(an_order_event("delivered", NOON + HOUR))
    life.lives_until(MORNING + DAY)

    assert life.actions == [("a-play", NOON)]


@pytest.mark.parametrize("kind", ["message.sent", "message.failed", "message.deferred"])
def test_what_a_sender_reports_never_asks_for_a_message_but_leaves_it_to_its_timer(kind: str):
    life = living(a_play(on="order.placed"))
    life.hears(placed(NOON))
    again = deferred(life, MORNING)
    life.hears(again, now=NOON + MINUTE)

    report = again if kind == "message.deferred" else an_event(kind, NOON, **again.data.model_dump(exclude_none=True))
    life.hears(report, now=MORNING + MINUTE)

    assert life.actions == [("a-play", NOON)]
    assert life.customer.due_at == MORNING
    life.lives_until(MORNING + HOUR)
    assert plays_of(life) == ["a-play", "a-play"]


def test_what_a_sender_learns_of_its_reader_s_objection_asks_for_no_message_either():
    life = living(a_play(on="order.placed"))
    life.hears(placed(NOON))
    life.hears(deferred(life, MORNING), now=NOON + MINUTE)

    stop = an_event("consent.changed", NOON, channel="sms", granted=False).but({"source": OUTBOX})
    life.hears(stop, now=MORNING + MINUTE)

    assert life.actions == [("a-play", NOON)]
    assert life.customer.due_at == MORNING


@pytest.mark.parametrize(("first_of", "expected"), [(True, []), (False, ["email"])])
def test_what_was_given_back_leaves_by_no_other_channel_for_a_copy_may_have_left(first_of: bool, expected: list[str]):
    both = {"sms": "out_for_delivery", "email": "out_for_delivery", "first_of": first_of}
    life = living(a_play(do=both, purpose="service"))
    life.hears(an_event("product.viewed", NOON, customer={"email": "mia@example.com", "phone": "+34612345678"}))
    life.hears(deferred(life, MORNING), now=NOON + MINUTE)
    life.hears(an_event("consent.changed", NOON + HOUR, channel="sms", purpose="service", granted=False))

    life.lives_until(MORNING)

    assert [action.channel for action in life.decisions[-1].actions] == expected
    assert ("dropped", "sms: consent withdrawn") in life.became_of("a-play")


# Channels, caps, consent


@pytest.mark.parametrize(
    ("do", "reach", "expected"),
    [
        ({"sms": "out_for_delivery", "email": "out_for_delivery", "first_of": True}, ("email", "phone"), ["sms"]),
        ({"sms": "out_for_delivery", "email": "out_for_delivery", "first_of": True}, ("email",), ["email"]),
        ({"sms": "out_for_delivery", "email": "out_for_delivery"}, ("email", "phone"), ["sms", "email"]),
        ({"sms": "out_for_delivery", "email": "out_for_delivery"}, ("phone",), ["sms"]),
    ],
)
def test_a_play_uses_the_channels_it_may(do: dict[str, Any], reach: tuple[str, ...], expected: list[str]):
    address = {"email": "mia@example.com", "phone": "+34612345678"}
    life = living(a_play(do=do))

    life.hears(an_event("product.viewed", customer={name: address[name] for name in reach}))

    assert [action.channel for action in life.decisions[-1].actions] == expected


def test_where_no_channel_may_be_used_it_says_why_of_each():
    life = living(a_play(do={"sms": "out_for_delivery", "email": "out_for_delivery", "first_of": True}))

    life.hears(an_event("product.viewed", customer={"id": "nobody"}))

    assert life.became_of("a-play") == [("dropped", "sms: no address"), ("dropped", "email: no address")]


@pytest.mark.parametrize(
    ("sent", "outcome"), [(NOON - DAY + MS, ("dropped", "email: cap")), (NOON - DAY, ("sent", None))]
)
def test_a_cap_holds_when_the_decision_is_made(sent: datetime, outcome: tuple[str, str | None]):
    cap = {"purposes": ["transactional"], "at_most": 1, "per": "1d"}
    life = living(a_play(on="product.viewed"), caps=[cap])
    life.hears(an_event("message.sent", sent, action="a", channel="email", purpose="transactional"))

    life.hears(an_event("product.viewed", NOON))

    assert life.became_of("a-play") == [outcome]


def test_a_task_is_done_even_where_no_message_may_leave():
    life = living(a_play(do={"email": "welcome", "task": "callback"}, purpose="marketing"))

    life.hears(an_event("product.viewed"))

    assert life.became_of("a-play") == [("dropped", "email: no consent"), ("task", None)]
    assert plays_of(life) == []


# Experiments


def experiment(**test: Any) -> Play:
    return Play.model_validate(a_play(test=test))


def test_an_arm_is_for_ever_and_the_arms_have_their_shares():
    play = experiment(holdout="10%", variants={"a": "45%", "b": "45%"})
    arms = [arm_of(play, f"c{number}") for number in range(4_000)]

    assert arms == [arm_of(play, f"c{number}") for number in range(4_000)]
    for arm, share in (("holdout", 0.1), ("a", 0.45), ("b", 0.45)):
        assert arms.count(arm) / 4_000 == pytest.approx(share, abs=0.03)


def test_different_plays_hold_out_different_customers():
    one, other = (Play.model_validate(a_play(id=name, test={"holdout": "50%"})) for name in ("one", "other"))

    same = sum(arm_of(one, f"c{number}") == arm_of(other, f"c{number}") for number in range(1_000))

    assert 400 < same < 600


@pytest.mark.parametrize(("holdout", "outcome"), [("100%", ("dropped", "holdout")), ("0%", ("sent", None))])
def test_who_is_held_out_gets_nothing_and_the_journal_says_so(holdout: str, outcome: tuple[str, str | None]):
    life = living(a_play(test={"holdout": holdout, "variants": {"a": "0%"} if holdout == "100%" else {"a": "100%"}}))

    life.hears(an_event("product.viewed"))

    assert life.became_of("a-play") == [outcome]


def test_the_variant_travels_with_the_message():
    life = living(a_play(test={"variants": {"a": "100%"}}))

    (action,) = life.hears(an_event("product.viewed")).actions

    assert action.subject["variant"] == "a"


# What is asked for


def test_an_action_says_all_that_its_sender_needs():
    offer = {"kind": "percent", "value": "10", "expires": "14d"}
    life = living(a_play(on="order.shipped", do={"email": "dispatched", "coupon": offer}, good_for="12h"))
    life.hears(placed(name="#1001"))

    (action,) = life.hears(shipped(NOON + HOUR)).actions

    assert (action.customer, action.store, action.play, action.template) == ("c1", "demo", "a-play", "dispatched")
    assert (action.decided_at, action.not_after) == (NOON + HOUR, NOON + 13 * HOUR)
    assert action.subject == {"order": "o-1", "order_name": "#1001"}
    assert action.coupon is not None
    assert (action.coupon.value, action.coupon.expires_at) == ("10", NOON + HOUR + 14 * DAY)


def granting(offer: dict[str, str], **table: Any) -> Life:
    """A customer at a stage at which so much may be granted."""
    limits = {"refund": 0, "coupon_percent": 0, **table}
    stages = ("awareness", "decision", "onboarding", "retention", "winback")
    offered = {"email": "welcome", "coupon": {**offer, "expires": "14d"}}
    return living(a_play(on="product.viewed", do=offered), authority=dict.fromkeys(stages, limits))


@pytest.mark.parametrize(
    ("offer", "table", "granted"),
    [
        ({"kind": "percent", "value": "10"}, {"coupon_percent": 10}, "10"),
        ({"kind": "percent", "value": "10.5"}, {"coupon_percent": 10}, "10"),
        ({"kind": "amount", "value": "20.00"}, {"refund": 20}, "20.00"),
        ({"kind": "amount", "value": "20.01"}, {"refund": 20}, "20"),
        ({"kind": "gift", "value": "a small gift"}, {}, "a small gift"),
    ],
)
def test_no_play_grants_more_than_the_authority_table(offer: dict[str, str], table: dict[str, int], granted: str):
    (action,) = granting(offer, **table).hears(an_event("product.viewed")).actions

    assert action.coupon is not None
    assert action.coupon.value == granted


def test_where_nothing_may_be_granted_nothing_is_promised():
    life = granting({"kind": "percent", "value": "10"})

    life.hears(an_event("product.viewed"))

    assert (plays_of(life), life.became_of("a-play")) == ([], [("dropped", "authority")])


def test_the_same_reason_gives_the_same_id_and_another_another():
    def ids(customer: Customer, *events: Event, policy: Policy) -> list[str]:
        life = Life(policy)
        life.customer = customer
        return [action.id for event in events for action in life.hears(event).actions]

    policy = with_plays(a_play(on="order.placed"), caps=[])
    one = ids(a_customer(), placed(order="o-1"), placed(order="o-2"), policy=policy)

    assert one == ids(a_customer(), placed(order="o-1"), placed(order="o-2"), policy=policy)
    assert len({*one, *ids(a_customer(id="c2"), placed(order="o-1"), policy=policy)}) == 3


# The shipped playbook, by the clock


def consenting(*more: Event) -> Life:
    life = Life(the_policy())
    life.hears(consent(True, NOON - HOUR))
    for event in more:
        life.hears(event)
    return life


def test_welcome_on_sign_up():
    assert consenting(an_event("customer.signed_up")).actions == [("welcome", NOON)]


def test_an_abandoned_cart_after_four_hours_unless_it_was_ordered():
    left, ordered = consenting(a_cart()), consenting(a_cart(), placed(NOON + HOUR, cart="k-1"))

    for life in (left, ordered):
        life.lives_until(NOON + 5 * HOUR)

    assert left.actions == [("abandoned-cart", NOON + 4 * HOUR)]
    assert "abandoned-cart" not in plays_of(ordered)


def test_one_thank_you_for_a_first_order_told_three_times():
    life = consenting(placed(), an_order_event("paid"), placed(NOON + MINUTE, placed_at=NOON))

    assert plays_of(life) == ["first-order-thanks"]


def test_three_shipping_notices_and_a_delay():
    life = consenting(placed(), shipped(NOON + HOUR))
    for day, state in enumerate(("in_transit", "customs_hold", "customs_cleared", "out_for_delivery", "delivered"), 1):
        life.hears(parcel(state, NOON + day * DAY))

    assert plays_of(life)[1:] == ["dispatched", "delay-notice", "through-customs", "out-for-delivery"]


def test_activation_is_congratulated_once_and_reported_on_day_thirty_and_called_on_day_ninety():
    life = consenting(placed(), an_order_event("delivered", NOON + DAY), an_event("product.activated", NOON + 2 * DAY))

    life.lives_until(NOON + 100 * DAY)

    assert ("congratulation", NOON + 2 * DAY) in life.actions
    assert ("day-30-report", NOON + 31 * DAY) in life.actions
    assert ("day-90-call", NOON + 91 * DAY) in life.tasks
    assert "tutorial" not in plays_of(life)


def test_a_tutorial_for_whoever_has_not_begun_three_days_after_delivery():
    life = consenting(placed(), an_order_event("delivered", NOON + DAY))

    life.lives_until(NOON + 10 * DAY)

    assert ("tutorial", NOON + 4 * DAY) in life.actions


def test_an_apology_with_a_coupon_after_a_return():
    life = consenting(placed())

    (action,) = life.hears(an_order_event("returned", NOON + 9 * DAY)).actions

    assert (action.play, action.coupon and action.coupon.value) == ("return-apology", "10")


def test_the_silent_are_written_to_in_the_morning_of_the_day():
    life = consenting(placed(NOON.replace(hour=22)))

    life.lives_until(NOON + 185 * DAY)

    assert life.customer.label == "silent"
    assert [at for play, at in life.actions if play == "silent-winback"] == [NOON.replace(hour=9) + 181 * DAY]


def test_a_person_looks_when_health_falls_into_the_lowest_band():
    orders = [placed(order=order, promised_at=NOON + DAY) for order in ("o-1", "o-2")]
    life = consenting(*orders, a_ticket_event("opened", NOON + 2 * DAY, sentiment=-1.0))
    for number in range(9):
        life.hears(an_event("survey.answered", NOON + 2 * DAY + number * MINUTE, survey="csat", score=1))

    life.lives_until(NOON + 120 * DAY)

    assert life.customer.band == "critical"
    assert [(play, at) for play, at in life.tasks] == [("health-alarm", life.customer.band_since)]


def test_no_message_of_the_playbook_leaves_by_night_or_without_consent():
    life = Life(a_policy())
    for event in (placed(EVENING), shipped(EVENING), a_cart(EVENING), an_event("customer.signed_up", EVENING)):
        life.hears(event)

    life.lives_until(NOON + 200 * DAY)

    assert all(9 <= at.hour < 20 for _, at in life.actions)
    assert not {"abandoned-cart", "silent-winback", "declining-winback"} & set(plays_of(life))
