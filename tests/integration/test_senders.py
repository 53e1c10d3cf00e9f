"""Providers and send functions: what leaves for SES, SMS, SMTP and the laptop's folder, and what their answers mean."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from functions.send_email import app as send_email
from functions.send_sms import app as send_sms
from infra.local.blueprint import Blueprint
from infra.local.database import Database
from infra.local.mailbox import Mailbox
from infra.local.ministack import PARAMETERS
from infra.local.smtp import Smtp
from infra.local.sqlite_queues import Manners, SqliteQueues
from infra.local.sqlite_table import SqliteTable
from perennial.aws import wiring
from perennial.aws.answers import understood
from perennial.aws.ses import Ses
from perennial.aws.settings import Settings
from perennial.aws.sms import Sms
from perennial.aws.store import profile_key, record_key
from perennial.aws.table import Item, Put
from perennial.channels.announcing import USED_UP
from perennial.channels.links import unsubscribe_headers
from perennial.channels.provider import (
    DryRun,
    OptedOut,
    OutcomeUnknown,
    Provider,
    Rejected,
    Spent,
    Throttled,
    Unavailable,
)
from perennial.channels.render import Message
from perennial.channels.verdict import PATIENCE
from perennial.domain.events import parse_event
from perennial.domain.label import Label
from perennial.domain.values import milliseconds
from tests.messaging import NOON, a_customer, a_profile, an_action

CLOCK = SimpleNamespace(now=lambda: NOON, wall=lambda: NOON)
CONTEXT = SimpleNamespace(
    function_name="send", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="1", get_remaining_time=int
)
ENVIRONMENT = {
    **{name: "-" for name, field in Settings.model_fields.items() if field.is_required()},
    "EMAIL_FROM": "hello@shop.example",
    "BRAND_NAME": "Lumen",
}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        **ENVIRONMENT,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    wiring.reset()
    yield
    wiring.reset()


def a_message(**overrides: Any) -> Message:
    return Message(
        **{
            "action_id": "a-1",
            "play": "welcome",
            "purpose": "service",
            "channel": "email",
            "template": "welcome",
            "locale": "es",
            "to": "mia@example.com",
            "subject": "¡Hola!",
            "body": "Hola, Mia:\n\n你好",
            "expires_in": timedelta(hours=2),
            "label": Label(action="a-1", customer="c-1", store="demo", play="welcome", purpose="service", at=NOON),
            **overrides,
        }
    )


# SES


@mock_aws
def test_ses_takes_the_message():
    client = boto3.client("sesv2")
    client.create_email_identity(EmailIdentity="hello@shop.example")

    assert Ses(client, "hello@shop.example").send(a_message())


@pytest.mark.parametrize("one_click", [None, "https://api.example/u/t.o.k"])
def test_an_email_by_ses_has_a_button_to_unsubscribe_where_there_is_somewhere_to_lead(one_click: str | None):
    client = boto3.client("sesv2")
    asked: dict[str, Any] = {}
    client.meta.events.register("provide-client-params.sesv2.SendEmail", lambda params, **_: asked.update(params))
    with Stubber(client) as ses:
        ses.add_response("send_email", {"MessageId": "m-1"})
        Ses(client, "hello@shop.example").send(a_message(one_click=one_click))

    headers = {each["Name"]: each["Value"] for each in asked["Content"]["Simple"].get("Headers", [])}
    assert headers == unsubscribe_headers(one_click)


def test_an_email_carries_its_action_and_play_as_tags():
    client = boto3.client("sesv2")
    with Stubber(client) as ses:
        ses.add_response("send_email", {"MessageId": "m-1"}, {
            "FromEmailAddress": "hello@shop.example",
            "ReplyToAddresses": ["care@shop.example"],
            "ConfigurationSetName": "tracked",
            "Destination": {"ToAddresses": ["mia@example.com"]},
            "Content": {"Simple": {
                "Subject": {"Data": "¡Hola!", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Hola, Mia:\n\n你好", "Charset": "UTF-8"}},
            }},
            "EmailTags": [
                {"Name": "action", "Value": "a-1"},
                {"Name": "customer", "Value": "c-1"},
                {"Name": "store", "Value": "demo"},
                {"Name": "play", "Value": "welcome"},
                {"Name": "purpose", "Value": "service"},
                {"Name": "at", "Value": str(milliseconds(NOON))},
            ],
        })  # fmt: skip

        assert Ses(client, "hello@shop.example", "care@shop.example", "tracked").send(a_message()) == "m-1"


def test_an_email_has_its_words_as_a_page_too():
    asked: dict[str, Any] = {}
    client = SimpleNamespace(send_email=lambda **request: asked.update(request) or {"MessageId": "m-1"})

    Ses(client, "hello@shop.example").send(a_message(html="<p>Hola</p>"))

    body = asked["Content"]["Simple"]["Body"]
    assert body["Html"] == {"Data": "<p>Hola</p>", "Charset": "UTF-8"}
    assert body["Text"]["Data"].startswith("Hola, Mia:")


def test_a_message_without_a_label_has_no_tags():
    asked: dict[str, Any] = {}
    client = SimpleNamespace(send_email=lambda **request: asked.update(request) or {"MessageId": "m-1"})

    Ses(client, "hello@shop.example").send(a_message(label=None))

    assert asked["EmailTags"] == []


SES_ANSWERS = [
    ("MessageRejected", 400, Rejected),
    ("BadRequestException", 400, Rejected),
    ("TooManyRequestsException", 429, Throttled),
    ("ThrottlingException", 400, Throttled),
    ("LimitExceededException", 400, Spent),
    ("SendingPausedException", 400, Unavailable),
    ("AccessDeniedException", 403, Unavailable),
    ("InternalServiceErrorException", 500, OutcomeUnknown),
]


@pytest.mark.parametrize(("code", "status", "meaning"), SES_ANSWERS)
def test_what_ses_answers_is_told_apart(code: str, status: int, meaning: type[Exception]):
    client = boto3.client("sesv2")
    with Stubber(client) as ses:
        ses.add_client_error("send_email", code, "mia@example.com is not verified", status)

        with pytest.raises(meaning) as told:
            Ses(client, "hello@shop.example").send(a_message())

    assert str(told.value) == code, "and nobody is named"
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("message", "meaning", "rest"),
    [
        ("Maximum sending rate exceeded.", Throttled, timedelta(minutes=2)),
        ("Daily message quota exceeded.", Spent, timedelta(hours=1)),
    ],
)
def test_who_has_used_up_a_day_rests_longer_than_who_was_too_fast(
    message: str, meaning: type[Exception], rest: timedelta
):
    client = boto3.client("sesv2")
    with Stubber(client) as ses:
        ses.add_client_error("send_email", "TooManyRequestsException", message, 429)

        with pytest.raises(Throttled) as told:
            Ses(client, "hello@shop.example").send(a_message())

    assert (type(told.value), told.value.rest) == (meaning, rest)


@pytest.mark.parametrize(
    ("told", "email", "sms"),
    [
        ({}, "function", "function"),
        ({"EMAILS_PER_SECOND": "14", "EMAIL_SENDERS": "5", "SMS_PER_SECOND": "0"}, "Pace", "function"),
        ({"EMAILS_PER_SECOND": "14", "SMS_PER_SECOND": "1", "DRY_RUN": "true"}, "function", "function"),
    ],
)
def test_senders_keep_the_rate_that_the_merchant_says(
    told: dict[str, str], email: str, sms: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    wiring.install(identity_secret=b"key")

    assert type(wiring.email_outbox()._pace).__name__ == email
    assert type(wiring.sms_outbox()._pace).__name__ == sms


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (ReadTimeoutError(endpoint_url="-"), OutcomeUnknown),
        (ConnectTimeoutError(endpoint_url="-"), Unavailable),
        (EndpointConnectionError(endpoint_url="-"), Unavailable),
        (NoCredentialsError(), Unavailable),
    ],
)
def test_only_a_request_that_was_under_way_may_have_been_taken(error: Exception, meaning: type[Exception]):
    with pytest.raises(meaning), understood(frozenset()):
        raise error


# SMS


def test_an_sms_lives_no_longer_than_the_hours_it_may_arrive_in():
    client = boto3.client("pinpoint-sms-voice-v2")
    with Stubber(client) as sms:
        sms.add_response("send_text_message", {"MessageId": "m-1"}, {
            "DestinationPhoneNumber": "+34612345678",
            "OriginationIdentity": "Lumen",
            "ConfigurationSetName": "tracked",
            "MessageBody": ANY,
            "MessageType": "TRANSACTIONAL",
            "TimeToLive": 7200,
            "Context": {"action": "a-1", "customer": "c-1", "store": "demo", "play": "welcome"},
        })  # fmt: skip

        assert Sms(client, "Lumen", "tracked").send(a_message(channel="sms", to="+34612345678")) == "m-1"


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [("transactional", "TRANSACTIONAL"), ("service", "TRANSACTIONAL"), ("marketing", "PROMOTIONAL")],
)
@pytest.mark.parametrize(("hours", "seconds"), [(0, 5), (72, 259_200), (100, 259_200)])
def test_an_sms_says_what_it_is_and_lives_within_awss_bounds(purpose: str, kind: str, hours: int, seconds: int):
    asked: dict[str, Any] = {}
    client = SimpleNamespace(send_text_message=lambda **request: asked.update(request) or {"MessageId": "m-1"})

    Sms(client).send(a_message(purpose=purpose, expires_in=timedelta(hours=hours)))

    assert (asked["MessageType"], asked["TimeToLive"]) == (kind, seconds)
    assert "OriginationIdentity" not in asked


def test_a_month_s_money_that_is_used_up_is_for_people_to_raise_and_does_not_become_a_dead_letter():
    client = boto3.client("pinpoint-sms-voice-v2")
    with Stubber(client) as sms:
        sms.add_client_error(
            "send_text_message",
            "ServiceQuotaExceededException",
            http_status_code=402,
            modeled_fields={"Message": "-", "Reason": "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"},
        )

        with pytest.raises(Spent) as told:
            Sms(client).send(a_message(channel="sms"))

    assert str(told.value) == "ServiceQuotaExceededException MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"


def test_a_number_that_opted_out_with_aws_is_a_refusal_with_its_reason():
    client = boto3.client("pinpoint-sms-voice-v2")
    with Stubber(client) as sms:
        sms.add_client_error(
            "send_text_message",
            "ConflictException",
            http_status_code=409,
            modeled_fields={"Message": "-", "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"},
        )

        with pytest.raises(OptedOut, match=r"^opted out: ConflictException$"):
            Sms(client).send(a_message(channel="sms"))


# Never twice


class Failing(BaseHTTPRequestHandler):
    """Counts what arrives and answers each with a fault that an SDK would retry."""

    requests = 0

    def do_POST(self) -> None:
        Failing.requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass


@pytest.mark.parametrize("outbox", ["email_outbox", "sms_outbox"])
def test_the_sdk_never_sends_a_second_time(outbox: str, monkeypatch: pytest.MonkeyPatch):
    Failing.requests = 0
    with serving(HTTPServer(("127.0.0.1", 0), Failing)) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        wiring.install(identity_secret=b"key")
        provider: Provider = getattr(wiring, outbox)()._provider

        with pytest.raises(OutcomeUnknown):
            provider.send(a_message(to="+34612345678"))

    assert Failing.requests == 1


@pytest.mark.parametrize("function", ["SendEmail", "SendSms"])
def test_a_copy_comes_back_after_its_sender_is_done_or_dead(function: str):
    blueprint = Blueprint(PARAMETERS)
    [lane] = [lane for lane in blueprint.lanes if lane.function == function]

    assert blueprint.functions[function].timeout < PATIENCE < blueprint.queues[lane.queue].visibility


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    with server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


# Which provider


@pytest.mark.parametrize(
    ("told", "email", "sms"),
    [
        ({}, "Ses", "Sms"),
        ({"EMAIL_BY": "smtp", "SMS_BY": "twilio"}, "Smtp", "Twilio"),
        ({"EMAIL_BY": "smtp", "SMS_BY": "twilio", "DRY_RUN": "true"}, "DryRun", "DryRun"),
        ({"DRY_RUN": "false"}, "Ses", "Sms"),
    ],
)
def test_the_merchant_says_who_carries_messages(
    told: dict[str, str], email: str, sms: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    wiring.install(identity_secret=b"key")

    assert type(wiring._email_provider()).__name__ == email
    assert type(wiring._sms_provider()).__name__ == sms


def test_a_dry_run_sends_nothing_and_says_so():
    with pytest.raises(Rejected) as told:
        DryRun().send(a_message())

    assert told.value.reason == "dry run"


# The laptop's folder


def test_a_message_that_is_sent_twice_makes_two_files(tmp_path: Path):
    mailbox = Mailbox(tmp_path / "mail", CLOCK)

    mailbox.send(a_message())
    mailbox.send(a_message())

    files = sorted(file.name for file in (tmp_path / "mail").iterdir())
    assert files == ["2026-06-15T120000.000Z-a-1-1.json", "2026-06-15T120000.000Z-a-1-2.json"]


def test_a_file_tells_all_about_the_message(tmp_path: Path):
    name = Mailbox(tmp_path, CLOCK).send(a_message(channel="sms", subject=""))

    assert json.loads((tmp_path / f"{name}.json").read_text()) == {
        "channel": "sms",
        "to": "mia@example.com",
        "template": "welcome",
        "locale": "es",
        "subject": "",
        "body": "Hola, Mia:\n\n你好",
        "action_id": "a-1",
        "play": "welcome",
        "purpose": "service",
        "segments": 1,
        "sent_at": "2026-06-15T12:00:00.000Z",
    }


# SMTP


class Postman(socketserver.StreamRequestHandler):
    """The little of SMTP that a client needs; answers RCPT and the mail itself as told."""

    mails: list[bytes]
    rcpt, data = "250 ok", "250 ok"

    def handle(self) -> None:
        self.say("220 here")
        while command := self.rfile.readline().decode().strip().upper():
            match command.split(":")[0].split(" ")[0]:
                case "RCPT":
                    self.say(Postman.rcpt)
                case "DATA":
                    self.say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    Postman.mails.append(b"".join(lines))
                    if not Postman.data:
                        break
                    self.say(Postman.data)
                case "QUIT":
                    self.say("221 bye")
                    break
                case _:
                    self.say("250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@pytest.fixture
def post() -> Iterator[str]:
    Postman.mails, Postman.rcpt, Postman.data = [], "250 ok", "250 ok"
    with serving(socketserver.TCPServer(("127.0.0.1", 0), Postman)) as port:
        yield f"smtp://127.0.0.1:{port}"


def test_an_email_goes_out_by_smtp_and_into_the_folder(post: str, tmp_path: Path):
    Smtp(post, "Lumen <hello@shop.example>", Mailbox(tmp_path, CLOCK), CLOCK).send(a_message())

    mail = message_from_bytes(Postman.mails[0])
    assert (mail["To"], mail["Content-Language"]) == ("mia@example.com", "es")
    assert "Hola, Mia:\r\n\r\n你好" in mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert len(list(tmp_path.iterdir())) == 1


def test_by_smtp_the_text_comes_before_the_page_and_no_line_is_long(post: str, tmp_path: Path):
    page = f"<p>{'größer ' * 1_000}</p>"

    Smtp(post, "Lumen <hello@shop.example>", Mailbox(tmp_path, CLOCK), CLOCK).send(a_message(html=page))

    mail = message_from_bytes(Postman.mails[0])
    kinds = [(part.get_content_type(), part.get_content_charset()) for part in mail.walk()]
    assert kinds == [("multipart/alternative", None), ("text/plain", "utf-8"), ("text/html", "utf-8")]
    assert mail["Content-Language"] == "es"
    assert page in list(mail.walk())[2].get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert max(map(len, Postman.mails[0].splitlines())) <= 78


@pytest.mark.parametrize(
    ("rcpt", "data", "meaning"),
    [
        ("550 nobody here", "", Rejected),
        ("450 come back", "", Unavailable),
        ("250 ok", "554 spam", Rejected),
        ("250 ok", "451 come back", Unavailable),
        ("250 ok", "", OutcomeUnknown),
    ],
)
def test_what_smtp_answers_is_told_apart(post: str, rcpt: str, data: str, meaning: type[Exception], tmp_path: Path):
    Postman.rcpt, Postman.data = rcpt, data

    with pytest.raises(meaning):
        Smtp(post, "hello@shop.example", Mailbox(tmp_path, CLOCK), CLOCK).send(a_message())

    assert list(tmp_path.iterdir()) == []


def test_no_mail_server_takes_nothing(tmp_path: Path):
    with pytest.raises(Unavailable):
        Smtp("smtp://127.0.0.1:1", "hello@shop.example", Mailbox(tmp_path, CLOCK), CLOCK).send(a_message())


@pytest.mark.parametrize("url", ["localhost:25", "http://localhost", "smtp://"])
def test_a_mail_server_is_named_by_a_url(url: str, tmp_path: Path):
    with pytest.raises(ValueError, match="smtp://host:port"):
        Smtp(url, "hello@shop.example", Mailbox(tmp_path, CLOCK), CLOCK)


# The functions


def a_house(folder: Path, provider: Provider | None = None) -> SqliteQueues:
    """A customer, a table, an outcomes queue and a mailbox, all on the laptop's twins."""
    table, queues = SqliteTable(Database()), SqliteQueues(Database(), CLOCK.now, {"outcomes": Manners()})
    table.write([
        Put(Item(record_key("c-1"), a_customer().model_dump_json(exclude_defaults=True))),
        Put(Item(profile_key("c-1"), a_profile().model_dump_json(exclude_defaults=True))),
    ])  # fmt: skip
    provider = provider or Mailbox(folder, CLOCK)
    wiring.install(
        clock=CLOCK,
        table=table,
        queue_outcomes=queues.queue("outcomes"),
        identity_secret=b"key",
        email_provider=provider,
        sms_provider=provider,
    )
    return queues


