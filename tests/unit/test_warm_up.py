"""A young domain sends so many marketing emails a day, and not one more; the others wait for tomorrow."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perennial.aws.documents import default_policy
from perennial.aws.places import Places
from perennial.aws.store import profile_key, record_key
from perennial.channels.outbox import Contended
from perennial.channels.provider import OutcomeUnknown, Rejected, Throttled, Unavailable
from perennial.channels.verdict import StillSending
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent
from perennial.domain.policy import Policy
from perennial.domain.warm_up import WarmUp
from perennial.policy_document import PolicyRefused, policy_json, read_policy
from tests.builders import Life, a_play, an_event, consent, what_policies_may_name, with_plays
from tests.messaging import a_customer, a_policy, a_profile, known
from tests.unit.test_outbox import DAY, NOON, TICK, House, raising

TODAY = NOON.date()
TOMORROW = NOON.replace(hour=0) + DAY
MORNING = TOMORROW.replace(hour=8)
"""Nine on the Canary Islands, where a Spanish phone may be."""


def a_warm_up(**changes: Any) -> WarmUp:
    return WarmUp(**{"since": TODAY, "until": TODAY + 30 * DAY, "first_day": 2, "growth": 1.5, **changes})


def a_house(**changes: Any) -> House:
    house = House()
    house.policy = a_policy(warm_up=a_warm_up(**changes))
    return house


def offer(house: House, number: int = 1, **action: Any) -> Any:
    return house.send(id=f"a-{number}", purpose="marketing", **action)


# So many a day


@pytest.mark.parametrize(
    ("day", "quota"),
    [
        (date(2026, 6, 30), None),
        (date(2026, 7, 1), 50),
        (date(2026, 7, 2), 75),
        (date(2026, 7, 3), 112),
        (date(2026, 7, 31), 9_587_552),
        (date(2026, 8, 1), None),
    ],
)
def test_each_day_has_more_places_than_the_one_before(day: date, quota: int | None):
    warm_up = WarmUp(since=date(2026, 7, 1), until=date(2026, 7, 31), first_day=50, growth=1.5)

    assert warm_up.quota(day) == quota


def test_the_longest_and_steepest_warm_up_can_be_reckoned():
    warm_up = a_warm_up(until=TODAY + 180 * DAY, first_day=1_000_000, growth=3)

    assert warm_up.quota(TODAY + 180 * DAY) == 100_000_000


@pytest.mark.parametrize("changes", [{"until": TODAY - DAY}, {"until": TODAY + 181 * DAY}])
def test_a_warm_up_ends_after_it_begins_and_within_half_a_year(changes: dict[str, Any]):
    with pytest.raises(ValidationError, match="a warm-up ends"):
        a_warm_up(**changes)


# At the sender


def test_what_finds_no_place_waits_for_tomorrow_and_is_not_used_up():
    house = a_house()

    outcomes = [offer(house, number) for number in range(3)]

    assert [type(each) for each in outcomes] == [MessageSent, MessageSent, MessageDeferred]
    assert (outcomes[2].data.until, outcomes[2].data.reason) == (MORNING, "warm-up: 2 a day")
    assert list(house.claims) == ["a-0", "a-1"]


def test_tomorrow_there_are_places_again_and_more_of_them():
    house = a_house()
    for number in range(3):
        offer(house, number)

    house.clock.at += DAY

    outcomes = [offer(house, number) for number in range(2, 6)]
    assert [type(each) for each in outcomes] == [MessageSent, MessageSent, MessageSent, MessageDeferred]


def test_a_copy_that_comes_again_is_put_off_by_the_same_event():
    house = a_house(first_day=1)
    offer(house, 0)

    assert offer(house) == offer(house)


def test_what_would_be_too_old_tomorrow_expires():
    house = a_house(first_day=1)
    offer(house, 0)

    assert isinstance(offer(house, 1, not_after=MORNING), MessageDeferred)
    expired = offer(house, 2, not_after=MORNING - TICK)
    assert isinstance(expired, MessageFailed)
    assert expired.data.reason == "expired"


def test_tomorrow_is_when_the_customer_s_night_is_over():
    house = a_house(first_day=1)
    house.knows(about=known(time_zone="America/New_York"))
    house.clock.at = NOON.replace(hour=14)
    offer(house, 0)

    assert offer(house).data.until == TOMORROW.replace(hour=13)


@pytest.mark.parametrize(
    "action",
    [
        {"purpose": "service"},
        {"purpose": "transactional"},
        {"purpose": "marketing", "channel": "sms", "template": "out_for_delivery"},
    ],
)
def test_only_marketing_emails_need_a_place(action: dict[str, Any]):
    house = a_house(first_day=1)
    offer(house, 0)

    assert isinstance(house.send(**action), MessageSent)


def writes_of(house: House, send: Callable[[], Any]) -> int:
    """How often the table was written to."""
    written: list[None] = []
    house.table.before = [lambda: written.append(None)] * 9
    send()
    return len(written)


def test_a_place_costs_one_write_and_who_needs_none_pays_none():
    house = a_house()
    without = House()

    assert writes_of(without, lambda: offer(without)) == 2
    assert writes_of(house, lambda: offer(house)) == 3
    assert writes_of(house, lambda: house.send(id="a-2")) == 2
    house.clock.at += 31 * DAY
    assert writes_of(house, lambda: offer(house, 3, not_after=house.clock.at)) == 2


# Places that were not used


@pytest.mark.parametrize("answer", [Rejected("no such box"), Throttled("too many", timedelta(minutes=2))])
def test_a_message_that_did_not_leave_gives_its_place_back(answer: Exception):
    house = a_house(first_day=1)
    house.carrier.answers = [answer]
    offer(house, 0)

    assert isinstance(offer(house), MessageSent)
    assert isinstance(offer(house, 2), MessageDeferred)


def test_a_message_that_comes_again_takes_no_second_place():
    house = a_house(first_day=1)
    house.carrier.answers = [Unavailable("paused")]
    with pytest.raises(Unavailable):
        offer(house)

    assert isinstance(offer(house), MessageSent)


def test_what_may_have_left_keeps_its_place():
    house = a_house(first_day=1)
    house.carrier.answers = [OutcomeUnknown("lost")]
    offer(house, 0)

    assert isinstance(offer(house), MessageDeferred)


def test_where_no_place_can_be_asked_for_the_action_is_not_used_up():
    house = a_house()
    house.table.before = [lambda: None, raising(ConnectionError("no answer"))]
    with pytest.raises(ConnectionError):
        offer(house)

    assert house.claims == {}
    assert isinstance(offer(house), MessageSent)


def test_of_fifty_senders_at_once_so_many_send_as_there_are_places():
    house = a_house(first_day=20)
    for number in range(50):
        house.put(record_key(f"c-{number}"), a_customer().model_copy(update={"id": f"c-{number}"}).model_dump_json())
        house.put(profile_key(f"c-{number}"), a_profile().model_dump_json(exclude_defaults=True))
    house.carrier.answers = [Rejected("no such box")] * 7

    def attempt(number: int) -> Any:
        while True:
            try:
                return offer(house, number, customer=f"c-{number}")
            except (Contended, StillSending):
                continue

    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(type(each) for each in pool.map(attempt, range(50)))

    assert len(house.carrier.taken) - 7 == outcomes[MessageSent] <= 20
    assert outcomes[MessageFailed] == 7
    again = [type(offer(house, number, customer=f"c-{number - 50}")) for number in range(50, 60)]
    assert outcomes[MessageSent] + again.count(MessageSent) == 20, "what was given back is used"


def test_a_place_comes_back_once_however_often_the_sdk_says_so():
    places = Places(a_house().table)
    assert [places.take(TODAY, 2) for _ in range(3)] == [True, True, False]

    for _ in range(2):
        places.give_back(TODAY, "one try")

    assert [places.take(TODAY, 2) for _ in range(2)] == [True, False]
    places.give_back(TODAY, "another")
    assert places.take(TODAY, 2)


def test_the_counter_is_forgotten_when_its_day_is_long_over():
    house = a_house()
    offer(house)

    house.table.within.purge(NOON + 31 * DAY)

    assert Places(house.table).take(TODAY, 1)


# Until when


def test_what_is_put_off_is_good_for_no_longer_than_it_was():
    life = Life(with_plays(a_play(id="offer", purpose="marketing", good_for="2d"), caps=[]))
    life.hears(an_event("customer.updated", NOON - DAY, customer={"id": "mia", "email": "mia@example.com"}))
    life.hears(consent(True, NOON - DAY))
    life.hears(an_event("product.viewed", NOON))
    (action,) = life.decisions[-1].actions
    back = {"action": action.id, "about": action.about, "channel": "email", "play": "offer", "purpose": "marketing"}

    for day in (1, 2):
        told = {"until": MORNING + (day - 1) * DAY, "not_after": action.not_after, **back}
        life.hears(an_event("message.deferred", NOON + (day - 1) * DAY, **told))
        life.lives_until(NOON + day * DAY)

        (again,) = life.decisions[-1].actions
        assert (again.id, again.not_after) == (action.id, NOON + 2 * DAY)


# In the policy


def written(until: str) -> str:
    warm_up = f"warm_up:\n  since: 2026-07-01\n  until: {until}\n  first_day: 50\n  growth: 1.5\n"
    return default_policy().replace("stale_after: 7d\n", f"stale_after: 7d\n{warm_up}")


def test_a_policy_says_when_it_begins_how_it_grows_and_when_it_ends():
    policy = read_policy(written("2026-07-31"), 1, what_policies_may_name())

    assert policy.warm_up == WarmUp(since=date(2026, 7, 1), until=date(2026, 7, 31), first_day=50, growth=1.5)
    assert Policy.model_validate_json(policy_json(policy)) == policy


def test_a_warm_up_that_ends_before_it_begins_is_refused_with_its_line():
    text = written("2026-06-30")

    with pytest.raises(PolicyRefused) as refused:
        read_policy(text, 1, what_policies_may_name())

    [mistake] = refused.value.mistakes
    assert text.splitlines()[mistake.line - 1] == "warm_up:"
    assert "a warm-up ends" in mistake.message
