"""Festivals: greeted on the day, where it is celebrated, by their own clock, once; and not everybody in one minute."""

from collections import Counter
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest

from perennial.aws.documents import default_policy
from perennial.domain.events import Event
from perennial.domain.festivals import Festival, Occasion, occasions_after, run_out, turn_of
from perennial.domain.policy import Policy
from perennial.policy_document import PolicyRefused, read_policy, warnings
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Life,
    a_play,
    an_event,
    an_order_event,
    consent,
    placed,
    the_policy,
    what_policies_may_name,
    with_plays,
)
from tests.messaging import LOCALES, the_catalogue

SPAIN = {"country": "ES", "time_zone": "Europe/Madrid", "locale": "es"}
KINGS = {"id": "kings-day", "countries": ["ES"], "dates": ["01-06"]}
GREETING = a_play(id="festival", on={"festival": "any"}, purpose="marketing")
QUIET = {"start": "20:00", "end": "09:00", "purposes": ["marketing"], "default_zone": "UTC"}


def with_festivals(*festivals: dict[str, Any], play: dict[str, Any] | None = None, **overrides: Any) -> Policy:
    given = {"festivals": festivals or [KINGS], "quiet_hours": QUIET, **overrides}
    return with_plays(play or GREETING, **given)


def known(at: datetime = NOON, /, **person: Any) -> Event:
    return an_event("customer.updated", at, customer={"id": "mia", "email": "mia@example.com", **person})


def living(policy: Policy | None = None, **person: Any) -> Life:
    """Somebody in Spain who agreed to marketing, unless something else is said."""
    life = Life(policy or with_festivals())
    life.hears(known(**{**SPAIN, **person}))
    life.hears(consent())
    return life


def days_of(life: Life, zone: str = "Europe/Madrid") -> list[date]:
    return [at.astimezone(ZoneInfo(zone)).date() for _, at in life.actions]


def abouts(life: Life) -> list[str]:
    return [action.about for decision in life.decisions for action in decision.actions]


# On the day, there, once


def test_a_festival_is_greeted_on_its_day_every_year() -> None:
    life = living()

    life.lives_until(NOON + 800 * DAY)

    assert days_of(life) == [date(2027, 1, 6), date(2028, 1, 6)]
    assert abouts(life) == ["kings-day@2027-01-06", "kings-day@2028-01-06"]
    assert len({action.id for decision in life.decisions for action in decision.actions}) == 2


def test_the_template_is_told_which_festival_it_is() -> None:
    life = living()

    life.lives_until(NOON + 300 * DAY)

    (action,) = life.decisions[-1].actions
    assert action.subject == {"festival": "kings-day"}


@pytest.mark.parametrize(
    "person",
    [
        pytest.param({"country": None}, id="of whom nobody knows where"),
        pytest.param({"country": "FR"}, id="of a country that does not celebrate it"),
    ],
)
def test_nobody_else_is_greeted(person: dict[str, Any]) -> None:
    life = living(**person)

    life.lives_until(NOON + 800 * DAY)

    assert (life.actions, life.customer.waits) == ([], ())


@pytest.mark.parametrize(("locale", "is_greeted"), [("es-MX", True), ("ES", True), ("ca", False), (None, False)])
def test_a_festival_of_a_language_is_for_those_who_read_it(locale: str | None, is_greeted: bool) -> None:
    life = living(with_festivals({**KINGS, "languages": ["es"]}), locale=locale)

    life.lives_until(NOON + 300 * DAY)

    assert bool(life.actions) == is_greeted


def test_a_play_of_one_festival_leaves_the_others_to_others() -> None:
    eve = {"id": "year-end", "countries": ["ES"], "dates": ["12-24"]}
    life = living(with_festivals(KINGS, eve, play={**GREETING, "on": {"festival": ["year-end"]}}))

    life.lives_until(NOON + 400 * DAY)

    assert days_of(life) == [date(2026, 12, 24)]


def test_of_two_festivals_on_one_day_the_first_that_is_listed_is_greeted() -> None:
    other = {"id": "other", "countries": ["ES"], "dates": ["2027-01-06", "2027-01-07"]}
    life = living(with_festivals(other, KINGS))

    life.lives_until(NOON + 300 * DAY)

    assert abouts(life) == ["other@2027-01-06", "other@2027-01-07"]


def test_who_becomes_known_on_the_day_itself_is_greeted_next_year() -> None:
    now = datetime(2027, 1, 6, 8, tzinfo=UTC)
    life = Life(with_festivals())

    life.hears(known(now, **SPAIN))
    life.hears(consent(True, now))
    life.lives_until(now + 400 * DAY)

    assert days_of(life) == [date(2028, 1, 6)]


