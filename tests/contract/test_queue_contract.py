"""Promises of a queue, kept alike by SQS (moto, ministack) and by its twin on SQLite."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from perennial.aws.queues import MESSAGE_BYTES, Message, NotSent, SqsQueue, Unsendable

KIB = 1024


def a_message(body: str = '{"id": "1"}', group: str | None = "C#1") -> Message:
    return Message(body, group)


def of_bytes(size: int) -> str:
    return json.dumps("x" * (size - 2))


def test_a_message_arrives_as_it_was_sent(lane: Any) -> None:
    sent = lane.queue.send([a_message('{"name": "李雷 🎁"}', group="C#42")])

    (delivery,) = lane.receive()
    assert sent == 1
    assert (delivery.body, delivery.group, delivery.receive_count) == ('{"name": "李雷 🎁"}', "C#42", 1)


def test_more_messages_than_a_batch_takes_all_arrive(lane: Any, all_deliveries: Callable[[], list[Any]]) -> None:
    bodies = [json.dumps({"id": number}) for number in range(25)]

    sent = lane.queue.send(a_message(body) for body in bodies)

    assert sent == 25
    assert sorted(each.body for each in all_deliveries()) == sorted(bodies)


def test_messages_that_are_too_long_for_one_batch_all_arrive(
    lane: Any, all_deliveries: Callable[[], list[Any]]
) -> None:
    sent = lane.queue.send([a_message(of_bytes(200 * KIB))] * 10)

    assert sent == 10
    assert len(all_deliveries()) == 10


def test_sending_nothing_sends_nothing(lane: Any) -> None:
    assert lane.queue.send([]) == 0
    assert lane.receive() == []


def test_a_message_of_1_mib_is_sent(lane: Any) -> None:
    lane.queue.send([a_message(of_bytes(MESSAGE_BYTES))])

    (delivery,) = lane.receive()
    assert len(delivery.body) == MESSAGE_BYTES


@pytest.mark.parametrize(
    "body", ["", of_bytes(MESSAGE_BYTES + 1), json.dumps("é" * (MESSAGE_BYTES // 2), ensure_ascii=False)]
)
def test_a_message_no_queue_takes_is_refused_and_none_is_sent(lane: Any, body: str) -> None:
    with pytest.raises(Unsendable, match=r"bytes; it may have 1 to 1048576"):
        lane.queue.send([a_message(), *[a_message()] * 10, a_message(body)])

    assert lane.receive() == []


def test_a_message_need_not_have_a_group(lane: Any) -> None:
    """Nor need its neighbours in the same batch go without."""
    lane.queue.send([a_message('"a"', group=None), a_message('"b"', group="C#2")])

    received = lane.receive()

    assert sorted((each.body, each.group) for each in received) == [('"a"', None), ('"b"', "C#2")]


@pytest.mark.parametrize("group", ["", "two words", "名", "x" * 129, "line\n"])
def test_a_group_no_queue_takes_is_refused(lane: Any, group: str) -> None:
    with pytest.raises(Unsendable, match="group"):
        lane.queue.send([a_message(group=group)])


def test_characters_that_sqs_refuses_arrive_as_the_same_json(lane: Any) -> None:
    text = "noncharacters \ufffe \uffff"

    lane.queue.send([a_message(json.dumps(text, ensure_ascii=False))])

    (delivery,) = lane.receive()
    assert json.loads(delivery.body) == text


def test_a_received_message_is_hidden_from_others(lane: Any) -> None:
    lane.queue.send([a_message()])

    lane.receive()

    assert lane.receive() == []


def test_a_message_that_was_not_deleted_comes_again(lane: Any) -> None:
    lane.queue.send([a_message()])
    lane.receive()

    lane.wait_out_the_visibility()

    (again,) = lane.receive()
    assert (again.body, again.receive_count) == (a_message().body, 2)


def test_a_deleted_message_does_not_come_again(lane: Any) -> None:
    lane.queue.send([a_message()])
    (delivery,) = lane.receive()

    lane.delete(delivery)

    lane.wait_out_the_visibility()
    assert lane.receive() == []
    assert lane.queue.backlog() == 0


def test_what_fails_comes_again_without_what_succeeded(lane: Any) -> None:
    lane.queue.send([a_message(f'"{number}"') for number in range(10)])
    for delivery in lane.receive():
        if delivery.body != '"7"':
            lane.delete(delivery)

    lane.wait_out_the_visibility()

    assert [(each.body, each.receive_count) for each in lane.receive()] == [('"7"', 2)]


@pytest.mark.wrong_in("ministack", "calls a receipt invalid that was good once, where SQS says nothing")
def test_deleting_again_what_is_deleted_is_no_error(lane: Any) -> None:
    lane.queue.send([a_message(), a_message('"other"')])
    first, second = lane.receive()
    lane.delete(first)

    lane.delete(first)

    lane.wait_out_the_visibility()
    assert [each.body for each in lane.receive()] == [second.body]


@pytest.mark.wrong_in("moto", "takes the receipt of any delivery; SQS might too, and does not promise it")
@pytest.mark.wrong_in("ministack", "calls a receipt invalid that was good once, where SQS says nothing")
def test_whoever_was_too_slow_cannot_delete_what_was_given_to_another_since(lane: Any) -> None:
    lane.queue.send([a_message()])
    (too_slow,) = lane.receive()
    lane.wait_out_the_visibility()
    lane.receive()

    lane.delete(too_slow)

    assert lane.queue.backlog() == 1


@pytest.mark.wrong_in("moto", "shows a message to others by the receipt of a delivery before the last")
def test_whoever_was_too_slow_cannot_release_what_was_given_to_another_since(lane: Any) -> None:
    lane.queue.send([a_message()])
    (too_slow,) = lane.receive()
    lane.wait_out_the_visibility()
    lane.receive()

    with suppress(ClientError):  # SQS may say that the receipt is void, or nothing
        lane.release(too_slow)

    assert lane.receive() == []
    assert lane.dead() == []  # as it would be if it had been shown a third time


def test_a_delayed_message_is_hidden_and_waits_in_the_backlog(delayed_lane: Any) -> None:
    delayed_lane.queue.send([a_message()])

    assert delayed_lane.receive() == []

    delayed_lane.wait_out_the_delay()
    (delivery,) = delayed_lane.receive()
    assert (delivery.body, delivery.receive_count) == (a_message().body, 1)


def test_what_is_delayed_is_not_delayed_again_when_it_is_released(delayed_lane: Any) -> None:
    delayed_lane.queue.send([a_message()])
    delayed_lane.wait_out_the_delay()
    (delivery,) = delayed_lane.receive()

    delayed_lane.release(delivery)

    (again,) = delayed_lane.receive()
    assert again.receive_count == 2


def test_a_group_neither_orders_nor_holds_up_its_messages(lane: Any) -> None:
    """As it would in a FIFO queue; in a standard one it only makes for fairness, which no emulator imitates."""
    lane.queue.send([a_message('"a"'), a_message('"b"'), a_message('"a"')])

    first = lane.receive()

    assert sorted((each.body, each.group) for each in first) == [('"a"', "C#1"), ('"a"', "C#1"), ('"b"', "C#1")]


def test_a_released_message_comes_at_once(lane: Any) -> None:
    lane.queue.send([a_message()])
    (delivery,) = lane.receive()

    lane.release(delivery)

    (again,) = lane.receive()
    assert again.receive_count == 2


def test_a_message_that_keeps_failing_becomes_a_dead_letter(lane: Any) -> None:
    lane.queue.send([a_message()])
    for _ in range(2):
        (delivery,) = lane.receive()
        lane.release(delivery)

    assert lane.receive() == []

    assert lane.dead() == [a_message()]
    assert lane.queue.backlog() == 0


def test_whoever_was_too_slow_cannot_delete_a_dead_letter(lane: Any) -> None:
    lane.queue.send([a_message()])
    lane.release(*lane.receive())
    (too_slow,) = lane.receive()
    lane.wait_out_the_visibility()
    assert lane.receive() == []

    with suppress(ClientError):  # SQS says nothing, ministack that the receipt is void
        lane.delete(too_slow)

    assert lane.dead() == [a_message()]


@pytest.mark.wrong_in("moto", "knows no StartMessageMoveTask")
@pytest.mark.wrong_in("ministack", "knows no StartMessageMoveTask")
def test_dead_letters_are_sent_back_as_if_they_were_new(lane: Any) -> None:
    lane.queue.send([a_message('"a"', group="C#1"), a_message('"b"', group="C#2")])
    for _ in range(2):
        for delivery in lane.receive():
            lane.release(delivery)
    assert lane.receive() == []

    lane.redrive()

    again = [(each.body, each.group, each.receive_count) for each in lane.receive()]
    assert sorted(again) == [('"a"', "C#1", 1), ('"b"', "C#2", 1)]
    assert lane.dead() == []


def test_dead_letters_do_not_hold_up_what_waits_behind_them(lane: Any, all_deliveries: Callable[[], list[Any]]) -> None:
    lane.queue.send([a_message('"poison"')] * 12)
    for _ in range(2):
        all_deliveries()
        lane.wait_out_the_visibility()
    lane.queue.send([a_message('"sound"')])

    assert [each.body for each in all_deliveries()] == ['"sound"']


def test_the_backlog_counts_what_waits_and_what_is_being_worked_on(lane: Any) -> None:
    lane.queue.send([a_message()] * 11)

    lane.receive()

    assert lane.queue.backlog() == 11


class Sqs:
    """SQS as far as the sender sees it, refusing as told: for each call, the ids that are refused, or an error."""

    def __init__(self, *answers: Sequence[str] | ClientError) -> None:
        self._answers = iter(answers)
        self.calls: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append([entry["MessageBody"] for entry in Entries])
        answer = next(self._answers)
        if isinstance(answer, ClientError):
            raise answer
        return {"Failed": [{"Id": id_, "Code": "InternalError", "SenderFault": False} for id_ in answer]}


def test_only_what_sqs_refused_is_sent_again() -> None:
    sqs = Sqs(["1"], [])

    sent = SqsQueue(sqs, "url").send([a_message('"a"'), a_message('"b"'), a_message('"c"')])

    assert sent == 3
    assert sqs.calls == [['"a"', '"b"', '"c"'], ['"b"']]


def test_what_sqs_refuses_twice_was_not_sent() -> None:
    sqs = Sqs(["1", "2"], ["2"])

    with pytest.raises(NotSent, match="1 of 3 messages: InternalError"):
        SqsQueue(sqs, "url").send([a_message('"a"'), a_message('"b"'), a_message('"c"')])


def test_an_error_of_the_whole_call_means_not_sent() -> None:
    sqs = Sqs(ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessageBatch"))

    with pytest.raises(NotSent, match="QueueDoesNotExist"):
        SqsQueue(sqs, "url").send([a_message()])
