"""The apply and webhook functions as deployed, on AWS without a network: CPU and round trips."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from io import StringIO
from logging import StreamHandler
from typing import Any, NamedTuple

from functions.apply import app as apply
from functions.webhooks import app as webhooks
from infra.local.clock import EventClock
from infra.local.handlers import Context
from infra.local.signing import signed
from perennial.domain.events import Event
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, LIFE, STORE, THE_LIFE, life
from tests.bench.timing import ROUNDS, cpu
from tests.bench.wire import TABLE_CALLS, Wire, deployed

BATCH = 10
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = {"WEBHOOK_SECRETS_ID": json.dumps({f"open/{STORE}": [SECRET]}), "IDENTITY_KEY_ID": "0" * 64}
CONTEXT = Context("Apply", timeout_ms=30_000)


class Broken(Exception):
    """A function did not do what it is measured for; the figures would mean nothing."""


@dataclass(frozen=True)
class Ran:
    """What some events took."""

    events: int
    seconds: float
    stand_in: float
    """Seconds of it that the stand-in for AWS took."""
    calls: Counter[str]

    def __add__(self, other: "Ran") -> "Ran":
        return Ran(
            self.events + other.events,
            self.seconds + other.seconds,
            self.stand_in + other.stand_in,
            self.calls + other.calls,
        )

    @property
    def microseconds(self) -> float:
        return self.seconds / self.events * 1e6

    @property
    def stand_in_microseconds(self) -> float:
        return self.stand_in / self.events * 1e6

    @property
    def round_trips(self) -> float:
        return sum(self.calls[call] for call in TABLE_CALLS) / self.events


class Applied(NamedTuple):
    first: Ran
    """The first events of customers whom nobody knew."""
    ordinary: Ran
    """All others."""


def figures() -> Iterator[Figure]:
    batched, lone = applied(BATCH), applied(1)
    yield Figure(
        f"apply, CPU per event in a batch of {BATCH}",
        batched.ordinary.microseconds / 1000,
        "ms",
        budget=1.5,
        wish=1.0,
        note=(
            f"functions/apply with botocore's own marshalling, signing and parsing, without sockets and TLS; the "
            f"stand-in for AWS is in it with {batched.ordinary.stand_in_microseconds:.0f} µs. Batches of {BATCH} "
            f"customers at the same point of a life: {THE_LIFE}. First events of strangers: "
            f"{batched.first.microseconds / 1000:.2f} ms; a lone event: {lone.ordinary.microseconds / 1000:.2f} ms"
        ),
    )
    yield from _round_trips(batched, lone)


def _round_trips(batched: Applied, lone: Applied) -> Iterator[Figure]:
    yield Figure(
        "round trips to the table, lone event",
        lone.ordinary.round_trips,
        "",
        budget=2,
        note=f"mean over a life without its first event, which takes {lone.first.round_trips:.2g}; {_calls(lone)}",
    )
    yield Figure(
        f"round trips to the table, per event in a batch of {BATCH}",
        batched.ordinary.round_trips,
        "",
        budget=2,
        wish=1.2,
        note=_calls(batched),
    )


def applied(batch: int) -> Applied:
    """Lives of `batch` customers at a time, in batches of one event of each; of each batch the best round."""
    clock = EventClock(BIRTH)
    with deployed(clock, SECRETS) as wire:
        _lives(0, batch, wire, clock)  # what is built once is built here
        rounds = [_lives(number, batch, wire, clock) for number in range(1, ROUNDS + 1)]
    first, *ordinary = (min(same, key=lambda ran: ran.seconds) for same in zip(*rounds, strict=True))
    return Applied(first, reduce(Ran.__add__, ordinary))


def _lives(number: int, batch: int, wire: Wire, clock: EventClock) -> list[Ran]:
    """One round: customers who were never met before, later than those of the round before."""
    born = BIRTH + number * 2 * LIFE
    stories = [life(1000 * number + each, born) for each in range(batch)]
    return [_apply(events, wire, clock) for events in zip(*stories, strict=True)]


def _apply(events: Sequence[Event], wire: Wire, clock: EventClock) -> Ran:
    clock.move_to(max(event.time for event in events) + timedelta(seconds=2))
    batch = {"Records": [sqs_record(event.to_json()) for event in events]}
    wire.take()
    seconds, answer = cpu(lambda: apply.handler(batch, CONTEXT))
    if answer["batchItemFailures"]:
        raise Broken(f"{len(answer['batchItemFailures'])} events failed, of {', '.join(each.type for each in events)}")
    calls, stand_in = wire.take()
    return Ran(len(events), seconds, stand_in, calls)


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
    """What functions/webhooks took for one signed request with one event."""

    seconds: float
    log_bytes: float


def received() -> Received:
    clock = EventClock(BIRTH)
    with deployed(clock, SECRETS), _logged() as log:
        requests = [_request(event, clock) for event in life(1)]
        rounds = [cpu(lambda: _receive(requests))[0] for _ in range(ROUNDS)]
    return Received(min(rounds) / len(requests), log.tell() / len(requests) / ROUNDS)


@contextmanager
def _logged() -> Iterator[StringIO]:
    """What functions/webhooks logs, kept from the terminal."""
    log, handler = StringIO(), webhooks.logger.registered_handler
    assert isinstance(handler, StreamHandler)  # or nothing would be measured
    standard_output = handler.setStream(log)
    try:
        yield log
    finally:
        handler.setStream(standard_output or sys.stdout)


def _receive(requests: Sequence[dict[str, Any]]) -> None:
    for request in requests:
        if (answer := webhooks.handler(request, CONTEXT))["statusCode"] != 200:
            raise Broken(f"a webhook was answered {answer['statusCode']}: {answer['body']}")


def _request(event: Event, clock: EventClock) -> dict[str, Any]:
    """As the HTTP API hands it over: the event as its sender would write it."""
    said = json.loads(event.to_json())
    body = json.dumps({name: said[name] for name in said if name != "store"} | {"specversion": "1.0"})
    headers = signed("open", body.encode(), {"user-agent": "shop/1.0"}, SECRET, clock.now())
    return {
        "version": "2.0",
        "pathParameters": {"store": STORE},
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": body,
        "isBase64Encoded": False,
    }


def _calls(applied: Applied) -> str:
    """Which calls an ordinary event makes, and how often."""
    ran = applied.ordinary
    return ", ".join(f"{count / ran.events:.2g} {name}" for name, count in sorted(ran.calls.items()))
