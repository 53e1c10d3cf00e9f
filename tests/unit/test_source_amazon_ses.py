"""What SES tells of emails: of ours by their label, of others' only what makes an address unreachable."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perennial.domain.events import Event, MessageData, MessageSent
from perennial.domain.label import Label
from perennial.sources import Ignored, NotUnderstood, sns
from perennial.sources.amazon_ses import AT_ONCE
from tests.builders import NOON

AT = datetime(2026, 6, 15, 11, 0, 5, tzinfo=UTC)
SENT = datetime(2026, 6, 15, 10, 59, tzinfo=UTC)
OURS = Label(
    action="a-1", customer="c0ffee", store="berlin", play="welcome", template="hello", purpose="marketing", at=NOON
)


def told(kind: str, tags: dict[str, str] | None = None, name: str = "eventType", **more: Any) -> bytes:
    mail = {
        "messageId": "ses-1",
        "timestamp": "2026-06-15T10:59:00Z",
        "source": "hello@shop.example.com",
        "destination": ["mia@example.com"],
        "tags": {key: [value] for key, value in (tags or {}).items()} | {"ses:from-domain": ["shop.example.com"]},
    }
    return json.dumps({name: kind, "mail": mail, **more}).encode()


def events(body: bytes) -> tuple[Event, ...]:
    return sns.translate({}, body, "demo", NOON)


def of_ours(kind: str, **more: Any) -> Event:
    (event,) = events(told(kind, OURS.written(), **more))
    return event


def at(moment: datetime = AT, **more: Any) -> dict[str, Any]:
    return {"timestamp": moment.isoformat(), **more}


def a_bounce(bounce_type: str = "Permanent", sub_type: str = "General", *emails: str) -> dict[str, Any]:
    return at(
        bounceType=bounce_type,
        bounceSubType=sub_type,
        bouncedRecipients=[
            {"emailAddress": email, "diagnosticCode": f"550 {email} unknown"}
            for email in emails or ("mia@example.com",)
        ],
    )


@pytest.mark.parametrize(
    ("kind", "more", "event_type", "about"),
    [
        ("Delivery", {"delivery": at(smtpResponse="250 mia@example.com")}, "message.delivered", ""),
        ("Open", {"open": at(ipAddress="192.0.2.1")}, "message.opened", ":2026-06-15T11:00:05.000Z"),
        ("Click", {"click": at(link="https://x/?m=mia")}, "message.clicked", ":2026-06-15T11:00:05.000Z"),
        ("Bounce", {"bounce": a_bounce()}, "message.bounced", ":0"),
        ("Complaint", {"complaint": at(complaintFeedbackType="abuse")}, "message.complained", ":0"),
    ],
)
def test_an_email_of_ours_is_known_by_its_label(kind: str, more: Any, event_type: str, about: str) -> None:
    event = of_ours(kind, **more)

    assert (event.type, event.id, event.source) == (event_type, f"ses-1:{event_type}{about}", "amazon_ses")
    assert (event.customer, event.store, event.time) == ("c0ffee", "berlin", AT)
    assert isinstance(event.data, MessageData)
    assert (event.data.action, event.data.channel, event.data.provider_id) == ("a-1", "email", "ses-1")
    assert (event.data.play, event.data.template, event.data.purpose) == ("welcome", "hello", "marketing")
    assert "mia" not in event.to_json()


@pytest.mark.parametrize(
    ("kind", "later", "agent", "is_read"),
    [
        ("Open", AT_ONCE, "Mozilla/5.0 (Windows NT 5.1; rv:11.0) (via ggpht.com GoogleImageProxy)", True),
        ("Open", AT_ONCE, None, True),
        ("Click", AT_ONCE, "Mozilla/5.0 (iPhone)", True),
        ("Open", AT_ONCE - timedelta(milliseconds=1), "Mozilla/5.0 (iPhone)", False),
        ("Click", -AT_ONCE, "Mozilla/5.0 (iPhone)", False),
        ("Open", 3 * AT_ONCE, "Mozilla/5.0", False),
    ],
)
def test_an_open_tells_when_a_person_read_and_not_when_a_machine_did(
    kind: str, later: timedelta, agent: str | None, is_read: bool
) -> None:
    read_at = SENT + later

    event = of_ours(kind, **{kind.lower(): at(read_at, userAgent=agent)})

    assert isinstance(event.data, MessageData)
    assert (event.time, event.data.read_at) == (read_at, read_at if is_read else None)


def test_an_open_of_which_nobody_knows_when_it_was_tells_no_hour() -> None:
    event = of_ours("Open", open={"userAgent": "Mozilla/5.0 (iPhone)"})

    assert isinstance(event.data, MessageData)
    assert event.data.read_at is None


def test_that_it_was_sent_is_the_outcome_that_its_sender_would_have_told() -> None:
    event = of_ours("Send", send={})

    assert isinstance(event, MessageSent)
    assert (event.source, event.id, event.time, event.customer) == ("perennial/outbox", "a-1:outcome", NOON, "c0ffee")
    assert (event.data.provider_id, event.data.purpose, event.data.channel) == ("ses-1", "marketing", "email")


def test_that_it_was_sent_is_nobody_s_to_tell_without_the_time_of_its_outcome() -> None:
    with pytest.raises(Ignored):
        events(told("Send", {"action": "a-1", "customer": "c0ffee", "store": "demo"}))


@pytest.mark.parametrize("kind", ["Delivery", "Open", "Click", "Send", "Reject", "Rendering Failure"])
@pytest.mark.parametrize("tags", [{}, {"action": "spring"}, {"action": "a b", "customer": "c", "store": "demo"}])
def test_what_others_send_is_not_ours(kind: str, tags: dict[str, str]) -> None:
    with pytest.raises(Ignored, match="not sent by Perennial"):
        events(told(kind, tags))


@pytest.mark.parametrize("name", ["eventType", "notificationType"])
def test_an_address_that_bounces_for_good_bounces_for_us_too_whoever_wrote(name: str) -> None:
    bounce = a_bounce("Permanent", "NoEmail", "mia@example.com", "Ana <ana@example.com>", "mia@example.com")

    one, other = events(told("Bounce", name=name, bounce=bounce))

    assert [each.data.customer.email for each in (one, other)] == ["mia@example.com", "ana@example.com"]
    assert [each.id for each in (one, other)] == ["ses-1:message.bounced:0", "ses-1:message.bounced:1"]
    assert {each.data.reason for each in (one, other)} == {"bounced for good: NoEmail"}  # type: ignore[union-attr]
    assert one.customer is None


@pytest.mark.parametrize(
    ("bounce_type", "sub_type", "reason"),
    [
        ("Transient", "MailboxFull", "bounced for now: MailboxFull"),
        ("Undetermined", "Undetermined", "bounced, nobody says why: Undetermined"),
        ("Sudden", "mia@example.com", "bounced, nobody says why: Undetermined"),
    ],
)
def test_a_bounce_that_may_pass_is_a_failure_of_this_message_only(bounce_type: str, sub_type: str, reason: str) -> None:
    event = of_ours("Bounce", bounce=a_bounce(bounce_type, sub_type))

    assert (event.type, event.data.reason) == ("message.failed", reason)  # type: ignore[union-attr]
    with pytest.raises(Ignored):
        events(told("Bounce", bounce=a_bounce(bounce_type, sub_type)))


def test_no_words_of_a_mail_server_are_kept() -> None:
    for event in events(told("Bounce", bounce=a_bounce("Permanent", "550 mia@example.com unknown"))):
        assert event.data.reason == "bounced for good: Undetermined"  # type: ignore[union-attr]
        assert "unknown" not in event.to_json()


def test_a_complaint_counts_whoever_wrote_and_taking_it_back_is_none() -> None:
    complaint = at(complainedRecipients=[{"emailAddress": "mia@example.com"}], complaintFeedbackType="abuse")

    (event,) = events(told("Complaint", complaint=complaint))

    assert (event.type, event.data.customer.email) == ("message.complained", "mia@example.com")
    with pytest.raises(Ignored):
        events(told("Complaint", complaint={**complaint, "complaintFeedbackType": "not-spam"}))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Reject", "SES refused it: it found a virus"),
        ("Rendering Failure", "SES could not fill its template"),
        ("RenderingFailure", "SES could not fill its template"),
    ],
)
def test_what_ses_does_not_send_failed(kind: str, reason: str) -> None:
    event = of_ours(kind, reject={"reason": "Bad content"}, failure={"errorMessage": "Ana's name is missing"})

    assert (event.type, event.data.reason) == ("message.failed", reason)  # type: ignore[union-attr]


def test_an_unsubscription_is_an_objection_to_emails() -> None:
    subscription = at(contactList="all", newTopicPreferences={"unsubscribeAll": True})

    ours = of_ours("Subscription", subscription=subscription)
    (others,) = events(told("Subscription", subscription=subscription))

    assert (ours.type, ours.customer, ours.data.customer.email) == ("consent.changed", "c0ffee", None)
    assert (others.customer, others.data.customer.email) == (None, "mia@example.com")
    assert [(each.data.channel, each.data.granted) for each in (ours, others)] == [("email", False)] * 2  # type: ignore[union-attr]
    with pytest.raises(Ignored):
        of_ours("Subscription", subscription=at(newTopicPreferences={"unsubscribeAll": False}))


@pytest.mark.parametrize("kind", ["DeliveryDelay", "AmazonSnsSubscriptionSucceeded"])
def test_what_changes_nothing_is_ignored(kind: str) -> None:
    with pytest.raises(Ignored):
        events(told(kind, OURS.written()))


def test_without_a_time_of_its_own_an_event_is_as_old_as_its_email() -> None:
    assert of_ours("Delivery", delivery={}).time == datetime(2026, 6, 15, 10, 59, tzinfo=UTC)


@pytest.mark.parametrize("body", [told("Teleport"), told("Bounce", bounce=at(bounceType="Permanent")), told("Bounce")])
def test_what_it_should_not_tell_is_kept_or_not_ours(body: bytes) -> None:
    with pytest.raises((NotUnderstood, Ignored)):
        events(body)


def test_a_bounce_of_nobody_is_kept_with_a_reason() -> None:
    with pytest.raises(NotUnderstood, match="recipient"):
        events(told("Bounce", bounce=at(bounceType="Permanent", bouncedRecipients=[{"emailAddress": " "}])))
