"""The three tables and the three queues that must behave as one: on SQLite, in moto, in ministack.

`table`, `streamed` and `lane` come once for each. ministack is a child process; when it is not installed, its tests
fail rather than pass unseen, unless PERENNIAL_SKIP_MINISTACK=1 says so.

Where an emulator is known to be wrong the test says so by `wrong_in`, and fails when it is mended. What none of them
does at all is tested elsewhere: indexes that lag (test_stale_indexes.py), throttling and transactions that meet
(tests/unit/test_dynamo_table.py), answers that are lost (test_lost_answers.py), expiry (test_sqlite_twins.py: moto lets
nothing expire, ministack within a minute). Fairness between groups and retention exist in SQS alone.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import botocore.session
import pytest
from botocore.config import Config
from moto import mock_aws

from infra.local import ministack, template
from infra.local.database import Database
from infra.local.sqlite_queues import Manners, SqliteQueues
from infra.local.sqlite_stream import Change, SqliteStream
from infra.local.sqlite_table import SqliteTable
from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.dynamo_table import _item as unmarshalled
from perennial.aws.queues import Queue, SqsQueue
from perennial.aws.table import Key, Table

BACKENDS = ("sqlite", "moto", "ministack")
Clients = Mapping[str, Any]
VISIBILITY = DELAY = timedelta(seconds=1)
MAX_RECEIVES = 2
CHANGES_A_PAGE = 5


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wrong_in(backend, reason): this emulator is known not to behave as AWS does")


@dataclass(frozen=True)
class Delivery:
    receipt: str
    body: str
    group: str | None
    receive_count: int


class Lane(Protocol):
    """A queue with its receiving end, as Lambda sees it; hiding for `VISIBILITY`, giving out `MAX_RECEIVES` times."""

    queue: Queue

    def receive(self) -> list[Delivery]: ...
    def delete(self, delivery: Delivery) -> None: ...
    def release(self, delivery: Delivery) -> None: ...
    def dead(self) -> list[tuple[str, str | None]]:
        """Body and group of each dead letter."""

    def redrive(self) -> None:
        """Send the dead letters back to where they came from."""

    def wait_out_the_visibility(self) -> None: ...
    def wait_out_the_delay(self) -> None: ...


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
        clients["dynamodbstreams"] = client_of_streams()
        wiring.reset()
    return clients


def client_of_streams() -> Any:
    """In production Lambda reads the stream, and we make no client; moto knows one only by the region's endpoint."""
    config = Config(account_id_endpoint_mode="disabled")
    return botocore.session.get_session().create_client("dynamodbstreams", config=config)


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
    """A new table with the keys, indexes and stream of the one in template.yaml."""
    return DynamoTable(clients["dynamodb"], created_table(clients))


def created_table(clients: Clients) -> str:
    name = f"customers-{uuid4().hex}"
    clients["dynamodb"].create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **shape_in_template())
    return name


