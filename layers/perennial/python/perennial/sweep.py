"""Every minute: a timer for each record whose time has come. Reads what is due and nothing else; writes nothing."""

from collections.abc import Iterator
from datetime import datetime

from perennial.aws.queues import Message, Queue
from perennial.aws.store import Armed, due_shards
from perennial.aws.table import Table
from perennial.domain.events import TimerData, TimerDue
from perennial.domain.values import iso

SOURCE = "perennial/sweep"
MOST_A_RUN = 20_000
"""What is due beyond this waits a minute: all of it is sent well within the function's time."""
FULL_LANE = 1_000
"""With more than this on the lane, the next timers would only be twins of those that wait there."""


class Sweep:
    def __init__(self, table: Table, lane: Queue) -> None:
        self._table = table
        self._lane = lane

    def run(self, now: datetime) -> int:
        """Returns how many timers were sent. One run may overlap another: twins are told apart by what they fire."""
        if self._lane.backlog() > FULL_LANE:
            return 0
        sent = 0
        for shard in due_shards():
            sent += self._lane.send(_message(armed) for armed in self._due(shard, now, MOST_A_RUN - sent))
        return sent

    def _due(self, shard: str, now: datetime, most: int) -> Iterator[Armed]:
        cursor: str | None = None
        while most > 0:
            page = self._table.index("due", shard, upto=f"{iso(now)}$", limit=min(most, 1_000), cursor=cursor)
            yield from (Armed(str(item.attributes["due"])) for item in page.items)
            most, cursor = most - len(page.items), page.cursor
            if cursor is None:
                return


def timer(armed: Armed) -> TimerDue:
    """The event of this entry of the due index; the same entry gives the same event."""
    return TimerDue(
        id=armed.entry,
        source=SOURCE,
        store="perennial",
        time=armed.due,
        customer=armed.customer,
        data=TimerData(armed=armed.entry),
    )


def _message(armed: Armed) -> Message:
    return Message(timer(armed).to_json())
