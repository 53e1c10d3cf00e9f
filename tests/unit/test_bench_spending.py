"""What calls, bytes and CPU come to in dollars."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.bench.applying import Received
from tests.bench.counting import Counted
from tests.bench.spending import Lives, Sweeps, Work, bill_for
from tests.bench.timing import Timed

NOTHING = Timed(0.0, 0.0)
NO_SWEEPS = Sweeps(runs=0, queue_calls=0, table_calls=0, read_units=0)
A_MILLION_EVENTS = Lives(events=1_000_000, timers=0, actions=0, story=(), senders=Counted())
UNITS = (
    "http_api_request",
    "lambda_request",
    "lambda_gb_second",
    "sqs_request",
    "sqs_fair_request",
    "dynamodb_write_unit",
    "dynamodb_read_unit",
    "dynamodb_gb_month",
    "dynamodb_backup_gb_month",
    "logs_gb",
)
BOOK = {
    "prices": {unit: {"price": 1.0, "per": 1_000_000} for unit in UNITS},
    "assumed": {
        "memory_mb": 512,
        "memory_mb_of_one_cpu": 2048,
        "seconds_a_call": 0.01,
        "cold_start_share": 0.0,
        "cold_start_seconds": 0.0,
    },
}
"""A dollar for a million of each; a function with half a gigabyte and a quarter of a processor."""


def some_work(counted: Counted | None = None, cpu: float = 0.0, grouped: int = 0) -> Work:
    counted = counted or Counted()
    return Work(counted, 0, Received(NOTHING, 0), Timed(cpu, cpu), NO_SWEEPS, grouped)


def a_bill(work: Work, lives: Lives = A_MILLION_EVENTS) -> dict[str, float]:
    return bill_for(lives, work, NOTHING, BOOK)


def test_each_event_comes_over_http_and_once_more_off_its_queue() -> None:
    bill = a_bill(some_work())

    assert (bill["http api request"], bill["lambda request"], bill["sqs request"]) == (1, 2, 3)


def test_what_a_few_lives_took_is_scaled_to_a_million_events() -> None:
    few = replace(A_MILLION_EVENTS, events=50, senders=Counted(write_units=10))

    assert a_bill(some_work(Counted(write_units=100, read_units=50)), few)["dynamodb write unit"] == pytest.approx(2.2)


def test_a_message_is_received_and_deleted_by_its_sender_and_once_more_as_an_outcome() -> None:
    """The sends themselves are counted where they are made."""
    with_one_each = replace(A_MILLION_EVENTS, actions=1_000_000)
    sends = Counted(calls=Counter(SendMessage=1_000_000))

    more = a_bill(some_work(sends), with_one_each)["sqs request"] - a_bill(some_work())["sqs request"]

    assert more == 1 + 2 + 2


def test_a_group_costs_with_each_call_to_a_queue_for_what_comes_from_outside() -> None:
    with_timers = replace(A_MILLION_EVENTS, timers=1_000_000)

    bill = a_bill(some_work(grouped=A_MILLION_EVENTS.events), with_timers)

    assert a_bill(some_work(), with_timers)["sqs fair request"] == 0
    assert (bill["sqs fair request"], bill["sqs request"]) == (3, 6)


def test_a_function_waits_for_its_calls_and_has_a_share_of_a_processor() -> None:
    waits = a_bill(some_work())["lambda gb second"]

    assert waits == pytest.approx(0.01 / 2)
    assert a_bill(some_work(cpu=0.002))["lambda gb second"] - waits == pytest.approx(0.002 * 4 / 2)


def test_looking_for_what_is_due_has_a_line_of_its_own() -> None:
    work = replace(some_work(), sweeps=Sweeps(runs=1_000, queue_calls=0, table_calls=0, read_units=2_000_000))

    assert a_bill(work)["sweeps"] == pytest.approx(2.001)
    assert a_bill(work)["dynamodb read unit"] == 0