def test_who_moves_around_the_world_on_the_day_hears_the_same_greeting_again_and_not_another() -> None:
    life = living(with_festivals(play={**GREETING, "on": {"festival": "any", "over": "1h"}}))
    moved = datetime(2027, 1, 6, 9, 30, tzinfo=UTC)  # by then it is not yet the 6th in Honolulu
    life.lives_until(moved)

    life.hears(known(moved, time_zone="Pacific/Honolulu"))
    life.lives_until(NOON + 300 * DAY)

    assert len(life.actions) == 2
    assert len({action.id for decision in life.decisions for action in decision.actions}) == 1


# Within the hours of the day


def test_a_greeting_leaves_within_hours_and_within_its_stretch_of_the_morning() -> None:
    life = living(with_festivals(play={**GREETING, "on": {"festival": "any", "over": "2h"}}))
    due = life.customer.waits[0].due

    life.lives_until(NOON + 300 * DAY)

    (at,) = (at.astimezone(ZoneInfo("Europe/Madrid")) for _, at in life.actions)
    assert at == due, "it never waited for the morning: who waits for that leaves with all others"
    assert (at.date(), at.hour in (9, 10)) == (date(2027, 1, 6), True)


def test_a_turn_is_before_the_night_however_long_the_stretch() -> None:
    night = {**QUIET, "start": "09:01"}  # one minute of the day is open
    life = living(with_festivals(play={**GREETING, "on": {"festival": "any", "over": "12h"}}, quiet_hours=night))

    life.lives_until(NOON + 300 * DAY)

    (at,) = (at.astimezone(ZoneInfo("Europe/Madrid")) for _, at in life.actions)
    assert (at.date(), at.hour, at.minute) == (date(2027, 1, 6), 9, 0)


def test_an_instant_of_the_day_is_everybody_s_own_and_always_the_same() -> None:
    day, opens = Occasion("kings-day", date(2027, 1, 6)), datetime(2027, 1, 6, 8, tzinfo=UTC)
    closes = opens + 6 * HOUR

    turns = [turn_of(f"c{number}", day, opens, closes) for number in range(6_000)]

    assert turns == [turn_of(f"c{number}", day, opens, closes) for number in range(6_000)]
    assert opens <= min(turns) <= max(turns) < closes
    minutes = Counter((turn - opens) // MINUTE for turn in turns)
    assert len(minutes) == 360
    assert max(minutes.values()) < 40  # 6,000 over 360 minutes are 17 a minute


def test_who_is_greeted_first_one_year_is_not_the_first_in_the_next() -> None:
    opens = datetime(2027, 1, 6, 8, tzinfo=UTC)
    years = [Occasion("kings-day", date(year, 1, 6)) for year in (2027, 2028, 2029)]

    assert len({turn_of("c1", occasion, opens, opens + 6 * HOUR) for occasion in years}) == 3


def test_a_greeting_that_finds_no_hour_of_its_day_is_left_out() -> None:
    """Nothing leaves on public holidays: the day after would be a day late."""
    life = living(with_festivals(quiet_hours={**QUIET, "holidays": ["marketing"]}))

    life.lives_until(NOON + 300 * DAY)

    assert (life.actions, life.customer.waits) == ([], ())


def test_a_greeting_that_was_missed_is_not_caught_up_with() -> None:
    """A sweep that stood still for two days."""
    life = living()
    due = life.customer.waits[0].due

    late = life.hears(an_event("timer.due", due + 2 * DAY, armed="x", customer={}))

    assert late.actions == ()
    assert life.became_of("festival") == [("ended", "festival is over")]


def test_a_greeting_is_out_of_place_when_the_day_is_over() -> None:
    life = living(with_festivals(play={**GREETING, "good_for": "3d"}))
    life.lives_until(NOON + 300 * DAY)

    (action,) = (action for decision in life.decisions for action in decision.actions)

    assert action.not_after == datetime(2027, 1, 7, tzinfo=ZoneInfo("Europe/Madrid"))


@pytest.mark.parametrize(("reads_at", "greeted_at"), [(18, 18), (8, 11)])  # at 8 o'clock it would be the day after
def test_the_hour_at_which_somebody_reads_is_waited_for_on_the_day_only(reads_at: int, greeted_at: int) -> None:
    life = living(with_festivals(send_time="learned"))
    for day in range(12):
        at = datetime(2026, 12, 20 + day, reads_at, 20, tzinfo=UTC)
        life.hears(an_event("message.opened", at, action="a-1", channel="email", read_at=at))

    life.lives_until(NOON + 300 * DAY)

    (at,) = (at for _, at in life.actions)
    assert (at.date(), at.hour) == (date(2027, 1, 6), greeted_at)


def test_a_play_may_come_some_days_after_the_festival() -> None:
    life = living(with_festivals(play={**GREETING, "after": "2d"}))

    life.lives_until(NOON + 300 * DAY)

    assert days_of(life) == [date(2027, 1, 8)]


# For those who may be written to


def test_who_may_not_be_greeted_does_not_wait_for_it() -> None:
    life = Life(with_festivals())

    life.hears(known(**SPAIN))

    assert len(life.customer.waits) == 0


def test_who_objects_waits_no_more_and_who_agrees_again_does_again() -> None:
    life = living()

    life.hears(consent(False, NOON + DAY))
    assert len(life.customer.waits) == 0

    life.hears(consent(True, NOON + 2 * DAY))
    assert [wait.about for wait in life.customer.waits] == ["kings-day@2027-01-06"]


def test_a_task_for_people_needs_no_consent() -> None:
    life = Life(with_festivals(play={**GREETING, "do": {"task": "callback"}}))

    life.hears(known(**SPAIN))
    life.lives_until(NOON + 300 * DAY)

    assert [play for play, _ in life.tasks] == ["festival"]


def test_loaded_history_greets_nobody_and_the_next_festival_is_awaited() -> None:
    life, now = Life(with_festivals()), datetime(2027, 1, 6, 9, tzinfo=UTC)

    for event in (known(now, **SPAIN), consent(True, now)):
        life.hears(event.but({"history": True}))

    assert (life.actions, [wait.about for wait in life.customer.waits]) == ([], ["kings-day@2028-01-06"])


# When the policy changes


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([{**KINGS, "dates": ["02-02"]}], id="another day"),
        pytest.param([{**KINGS, "countries": ["MX"]}], id="another country"),
        pytest.param([{**KINGS, "id": "other"}], id="another festival"),
        pytest.param([], id="none any more"),
    ],
)
def test_a_festival_that_was_taken_out_is_not_greeted(changed: list[dict[str, Any]]) -> None:
    life = living()

    life.policy = with_plays(GREETING, festivals=changed, quiet_hours=QUIET)
    life.lives_until(datetime(2027, 1, 7, tzinfo=UTC))

    assert life.actions == []
    assert life.became_of("festival")[0] == ("ended", "not celebrated")


