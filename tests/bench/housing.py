"""The laptop's house: events through its queue, its function and its file, a second."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import botocore.session

from functions.apply import app as apply
from infra.local.blueprint import Blueprint, Lane
from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.handlers import Handler, Handlers
from infra.local.house import manners
from infra.local.ministack import PARAMETERS
from infra.local.pump import Pump
from infra.local.sqlite_queues import SqliteQueues
from infra.local.sqlite_table import SqliteTable
from infra.local.state import Keys
from infra.local.twins import install, queue_names, settings_of
from perennial.aws import wiring
from perennial.aws.queues import Message, Queue
from perennial.domain.events import Event
from perennial.ingest import group_of
from tests.bench import emulating
from tests.bench.applying import BATCH, Broken, batches, handled, sqs_record
from tests.bench.emulating import emulated
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, THE_LIFE
from tests.bench.plain_deployed import in_ministack
from tests.bench.timing import Timed, cpu, median_of, stopwatch, total

CUSTOMERS = 40
TURNS = 5
ROUNDS = 3


class Orders:
    """The house's orders lane, worked off in this thread."""

    def __init__(self, pump: Pump, lane: Lane, queues: SqliteQueues, clock: EventClock) -> None:
        self._pump = pump
        self._lane = lane
        self._queue: Queue = queues.queue(lane.queue)
        self._clock = clock

    def work_off(self, events: Sequence[Event]) -> None:
        """They come in together. Raises `Broken`."""
        self._clock.move_to(events[0].time)
        self._queue.send(Message(event.to_json(), group_of(event)) for event in events)
        while self._pump.turn(self._lane):
            pass
        if self._queue.backlog():
            raise Broken("the house did not get through its orders lane")


class Pace(NamedTuple):
    """How one gets on with events, over sockets to ministack."""

    time: Timed
    """Of CPU, for one event, without ministack's own."""
    wall: float
    """Seconds for one event."""


def figures() -> Iterator[Figure]:
    house, ours, plain = _house(), _our_pace(), _plain_pace()
    yield Figure(
        "laptop's house, events stored and decided",
        1 / house.quiet,
        "a second of CPU",
        budget=1_000,
        wish=3_000,
        more_is_better=True,
        raw=1 / house.raw,
        plain=1 / plain.time.quiet,
        note=(
            f"queue, functions/apply and table, in one file. {CUSTOMERS} customers at the same point of a life: "
            f"{THE_LIFE}. The plain assembly has no house: its handler runs against ministack, whose own CPU is not "
            "counted"
        ),
    )
    yield Figure(
        "both in ministack, events a second",
        1 / ours.wall,
        "by the wall's clock",
        more_is_better=True,
        plain=1 / plain.wall,
        note=(
            f"handlers called with batches of {BATCH}, one after another, over sockets; as noisy as the machine. Of "
            f"CPU, without ministack's: {ours.time.quiet * 1e3:.2f} ms an event, and {plain.time.quiet * 1e3:.2f} ms"
        ),
    )


def _house() -> Timed:
    """CPU for one event."""
    with orders() as lane:
        _turn(0, lane)
        turns = [_turn(number, lane) for number in range(1, TURNS + 1)]
    steps = [median_of(same) for same in zip(*turns, strict=True)]
    return total(steps) / (CUSTOMERS * len(steps))


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


def _turn(number: int, lane: Orders) -> list[Timed]:
    """One event of each customer after the other."""
    watch = stopwatch()
    return [watch.time(partial(_work_off, lane, events)) for events in batches(number, CUSTOMERS)]


def _work_off(lane: Orders, events: Sequence[Event]) -> float:
    seconds, _ = cpu(lambda: lane.work_off(events))
    return seconds


def _our_pace() -> Pace:
    clock = EventClock(BIRTH)
    with emulated():
        emulating.install(clock)
        return _pace(apply.handler, clock)


def _plain_pace() -> Pace:
    clock = EventClock(BIRTH)
    with emulated(), in_ministack(botocore.session.get_session(), clock) as plain:
        return _pace(plain.handler, clock)


def _pace(handler: Handler, clock: EventClock) -> Pace:
    watch, walls = stopwatch(), list[float]()

    def work(events: Sequence[Event]) -> float:
        clock.move_to(events[0].time)
        batch = {"Records": [sqs_record(event.to_json()) for event in events]}
        began = perf_counter()
        seconds = handled(handler, batch)
        walls.append(perf_counter() - began)
        return seconds

    taken = [watch.time(partial(work, events)) for number in range(ROUNDS) for events in batches(number, BATCH)]
    return Pace(total(taken) / len(taken) / BATCH, median(walls) / BATCH)
