"""Mail that comes back: what a server's report means, and what is none."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.sources import Forged, Ignored, NotUnderstood, mail
from perennial.sources.mail_reports import LARGEST_READ, MOST_TYPES
from tests.builders import NOON
from tests.mails import (
    ACTION,
    CUSTOMER,
    EMAIL,
    KEYS,
    a_complaint,
    a_fate,
    a_mail,
    a_multipart,
    a_report,
    a_return,
)

DOOR = mail.Door(lambda: KEYS)


def told(body: bytes, store: str = "demo", received_at: datetime = NOON) -> Any:
    [event] = DOOR.translate({}, body, store, received_at)
    return event


def of_type(body: bytes) -> tuple[str, str | None]:
    event = told(body)
    return event.type, event.data.reason


# What a report means


def test_a_mail_that_came_back_for_good_says_whose_address_is_dead_and_names_nobody() -> None:
    event = told(a_report())

    assert event.type == "message.bounced"
    assert (event.source, event.store, event.customer, event.time) == ("mail", "demo", CUSTOMER, NOON)
    assert event.data.action == ACTION
    assert EMAIL not in event.to_json()


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("5.1.1", ("message.bounced", "bounced for good: 5.1.1")),
        ("5.1.10", ("message.bounced", "bounced for good: 5.1.10")),
        ("5.2.1 (mailbox disabled)", ("message.bounced", "bounced for good: 5.2.1")),
        ("5.4.1", ("message.bounced", "bounced for good: 5.4.1")),
        ("5.0.0", ("message.bounced", "bounced for good: 5.0.0")),
        ("5.1.8", ("message.failed", "refused, not for its address: 5.1.8")),
        ("5.2.2", ("message.failed", "refused, not for its address: 5.2.2")),
        ("5.3.4", ("message.failed", "refused, not for its address: 5.3.4")),
        ("5.4.6", ("message.failed", "refused, not for its address: 5.4.6")),
        ("5.7.26", ("message.failed", "refused, not for its address: 5.7.26")),
        ("4.2.2", ("message.failed", "bounced for now: 4.2.2")),
        ("4.4.7", ("message.failed", "bounced for now: 4.4.7")),
        ("", ("message.failed", "bounced for now: no status")),
        ("mia@example.com is gone", ("message.failed", "bounced for now: no status")),
    ],
)
def test_only_what_is_for_good_and_about_the_address_ends_it(status: str, meaning: tuple[str, str]) -> None:
    assert of_type(a_report(a_fate(status=status))) == meaning


@pytest.mark.parametrize(
    ("status", "words", "found"),
    [
        ("5.0.0", "smtp; 550 5.1.1 <mia@example.com>: no such user", "5.1.1"),
        ("5.0.0", "smtp; 550-5.7.26 This mail has been blocked", "5.7.26"),
        ("", "smtp; 550 mailbox unavailable", "5.0.0"),
        ("", "smtp; 452 too many recipients", "4.0.0"),
        ("5.1.1", "smtp; 550 5.7.1 no", "5.1.1"),
        ("5.0.0", "smtp; host 5.1.1.9 said: 550 unknown", "5.0.0"),
    ],
)
def test_the_finest_status_that_a_server_gave_counts(status: str, words: str, found: str) -> None:
    _, reason = of_type(a_report(a_fate(status=status, diagnostic_code=words)))

    assert reason is not None
    assert reason.endswith(f": {found}")


def test_of_several_that_one_address_led_to_the_mildest_fate_counts() -> None:
    good, soft, policy = a_fate(), a_fate(status="4.2.2"), a_fate(status="5.7.1")

    assert of_type(a_report(good, good))[0] == "message.bounced"
    assert of_type(a_report(good, soft))[1] == "bounced for now: 4.2.2"
    assert of_type(a_report(good, policy))[1] == "refused, not for its address: 5.7.1"
    assert of_type(a_report(good, a_fate("delivered", "2.0.0")))[0] == "message.delivered"


@pytest.mark.parametrize("action", ["delayed", "relayed", "expanded"])
def test_a_mail_that_is_on_its_way_has_no_outcome_yet(action: str) -> None:
    with pytest.raises(Ignored):
        told(a_report(a_fate(action, "4.4.1")))


def test_a_report_that_a_report_quotes_says_nothing() -> None:
    quoted = a_report(a_fate("delivered", "2.0.0")).partition(b"\r\n\r\n")[2].replace(b"--b", b"--inner")
    head = b'Content-Type: multipart/report; report-type=delivery-status; boundary="inner"\r\n\r\n'
    part = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + head + quoted

    assert told(a_report().replace(b"--b--", part + b"\r\n--b--")).type == "message.bounced"


def test_a_report_in_utf_8_is_read_like_any_other() -> None:
    assert told(a_report().replace(b"message/delivery-status", b"message/global-delivery-status")).type == (
        "message.bounced"
    )


def test_a_report_that_does_not_say_of_which_kind_it_is_is_known_by_its_part() -> None:
    assert told(a_report().replace(b" report-type=delivery-status;", b"")).type == "message.bounced"


@pytest.mark.parametrize("feedback", ["abuse", "ABUSE", "fraud", "other", "virus"])
def test_a_complaint_is_one_whatever_it_is_called(feedback: str) -> None:
    event = told(a_complaint(feedback))

    assert (event.type, event.customer) == ("message.complained", CUSTOMER)


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure"])
def test_feedback_that_complains_of_nothing_is_no_complaint(feedback: str) -> None:
    with pytest.raises(Ignored):
        told(a_complaint(feedback))


# When


def test_the_same_report_is_the_same_event_whenever_it_comes() -> None:
    first, again = told(a_report()), told(a_report(), received_at=NOON + timedelta(hours=5))

    assert first == again


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Mon, 99 Foo 2026 12:00:00 +0000",
        "Mon, 15 Jun 1970 12:00:00 +0000",
        "Mon, 15 Jun 2099 12:00:00 +0000",
        f"{NOON + timedelta(hours=3):%a, %d %b %Y %T %z}",
        "Mon, 15 Jun 2026 12:00:00 +99999999",
        "Fri, 31 Dec 9999 23:59:59 -2300",
    ],
)
def test_a_date_that_cannot_be_is_not_believed(date: str) -> None:
    assert told(a_report(Date=date)).time == NOON


def test_a_date_without_a_zone_is_meant_in_utc() -> None:
    assert told(a_report(Date="Mon, 15 Jun 2026 11:00:00")).time == datetime(2026, 6, 15, 11, tzinfo=UTC)


# What is none of ours


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: Buy now\r\n\r\nb1-",
        a_report(back=a_return(key=b"a stranger's key")),
        a_report(back=a_return(store="other")),
        b" " * LARGEST_READ + a_report(),
    ],
    ids=["empty", "bytes", "spam", "forged", "of another store", "out of reach"],
)
def test_what_bears_no_mark_of_ours_is_ignored_before_it_is_read(body: bytes) -> None:
    with pytest.raises(Ignored, match=mail.NOT_OURS):
        told(body)


def test_a_mark_that_a_newer_key_sealed_is_looked_at_again() -> None:
    held = [{"1": b"a key of before"}, KEYS]
    asked: list[bool] = []
    door = mail.Door(lambda: held[len(asked)], lambda: asked.append(True) or True)  # type: ignore[func-returns-value]

    assert door.translate({}, a_report(), "demo", NOON)
    assert asked == [True]


def test_what_bears_no_mark_makes_nobody_look_for_keys() -> None:
    door = mail.Door(lambda: pytest.fail("keys"), lambda: pytest.fail("newer keys"))

    assert door.store_of(b"Subject: spam\r\n\r\n", "demo") is None


def test_the_store_that_our_own_head_names_is_believed_if_the_seal_agrees() -> None:
    elsewhere = a_return(store="eu")
    claimed = a_report(back=elsewhere).replace(b"X-Perennial-Store: eu", b"X-Perennial-Store: us")

    assert DOOR.store_of(a_report(back=elsewhere), "demo") == "eu"
    assert DOOR.store_of(a_report().replace(b"X-Perennial-Store: demo\r\n", b""), "demo") == "demo"
    assert DOOR.store_of(claimed, "demo") is None


def test_over_https_the_merchant_s_key_is_asked_for() -> None:
    DOOR.verify({"x-perennial-key": "hush"}, b"", ["hush"], [NOON])

    with pytest.raises(Forged):
        DOOR.verify({}, a_report(), ["hush"], [NOON])
    with pytest.raises(Forged):
        DOOR.verify({"x-perennial-key": ""}, a_report(), [], [NOON])


# What is no report


@pytest.mark.parametrize(
    "head",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (out of office)"},
        {"X_Autoreply": "yes"},
        {"X_Auto_Response_Suppress": "All"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.example>"},
    ],
    ids=lambda head: next(iter(head)),
)
def test_out_of_office_and_lists_are_ignored(head: dict[str, Any]) -> None:
    with pytest.raises(Ignored):
        told(a_mail(**head))


def test_a_receipt_of_a_mail_program_is_ignored() -> None:
    with pytest.raises(Ignored):
        told(a_multipart("disposition-notification", "Disposition: automatic-action/MDN-sent; displayed\r\n"))


@pytest.mark.parametrize(
    "body",
    [
        a_mail("Hi. This is the program at mx.example. I'm afraid I wasn't able to deliver your message.\r\n"),
        a_multipart("delivery-status", "Reporting-MTA: dns; mx.example\r\n"),
        a_multipart("delivery-status", "4 bytes, and none of them a field"),
        a_multipart("feedback-report", "Version: 1\r\n"),
        a_multipart("teleport-report", "Version: 1\r\n"),
    ],
    ids=["words", "no recipient", "no fields", "no type", "another report"],
)
def test_what_bears_our_mark_and_cannot_be_read_is_kept_for_people(body: bytes) -> None:
    with pytest.raises(NotUnderstood) as kept:
        told(body)

    assert EMAIL not in str(kept.value)


# Within bounds


def nested(depth: int) -> bytes:
    inner = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth))
    return a_mail(f"\r\n{inner}", Content_Type='multipart/report; report-type=delivery-status; boundary="b"')


@pytest.mark.parametrize(
    "body",
    [
        nested(900),
        a_multipart("delivery-status", "--b\r\nContent-Type: text/plain\r\n\r\n\r\n" * (MOST_TYPES + 1)),
        a_mail(Content_Type="multipart/report; " + '";' * 30_000),
        a_mail(Content_Type="multipart/report;" + "\r\n x=y;" * 10_000),
        a_report().replace(b"Content-Type: text/plain", b"Content-Type: text/plain\r" * 30),
    ],
    ids=["deep", "many", "long", "folded", "returns"],
)
def test_a_mail_that_would_take_long_to_read_is_not_read(body: bytes) -> None:
    begun = time.process_time()

    with pytest.raises(NotUnderstood):
        told(body)

    assert time.process_time() - begun < 1


def test_what_stands_far_behind_the_beginning_is_not_read() -> None:
    with pytest.raises(NotUnderstood):
        told(a_report().replace(b"came back", b"came back " * LARGEST_READ))


@pytest.mark.parametrize(
    "body",
    [
        a_report(*([a_fate()] * 5_000)),
        a_report(a_fate(diagnostic_code="5" * 200_000)),
        a_mail("--b\r\n\r\n" * 30_000, Content_Type='multipart/report; report-type=delivery-status; boundary="b"'),
        a_report() + b"x" * 1_000_000,
        a_report(Subject="=?utf-8?q?" + "=C3" * 10_000 + "?="),
    ],
    ids=["recipients", "words", "parts", "bytes", "subject"],
)
def test_much_takes_little(body: bytes) -> None:
    begun = time.process_time()

    with_outcome(body)

    assert time.process_time() - begun < 2


def with_outcome(body: bytes) -> Any:
    """Nothing else may come out, whatever the bytes are."""
    try:
        return told(body)
    except (Ignored, NotUnderstood) as why:
        reason = str(why)
    assert EMAIL not in reason
    return None


pieces = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b"--b", b"--b--", b": ", b";", b'"', b"=", b"\r\n\r\n",
        b"Content-Type: ", b"multipart/report; report-type=delivery-status; boundary=b", b"message/rfc822",
        b"message/delivery-status",
        b"Action: failed", b"Status: 5.1.1", b"Status: \xe9.1.1", b"charset*0*=utf-16''%ff", b"boundary*=x'y'%00",
        b"Content-Transfer-Encoding: base64", b"Date: ", b"Auto-Submitted: ", b"Feedback-Type: abuse",
    ]
)  # fmt: skip


@given(st.lists(pieces | st.binary(max_size=20), max_size=60), st.integers(0, 2_000))
def test_whatever_follows_a_mark_comes_to_an_event_or_to_a_reason(parts: list[bytes], place: int) -> None:
    report = a_report()
    with_outcome(report[:place] + b"".join(parts) + report[place:])
    with_outcome(a_return().mark.encode() + b"\r\n" + b"".join(parts))
