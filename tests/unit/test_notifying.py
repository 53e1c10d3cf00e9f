"""How notices are told: signed so that anybody can check it, tried again for a day, each receiver for itself."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from perennial.aws.posts import NoAnswer, Reply
from perennial.aws.sender_keys import BadSenderKeys, SenderKeys, read_keys
from perennial.domain.notices import TASK, Notice
from perennial.notifying import DELIVERIES, LONGEST_WAIT, SPREAD, Delivery, Notifier, NotTold, body_of, wait_after
from tests.builders import NOON
from tests.house import ListQueue

OLD, NEW = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
DESK = {"webhook/desk": {"url": "https://desk.example.com/in", "secrets": [NEW]}}
CHAT = {"webhook/chat": {"url": "https://chat.example.com:8443/in?to=care", "secrets": [NEW]}}


def a_notice(**changes: Any) -> Notice:
    whose = {"customer": "c-1", "store": "demo"}
    return Notice.model_validate({"id": "n-1", "kind": TASK, "at": NOON, "data": {"task": "call"}, **whose, **changes})


@dataclass
class Wire:
    """Answers as it is told to, the last answer for ever; and keeps what it was asked."""

    answers: Sequence[Reply | Exception] = (Reply(200, b""),)
    asked: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append((url, body, headers))
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Hidden:
    spans: dict[str, timedelta] = field(default_factory=dict)

    def hide(self, receipt: str, span: timedelta) -> None:
        self.spans[receipt] = span


@dataclass
class Desk:
    """A notifier and what it touches."""

    keys: Mapping[str, Any] = field(default_factory=lambda: DESK)
    answers: Sequence[Reply | Exception] = (Reply(200, b""),)

    def __post_init__(self) -> None:
        clock: Any = SimpleNamespace(now=lambda: NOON, wall=lambda: datetime.now(UTC))
        keys = SenderKeys(lambda: json.dumps(self.keys), clock)
        self.wire, self.queue, self.hidden = Wire(self.answers), ListQueue(), Hidden()
        self.notifier = Notifier(keys.webhooks, self.wire, self.queue, self.hidden, "https://api.example", clock)

    def take(self, notice: Notice | str | None = None, number: int = 1) -> str:
        given = notice or a_notice()
        body = given if isinstance(given, str) else given.model_dump_json(exclude_defaults=True)
        return self.notifier.take(Delivery(body, "receipt", number))


# What is told


def test_whoever_is_told_can_check_that_it_is_we_who_say_it() -> None:
    desk = Desk()

    assert desk.take() == "told"

    [(url, body, headers)] = desk.wire.asked
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(NEW.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert url == "https://desk.example.com/in"
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert Verifier(NEW).verify(body, dict(headers)) == {
        "type": "task.created",
        "timestamp": "2026-06-15T12:00:00.000Z",
        "data": {
            "customer": "c-1",
            "store": "demo",
            "link": "https://api.example/customers/c-1",
            "task": "call",
        },
    }


def test_while_a_secret_changes_each_of_both_fits() -> None:
    desk = Desk({"webhook/desk": {**DESK["webhook/desk"], "secrets": [NEW, OLD]}})

    desk.take()

    [(_, body, headers)] = desk.wire.asked
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert [bool(Verifier(secret).verify(body, dict(headers))) for secret in (NEW, OLD)] == [True, True]


def test_told_again_it_has_the_same_id_and_the_same_body() -> None:
    desk = Desk(answers=[Reply(503, b""), Reply(200, b"")])

    with pytest.raises(NotTold):
        desk.take()
    desk.take(number=2)

    (_, first, once), (_, second, again) = desk.wire.asked
    assert (first, once["webhook-id"]) == (second, again["webhook-id"])


def test_what_a_shop_wrote_becomes_no_header_and_breaks_no_json() -> None:
    hostile = a_notice(data={"reason": 'x\r\nx-evil: 1"}', "name": "\u2028"})

    body = body_of(hostile, "")

    assert "\n" not in body
    assert json.loads(body)["data"]["reason"] == 'x\r\nx-evil: 1"}'
    assert "link" not in json.loads(body)["data"]


def test_an_id_that_would_make_a_second_header_is_no_notice() -> None:
    desk = Desk()
    forged = a_notice().model_dump_json().replace('"n-1"', '"n-1\\r\\nx-evil: 1"')

    with pytest.raises(NotTold, match=r"^ValidationError$"):
        desk.take(forged)

    assert desk.wire.asked == []


# Who is told


def test_where_nobody_wants_to_be_told_nothing_waits() -> None:
    desk = Desk({})

    assert desk.take() == "unwanted"
    assert (desk.queue.sent, desk.hidden.spans) == ([], {})


def test_where_several_want_to_be_told_each_has_a_message_of_its_own() -> None:
    desk = Desk({**DESK, **CHAT}, answers=[Reply(503, b""), Reply(200, b"")])

    assert desk.take() == "parted"

    assert desk.wire.asked == []
    parted = [Notice.model_validate_json(message.body) for message in desk.queue.sent]
    assert [notice.to for notice in parted] == ["desk", "chat"]
    with pytest.raises(NotTold):
        desk.take(parted[0])
    assert desk.take(parted[1]) == "told"
    asked = [url for url, *_ in desk.wire.asked]
    assert asked == ["https://desk.example.com/in", "https://chat.example.com:8443/in?to=care"]


@pytest.mark.parametrize(
    ("filters", "is_told"),
    [
        ({"kinds": ["stage.changed"]}, False),
        ({"kinds": ["stage.changed", "task.created"]}, True),
        ({"stores": ["other"]}, False),
        ({"stores": ["demo"]}, True),
    ],
)
def test_a_webhook_is_told_only_what_it_wants(filters: Mapping[str, Any], is_told: bool) -> None:
    desk = Desk({"webhook/desk": {**DESK["webhook/desk"], **filters}})

    assert (desk.take() == "told") is is_told


def test_one_that_was_taken_out_of_the_secret_is_told_no_more() -> None:
    desk = Desk()

    assert desk.take(a_notice(to="chat")) == "unwanted"
    assert desk.wire.asked == []


# What comes again


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_answer_of_2xx_is_a_yes(status: int) -> None:
    assert Desk(answers=[Reply(status, b"")]).take() == "told"


@pytest.mark.parametrize("status", [100, 301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
def test_every_other_answer_is_tried_again(status: int) -> None:
    desk = Desk(answers=[Reply(status, b"secret words")])

    with pytest.raises(NotTold, match=f"^desk answered {status}$"):
        desk.take()

    assert desk.hidden.spans["receipt"] >= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoAnswer("TimeoutError"), "desk: NoAnswer (TimeoutError)"),
        (ValueError("https://desk.example.com/in?key=1"), "ValueError"),
    ],
)
def test_no_answer_is_tried_again_and_who_it_was_is_said_by_name_and_not_by_address(
    error: Exception, said: str
) -> None:
    desk = Desk(answers=[error])

    with pytest.raises(NotTold) as failed:
        desk.take()

    assert str(failed.value) == said
    assert "receipt" in desk.hidden.spans


def test_what_an_event_calls_customer_or_link_takes_no_place_of_ours() -> None:
    told = json.loads(body_of(a_notice(data={"customer": "x", "store": "y", "link": "z"}), "https://api.example"))

    assert told["data"] == {"customer": "c-1", "store": "demo", "link": "https://api.example/customers/c-1"}


def test_a_message_that_cannot_be_read_becomes_a_dead_letter_by_the_same_waits() -> None:
    desk = Desk()

    with pytest.raises(NotTold):
        desk.take("no notice")

    assert "receipt" in desk.hidden.spans


def test_a_secret_with_a_mistake_lets_notices_wait() -> None:
    desk = Desk({"webhook/desk": {"url": "http://desk.example.com", "secrets": [NEW]}})

    with pytest.raises(NotTold, match=r"^1 mistakes in the secret of the senders$"):
        desk.take()


def test_waits_double_up_to_two_hours_and_together_make_a_day() -> None:
    waits = [wait_after(Delivery("n", "r", number)) for number in range(1, DELIVERIES)]

    assert timedelta(seconds=30) <= waits[0] <= timedelta(seconds=36)
    assert all(one * 0.8 < other for one, other in pairwise(waits))
    assert max(waits) <= LONGEST_WAIT * (1 + SPREAD)
    assert timedelta(hours=24) <= sum(waits, timedelta(0)) <= timedelta(hours=29)


def test_what_failed_together_does_not_come_again_together() -> None:
    waits = {wait_after(Delivery(f"notice {number}", "r", 1)) for number in range(100)}

    assert len(waits) > 90


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("600", 600, 720),
        ("999999", 7200, 8640),
        ("1", 30, 36),
        ("-5", 30, 36),
        ("٣٠٠", 30, 36),
        ("9" * 400, 30, 36),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30, 36),
    ],
)
def test_a_receiver_may_ask_for_time_but_not_for_ever(asked: str, least: int, most: int) -> None:
    desk = Desk(answers=[Reply(429, b"", asked)])

    with pytest.raises(NotTold):
        desk.take()

    assert least <= desk.hidden.spans["receipt"].total_seconds() <= most


# What may stand in the secret


@pytest.mark.parametrize(
    "url",
    [
        "http://desk.example.com/in",
        "ftp://desk.example.com/in",
        "https://user:pass@desk.example.com/in",
        "https://user@desk.example.com/in",
        "https://127.0.0.1/in",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/in",
        "https://2130706433/in",
        "https://0x7f000001/in",
        "https://0177.0.0.1/in",
        "https://127.1/in",
        "https://localhost/in",
        "https://localhost:8443/in",
        "https://desk.example.com:22/in",
        "https://desk.example.com:0/in",
        "https://desk.example.com:1023/in",
        "https://desk.example.com:65536/in",
        "https://desk.example.com:https/in",
        "https://desk.example.com./in",
        "https://desk.example.com/in#part",
        "https://desk.example.com/in\r\nx-evil: 1",
        "https://desk.example.com/i n",
        "https://desk.example.com\\@evil.example/in",
        "https://bücher.example/in",
        "https://desk..example.com/in",
        "https://-desk.example.com/in",
        "https:///in",
        "",
        7,
        None,
    ],
)
def test_an_address_that_is_not_one_of_the_internet_over_tls_is_refused(url: Any) -> None:
    with pytest.raises(BadSenderKeys) as refused:
        read_keys(json.dumps({"webhook/desk": {"url": url, "secrets": [NEW]}}))

    assert str(url) not in str(refused.value) or not url


@pytest.mark.parametrize(
    "url",
    [
        "https://desk.example.com",
        "https://desk.example.com/",
        "https://DESK.Example.com:443/in",
        "https://xn--bcher-kva.example:1024/in?a=b&c=d/e?f",
        "https://hooks.zapier.com/hooks/catch/123/ab-c_~/",
        "https://desk.example.com:65535?x",
    ],
)
def test_other_addresses_are_taken(url: str) -> None:
    assert read_keys(json.dumps({"webhook/desk": {"url": url, "secrets": [NEW]}}))


@pytest.mark.parametrize(
    "secrets",
    [
        [],
        ["whsec_"],
        ["whsec_" + base64.b64encode(b"x" * 23).decode()],
        ["whsec_" + base64.b64encode(b"x" * 65).decode()],
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"],
        [NEW.removeprefix("whsec_")],
        [NEW, OLD, NEW, OLD],
        NEW,
    ],
)
def test_a_secret_that_is_none_by_standard_webhooks_is_refused_and_not_quoted(secrets: Any) -> None:
    with pytest.raises(BadSenderKeys) as refused:
        read_keys(json.dumps({"webhook/desk": {"url": "https://desk.example.com", "secrets": secrets}}))

    assert "whsec" not in str(refused.value)


@pytest.mark.parametrize("name", ["webhook/", "webhook", "webhook/Desk", "webhook/a b", "webhook/" + "x" * 64])
def test_a_webhook_has_a_plain_name(name: str) -> None:
    with pytest.raises(BadSenderKeys):
        read_keys(json.dumps({name: DESK["webhook/desk"]}))


def test_a_kind_that_nobody_knows_is_a_mistake_of_the_secret() -> None:
    with pytest.raises(BadSenderKeys):
        read_keys(json.dumps({"webhook/desk": {**DESK["webhook/desk"], "kinds": ["task.done"]}}))
