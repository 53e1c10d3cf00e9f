"""Marketing emails leave at the hour that their reader reads at, where the policy wants that and enough is known."""

import random
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from perennial.domain.customer import Facts
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.send_time import LEAST_READS, MOST_READS, best_times, with_read
from tests.builders import DAY, HOUR, MINUTE, NOON, Life, a_play, an_event, consent, folded, with_plays, written

QUIET = {"start": "20:00", "end": "09:00", "purposes": ["service", "marketing"], "default_zone": "UTC"}
IN_THE_EVENING = 18


def a_policy(play: dict[str, Any] | None = None, **overrides: Any) -> Policy:
    offer = a_play(**{"id": "offer", "purpose": "marketing", **(play or {})})
    return with_plays(offer, **{"caps": [], "quiet_hours": QUIET, "send_time": "learned", **overrides})


def opened(at: datetime, kind: str = "opened", **data: Any) -> Event:
    told = {"action": "a-1", "channel": "email", "read_at": at, **data}
    return an_event(f"message.{kind}", at, **told)


def evenings(number: int, hour: int = IN_THE_EVENING) -> list[Event]:
    """As many days before noon on which they read in that hour."""
    return [opened(NOON.replace(hour=hour, minute=20) - (day + 1) * DAY) for day in range(number)]


def a_life(reads: list[Event], policy: Policy | None = None, **about: Any) -> Life:
    life = Life(policy or a_policy())
    life.hears(an_event("customer.updated", NOON - 40 * DAY, customer={"id": "mia", "email": "m@example.com", **about}))
    life.hears(consent(True, NOON - 39 * DAY))
    for event in reads:
        life.hears(event)
    return life


def sees_something(life: Life, at: datetime = NOON) -> Life:
    life.hears(an_event("product.viewed", at))
    return life


def in_madrid(*when: int) -> datetime:
    return datetime(2026, *when, tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)  # type: ignore[arg-type,misc]


def left_at(life: Life, until: datetime = NOON + 5 * DAY) -> list[datetime]:
    life.lives_until(until)
    return [at for _, at in life.actions]


# What is learned


def test_the_newest_hours_are_known_in_whatever_order_they_are_told():
    reads = [opened(NOON - number * 7 * HOUR) for number in range(30)]
    in_order = folded(reads, a_policy()).reads

    for seed in range(5):
        random.Random(seed).shuffle(reads)
        assert folded(reads, a_policy()).reads == in_order
    assert len(in_order) == MOST_READS


def test_who_opens_an_email_again_and_again_has_read_in_that_hour_once():
    reads = [opened(NOON + number * MINUTE) for number in range(50)]

    assert len(folded(reads, a_policy()).reads) == 1


def test_a_click_is_a_read_as_well():
    assert folded([opened(NOON, "clicked")], a_policy()).reads == folded([opened(NOON)], a_policy()).reads != ()


@pytest.mark.parametrize("event", [opened(NOON, read_at=None), opened(NOON, channel="sms"), opened(NOON, "delivered")])
def test_what_a_machine_opened_and_what_is_no_email_teaches_nothing(event: Event):
    assert folded([event], a_policy()).reads == ()


def test_nobody_s_hours_are_kept_where_no_play_wants_to_know_them():
    assert folded([opened(NOON)], a_policy(send_time="none")).reads == ()
    assert folded([opened(NOON)], a_policy({"send_time": "none"})).reads == ()
    assert folded([opened(NOON)], a_policy({"send_time": "learned"}, send_time="none")).reads != ()


def test_old_habits_are_forgotten():
    mornings = [opened(NOON.replace(hour=10) - (day + 20) * DAY) for day in range(MOST_READS)]

    life = sees_something(a_life([*mornings, *evenings(MOST_READS)]))

    assert left_at(life) == [NOON.replace(hour=IN_THE_EVENING)]


def test_an_empty_record_is_written_as_it_was_before():
    assert "reads" not in written(Facts())


# What it changes


def test_a_marketing_email_waits_for_the_hour_its_reader_reads_at_and_says_why():
    life = sees_something(a_life(evenings(LEAST_READS)))

    assert life.actions == []
    assert life.became_of("offer") == [("held", "send time: 8 of 8 reads from 18:00 on")]
    assert left_at(life) == [NOON.replace(hour=IN_THE_EVENING)]
    assert [did for did, _ in life.became_of("offer")] == ["held", "sent"]


def test_of_few_reads_nothing_is_learned():
    life = sees_something(a_life(evenings(LEAST_READS - 1)))

    assert left_at(life) == [NOON]


def test_who_reads_at_any_hour_is_written_to_at_once():
    reads = [opened(NOON - day * DAY - 2 * day * HOUR) for day in range(1, MOST_READS + 1)]

    assert left_at(sees_something(a_life(reads))) == [NOON]


def test_in_the_hour_itself_nothing_waits():
    at = NOON.replace(hour=IN_THE_EVENING, minute=59)

    assert left_at(sees_something(a_life(evenings(MOST_READS)), at)) == [at]


@pytest.mark.parametrize("purpose", ["transactional", "service"])
def test_only_marketing_waits(purpose: str):
    assert left_at(sees_something(a_life(evenings(MOST_READS), a_policy({"purpose": purpose})))) == [NOON]


