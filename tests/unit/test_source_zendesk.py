"""Zendesk's webhooks: what is trusted and fresh, and which events each type gives."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import Event
from perennial.sources import Forged, Ignored, NotUnderstood, Stale, zendesk

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"


def a_ticket(**changes: Any) -> dict[str, Any]:
    ticket = {
        "id": "5158",
        "actor_id": "844",
        "requester_id": "844",
        "created_at": "2026-06-10T10:12:07Z",
        "description": "I cannot keep up, I want to return it",
        "subject": "Mirror",
        "status": "NEW",
        "is_public": True,
        "tags": None,
        "via": {"channel": "mail"},
    }
    return ticket | changes


def translated(kind: str, detail: dict[str, Any], event: object = None) -> Event:
    payload = {
        "account_id": 22129848,
        "id": "evt",
        "type": f"zen:event-type:{kind}",
        "time": "2026-06-10T10:12:07.672717030Z",
        "detail": detail,
        "event": event or {},
    }
    (only,) = zendesk.translate({}, json.dumps(payload).encode(), "demo", NOW)
    return only


def a_comment(**changes: Any) -> dict[str, Any]:
    author = {"id": "844", "is_staff": False, "name": "Ana"}
    return {"comment": {"id": "9", "body": "Hello?", "is_public": True, "author": author} | changes}


def headers_for(body: bytes, signed_at: datetime = NOW) -> dict[str, str]:
    return {name.lower(): value for name, value in signed("zendesk", body, {}, SECRET, signed_at).items()}


def test_timestamp_and_body_are_signed_together() -> None:
    headers = headers_for(b"{}")

    zendesk.verify(headers, b"{}", [SECRET], [NOW])

    with pytest.raises(Forged):
        zendesk.verify(
            headers | {"x-zendesk-webhook-signature-timestamp": "2026-06-15T12:00:01Z"}, b"{}", [SECRET], [NOW]
        )


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_up_to_five_minutes_either_way_is_fresh(minutes: int) -> None:
    zendesk.verify(headers_for(b"{}", NOW + timedelta(minutes=minutes)), b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("seconds", [-301, 301])
def test_more_than_five_minutes_is_stale(seconds: int) -> None:
    headers = headers_for(b"{}", NOW + timedelta(seconds=seconds))

    with pytest.raises(Stale):
        zendesk.verify(headers, b"{}", [SECRET], [NOW])


def test_fresh_by_one_of_the_clocks_is_fresh() -> None:
    """The house's clock may be months ahead of the vendor's."""
    zendesk.verify(headers_for(b"{}"), b"{}", [SECRET], [NOW + timedelta(days=90), NOW])


@pytest.mark.parametrize("stamp", ["", "soon", "2026-06-15T12:00:00", "1718452800"])
def test_a_signed_time_that_is_none_is_forged(stamp: str) -> None:
    signature = base64.b64encode(hmac.new(SECRET.encode(), stamp.encode() + b"{}", hashlib.sha256).digest()).decode()
    headers = {"x-zendesk-webhook-signature-timestamp": stamp, "x-zendesk-webhook-signature": signature}

    with pytest.raises(Forged):
        zendesk.verify(headers, b"{}", [SECRET], [NOW])


def test_without_headers_nothing_is_trusted() -> None:
    with pytest.raises(Forged):
        zendesk.verify({}, b"{}", [SECRET], [NOW])


def test_a_created_ticket_is_opened_by_its_requester() -> None:
    opened = translated("ticket.created", a_ticket(tags=["vip", "return"]))

    assert (opened.id, opened.type) == ("evt:ticket.opened", "ticket.opened")
    assert opened.time == datetime(2026, 6, 10, 10, 12, 7, 672000, tzinfo=UTC)
    assert opened.data.customer.ids == {"zendesk": "844"}
    ticket = opened.data.ticket
    assert (ticket.id, ticket.by, ticket.channel, ticket.intent) == ("zendesk:5158", "customer", "mail", "return")
    assert ticket.text == "I cannot keep up, I want to return it"


@pytest.mark.parametrize(("actor", "by"), [("844", "customer"), ("1", "agent"), ("-1", "bot"), (None, "agent")])
def test_who_opened_it_is_told(actor: str | None, by: str) -> None:
    assert translated("ticket.created", a_ticket(actor_id=actor)).data.ticket.by == by


def test_an_internal_first_note_is_not_the_customer_s_text() -> None:
    assert translated("ticket.created", a_ticket(is_public=False)).data.ticket.text is None


def test_a_very_long_text_is_cut_and_not_lost() -> None:
    assert len(translated("ticket.created", a_ticket(description="a" * 65_000)).data.ticket.text) == 20_000


def test_a_complaint_weighs_more_than_a_question() -> None:
    assert translated("ticket.created", a_ticket(tags=["how_to", "Complaint"])).data.ticket.intent == "complaint"


def test_the_requester_s_comment_is_a_reply_of_the_customer() -> None:
    replied = translated("ticket.comment_added", a_ticket(actor_id="1"), a_comment())

    assert (replied.type, replied.data.ticket.by, replied.data.ticket.text) == ("ticket.replied", "customer", "Hello?")


@pytest.mark.parametrize(("author", "by"), [({"id": "1", "is_staff": True}, "agent"), ({"id": "-1"}, "bot")])
def test_another_s_comment_is_not(author: dict[str, Any], by: str) -> None:
    assert translated("ticket.comment_added", a_ticket(), a_comment(author=author)).data.ticket.by == by


@pytest.mark.parametrize("change", [{"is_public": False}, {"author": {"id": "2", "is_staff": False}}])
def test_notes_and_people_in_copy_are_ignored(change: dict[str, Any]) -> None:
    with pytest.raises(Ignored):
        translated("ticket.comment_added", a_ticket(), a_comment(**change))


@pytest.mark.parametrize(
    ("previous", "current", "kind"),
    [
        ("OPEN", "SOLVED", "ticket.resolved"),
        ("open", "closed", "ticket.resolved"),
        ("PENDING", "CLOSED", "ticket.resolved"),
        ("SOLVED", "OPEN", "ticket.reopened"),
        (None, "SOLVED", "ticket.resolved"),
    ],
)
def test_a_ticket_is_resolved_and_reopened(previous: str | None, current: str, kind: str) -> None:
    changed = translated("ticket.status_changed", a_ticket(), {"previous": previous, "current": current})

    assert changed.type == kind


@pytest.mark.parametrize(("previous", "current"), [("SOLVED", "CLOSED"), ("NEW", "OPEN"), ("OPEN", "HOLD")])
def test_what_leaves_a_ticket_as_open_as_it_was_is_ignored(previous: str, current: str) -> None:
    """Closing a solved ticket days later must not ask for the survey again."""
    with pytest.raises(Ignored):
        translated("ticket.status_changed", a_ticket(), {"previous": previous, "current": current})


def test_a_deleted_ticket_waits_for_nobody() -> None:
    resolved = translated("ticket.soft_deleted", a_ticket())

    assert (resolved.type, resolved.data.ticket.by) == ("ticket.resolved", "bot")
    assert translated("ticket.undeleted", a_ticket()).type == "ticket.reopened"


@pytest.mark.parametrize("kind", ["user.created", "user.identity_created", "user.identity_changed"])
def test_a_user_with_an_email_ties_requester_and_customer(kind: str) -> None:
    updated = translated(kind, {"id": "844", "email": "ana@example.com", "role": "end-user"})

    assert updated.type == "customer.updated"
    assert (updated.data.customer.ids, updated.data.customer.email) == ({"zendesk": "844"}, "ana@example.com")


def test_a_new_identity_is_the_email_meant() -> None:
    identity = {"identity": {"type": "email", "value": "new@example.com"}}
    payload = {
        "id": "evt",
        "type": "zen:event-type/user.identity_created",
        "time": "2026-06-10T10:12:07Z",
        "detail": {"id": "844", "email": "old@example.com"},
        "event": identity,
    }

    (updated,) = zendesk.translate({}, json.dumps(payload).encode(), "demo", NOW)

    assert updated.data.customer.email == "new@example.com"


def test_a_phone_ties_requester_and_customer_too() -> None:
    identity = {"identity": {"type": "phone_number", "value": "+5215555550134"}}

    updated = translated("user.identity_created", {"id": "844", "email": None}, identity)

    assert updated.data.customer.phone == "+5215555550134"


def test_two_users_that_zendesk_has_merged_are_told_as_one_person() -> None:
    merged = translated("user.merged", {"id": "844", "email": "ana@example.com"}, {"user": {"id": "902"}})

    assert merged.type == "customer.updated"
    assert (merged.data.customer.ids, merged.data.customer.former) == ({"zendesk": "844"}, {"zendesk": "902"})


@pytest.mark.parametrize("event", [{}, {"user": {"id": "844"}}])
def test_a_merger_of_nobody_is_kept(event: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood, match=r"event\.user\.id"):
        translated("user.merged", {"id": "844"}, event)


def test_a_deleted_user_deletes_nobody_and_is_for_a_person_to_look_at() -> None:
    with pytest.raises(NotUnderstood, match="erase the customer here too"):
        translated("user.deleted", {"id": "844"})


@pytest.mark.parametrize(("said", "score"), [("GOOD", 5), ("bad", 1), ("GOOD_WITH_COMMENT", 5), (4, 4), ("1", 1)])
def test_a_rating_is_an_answer_on_csat_s_scale(said: Any, score: float) -> None:
    answer = {"satisfaction_score": {"score": said, "comment": "Thank you"}}

    answered = translated("ticket.csat_received", a_ticket(), answer)

    assert (answered.id, answered.type) == ("evt:survey.answered", "survey.answered")
    data = answered.data
    assert (data.survey, data.score, data.ticket, data.text) == ("csat", score, "zendesk:5158", "Thank you")
    assert data.customer.ids == {"zendesk": "844"}


def test_a_survey_that_was_only_offered_is_no_answer() -> None:
    with pytest.raises(Ignored, match="offered"):
        translated("ticket.csat_received", a_ticket(), {"satisfaction_score": {"score": "OFFERED"}})


@pytest.mark.parametrize("answer", [{"satisfaction_score": {"score": "SOSO"}}, {"satisfaction_score": {}}, {}])
def test_a_rating_that_is_none_is_kept(answer: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood, match="satisfaction_score"):
        translated("ticket.csat_received", a_ticket(), answer)


@pytest.mark.parametrize("user", [{"role": "agent", "email": "a@demo.example"}, {"role": "end-user", "email": None}])
def test_staff_and_users_without_email_and_phone_are_ignored(user: dict[str, Any]) -> None:
    with pytest.raises(Ignored):
        translated("user.created", {"id": "1", **user})


@pytest.mark.parametrize("kind", sorted(zendesk.IGNORED))
def test_housekeeping_is_ignored(kind: str) -> None:
    with pytest.raises(Ignored, match=kind):
        translated(kind, a_ticket())


@pytest.mark.parametrize("kind", ["ticket.requester_changed", "organization.created", ""])
def test_an_unknown_type_is_kept(kind: str) -> None:
    with pytest.raises(NotUnderstood, match="type"):
        translated(kind, a_ticket())


def test_a_ticket_without_requester_is_kept() -> None:
    with pytest.raises(NotUnderstood, match=r"detail\.requester_id"):
        translated("ticket.created", a_ticket(requester_id=None))
