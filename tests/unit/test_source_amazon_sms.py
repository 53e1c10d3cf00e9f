"""What AWS tells of SMS, in each of the shapes that it has had; and what customers text back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perennial.domain.events import Event, MessageData
from perennial.domain.label import Label
from perennial.sources import Ignored, NotUnderstood, amazon_sms, sns
from tests.builders import NOON

THEM = "+525555550134"
CONTEXT = Label(action="a-1", customer="c0ffee", store="berlin", play="dispatched").written()
AT = datetime(2026, 6, 15, 11, 0, 3, 470000, tzinfo=UTC)
MILLISECONDS = 1781521203470


def a_receipt(kind: str, context: Any = CONTEXT, **more: Any) -> bytes:
    told = {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": MILLISECONDS,
        "isFinal": True,
        "destinationPhoneNumber": THEM,
        "messageId": "sms-1",
        "messageStatusDescription": f"{THEM} is off",
        "context": context,
    }
    return json.dumps(told | more).encode()


def a_record(kind: str, status: str | None, context: str | None = json.dumps(CONTEXT), **more: Any) -> bytes:
    attributes = {
        "record_status": status,
        "message_id": "sms-1",
        "destination_phone_number": THEM,
        "customer_context": context,
    }
    told = {"event_type": kind, "event_timestamp": MILLISECONDS, "attributes": attributes | more}
    return json.dumps(told).encode()


def a_text(said: str, **more: Any) -> bytes:
    told = {"originationNumber": THEM, "destinationNumber": "+14155550100", "messageBody": said, "messageKeyword": "X"}
    return json.dumps({**told, "inboundMessageId": "in-1", **more}).encode()


def events(body: bytes) -> tuple[Event, ...]:
    return sns.translate({}, body, "demo", NOON)


def only(body: bytes) -> Event:
    (event,) = events(body)
    return event


@pytest.mark.parametrize("body", [a_receipt("TEXT_DELIVERED"), a_record("_SMS.SUCCESS", "DELIVERED")])
def test_an_sms_of_ours_is_known_by_its_context(body: bytes) -> None:
    event = only(body)

    assert (event.type, event.id) == ("message.delivered", "sms-1:DELIVERED:message.delivered")
    assert (event.source, event.store, event.customer, event.time) == ("amazon_sms", "berlin", "c0ffee", AT)
    assert isinstance(event.data, MessageData)
    assert (event.data.action, event.data.channel, event.data.play) == ("a-1", "sms", "dispatched")
    assert THEM not in event.to_json()


def test_the_carrier_s_word_is_the_last_only_where_no_other_is_to_come() -> None:
    assert only(a_receipt("TEXT_SUCCESSFUL")).type == "message.delivered"
    with pytest.raises(Ignored):
        events(a_receipt("TEXT_SUCCESSFUL", isFinal=False))


@pytest.mark.parametrize(("word", "reason"), amazon_sms.FAILED.items())
def test_a_failure_says_why_in_our_words(word: str, reason: str) -> None:
    for body in (a_receipt(f"TEXT_{word}"), a_record("_SMS.FAILURE", word)):
        event = only(body)
        assert (event.type, event.data.reason) == ("message.failed", reason)  # type: ignore[union-attr]


def test_a_number_that_is_none_bounces_whoever_wrote_to_it() -> None:
    ours, others = only(a_receipt("TEXT_INVALID")), only(a_receipt("TEXT_INVALID", context=None))

    assert (ours.type, ours.customer, ours.data.customer.phone) == ("message.bounced", "c0ffee", None)
    assert (others.type, others.customer, others.data.customer.phone) == ("message.bounced", None, THEM)


@pytest.mark.parametrize(
    "body",
    [
        a_receipt("TEXT_DELIVERED", context=None),
        a_receipt("TEXT_DELIVERED", context={"account": "bar"}),
        a_receipt("TEXT_BLOCKED", context={}),
        a_record("_SMS.SUCCESS", "DELIVERED", None),
        a_record("_SMS.SUCCESS", "DELIVERED", "no json"),
        a_record("_SMS.SUCCESS", "DELIVERED", "[1]"),
    ],
)
def test_what_others_send_is_not_ours(body: bytes) -> None:
    with pytest.raises(Ignored, match="not sent by Perennial"):
        events(body)


@pytest.mark.parametrize(
    "body",
    [
        a_receipt("TEXT_QUEUED"),
        a_receipt("TEXT_PENDING"),
        a_receipt("TEXT_SENT"),
        a_record("_SMS.BUFFERED", None),
        a_record("_SMS.BUFFERED", "PENDING"),
        a_receipt("VOICE_COMPLETED"),
        a_receipt("MEDIA_DELIVERED"),
        a_receipt("RCS_READ"),
    ],
)
def test_what_is_on_its_way_or_of_another_channel_is_ignored(body: bytes) -> None:
    with pytest.raises(Ignored):
        events(body)


def test_an_opt_out_that_aws_tells_is_an_objection_for_every_purpose() -> None:
    told = events(a_record("_SMS.OPTOUT", None, None))

    assert [(each.data.purpose, each.data.granted) for each in told] == [("marketing", False), ("service", False)]  # type: ignore[union-attr]
    assert {each.data.customer.phone for each in told} == {THEM}
    assert {each.time for each in told} == {AT}


def test_one_word_ends_messages_and_another_brings_them_back() -> None:
    stopped, started = events(a_text(" Stop. ")), events(a_text("START"))

    assert [(each.type, each.data.granted) for each in stopped] == [("consent.changed", False)] * 2  # type: ignore[union-attr]
    assert [(each.type, each.data.granted) for each in started] == [("consent.changed", True)] * 2  # type: ignore[union-attr]
    assert len({each.id for each in stopped}) == 2
    assert {each.time for each in stopped} == {NOON + timedelta(hours=1, milliseconds=-1)}
    assert {each.time for each in started} == {NOON}


def test_anything_else_is_a_reply_to_be_read() -> None:
    reply = only(a_text("Where is it?", previousPublishedMessageId="sms-1"))

    assert (reply.type, reply.id, reply.data.customer.phone) == ("message.replied", "in-1:message.replied", THEM)
    assert (reply.data.action, reply.data.text) == ("sms-1", "Where is it?")  # type: ignore[union-attr]
    assert only(a_text("Hello")).data.action == "in-1"  # type: ignore[union-attr]


@pytest.mark.parametrize("said", ["HELP", "ayuda"])
def test_a_cry_for_help_that_aws_passes_on_is_ours_to_answer(said: str) -> None:
    reply = only(a_text(said))

    assert (reply.type, reply.data.keyword, reply.data.text) == ("message.replied", "help", said)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body",
    [
        a_receipt("TEXT_TELEPORTED"),
        a_record("_SMS.SUCCESS", "EATEN"),
        a_receipt("TEXT_DELIVERED", messageId=None),
        a_receipt("TEXT_DELIVERED", eventTimestamp=10**40),
        a_receipt("TEXT_DELIVERED", eventTimestamp=0),
        json.dumps({"event_type": "_SMS.SUCCESS"}).encode(),
        json.dumps({"inboundMessageId": "in-1"}).encode(),
    ],
)
def test_what_it_should_not_tell_is_kept_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        events(body)
