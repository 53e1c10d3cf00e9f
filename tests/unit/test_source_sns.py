"""SNS over HTTPS: nobody is believed whom the topic, the time, the address, the certificate and the signature do not
all speak for; and what is inside goes to who can read it."""

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.sources import Forged, Ignored, NotUnderstood, Ping, Stale, sns
from perennial.sources.sns import Door
from tests.builders import NOON
from tests.properties.strategies import examples
from tests.topics import SUBSCRIBE, TOPIC, StubSns, a_certificate, a_confirmation, an_envelope

A_SECOND = timedelta(seconds=1)
A_BOUNCE = {
    "eventType": "Bounce",
    "mail": {"messageId": "ses-1", "timestamp": "2026-06-15T11:00:00Z", "destination": ["mia@example.com"]},
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "mia@example.com"}],
        "timestamp": "2026-06-15T11:00:05Z",
    },
}


def verify(body: bytes, stub: StubSns | None = None, topics: tuple[str, ...] = (TOPIC,), late: timedelta | None = None):
    Door(stub or StubSns()).verify({}, body, topics, [NOON + (late or timedelta())])


def changed(body: bytes, **fields: Any) -> bytes:
    """After it was signed."""
    return json.dumps({**json.loads(body), **fields}).encode()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification", ""])
def test_what_sns_signed_is_believed(version: str, subject: str | None) -> None:
    more = {} if subject is None else {"Subject": subject}

    verify(an_envelope(A_BOUNCE, SignatureVersion=version, **more))


@pytest.mark.parametrize(
    "fields",
    [
        {"Message": "{}  "},
        {"MessageId": "m-2"},
        {"Subject": "added"},
        {"Timestamp": "2026-06-15T12:00:01.000Z"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"Signature": "AAAA"},
        {"Signature": "no base64"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": SUBSCRIBE, "Token": "t"},
        {"Type": "Something"},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-06-15T12:00:00"},
    ],
)
def test_what_was_changed_after_that_is_not(fields: dict[str, Any]) -> None:
    with pytest.raises(Forged):
        verify(changed(an_envelope(A_BOUNCE), **fields))


def test_another_merchant_s_topic_is_nobody_s_here_however_well_it_is_signed() -> None:
    stub = StubSns()
    body = an_envelope(A_BOUNCE, TopicArn=TOPIC + "-of-others")

    with pytest.raises(Forged, match="topic"):
        verify(body, stub)
    with pytest.raises(Forged, match="topic"):
        verify(an_envelope(A_BOUNCE), stub, topics=())

    assert stub.asked == [], "nothing is fetched for somebody unknown"


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://bucket.s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.org/a.pem",
        "https://sns_eu-west-1.amazonaws.com/a.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "file:///etc/passwd.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Publish",
        "https://[sns.eu-west-1.amazonaws.com/a.pem",
        "",
    ],
)
def test_a_certificate_is_fetched_from_sns_and_from_nowhere_else(url: str) -> None:
    stub = StubSns()

    with pytest.raises(Forged):
        verify(an_envelope(A_BOUNCE, SigningCertURL=url), stub)

    assert stub.asked == []


def test_an_address_of_sns_s_without_a_certificate_speaks_for_nobody() -> None:
    with pytest.raises(Forged, match="no certificate at"):
        verify(an_envelope(A_BOUNCE, SigningCertURL="https://sns.eu-west-1.amazonaws.com/other.pem"))


@pytest.mark.parametrize(
    "pem",
    [
        a_certificate("shop.example.com"),
        a_certificate("sns.amazonaws.com.evil.example"),
        a_certificate(expires=NOON - A_SECOND),
        a_certificate(expires=NOON + timedelta(days=61)),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"no certificate",
    ],
    ids=["somebody's", "nearly", "expired", "not yet valid", "broken", "none"],
)
def test_a_certificate_that_is_not_sns_s_or_not_of_today_speaks_for_nobody(pem: bytes) -> None:
    with pytest.raises(Forged):
        verify(an_envelope(A_BOUNCE), StubSns(pem))


@pytest.mark.parametrize(
    "name", ["sns.amazonaws.com", "sns.eu-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"]
)
def test_a_certificate_may_name_the_region(name: str) -> None:
    verify(an_envelope(A_BOUNCE), StubSns(a_certificate(name)))


def test_a_recording_is_stale() -> None:
    body = an_envelope(A_BOUNCE)

    verify(body, late=sns.REPLAY_WINDOW)
    with pytest.raises(Stale):
        verify(body, late=sns.REPLAY_WINDOW + A_SECOND)
    with pytest.raises(Stale):
        verify(body, late=-sns.REPLAY_WINDOW - A_SECOND)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", json.dumps(A_BOUNCE).encode(), b"\xff"])
