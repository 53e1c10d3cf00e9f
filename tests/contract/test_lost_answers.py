"""What a write says when DynamoDB did it and the answer was lost on the way: the SDK asks again by itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table, Update

RECORD = Key("C#1", "RECORD")
VERSION_1 = Item(RECORD, "{}", {"version": 1})


@pytest.fixture
def losing(of_ministack: Mapping[str, Any]) -> Iterator[list[str]]:
    """The first write of the test is done and its answer is lost; the operation's name is then in the list."""
    dynamodb, lost = of_ministack["dynamodb"], []

    def lose(request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rsplit(".", 1)[1]
        if operation in ("PutItem", "UpdateItem", "TransactWriteItems") and not lost:
            lost.append(operation)
            dynamodb._endpoint.http_session.send(request)
            raise ReadTimeoutError(endpoint_url=request.url)

    dynamodb.meta.events.register("before-send.dynamodb", lose)
    yield lost
    dynamodb.meta.events.unregister("before-send.dynamodb", lose)


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