@pytest.mark.parametrize(
    ("play", "everywhere"),
    [({"send_time": "none"}, "learned"), ({"do": {"sms": "out_for_delivery"}}, "learned"), ({}, "none")],
)
def test_what_the_policy_does_not_want_to_wait_does_not(play: dict[str, Any], everywhere: str):
    policy = a_policy(play, send_time=everywhere)
    life = a_life(evenings(MOST_READS), policy, phone="+34600000000")
    life.hears(consent(True, NOON - DAY, "sms"))

    assert left_at(sees_something(life)) == [NOON]


@pytest.mark.parametrize(
    "play", [{"purpose": "service"}, {"do": {"sms": "out_for_delivery"}}, {"do": {"task": "call"}}]
)
def test_a_play_whose_messages_do_not_wait_for_readers_is_not_told_to(play: dict[str, Any]):
    with pytest.raises(ValidationError, match="only marketing by email waits"):
        a_policy({**play, "send_time": "learned"})


def test_a_birthday_is_not_waited_past():
    policy = a_policy({"on": {"date": "birthday"}})
    life = a_life(evenings(MOST_READS), policy, birthday="1990-06-16")

    assert left_at(life, NOON + 2 * DAY) == [(NOON + DAY).replace(hour=9)]


def test_an_hour_at_which_nothing_may_leave_is_no_hour_to_wait_for():
    life = sees_something(a_life(evenings(MOST_READS, hour=21)))

    assert left_at(life) == [NOON]


def test_who_reads_before_breakfast_and_in_the_evening_is_written_to_in_the_evening():
    half = MOST_READS // 2
    life = sees_something(a_life([*evenings(half, hour=6), *evenings(half)]))

    assert left_at(life) == [NOON.replace(hour=IN_THE_EVENING)]


def test_from_the_night_on_it_waits_once_for_both():
    night = NOON.replace(hour=22)
    life = sees_something(a_life(evenings(MOST_READS)), night)

    assert left_at(life) == [(night + DAY).replace(hour=IN_THE_EVENING)]
    assert [did for did, _ in life.became_of("offer")] == ["held", "sent"]


@pytest.mark.parametrize(("good_for", "hour"), [("4h", 12), ("5h", 17), ("6h", 18)])
def test_it_does_not_wait_longer_than_it_is_good_for(good_for: str, hour: int):
    policy = a_policy({"good_for": good_for})

    assert left_at(sees_something(a_life(evenings(MOST_READS), policy))) == [NOON.replace(hour=hour)]


@pytest.mark.parametrize(("evening", "leaves"), [((8, 13, 21), (8, 14, 18)), ((8, 14, 21), (8, 16, 9))])
def test_it_does_not_wait_longer_than_a_day(evening: tuple[int, ...], leaves: tuple[int, ...]):
    """15 August is a holiday."""
    policy = a_policy(quiet_hours={**QUIET, "holidays": ["marketing"]})
    life = a_life(evenings(MOST_READS, hour=16), policy, country="ES", time_zone="Europe/Madrid")

    sees_something(life, in_madrid(*evening))

    assert left_at(life, in_madrid(8, 20)) == [in_madrid(*leaves)]


def test_what_its_timer_finds_late_does_not_wait_another_day():
    life = sees_something(a_life(evenings(MOST_READS)))
    late = NOON.replace(hour=IN_THE_EVENING) + 90 * MINUTE

    life.hears(an_event("timer.due", late, armed="x", customer={}), late)

    assert [at for _, at in life.actions] == [late]


def test_what_its_sender_gave_back_does_not_wait_for_readers():
    life = a_life(evenings(MOST_READS))
    back = {"action": "a-9", "about": "v-1", "channel": "email", "play": "offer", "purpose": "marketing"}

    life.hears(an_event("message.deferred", NOON, until=NOON + HOUR, reason="quiet hours", **back))

    assert left_at(life) == [NOON + HOUR]


def test_what_was_withdrawn_while_it_waited_does_not_leave():
    life = sees_something(a_life(evenings(MOST_READS)))
    life.hears(consent(False, NOON + HOUR))

    assert left_at(life) == []
    assert life.became_of("offer")[-1] == ("dropped", "email: consent withdrawn")


def test_what_ends_a_wait_ends_it_also_while_it_waits_for_readers():
    life = sees_something(a_life(evenings(MOST_READS), a_policy({"unless": "product.activated"})))
    life.hears(an_event("product.activated", NOON + HOUR))

    assert left_at(life) == []
    assert life.became_of("offer")[-1] == ("ended", "product.activated")


def test_the_hour_is_that_of_the_wall_when_clocks_have_been_changed_since():
    new_york = ZoneInfo("America/New_York")
    winter = datetime(2026, 3, 1, 18, 20, tzinfo=new_york)
    reads = [opened((winter - day * DAY).astimezone(UTC)) for day in range(MOST_READS)]
    life = a_life(reads, time_zone="America/New_York")

    summer = datetime(2026, 3, 20, 12, tzinfo=new_york).astimezone(UTC)
    sees_something(life, summer)

    (at,) = left_at(life, summer + DAY)
    assert at == datetime(2026, 3, 20, 18, tzinfo=new_york)


def test_an_hour_that_clocks_skip_comes_an_hour_later():
    reads = ()
    for day in range(MOST_READS):
        reads = with_read(reads, datetime(2026, 3, 10 + day, 1, 30, tzinfo=UTC))  # 2:30 in Madrid, until the 29th

    best = next(best_times(reads, "Europe/Madrid", datetime(2026, 3, 28, 12, tzinfo=UTC)))

    assert best.at == datetime(2026, 3, 29, 1, tzinfo=UTC)