def test_without_an_envelope_nobody_is_believed(body: bytes) -> None:
    with pytest.raises(Forged):
        verify(body)
    with pytest.raises(Forged):
        sns.verify({}, body, [TOPIC], [NOON])


# ---------------------------------------------------------------- subscribing


def test_a_topic_of_ours_is_confirmed() -> None:
    stub = StubSns()

    with pytest.raises(Ping):
        verify(a_confirmation(), stub)

    assert stub.confirmed == [SUBSCRIBE]


@pytest.mark.parametrize(
    "url",
    [
        SUBSCRIBE.replace("sns.eu-west-1.amazonaws.com", "evil.example"),
        SUBSCRIBE.replace("https", "http"),
        SUBSCRIBE.replace("ConfirmSubscription", "Publish"),
        SUBSCRIBE.replace(TOPIC, TOPIC + "-of-others"),
        None,
    ],
)
def test_nothing_is_opened_that_does_not_confirm_this_topic_with_sns(url: str | None) -> None:
    stub = StubSns()

    with pytest.raises(Forged):
        verify(a_confirmation(SubscribeURL=url), stub)

    assert stub.confirmed == []


def test_a_confirmation_that_is_not_signed_opens_nothing() -> None:
    stub = StubSns()

    with pytest.raises(Forged):
        verify(changed(a_confirmation(), Token="another"), stub)
    with pytest.raises(Forged):
        verify(a_confirmation(TopicArn=TOPIC + "-of-others"), stub)

    assert stub.confirmed == []


def test_a_farewell_carries_nothing() -> None:
    body = a_confirmation(Type="UnsubscribeConfirmation")
    stub = StubSns()

    verify(body, stub)

    with pytest.raises(Ignored):
        Door(stub).translate({}, body, "demo", NOON)
    assert stub.confirmed == []


# ---------------------------------------------------------------- what is told


def test_what_is_in_an_envelope_is_what_comes_without_one() -> None:
    door = Door(StubSns())

    (wrapped,) = door.translate({}, an_envelope(A_BOUNCE), "demo", NOON)
    (raw,) = sns.translate({}, json.dumps(A_BOUNCE).encode(), "demo", NOON)

    assert wrapped == raw
    assert (raw.type, raw.source, raw.store) == ("message.bounced", "amazon_ses", "demo")


def test_what_tells_no_time_happened_when_sns_was_told() -> None:
    text = {"originationNumber": "+525555550134", "messageBody": "Stop", "inboundMessageId": "in-1"}

    wrapped = sns.translate({}, an_envelope(text, Timestamp="2026-06-15T11:50:00.000Z"), "demo", NOON)
    raw = sns.translate({}, json.dumps(text).encode(), "demo", NOON)

    assert {each.time for each in wrapped} == {NOON - timedelta(minutes=10)}
    assert {each.time for each in raw} == {NOON + timedelta(minutes=59, seconds=59, milliseconds=999)}


@pytest.mark.parametrize("words", ["Successfully validated SNS topic for Amazon SES event publishing.", "", "7"])
def test_words_for_people_are_ignored(words: str) -> None:
    with pytest.raises(Ignored):
        sns.translate({}, an_envelope(words), "demo", NOON)


@pytest.mark.parametrize("message", ["{", "{}", '{"eventType": 7}', '{"eventType": "X"}', '{"mail": {}}'])
def test_what_nobody_can_read_is_kept_with_a_reason(message: str) -> None:
    with pytest.raises(NotUnderstood):
        sns.translate({}, an_envelope(message), "demo", NOON)
    with pytest.raises(NotUnderstood):
        sns.translate({}, message.encode(), "demo", NOON)


def test_what_verifies_certificates_is_only_loaded_to_verify_one() -> None:
    """It costs a tenth of a second, and most functions never meet SNS."""
    code = "import sys, perennial.ingest, perennial.aws.wiring; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


ODD = st.sampled_from(["Bounce", "TEXT_DELIVERED", "_SMS.OPTOUT", "", "{}", "\0", 1, None, [], {}, 10**30, "stop", -1])
NAMES = st.sampled_from(
    (
        "Type", "Message", "TopicArn", "Timestamp", "eventType", "notificationType", "event_type", "inboundMessageId",
        "mail", "bounce", "messageId", "attributes", "context", "eventTimestamp", "originationNumber", "messageBody",
    )
)  # fmt: skip
ANYTHING = st.recursive(
    ODD | st.text(max_size=10),
    lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@examples(300)
@given(ANYTHING, st.booleans())
def test_whatever_is_told_comes_to_events_or_to_a_reason(told: Any, is_wrapped: bool) -> None:
    body = changed(an_envelope(), Message=json.dumps(told)) if is_wrapped else json.dumps(told).encode()

    try:
        events = sns.translate({}, body, "demo", NOON)
    except (Ignored, NotUnderstood):
        return
    assert events
    assert events == sns.translate({}, body, "demo", NOON)
