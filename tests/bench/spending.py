"""What a million events cost at list price: every call of some whole lives counted, and all that they set in motion."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from infra.local.blueprint import Blueprint
from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.due import DueWatch
from infra.local.ministack import PARAMETERS
from infra.local.past import Line, Past
from infra.local.sqlite_table import SqliteTable
from infra.local.state import Keys
from infra.local.template import ROOT
from infra.local.twins import QUEUES, install, settings_of
from perennial.aws import wiring
from tests.bench.applying import Broken, applied, received
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, THE_LIFE, life
from tests.bench.metering import Metered, Usage

PRICES = ROOT / "infra" / "prices.yaml"
LANES = ("orders", "tickets", "inactivity", "outcomes")
CUSTOMERS = 5
UNTIL_SILENT = timedelta(days=240)
"""How long time goes on after the birth of the last: all that waits comes due, silence included."""
MILLION = 1_000_000
GB = 1024**3
CALLS_A_MESSAGE = 3
"""Sent, received, deleted; each alone, as at a few events a second."""
CALLS_A_SEND = 3
"""Of a sender to table and queue: read, claim, close; SES is among the message fees."""


@dataclass(frozen=True)
class Lives:
    """What some lives set in motion."""

    events: int
    """That came in from outside."""
    timers: int
    actions: int
    """Messages asked for; each has an outcome, which is an event again."""
    usage: Usage

    @property
    def applied(self) -> int:
        return self.events + self.timers + self.actions


def figures() -> Iterator[Figure]:
    lives = _lived()
    bill = _bill(lives, yaml.safe_load(PRICES.read_text(encoding="utf-8")))
    share = lives.applied / lives.events
    parts = ", ".join(f"{name} {dollars:.2f}" for name, dollars in bill.items())
    yield Figure(
        "cost per million events from outside",
        sum(bill.values()),
        "USD",
        note=(
            f"{parts}. Each event alone in its call, and all that it causes: {lives.timers / lives.events:.2f} timers "
            f"and {lives.actions / lives.events:.2f} messages with their outcomes. A life: {THE_LIFE}; then "
            f"{UNTIL_SILENT.days} days pass. Not in it: fees for messages, and what is paid while nothing happens "
            "(the sweep, empty polls of queues, secrets, alarms). Prices and what is assumed: infra/prices.yaml"
        ),
    )
    note = "the same money over all that is applied: events from outside, timers and outcomes"
    yield Figure("cost per million events applied", sum(bill.values()) / share, "USD", budget=10, note=note)


def _lived() -> Lives:
    with _past() as (past, metered):
        events = 0
        for number in range(CUSTOMERS):
            for event in life(number, BIRTH + number * UNTIL_SILENT):
                past.feed(event)
                events += 1
            past.run_until(BIRTH + (number + 1) * UNTIL_SILENT)
        if past.failures:
            raise Broken(f"{past.failures}")
        actions = sum(past.messages.values()) + sum(past.unsent.values())
        return Lives(events, past.timers, actions, metered.take())


@contextmanager
def _past() -> Iterator[tuple[Past, Metered]]:
    metered, clock, lines = Metered(SqliteTable(Database())), EventClock(BIRTH), {name: Line() for name in QUEUES}
    table = DueWatch(metered)
    with TemporaryDirectory() as mail:
        install(settings_of(Blueprint(PARAMETERS)), table, lines, clock, Keys.fresh(), Path(mail))
        try:
            outboxes = ((lines["email"], wiring.email_outbox()), (lines["sms"], wiring.sms_outbox()))
            yield Past(wiring.engine(), [lines[name] for name in LANES], outboxes, table, clock), metered
        finally:
            wiring.reset()


def _bill(lives: Lives, book: dict[str, Any]) -> dict[str, float]:
    """Dollars by line, for a million events from outside."""
    times, webhook = MILLION / lives.events, received()
    messages = lives.applied + lives.actions
    invocations = lives.events + lives.applied + lives.actions
    gigabytes = lives.usage.bytes_added * times / GB
    units = {
        "http_api_request": lives.events * times,
        "lambda_request": invocations * times,
        "lambda_gb_second": _gigabyte_seconds(lives, webhook.seconds, book["assumed"]) * times,
        "sqs_request": messages * CALLS_A_MESSAGE * times,
        "sqs_fair_request": messages * CALLS_A_MESSAGE * times,
        "dynamodb_write_unit": lives.usage.write_units * times,
        "dynamodb_read_unit": lives.usage.read_units * times,
        "dynamodb_gb_month": gigabytes,
        "dynamodb_backup_gb_month": gigabytes,
        "logs_gb": webhook.log_bytes * lives.events * times / GB,
    }
    return {name.replace("_", " "): count * _price(book, name) for name, count in units.items()}


def _price(book: dict[str, Any], name: str) -> float:
    entry = book["prices"][name]
    return float(entry["price"]) / float(entry["per"])


def _gigabyte_seconds(lives: Lives, webhook_cpu: float, assumed: dict[str, float]) -> float:
    """CPU on the function's share of a processor, and the waiting for answers; a send is taken as an apply."""
    apply_cpu = applied(1).ordinary.microseconds / MILLION
    cpu = lives.events * webhook_cpu + (lives.applied + lives.actions) * apply_cpu
    calls = lives.events + lives.usage.calls + lives.actions * CALLS_A_SEND
    invocations = lives.events + lives.applied + lives.actions
    cold = invocations * assumed["cold_start_share"] * assumed["cold_start_seconds"]
    slowed = cpu * assumed["memory_mb_of_one_cpu"] / assumed["memory_mb"]
    return (slowed + calls * assumed["seconds_a_call"] + cold) * assumed["memory_mb"] / 1024
