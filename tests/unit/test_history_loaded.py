"""MISSION D7: loaded history puts a stage and a score on everybody, and sends nobody anything; not now, and not later
from what lay in the past already."""

from datetime import timedelta

from hypothesis import given, settings

from perennial.domain.events import Event
from perennial.domain.plays import LOADING
from perennial.sources.open_events import OPEN_TYPES
from tests.builders import (
    DAY,
    HOUR,
    NOON,
    SAME_EVERY_TIME,
    Life,
    a_cart,
    a_play,
    an_event,
    an_order_event,
    placed,
    shipped,
    with_plays,
    written,
)
from tests.lives import a_life

YEAR = timedelta(days=365)


def past(event: Event) -> Event:
    return event.but({"history": True})


def loaded(*events: Event, life: Life | None = None, now=NOON) -> Life:
    life = life or Life()
    for event in events:
        life.hears(past(event), now)
    return life


@settings(SAME_EVERY_TIME, max_examples=8)
@given(a_life)
def test_loaded_history_is_folded_and_asks_for_nothing(life: list[Event]):
    theirs = [event for event in life if event.type in OPEN_TYPES]  # what only we can say is in no merchant's file
    now = max((event.time for event in life), default=NOON)

    one, other = loaded(*theirs, now=now), Life()
    for event in theirs:
        other.hears(event, now)

    assert written(one.customer.facts) == written(other.customer.facts)
    assert (one.actions, one.tasks) == ([], [])
    assert {wait.play for wait in one.customer.waits} <= {play.id for play in one.policy.on_date}


def test_a_loaded_customer_has_stage_label_score_and_due_time():
    survey = an_event("survey.answered", NOON - DAY, survey="csat", score=5)

    customer = loaded(placed(NOON - 10 * DAY), survey).customer

    assert (customer.stage, customer.label) == ("onboarding", "new")
    assert customer.score is not None
    assert customer.due_at is not None
    assert customer.due_at > NOON


def test_the_webhook_of_a_loaded_order_thanks_for_nothing():
    life = loaded(placed(NOON - 2 * DAY, order="o-1"))

    life.hears(placed(NOON - 2 * DAY, order="o-1"), NOON + HOUR)

    assert (life.actions, [wait.play for wait in life.customer.waits]) == ([], [])


def test_an_order_that_comes_after_the_load_is_thanked_for_as_ever():
    life = Life(with_plays(a_play(on="order.placed")))
    loaded(placed(NOON - 40 * DAY, order="o-1"), life=life)

    life.hears(placed(NOON + HOUR, order="o-2"))

    assert [play for play, _ in life.actions] == ["a-play"]


def test_falling_silent_by_what_was_loaded_begins_no_play():
    life = Life(with_plays(a_play(on={"label": "silent"})))

    loaded(placed(NOON - 2 * YEAR), life=life)

    assert life.customer.label == "silent"
    assert (life.actions, life.customer.waits) == ([], ())


def test_falling_silent_later_by_time_begins_its_play():
    life = Life(with_plays(a_play(on={"label": "silent"})))
    loaded(placed(NOON - 179 * DAY), life=life)

    life.lives_until(NOON + 2 * DAY)

    assert [play for play, _ in life.actions] == ["a-play"]


def test_time_begins_nothing_while_more_history_may_be_on_its_way():
    life = Life(with_plays(a_play(on={"label": "silent"})))
    loaded(placed(NOON - 180 * DAY + LOADING / 2), life=life)

    life.lives_until(NOON + LOADING)

    assert life.customer.label == "silent"
    assert life.actions == []


def test_time_begins_plays_again_as_soon_as_the_load_is_over():
    life = Life(with_plays(a_play(on={"label": "silent"})))
    loaded(placed(NOON - 180 * DAY + LOADING), life=life)

    life.lives_until(NOON + LOADING)

    assert [play for play, _ in life.actions] == ["a-play"]


def test_a_birthday_after_the_load_is_kept():
    life = Life(with_plays(a_play(on={"date": "birthday"})))
    born = (NOON + 3 * DAY).date().replace(year=1990)
    known = an_event("customer.updated", customer={"id": "mia", "email": "mia@example.com", "birthday": born})
    loaded(known, placed(NOON - 40 * DAY), life=life)

    life.lives_until(NOON + 5 * DAY)

    assert len(life.actions) == 1


def test_loaded_history_ends_what_waits():
    life = Life(with_plays(a_play(on="cart.abandoned", after="4h", unless="order.placed")))
    life.hears(a_cart(NOON, cart="k-1"))

    loaded(placed(NOON + HOUR, cart="k-1"), life=life, now=NOON + 2 * HOUR)

    assert life.customer.waits == ()


def test_what_waited_and_is_due_is_left_to_its_timer_by_loaded_history():
    life = Life(with_plays(a_play(on="product.viewed", after="1h")))
    life.hears(an_event("product.viewed"))

    loaded(shipped(NOON - 3 * DAY), life=life, now=NOON + 2 * HOUR)

    assert life.actions == []
    assert life.customer.due_at == NOON + HOUR


def test_a_state_that_a_loaded_order_reaches_later_is_told():
    life = Life(with_plays(a_play(on="order.delivered")))
    loaded(placed(NOON - 2 * DAY), life=life)

    life.hears(an_order_event("delivered", NOON + HOUR))

    assert [play for play, _ in life.actions] == ["a-play"]
