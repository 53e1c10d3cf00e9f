"""Promises of the laptop's table and queues that AWS keeps for us elsewhere: durability, time to live, redrive."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from infra.local.database import Database
from infra.local.sqlite_queues import Manners, SqliteQueues, UnknownQueue
from infra.local.sqlite_stream import SqliteStream
from infra.local.sqlite_table import SqliteTable
from perennial.aws.queues import Message
from perennial.aws.table import Absent, Item, Key, Put, Update

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "house.db")
    yield opened
    opened.close()


@pytest.fixture
def queues(database: Database, clock: Clock) -> SqliteQueues:
    return house_queues(database, clock)


def house_queues(database: Database, clock: Clock) -> SqliteQueues:
    slow = Manners(delay=MINUTE)
    return SqliteQueues(database, clock, {"orders": Manners(visibility=MINUTE, max_receives=1), "slow": slow})


def a_message(body: str = "{}") -> Message:
    return Message(body, "C#1")


def in_parallel(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# The table


def test_what_expired_is_purged_and_only_that(database: Database) -> None:
    table = SqliteTable(database)
    second = int(NOW.timestamp())
    for expires in (second - 1, second, second + 1):
        table.write([Put(Item(Key("C#1", f"CONTENT#{expires}"), "", {"expires": expires}))])
    table.write([Put(Item(Key("C#1", "RECORD")))])

    purged = table.purge(NOW)

    assert purged == 2
    assert [item.key.sk for item in table.query("C#1").items] == [f"CONTENT#{second + 1}", "RECORD"]


def test_reading_an_index_costs_by_what_is_due_and_not_by_what_is_there(database: Database) -> None:
    table = SqliteTable(database)
    for start in range(0, 3000, 100):
        table.write([a_due_item(number, "2099") for number in range(start, start + 100)])
    table.write([a_due_item(number, "2026") for number in range(3000, 3010)])

    with steps(database) as count:
        cursor = table.index("due", "D#0", upto="2027", limit=5).cursor
        table.index("due", "D#0", upto="2027", cursor=cursor)

    assert count.steps < 500


def a_due_item(number: int, due: str) -> Put:
    return Put(Item(Key(f"C#{number}", "RECORD"), "", {"due_shard": "D#0", "due": due}))


class steps:  # noqa: N801 -- reads as what it does
    """Counts the steps of SQLite's machine within the block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.steps = 0

    def __enter__(self) -> "steps":
        with self._database.reading() as connection:
            connection.set_progress_handler(self._step, 1)
        return self

    def _step(self) -> int:
        self.steps += 1
        return 0

    def __exit__(self, *_: object) -> None:
        with self._database.reading() as connection:
            connection.set_progress_handler(None, 0)


def test_two_houses_may_write_to_one_file_at_once(database: Database, tmp_path: Path) -> None:
    """Two connections are to SQLite what two processes are."""
    other = Database(tmp_path / "house.db")
    failures: list[Exception] = []

    def count(table: SqliteTable) -> None:
        try:
            for _ in range(50):
                table.write([Update(Key("C#1", "RECORD"), add={"sent": 1})])
        except sqlite3.Error as error:
            failures.append(error)

    in_parallel(*(partial(count, SqliteTable(each)) for each in (database, other)))
    other.close()

    assert failures == []
    assert SqliteTable(database).get([Key("C#1", "RECORD")])[Key("C#1", "RECORD")].attributes == {"sent": 100}


def test_whoever_reads_in_order_to_write_has_the_file_to_themselves(database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "house.db", timeout=0, isolation_level=None)

    with database.writing() as connection:
        connection.execute("SELECT 1")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_a_transaction_that_fails_in_the_middle_changes_nothing(
    database: Database, failure: type[BaseException]
) -> None:
    table = SqliteTable(database)
    table.write([Put(Item(Key("C#1", "RECORD")))])

    with pytest.raises(failure):
        empty_and_fail(database, failure)

    assert len(table.query("C#1").items) == 1
    table.write([Put(Item(Key("C#2", "RECORD")), (Absent(),))])


def empty_and_fail(database: Database, failure: type[BaseException]) -> None:
    with database.writing() as connection:
        connection.execute("DELETE FROM items")
        raise failure


# The queues


