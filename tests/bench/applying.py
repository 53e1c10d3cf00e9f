"""The apply and webhook functions, ours and the plain assembly's, on AWS without a network: CPU and round trips."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from io import StringIO
from statistics import median
from typing import Any, NamedTuple

import boto3
import botocore.session

from functions.apply import app as apply
from functions.webhooks import app as webhooks
from infra.local.clock import EventClock
from infra.local.handlers import Context, Handler
from infra.local.signing import signed
from perennial.domain.events import Event
from tests.bench import plain_webhooks
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, LIFE, STORE, THE_LIFE, life
from tests.bench.plain_deployed import on_wire
from tests.bench.plain_webhooks import PlainDoor
from tests.bench.timing import Stopwatch, Timed, cpu, median_of, stopwatch
from tests.bench.wire import TABLE_CALLS, Wire, address, deployed, environment, logged

BATCH = 10
ROUNDS, PLAIN_ROUNDS = 11, 5
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {"WEBHOOK_SECRETS_ID": json.dumps({f"open/{STORE}": [SECRET]}), "IDENTITY_KEY_ID": "0" * 64}
CONTEXT = Context("Apply", timeout_ms=30_000)


class Broken(Exception):
    """A function did not do what it is measured for; the figures would mean nothing."""


@dataclass(frozen=True)
class Ran:
    """What some events took."""

    events: int
    time: Timed
    stand_in: float
    """Seconds of it that the stand-in for AWS took."""
    calls: Counter[str]

    def __add__(self, other: "Ran") -> "Ran":
        return Ran(
            self.events + other.events,
            self.time + other.time,
            self.stand_in + other.stand_in,
            self.calls + other.calls,
        )

    @property
    def each(self) -> Timed:
        """Seconds of CPU for one event."""
        return self.time / self.events

    @property
    def round_trips(self) -> float:
        return sum(self.calls[call] for call in TABLE_CALLS) / self.events


class Applied(NamedTuple):
    first: Ran
    """The first events of customers whom nobody knew."""
    ordinary: Ran
    """All others."""


@dataclass(frozen=True)
class Function:
    """One that applies events, on AWS without a network."""

    handler: Handler
    wire: Wire
    clock: EventClock
    watch: Stopwatch = field(default_factory=stopwatch)

    def apply(self, events: Sequence[Event]) -> Ran:
        self.clock.move_to(max(event.time for event in events) + timedelta(seconds=2))
        batch = {"Records": [sqs_record(event.to_json()) for event in events]}
        self.wire.take()
        time = self.watch.time(lambda: handled(self.handler, batch))
        calls, stand_in = self.wire.take()
        return Ran(len(events), time, stand_in, calls)


def figures() -> Iterator[Figure]:
    batched, lone, plain = applied(BATCH), applied(1), plainly_applied(BATCH)
    yield Figure(
        f"apply, CPU per event in a batch of {BATCH}",
        batched.ordinary.each.quiet * 1e3,
        "ms",
        budget=1.5,
        wish=1.0,
        raw=batched.ordinary.each.raw * 1e3,
        plain=plain.ordinary.each.quiet * 1e3,
        note=(
            f"functions/apply with botocore's own marshalling, signing and parsing, without sockets and TLS; the "
            f"stand-in for AWS is in it with {_stand_in(batched)}, in the plain assembly's with {_stand_in(plain)}. "
            f"Batches of {BATCH} customers at the same point of a life: {THE_LIFE}. First events of strangers: "
            f"{batched.first.each.quiet * 1e3:.2f} ms, of the plain assembly "
            f"{plain.first.each.quiet * 1e3:.2f}; a lone event: {lone.ordinary.each.quiet * 1e3:.2f} ms"
        ),
    )
    yield from _round_trips(batched, lone, plain)


def _round_trips(batched: Applied, lone: Applied, plain: Applied) -> Iterator[Figure]:
    yield Figure(
        "round trips to the table, lone event",
        lone.ordinary.round_trips,
        "",
        budget=2,
        plain=plain.ordinary.round_trips,
        note=f"mean over a life without its first event, which takes {lone.first.round_trips:.2g}; {_calls(lone)}",
    )
    yield Figure(
        f"round trips to the table, per event in a batch of {BATCH}",
        batched.ordinary.round_trips,
        "",
        budget=2,
        wish=1.2,
        plain=plain.ordinary.round_trips,
        note=f"{_calls(batched)}; the plain assembly, in a batch or not: {_calls(plain)}",
    )


@cache
def applied(batch: int) -> Applied:
    """Lives of `batch` customers at a time, in batches of one event of each; of each batch the median round.

    Measured once, for all who ask.
    """
    clock = EventClock(BIRTH)
    with deployed(clock, SECRETS) as wire:
        return _lived(Function(apply.handler, wire, clock), batch, ROUNDS)


@cache
def plainly_applied(batch: int) -> Applied:
    """As `applied`, by the plain assembly."""
    clock = EventClock(BIRTH)
    with on_wire(clock) as (plain, wire):
        return _lived(Function(plain.handler, wire, clock), batch, PLAIN_ROUNDS)


def _lived(function: Function, batch: int, rounds: int) -> Applied:
    _round(0, function, batch)  # what is built once is built here
    ran = [_round(number, function, batch) for number in range(1, rounds + 1)]
    first, *ordinary = (_median(same) for same in zip(*ran, strict=True))
    return Applied(first, reduce(Ran.__add__, ordinary))


def _round(number: int, function: Function, batch: int) -> list[Ran]:
    return [function.apply(events) for events in batches(number, batch)]


def batches(number: int, batch: int) -> Iterator[tuple[Event, ...]]:
    """The lives of so many customers who were never met before, later than those of the number before."""
    born = BIRTH + number * 2 * LIFE
    return zip(*(life(1000 * number + each, born) for each in range(batch)), strict=True)


def _median(same: Sequence[Ran]) -> Ran:
    return Ran(
        same[0].events,
        median_of([ran.time for ran in same]),
        median(ran.stand_in for ran in same),
        same[0].calls,
    )


def handled(handler: Handler, batch: dict[str, Any]) -> float:
    """Seconds of CPU that the function took for it. Raises `Broken`."""
    seconds, answer = cpu(lambda: handler(batch, CONTEXT))
    if answer["batchItemFailures"]:
        raise Broken(f"{len(answer['batchItemFailures'])} of {len(batch['Records'])} events failed")
    return seconds


def sqs_record(body: str) -> dict[str, Any]:
    """A message as Lambda hands it over."""
    return {
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
        "receiptHandle": "MessageReceiptHandle" * 8,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1523232000000", "MessageGroupId": "c0"},
        "messageAttributes": {},
        "md5OfBody": "fafb00f5732ab283681e124bf8747ed1",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
        "awsRegion": "us-east-1",
    }


class Received(NamedTuple):
    """What a door took for one signed request with one event."""

    time: Timed
    log_bytes: float


def received() -> Received:
    """By functions/webhooks."""
    clock = EventClock(BIRTH)
    with deployed(clock, SECRETS), logged(webhooks.logger) as log:
        return _received(webhooks.handler, log, clock.now())


def plainly_received() -> Received:
    """By the plain assembly's door. It looks at the machine's own clock."""
    wire, session = Wire(SECRETS), botocore.session.get_session()
    session.register("before-send", wire.answer)
    with environment(), logged(plain_webhooks.logger) as log:
        made = boto3.Session(botocore_session=session)
        door = PlainDoor(made, "WEBHOOK_SECRETS_ID", address("ORDERS_QUEUE_URL"))
        return _received(door.handler, log, datetime.now(UTC))


def _received(handler: Handler, log: StringIO, now: datetime) -> Received:
    requests = [_request(event, now) for event in life(1)]
    watch = stopwatch()
    rounds = [watch.time(lambda: cpu(lambda: _receive(handler, requests))[0]) for _ in range(ROUNDS)]
    return Received(median_of(rounds) / len(requests), log.tell() / len(requests) / ROUNDS)


def _receive(handler: Handler, requests: Sequence[dict[str, Any]]) -> None:
    for request in requests:
        if (answer := handler(request, CONTEXT))["statusCode"] != 200:
            raise Broken(f"a webhook was answered {answer['statusCode']}: {answer['body']}")


def _request(event: Event, now: datetime) -> dict[str, Any]:
    """As the HTTP API hands it over: the event as its sender would write it."""
    said = json.loads(event.to_json())
    body = json.dumps({name: said[name] for name in said if name != "store"} | {"specversion": "1.0"})
    headers = signed("open", body.encode(), {"user-agent": "shop/1.0"}, SECRET, now)
    path = f"/events/{STORE}"
    return {
        "version": "2.0",
        "routeKey": "POST /events/{store}",
        "rawPath": path,
        "requestContext": {"http": {"method": "POST", "path": path}, "domainName": "a.example", "stage": "$default"},
        "pathParameters": {"store": STORE},
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": body,
        "isBase64Encoded": False,
    }


def _stand_in(applied: Applied) -> str:
    ran = applied.ordinary
    return f"{ran.stand_in / ran.events * 1e6:.0f} µs"


def _calls(applied: Applied) -> str:
    """Which calls an ordinary event makes, and how often."""
    ran = applied.ordinary
    return ", ".join(f"{count / ran.events:.2g} {name}" for name, count in sorted(ran.calls.items()))
