"""Somebody of whom there is everything is erased; then the whole house is searched for their name, email and phone.

On the laptop's house and on the deployed template: table, queues, dead letters, quarantine, buckets, logs, mailbox.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol

import pytest

from infra.local import ministack
from infra.local.client import Client
from infra.local.deployed import InMinistack, deployed
from infra.local.house import House
from infra.local.player import Running
from infra.local.signing import signed
from infra.local.state import STORE, State
from perennial.aws.packing import unpacked
from perennial.aws.queues import Message
from perennial.domain.values import iso

ANA = {
    "id": "ana-1",
    "email": "Ana.Ejemplo@example.com",
    "phone": "+34 600 111 222",
    "name": "Ana Ejemplo",
    "first_name": "Ana",
    "country": "ES",
    "address": "Calle Ejemplo 7, Madrid",
}
LEO = {"id": "leo-1", "email": "leo@example.org", "country": "ES"}
TRACES = ("ejemplo", "600 111 222", "600111222", "ana-1")
"""In lower case; whatever is searched is too."""
PATIENCE = 60


class Stage(Protocol):
    """A running house, and what only who stands behind it can do."""

    running: Running

    def bury(self, queue: str, bodies: Iterable[str]) -> None:
        """Make these dead letters of a queue, by its name in the template."""

    def redrive(self, queue: str) -> None: ...

    def everything(self) -> Iterator[str]:
        """All text there is in the house, unpacked."""


class Laptop:
    def __init__(self, house: House) -> None:
        self.house = house
        self.running: Running = house

    def bury(self, queue: str, bodies: Iterable[str]) -> None:
        """Before the house is entered: nobody works yet, so that what is given out comes to nothing."""
        self.house.queues.send(queue, [Message(body) for body in bodies])
        while self.house.queues.backlog(queue):
            for message in self.house.queues.receive(queue):
                self.house.queues.release(message.receipt)

    def redrive(self, queue: str) -> None:
        self.house.queues.redrive(queue)

    def everything(self) -> Iterator[str]:
        with self.house.database.reading() as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
                yield from (" ".join(_opened(str(value)) for value in row) for row in rows)
        for file in self.house.state.folder.rglob("*"):
            if file.is_file() and "perennial.db" not in file.name:
                yield file.read_text(encoding="utf-8", errors="replace")


class Cloud:
    def __init__(self, running: InMinistack, stack: ministack.Deployed) -> None:
        self.running: Running = running
        self.stack = stack
        self.sqs, self.dynamo, self.logs = (stack.aws.client(name) for name in ("sqs", "dynamodb", "logs"))

    def bury(self, queue: str, bodies: Iterable[str]) -> None:
        url = self.stack.resources[queue.replace("Queue", "DeadLetters")]
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body)

    def redrive(self, queue: str) -> None:
        dead, url = self.stack.resources[queue.replace("Queue", "DeadLetters")], self.stack.resources[queue]
        for letter in self._letters(dead):
            self.sqs.send_message(QueueUrl=url, MessageBody=letter["Body"])
            self.sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])

    def everything(self) -> Iterator[str]:
        for page in self.dynamo.get_paginator("scan").paginate(TableName=self.stack.outputs["TableName"]):
            yield from (_shown(item) for item in page["Items"])
        for url in self.sqs.list_queues()["QueueUrls"]:
            yield from (letter["Body"] for letter in self._letters(url))
        for group in self.logs.describe_log_groups()["logGroups"]:
            events = self.logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            yield from (event["message"] for event in events)
        yield from self._files()

    def leave_behind(self, upload: bytes) -> None:
        """Of an import that is over."""
        self.stack.aws.client("s3").put_object(
            Bucket=self.stack.resources["ImportsBucket"], Key="uploads/an-old-import", Body=upload
        )

    def _letters(self, url: str) -> list[Any]:
        reply = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return list(reply.get("Messages", ()))

    def _files(self) -> Iterator[str]:
        s3 = self.stack.aws.client("s3")
        buckets = [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"] != ministack.BUCKET]
        for bucket in buckets:
            for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
                yield each["Key"] + s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode("latin-1")


def _shown(item: Mapping[str, Any]) -> str:
    """All attributes; packed bodies unpacked, and texts that are quarantined too."""
    values = ((kind, value) for attribute in item.values() for kind, value in attribute.items())
    return " ".join(_opened(unpacked(value).decode() if kind == "B" else str(value)) for kind, value in values)


def _opened(text: str) -> str:
    """A payload of quarantine as it was received; any other text as it is."""
    try:
        return gzip.decompress(base64.b64decode(text)).decode()
    except (ValueError, OSError):
        return text


@contextmanager
def on_the_laptop(folder: Path) -> Iterator[Stage]:
    house = House(State(folder / "house"))
    stage = Laptop(house)
    for queue, bodies in dead_letters("", house.now()).items():
        stage.bury(queue, bodies)
    with house:
        yield stage


@contextmanager
def in_ministack(_: Path) -> Iterator[Stage]:
    with deployed() as running:
        stage = Cloud(running, running.deployed)
        for queue, bodies in dead_letters("", running.now()).items():
            stage.bury(queue, bodies)
        stage.leave_behind(b"email,name\nana.ejemplo@example.com,Ana Ejemplo\n")
        yield stage


@pytest.fixture(params=[on_the_laptop, in_ministack], ids=["laptop", "ministack"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with request.param(tmp_path) as stage:
        yield stage


def an_event(kind: str, number: int, at: datetime, /, person: Mapping[str, str] = ANA, **data: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": f"{kind}-{number}", "source": "shop", "type": kind, "time": iso(at)}
    return {**event, "data": {"customer": dict(person), **data}}


def dead_letters(customer: str, now: datetime) -> dict[str, list[str]]:
    """Hers: an event, one that nobody can read, and a message to her; and one of somebody else."""
    hers = {**an_event("ticket.replied", 1, now, ticket={"id": "t-1", "text": "Ana Ejemplo again"}), "store": STORE}
    his = {**an_event("ticket.replied", 2, now, LEO, ticket={"id": "t-2"}), "store": STORE}
    return {
        "OrdersQueue": [json.dumps({**hers, "data": {**hers["data"], "ticket": {}}}), "{odd} ana.ejemplo@example.com"],
        "TicketsQueue": [json.dumps(hers), json.dumps(his)],
    }


def the_life(now: datetime) -> list[dict[str, Any]]:
    total, hour = {"amount": "80", "currency": "EUR"}, timedelta(hours=1)
    begun = now - 30 * hour
    return [
        an_event("customer.signed_up", 1, begun),
        an_event("consent.changed", 1, begun, channel="email", granted=True, method="checkout"),
        an_event("cart.abandoned", 1, begun + hour, cart={"id": "k-1", "url": "https://shop.example.com/ana-1"}),
        an_event("order.placed", 1, begun + 2 * hour, order={"id": "o-1", "name": "#1001", "total": total}),
        an_event("order.shipped", 1, begun + 3 * hour, order={"id": "o-1"}, shipment={"tracking": "TR1"}),
        an_event("shipment.updated", 1, begun + 4 * hour, shipment={"tracking": "TR1", "state": "lost"}),
        an_event("ticket.opened", 1, begun + 5 * hour, ticket={"id": "t-1", "text": "Soy Ana Ejemplo: 600 111 222"}),
        an_event("survey.answered", 1, begun + 6 * hour, survey="csat", score=1, text="Nunca más. Ana Ejemplo"),
        an_event("customer.signed_up", 2, begun, LEO),
        an_event("ticket.opened", 2, begun + hour, LEO, ticket={"id": "t-2", "text": "All is well"}),
    ]


def not_understood(now: datetime) -> list[dict[str, Any]]:
    """Hers by her address, by her number, by her name alone; one that waits for its order; and his."""
    nameless = {"name": "Ana Ejemplo"}
    return [
        {**an_event("order.teleported", 1, now), "note": "new"},
        an_event("order.placed", 7, now, order={"contact": "+34600111222"}, person={}),
        an_event("order.placed", 8, now, nameless, order={"odd": "Ana Ejemplo"}),
        an_event("shipment.updated", 9, now, nameless, shipment={"tracking": "UNKNOWN", "state": "lost"}),
        an_event("order.teleported", 2, now, LEO),
    ]


def post(stage: Stage, events: Iterable[dict[str, Any]]) -> None:
    running = stage.running
    for event in events:
        body = json.dumps(event).encode()
        headers = signed("open", body, {}, running.stack.secrets["open"][0], running.wall())
        assert Client(running.stack).post(f"/events/{STORE}", body, headers).status == 200
    running.wait_until_quiet()


def found(stage: Stage, email: str) -> list[str]:
    customers = Client(stage.running.stack).get("/customers", email=email)["customers"]
    return [each["id"] for each in customers]


def traces(stage: Stage) -> list[str]:
    return [text for text in stage.everything() if any(trace in text.lower() for trace in TRACES)]


def erased(stage: Stage, customer: str) -> Any:
    """The request, when it is done."""
    client, deadline = Client(stage.running.stack), monotonic() + PATIENCE
    number = client.ask(f"/customers/{customer}/erase")["request"]
    while monotonic() < deadline:
        for each in client.get("/privacy/requests")["requests"]:
            if each["id"] == number and each["state"] == "done":
                return each
        sleep(0.2)
    raise AssertionError("it was not erased in time")


def mail_to_her(stage: Stage) -> list[str]:
    folder = stage.running.stack.mail
    return [file.name for file in Path(folder).glob("*.json") if "ejemplo" in file.read_text().lower()]


def test_of_somebody_who_was_erased_nothing_can_be_found_and_nothing_comes_back(stage: Stage) -> None:
    now = stage.running.now()
    life, odd = the_life(now), not_understood(now)
    post(stage, [*life, *odd])
    [ana] = found(stage, "ana.ejemplo@example.com")
    everything = exported(stage, ana)
    assert {each["what"] for each in everything["items"]} >= {"record", "profile", "consent", "text", "timeline"}
    assert len(everything["quarantine"]) == 2
    assert len(traces(stage)) >= 10
    assert [each["source"] for each in Client(stage.running.stack).get("/sources")["sources"]] == ["open"]

    request = erased(stage, ana)

    assert request["removed"].keys() >= {"items", "quarantine"}
    assert traces(stage) == []
    assert found(stage, "leo@example.org")
    kept = Client(stage.running.stack).get("/quarantine")["entries"]
    assert sorted(each["reason"][:5] for each in kept if each["is_stray"]) == ["waits"]

    post(stage, life)
    for queue in ("OrdersQueue", "TicketsQueue"):
        stage.redrive(queue)
    stage.running.wait_until_quiet()
    assert found(stage, "ana.ejemplo@example.com") == []
    assert traces(stage) == []


def test_the_watch_may_look_at_all_it_has_to() -> None:
    """Deployed, with its own role."""
    with deployed() as running:
        answer = running.deployed.aws.client("lambda").invoke(
            FunctionName=running.deployed.resources["Watch"], Payload=b"{}"
        )
        seen = json.loads(answer["Payload"].read())  # before who answers is gone

    assert (seen.get("new_in_quarantine"), seen.get("silent_sources"), seen.get("requests_waiting")) == (0, 0, 0), seen


def exported(stage: Stage, customer: str) -> Any:
    return Client(stage.running.stack).ask(f"/customers/{customer}/export")


def test_their_address_is_not_written_to_again_before_they_agree_to_it(tmp_path: Path) -> None:
    with on_the_laptop(tmp_path) as stage:
        now = stage.running.now()
        post(stage, the_life(now))
        stage.running.arrive_at(now + timedelta(days=1))
        assert mail_to_her(stage)
        erased(stage, *found(stage, "ana.ejemplo@example.com"))
        assert mail_to_her(stage) == []

        stage.running.arrive_at(now + timedelta(days=2))
        since = stage.running.now()
        order = {"id": "o-2", "name": "#1002", "total": {"amount": "80", "currency": "EUR"}}
        post(stage, [an_event("order.placed", 5, since, order=order)])
        stage.running.arrive_at(since + timedelta(days=10))
        [again] = found(stage, "ana.ejemplo@example.com")
        refused = [each for each in timeline(stage, again) if each["data"].get("reason") == "address erased"]
        assert refused
        assert mail_to_her(stage) == []

        since = stage.running.now()
        post(stage, [an_event("consent.changed", 6, since, channel="email", granted=True)])
        post(stage, [an_event("cart.abandoned", 6, since, cart={"id": "k-6", "url": "https://shop.example.com/k-6"})])
        stage.running.arrive_at(since + timedelta(days=20))
        assert mail_to_her(stage)


def timeline(stage: Stage, customer: str) -> list[Any]:
    return list(Client(stage.running.stack).pages(f"/customers/{customer}/timeline", "entries"))
