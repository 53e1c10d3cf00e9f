"""The three tables and the three queues that must behave as one: on SQLite, in moto, in ministack.

`table` and `lane` come once for each. ministack is a child process; when it is not installed, its tests fail rather
than pass unseen, unless PERENNIAL_SKIP_MINISTACK=1 says so.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from moto import mock_aws

from infra.local import ministack, template
from infra.local.database import Database
from infra.local.sqlite_queues import Manners, SqliteQueues
from infra.local.sqlite_table import SqliteTable
from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.queues import Queue, SqsQueue
from perennial.aws.table import Table

BACKENDS = ("sqlite", "moto", "ministack")
Clients = Mapping[str, Any]
VISIBILITY = timedelta(seconds=1)
MAX_RECEIVES = 2


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wrong_in(backend, reason): this emulator is known not to behave as AWS does")


@dataclass(frozen=True)
class Delivery:
    receipt: str
    body: str
    group: str
    receive_count: int


class Lane(Protocol):
    """A queue with its receiving end, as Lambda sees it; hiding for `VISIBILITY`, giving out `MAX_RECEIVES` times."""

    queue: Queue

    def receive(self) -> list[Delivery]: ...
    def delete(self, delivery: Delivery) -> None: ...
    def release(self, delivery: Delivery) -> None: ...
    def dead(self) -> list[str]:
        """Bodies of the dead letters."""

    def wait_out_the_visibility(self) -> None: ...


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    for marker in request.node.iter_markers("wrong_in"):
        if marker.args[0] == name:
            request.applymarker(pytest.mark.xfail(reason=f"{name}: {marker.args[1]}", strict=True))
    return name


@pytest.fixture(scope="session")
def running_ministack() -> Iterator[ministack.Aws]:
    if os.environ.get("PERENNIAL_SKIP_MINISTACK") == "1":
        pytest.skip("PERENNIAL_SKIP_MINISTACK=1")
    with ministack.running() as aws:
        yield aws


@pytest.fixture(scope="session")
def of_ministack(running_ministack: ministack.Aws) -> Clients:
    return clients_as_in_production(AWS_ENDPOINT_URL=running_ministack.endpoint)


@pytest.fixture(scope="session")
def clients_for_moto() -> Clients:
    return clients_as_in_production()


@pytest.fixture
def of_moto(clients_for_moto: Clients) -> Iterator[Clients]:
    with mock_aws():
        yield clients_for_moto


def clients_as_in_production(**variables: str) -> Clients:
    """Made by aws/clients.py from the environment, with keys that open nothing: no real account is ever reached."""
    key = ministack.ROOT_KEY
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key, "AWS_DEFAULT_REGION": ministack.REGION}
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        for name, value in {**keys, **variables}.items():
            environment.setenv(name, value)
        wiring.reset()
        clients = {service: client(service) for service in ("dynamodb", "sqs")}
        wiring.reset()
    return clients


@pytest.fixture
def table(backend: str, request: pytest.FixtureRequest) -> Table:
    opened: Table = request.getfixturevalue(f"{backend}_table")
    return opened


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Iterator[Table]:
    database = Database(tmp_path / "house.db")
    yield SqliteTable(database)
    database.close()


@pytest.fixture
def moto_table(of_moto: Clients) -> Table:
    return deployed_table(of_moto)


@pytest.fixture
def ministack_table(of_ministack: Clients) -> Table:
    return deployed_table(of_ministack)


def deployed_table(clients: Clients) -> DynamoTable:
    """A new table with the keys and indexes of the one in template.yaml."""
    name = f"customers-{uuid4().hex}"
    clients["dynamodb"].create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **shape_in_template())
    return DynamoTable(clients["dynamodb"], name)


@cache
def shape_in_template() -> dict[str, Any]:
    properties = template.read()["Resources"]["CustomersTable"]["Properties"]
    return {name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")}


@pytest.fixture
def lane(backend: str, request: pytest.FixtureRequest) -> Lane:
    opened: Lane = request.getfixturevalue(f"{backend}_lane")
    return opened


@pytest.fixture
def sqlite_lane(tmp_path: Path) -> Iterator[Lane]:
    database = Database(tmp_path / "house.db")
    yield SqliteLane(database)
    database.close()


@pytest.fixture
def moto_lane(of_moto: Clients) -> Lane:
    return SqsLane(of_moto["sqs"])


@pytest.fixture
def ministack_lane(of_ministack: Clients) -> Lane:
    return SqsLane(of_ministack["sqs"])


class SqliteLane:
    def __init__(self, database: Database) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        manners = Manners(visibility=VISIBILITY, max_receives=MAX_RECEIVES)
        self._queues = SqliteQueues(database, lambda: self._now, {"orders": manners})
        self.queue: Queue = self._queues.queue("orders")

    def receive(self) -> list[Delivery]:
        received = self._queues.receive("orders")
        return [Delivery(each.receipt, each.body, each.group, each.receive_count) for each in received]

    def delete(self, delivery: Delivery) -> None:
        self._queues.delete([delivery.receipt])

    def release(self, delivery: Delivery) -> None:
        self._queues.release(delivery.receipt)

    def dead(self) -> list[str]:
        return [each.body for each in self._queues.dead("orders")]

    def wait_out_the_visibility(self) -> None:
        self._now += VISIBILITY


class SqsLane:
    def __init__(self, sqs: Any) -> None:
        self._client = sqs
        self._dead, dead_arn = self._create({})
        redrive = f'{{"deadLetterTargetArn": "{dead_arn}", "maxReceiveCount": {MAX_RECEIVES}}}'
        seconds = str(int(VISIBILITY.total_seconds()))
        self._url, _ = self._create({"VisibilityTimeout": seconds, "RedrivePolicy": redrive})
        self.queue: Queue = SqsQueue(self._client, self._url)

    def receive(self) -> list[Delivery]:
        reply = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [_delivery(message) for message in reply.get("Messages", ())]

    def delete(self, delivery: Delivery) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    def release(self, delivery: Delivery) -> None:
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=delivery.receipt, VisibilityTimeout=0)

    def dead(self) -> list[str]:
        reply = self._client.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10)
        return [message["Body"] for message in reply.get("Messages", ())]

    def wait_out_the_visibility(self) -> None:
        time.sleep(VISIBILITY.total_seconds() + 0.1)

    def _create(self, attributes: dict[str, str]) -> tuple[str, str]:
        url = self._client.create_queue(QueueName=f"lane-{uuid4().hex}", Attributes=attributes)["QueueUrl"]
        reply = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, reply["Attributes"]["QueueArn"]


def _delivery(message: dict[str, Any]) -> Delivery:
    attributes = message["Attributes"]
    count = int(attributes["ApproximateReceiveCount"])
    return Delivery(message["ReceiptHandle"], message["Body"], attributes["MessageGroupId"], count)


@pytest.fixture
def all_deliveries(lane: Lane) -> Callable[[], list[Delivery]]:
    """Everything that the lane gives out now, received ten at a time."""

    def receive() -> list[Delivery]:
        deliveries: list[Delivery] = []
        while batch := lane.receive():
            deliveries += batch
        return deliveries

    return receive
