"""Messages go from queues to functions with the manners of Lambda's event source mapping."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

from infra.local.blueprint import Lane, Schedule
from infra.local.database import Database
from infra.local.pump import BACKOFF, Failed, Pump
from infra.local.sqlite_queues import Manners, SqliteQueues
from perennial.aws.queues import Message

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ORDERS = Lane("Orders", "ApplyOrders", batch_size=10, reports_failures=True)
Handler = Callable[[str, dict[str, Any]], Any]


class Belt:
    """One lane, its queue, and a clock that the test moves."""

    def __init__(self, handler: Handler, lane: Lane = ORDERS, max_receives: int = 5) -> None:
        self.now = NOW
        self.lane = lane
        manners = Manners(visibility=timedelta(minutes=3), max_receives=max_receives)
        self.queues = SqliteQueues(Database(), lambda: self.now, {lane.queue: manners})
        self.pump = Pump(self.queues, SimpleNamespace(lanes=(lane,), schedules=()), handler)  # type: ignore[arg-type]

    def send(self, *bodies: str) -> None:
        self.queues.send("Orders", [Message(body, "group") for body in bodies])

    def turn(self) -> None:
        self.pump.turn(self.lane)


def ids_of(event: dict[str, Any], *bodies: str) -> list[str]:
    return [record["messageId"] for record in event["Records"] if record["body"] in bodies]


def bodies_of(event: dict[str, Any]) -> list[str]:
    return [record["body"] for record in event["Records"]]


def failures(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


def test_at_most_a_batch_is_handed_over_at_a_time() -> None:
    sizes: list[int] = []
    belt = Belt(lambda _, event: sizes.append(len(event["Records"])))
    belt.send(*map(str, range(12)))

    belt.pump.drain()

    assert sizes == [10, 2]


def test_of_a_batch_only_the_named_messages_come_back() -> None:
    seen: list[list[str]] = []

    def handler(_: str, event: dict[str, Any]) -> Any:
        seen.append(bodies_of(event))
        return failures(*ids_of(event, "bad")) if len(seen) == 1 else None

    belt = Belt(handler)
    belt.send("good", "bad")
    belt.turn()
    belt.now += BACKOFF
    belt.turn()

    assert seen == [["good", "bad"], ["bad"]]
    assert belt.pump.is_quiet


def test_what_moves_to_an_earlier_queue_while_one_looks_is_seen() -> None:
    """As the partner bus's deliveries do, whose queue stands behind that of orders."""
    database, manners = Database(), Manners(visibility=timedelta(minutes=3), max_receives=5)
    queues = SqliteQueues(database, lambda: NOW, {"Orders": manners, "Bus": manners})
    lanes = (ORDERS, Lane("Bus", "PartnerBus", batch_size=10, reports_failures=True))
    pump = Pump(queues, SimpleNamespace(lanes=lanes, schedules=()), lambda *_: None)  # type: ignore[arg-type]
    queues.send("Bus", [Message("delivery", "group")])
    looks, look = list[bool](), database.reading

    @contextmanager
    def moving() -> Iterator[Any]:
        with look() as connection:
            yield connection
        if not looks:
            looks.append(True)
            queues.send("Orders", [Message("event", "group")])
            queues.delete(each.receipt for each in queues.receive("Bus"))

    database.reading = moving  # type: ignore[method-assign]

    assert not pump.is_quiet


def test_an_exception_fails_the_whole_batch() -> None:
    def handler(_: str, event: dict[str, Any]) -> Any:
        raise Failed

    belt = Belt(handler)
    belt.send("one", "two")

    belt.turn()

    assert belt.queues.backlog("Orders") == 2


def test_an_unknown_name_among_the_failures_fails_the_whole_batch() -> None:
    belt = Belt(lambda _, event: failures("never seen"))
    belt.send("one", "two")

    belt.turn()

    assert belt.queues.backlog("Orders") == 2


def test_a_failed_message_does_not_come_back_before_its_time() -> None:
    belt = Belt(lambda _, event: failures(*ids_of(event, "bad")))
    belt.send("bad")
    belt.turn()

    belt.now += BACKOFF - timedelta(milliseconds=1)

    assert belt.queues.receive("Orders") == []


def test_a_message_that_always_fails_ends_among_the_dead_letters() -> None:
    belt = Belt(lambda _, event: failures(*ids_of(event, "bad")), max_receives=2)
    belt.send("bad")

    for _ in range(3):
        belt.turn()
        belt.now += 5 * BACKOFF

    assert belt.pump.is_quiet
    assert belt.pump.dead_letters == {"Orders": 1}


def test_a_mapping_that_expects_no_report_deletes_what_did_not_raise() -> None:
    belt = Belt(
        lambda _, event: failures(*ids_of(event, "bad")),
        lane=Lane("Orders", "ApplyOrders", batch_size=10, reports_failures=False),
    )
    belt.send("bad")

    belt.turn()

    assert belt.pump.is_quiet


@contextmanager
def started(pump: Pump) -> Iterator[None]:
    pump.start()
    try:
        yield
    finally:
        pump.close()


def test_workers_take_what_comes_until_they_are_stopped() -> None:
    arrived = Event()
    belt = Belt(lambda _, event: arrived.set())

    with started(belt.pump):
        belt.send("one")
        assert arrived.wait(5)


def test_a_schedule_is_called_again_and_again_even_when_it_fails() -> None:
    calls: list[str] = []
    thrice = Event()

    def handler(function: str, event: dict[str, Any]) -> Any:
        calls.append(function)
        if len(calls) == 3:
            thrice.set()
        raise Failed

    schedule = Schedule("EveryMinute", "Sweep", timedelta(milliseconds=5))
    queues = SqliteQueues(Database(), lambda: NOW, {})
    pump = Pump(queues, SimpleNamespace(lanes=(), schedules=(schedule,)), handler)  # type: ignore[arg-type]

    with started(pump):
        assert thrice.wait(5)
    assert set(calls) == {"Sweep"}


def test_what_a_killed_worker_held_is_given_out_again_at_once_by_the_next_house() -> None:
    seen: list[list[str]] = []
    belt = Belt(lambda _, event: seen.append(bodies_of(event)))
    belt.send("one")
    belt.queues.receive("Orders")

    belt.queues.give_back()
    belt.turn()

    assert seen == [["one"]]
