"""The laptop's house: events through its queue, its function and its file, a second."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from infra.local.blueprint import Blueprint, Lane
from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.handlers import Handlers
from infra.local.house import manners
from infra.local.ministack import PARAMETERS
from infra.local.pump import Pump
from infra.local.sqlite_queues import SqliteQueues
from infra.local.sqlite_table import SqliteTable
from infra.local.state import Keys
from infra.local.twins import install, queue_names, settings_of
from perennial.aws import wiring
from perennial.aws.queues import Message, Queue
from perennial.ingest import group_of
from tests.bench.applying import Broken
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, LIFE, THE_LIFE, life
from tests.bench.timing import cpu

CUSTOMERS = 40
TURNS = 6


class Orders:
    """The house's orders lane, worked off in this thread."""

    def __init__(self, pump: Pump, lane: Lane, queues: SqliteQueues, clock: EventClock) -> None:
        self._pump = pump
        self._lane = lane
        self._queues = queues
        self._clock = clock

    def work_off(self, steps: Sequence[tuple[datetime, list[Message]]]) -> None:
        """At each of these times these messages come in. Raises `Broken`."""
        queue: Queue = self._queues.queue(self._lane.queue)
        for now, messages in steps:
            self._clock.move_to(now)
            queue.send(messages)
            while self._pump.turn(self._lane):
                pass
            if queue.backlog():
                raise Broken("the house did not get through its orders lane")


def figures() -> Iterator[Figure]:
    with orders() as lane:
        rounds = [_round(number, lane) for number in range(TURNS)]
    events, seconds, wall = min(rounds[1:], key=lambda each: each[1])
    yield Figure(
        "laptop's house, events stored and decided",
        events / seconds,
        "a second of CPU",
        budget=1_000,
        wish=3_000,
        more_is_better=True,
        note=(
            f"queue, functions/apply and table, in one file. {CUSTOMERS} customers at the same point of a life: "
            f"{THE_LIFE}. On the wall's clock, with all else that ran on the machine: {events / wall:,.0f} a second"
        ),
    )


@contextmanager
def orders() -> Iterator[Orders]:
    """As `House` puts itself together, without threads and HTTP."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        database = Database(folder / "perennial.db")
        opened.callback(database.close)
        blueprint, clock = Blueprint(PARAMETERS), EventClock(BIRTH)
        queues = SqliteQueues(database, clock.wall, manners(blueprint))
        settings = settings_of(blueprint)
        named = {name: queues.queue(own) for name, own in queue_names(settings).items()}
        install(settings, SqliteTable(database), named, clock, Keys.fresh(), folder / "mail")
        opened.callback(wiring.reset)
        handlers = Handlers(blueprint, opened.enter_context((folder / "log").open("w", encoding="utf-8")))
        opened.callback(handlers.close)
        lane = next(lane for lane in blueprint.lanes if lane.queue == settings.ORDERS_QUEUE_URL)
        yield Orders(Pump(queues, blueprint, handlers.invoke), lane, queues, clock)


def _round(number: int, lane: Orders) -> tuple[int, float, float]:
    """Events, seconds of CPU, seconds on the wall; for customers who were never met before."""
    born = BIRTH + number * 2 * LIFE
    steps = list(zip(*(life(1000 * number + each, born) for each in range(CUSTOMERS)), strict=True))
    batches = [(step[0].time, [Message(event.to_json(), group_of(event)) for event in step]) for step in steps]
    began = perf_counter()
    seconds, _ = cpu(lambda: lane.work_off(batches))
    return CUSTOMERS * len(steps), seconds, perf_counter() - began
