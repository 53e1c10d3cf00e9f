"""What a million events cost at list price: every call of some whole lives counted, and all that they set in motion.

Both run in ministack: the engine and its senders, and then the plain assembly, which is given the very same events,
timers and outcomes, and whose senders are taken to be ours. Calls are counted by botocore's hooks. Some are reckoned
because nobody's code makes them here: the door's and the sweep's sends, SES, and what Lambda's pollers receive and
delete.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import botocore.session
import yaml

from infra.local.blueprint import Blueprint
from infra.local.clock import EventClock
from infra.local.due import DueWatch
from infra.local.ministack import PARAMETERS
from infra.local.past import Past
from infra.local.state import Keys
from infra.local.template import ROOT
from infra.local.twins import install, settings_of
from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.store import DUE_SHARDS
from perennial.domain.events import Event
from perennial.domain.journal import Entry
from tests.bench import plain_deployed
from tests.bench.applying import (
    CONTEXT,
    Broken,
    Received,
    applied,
    plainly_applied,
    plainly_received,
    received,
    sqs_record,
)
from tests.bench.counting import PAGE, READ_UNIT, Counted, Meter, size_of
from tests.bench.emulating import TABLE, Posted, emulated, items_of, our_meter, our_queues, our_table, plain_session
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, THE_LIFE, life
from tests.bench.plain import SHOP
from tests.bench.timing import Timed
from tests.bench.wire import look_once_at_the_policy

PRICES = ROOT / "infra" / "prices.yaml"
LANES = ("orders", "tickets", "inactivity", "outcomes")
CUSTOMERS = 5
UNTIL_SILENT = timedelta(days=240)
"""How long time goes on after the birth of the last: all that waits comes due, silence included."""
MILLION = 1_000_000
GB = 1024**3
POLLS_A_MESSAGE = 2
"""Received, deleted; each alone, as at a few events a second."""
KEYS = Keys("identity", "tokens", {})
"""The same each time: what is hashed with them is packed more or less well."""
DAYS_A_MILLION = 30
"""In which a million events are taken to come in: what looks for time that has come costs by the day."""

Prices = Mapping[str, Any]


class Step(NamedTuple):
    """One event out of the journals, as it came in."""

    at: datetime
    """When it was decided."""
    event: Event


@dataclass(frozen=True)
class Lives:
    """What some lives set in motion, whoever applies it."""

    events: int
    """That came in from outside."""
    timers: int
    actions: int
    """Messages asked for; each has an outcome, which is an event again."""
    story: tuple[Step, ...]
    senders: Counted

    @property
    def applied(self) -> int:
        return self.events + self.timers + self.actions


@dataclass(frozen=True)
class Sweeps:
    """Of the days in which a million events come in: what looking for what is due takes, its CPU aside."""

    runs: float
    queue_calls: float
    table_calls: float
    read_units: float


@dataclass(frozen=True)
class Work:
    """What whoever applies them takes for these lives."""

    counted: Counted
    bytes_kept: int
    door: Received
    applied: Timed
    """A lone event."""
    sweeps: Sweeps
    grouped: int
    """Messages that carry a group, which costs: those that come from outside."""


def figures() -> Iterator[Figure]:
    book = yaml.safe_load(PRICES.read_text(encoding="utf-8"))
    lives, counted, kept = _lived()
    ours = Work(counted, kept, received(), applied(1).ordinary.each, _our_sweeps(), grouped=lives.events)
    counted, kept, looked_at = _plainly_lived(lives)
    scans = _plain_scans(lives, looked_at)
    plain = Work(counted, kept, plainly_received(), plainly_applied(1).ordinary.each, scans, grouped=0)
    ours_bill, plain_bill = (bill_for(lives, work, ours.applied, book) for work in (ours, plain))
    share = lives.applied / lives.events
    yield Figure(
        "cost per million events from outside",
        sum(ours_bill.values()),
        "USD",
        plain=sum(plain_bill.values()),
        note=(
            f"{_lines(ours_bill)}. Of the plain assembly: {_lines(plain_bill)}. Each event alone in its call, and all "
            f"that it causes: {lives.timers / lives.events:.2f} timers and {lives.actions / lives.events:.2f} messages "
            f"with their outcomes. A life: {THE_LIFE}; then {UNTIL_SILENT.days} days pass. What is due is looked for "
            f"each minute by the sweep, each night by the plain assembly's scan, for {DAYS_A_MILLION} days, in which a "
            "million events are taken to come. Not in it: fees for messages, empty polls of queues, secrets, alarms. "
            "Prices and what else is assumed: infra/prices.yaml"
        ),
    )
    yield Figure(
        "cost per million events applied",
        sum(ours_bill.values()) / share,
        "USD",
        budget=10,
        plain=sum(plain_bill.values()) / share,
        note="the same money over all that is applied: events from outside, timers and outcomes",
    )


def _lived() -> tuple[Lives, Counted, int]:
    """The lives, what the engine called for them, and the bytes it left."""
    told = [event for number in range(CUSTOMERS) for event in life(number, BIRTH + number * UNTIL_SILENT)]
    with emulated(), _past() as (past, engine, senders):
        for event in told:
            past.feed(event)
        past.run_until(told[-1].time + UNTIL_SILENT)
        if past.failures:
            raise Broken(f"{past.failures}")
        actions = sum(past.messages.values()) + sum(past.unsent.values())
        counted, sent = engine.take(), senders.take()
        lives = Lives(len(told), past.timers, actions, tuple(_story(told)), sent)
        return lives, counted, _bytes_in(TABLE)


@contextmanager
def _past() -> Iterator[tuple[Past, Meter, Meter]]:
    """Engine and senders, each with a session of its own, so that their calls are counted apart."""
    clock, of_engine = EventClock(BIRTH), our_meter()
    watched, lines = DueWatch(our_table()), {name: Posted(queue) for name, queue in our_queues().items()}
    with TemporaryDirectory() as mail:
        install(settings_of(Blueprint(PARAMETERS)), watched, lines, clock, KEYS, Path(mail))
        look_once_at_the_policy()
        engine = wiring.engine()
        session = botocore.session.get_session()
        of_senders = Meter(session)
        wiring.install(aws_session=session)
        lines["outcomes"] = Posted(our_queues()["outcomes"])
        wiring.install(table=DynamoTable(client("dynamodb"), TABLE), queue_outcomes=lines["outcomes"])
        outboxes = ((lines["email"], wiring.email_outbox()), (lines["sms"], wiring.sms_outbox()))
        for meter in (of_engine, of_senders):
            meter.take()
        yield Past(engine, [lines[name] for name in LANES], outboxes, watched, clock), of_engine, of_senders


def _story(told: Iterable[Event]) -> Iterator[Step]:
    """All that was applied, as the journals tell it, in order; what came from outside as it came, person and all.

    Timers and outcomes name the customer by the shop's id, as they would in the plain assembly.
    """
    table, came = DynamoTable(client("dynamodb"), TABLE), {(event.source, event.id): event for event in told}
    partitions = {item["pk"]["S"] for item in items_of(TABLE) if item["sk"]["S"] == "RECORD"}
    entries = [
        (partition.removeprefix("C#"), Entry.model_validate_json(item.body))
        for partition in partitions
        for item in table.query(partition, prefix="J#", limit=1_000).items
    ]
    shop_ids: dict[str, str] = {}
    for customer, entry in sorted(entries, key=lambda each: (each[1].decided_at, each[1].version)):
        if event := came.get((entry.event.source, entry.event.id)):
            shop_ids.setdefault(customer, event.data.customer.ids.get(SHOP, ""))
            yield Step(entry.decided_at, event)
        else:
            yield Step(entry.decided_at, entry.event.but({"customer": shop_ids[customer]}))


def _plainly_lived(lives: Lives) -> tuple[Counted, int, int]:
    """What the plain assembly calls for the same story; the bytes that it leaves, its locks aside; those it scans."""
    clock = EventClock(BIRTH)
    with emulated():
        session, meter = plain_session()
        with plain_deployed.in_ministack(session, clock) as plain:
            meter.take()
            for at, event in lives.story:
                clock.move_to(at)
                plain.handler({"Records": [sqs_record(event.to_json())]}, CONTEXT)
            looked_at = _bytes_in(plain_deployed.CUSTOMERS)
            kept = looked_at + _bytes_in(plain_deployed.HISTORY) + _bytes_in(plain_deployed.LINKS)
            return meter.take(), kept, looked_at


def _our_sweeps() -> Sweeps:
    """One a minute, each shard of the index once; how long its queue is, is asked first. However many customers."""
    runs = DAYS_A_MILLION * 24 * 60
    return Sweeps(runs, runs, runs * DUE_SHARDS, runs * DUE_SHARDS / 2)


def _plain_scans(lives: Lives, looked_at: int) -> Sweeps:
    """One a night, of all customers whose events these are, for as long as they are followed."""
    nights = UNTIL_SILENT.days * looked_at * MILLION / lives.events
    return Sweeps(DAYS_A_MILLION, 0, nights / PAGE, nights / READ_UNIT / 2)


def _bytes_in(table: str) -> int:
    return sum(map(size_of, items_of(table)))


def bill_for(lives: Lives, work: Work, sending: Timed, book: Prices) -> dict[str, float]:
    """Dollars by line, for a million events from outside. `sending`: what a sender takes for one message."""
    times = MILLION / lives.events
    messages = lives.applied + lives.actions
    sends = lives.events + lives.timers + work.counted.sends + lives.senders.sends
    queue_calls = (sends + POLLS_A_MESSAGE * messages) * times
    gigabytes = work.bytes_kept * times / GB
    units = {
        "http_api_request": lives.events * times,
        "lambda_request": (lives.events + messages) * times,
        "lambda_gb_second": _gigabyte_seconds(lives, work, sending, book["assumed"]) * times,
        "sqs_request": queue_calls,
        "sqs_fair_request": (1 + POLLS_A_MESSAGE) * work.grouped * times,
        "dynamodb_write_unit": (work.counted.write_units + lives.senders.write_units) * times,
        "dynamodb_read_unit": (work.counted.read_units + lives.senders.read_units) * times,
        "dynamodb_gb_month": gigabytes,
        "dynamodb_backup_gb_month": gigabytes,
        "logs_gb": work.door.log_bytes * lives.events * times / GB,
    }
    return {**_dollars(units, book), "sweeps": sum(_dollars(sweep_units(work.sweeps, book["assumed"]), book).values())}


def sweep_units(sweeps: Sweeps, assumed: Mapping[str, float]) -> dict[str, float]:
    waited = (sweeps.table_calls + sweeps.queue_calls) * assumed["seconds_a_call"]
    return {
        "lambda_request": sweeps.runs,
        "lambda_gb_second": waited * assumed["memory_mb"] / 1024,
        "sqs_request": sweeps.queue_calls,
        "dynamodb_read_unit": sweeps.read_units,
    }


def _dollars(units: Mapping[str, float], book: Prices) -> dict[str, float]:
    return {name.replace("_", " "): count * _price(book, name) for name, count in units.items()}


def _price(book: Prices, name: str) -> float:
    entry = book["prices"][name]
    return float(entry["price"]) / float(entry["per"])


def _gigabyte_seconds(lives: Lives, work: Work, sending: Timed, assumed: Mapping[str, float]) -> float:
    """CPU on the function's share of a processor, and the waiting for answers."""
    cpu = lives.events * work.door.time.quiet + lives.applied * work.applied.quiet + lives.actions * sending.quiet
    calls = lives.events + lives.timers + lives.actions  # of door and sweep to queues, of senders to SES
    calls += (work.counted + lives.senders).calls.total()
    invocations = lives.events + lives.applied + lives.actions
    cold = invocations * assumed["cold_start_share"] * assumed["cold_start_seconds"]
    slowed = cpu * assumed["memory_mb_of_one_cpu"] / assumed["memory_mb"]
    return (slowed + calls * assumed["seconds_a_call"] + cold) * assumed["memory_mb"] / 1024


def _lines(bill: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {dollars:.2f}" for name, dollars in bill.items())
