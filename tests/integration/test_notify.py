"""Notices over real queues and a real receiver: whatever it answers, in the end it is told, or somebody is."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from functions.notify import app
from infra.local.client import Client
from infra.local.database import Database
from infra.local.house import House
from infra.local.receiver import RECEIVER, OnLoopback, webhook
from infra.local.signing import signed
from infra.local.sqlite_queues import Manners, Received, SqliteQueues
from infra.local.state import State
from infra.local.template import ROOT
from infra.local.twins import KeptSenderKeys
from perennial.aws import posts, wiring
from perennial.aws.clock import SystemClock
from perennial.aws.queues import Message
from perennial.aws.settings import Settings
from perennial.aws.visibility import SqsVisibility
from perennial.domain.notices import Notice
from perennial.domain.values import iso
from perennial.notifying import DELIVERIES
from tests.builders import DAY, MINUTE, NOON

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
CONTEXT = SimpleNamespace(
    function_name="notify", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="1", get_remaining_time=int
)
Answer = Callable[[BaseHTTPRequestHandler], None]


def says(status: int, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return answer


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    """What was posted has been heard, and the answer is lost."""
    request.close_connection = True


def sleeps(request: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.5)
    request.close_connection = True


@dataclass
class Receiver:
    """Somebody's system: checks each signature, and answers as it is told to, at last for ever the same."""

    answers: Sequence[Answer]
    heard: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        told = Verifier(SECRET).verify(body, dict(request.headers.items()))
        self.heard.append({"id": request.headers["webhook-id"], **told})
        self.answers[min(len(self.heard), len(self.answers)) - 1](request)


@contextmanager
def listening(*answers: Answer) -> Iterator[Receiver]:
    receiver = Receiver(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/told?by=us"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


class Lane:
    """The queue of notices and its function, by a clock that is moved."""

    def __init__(self, url: str) -> None:
        self.now = NOON
        manners = {"notices": Manners(visibility=timedelta(minutes=6), max_receives=DELIVERIES)}
        self.queues = SqliteQueues(Database(), lambda: self.now, manners)
        self.waits: list[timedelta] = []
        wiring.install(
            settings=Settings.model_construct(DRY_RUN=False, LINKS_URL="https://api.example"),
            clock=SystemClock(),
            queue_notices=self.queues.queue("notices"),
            sender_keys=KeptSenderKeys(SystemClock(), {"desk": webhook(url, SECRET)} if url else {}),
            outside=OnLoopback(),
            notices_visibility=self,
        )

    def hide(self, receipt: str, span: timedelta) -> None:
        self.waits.append(span)
        self.queues.release(receipt, span)

    def put(self, *names: str) -> None:
        notices = (
            Notice(id=name, kind="task.created", customer="c-1", store="demo", at=NOON, data={"task": "call"})
            for name in names
        )
        self.queues.queue("notices").send(Message(notice.model_dump_json()) for notice in notices)

    def run(self, until: datetime) -> None:
        """As Lambda's event source mapping does, one message at a time, minute by minute."""
        while self.now <= until:
            for message in self.queues.receive("notices", limit=1):
                if not app.handler({"Records": [record(message)]}, CONTEXT)["batchItemFailures"]:
                    self.queues.delete([message.receipt])
            self.now += MINUTE

    @property
    def waiting(self) -> int:
        return self.queues.backlog("notices")


def record(message: Received) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receive_count)},
        "eventSource": "aws:sqs",
    }


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(posts, "TIMEOUT", 1.0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    wiring.reset()
    yield
    wiring.reset()


def test_whoever_is_out_for_a_while_is_told_in_the_end_and_always_the_same() -> None:
    away = (hangs_up, says(500), sleeps, says(302, location="/elsewhere"), says(429, retry_after="600"), says(204))
    with listening(*away) as receiver:
        lane = Lane(receiver.url)
        lane.put("n-1")
        lane.run(NOON + DAY)

    assert [told["id"] for told in receiver.heard] == ["n-1"] * 6
    assert all(told == receiver.heard[0] for told in receiver.heard)
    assert (lane.waiting, lane.queues.dead("notices")) == (0, [])
    assert len(lane.waits) == 5
    assert lane.waits[4] >= timedelta(minutes=10)


def test_one_that_fails_holds_up_no_other() -> None:
    with listening(says(500), says(200)) as receiver:
        lane = Lane(receiver.url)
        lane.put("n-1", "n-2", "n-3")
        lane.run(NOON + 10 * MINUTE)

    assert [told["id"] for told in receiver.heard] == ["n-1", "n-2", "n-3", "n-1"]


def test_after_a_day_it_is_a_dead_letter_and_when_it_is_sent_back_it_is_told() -> None:
    with listening(*[says(410)] * DELIVERIES, says(200)) as receiver:
        lane = Lane(receiver.url)
        lane.put("n-1")
        lane.run(NOON + timedelta(hours=23))
        assert lane.queues.dead("notices") == []

        lane.run(NOON + 2 * DAY)
        [letter] = lane.queues.dead("notices")
        assert len(receiver.heard) == DELIVERIES

        lane.queues.redrive("notices")
        lane.run(lane.now + MINUTE)

    assert (lane.waiting, lane.queues.dead("notices")) == (0, [])
    assert {told["id"] for told in receiver.heard} == {Notice.model_validate_json(letter.body).id}


def test_where_nobody_is_to_be_told_nothing_waits() -> None:
    lane = Lane("")
    lane.put("n-1", "n-2")

    lane.run(NOON + 5 * MINUTE)

    assert (lane.waiting, lane.queues.dead("notices"), lane.waits) == (0, [], [])


def test_a_dry_run_tells_nobody() -> None:
    with listening(says(200)) as receiver:
        lane = Lane(receiver.url)
        wiring.install(settings=Settings.model_construct(DRY_RUN=True, LINKS_URL=""))
        lane.put("n-1")
        lane.run(NOON + MINUTE)

    assert (receiver.heard, lane.waiting) == ([], 0)


def test_what_fails_is_logged_with_its_number_and_neither_address_nor_content(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with listening(says(500)) as receiver:
        lane = Lane(receiver.url)
        lane.put("n-1")
        app.logger.registered_handler.stream = sys.stdout
        lane.run(NOON)

    [line] = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "notices failed" in each]
    assert (line["message"], line["delivery"]) == ("notices failed", 1)
    assert line["failed"] == ["desk answered 500"]
    assert "127.0.0.1" not in json.dumps(line)


@mock_aws
def test_what_waits_on_sqs_waits_as_long_as_it_is_told() -> None:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    url = sqs.create_queue(QueueName="notices", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="n-1")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]

    SqsVisibility(sqs, url).hide(message["ReceiptHandle"], timedelta(seconds=30.9))

    assert "Messages" not in sqs.receive_message(QueueUrl=url)


