"""What DynamoDB's rarer answers come to mean: those that no emulator gives when asked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.dynamo_table import CONFLICT_PAUSES, PAUSES, DynamoTable
from perennial.aws.table import Absent, Busy, Invalid, Item, Key, Put, Refused, Table

RECORD, JOURNAL = Key("C#1", "RECORD"), Key("C#1", "J#1")
PUT, TRANSACTION = [Put(Item(RECORD))], [Put(Item(RECORD), (Absent(),)), Put(Item(JOURNAL), (Absent(),))]
NONE = {"Code": "None"}
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
MET_ANOTHER = {"Code": "TransactionConflict"}


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    wiring.reset()
    with Stubber(client("dynamodb")) as stubber:
        yield stubber
    wiring.reset()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def table(dynamodb: Stubber, pauses: list[float]) -> Table:
    return DynamoTable(dynamodb.client, "customers", sleep=pauses.append)


def cancelled(dynamodb: Stubber, reasons: Sequence[Mapping[str, Any]]) -> None:
    dynamodb.add_client_error(
        "transact_write_items", "TransactionCanceledException", modeled_fields={"CancellationReasons": reasons}
    )


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_too_little_capacity_may_come_again_later(
    dynamodb: Stubber, table: Table, pauses: list[float], code: str
) -> None:
    cancelled(dynamodb, [MET_ANOTHER, {"Code": code}])

    with pytest.raises(Busy, match=code):
        table.write(TRANSACTION)

    assert pauses == []


def test_a_transaction_that_met_another_waits_until_that_is_through(
    dynamodb: Stubber, table: Table, pauses: list[float]
) -> None:
    cancelled(dynamodb, [NONE, MET_ANOTHER])
    cancelled(dynamodb, [MET_ANOTHER, MET_ANOTHER])
    dynamodb.add_response("transact_write_items", {})

    table.write(TRANSACTION)

    assert [0 <= pause <= most for pause, most in zip(pauses, CONFLICT_PAUSES, strict=True)] == [True, True]
    dynamodb.assert_no_pending_responses()


def test_a_transaction_that_meets_others_again_and_again_may_come_again_later(
    dynamodb: Stubber, table: Table, pauses: list[float]
) -> None:
    for _ in range(len(CONFLICT_PAUSES) + 1):
        cancelled(dynamodb, [NONE, MET_ANOTHER])

    with pytest.raises(Busy, match="TransactionConflict"):
        table.write(TRANSACTION)

    assert len(pauses) == len(CONFLICT_PAUSES)


def test_a_refusal_outweighs_a_conflict(dynamodb: Stubber, table: Table, pauses: list[float]) -> None:
    cancelled(dynamodb, [MET_ANOTHER, FAILED])

    with pytest.raises(Refused) as refused:
        table.write(TRANSACTION)

    assert refused.value.failed == (False, True)
    assert pauses == []


@pytest.mark.parametrize("others", [NONE, {"Code": "TransactionConflict"}])
def test_a_write_that_can_never_succeed_is_not_called_busy(
    dynamodb: Stubber, table: Table, others: Mapping[str, str]
) -> None:
    cancelled(dynamodb, [others, {"Code": "ValidationError", "Message": "Type mismatch"}])

    with pytest.raises(Invalid, match="ValidationError: Type mismatch"):
        table.write(TRANSACTION)


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ],
)
def test_a_throttled_call_may_be_tried_again(dynamodb: Stubber, table: Table, code: str) -> None:
    dynamodb.add_client_error("put_item", code)

    with pytest.raises(Busy, match=code):
        table.write(PUT)


def test_an_error_without_a_word_of_ours_passes_unchanged(dynamodb: Stubber, table: Table) -> None:
    dynamodb.add_client_error("put_item", "AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        table.write(PUT)


def test_what_is_read_by_key_is_read_as_it_was_last_written(dynamodb: Stubber, table: Table) -> None:
    """A decision on an older record would be refused, and be made again from what was read the same way."""
    key = {"pk": {"S": RECORD.pk}, "sk": {"S": RECORD.sk}}
    dynamodb.add_response("get_item", {"Item": key}, {"TableName": "customers", "Key": key, "ConsistentRead": True})
    dynamodb.add_response(
        "query",
        {"Items": [key]},
        {
            "TableName": "customers",
            "ScanIndexForward": True,
            "Limit": 100,
            "ConsistentRead": True,
            "KeyConditionExpression": "#0 = :0",
            "ExpressionAttributeNames": {"#0": "pk"},
            "ExpressionAttributeValues": {":0": {"S": RECORD.pk}},
        },
    )

    assert table.get([RECORD]) == {RECORD: Item(RECORD)}
    assert table.query(RECORD.pk).items == (Item(RECORD),)


def unread(*keys: Key) -> dict[str, Any]:
    return {"customers": {"Keys": [{"pk": {"S": key.pk}, "sk": {"S": key.sk}} for key in keys]}}


def found(key: Key) -> dict[str, Any]:
    return {"customers": [{"pk": {"S": key.pk}, "sk": {"S": key.sk}}]}


def test_keys_that_were_left_unread_are_asked_for_again(dynamodb: Stubber, table: Table, pauses: list[float]) -> None:
    asked = {"RequestItems": {"customers": {**unread(JOURNAL)["customers"], "ConsistentRead": True}}}
    dynamodb.add_response("batch_get_item", {"Responses": found(RECORD), "UnprocessedKeys": unread(JOURNAL)})
    dynamodb.add_response("batch_get_item", {"Responses": found(JOURNAL), "UnprocessedKeys": {}}, asked)

    items = table.get([RECORD, JOURNAL])

    assert items == {RECORD: Item(RECORD), JOURNAL: Item(JOURNAL)}
    assert 0 < pauses[-1] <= PAUSES[0]


def test_keys_that_stay_unread_mean_busy(dynamodb: Stubber, table: Table, pauses: list[float]) -> None:
    for _ in range(len(PAUSES) + 1):
        dynamodb.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": unread(RECORD, JOURNAL)})

    with pytest.raises(Busy, match="2 of 2 keys"):
        table.get([RECORD, JOURNAL])

    assert sum(pauses) <= sum(PAUSES)
