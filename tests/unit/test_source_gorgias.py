"""Gorgias' deliveries: whose key is taken, and what a ticket tells, however often it is told."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perennial.domain.events import Event
from perennial.sources import Forged, Ignored, NotUnderstood, gorgias

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-key"
ANA = {
    "id": 387705374,
    "email": "ana@example.com",
    "name": "Ana Ruiz",
    "channels": [{"type": "email", "address": "ana@example.com"}, {"type": "sms", "address": "+5215555550134"}],
}


def a_message(**changes: Any) -> dict[str, Any]:
    message = {
        "id": 501,
        "from_agent": False,
        "public": True,
        "channel": "email",
        "via": "email",
        "sender": {"id": 387705374},
        "body_text": "I want to return it",
        "created_datetime": "2026-06-10T10:12:07.201204+00:00",
    }
    return message | changes


ANSWER = a_message(
    id=502, from_agent=True, sender={"id": 1}, body_text="Of course", created_datetime="2026-06-10T11:00:00+00:00"
)


def a_ticket(**changes: Any) -> dict[str, Any]:
    ticket = {
        "id": 86538298,
        "status": "open",
        "channel": "email",
        "subject": "Mirror",
        "language": "es",
        "customer": ANA,
        "tags": [{"name": "return"}],
        "messages": [a_message()],
        "satisfaction_survey": None,
        "created_datetime": "2026-06-10T10:12:07.201204+00:00",
        "updated_datetime": "2026-06-13T10:00:00+00:00",
        "closed_datetime": None,
        "snooze_datetime": None,
        "trashed_datetime": None,
        "spam": False,
    }
    return ticket | changes


def translated(body: Any) -> tuple[Event, ...]:
    return gorgias.translate({}, json.dumps(body).encode(), "demo", NOW)


def told(**changes: Any) -> dict[str, Event]:
    return {event.type: event for event in translated(a_ticket(**changes))}


def test_the_merchant_s_key_is_taken_and_no_other() -> None:
    gorgias.verify({"x-perennial-key": SECRET}, b"{}", [SECRET], [NOW])
    gorgias.verify({"x-perennial-key": "the-previous"}, b"{}", [SECRET, "the-previous"], [NOW])

    for headers in ({}, {"x-perennial-key": "another"}):
        with pytest.raises(Forged):
            gorgias.verify(headers, b"{}", [SECRET], [NOW])


def test_a_new_ticket_is_opened_by_its_customer() -> None:
    (opened,) = translated(a_ticket())

    assert (opened.id, opened.source, opened.type) == ("ticket-86538298:ticket.opened", "gorgias", "ticket.opened")
    assert opened.time == datetime(2026, 6, 10, 10, 12, 7, 201000, tzinfo=UTC)
    person = opened.data.customer
    assert (person.ids, person.email, person.phone) == (
        {"gorgias": "387705374"},
        "ana@example.com",
        "+5215555550134",
    )
    assert (person.name, person.locale) == ("Ana Ruiz", "es")
    ticket = opened.data.ticket
    assert (ticket.id, ticket.by, ticket.channel, ticket.intent) == ("gorgias:86538298", "customer", "mail", "return")
    assert (ticket.subject, ticket.text) == ("Mirror", "I want to return it")


@pytest.mark.parametrize(
    ("message", "by"),
    [
        ({"from_agent": True}, "agent"),
        ({"from_agent": True, "rule_id": 7}, "bot"),
        ({"from_agent": True, "via": "rule"}, "bot"),
        ({"from_agent": None}, "customer"),
    ],
)
def test_who_opened_it_is_told_by_the_first_message(message: dict[str, Any], by: str) -> None:
    assert told(messages=[a_message(**message)])["ticket.opened"].data.ticket.by == by


@pytest.mark.parametrize(("from_agent", "by"), [(True, "agent"), (False, "customer"), (None, "customer")])
def test_without_its_messages_the_ticket_tells_who_opened_it(from_agent: bool | None, by: str) -> None:
    assert told(messages=[], from_agent=from_agent)["ticket.opened"].data.ticket.by == by


def test_another_message_than_the_first_says_nothing_of_who_opened_it() -> None:
    opened = told(messages=[ANSWER])["ticket.opened"]

    assert (opened.data.ticket.by, opened.data.ticket.text) == ("customer", None)


def test_a_message_without_its_time_is_of_the_time_of_the_ticket() -> None:
    touched = told(messages=[a_message(created_datetime=None)])["ticket.replied"]
    arrived = told(messages=[a_message(created_datetime=None)], updated_datetime=None)["ticket.replied"]

    assert (touched.time, arrived.time) == (datetime(2026, 6, 13, 10, tzinfo=UTC), NOW)


def test_answers_are_told_in_their_order() -> None:
    later = a_message(id=503, created_datetime="2026-06-10T12:00:00+00:00")

    events = translated(a_ticket(messages=[later, ANSWER, a_message()]))

    assert [event.id.partition(":")[0] for event in events] == ["ticket-86538298", "message-502", "message-503"]


def test_an_answer_is_told_by_its_own_number() -> None:
    opened, replied = translated(a_ticket(messages=[ANSWER, a_message()]))

    assert opened.data.ticket.text == "I want to return it"
    assert (replied.id, replied.time) == ("message-502:ticket.replied", datetime(2026, 6, 10, 11, tzinfo=UTC))
    assert (replied.data.ticket.by, replied.data.ticket.text) == ("agent", "Of course")


def test_the_message_of_the_trigger_is_told_once_wherever_it_stands() -> None:
    alone = translated({"ticket": a_ticket(messages=[]), "message": ANSWER})
    twice = translated({"ticket": a_ticket(messages=[a_message(), ANSWER]), "message": ANSWER})

    assert [event.id for event in alone] == [event.id for event in twice]
    assert alone[1] == twice[1]


def test_a_template_that_found_no_message_tells_of_none() -> None:
    nothing = {"id": "", "from_agent": "None", "public": "", "created_datetime": "None", "body_text": ""}

    (opened,) = translated({"ticket": a_ticket(messages=[]), "message": nothing})

    assert opened.type == "ticket.opened"


def test_a_template_writes_numbers_and_yes_and_no_as_text() -> None:
    written = {key: str(value) for key, value in ANSWER.items() if key != "sender"} | {
        "created_datetime": "2026-06-10 11:00:00"
    }
    ticket = {"id": "86538298", "status": "open", "customer": {"id": "387705374", "email": "ana@example.com"}}

    (replied,) = translated({"ticket": ticket, "message": written})

    assert (replied.data.ticket.by, replied.time) == ("agent", datetime(2026, 6, 10, 11, tzinfo=UTC))


def test_the_body_that_the_documentation_has_is_understood_when_gorgias_has_filled_it_in() -> None:
    page = (Path(__file__).parents[2] / "docs/connect/gorgias.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    filled = {
        "ticket.id": "86538298",
        "ticket.status": "closed",
        "ticket.spam": "False",
        "ticket.closed_datetime": "2026-06-12 09:30:00+00:00",
        "ticket.customer.id": "387705374",
        "ticket.satisfaction_survey.score": "5",
        "message.id": "502",
        "message.from_agent": "True",
    }
    body = re.sub(r"\{\{([a-z_.]+)\}\}", lambda placeholder: filled.get(placeholder[1], "None"), written)

    events = gorgias.translate({}, body.encode(), "demo", NOW)

    assert [event.type for event in events] == ["ticket.replied", "ticket.resolved", "survey.answered"]


@pytest.mark.parametrize("change", [{"public": False}, {"channel": "internal-note"}])
def test_a_note_is_no_answer(change: dict[str, Any]) -> None:
    assert [*told(messages=[a_message(), ANSWER | change])] == ["ticket.opened"]


def test_somebody_in_copy_is_not_the_customer() -> None:
    copied = a_message(id=503, sender={"id": 99}, created_datetime="2026-06-10T12:00:00+00:00")

    assert [*told(messages=[a_message(), copied])] == ["ticket.opened"]


@pytest.mark.parametrize("sender", [None, {"id": None, "email": "ana@example.com"}])
def test_a_message_of_nobody_in_particular_is_the_customer_s(sender: dict[str, Any] | None) -> None:
    later = a_message(id=503, sender=sender, created_datetime="2026-06-10T12:00:00+00:00")

    assert told(messages=[a_message(), later])["ticket.replied"].data.ticket.by == "customer"


def test_a_customer_without_number_is_known_by_e_mail() -> None:
    opened, replied = translated(
        a_ticket(
            customer={"email": "ana@example.com", "channels": [{"type": "phone", "address": None}]},
            messages=[a_message(), a_message(id=503, created_datetime="2026-06-10T12:00:00+00:00")],
        )
    )

    assert (opened.data.customer.ids, opened.data.customer.email) == ({}, "ana@example.com")
    assert opened.data.customer.phone is None
    assert replied.data.ticket.by == "customer"


def test_other_channels_stand_for_themselves_and_a_tag_without_a_name_for_nothing() -> None:
    opened = told(channel="chat", tags=[{"name": None}])["ticket.opened"]

    assert (opened.data.ticket.channel, opened.data.ticket.intent) == ("chat", None)


def test_only_the_newest_messages_are_read_with_each_delivery() -> None:
    many = [a_message(id=number, created_datetime=f"2026-06-11T10:00:{number:02}+00:00") for number in range(30)]

    events = translated(a_ticket(messages=many))

    assert [event.id for event in events[1:]] == [f"message-{number}:ticket.replied" for number in range(25, 30)]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"stripped_text": "No.", "body_text": "No.\n> Really?"}, "No."),
        ({"stripped_text": "", "body_text": None, "body_html": "<p>No.</p><blockquote>Really?</blockquote>"}, "No."),
        ({"body_text": "a" * 30_000}, "a" * 20_000),
        ({"body_text": None}, None),
    ],
)
def test_what_was_written_is_kept_without_what_it_quotes(message: dict[str, Any], text: str | None) -> None:
    assert told(messages=[a_message(**message)])["ticket.opened"].data.ticket.text == text


CLOSED = {"status": "closed", "closed_datetime": "2026-06-12T09:30:00.5"}


def test_a_closed_ticket_is_resolved_when_it_was_closed_and_not_when_it_was_touched() -> None:
    resolved = told(**CLOSED)["ticket.resolved"]
    touched = told(**CLOSED, updated_datetime="2026-06-14T10:00:00+00:00")["ticket.resolved"]

    assert resolved.id == "ticket-86538298:ticket.resolved:2026-06-12T09:30:00.500Z"
    assert resolved.time == datetime(2026, 6, 12, 9, 30, 0, 500000, tzinfo=UTC)
    assert (resolved.data.ticket.by, resolved.data.ticket.subject) == ("agent", None)
    assert touched == resolved


def test_a_snoozed_ticket_only_sleeps() -> None:
    assert "ticket.resolved" not in told(**CLOSED, snooze_datetime="2026-06-20T09:00:00+00:00")


def test_an_open_ticket_that_had_been_closed_was_opened_again_by_what_came_since() -> None:
    later = a_message(id=504, created_datetime="2026-06-12T10:00:00+00:00")

    reopened = told(closed_datetime=CLOSED["closed_datetime"], messages=[a_message(), later])["ticket.reopened"]

    assert reopened.id == "ticket-86538298:ticket.reopened:2026-06-12T09:30:00.500Z"
    assert (reopened.time, reopened.data.ticket.by) == (datetime(2026, 6, 12, 10, tzinfo=UTC), "bot")


@pytest.mark.parametrize("change", [{"spam": True}, {"trashed_datetime": "2026-06-12T10:00:00+00:00"}])
def test_spam_and_trash_wait_for_nobody_and_are_nothing_else(change: dict[str, Any]) -> None:
    (resolved,) = translated(a_ticket(**change))

    assert (resolved.id, resolved.data.ticket.by) == ("ticket-86538298:ticket.resolved:out", "bot")


def test_a_rating_is_an_answer_to_the_survey_about_the_ticket() -> None:
    survey = {"id": 12, "score": 2, "body_text": "Too slow", "scored_datetime": "2026-06-13T08:00:00.966927"}

    answered = told(satisfaction_survey=survey)["survey.answered"]

    assert answered.id == "survey-12:survey.answered:2026-06-13T08:00:00.966Z"
    assert answered.time == datetime(2026, 6, 13, 8, 0, 0, 966000, tzinfo=UTC)
    data = answered.data
    assert (data.survey, data.score, data.ticket, data.text) == ("csat", 2, "gorgias:86538298", "Too slow")


def test_a_survey_without_number_is_the_ticket_s_one() -> None:
    assert told(satisfaction_survey={"score": 5})["survey.answered"].id == "survey-86538298:survey.answered"


def test_a_survey_that_was_only_sent_is_no_answer() -> None:
    assert "survey.answered" not in told(satisfaction_survey={"id": 12, "score": None})


def test_a_rating_off_its_scale_is_kept() -> None:
    with pytest.raises(NotUnderstood, match="csat is answered on 1 to 5"):
        translated(a_ticket(satisfaction_survey={"id": 12, "score": 6}))


def test_told_again_and_later_it_is_the_same_events_and_what_is_new() -> None:
    early, late = translated(a_ticket()), translated(a_ticket(messages=[a_message(), ANSWER], **CLOSED))

    assert [event.id for event in early] == [event.id for event in late][:1]
    assert early[0] == late[0]
    assert translated(a_ticket()) == early


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "id"),
        ([], "body"),
        ({"ticket": {}}, r"ticket\.id"),
        ({"ticket": "{{ticket}}"}, "ticket"),
        (a_ticket(customer=None), r"ticket\.customer\.id"),
        (a_ticket(created_datetime="yesterday"), "created_datetime"),
        (a_ticket(messages="none"), "messages"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_told_by_its_name(body: Any, field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        translated(body)


def test_a_ticket_that_tells_nothing_is_ignored() -> None:
    with pytest.raises(Ignored):
        translated({"ticket": {"id": 1, "status": "open", "customer": {"id": 2}}})
