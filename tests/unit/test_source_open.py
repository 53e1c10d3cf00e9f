"""The open event API: Standard Webhooks' signature, CloudEvents' envelope, our own data."""

import base64
import json
import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.local.signing import signed
from perennial.domain.events import EVENT_TYPES, impersonal
from perennial.sources import Forged, NotUnderstood, Stale, open_events
from perennial.sources.payloads import LONGEST_TEXT

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four.").decode()
OTHER = "whsec_" + base64.b64encode(b"another of twenty-four..").decode()


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "act-1",
        "source": "app",
        "type": "product.activated",
        "time": "2026-06-14T08:00:00+08:00",
        "data": {"customer": {"id": "c-17", "email": "ana@example.com"}, "product": "mirror", "order": 4711},
    }
    return event | changes


def headers_for(body: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    return {name.lower(): value for name, value in signed("open", body, {}, secret, at).items()}


def translated(event: object) -> Any:
    (only,) = open_events.translate({}, json.dumps(event).encode(), "demo", NOW)
    return only


def test_a_known_answer_verifies() -> None:
    """The example of the Standard Webhooks specification."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    open_events.verify(headers, b'{"test": 2432232314}', [secret], [datetime.fromtimestamp(1614265330, UTC)])


def test_one_of_several_signatures_and_one_of_two_secrets_is_enough() -> None:
    body = '{"name":"中文"}'.encode()
    headers = headers_for(body, OTHER)
    headers["webhook-signature"] = f"v1a,ed25519 v1,{'A' * 43}= {headers['webhook-signature']}"

    open_events.verify(headers, body, [SECRET, OTHER], [NOW])


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_needed(name: str) -> None:
    headers = headers_for(b"{}")
    del headers[name]

    with pytest.raises(Forged):
        open_events.verify(headers, b"{}", [SECRET], [NOW])


def test_a_signature_over_no_id_is_none_though_the_secret_is_right() -> None:
    headers = headers_for(b"{}") | {"webhook-id": ""}
    headers["webhook-signature"] = Webhook(SECRET).sign("", NOW, "{}")

    with pytest.raises(Forged):
        open_events.verify(headers, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize(("name", "value"), [("webhook-id", "other"), ("webhook-timestamp", "1781524801")])
def test_id_and_time_are_signed_too(name: str, value: str) -> None:
    with pytest.raises(Forged):
        open_events.verify(headers_for(b"{}") | {name: value}, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("stamp", ["now", "-5", "1e9", "99999999999999", "１７８１"])
def test_an_odd_time_is_forged(stamp: str) -> None:
    with pytest.raises(Forged):
        open_events.verify(headers_for(b"{}") | {"webhook-timestamp": stamp}, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,中文", ",,,", "v1,AAAA v1,BBBB"])
def test_an_odd_signature_is_forged(signature: str) -> None:
    with pytest.raises(Forged):
        open_events.verify(headers_for(b"{}") | {"webhook-signature": signature}, b"{}", [SECRET], [NOW])


def test_bytes_that_are_no_text_are_forged() -> None:
    with pytest.raises(Forged):
        open_events.verify(headers_for(b"{}"), b"\xff", [SECRET], [NOW])


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_are_fresh(seconds: int) -> None:
    open_events.verify(headers_for(b"{}", at=NOW + timedelta(seconds=seconds)), b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("seconds", [-301, 301])
def test_more_is_stale(seconds: int) -> None:
    with pytest.raises(Stale):
        open_events.verify(headers_for(b"{}", at=NOW + timedelta(seconds=seconds)), b"{}", [SECRET], [NOW])


# ── binary mode ──────────────────────────────────────────────────────────────────────────────────────────────────────

BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "product.activated",
    "ce-source": "app",
    "ce-id": "act-1",
    "ce-time": "2026-06-14T08:00:00+08:00",
}


def binary_headers(body: bytes, **changes: str) -> dict[str, str]:
    attributes = BINARY | {name.replace("_", "-"): value for name, value in changes.items()}
    return attributes | {k.lower(): v for k, v in signed("open", body, attributes, SECRET, NOW).items()}


def test_a_binary_event_is_the_structured_one_with_its_attributes_in_headers() -> None:
    body = json.dumps(an_event()["data"]).encode()
    headers = binary_headers(body)

    open_events.verify(headers, body, [SECRET], [NOW])
    (event,) = open_events.translate({n: headers[n] for n in open_events.HEADERS}, body, "demo", NOW)

    assert event == translated(an_event())


@pytest.mark.parametrize("name", open_events.ATTRIBUTES)
def test_no_attribute_of_a_recorded_binary_event_can_be_changed(name: str) -> None:
    body = json.dumps(an_event()["data"]).encode()
    headers = binary_headers(body)

    for changed in ({**headers, name: "other"}, {n: v for n, v in headers.items() if n != name}):
        with pytest.raises(Forged, match="ce- attributes"):
            open_events.verify(changed, body, [SECRET], [NOW])


def test_attributes_beside_a_recorded_structured_event_make_no_binary_one_of_it() -> None:
    body = json.dumps(an_event()).encode()

    with pytest.raises(Forged, match="ce- attributes"):
        open_events.verify(headers_for(body) | {"ce-type": "order.placed"}, body, [SECRET], [NOW])


def test_attributes_are_percent_decoded() -> None:
    headers = {**BINARY, "ce-id": "caf%C3%A9%20%7", "ce-source": "%FF"}

    (event,) = open_events.translate(headers, b'{"customer": {"id": "c-17"}}', "demo", NOW)

    assert (event.id, event.source) == ("café %7", "open/\ufffd")


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (BINARY, b"{", "no JSON"),
        (BINARY, b"[]", "data"),
        ({**BINARY, "ce-type": "a.b"}, b"{}", "no event type"),
        ({"ce-type": "product.used"}, b"{}", "id"),
        ({**BINARY, "ce-time": "yesterday"}, b"{}", "time"),
    ],
)
def test_a_binary_event_that_is_not_understood_is_kept_with_a_reason(
    headers: dict[str, str], body: bytes, reason: str
) -> None:
    with pytest.raises(NotUnderstood, match=reason):
        open_events.translate(headers, body, "demo", NOW)


def test_nobody_says_from_outside_what_perennial_cleaned() -> None:
    with pytest.raises(NotUnderstood, match=r"data\.customer\.cleaned"):
        translated(an_event(data={"customer": {"id": "c-17", "cleaned": ["name.dropped"]}}))


def test_the_library_s_own_receiver_agrees_with_our_player() -> None:
    body = json.dumps(an_event()).encode()
    now = datetime.now(UTC)

    Webhook(SECRET).verify(body, signed("open", body, {}, SECRET, now))


def test_an_event_comes_through_as_it_is() -> None:
    event = translated(an_event())

    assert (event.type, event.id, event.source, event.store) == ("product.activated", "act-1", "open/app", "demo")
    assert event.time == datetime(2026, 6, 14, 0, tzinfo=UTC)
    assert (event.data.customer.id, event.data.order) == ("c-17", "4711")


def test_extension_attributes_are_dropped() -> None:
    extended = an_event(
        datacontenttype="application/json", subject="x", traceparent="00-1", store="other", customer="C1"
    )

    assert translated(extended) == translated(an_event())


def test_without_a_time_it_happened_when_it_came() -> None:
    event = an_event()
    del event["time"]

    assert translated(event).time == NOW


def test_a_batch_falls_into_its_entries() -> None:
    parts = open_events.split(json.dumps([an_event(), {"id": 820982911946154508}]).encode())

    assert [json.loads(part)["id"] for part in parts] == ["act-1", 820982911946154508]


@pytest.mark.parametrize("body", [b'{"id":"1"}', b"[1,", b"\xff", b"", b"[" * 100_000, b"null"])
def test_what_is_no_array_stays_whole(body: bytes) -> None:
    assert open_events.split(body) == (body,)


@pytest.mark.parametrize("kind", sorted(open_events.OURS))
def test_what_only_we_can_know_is_refused(kind: str) -> None:
    with pytest.raises(NotUnderstood, match="Perennial itself"):
        translated(an_event(type=kind, data={}))


def test_nobody_is_erased_through_the_open_api() -> None:
    asked = {"customer": {"email": "ana@example.com"}, "request": "erase", "request_id": "1"}

    with pytest.raises(NotUnderstood, match="Perennial itself"):
        translated(an_event(type="privacy.requested", data=asked))


def test_all_other_types_are_open() -> None:
    assert set(open_events.OPEN_TYPES) == set(EVENT_TYPES) - open_events.OURS


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (an_event(type="jon@example.com"), "type"),
        (an_event(time="2026-06-14T08:00:00"), "time"),
        (an_event(specversion="0.3"), "specversion"),
        (an_event(data=None), "data"),
        (an_event(data={"customer": {"email": 5}}), "data.customer.email"),
        (an_event(data={"customer": {}, "jon@example.com": 1}), r"data\.\?"),
        (an_event(data={"customer": {"jon": 1}}), r"data\.customer\.\?"),
        (an_event(data={"customer": {"ids": {"jon": [1]}}}), r"data\.customer\.ids\.\?"),
        (an_event(type="order.placed", data={"order": {}}), "data.order.id"),
        (an_event(type="survey.answered", data={"survey": "csat", "score": 9}), "data"),
        ([], "body"),
        ("jon@example.com", "body"),
    ],
)
def test_a_mistake_is_told_by_its_path_and_without_its_value(event: object, path: str) -> None:
    with pytest.raises(NotUnderstood, match=path) as told:
        translated(event)

    assert "jon" not in str(told.value)


def test_a_mistake_does_not_quote_a_number_either() -> None:
    told = an_event(type="survey.answered", data={"customer": {}, "survey": "nps", "score": 525512345678})

    with pytest.raises(NotUnderstood, match=r"nps is answered on 0 to 10$"):
        translated(told)


@pytest.mark.parametrize(("count", "is_read"), [(open_events.MOST_IDS, True), (open_events.MOST_IDS + 1, False)])
def test_so_many_vendors_and_no_more_know_one_customer(count: int, is_read: bool) -> None:
    """Each id is a key that is written in one transaction with the record."""
    told = an_event(data={"customer": {"ids": {f"vendor_{number}": "1" for number in range(count)}}})

    with nullcontext() if is_read else pytest.raises(NotUnderstood, match=f"ids: at most {open_events.MOST_IDS}"):
        assert len(translated(told).data.customer.ids) == count


def a_message(**told: Any) -> dict[str, Any]:
    data = {"customer": {"email": "ana@example.com"}, "action": "news-1", "channel": "email", **told}
    return an_event(type="message.bounced", data=data)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, None),
        ({"reason": "550 <ana@example.com> unknown"}, "550 <ana@example.com> unknown"),
        ({"text": "out of office"}, "out of office"),
        ({"reason": "550", "text": "x" * LONGEST_TEXT}, ("550\n" + "x" * LONGEST_TEXT)[:LONGEST_TEXT]),
    ],
)
def test_why_a_message_bounced_is_a_text_and_not_kept_in_the_journal(told: dict[str, str], text: str | None) -> None:
    event = translated(a_message(**told))

    assert (event.data.reason, event.data.text) == (None, text)
    assert "ana" not in impersonal(event).to_json()
    assert "x" * 9 not in impersonal(event).to_json()


@pytest.mark.parametrize("field", ["about", "play", "template", "provider_id"])
def test_what_we_said_of_a_message_ourselves_is_not_told_from_outside(field: str) -> None:
    with pytest.raises(NotUnderstood, match="told from outside"):
        translated(a_message(**{field: "Ana Ruiz"}))


def test_no_traceback_of_a_refusal_quotes_what_was_sent() -> None:
    wrong = an_event(data={"customer": {"email": ["ana@example.com"]}, "Ana Ruiz": 1})

    with pytest.raises(NotUnderstood) as refused:
        translated(wrong)

    told = "".join(format_exception(refused.value))
    assert "ana@" not in told
    assert "Ana" not in told


def test_many_mistakes_are_counted() -> None:
    event = an_event(type="order.placed", data={"order": {"id": 1}, **{f"field_{n}": n for n in range(9)}})

    with pytest.raises(NotUnderstood, match="and 4 more"):
        translated(event)


def test_the_manual_lists_what_may_be_said_and_nothing_else() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in manual.splitlines() if line.startswith("| `")]

    listed = {word for row in rows for word in re.findall(r"`([a-z]+\.[a-z_]+)`", row)}

    assert listed == set(open_events.OPEN_TYPES)


def test_the_manual_s_example_is_understood() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```json\n(.*?)```", manual, re.DOTALL) if "specversion" in block)

    assert translated(json.loads(example)).type == "product.activated"


def test_points_are_told_by_whatever_system_keeps_them() -> None:
    data = {"customer": {"id": "c-17"}, "points": 120, "reference": "#1001", "expires_at": "2027-06-30T00:00:00Z"}

    event = translated(an_event(type="points.earned", data=data))

    assert (event.data.points, event.data.reference, event.source) == (120, "#1001", "open/app")


@pytest.mark.parametrize("ours", [{"play": "birthday"}, {"by": "lee"}])
def test_nobody_outside_gives_points_in_the_name_of_a_play_or_of_the_staff(ours: dict[str, str]) -> None:
    with pytest.raises(NotUnderstood, match="only Perennial itself"):
        translated(an_event(type="points.earned", data={"customer": {"id": "c-17"}, "points": 5, **ours}))


@pytest.mark.parametrize("points", ["5", 5.5, 0, -5, True, 10**10, None])
def test_points_that_are_no_whole_number_above_nothing_are_not_understood(points: object) -> None:
    with pytest.raises(NotUnderstood):
        translated(an_event(type="points.spent", data={"customer": {"id": "c-17"}, "points": points}))


def test_an_order_s_coupons_are_told_by_their_codes_and_not_by_what_we_make_of_them() -> None:
    def order(**coupon: str) -> dict[str, object]:
        return {"customer": {"id": "c-17"}, "order": {"id": "1", "coupons": [coupon]}}

    event = translated(an_event(type="order.placed", data=order(code="TENOFF", off="10")))

    assert event.data.order.coupons[0].code == "TENOFF"
    assert "TENOFF" not in impersonal(event).to_json()
    with pytest.raises(NotUnderstood, match="mark"):
        translated(an_event(type="order.placed", data=order(mark="0123456789ab", off="10")))