def batch(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m-{n}", "body": body, "eventSource": "aws:sqs", "attributes": {}}
            for n, body in enumerate(bodies)
        ]
    }


@pytest.mark.parametrize(("app", "channel"), [(send_email, "email"), (send_sms, "sms")])
def test_an_action_from_the_queue_becomes_a_message_and_an_outcome(app: Any, channel: str, tmp_path: Path):
    queues = a_house(tmp_path)
    action = an_action(channel=channel, template="dispatched", not_after=NOON + timedelta(hours=1))

    answer = app.handler(batch(action.model_dump_json()), CONTEXT)

    [file], [outcome] = tmp_path.iterdir(), queues.receive("outcomes")
    assert answer == {"batchItemFailures": []}
    assert json.loads(file.read_text())["channel"] == channel
    assert (event := parse_event(outcome.body)).type == "message.sent"
    assert (event.customer, outcome.group) == ("c-1", None)


@pytest.mark.parametrize("app", [send_email, send_sms])
def test_only_what_failed_is_delivered_again(app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    a_house(tmp_path)
    good = an_action(template="dispatched").model_dump_json()

    answer = app.handler(batch("{}", good, "not json"), CONTEXT)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-2"}]}
    assert len(list(tmp_path.iterdir())) == 1
    assert [record.failed for record in caplog.records] == [["ValidationError"] * 2]  # type: ignore[attr-defined]


class UsedUp:
    """A provider whose account may send no more today."""

    def send(self, message: Message) -> str:
        raise Spent("daily quota")


@pytest.mark.parametrize("app", [send_email, send_sms])
def test_people_hear_of_an_account_that_is_used_up_and_its_messages_wait(
    app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    queues = a_house(tmp_path, UsedUp())
    action = an_action(channel="sms" if app is send_sms else "email", template="dispatched")

    answer = app.handler(batch(action.model_dump_json()), CONTEXT)

    [outcome] = queues.receive("outcomes")
    told = parse_event(outcome.body)
    assert answer == {"batchItemFailures": []}
    assert (told.type, told.data.reason) == ("message.deferred", "throttled: daily quota")  # type: ignore[attr-defined]
    assert [(record.msg, record.limit) for record in caplog.records] == [(USED_UP, "daily quota")]  # type: ignore[attr-defined]
