"""The emergency stop: what is stopped does not leave, waits, and leaves or ends when staff say so."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from perennial.aws.holds import Holds, Moved
from perennial.aws.table import Key
from perennial.channels.outbox import Contended, Lifted
from perennial.channels.verdict import PATIENCE, StillSending
from perennial.domain.actions import Action
from perennial.domain.customer import Consent
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent
from perennial.domain.holds import DISCARDED, Hold, Reach
from perennial.domain.values import iso
from tests.messaging import NOON, an_action, known
from tests.unit.test_outbox import NIGHT, TICK, House, nothing

DAY = timedelta(days=1)


class StoppedHouse(House):
    """A house in which staff may stop messages."""

    @property
    def holds(self) -> Holds:
        return Holds(self.table.within)

    def stop(self, at: datetime = NOON, **reach: Any) -> Hold:
        return self.holds.stop(Reach(**reach), "wrong prices", "staff-1", at)

    def lift(self, hold: Hold) -> Hold:
        return self.holds.lift(hold.id, "staff-2", NOON)

    def waiting(self, hold: Hold) -> tuple[Action, ...]:
        return self.holds.waiting(hold.id, 100).actions


def stopping(house: StoppedHouse, **reach: Any) -> Callable[[], None]:
    def stop() -> None:
        house.stop(**reach)

    return stop


def lifting(house: StoppedHouse, hold: Hold) -> Callable[[], None]:
    def lift() -> None:
        house.lift(hold)

    return lift


# What is stopped


def test_nothing_leaves_while_everything_is_stopped() -> None:
    house = StoppedHouse()
    hold = house.stop()

    outcome = house.send(subject={"order": "1"})

    assert isinstance(outcome, MessageDeferred)
    assert (outcome.data.until, outcome.data.reason) == (None, f"emergency stop {hold.id}")
    assert (house.carrier.taken, house.claims) == ([], {})
    assert house.waiting(hold) == (an_action(subject={"order": "1"}),)


@pytest.mark.parametrize(
    ("reach", "is_stopped"),
    [
        ({}, True),
        ({"play": "welcome"}, True),
        ({"play": "tutorial"}, False),
        ({"channel": "email"}, True),
        ({"channel": "sms"}, False),
        ({"purpose": "service"}, True),
        ({"purpose": "marketing"}, False),
        ({"country": "ES"}, True),
        ({"country": "DE"}, False),
        ({"play": "welcome", "channel": "email", "country": "ES"}, True),
        ({"play": "welcome", "channel": "email", "country": "DE"}, False),
        ({"play": "welcome", "channel": "sms", "country": "ES"}, False),
    ],
)
def test_a_hold_stops_what_it_names_and_nothing_else(reach: dict[str, Any], is_stopped: bool) -> None:
    house = StoppedHouse(about=known(country="ES", time_zone="UTC"))
    house.stop(**reach)

    assert isinstance(house.send(), MessageDeferred if is_stopped else MessageSent)


def test_who_may_be_anywhere_may_be_in_the_country_that_is_stopped() -> None:
    house = StoppedHouse()
    house.stop(country="DE")

    assert isinstance(house.send(), MessageDeferred)


def test_what_is_stopped_while_it_is_claimed_does_not_leave() -> None:
    house = StoppedHouse()
    house.table.after = [stopping(house)]

    outcome = house.send()

    assert isinstance(outcome, MessageDeferred)
    assert (house.carrier.taken, house.claims) == ([], {})


def test_a_copy_waits_once_and_tells_the_same() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.send()
    house.clock.at += timedelta(minutes=5)

    house.send()

    assert house.outcomes.bodies[0] == house.outcomes.bodies[1]
    assert len(house.waiting(hold)) == 1


def test_what_has_left_is_told_though_everything_is_stopped() -> None:
    house = StoppedHouse()
    sent = house.send()
    house.stop()

    assert house.send() == sent


def test_what_may_not_leave_at_all_does_not_wait() -> None:
    house = StoppedHouse(consent={"marketing/email": Consent(False, NOON)})
    hold = house.stop()

    outcome = house.send(purpose="marketing")

    assert outcome.data.reason == "consent withdrawn"
    assert house.waiting(hold) == ()


def test_what_another_copy_has_brought_to_an_end_meanwhile_does_not_wait() -> None:
    house = StoppedHouse()
    holds: list[Hold] = []

    def meanwhile() -> None:
        house.clock.at += PATIENCE
        house.send()
        holds.append(house.stop())

    house.table.after = [meanwhile]

    with pytest.raises(Contended):
        house.send()

    assert house.waiting(holds[0]) == ()


def test_a_copy_of_what_has_had_its_outcome_waits_no_longer() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.send(purpose="marketing", not_after=NOON + DAY)
    house.clock.at += 2 * DAY

    outcome = house.send(purpose="marketing", not_after=NOON + DAY)

    assert outcome.data.reason == "expired"
    assert house.waiting(hold) == ()


def test_what_waits_under_another_hold_goes_on_waiting() -> None:
    house = StoppedHouse()
    hold = house.stop(channel="sms")
    kept = an_action(channel="sms")
    house.holds.keep(kept, hold)

    house.send()

    assert house.waiting(hold) == (kept,)


def test_what_is_too_old_does_not_wait() -> None:
    house = StoppedHouse()
    house.stop()

    assert house.send(not_after=NOON - DAY).data.reason == "expired"


def test_at_night_a_stop_is_a_stop_and_not_a_matter_of_hours() -> None:
    house = StoppedHouse()
    house.clock.at = NIGHT
    hold = house.stop(at=NIGHT)

    assert house.send().data.until is None
    assert len(house.waiting(hold)) == 1


def test_an_action_that_comes_as_the_hold_is_lifted_comes_again() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.table.before = [lifting(house, hold)]

    with pytest.raises(Lifted):
        house.send()

    assert isinstance(house.send(), MessageSent)
    assert len(house.carrier.taken) == 1


def test_what_came_as_the_hold_was_lifted_is_not_shown_as_waiting_for_ever() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.table.before = [lifting(house, hold)]

    with pytest.raises(Lifted):
        house.send()

    assert house.waiting(hold) == ()


def test_a_claim_that_is_given_back_for_a_stop_stays_given_back_when_the_hold_is_lifted() -> None:
    house = StoppedHouse()
    holds: list[Hold] = []
    house.table.after = [lambda: holds.append(house.stop())]
    house.table.before = [nothing, nothing, lambda: lifting(house, holds[0])()]

    with pytest.raises(Lifted):
        house.send()

    assert house.claims == {}


# What becomes of it


def test_what_is_let_go_is_judged_anew() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.send()
    house.lift(hold)
    [action] = house.waiting(hold)

    house.clock.at += 4 * DAY

    outcome = house.outbox.send(action)
    assert outcome is not None
    assert outcome.data.reason == "expired"


def test_what_is_let_go_leaves_once() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.send()
    house.lift(hold)
    [action] = house.waiting(hold)

    first, second = house.outbox.send(action), house.outbox.send(action)

    assert isinstance(first, MessageSent)
    assert first == second
    assert len(house.carrier.taken) == 1


def test_what_one_hold_lets_go_another_still_stops() -> None:
    house = StoppedHouse()
    everything, emails = house.stop(), house.stop(channel="email")
    house.send()
    house.lift(everything)

    [action] = house.waiting(everything)
    house.outbox.send(action)

    assert house.waiting(emails) == (action,)


def test_what_is_discarded_ends_with_that_reason_and_no_copy_brings_it_back() -> None:
    house = StoppedHouse()
    hold = house.stop()
    house.send()
    [action] = house.waiting(hold)

    given_up = house.outbox.send(action.but({"given_up": True}))
    house.lift(hold)
    again = house.outbox.send(action)

    assert isinstance(given_up, MessageFailed)
    assert given_up == again
    assert given_up.data.reason == DISCARDED
    assert house.carrier.taken == []


def test_what_is_being_sent_is_not_discarded() -> None:
    house = StoppedHouse()
    house.died_sending()

    with pytest.raises(StillSending):
        house.send(given_up=True)


# The holds themselves


def test_to_stop_the_same_again_is_the_same_hold() -> None:
    house = StoppedHouse()

    first, second = house.stop(channel="sms"), house.stop(channel="sms")

    assert first == second
    assert house.holds.in_force() == (first,)


def test_two_who_stop_different_things_at_once_both_do() -> None:
    house = StoppedHouse()
    house.table.before = [stopping(house, channel="sms")]

    Holds(house.table).stop(Reach(play="welcome"), "typo", "staff-3", NOON)

    reaches = {(hold.reach.channel, hold.reach.play) for hold in house.holds.in_force()}
    assert reaches == {("sms", None), (None, "welcome")}


def test_a_hold_that_was_lifted_is_remembered_with_who_and_when() -> None:
    house = StoppedHouse()
    hold = house.stop()

    lifted = house.lift(hold)

    assert (lifted.by, lifted.released_by, lifted.released_at) == ("staff-1", "staff-2", NOON)
    assert (house.holds.in_force(), house.holds.ever(10)) == ((), (lifted,))


def test_a_hold_is_lifted_once() -> None:
    house = StoppedHouse()
    hold = house.stop()
    first = house.lift(hold)

    second = house.holds.lift(hold.id, "staff-9", NOON + DAY)

    assert second == first
    assert house.stop().id != hold.id


def moved(hold: Hold, did: Literal["released", "discarded"], by: str, at: datetime = NOON) -> Moved:
    return Moved(hold=hold.id, at=at, by=by, did=did, messages=2)


def test_what_two_did_in_the_same_millisecond_are_two_traces_and_always_in_one_order() -> None:
    house = StoppedHouse()
    hold = house.stop()
    later = [moved(hold, "released", f"staff-{number}", NOON + TICK) for number in range(20)]
    for each in (*later, moved(hold, "discarded", "staff-1")):
        house.holds.note(each)

    told = house.holds.moves(hold.id, 100)

    assert told[0] == moved(hold, "discarded", "staff-1")
    assert sorted(told[1:], key=lambda each: each.by) == sorted(later, key=lambda each: each.by)
    assert told == house.holds.moves(hold.id, 100)


def test_a_trace_that_was_left_before_there_were_lots_is_read_in_its_place() -> None:
    house = StoppedHouse()
    hold = house.stop()
    before, now, after = (moved(hold, "released", "staff-1", NOON + number * TICK) for number in range(3))
    house.put(Key("HOLDS", f"MOVE#{hold.id}#{iso(now.at)}"), now.model_dump_json())

    house.holds.note(before)
    house.holds.note(after)

    assert house.holds.moves(hold.id, 100) == (before, now, after)
