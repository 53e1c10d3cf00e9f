"""What a call says when AWS did it and the answer was lost on the way: the SDK asks again by itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from perennial.aws.queues import Message
from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table, Update

RECORD = Key("C#1", "RECORD")
VERSION_1 = Item(RECORD, "{}", {"version": 1})


WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")


@pytest.fixture
def losing(of_ministack: Mapping[str, Any]) -> Iterator[list[str]]:
    """The first write of the test is done and its answer is lost; the operation's name is then in the list."""
    with losing_the_first(of_ministack["dynamodb"], *WRITES) as lost:
        yield lost


@contextmanager
def losing_the_first(client: Any, *operations: str) -> Iterator[list[str]]:
    lost: list[str] = []

    def lose(request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rsplit(".", 1)[1]
        if operation in operations and not lost:
            lost.append(operation)
            client._endpoint.http_session.send(request)
            raise ReadTimeoutError(endpoint_url=request.url)

    client.meta.events.register("before-send", lose)
    yield lost
    client.meta.events.unregister("before-send", lose)


def test_a_lone_conditional_write_is_refused_by_its_own_first_attempt(
    ministack_table: Table, losing: list[str]
) -> None:
    with pytest.raises(Refused) as refused:
        ministack_table.write([Put(VERSION_1, (Absent(),))])

    assert losing == ["PutItem"]
    assert refused.value.found == (VERSION_1,)


def test_a_transaction_is_done_once_and_says_so(ministack_table: Table, losing: list[str]) -> None:
    ministack_table.write(
        [
            Put(VERSION_1, (Absent(),)),
            Update(Key("C#1", "MESSAGING"), add={"sent": 1}),
        ]
    )

    assert losing == ["TransactWriteItems"]
    assert ministack_table.get([Key("C#1", "MESSAGING")]) == {
        Key("C#1", "MESSAGING"): Item(Key("C#1", "MESSAGING"), "", {"sent": 1})
    }


@pytest.mark.wrong_in("moto", "does a transaction again that comes with the token of one that was done")
@pytest.mark.parametrize("backend", ["moto", "ministack"], indirect=True)
def test_a_transaction_that_is_repeated_with_its_token_is_done_once(
    backend: str, request: pytest.FixtureRequest
) -> None:
    """The token is botocore's: it makes one a call, and repeats it with the call."""
    table: Any = request.getfixturevalue(f"{backend}_table")
    count = {"Key": {"pk": {"S": "C#1"}, "sk": {"S": "RECORD"}}, "UpdateExpression": "ADD sent :one"}
    count |= {"TableName": table._name, "ExpressionAttributeValues": {":one": {"N": "1"}}}

    for _ in range(2):
        table._client.transact_write_items(TransactItems=[{"Update": count}], ClientRequestToken="t")

    assert table.get([RECORD])[RECORD].attributes == {"sent": 1}


def test_a_lone_unconditional_count_may_be_taken_twice(ministack_table: Table, losing: list[str]) -> None:
    """Why counts are only ever kept in a transaction or on a version."""
    ministack_table.write([Update(RECORD, add={"sent": 1})])

    assert losing == ["UpdateItem"]
    assert ministack_table.get([RECORD])[RECORD].attributes == {"sent": 2}


def test_an_update_on_a_version_is_done_once(ministack_table: Table, losing: list[str]) -> None:
    losing.append("not the first")
    ministack_table.write([Put(VERSION_1)])
    losing.clear()

    with pytest.raises(Refused) as refused:
        ministack_table.write([Update(RECORD, set={"version": 2}, conditions=(Equals("version", 1),))])

    assert refused.value.found == (Item(RECORD, "{}", {"version": 2}),)


def test_a_message_whose_sending_seemed_lost_arrives_twice(
    ministack_lane: Any, of_ministack: Mapping[str, Any]
) -> None:
    """Why whoever receives it must tell by its content whether it was here before."""
    with losing_the_first(of_ministack["sqs"], "SendMessageBatch") as lost:
        sent = ministack_lane.queue.send([Message('"a"', "C#1")])

    assert (lost, sent) == (["SendMessageBatch"], 1)
    assert [each.body for each in ministack_lane.receive()] == ['"a"', '"a"']


def test_what_sqs_refuses_out_of_a_batch_arrives_all_the_same_and_nothing_else_again(
    ministack_lane: Any, of_ministack: Mapping[str, Any]
) -> None:
    bodies = [f'"{number}"' for number in range(5)]

    with refusing(of_ministack["sqs"], "2") as refused:
        sent = ministack_lane.queue.send(Message(body, "C#1") for body in bodies)

    assert (refused, sent) == (["2"], 5)
    assert sorted(each.body for each in ministack_lane.receive()) == bodies


@contextmanager
def refusing(sqs: Any, position: str) -> Iterator[list[str]]:
    """SQS takes all of the first batch but this entry, and says so."""
    refused: list[str] = []

    def leave_out(params: dict[str, Any], **_: Any) -> None:
        if not refused:
            params["Entries"] = [entry for entry in params["Entries"] if entry["Id"] != position]

    def say_so(parsed: dict[str, Any], **_: Any) -> None:
        if not refused:
            refused.append(position)
            parsed["Failed"] = [{"Id": position, "Code": "InternalError", "SenderFault": False}]

    sqs.meta.events.register("provide-client-params.sqs.SendMessageBatch", leave_out)
    sqs.meta.events.register("after-call.sqs.SendMessageBatch", say_so)
    yield refused
    sqs.meta.events.unregister("provide-client-params.sqs.SendMessageBatch", leave_out)
    sqs.meta.events.unregister("after-call.sqs.SendMessageBatch", say_so)