def test_a_day_that_was_put_right_is_awaited_instead() -> None:
    life = living()
    life.policy = with_festivals({**KINGS, "dates": ["02-02"]})

    life.hears(an_event("product.viewed", NOON + DAY))
    life.lives_until(NOON + 300 * DAY)

    assert days_of(life) == [date(2027, 2, 2)]


def test_what_waited_for_something_else_before_the_play_was_changed_ends() -> None:
    life = Life(with_plays({**GREETING, "on": "order.delivered", "after": "30d"}, quiet_hours=QUIET))
    life.hears(placed())
    life.hears(an_order_event("delivered", NOON + HOUR))
    assert life.customer.waits

    life.policy = with_festivals()
    life.hears(an_event("product.viewed", NOON + DAY))

    assert ("ended", "not celebrated") in life.became_of("festival")


# The calendar


def test_days_that_come_every_year_and_days_that_do_not() -> None:
    eve = Festival.model_validate({"id": "x", "countries": ["ES"], "dates": ["12-24", "2026-07-01"]})
    zone = ZoneInfo("Europe/Madrid")

    told = [occasion.day for occasion in occasions_after(NOON, [eve], zone)]

    assert told == [date(2026, 7, 1), date(2026, 12, 24), date(2027, 12, 24)]


@pytest.mark.parametrize(
    ("dates", "gone"), [(["2026-06-14"], ["x"]), (["2026-06-15"], []), (["12-24"], []), (["2026-06-14", "06-01"], [])]
)
def test_a_festival_without_a_day_left_is_told_of(dates: list[str], gone: list[str]) -> None:
    festival = Festival.model_validate({"id": "x", "countries": ["ES"], "dates": dates})

    assert run_out([festival], NOON.date()) == gone


def test_a_policy_with_a_festival_that_is_over_says_so_and_is_one() -> None:
    policy = with_festivals({**KINGS, "dates": ["2020-01-06"]})

    assert warnings(policy, NOON.date()) == (
        "festival 'kings-day' has no day left: write those of the coming years, or take it out",
    )
    assert warnings(the_policy(), NOON.date()) == ()