@cache
def shape_in_template() -> dict[str, Any]:
    """As CreateTable wants it; CloudFormation's stream is enabled by having a view."""
    properties = template.read()["Resources"]["CustomersTable"]["Properties"]
    shape = {name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")}
    return {**shape, "StreamSpecification": {"StreamEnabled": True, **properties["StreamSpecification"]}}


class Streamed(Protocol):
    """A table and its stream from the beginning."""

    table: Table

    def changes(self) -> list[Change]:
        """All of them, read `CHANGES_A_PAGE` at a time."""


@pytest.fixture
def streamed(backend: str, request: pytest.FixtureRequest) -> Streamed:
    opened: Streamed = request.getfixturevalue(f"{backend}_streamed")
    return opened


@pytest.fixture
def sqlite_streamed(tmp_path: Path) -> Iterator[Streamed]:
    database = Database(tmp_path / "house.db")
    yield StreamedSqlite(database)
    database.close()


@pytest.fixture
def moto_streamed(of_moto: Clients) -> Streamed:
    return StreamedDynamo(of_moto)


@pytest.fixture
def ministack_streamed(of_ministack: Clients) -> Streamed:
    return StreamedDynamo(of_ministack)


class StreamedSqlite:
    def __init__(self, database: Database) -> None:
        self.table: Table = SqliteTable(database)
        self._stream = SqliteStream(database)

    def changes(self) -> list[Change]:
        changes = self._stream.read(limit=CHANGES_A_PAGE)
        while more := self._stream.read(after=changes[-1].sequence if changes else 0, limit=CHANGES_A_PAGE):
            changes += more
        return changes


class StreamedDynamo:
    def __init__(self, clients: Clients) -> None:
        name = created_table(clients)
        self.table: Table = DynamoTable(clients["dynamodb"], name)
        self._arn = clients["dynamodb"].describe_table(TableName=name)["Table"]["LatestStreamArn"]
        self._client = clients["dynamodbstreams"]

    def changes(self) -> list[Change]:
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        return [change for shard in shards for change in self._changes_of(shard["ShardId"])]

    def _changes_of(self, shard: str) -> Iterator[Change]:
        place = {"StreamArn": self._arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self._client.get_shard_iterator(**place)["ShardIterator"]
        while True:
            reply = self._client.get_records(ShardIterator=iterator, Limit=CHANGES_A_PAGE)
            yield from map(_change, reply["Records"])
            if not reply["Records"]:
                return
            iterator = reply["NextShardIterator"]


def _change(record: dict[str, Any]) -> Change:
    told = record["dynamodb"]
    image = unmarshalled(told["NewImage"]) if "NewImage" in told else None
    key = Key(*(told["Keys"][name]["S"] for name in Key._fields))
    by_nobody = record.get("userIdentity", {}).get("principalId") == "dynamodb.amazonaws.com"
    return Change(int(told["SequenceNumber"]), record["eventName"], key, image, by_nobody)


@pytest.fixture
def lane(backend: str, request: pytest.FixtureRequest) -> Lane:
    return opened_lane(backend, request, delay=timedelta(0))


@pytest.fixture
def ministack_lane(request: pytest.FixtureRequest) -> Lane:
    return opened_lane("ministack", request, delay=timedelta(0))


@pytest.fixture
def delayed_lane(backend: str, request: pytest.FixtureRequest) -> Lane:
    """What is sent stays hidden for `DELAY`."""
    return opened_lane(backend, request, delay=DELAY)


def opened_lane(backend: str, request: pytest.FixtureRequest, delay: timedelta) -> Lane:
    if backend == "sqlite":
        return SqliteLane(request.getfixturevalue("lane_database"), delay)
    return SqsLane(request.getfixturevalue(f"of_{backend}")["sqs"], delay)


@pytest.fixture
def lane_database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "house.db")
    yield database
    database.close()


class SqliteLane:
    def __init__(self, database: Database, delay: timedelta) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        manners = Manners(visibility=VISIBILITY, max_receives=MAX_RECEIVES, delay=delay)
        self._queues = SqliteQueues(database, lambda: self._now, {"orders": manners})
        self.queue: Queue = self._queues.queue("orders")

    def receive(self) -> list[Delivery]:
        received = self._queues.receive("orders")
        return [Delivery(each.receipt, each.body, each.group, each.receive_count) for each in received]

    def delete(self, delivery: Delivery) -> None:
        self._queues.delete([delivery.receipt])

    def release(self, delivery: Delivery) -> None:
        self._queues.release(delivery.receipt)

    def dead(self) -> list[tuple[str, str | None]]:
        return [(each.body, each.group) for each in self._queues.dead("orders")]

    def redrive(self) -> None:
        self._queues.redrive("orders")

    def wait_out_the_visibility(self) -> None:
        self._now += VISIBILITY

    def wait_out_the_delay(self) -> None:
        self._now += DELAY


class SqsLane:
    def __init__(self, sqs: Any, delay: timedelta) -> None:
        self._client = sqs
        self._dead, self._dead_arn = self._create({})
        self._url, _ = self._create(
            {
                "VisibilityTimeout": _seconds(VISIBILITY),
                "DelaySeconds": _seconds(delay),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": self._dead_arn, "maxReceiveCount": MAX_RECEIVES}),
            }
        )
        self.queue: Queue = SqsQueue(self._client, self._url)

    def receive(self) -> list[Delivery]:
        return self._received(self._url)

    def delete(self, delivery: Delivery) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    def release(self, delivery: Delivery) -> None:
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=delivery.receipt, VisibilityTimeout=0)

    def dead(self) -> list[tuple[str, str | None]]:
        return [(each.body, each.group) for each in self._received(self._dead)]

    def redrive(self) -> None:
        self._client.start_message_move_task(SourceArn=self._dead_arn)

    def wait_out_the_visibility(self) -> None:
        time.sleep(VISIBILITY.total_seconds() + 0.1)

    def wait_out_the_delay(self) -> None:
        time.sleep(DELAY.total_seconds() + 0.1)

    def _received(self, url: str) -> list[Delivery]:
        reply = self._client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
        return [_delivery(message) for message in reply.get("Messages", ())]

    def _create(self, attributes: dict[str, str]) -> tuple[str, str]:
        url = self._client.create_queue(QueueName=f"lane-{uuid4().hex}", Attributes=attributes)["QueueUrl"]
        reply = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, reply["Attributes"]["QueueArn"]


def _delivery(message: dict[str, Any]) -> Delivery:
    attributes = message["Attributes"]
    count = int(attributes["ApproximateReceiveCount"])
    return Delivery(message["ReceiptHandle"], message["Body"], attributes.get("MessageGroupId"), count)


def _seconds(time: timedelta) -> str:
    return str(int(time.total_seconds()))


@pytest.fixture
def all_deliveries(lane: Lane) -> Callable[[], list[Delivery]]:
    """Everything that the lane gives out now, received ten at a time."""

    def receive() -> list[Delivery]:
        deliveries: list[Delivery] = []
        while batch := lane.receive():
            deliveries += batch
        return deliveries

    return receive
