"""The plain assembly put up: on AWS without a network, and in ministack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session

from perennial.aws.clock import Clock
from tests.bench import plain
from tests.bench.plain import Names, Plain
from tests.bench.rules import shipped
from tests.bench.wire import Wire, address, environment, logged

CUSTOMERS, HISTORY, LINKS, IDEMPOTENCY = (f"plain-{name}" for name in ("customers", "history", "links", "idempotency"))
KEYS = {CUSTOMERS: ("id",), HISTORY: ("pk", "sk"), LINKS: ("id",), IDEMPOTENCY: ("id",)}
"""Table -> partition and sort key."""
QUEUES = ("plain-email", "plain-sms")


@contextmanager
def on_wire(clock: Clock) -> Iterator[tuple[Plain, Wire]]:
    wire, session = Wire({}), botocore.session.get_session()
    session.register("before-send", wire.answer)
    with environment(), logged(plain.logger):
        yield _plain(session, [address("EMAIL_QUEUE_URL"), address("SMS_QUEUE_URL")], clock), wire


@contextmanager
def in_ministack(session: botocore.session.Session, clock: Clock) -> Iterator[Plain]:
    """With tables and queues of its own, in the ministack that the environment names."""
    made = boto3.Session(botocore_session=session)
    dynamodb, sqs = made.client("dynamodb"), made.client("sqs")
    for table, keys in KEYS.items():
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **_schema(keys))
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES]
    with logged(plain.logger):
        yield _plain(session, urls, clock)


def _plain(session: botocore.session.Session, queue_urls: list[str], clock: Clock) -> Plain:
    names = Names(*KEYS, *queue_urls)
    return Plain(boto3.Session(botocore_session=session), names, shipped(), clock)


def _schema(keys: tuple[str, ...]) -> dict[str, Any]:
    kinds = zip(keys, ("HASH", "RANGE"), strict=False)
    return {
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
    }
