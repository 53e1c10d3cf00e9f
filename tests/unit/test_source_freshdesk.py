"""Freshdesk's deliveries: whose key is taken, and which events app events and automations give."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perennial.domain.events import Event
from perennial.sources import Forged, Ignored, NotUnderstood, freshdesk
from perennial.sources.freshdesk_payloads import Automation

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-key"


def basic(credential: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credential.encode()).decode()}


# The key


@pytest.mark.parametrize(
    "headers",
    [
        {"x-perennial-key": SECRET},
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer  {SECRET}"},
        basic(f"perennial:{SECRET}"),
        basic(f"{SECRET}:X"),
    ],
    ids=["a header", "bearer", "bearer with spaces", "a password", "an API key"],
)
def test_the_merchant_s_key_is_taken_in_each_form_that_freshdesk_can_send(headers: Mapping[str, str]) -> None:
    freshdesk.verify(headers, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-perennial-key": SECRET + "x"},
        {"x-perennial-key": SECRET[:-1]},
        {"authorization": SECRET},
        {"authorization": f"Digest {SECRET}"},
        {"authorization": "Basic " + SECRET},
        {"authorization": "Basic ñ"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        basic("perennial:another"),
        basic(SECRET + "x:"),
    ],
)
def test_anything_else_is_forged(headers: Mapping[str, str]) -> None:
    with pytest.raises(Forged):
        freshdesk.verify(headers, b"{}", [SECRET], [NOW])


def test_after_a_change_the_previous_key_is_taken_too() -> None:
    freshdesk.verify({"x-perennial-key": "the-previous-key"}, b"{}", [SECRET, "the-previous-key"], [NOW])


@pytest.mark.parametrize("headers", [{"x-perennial-key": ""}, basic(":"), {"authorization": "Bearer "}])
def test_an_empty_key_opens_nothing_even_where_the_secret_was_left_empty(headers: Mapping[str, str]) -> None:
    with pytest.raises(Forged):
        freshdesk.verify(headers, b"{}", [""], [NOW])


# App events


def passed(event: str, **data: Any) -> tuple[Event, ...]:
    told = {"event": event, "domain": "demo.freshdesk.com", "timestamp": 1781344800000, "data": data}
    return freshdesk.translate({}, json.dumps(told).encode(), "demo", NOW)


def only(event: str, **data: Any) -> Event:
    (one,) = passed(event, **data)
    return one


def a_ticket(**changes: Any) -> dict[str, Any]:
    ticket = {
        "id": 451,
        "requester_id": 43028420064,
        "subject": "Mirror",
        "description": "<p>I want to <b>return</b> it</p>",
        "description_text": "I want to return it",
        "status": 2,
        "source": 1,
        "tags": ["return"],
        "created_at": "2026-06-10T10:12:07Z",
        "updated_at": "2026-06-13T10:00:00Z",
    }
    return ticket | changes


ANA = {"id": 43028420064, "name": "Ana Ruiz", "email": "ana@example.com", "mobile": 5215555550134, "language": "es"}


def test_a_created_ticket_is_opened_by_its_requester() -> None:
    opened = only("onTicketCreate", ticket=a_ticket(), requester=ANA)

    assert (opened.id, opened.source) == (
        "freshdesk:onTicketCreate:451:2026-06-10T10:12:07.000Z:ticket.opened",
        "freshdesk",
    )
    assert (opened.type, opened.time) == ("ticket.opened", datetime(2026, 6, 10, 10, 12, 7, tzinfo=UTC))
    person = opened.data.customer
    assert (person.ids, person.email, person.phone) == (
        {"freshdesk": "43028420064"},
        "ana@example.com",
        "5215555550134",
    )
    assert (person.name, person.locale) == ("Ana Ruiz", "es")
    ticket = opened.data.ticket
    assert (ticket.id, ticket.by, ticket.channel, ticket.intent) == ("freshdesk:451", "customer", "mail", "return")
    assert (ticket.subject, ticket.text) == ("Mirror", "I want to return it")


def test_a_description_in_html_only_is_read_as_text() -> None:
    opened = only("onTicketCreate", ticket=a_ticket(description_text=None))

    assert opened.data.ticket.text == "I want to return it"


@pytest.mark.parametrize(
    ("actor", "source", "by"),
    [
        ({"id": 43028420064, "type": "contact"}, 1, "customer"),
        ({"id": 1, "type": "agent"}, 3, "agent"),
        ({"id": -1, "type": "system"}, 1, "customer"),
        ({"id": 43028420064}, 1, "customer"),
        ({"id": 1}, 1, "agent"),
        (None, 1, "customer"),
        (None, 10, "agent"),
    ],
    ids=["the requester", "an agent", "the system, of a mail", "by number", "by number, another", "untold", "outbound"],
)
def test_who_opened_it_is_told(actor: dict[str, Any] | None, source: int, by: str) -> None:
    assert only("onTicketCreate", ticket=a_ticket(source=source), actor=actor).data.ticket.by == by


def test_another_person_s_details_are_not_the_requester_s() -> None:
    opened = only("onTicketCreate", ticket=a_ticket(), requester={**ANA, "id": 7})

    assert opened.data.customer.email is None


def test_numbers_of_another_product_are_of_other_people() -> None:
    told = {"event": "onTicketCreate", "domain": "demo.freshservice.com", "data": {"ticket": a_ticket()}}

    (opened,) = freshdesk.translate({}, json.dumps(told).encode(), "demo", NOW)

    assert opened.data.customer.ids == {"freshservice": "43028420064"}


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [(2, 4, "resolved"), (3, 5, "resolved"), (7, 4, "resolved"), (4, 2, "reopened"), (5, 6, "reopened")],
)
@pytest.mark.parametrize("within", ["ticket", "data"])
def test_a_ticket_is_resolved_and_reopened_by_its_change_of_status(was: int, now: int, kind: str, within: str) -> None:
    changes = {"changes": {"status": [was, now], "priority": [None, 3]}}
    data = {"ticket": a_ticket(**changes)} if within == "ticket" else {"ticket": a_ticket(), **changes}

    changed = only("onTicketUpdate", **data)

    assert (changed.type, changed.time) == (f"ticket.{kind}", datetime(2026, 6, 13, 10, tzinfo=UTC))
    assert changed.id == f"freshdesk:onTicketUpdate:451:2026-06-13T10:00:00.000Z:ticket.{kind}"


@pytest.mark.parametrize("changes", [{"status": [2, 3]}, {"status": [4, 5]}, {"priority": [1, 4]}, {}, None])
def test_what_leaves_a_ticket_as_open_as_it_was_is_ignored(changes: dict[str, Any] | None) -> None:
    """A solved ticket that is closed days later must not ask for the survey again."""
    with pytest.raises(Ignored):
        passed("onTicketUpdate", ticket=a_ticket(status=5), changes=changes)


@pytest.mark.parametrize("change", ["deleted", "spam"])
def test_what_is_deleted_or_spam_waits_for_nobody_and_waits_again_when_it_is_taken_back(change: str) -> None:
    gone = only("onTicketUpdate", ticket=a_ticket(), changes={change: [False, True]})
    back = only("onTicketUpdate", ticket=a_ticket(), changes={change: [True, False]})

    assert (gone.type, gone.data.ticket.by) == ("ticket.resolved", "bot")
    assert (back.type, back.data.ticket.by) == ("ticket.reopened", "bot")


def test_a_solved_ticket_that_is_taken_back_is_solved_still() -> None:
    with pytest.raises(Ignored):
        passed("onTicketUpdate", ticket=a_ticket(status=4), changes={"deleted": [True, False]})


def test_a_deleted_ticket_is_done_when_it_was_deleted() -> None:
    resolved = only("onTicketDelete", ticket=a_ticket())

    assert (resolved.type, resolved.data.ticket.by) == ("ticket.resolved", "bot")
    assert resolved.time == datetime(2026, 6, 13, 10, tzinfo=UTC)


def test_what_has_no_time_at_all_is_of_its_arrival() -> None:
    body = json.dumps({"event": "onTicketDelete", "data": {"ticket": a_ticket()}}).encode()

    (resolved,) = freshdesk.translate({}, body, "demo", NOW)

    assert resolved.time == NOW


def test_spam_opens_nothing() -> None:
    with pytest.raises(Ignored, match="spam"):
        passed("onTicketCreate", ticket=a_ticket(spam=True))


def a_reply(**changes: Any) -> dict[str, Any]:
    conversation = {
        "id": 9,
        "ticket_id": 451,
        "ticket_requester_id": 43028420064,
        "user_id": 43028420064,
        "incoming": True,
        "private": False,
        "source": 0,
        "body": "<div>Hello?</div><blockquote>We are on it</blockquote>",
        "created_at": "2026-06-11T08:00:00Z",
    }
    return conversation | changes


def test_the_requester_s_answer_is_the_customer_s() -> None:
    replied = only("onConversationCreate", conversation=a_reply())

    assert replied.id == "freshdesk:onConversationCreate:451:9:2026-06-11T08:00:00.000Z:ticket.replied"
    assert replied.time == datetime(2026, 6, 11, 8, tzinfo=UTC)
    assert replied.data.customer.ids == {"freshdesk": "43028420064"}
    assert (replied.data.ticket.id, replied.data.ticket.by, replied.data.ticket.text) == (
        "freshdesk:451",
        "customer",
        "Hello?",
    )


def test_an_agent_s_answer_is_told_of_the_requester() -> None:
    replied = only("onConversationCreate", conversation=a_reply(incoming=False, user_id=1, body_text="On its way"))

    assert replied.data.customer.ids == {"freshdesk": "43028420064"}
    assert (replied.data.ticket.by, replied.data.ticket.text) == ("agent", "On its way")


def test_whose_ticket_it_is_may_be_told_by_the_requester_or_by_who_wrote() -> None:
    told = only("onConversationCreate", conversation=a_reply(ticket_requester_id=None, incoming=False), requester=ANA)
    wrote = only("onConversationCreate", conversation=a_reply(ticket_requester_id=None))

    assert told.data.customer.email == "ana@example.com"
    assert wrote.data.customer.ids == {"freshdesk": "43028420064"}


def test_an_agent_s_answer_to_nobody_is_kept() -> None:
    with pytest.raises(NotUnderstood, match="ticket_requester_id"):
        passed("onConversationCreate", conversation=a_reply(ticket_requester_id=None, incoming=False, user_id=1))


@pytest.mark.parametrize("change", [{"private": True}, {"source": 8}, {"user_id": 77}])
def test_notes_forwards_and_people_in_copy_are_ignored(change: dict[str, Any]) -> None:
    with pytest.raises(Ignored):
        passed("onConversationCreate", conversation=a_reply(**change))


@pytest.mark.parametrize("event", ["onContactCreate", "onContactUpdate"])
def test_a_contact_ties_requester_and_customer(event: str) -> None:
    updated = only(event, contact={**ANA, "updated_at": "2026-06-12T09:00:00Z"})

    assert updated.id == f"freshdesk:{event}:43028420064:2026-06-12T09:00:00.000Z:customer.updated"
    assert (updated.type, updated.data.customer.email) == ("customer.updated", "ana@example.com")


def test_contacts_of_other_products_name_their_fields_otherwise() -> None:
    updated = only("onContactUpdate", contact={"id": 24, "display_name": "Ana Ruiz", "mobile_number": "+5215555550134"})

    assert (updated.data.customer.name, updated.data.customer.phone) == ("Ana Ruiz", "+5215555550134")


def test_the_office_s_number_is_nobody_s() -> None:
    with pytest.raises(Ignored, match="e-mail"):
        passed("onContactCreate", contact={"id": 2, "name": "Ana", "phone": "5555550134", "work_number": "5555550135"})


def test_a_deleted_contact_deletes_nobody_and_is_for_a_person_to_look_at() -> None:
    with pytest.raises(NotUnderstood, match="erase the customer here too"):
        passed("onContactDelete", contact=ANA)


@pytest.mark.parametrize("event", sorted(freshdesk.HOUSEKEEPING))
def test_housekeeping_is_ignored(event: str) -> None:
    with pytest.raises(Ignored, match=event):
        passed(event)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event": "onSomethingElse", "data": {}}, "event"),
        ({}, "neither an app event"),
        ({"event": "onTicketCreate", "data": {}}, r"data\.ticket"),
        ({"event": "onTicketCreate", "data": {"ticket": {"id": 1}}}, r"data\.ticket\.requester_id"),
        ({"event": "onTicketCreate", "timestamp": 10**30, "data": {"ticket": a_ticket()}}, "timestamp"),
        ({"event": "onTicketUpdate", "data": {"ticket": a_ticket(changes={"status": "open"})}}, "status"),
        ({"freshdesk_webhook": {}}, r"freshdesk_webhook\.ticket_id"),
        ([], "body"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_told_by_its_name(body: Any, field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        freshdesk.translate({}, json.dumps(body).encode(), "demo", NOW)


def test_delivered_again_it_is_the_same_event() -> None:
    assert passed("onTicketCreate", ticket=a_ticket()) == passed("onTicketCreate", ticket=a_ticket())


# Automations


def automated(**told: Any) -> Event:
    (one,) = freshdesk.translate({}, json.dumps({"freshdesk_webhook": of_ana(**told)}).encode(), "demo", NOW)
    return one


def of_ana(**told: Any) -> dict[str, Any]:
    written = {
        "triggered_event": "{ticket_action:created}",
        "by": "requester",
        "happened_at": "",
        "ticket_id": "451",
        "ticket_subject": "Mirror",
        "ticket_description": "<div>I want to return it</div>",
        "ticket_latest_public_comment": "",
        "ticket_source": "Email",
        "ticket_tags": "vip, return",
        "ticket_requester_name": "Ana Ruiz",
        "ticket_requester_email": "ana@example.com",
        "ticket_requester_mobile": "",
    }
    return written | told


def test_an_automation_tells_of_a_new_ticket() -> None:
    opened = automated()

    assert (opened.type, opened.time) == ("ticket.opened", NOW)
    assert (opened.data.customer.email, opened.data.customer.name) == ("ana@example.com", "Ana Ruiz")
    ticket = opened.data.ticket
    assert (ticket.id, ticket.by, ticket.channel, ticket.intent) == ("freshdesk:451", "customer", "mail", "return")
    assert (ticket.subject, ticket.text) == ("Mirror", "I want to return it")


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("{status:{from:2,to:4}}", "ticket.resolved"),
        ("{status: {from: 2, to: 5}}", "ticket.resolved"),
        ("{status:{from:5,to:2}}", "ticket.reopened"),
        ("{status:{from:--,to:4}}", "ticket.resolved"),
        ("{ticket_action:deleted}", "ticket.resolved"),
        ("{ticket_action:marked_as_spam}", "ticket.resolved"),
    ],
)
def test_an_automation_tells_of_a_change(what: str, kind: str) -> None:
    assert automated(triggered_event=what).type == kind


@pytest.mark.parametrize(("by", "who"), [("requester", "customer"), ("agent", "agent"), ("", "agent")])
def test_who_changed_it_is_told_by_the_rule(by: str, who: str) -> None:
    assert automated(triggered_event="{status:{from:4,to:2}}", by=by).data.ticket.by == who


@pytest.mark.parametrize("what", ["{note_type:public}", "{reply_sent:sent}"])
@pytest.mark.parametrize(("by", "who"), [("requester", "customer"), ("Agent ", "agent")])
def test_who_answered_is_told_by_the_rule(what: str, by: str, who: str) -> None:
    replied = automated(triggered_event=what, by=by, ticket_latest_public_comment="<p>Hello?</p>")

    assert (replied.type, replied.data.ticket.by, replied.data.ticket.text) == ("ticket.replied", who, "Hello?")


@pytest.mark.parametrize("by", ["", "{{by}}", "everybody"])
def test_an_answer_of_nobody_in_particular_is_kept(by: str) -> None:
    with pytest.raises(NotUnderstood, match=r"freshdesk_webhook\.by"):
        automated(triggered_event="{note_type:public}", by=by)


@pytest.mark.parametrize(
    "what", ["{note_type:private}", "{priority:{from:1,to:4}}", "{status:{from:2,to:3}}", "{group_id:{from:1,to:2}}"]
)
def test_what_a_customer_does_not_wait_for_is_ignored(what: str) -> None:
    with pytest.raises(Ignored):
        automated(triggered_event=what)


@pytest.mark.parametrize(("rating", "score"), [(103, 5), ("103", 5), (100, 3), (-103, 1), ("-101", 2.33)])
def test_a_rating_is_an_answer_on_csat_s_scale(rating: Any, score: float) -> None:
    answered = automated(rating=rating, triggered_event="{customer_feedback:103}")

    assert (answered.type, answered.data.survey, answered.data.score) == ("survey.answered", "csat", score)
    assert answered.data.ticket == "freshdesk:451"


def test_a_rating_that_is_none_is_kept() -> None:
    with pytest.raises(NotUnderstood, match="rating"):
        automated(rating=4)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"ticket_requester_email": "{{ticket.requester.email}}"}, "ticket_requester_email"),
        ({"triggered_event": ""}, "triggered_event"),
    ],
)
def test_a_body_that_was_not_filled_in_is_kept(told: dict[str, str], field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        automated(**told)


def test_the_body_that_the_documentation_has_is_understood_when_freshdesk_has_filled_it_in() -> None:
    page = (Path(__file__).parents[2] / "docs/connect/freshdesk.md").read_text(encoding="utf-8")
    written = next(block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "triggered_event" in block)
    filled = {
        "triggered_event": "{status:{from:2,to:4}}",
        "ticket.id": "451",
        "ticket.requester.email": "ana@example.com",
    }
    body = re.sub(r"\{\{([a-z_.]+)\}\}", lambda placeholder: filled.get(placeholder[1], ""), written)

    (resolved,) = freshdesk.translate({}, body.encode(), "demo", NOW)

    assert (resolved.type, resolved.data.ticket.id) == ("ticket.resolved", "freshdesk:451")
    assert set(json.loads(written)["freshdesk_webhook"]) == set(Automation.model_fields)


def test_a_requester_may_be_known_by_the_mobile_alone() -> None:
    opened = automated(
        ticket_requester_email="", ticket_requester_mobile=5215555550134, ticket_source="", ticket_tags=""
    )

    assert (opened.data.customer.email, opened.data.customer.phone) == (None, "5215555550134")
    assert (opened.data.ticket.channel, opened.data.ticket.intent) == (None, None)


@pytest.mark.parametrize(("source", "channel"), [("1", "mail"), ("Portal", "portal"), ("x" * 50, "x" * 40)])
def test_a_channel_is_told_by_number_or_by_name(source: str, channel: str) -> None:
    assert automated(ticket_source=source).data.ticket.channel == channel


def test_a_time_without_its_zone_is_not_guessed_at() -> None:
    """Freshdesk writes it in the account's zone, and does not say which that is."""
    assert automated(happened_at="2026-06-10 12:44:19").time == NOW
    assert automated(happened_at="2026-06-10T12:44:19+05:30").time == datetime(2026, 6, 10, 7, 14, 19, tzinfo=UTC)


def test_the_same_change_of_another_hour_is_another_event() -> None:
    body = json.dumps({"freshdesk_webhook": of_ana(triggered_event="{status:{from:2,to:4}}")}).encode()

    (first,) = freshdesk.translate({}, body, "demo", NOW)
    (again,) = freshdesk.translate({}, body, "demo", NOW)
    (later,) = freshdesk.translate({}, body, "demo", NOW.replace(hour=15))

    assert first == again
    assert later.id != first.id
