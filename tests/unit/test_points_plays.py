"""Plays that give loyalty points: once for each time the occasion comes about, within authority, and never for ever."""

from typing import Any

import pytest
from pydantic import ValidationError

from perennial.domain.events import Event, MessageDeferred
from perennial.domain.points import account, told_by
from perennial.domain.policy import Play, Policy
from perennial.policy_document import PolicyRefused, policy_yaml, read_policy
from tests.builders import (
    DAY,
    HOUR,
    NOON,
    Life,
    a_play,
    a_policy,
    a_ticket_event,
    an_event,
    placed,
    the_policy,
    what_policies_may_name,
    with_plays,
)


def giving(points: Any = 50, **overrides: Any) -> Policy:
    """A policy of one play that gives points for an order."""
    return with_plays(a_play(**{"on": "order.placed", "do": {"points": points}, **overrides}))


def given(life: Life) -> list[int]:
    return [grant.points for decision in life.decisions for grant in decision.entry.grants]


def test_a_play_gives_points_which_come_into_the_account_by_an_event_of_their_own() -> None:
    life = Life(giving())

    (grant,) = life.hears(placed(order="o-1")).entry.grants

    assert account(life.customer.facts.points, NOON).balance == 0
    life.hears(told_by(grant), NOON + HOUR)
    assert account(life.customer.facts.points, NOON).balance == 50
    assert (grant.reference, grant.decided_at) == ("o-1", NOON)
    assert life.became_of("a-play") == [("points", None)]


def test_points_may_expire_and_lapse_with_that_month() -> None:
    life = Life(giving({"give": 50, "expires": "30d"}))

    (grant,) = life.hears(placed()).entry.grants

    assert told_by(grant).data.expires_at == NOON + 30 * DAY


def test_the_same_points_are_the_same_event_however_often_they_are_asked_for() -> None:
    one, other = (Life(giving()).hears(placed(order="o-1")).entry.grants[0] for _ in range(2))

    assert told_by(one).to_json() == told_by(other).to_json()


def test_no_play_gives_more_points_than_the_authority_table() -> None:
    authority = {stage: {"refund": 0, "coupon_percent": 0, "points": 20} for stage in the_policy().authority}
    life = Life(a_policy(plays=[a_play(on="order.placed", do={"points": 50})], authority=authority))

    life.hears(placed())

    assert given(life) == [20]


def test_where_no_points_may_be_given_the_play_is_dropped_with_what_it_would_have_said() -> None:
    authority = {stage: {"refund": 0, "coupon_percent": 0} for stage in the_policy().authority}
    play = a_play(on="order.placed", do={"points": 50, "email": "welcome"})
    life = Life(a_policy(plays=[play], authority=authority))

    life.hears(placed())

    assert (given(life), life.actions) == ([], [])
    assert life.became_of("a-play") == [("dropped", "authority")]


def test_points_are_given_though_the_message_beside_them_may_not_leave() -> None:
    life = Life(giving(do={"points": 50, "email": "welcome"}, purpose="marketing"))

    life.hears(placed(NOON))

    assert (given(life), life.actions) == ([50], [])


def test_whose_message_comes_back_from_its_sender_has_the_points_already() -> None:
    life = Life(giving(do={"points": 50, "email": "welcome"}))
    (action,) = life.hears(placed()).entry.actions

    until = NOON + 20 * HOUR
    life.hears(deferred(action.id, action.about, until))
    life.lives_until(until)

    assert len(life.actions) == 2
    assert given(life) == [50]


def deferred(action: str, about: str, until: Any) -> Event:
    event = an_event(
        "message.deferred", NOON, action=action, about=about, channel="email", play="a-play", until=until,
        subject={"order": about},
    )  # fmt: skip
    assert isinstance(event, MessageDeferred)
    return event


def test_what_comes_about_again_gives_points_again_within_at_most() -> None:
    def resolved_twice(at_most: str) -> list[int]:
        life = Life(giving(on="ticket.resolved", at_most=at_most))
        for kind, hours in (("opened", 0), ("resolved", 1), ("reopened", 2), ("resolved", 3)):
            life.hears(a_ticket_event(kind, NOON + hours * HOUR))
        return given(life)

    assert resolved_twice("9 per 1d") == [50, 50]
    assert resolved_twice("1 per 1d") == [50]


def test_two_occasions_of_one_ticket_are_two_events() -> None:
    life = Life(giving(on="ticket.resolved", at_most="9 per 1d"))
    for kind, hours in (("opened", 0), ("resolved", 1), ("reopened", 2), ("resolved", 3)):
        life.hears(a_ticket_event(kind, NOON + hours * HOUR))

    assert len({grant.id for decision in life.decisions for grant in decision.entry.grants}) == 2


def test_loaded_history_gives_no_points() -> None:
    life = Life(giving())

    life.hears(placed().but({"history": True}))

    assert given(life) == []


def test_a_condition_may_ask_how_many_points_there_are_when_the_play_fires() -> None:
    life = Life(with_plays(a_play(**{"if": "customer.points >= 100"})))

    for hours, number in enumerate((60, 50)):
        life.hears(an_event("points.earned", NOON + hours * HOUR, points=number))
        life.hears(an_event("product.viewed", NOON + hours * HOUR))

    assert [at for _, at in life.actions] == [NOON + HOUR]


def test_a_play_may_begin_with_points_and_ask_how_many() -> None:
    life = Life(with_plays(a_play(**{"on": "points.spent", "if": "event.points >= 100"})))

    for number in (99, 100):
        life.hears(an_event("points.spent", points=number))

    assert len(life.actions) == 1


# What is refused when it is saved


@pytest.mark.parametrize("kind", ["earned", "spent", "adjusted", "expired"])
def test_what_begins_with_points_gives_none_for_it_would_never_end(kind: str) -> None:
    with pytest.raises(ValidationError, match="begins with points gives none"):
        Play.model_validate(a_play(on=f"points.{kind}", do={"points": 5}, at_most="once"))


@pytest.mark.parametrize("on", ["ticket.resolved", "cart.abandoned", {"date": "birthday"}, {"label": "silent"}])
def test_what_can_come_about_time_and_again_gives_points_at_most_so_often(on: Any) -> None:
    with pytest.raises(ValidationError, match="at_most"):
        Play.model_validate(a_play(on=on, do={"points": 5}))

    Play.model_validate(a_play(on=on, do={"points": 5}, at_most="1 per 300d"))


@pytest.mark.parametrize("points", [0, -5, 1.5, "50", True, {"give": 0}, {"give": 5, "expires": "1h"}, 1_000_001])
def test_a_play_gives_a_whole_number_of_points(points: Any) -> None:
    with pytest.raises(ValidationError):
        Play.model_validate(a_play(on="order.placed", do={"points": points}))


def test_a_play_whose_stages_allow_no_points_is_refused_with_its_line() -> None:
    generous = policy_yaml(giving(stage="winback"))
    mean = generous.replace("points: 500", "points: 0")
    assert read_policy(generous, 2, what_policies_may_name()).plays[0].do.points

    with pytest.raises(PolicyRefused) as refused:
        read_policy(mean, 2, what_policies_may_name())

    (mistake,) = refused.value.mistakes
    assert (mistake.path, mistake.message) == (
        "plays.0.do.points",
        "the authority table allows no points at its stages",
    )
