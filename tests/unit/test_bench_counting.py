"""Calls and units, as botocore's hooks tell them."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse

from infra.local.sqlite_table import size_of as size_of_ours
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.table import Item, Key, Put
from tests.bench.counting import Meter, size_of
from tests.bench.wire import environment

KEY = {"pk": {"S": "C#1"}, "sk": {"S": "RECORD"}}


class Aws:
    """Answers every call with what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}

    def __call__(self, request: AWSRequest, **_: object) -> AWSResponse:
        self.asked = json.loads(request.body)
        return AWSResponse(request.url, 200, {}, _Raw(json.dumps(self.answer).encode()))


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def session(aws: Aws) -> Iterator[botocore.session.Session]:
    with environment():
        session = botocore.session.get_session()
        session.register("before-send", aws)
        yield session


@pytest.fixture
def meter(session: botocore.session.Session) -> Meter:
    return Meter(session)


@pytest.fixture
def dynamodb(session: botocore.session.Session, meter: Meter) -> Any:
    return session.create_client("dynamodb")


def an_item(size: int) -> dict[str, Any]:
    return {"x": {"S": "x" * (size - 1)}}


def test_every_call_is_counted_by_its_name(session: botocore.session.Session, meter: Meter) -> None:
    sqs = session.create_client("sqs")

    sqs.send_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/0/email", MessageBody="{}")
    sqs.send_message_batch(QueueUrl="https://sqs.us-east-1.amazonaws.com/0/email", Entries=[])

    counted = meter.take()
    assert counted.calls == {"SendMessage": 1, "SendMessageBatch": 1}
    assert counted.sends == 2


def test_what_was_taken_is_not_counted_again(dynamodb: Any, meter: Meter) -> None:
    dynamodb.get_item(TableName="t", Key=KEY)
    meter.take()

    assert not meter.take().calls


def test_write_units_are_what_the_answer_says_indexes_included(dynamodb: Any, meter: Meter, aws: Aws) -> None:
    aws.answer = {"ConsumedCapacity": {"CapacityUnits": 4, "GlobalSecondaryIndexes": {"due": {"CapacityUnits": 2}}}}

    dynamodb.put_item(TableName="t", Item=KEY)

    assert aws.asked["ReturnConsumedCapacity"] == "INDEXES"
    assert (meter.take().write_units, aws.asked["TableName"]) == (4, "t")


def test_a_transaction_says_it_for_each_table(dynamodb: Any, meter: Meter, aws: Aws) -> None:
    aws.answer = {"ConsumedCapacity": [{"CapacityUnits": 4}, {"CapacityUnits": 2}]}

    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": KEY}}])

    assert meter.take().write_units == 6


@pytest.mark.parametrize(("size", "consistent", "units"), [(4096, True, 1), (4097, True, 2), (4096, False, 0.5)])
def test_a_read_costs_what_it_returns(
    dynamodb: Any, meter: Meter, aws: Aws, size: int, consistent: bool, units: float
) -> None:
    aws.answer = {"Item": an_item(size)}

    dynamodb.get_item(TableName="t", Key=KEY, ConsistentRead=consistent)

    assert meter.take().read_units == units


def test_keys_of_a_batch_that_are_not_there_cost_too(dynamodb: Any, meter: Meter, aws: Aws) -> None:
    aws.answer = {"Responses": {"t": [an_item(5000)]}, "UnprocessedKeys": {}}
    keys = [{"pk": {"S": f"C#{number}"}, "sk": {"S": "RECORD"}} for number in range(3)]

    dynamodb.batch_get_item(RequestItems={"t": {"Keys": keys, "ConsistentRead": True}})

    assert meter.take().read_units == 2 + 1 + 1


def test_a_scan_tells_how_many_items_it_looked_at(dynamodb: Any, meter: Meter, aws: Aws) -> None:
    aws.answer = {"Items": [], "Count": 0, "ScannedCount": 250}

    dynamodb.scan(TableName="t")

    assert meter.take().items_scanned == 250


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "größe"}, 7),
        ({"N": "12345"}, 4),
        ({"N": "-0.050"}, 2),
        ({"B": b"1234"}, 4),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 2 + 2 + 1),
        ({"M": {"ab": {"S": "c"}}}, 3 + 1 + 2 + 1),
    ],
)
def test_a_value_weighs_what_dynamodb_says(value: dict[str, Any], size: int) -> None:
    assert size_of({"name": value}) == len("name") + size


def test_an_item_of_ours_weighs_as_much_as_by_the_rules_of_its_twin(dynamodb: Any, aws: Aws, meter: Meter) -> None:
    item = Item(Key("C#1", "RECORD"), "{}", {"version": 12, "due": "2026-06-01"})

    DynamoTable(dynamodb, "t").write([Put(item)])

    assert size_of(aws.asked["Item"]) == size_of_ours(item)
