"""Twilio is asked once for each SMS, and its answers are told apart: taken, refused, busy, or nobody knows."""

from datetime import timedelta
from typing import Any

import pytest
from urllib3.exceptions import ConnectTimeoutError, ProtocolError

from perennial.aws.sender_keys import TwilioKey
from perennial.aws.twilio import Twilio
from perennial.channels.provider import OptedOut, OutcomeUnknown, Rejected, Spent, Throttled, Unavailable
from perennial.channels.render import Message
from tests.integration.test_senders import a_message
from tests.posting import Wire

ACCOUNT = "AC" + "0" * 32
KEY = TwilioKey(account=ACCOUNT, user="SK" + "1" * 32, password="hush", sender="+34600000000")
TAKEN = (201, {"sid": "SM1"})


def an_sms(**overrides: Any) -> Message:
    return a_message(**{"channel": "sms", "to": "+34612345678", "subject": "", **overrides})


def send(wire: Wire, key: TwilioKey | None = KEY, door: str = "https://hooks.example", **message: Any) -> str:
    return Twilio(wire.pool, lambda: key, door).send(an_sms(**message))


def test_twilio_is_given_the_message_and_where_to_tell_what_became_of_it() -> None:
    wire = Wire([TAKEN])

    assert send(wire) == "SM1"

    [asked] = wire.posted
    assert asked.url == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert asked.headers["authorization"].startswith("Basic ")
    assert asked.form == {
        "To": "+34612345678",
        "From": "+34600000000",
        "Body": "Hola, Mia:\n\n你好",
        "ValidityPeriod": "7200",
        "StatusCallback": "https://hooks.example/webhooks/twilio/demo?action=a-1",
    }


def test_a_messaging_service_sends_in_the_place_of_a_number() -> None:
    wire, service = Wire([TAKEN]), "MG" + "2" * 32

    send(wire, KEY.model_copy(update={"sender": service}))

    assert wire.posted[0].form["MessagingServiceSid"] == service
    assert "From" not in wire.posted[0].form


@pytest.mark.parametrize(("expires_in", "seconds"), [(0, 1), (7200, 7200), (86_400, 36_000)])
def test_a_message_does_not_wait_with_twilio_longer_than_it_is_good_for(expires_in: int, seconds: int) -> None:
    wire = Wire([TAKEN])

    send(wire, expires_in=timedelta(seconds=expires_in))

    assert wire.posted[0].form["ValidityPeriod"] == str(seconds)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((400, {"code": 21610, "message": "+34612345678 is unsubscribed"}), OptedOut),
        ((400, {"code": 21211}), Rejected),
        ((400, {"code": 99999}), Unavailable),
        ((401, {"code": 20003}), Unavailable),
        ((429, {"code": 20429}), Throttled),
        ((429, {"code": 63038}), Spent),
        ((403, {"code": 20005}), Spent),
        ((401, {"code": 10001}), Spent),
        ((403, {"code": 90010}), Spent),
        ((404, b"<html>"), Unavailable),
        ((500, {}), OutcomeUnknown),
        ((503, b""), OutcomeUnknown),
        (ConnectTimeoutError("no"), Unavailable),
        (ProtocolError("cut off"), OutcomeUnknown),
    ],
)
def test_what_twilio_answers_is_told_apart_and_quotes_nobody(answer: Any, meaning: type[Exception]) -> None:
    wire = Wire([answer])

    with pytest.raises(meaning) as told:
        send(wire)

    assert type(told.value) is meaning
    assert len(wire.posted) == 1
    assert "34612345678" not in str(told.value)


def test_without_a_key_nothing_is_asked() -> None:
    wire = Wire([TAKEN])

    with pytest.raises(Unavailable):
        send(wire, None)

    assert wire.posted == []
