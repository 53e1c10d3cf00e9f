"""The sweep sends what is due, once a minute, and not what its lane is full of already."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.queues import Message
from perennial.aws.store import record_key
from perennial.aws.table import Item, Put
from perennial.domain.values import iso
from perennial.sweep import FULL_LANE, Sweep

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@dataclass
class Lane:
    """The inactivity lane, with so many timers on it already."""

    waiting: int
    sent: list[Message] = field(default_factory=list)

    def send(self, messages: Iterable[Message]) -> int:
        before = len(self.sent)
        self.sent.extend(messages)
        return len(self.sent) - before

    def backlog(self) -> int:
        return self.waiting


@pytest.mark.parametrize(("waiting", "sent"), [(FULL_LANE, 1), (FULL_LANE + 1, 0)])
def test_on_a_full_lane_no_twins_are_put_of_the_timers_that_wait_there(waiting: int, sent: int) -> None:
    table, lane = SqliteTable(Database()), Lane(waiting)
    table.write([Put(Item(record_key("ana"), "", {"due_shard": "due#00", "due": f"{iso(NOON)}#ana#1"}))])

    assert Sweep(table, lane).run(NOON) == sent

    assert len(lane.sent) == sent
