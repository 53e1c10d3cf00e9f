"""Whom the default policy asks how they liked the help they got, and whom it spares."""

from datetime import datetime

from perennial.domain.events import Event
from tests.builders import DAY, HOUR, NOON, Life, a_ticket_event, an_event, placed, the_policy

SOLVED = NOON + DAY


def a_rating(at: datetime) -> Event:
    return an_event("survey.answered", at, survey="csat", score=4, ticket="t-1")


def is_asked(*heard: Event) -> bool:
    life = Life(the_policy())
    for event in (placed(NOON), a_ticket_event("opened", NOON + HOUR), *heard):
        life.hears(event)
    life.lives_until(SOLVED + 4 * DAY)
    return "ticket-survey" in [play for play, _ in life.actions]


def test_whose_ticket_an_agent_solved_is_asked():
    assert is_asked(a_ticket_event("resolved", SOLVED, by="agent"))


def test_who_has_rated_it_in_the_help_desk_is_not_asked_again():
    assert not is_asked(a_ticket_event("resolved", SOLVED, by="agent"), a_rating(SOLVED + HOUR))


def test_a_rating_of_an_earlier_ticket_spares_nobody():
    assert is_asked(a_rating(NOON + 2 * HOUR), a_ticket_event("resolved", SOLVED, by="agent"))


def test_nobody_is_asked_how_they_liked_that_their_ticket_was_deleted():
    assert not is_asked(a_ticket_event("resolved", SOLVED, by="bot"))


def test_what_an_agent_solves_after_a_rule_closed_it_is_asked_about():
    closed = a_ticket_event("resolved", NOON + 2 * HOUR, by="bot")

    assert is_asked(closed, a_ticket_event("resolved", SOLVED, by="agent"))
