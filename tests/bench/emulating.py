"""ministack under the engine and under the plain assembly: the same calls as in AWS, over sockets."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.session

from infra.local import ministack, template
from infra.local.past import Line
from infra.local.twins import QUEUES
from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.clock import Clock
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.queues import Message, SqsQueue
from tests.bench.counting import Meter
from tests.bench.wire import environment, look_once_at_the_policy, our_session

TABLE = "bench"
IDENTITY_SECRET = b"bench"


class Posted(Line):
    """A line whose messages also go to a queue of SQS, so that the calls are made."""

    def __init__(self, queue: SqsQueue) -> None:
        super().__init__()
        self._queue = queue

    def send(self, messages: Iterable[Message]) -> int:
        sent = list(messages)
        self._queue.send(sent)
        return super().send(sent)


@contextmanager
def emulated() -> Iterator[None]:
    """Whatever AWS client is made meanwhile talks to a ministack of its own."""
    with ministack.running() as aws, environment(AWS_ENDPOINT_URL=aws.endpoint):
        yield


def plain_session() -> tuple[botocore.session.Session, Meter]:
    """For the plain assembly; its calls are counted."""
    session = botocore.session.get_session()
    return session, Meter(session)


def our_meter() -> Meter:
    """Counts what clients made by `wiring` from now on call."""
    return Meter(our_session())


def our_table() -> DynamoTable:
    """Made anew, with the keys and indexes of the one in template.yaml."""
    dynamodb = client("dynamodb")
    shape = template.read()["Resources"]["CustomersTable"]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName=TABLE, BillingMode="PAY_PER_REQUEST", **{name: shape[name] for name in names})
    return DynamoTable(dynamodb, TABLE)


def our_queues() -> dict[str, SqsQueue]:
    """Made anew; by their names in `QUEUES`."""
    sqs = client("sqs")
    return {name: SqsQueue(sqs, sqs.create_queue(QueueName=name)["QueueUrl"]) for name in QUEUES}


def install(clock: Clock) -> None:
    """Let functions/apply stand on a table and queues of its own in ministack."""
    queues = {f"queue_{name}": queue for name, queue in our_queues().items()}
    wiring.install(table=our_table(), clock=clock, identity_secret=IDENTITY_SECRET, **queues)
    look_once_at_the_policy()


def items_of(table: str) -> Iterator[Mapping[str, Any]]:
    """All that a table holds, as DynamoDB says it."""
    session = botocore.session.get_session()
    for page in session.create_client("dynamodb").get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]