# On a laptop


def a_dispute() -> bytes:
    """What the policy that ships makes a task of."""
    event = {
        "specversion": "1.0",
        "id": "t-1",
        "source": "desk",
        "type": "ticket.opened",
        "time": iso(datetime.now(UTC)),
        "data": {"customer": {"id": "ana"}, "ticket": {"id": "7", "intent": "dispute"}},
    }
    return json.dumps(event).encode()


def tell_of_a_dispute(house: House) -> None:
    now, body = datetime.now(UTC), a_dispute()
    headers = signed("open", body, {}, house.stack.secrets["open"][0], now)
    assert Client(house.stack).post("/events/demo", body, headers).status == 200
    house.wait_until_quiet()


def test_the_house_tells_its_own_receiver_of_each_task(tmp_path: Path) -> None:
    with House(State(tmp_path / "house")) as house:
        tell_of_a_dispute(house)

        [line] = house.receiver.file.read_text().splitlines()
        assert house.receiver.counts() == {"task.created": 1}
        assert Client(house.stack).get(f"/customers/{json.loads(line)['data']['customer']}")

    told = json.loads(line)
    assert (told["type"], told["data"]["task"], told["data"]["subject"]) == ("task.created", "dispute", {"ticket": "7"})
    assert told["data"]["link"] == f"{house.stack.api}/customers/{told['data']['customer']}"


def test_what_is_not_signed_is_not_believed_by_the_house_s_receiver(tmp_path: Path) -> None:
    with House(State(tmp_path / "house")) as house:
        answers = [Client(house.stack).post(RECEIVER, body, {}).status for body in (b"{}", b"\xff", b"")]

        assert answers == [401, 401, 401]
        assert house.receiver.counts() == {}


def test_another_receiver_on_this_machine_may_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []

    def take(self: Receiver, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        heard.append(Verifier(house.stack.telling).verify(body, dict(request.headers.items())))
        says(200)(request)

    monkeypatch.setattr(Receiver, "take", take)
    with listening() as receiver:
        monkeypatch.setenv("WEBHOOK_URL", receiver.url)
        with House(State(tmp_path / "house")) as house:
            tell_of_a_dispute(house)

    assert [told["type"] for told in heard] == ["task.created"]


@pytest.mark.parametrize("url", ["http://desk.example.com/in", "https://127.0.0.1/in", "http://10.0.0.1/in", "told"])
def test_a_laptop_tells_nobody_else(url: str) -> None:
    with pytest.raises(ValueError, match="WEBHOOK_URL is written http://127"):
        webhook(url, SECRET)


def test_a_forged_signature_is_what_a_receiver_refuses() -> None:
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(b"{}", {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,eA=="})


def test_what_is_deployed_has_no_way_to_a_loopback_and_the_hot_path_none_outside() -> None:
    code = (
        "import sys; from functions.apply import app; from functions.webhooks import app;"
        "from perennial.aws import wiring; import perennial.engine, perennial.telling;"
        "print([name for name in ('perennial.notifying', 'perennial.aws.outside', 'infra') if name in sys.modules])"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers/perennial/python")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
    assert "http://" not in (ROOT / "layers/perennial/python/perennial/aws/outside.py").read_text()
