"""Intercom's notifications: whose signature is trusted, and which events each topic gives."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perennial.domain.events import Event
from perennial.sources import Forged, Ignored, NotUnderstood, intercom

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-client-secret"
OPENED, WRITTEN, CLOSED, TOLD = 1781086327, 1781172000, 1781258400, 1781344800
"""Seconds: 10 June 10:12:07, 11 June 10:00, 12 June 10:00, 13 June 10:00."""
ANA = {"type": "user", "id": "5c9553cb", "email": "ana@example.com", "name": "Ana Ruiz"}
ADMIN = {"type": "admin", "id": "1957471", "name": "Sam"}


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


def a_part(**changes: Any) -> dict[str, Any]:
    part = {
        "type": "conversation_part",
        "id": "2824391734",
        "part_type": "comment",
        "body": "<p>Hello?</p>",
        "created_at": WRITTEN,
        "author": ANA,
    }
    return part | changes


def a_conversation(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    conversation = {
        "type": "conversation",
        "id": "21322009097",
        "created_at": OPENED,
        "updated_at": TOLD,
        "source": {
            "type": "conversation",
            "subject": "<p>Mirror</p>",
            "body": "<p>I want to <b>return</b> it</p>",
            "author": ANA,
        },
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "5c9553cb", "external_id": "17"}]},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [*parts], "total_count": 9},
        "tags": {"type": "tag.list", "tags": [{"name": "return"}]},
    }
    return conversation | changes


def translated(topic: str, item: Any) -> tuple[Event, ...]:
    told = {"type": "notification_event", "id": "notif_1", "topic": topic, "created_at": TOLD, "data": {"item": item}}
    return intercom.translate({}, json.dumps(told).encode(), "demo", NOW)


def only(topic: str, item: Any) -> Event:
    (one,) = translated(topic, item)
    return one


# The signature


def test_the_known_answer_is_accepted_and_each_change_of_it_refused() -> None:
    body = '{"id":820982911946154508,"name":"#9999","note":"é ✓ 中文","total_price":"398.00"}'.encode()
    headers = {"x-hub-signature": "sha1=6b7d544f66d7919a9aabd5cac57da818899f39a2"}

    intercom.verify(headers, body, ["dev-secret-1"], [NOW])
    intercom.verify(headers, body, ["another", "dev-secret-1"], [NOW])

    for changed, given, secret in (
        (body + b" ", headers, "dev-secret-1"),
        (body, {"x-hub-signature": headers["x-hub-signature"][:-1] + "3"}, "dev-secret-1"),
        (body, {"x-hub-signature": headers["x-hub-signature"].removeprefix("sha1=")}, "dev-secret-1"),
        (body, {}, "dev-secret-1"),
        (body, headers, "another"),
    ):
        with pytest.raises(Forged):
            intercom.verify(given, changed, [secret], [NOW])


def test_a_ping_is_signed_and_says_nothing() -> None:
    body = json.dumps({"topic": "ping", "id": None, "created_at": TOLD, "data": {"item": {"type": "ping"}}}).encode()

    intercom.verify(signed(body), body, [SECRET], [NOW])

    with pytest.raises(Ignored, match="ping"):
        intercom.translate({}, body, "demo", NOW)


# Conversations


def test_a_conversation_is_a_ticket_of_the_contact_who_began_it() -> None:
    opened = only("conversation.user.created", a_conversation())

    assert (opened.id, opened.source) == ("conversation-21322009097:ticket.opened", "intercom")
    assert (opened.type, opened.time) == ("ticket.opened", datetime(2026, 6, 10, 10, 12, 7, tzinfo=UTC))
    person = opened.data.customer
    assert (person.ids, person.email, person.name) == ({"intercom": "5c9553cb"}, "ana@example.com", "Ana Ruiz")
    assert person.id is None
    ticket = opened.data.ticket
    assert (ticket.id, ticket.by, ticket.channel, ticket.intent) == (
        "intercom:21322009097",
        "customer",
        "chat",
        "return",
    )
    assert (ticket.subject, ticket.text) == ("Mirror", "I want to return it")


def test_the_shape_of_api_1_is_read_too() -> None:
    """Times are seconds as text there, the person is `user`, and the first message has another name."""
    item = {
        "type": "conversation",
        "id": 123456789,
        "created_at": "1781086327",
        "user": {"type": "user", "id": "540f1de7", "name": "Ana Ruiz", "email": "ana@example.com"},
        "conversation_message": {"type": "conversation_message", "subject": "", "body": "<p>Hi</p>", "author": ANA},
        "conversation_parts": {"conversation_parts": []},
    }

    opened = only("conversation.user.created", item)

    assert (opened.time, opened.data.ticket.text) == (datetime(2026, 6, 10, 10, 12, 7, tzinfo=UTC), "Hi")
    assert (opened.data.customer.ids, opened.data.customer.email) == ({"intercom": "540f1de7"}, "ana@example.com")


@pytest.mark.parametrize(
    ("author", "by"),
    [
        ({"type": "lead", "id": "5c9553cb"}, "customer"),
        ({"type": "bot", "id": "9"}, "bot"),
        ({"type": "admin", "id": "9", "from_ai_agent": True}, "bot"),
        (ADMIN, "agent"),
        (None, "agent"),
    ],
)
def test_people_bots_and_customers_are_told_apart(author: dict[str, Any] | None, by: str) -> None:
    opened = only("conversation.user.created", a_conversation(source={"type": "email", "body": "x", "author": author}))

    assert (opened.data.ticket.by, opened.data.ticket.channel) == (by, "mail")


def test_an_answer_of_the_customer_has_the_number_of_its_part() -> None:
    replied = only("conversation.user.replied", a_conversation(a_part()))

    assert (replied.id, replied.type) == ("part-2824391734:ticket.replied", "ticket.replied")
    assert replied.time == datetime(2026, 6, 11, 10, tzinfo=UTC)
    assert (replied.data.ticket.by, replied.data.ticket.text) == ("customer", "Hello?")


def test_an_answer_of_ours_is_told_of_the_customer() -> None:
    replied = only("conversation.admin.replied", a_conversation(a_part(id="7", author=ADMIN, body="<p>Of course</p>")))

    assert replied.data.customer.ids == {"intercom": "5c9553cb"}
    assert (replied.data.ticket.by, replied.data.ticket.text) == ("agent", "Of course")


def test_a_bot_s_answer_is_no_person_s() -> None:
    item = a_conversation(a_part(author={"type": "bot", "id": "9"}))

    assert only("conversation.operator.replied", item).data.ticket.by == "bot"


def test_earlier_parts_are_told_again_under_their_own_numbers() -> None:
    earlier, new = a_part(id="1", body="<p>First</p>"), a_part(id="2", body="<p>Second</p>", created_at=TOLD)
    answer = a_part(id="3", author=ADMIN)

    replies = translated("conversation.user.replied", a_conversation(earlier, answer, new))

    assert [event.id for event in replies] == ["part-1:ticket.replied", "part-2:ticket.replied"]


@pytest.mark.parametrize("kind", ["note", "note_and_reopen"])
def test_a_note_is_no_answer(kind: str) -> None:
    with pytest.raises(NotUnderstood, match="conversation_parts"):
        translated("conversation.admin.replied", a_conversation(a_part(author=ADMIN, part_type=kind)))


def test_a_picture_is_an_answer_without_words_and_an_assignment_is_none() -> None:
    picture = a_part(author=ADMIN, body=None)
    assignment = a_part(id="8", author=ADMIN, part_type="assignment", body=None)

    replied = only("conversation.admin.replied", a_conversation(picture, assignment))

    assert (replied.id, replied.data.ticket.text) == ("part-2824391734:ticket.replied", None)


def test_what_was_redacted_is_not_kept() -> None:
    item = a_conversation(a_part(redacted=True), source={"body": "<p>my card</p>", "author": ANA, "redacted": True})

    assert only("conversation.user.replied", item).data.ticket.text is None
    assert only("conversation.user.created", item).data.ticket.text is None


def test_what_a_customer_writes_into_a_closed_conversation_opens_it_again_once() -> None:
    closed = {"statistics": {"last_close_at": "2026-06-12T10:00:00.000Z"}}
    item = a_conversation(a_part(created_at=TOLD), **closed)

    replied, reopened = translated("conversation.user.replied", item)

    assert reopened.id == "conversation-21322009097:ticket.reopened:2026-06-12T10:00:00.000Z"
    assert (reopened.type, reopened.time) == ("ticket.reopened", datetime(2026, 6, 13, 10, tzinfo=UTC))
    assert [event.type for event in translated("conversation.user.replied", a_conversation(a_part(), **closed))] == [
        "ticket.replied"
    ]
    assert (replied.data.ticket.by, reopened.data.ticket.by) == ("customer", "bot")


def test_somebody_in_copy_is_not_the_customer() -> None:
    both = {"contacts": {"contacts": [{"id": "5c9553cb"}, {"id": "77"}]}}
    copied = a_part(id="3", author={"type": "user", "id": "77", "email": "boss@example.com"})

    replied = only("conversation.user.replied", a_conversation(a_part(), copied, **both))

    assert (replied.id, replied.data.customer.email) == ("part-2824391734:ticket.replied", "ana@example.com")


def test_another_s_e_mail_is_not_the_customer_s() -> None:
    both = {"contacts": {"contacts": [{"id": None}, {"id": "5c9553cb"}, {"id": "77", "email": "boss@example.com"}]}}

    opened = only("conversation.user.created", a_conversation(**both, source={"body": "x", "author": None}))

    assert (opened.data.customer.ids, opened.data.customer.email) == ({"intercom": "5c9553cb"}, None)


def test_the_title_stands_for_a_subject() -> None:
    item = a_conversation(title="Mirror", source={"subject": "", "body": "x", "author": ANA})

    assert only("conversation.user.created", item).data.ticket.subject == "Mirror"


def test_words_that_come_with_an_assignment_are_an_answer() -> None:
    item = a_conversation(a_part(author=ADMIN, part_type="assignment", body="<p>Sam knows</p>"))

    assert only("conversation.admin.replied", item).data.ticket.text == "Sam knows"


def test_an_answer_without_its_time_wakes_nothing() -> None:
    item = a_conversation(a_part(created_at=None), statistics={"last_close_at": CLOSED})

    replied = only("conversation.user.replied", item)

    assert replied.time == datetime(2026, 6, 13, 10, tzinfo=UTC)


def test_without_parts_a_closing_is_told_and_an_answer_is_kept() -> None:
    item = a_conversation(conversation_parts=None)

    assert only("conversation.admin.closed", item).type == "ticket.resolved"
    with pytest.raises(NotUnderstood, match="conversation_parts"):
        translated("conversation.user.replied", item)


def test_the_closing_part_is_found_among_others() -> None:
    closing = a_part(id="8", part_type="close", body=None, author=ADMIN)

    assert only("conversation.admin.closed", a_conversation(a_part(), closing, a_part(id="9"))).id == (
        "part-8:ticket.resolved"
    )


def test_a_part_that_is_told_twice_is_one() -> None:
    assert len(translated("conversation.user.replied", a_conversation(a_part(body="a"), a_part(body="b")))) == 1


def test_a_conversation_is_resolved_by_its_closing_part() -> None:
    closing = a_part(id="8", part_type="close", body=None, author=ADMIN, created_at=CLOSED)

    resolved = only("conversation.admin.closed", a_conversation(closing))

    assert (resolved.id, resolved.type) == ("part-8:ticket.resolved", "ticket.resolved")
    assert (resolved.time, resolved.data.ticket.by) == (datetime(2026, 6, 12, 10, tzinfo=UTC), "agent")


def test_an_answer_that_closes_is_both() -> None:
    closing = a_part(id="8", part_type="close", body="<p>Done</p>", author=ADMIN)

    replied, resolved = translated("conversation.admin.closed", a_conversation(closing))

    assert (replied.id, replied.data.ticket.text) == ("part-8:ticket.replied", "Done")
    assert resolved.id == "part-8:ticket.resolved"


def test_without_its_part_a_closing_is_of_the_time_of_the_notification() -> None:
    resolved = only("conversation.admin.closed", a_conversation())

    assert (resolved.id, resolved.time) == ("notif_1:ticket.resolved", datetime(2026, 6, 13, 10, tzinfo=UTC))


def test_a_conversation_is_known_without_its_first_message_too() -> None:
    resolved = only("conversation.admin.closed", a_conversation(source=None))

    assert (resolved.data.customer.ids, resolved.data.ticket.channel) == ({"intercom": "5c9553cb"}, None)


def test_a_conversation_is_opened_again() -> None:
    reopened = only("conversation.admin.opened", a_conversation(a_part(id="9", part_type="open", author=ADMIN)))

    assert (reopened.id, reopened.type) == ("part-9:ticket.reopened", "ticket.reopened")


def test_a_rating_is_an_answer_on_csat_s_scale_and_a_later_remark_no_second_one() -> None:
    rating = {"rating": 2, "remark": None, "created_at": CLOSED, "contact": {"id": "5c9553cb"}}
    item = a_conversation(conversation_rating=rating)

    answered = only("conversation.rating.added", item)
    remarked = only("conversation.rating.remarked", a_conversation(conversation_rating={**rating, "remark": "Slow"}))

    assert answered.id == "rating-21322009097:survey.answered:2:2026-06-12T10:00:00.000Z"
    assert (answered.type, answered.time) == ("survey.answered", datetime(2026, 6, 13, 10, tzinfo=UTC))
    assert (answered.data.survey, answered.data.score, answered.data.ticket) == ("csat", 2, "intercom:21322009097")
    assert (remarked.id, remarked.data.text) == (answered.id, "Slow")


@pytest.mark.parametrize(("rating", "field"), [(None, "rating"), ({"rating": None}, "rating"), ({"rating": 6}, "csat")])
def test_a_rating_that_is_none_is_kept(rating: Any, field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        translated("conversation.rating.added", a_conversation(conversation_rating=rating))


def test_a_conversation_of_nobody_is_kept() -> None:
    with pytest.raises(NotUnderstood, match=r"data\.item\.contacts"):
        translated("conversation.user.created", a_conversation(contacts=None, source={"body": "x", "author": ADMIN}))


# Tickets


def a_ticket(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    ticket = {
        "type": "ticket",
        "id": "215472629548109",
        "ticket_id": "66044663",
        "category": "Customer",
        "ticket_attributes": {"_default_title_": "Mirror", "_default_description_": "It came <b>broken</b>"},
        "ticket_state": {"type": "ticket_state", "category": "submitted"},
        "contacts": {"contacts": [{"type": "contact", "id": "5c9553cb"}]},
        "created_at": OPENED,
        "updated_at": TOLD,
        "ticket_parts": {"ticket_parts": [*parts]},
    }
    return ticket | changes


def a_change(was: str, now: str) -> dict[str, Any]:
    return a_part(
        id="8",
        part_type="ticket_state_updated_by_admin",
        previous_ticket_state=was,
        ticket_state=now,
        body=None,
        author=ADMIN,
        created_at=CLOSED,
    )


def test_a_ticket_is_its_customer_s() -> None:
    opened = only("ticket.created", a_ticket())

    assert (opened.id, opened.type) == ("conversation-215472629548109:ticket.opened", "ticket.opened")
    assert opened.data.customer.ids == {"intercom": "5c9553cb"}
    ticket = opened.data.ticket
    assert (ticket.by, ticket.subject, ticket.text) == ("customer", "Mirror", "It came broken")


@pytest.mark.parametrize(
    ("topic", "author", "by"), [("ticket.contact.replied", ANA, "customer"), ("ticket.admin.replied", ADMIN, "agent")]
)
def test_an_answer_on_a_ticket_has_the_number_of_its_part(topic: str, author: dict[str, Any], by: str) -> None:
    replied = only(topic, {"ticket": a_ticket(), "ticket_part": a_part(author=author)})

    assert (replied.id, replied.data.ticket.id) == ("part-2824391734:ticket.replied", "intercom:215472629548109")
    assert (replied.data.ticket.by, replied.data.ticket.text) == (by, "Hello?")


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [("in_progress", "resolved", "ticket.resolved"), ("resolved", "submitted", "ticket.reopened")],
)
def test_a_ticket_is_resolved_and_reopened_by_its_state(was: str, now: str, kind: str) -> None:
    changed = only("ticket.state.updated", a_ticket(a_change("submitted", "in_progress"), a_change(was, now)))

    assert (changed.id, changed.time) == (f"part-8:{kind}", datetime(2026, 6, 12, 10, tzinfo=UTC))


def test_what_leaves_a_ticket_as_open_as_it_was_is_ignored() -> None:
    with pytest.raises(Ignored):
        translated("ticket.state.updated", a_ticket(a_change("submitted", "in_progress")))


def test_a_change_from_nothing_to_nothing_is_kept() -> None:
    with pytest.raises(NotUnderstood, match="ticket_parts"):
        translated("ticket.state.updated", a_ticket())


@pytest.mark.parametrize("category", ["Back-office", "Tracker"])
def test_the_merchant_s_own_tickets_are_no_customer_s(category: str) -> None:
    with pytest.raises(Ignored):
        translated("ticket.created", a_ticket(category=category))


# Contacts


@pytest.mark.parametrize(
    "topic", ["user.created", "contact.user.created", "contact.email.updated", "contact.lead.added_email"]
)
def test_a_contact_ties_the_conversations_to_the_customer(topic: str) -> None:
    contact = {**ANA, "role": "user", "external_id": "17", "phone": "+5215555550134", "language_override": "es"}

    updated = only(topic, {**contact, "created_at": "1401970114"})

    assert (updated.id, updated.time) == ("notif_1:customer.updated", datetime(2026, 6, 13, 10, tzinfo=UTC))
    person = updated.data.customer
    assert (person.ids, person.email, person.phone) == ({"intercom": "5c9553cb"}, "ana@example.com", "+5215555550134")
    assert (person.name, person.locale, person.id) == ("Ana Ruiz", "es", None)


def test_an_anonymous_lead_is_ignored() -> None:
    with pytest.raises(Ignored, match="e-mail"):
        translated("contact.lead.created", {"type": "contact", "id": "1", "email": "", "phone": None})


def test_two_contacts_that_intercom_has_merged_are_told_as_one_person() -> None:
    merged = only("contact.merged", {**ANA, "merged_from": {"type": "contact", "id": "6a3b2c4d"}})

    assert merged.type == "customer.updated"
    assert merged.data.customer.ids == {"intercom": "5c9553cb"}
    assert merged.data.customer.former == {"intercom": "6a3b2c4d"}


@pytest.mark.parametrize(
    "item", [ANA, {**ANA, "merged_from": {"type": "contact"}}, {"merged_from": {"id": "6a3b2c4d"}}]
)
def test_a_merger_of_nobody_is_kept(item: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood, match=r"data\.item\.merged_from\.id"):
        translated("contact.merged", item)


def test_a_notification_without_number_is_known_by_its_content() -> None:
    def told(email: str) -> str:
        item = {"type": "user", "id": "1", "email": email}
        body = json.dumps({"topic": "user.created", "created_at": TOLD, "data": {"item": item}}).encode()
        (event,) = intercom.translate({}, body, "demo", NOW)
        return event.id

    assert told("ana@example.com") == told("ana@example.com") != told("eva@example.com")


@pytest.mark.parametrize("topic", ["contact.deleted", "user.deleted"])
def test_a_deleted_contact_deletes_nobody_and_is_for_a_person_to_look_at(topic: str) -> None:
    with pytest.raises(NotUnderstood, match="erase the customer here too"):
        translated(topic, {"type": "contact", "id": "5c9553cb", "deleted": True})


# Consent


def a_subscription(*kinds: str) -> dict[str, Any]:
    lists = [{"type": "subscription", "content_types": [*kinds]}] if kinds else []
    return {"type": "contact_unsubscribe", "contact": ANA, "subscription_types": {"type": "list", "data": lists}}


@pytest.mark.parametrize(
    ("topic", "item", "granted"),
    [
        ("contact.unsubscribed", a_subscription(), False),
        ("user.unsubscribed", {**ANA, "unsubscribed_from_emails": True}, False),
        ("granular.unsubscribe", a_subscription("email"), False),
        ("contact.subscribed", a_subscription(), True),
    ],
)
def test_who_unsubscribes_there_gets_no_marketing_here(topic: str, item: dict[str, Any], granted: bool) -> None:
    changed = only(topic, item)

    assert (changed.id, changed.type) == ("notif_1:consent.changed:email", "consent.changed")
    data = changed.data
    assert (data.purpose, data.channel, data.granted, data.method) == ("marketing", "email", granted, "intercom")
    assert (data.customer.ids, data.customer.email) == ({"intercom": "5c9553cb"}, "ana@example.com")


def test_each_channel_of_a_list_is_left() -> None:
    changed = translated("granular.unsubscribe", a_subscription("email", "sms_message", "push"))

    assert [(event.id, event.data.channel) for event in changed] == [
        ("notif_1:consent.changed:email", "email"),
        ("notif_1:consent.changed:sms", "sms"),
    ]


def test_sms_is_left_alone() -> None:
    changed = only("contact.unsubscribed_from_sms", a_subscription())

    assert (changed.data.channel, changed.data.granted) == ("sms", False)


def test_a_list_that_we_cannot_send_to_changes_nothing() -> None:
    with pytest.raises(Ignored, match="e-mail or SMS"):
        translated("granular.unsubscribe", a_subscription("push"))


def test_to_be_on_one_of_intercom_s_lists_allows_us_nothing() -> None:
    with pytest.raises(Ignored):
        translated("granular.subscribe", a_subscription("email"))


# The rest


@pytest.mark.parametrize("topic", sorted(intercom.HOUSEKEEPING | intercom.UNREAD.keys()))
def test_what_changes_nothing_is_ignored(topic: str) -> None:
    with pytest.raises(Ignored, match=topic):
        translated(topic, a_conversation())


@pytest.mark.parametrize("topic", ["company.created", "ticket.rating.provided", ""])
def test_an_unknown_topic_is_kept(topic: str) -> None:
    with pytest.raises(NotUnderstood, match="topic"):
        translated(topic, {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "topic"),
        ([], "body"),
        ({"topic": "user.created"}, "data"),
        ({"topic": "user.created", "data": {"item": {"email": "a@example.com"}}}, r"data\.item\.id"),
        ({"topic": "user.unsubscribed", "data": {"item": {}}}, r"data\.item\.contact\.id"),
        ({"topic": "conversation.user.created", "data": {"item": {"id": 1, "created_at": "soon"}}}, "created_at"),
        ({"topic": "conversation.user.created", "data": {"item": {"id": 1, "created_at": 10**30}}}, "created_at"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_told_by_its_name(body: Any, field: str) -> None:
    with pytest.raises(NotUnderstood, match=field):
        intercom.translate({}, json.dumps(body).encode(), "demo", NOW)


@pytest.mark.parametrize("topic", sorted(intercom.TOPICS))
def test_delivered_again_it_is_the_same(topic: str) -> None:
    item = a_conversation(
        a_part(), a_part(id="7", author=ADMIN), conversation_rating={"rating": 4}, email="a@example.com"
    )
    item["merged_from"] = {"id": "8"}

    def told() -> Any:
        try:
            return translated(topic, item)
        except NotUnderstood as why:
            return str(why)

    assert told() == told()