@cache
def calendar(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, years=range(2026, 2031), language="en_US")


def days_called(country: str, *names: str) -> set[date]:
    return {day for day, name in calendar(country).items() if any(each in name for each in names)}


@pytest.mark.parametrize(
    ("festival", "country", "names"),
    [
        ("lunar-new-year", "CN", ["Spring Festival"]),
        ("lunar-new-year", "MO", ["Chinese New Year"]),
        ("lunar-new-year", "TW", ["Chinese New Year"]),
        ("lunar-new-year", "SG", ["Chinese New Year"]),
        ("lunar-new-year", "MY", ["Chinese New Year"]),
        ("mid-autumn", "CN", ["Mid-Autumn"]),
        ("mid-autumn", "TW", ["Mid-Autumn"]),
        ("thanksgiving", "US", ["Thanksgiving"]),
        ("diwali", "IN", ["Diwali"]),
        ("eid-al-fitr", "AE", ["Eid al-Fitr"]),
        ("eid-al-fitr", "SA", ["Eid al-Fitr"]),
        ("eid-al-fitr", "QA", ["Eid al-Fitr"]),
        ("eid-al-fitr", "KW", ["Eid al-Fitr"]),
        ("eid-al-fitr", "BH", ["Eid al-Fitr"]),
        ("eid-al-fitr", "OM", ["Eid al-Fitr"]),
    ],
)
def test_the_moving_days_that_ship_are_those_of_the_calendars(festival: str, country: str, names: list[str]) -> None:
    (ours,) = (each for each in the_policy().festivals if each.id == festival)
    told = days_called(country, *names)

    assert country in ours.countries
    assert {date.fromisoformat(day) for day in ours.dates} <= told
    assert {date.fromisoformat(day).year for day in ours.dates} == {2026, 2027, 2028, 2029, 2030}


def test_every_festival_that_ships_has_words_of_its_own_in_every_language() -> None:
    texts = the_catalogue().templates["festival"]
    for festival in the_policy().festivals:
        for locale in LOCALES:
            assert f'festival == "{festival.id}"' in texts[locale].subject
            assert f'festival == "{festival.id}"' in texts[locale].body


# What is refused


def refused(old: str, new: str) -> str:
    assert old in default_policy()
    with pytest.raises(PolicyRefused) as told:
        read_policy(default_policy().replace(old, new, 1), 2, what_policies_may_name())
    return "\n".join(str(each) for each in told.value.mistakes)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("countries: [JP]", "countries: [XX]", "'XX' is no country of ISO 3166"),
        ("countries: [JP]", "countries: []", "at least 1 item"),
        ("dates: [01-01]", "dates: [1.1.]", "a day is written like 2027-02-06"),
        ("dates: [01-01]", "dates: [2027-02-30]", "there is no 2027-02-30"),
        ("dates: [01-01]", "dates: [02-29]", "there is no 02-29 in every year"),
        ("dates: [01-01]", "dates: [9999-12-31]", "a day is written like"),
        ("dates: [01-01]", "dates: []", "at least 1 item"),
        ("dates: [01-01]", "dates: 7", "tuple"),
        ("dates: [01-01]", "dates: [01-01]\n    languages: [Japanese]", "should match pattern"),
        ("id: new-year\n", "id: year-end\n", "there are two festivals 'year-end'"),
        ("id: new-year\n", "id: any\n", "'any' means all of them"),
        ("{festival: any, over: 6h}", "{festival: easter}", "unknown festival 'easter'; known are diwali"),
        ("{festival: any, over: 6h}", "{festival: [diwali, easter]}", "unknown festival 'easter'"),
        ("{festival: any, over: 6h}", "{festival: []}", "at least 1 item"),
        ("{festival: any, over: 6h}", "{festival: any, over: long}", "over"),
        ("on: {date: birthday}", "on: {date: birthday, over: 6h}", "is not known here"),
    ],
)
def test_what_is_wrong_with_a_festival_is_told_with_its_line(old: str, new: str, said: str) -> None:
    told = refused(old, new)

    assert said in told
    assert told.startswith("line ")


def test_without_festivals_there_is_none_to_greet_on() -> None:
    text = default_policy()
    begin, end = text.index("festivals:\n"), text.index("plays:\n")

    with pytest.raises(PolicyRefused, match="unknown festival 'any'; known are none"):
        read_policy(text[:begin] + text[end:], 2, what_policies_may_name())
