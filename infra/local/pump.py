"""Carries messages from queues to functions the way Lambda's event source mapping does, and calls schedules in time.

One thing differs from AWS: a message that failed comes back after a second more for each time it was given out, and not
only when its visibility ends (minutes): on a laptop somebody waits for it. How often it is given out stays the same.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from time import sleep
from typing import Any

from infra.local.blueprint import Blueprint, Lane, Schedule
from infra.local.sqlite_queues import Received, SqliteQueues

Invoke = Callable[[str, dict[str, Any]], Any]

IDLE = 0.02
"""Seconds an idle worker sleeps before it looks again."""
TICK = {"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}
BACKOFF = timedelta(seconds=1)


class Failed(Exception):
    """A function raised. It is in the house's log; what it was given will be given again."""


class Pump:
    """A worker thread a lane and a ticker thread a schedule, until closed."""

    def __init__(self, queues: SqliteQueues, blueprint: Blueprint, invoke: Invoke) -> None:
        """`invoke(function, event)` gives a function's result and raises `Failed`."""
        self._queues = queues
        self._lanes = blueprint.lanes
        self._schedules = blueprint.schedules
        self._invoke = invoke
        self._ticking = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._work, args=(lane,), name=lane.function) for lane in self._lanes),
            *(
                threading.Thread(target=self._tick, args=(schedule,), name=schedule.name)
                for schedule in self._schedules
            ),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads; each finishes the batch in its hands."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def drain(self) -> None:
        """Work until nothing waits and nothing is in anybody's hands."""
        while not self.is_quiet:
            if not sum(self.turn(lane) for lane in self._lanes):  # the rest is in the workers' hands
                sleep(IDLE)

    def run_schedules(self) -> None:
        """Call what is scheduled, now; never twice at the same time."""
        for schedule in self._schedules:
            self._call(schedule)

    @property
    def is_quiet(self) -> bool:
        return self._queues.are_empty([lane.queue for lane in self._lanes])

    @property
    def dead_letters(self) -> Mapping[str, int]:
        """Queue -> how many messages failed for good."""
        counts = {lane.queue: len(self._queues.dead(lane.queue)) for lane in self._lanes}
        return {queue: count for queue, count in counts.items() if count}

    def _work(self, lane: Lane) -> None:
        while not self._stopped.is_set():
            if not self.turn(lane):
                self._stopped.wait(IDLE)

    def _tick(self, schedule: Schedule) -> None:
        while not self._stopped.wait(schedule.every.total_seconds()):
            self._call(schedule)

    def _call(self, schedule: Schedule) -> None:
        with self._ticking, suppress(Failed):  # the next tick is its retry, here as in AWS
            self._invoke(schedule.function, dict(TICK))

    def turn(self, lane: Lane) -> bool:
        """One batch, if there is one: what succeeded is deleted, what failed comes back."""
        batch = self._queues.receive(lane.queue, limit=lane.batch_size)
        if batch:
            failed = self._failed(lane, batch)
            self._queues.delete(message.receipt for message in batch if message.id not in failed)
            for message in batch:
                if message.id in failed:
                    self._queues.release(message.receipt, message.receive_count * BACKOFF)
        return bool(batch)

    def _failed(self, lane: Lane, batch: Sequence[Received]) -> set[str]:
        """Ids of the messages that failed: all, when the function raised or named one that it was not given."""
        everything = {message.id for message in batch}
        try:
            result = self._invoke(lane.function, {"Records": [_record(lane, message) for message in batch]})
        except Failed:
            return everything
        if not lane.reports_failures or not result:
            return set()
        named = {failure.get("itemIdentifier") for failure in result.get("batchItemFailures") or ()}
        return named if named <= everything else everything


def _record(lane: Lane, message: Received) -> dict[str, Any]:
    """A message as an SQS event carries it."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receive_count),
            "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
            **({"MessageGroupId": message.group} if message.group else {}),
            "SenderId": "laptop",
            "ApproximateFirstReceiveTimestamp": str(int(message.sent_at.timestamp() * 1000)),
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{lane.queue}",
        "awsRegion": "us-east-1",
    }