def test_dead_letters_can_be_sent_back(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("orders").send([a_message('"poison"'), a_message('"poison too"')])
    queues.receive("orders")
    clock.time += MINUTE
    assert queues.receive("orders") == []

    redriven = queues.redrive("orders")

    assert redriven == 2
    assert queues.dead("orders") == []
    assert [each.receive_count for each in queues.receive("orders")] == [1, 1]


def test_sending_back_dead_letters_leaves_alone_what_is_in_somebodys_hands(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("orders").send([a_message('"poison"')])
    queues.receive("orders")
    clock.time += MINUTE
    queues.queue("orders").send([a_message('"in hands"')])
    (held,) = queues.receive("orders")

    assert queues.redrive("orders") == 1

    assert [each.body for each in queues.receive("orders")] == ['"poison"']
    assert queues.delete([held.receipt]) == 1


def test_a_message_is_hidden_for_exactly_its_visibility(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("slow").send([a_message()])
    clock.time += MINUTE
    queues.receive("slow")
    clock.time += Manners().visibility - timedelta(milliseconds=1)
    assert queues.receive("slow") == []

    clock.time += timedelta(milliseconds=1)

    assert [message.receive_count for message in queues.receive("slow")] == [2]


def test_a_new_message_is_hidden_for_exactly_the_delay_of_its_queue(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("slow").send([a_message()])
    clock.time += MINUTE - timedelta(milliseconds=1)
    assert queues.receive("slow") == []

    clock.time += timedelta(milliseconds=1)

    assert len(queues.receive("slow")) == 1


def test_a_released_message_waits_as_long_as_it_is_told(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("slow").send([a_message()])
    clock.time += MINUTE
    (delivery,) = queues.receive("slow")

    queues.release(delivery.receipt, after=timedelta(seconds=10))

    clock.time += timedelta(seconds=9)
    assert queues.receive("slow") == []
    clock.time += timedelta(seconds=1)
    assert len(queues.receive("slow")) == 1


def test_a_worker_that_was_too_slow_cannot_delete_the_next_ones_message(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("slow").send([a_message()])
    clock.time += MINUTE
    (too_slow,) = queues.receive("slow")
    clock.time += Manners().visibility
    queues.receive("slow")

    deleted = queues.delete([too_slow.receipt])
    queues.release(too_slow.receipt)

    assert deleted == 0
    assert queues.backlog("slow") == 1
    assert queues.receive("slow") == []


def test_what_waits_longest_is_given_out_first(queues: SqliteQueues, clock: Clock) -> None:
    queues.queue("orders").send(a_message(body) for body in ('"first"', '"second"'))
    clock.time += MINUTE
    queues.queue("orders").send([a_message('"third"')])

    assert [message.body for message in queues.receive("orders")] == ['"first"', '"second"', '"third"']


def test_what_a_killed_house_held_comes_back_at_once_and_what_is_delayed_in_its_time(
    queues: SqliteQueues, clock: Clock
) -> None:
    queues.queue("slow").send([a_message('"held"')])
    clock.time += MINUTE
    queues.receive("slow")
    queues.queue("slow").send([a_message('"delayed"')])

    assert queues.give_back() == 1

    assert [message.body for message in queues.receive("slow")] == ['"held"']


def test_each_queue_has_only_its_own_messages(queues: SqliteQueues) -> None:
    queues.queue("orders").send([a_message()])

    assert queues.backlog("slow") == 0
    assert queues.receive("slow") == []


def test_an_unknown_queue_is_named_with_those_there_are(queues: SqliteQueues) -> None:
    with pytest.raises(UnknownQueue, match=r"order is not one of \['orders', 'slow'\]"):
        queues.queue("order")


def test_what_was_in_flight_comes_back_after_a_restart(queues: SqliteQueues, clock: Clock, tmp_path: Path) -> None:
    queues.queue("orders").send([a_message()])
    queues.receive("orders")

    reopened = Database(tmp_path / "house.db")
    again = SqliteQueues(reopened, clock, {"orders": Manners()})

    assert again.receive("orders") == []
    clock.time += MINUTE
    assert len(again.receive("orders")) == 1
    reopened.close()


def test_no_message_is_given_to_two_of_many_workers(queues: SqliteQueues) -> None:
    queues.queue("orders").send(a_message(str(number)) for number in range(400))
    received: list[str] = []

    def work() -> None:
        while batch := queues.receive("orders"):
            received.extend(message.body for message in batch)
            queues.delete(message.receipt for message in batch)

    in_parallel(*[work] * 4)

    assert sorted(map(int, received)) == list(range(400))


# Both, in one file

WRITER = """
import sys
from datetime import UTC, datetime
from infra.local.database import Database
from infra.local.sqlite_queues import Manners, SqliteQueues
from infra.local.sqlite_stream import SqliteStream
from infra.local.sqlite_table import SqliteTable
from perennial.aws.queues import Message
from perennial.aws.table import Absent, Item, Key, Put, Update

database = Database(sys.argv[1])
table = SqliteTable(database)
SqliteStream(database)
queue = SqliteQueues(database, lambda: datetime(2026, 1, 1, tzinfo=UTC), {"orders": Manners()}).queue("orders")
for number in range(1_000_000):
    journal = Put(Item(Key("C#1", f"J#{number:07}")), (Absent(),))
    table.write([Update(Key("C#1", "RECORD"), add={"version": 1}), journal])
    queue.send([Message(str(number), "C#1")])
    print(number, flush=True)
"""


def test_nothing_acknowledged_is_lost_and_nothing_is_torn_by_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "house.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, file], env=with_our_paths(), stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    with writer, writer.stdout as acknowledged:
        for line in acknowledged:
            if line == "500\n":
                writer.send_signal(signal.SIGKILL)
                break
        acknowledgements = 501 + len(acknowledged.readlines())

    database = Database(file)
    version, entries, messages = survivors(database)
    changes = [change.key.sk for change in SqliteStream(database).read(limit=1_000_000)]
    database.close()

    assert acknowledgements <= messages <= entries <= acknowledgements + 1
    assert version == entries
    assert len(changes) == 2 * entries
    assert changes.count("RECORD") == version


def with_our_paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def survivors(database: Database) -> tuple[int, int, int]:
    """Version of the record, entries of its journal, messages in the queue."""
    table, record = SqliteTable(database), Key("C#1", "RECORD")
    version = int(table.get([record])[record].attributes["version"])
    entries = len(table.query("C#1", prefix="J#", limit=1_000_000).items)
    return version, entries, SqliteQueues(database, Clock(), {"orders": Manners()}).backlog("orders")


def test_adding_is_one_write_among_threads(database: Database) -> None:
    table = SqliteTable(database)

    def add() -> None:
        for _ in range(100):
            table.write([Update(Key("C#1", "RECORD"), add={"sent": 1})])

    in_parallel(*[add] * 4)

    assert table.get([Key("C#1", "RECORD")])[Key("C#1", "RECORD")].attributes == {"sent": 400}
