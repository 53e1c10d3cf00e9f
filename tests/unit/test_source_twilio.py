"""Twilio's requests: the address and the form are signed together, and a STOP is heard however it comes."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.signing import TWILIO_CALLS, signed
from perennial.domain.events import ConsentChanged, Event, MessageBounced, MessageDelivered, MessageFailed
from perennial.sources import URL, Forged, Ignored, NotUnderstood, twilio
from perennial.sources.opting import until_the_hour_ends
from perennial.sources.signatures import hmac_sha1_base64
from tests.properties.strategies import examples

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-token"
THEM, US = "+525555550134", "+14155550100"


def a_form(**parameters: str) -> bytes:
    return urlencode(parameters).encode()


def a_callback(status: str = "delivered", **more: str) -> bytes:
    return a_form(MessageSid="SM1", SmsSid="SM1", MessageStatus=status, SmsStatus=status, To=THEM, From=US, **more)


def a_text(said: str, **more: str) -> bytes:
    return a_form(MessageSid="SM2", SmsSid="SM2", SmsStatus="received", From=THEM, To=US, Body=said, **more)


def headers_for(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {name.lower(): value for name, value in signed("twilio", body, {}, secret, NOW).items()}


def signed_for(url: str, secret: str = SECRET) -> str:
    return hmac_sha1_base64(secret, url.encode()).decode()


def translated(body: bytes, url: str = TWILIO_CALLS) -> tuple[Event, ...]:
    return twilio.translate({URL: url}, body, "demo", NOW)


# ---------------------------------------------------------------- trust


def test_address_and_form_are_signed_together() -> None:
    body = a_callback()
    headers = headers_for(body)

    twilio.verify(headers, body, ["another-token", SECRET], [NOW])

    for forged, sent, secret in (
        (headers, body + b"&x=1", SECRET),
        (headers, a_callback("failed"), SECRET),
        (headers, body, "the-token-of-others"),
        ({**headers, URL: TWILIO_CALLS + "?action=a1"}, body, SECRET),
        ({URL: TWILIO_CALLS}, body, SECRET),
        ({"x-twilio-signature": headers["x-twilio-signature"]}, body, SECRET),
    ):
        with pytest.raises(Forged):
            twilio.verify(forged, sent, [secret], [NOW])


def test_parameters_are_signed_in_the_order_of_their_names_with_each_value_once() -> None:
    body = b"b=2&a=1&b=1&b=2&c="
    signature = signed_for(f"{TWILIO_CALLS}a1b1b2c")

    twilio.verify({URL: TWILIO_CALLS, "x-twilio-signature": signature}, body, [SECRET], [NOW])


@pytest.mark.parametrize(
    ("called", "signed_as"),
    [
        ("https://hooks.example.com/t?x=1", "https://hooks.example.com:443/t?x=1"),
        ("https://hooks.example.com:8443/t", "https://hooks.example.com/t"),
        ("https://hooks.example.com/t", "https://hooks.example.com/t"),
    ],
)
def test_the_address_may_be_signed_with_its_port_or_without(called: str, signed_as: str) -> None:
    twilio.verify({URL: called, "x-twilio-signature": signed_for(signed_as)}, b"", [SECRET], [NOW])


def test_a_body_that_is_no_form_is_signed_by_its_digest_in_the_address() -> None:
    body = b'{"a":1}'
    url = f"{TWILIO_CALLS}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {URL: url, "x-twilio-signature": signed_for(url)}

    twilio.verify(headers, body, [SECRET], [NOW])

    with pytest.raises(Forged):
        twilio.verify(headers, b'{"a":2}', [SECRET], [NOW])


def test_twilio_s_own_example_is_accepted() -> None:
    """The one that its libraries are tested with."""
    body = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
    headers = {URL: "https://mycompany.com/myapp.php?foo=1&bar=2", "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}

    twilio.verify(headers, body, ["12345"], [NOW])


# ---------------------------------------------------------------- what became of a message


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_a_message_that_arrived(status: str) -> None:
    (event,) = translated(a_callback(status))

    assert isinstance(event, MessageDelivered)
    assert event.id == f"SM1:{status}:message.delivered"
    assert (event.data.action, event.data.provider_id, event.data.channel) == ("SM1", "SM1", "sms")
    assert event.data.customer.phone == THEM


def test_the_address_of_a_callback_may_name_the_action() -> None:
    (event,) = translated(a_callback(), f"{TWILIO_CALLS}?action=a17&x=1")

    assert isinstance(event, MessageDelivered)
    assert (event.data.action, event.data.provider_id) == ("a17", "SM1")


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_message_that_failed_says_why_by_twilio_s_number_for_it(status: str) -> None:
    (event,) = translated(a_callback(status, ErrorCode="30003", ErrorMessage=f"{THEM} is switched off"))

    assert isinstance(event, MessageFailed)
    assert event.data.reason == "twilio: 30003"


@pytest.mark.parametrize("code", ["", "it was ana@example.com's", "1" * 7])
def test_what_is_no_number_of_twilio_s_is_no_reason(code: str) -> None:
    (event,) = translated(a_callback("failed", ErrorCode=code))

    assert event.data.reason == "twilio: no reason"  # type: ignore[union-attr]


@pytest.mark.parametrize("code", sorted(twilio.NOBODY_THERE))
def test_a_number_that_never_will_take_a_message_bounces(code: str) -> None:
    (event,) = translated(a_callback("undelivered", ErrorCode=code))

    assert isinstance(event, MessageBounced)


def test_a_message_refused_because_of_a_stop_is_an_objection() -> None:
    failed, *objections = translated(a_callback("failed", ErrorCode="21610"))

    assert isinstance(failed, MessageFailed)
    assert [objection_of(each) for each in objections] == [("marketing", False, THEM), ("service", False, THEM)]


@pytest.mark.parametrize("status", ["accepted", "scheduled", "queued", "sending", "sent", "canceled"])
def test_a_message_on_its_way_is_no_news(status: str) -> None:
    with pytest.raises(Ignored):
        translated(a_callback(status))


# ---------------------------------------------------------------- what customers text


def objection_of(event: Event) -> tuple[str, bool, str | None]:
    assert isinstance(event, ConsentChanged)
    assert event.data.channel == "sms"
    return event.data.purpose, event.data.granted, event.data.customer.phone


@pytest.mark.parametrize("said", ["STOP", " stop. ", "Stopall", "ＳＴＯＰ", "Arrêt", "BAJA", "退订", "“Stop!”", "T"])
def test_one_word_ends_messages_for_every_purpose(said: str) -> None:
    events = translated(a_text(said))

    assert [objection_of(each) for each in events] == [("marketing", False, THEM), ("service", False, THEM)]
    assert {each.time for each in events} == {datetime(2026, 6, 15, 12, 59, 59, 999000, tzinfo=UTC)}
    assert len({each.id for each in events}) == 2


def test_twilio_s_reading_of_a_text_goes_before_ours() -> None:
    assert [objection_of(each)[1] for each in translated(a_text("genug davon", OptOutType="STOP"))] == [False, False]


def test_start_brings_back_what_stop_took() -> None:
    assert [objection_of(each)[1] for each in translated(a_text("Start"))] == [True, True]
    assert {each.time for each in translated(a_text("Start"))} == {NOW}


@pytest.mark.parametrize("said", ["please don't stop", "yes", "stop it now", "", "Where is my order?"])
def test_anything_else_is_a_reply_to_be_read(said: str) -> None:
    (event,) = translated(a_text(said, OriginalRepliedMessageSid="SM0"))

    assert (event.type, event.id) == ("message.replied", "SM2:message.replied")
    assert (event.data.action, event.data.text, event.data.customer.phone) == ("SM0", said or None, THEM)  # type: ignore[union-attr]


def test_a_reply_to_nothing_in_particular_is_about_itself() -> None:
    (event,) = translated(a_text("hello"))

    assert event.data.action == "SM2"  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [a_text("help"), a_text("INFO"), a_text("who are you", OptOutType="HELP")])
def test_a_cry_for_help_is_answered_by_twilio(body: bytes) -> None:
    with pytest.raises(Ignored):
        translated(body)


@pytest.mark.parametrize("said", ["Ayuda", "帮助", "aide!", "“Hilfe”"])
def test_a_cry_for_help_that_twilio_does_not_know_is_ours_to_answer(said: str) -> None:
    (event,) = translated(a_text(said))

    assert (event.type, event.data.keyword, event.data.text) == ("message.replied", "help", said)  # type: ignore[union-attr]


def test_other_channels_are_ignored_and_a_stop_there_is_none_of_sms() -> None:
    with pytest.raises(Ignored):
        translated(a_form(MessageSid="SM3", SmsStatus="received", From=f"whatsapp:{THEM}", To=US, Body="STOP"))
    with pytest.raises(Ignored):
        translated(a_form(MessageSid="SM3", MessageStatus="delivered", From=US, To=f"whatsapp:{THEM}"))


def test_a_stop_is_the_last_word_of_its_hour_whenever_in_it_it_came() -> None:
    assert until_the_hour_ends(NOW) == until_the_hour_ends(NOW.replace(minute=59))
    assert until_the_hour_ends(NOW) == datetime(2026, 6, 15, 12, 59, 59, 999000, tzinfo=UTC)


# ---------------------------------------------------------------- anything


@pytest.mark.parametrize("body", [b"", b"{}", b"MessageSid=", a_form(MessageSid="S"), a_callback("teleported")])
def test_what_it_should_not_send_is_kept_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        translated(body)


words = st.sampled_from(["", "STOP", "delivered", "failed", "received", THEM, "\ud7ff", "x" * 400, "%", "whatsapp:1"])
forms = st.dictionaries(st.sampled_from(sorted(twilio.Form.model_fields)), words | st.text(max_size=30))


@examples(150)
@given(forms.map(lambda form: urlencode(form, errors="replace").encode()) | st.binary(max_size=80))
def test_whatever_is_signed_comes_to_events_or_to_a_reason(body: bytes) -> None:
    headers = headers_for(body)
    twilio.verify(headers, body, [SECRET], [NOW])

    try:
        events = twilio.translate(headers, body, "demo", NOW)
    except (Ignored, NotUnderstood):
        return
    assert events == twilio.translate(headers, body, "demo", NOW)
