"""What one fault does to the record and to the messages: the same faults for the engine and for the plain assembly.

A short life is lived in ministack over and over, and each time one thing goes wrong at one call: for every call that
the life makes, in turn. What was not done is delivered again when the function's time is up, as SQS would. Afterwards
the record must be the one that is made without faults, and so must the messages; one that is asked for twice has one
id, which its sender claims, and counts once.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import SimpleNamespace
from typing import NamedTuple
from unittest.mock import patch

import botocore.session
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from functions.apply import app as apply
from infra.local.handlers import Handler
from perennial.aws import wiring
from perennial.domain.customer import Customer
from perennial.domain.events import Event
from perennial.domain.identity import customer_id, identity_keys
from tests.bench import emulating, plain_deployed
from tests.bench.applying import CONTEXT, sqs_record
from tests.bench.emulating import IDENTITY_SECRET, emulated
from tests.bench.figures import Figure, Section
from tests.bench.lives import BIRTH, life
from tests.bench.plain import SHOP
from tests.bench.wire import StandingClock, logged, our_session

STORY = ("customer.signed_up", "product.viewed", "order.placed", "order.shipped")
RECEIVES = 5
"""How often a message is delivered before it is among the dead letters."""
VISIBILITY = timedelta(seconds=180)
"""How long after a delivery that failed the next one comes; longer than any function runs."""
POWERTOOLS_CLOCKS = tuple(
    f"aws_lambda_powertools.utilities.idempotency.{module}.dt"
    for module in ("base", "persistence.base", "persistence.dynamodb")
)


class Fault(StrEnum):
    STOPPED_BEFORE = "the function dies before the call"
    STOPPED_AFTER = "the function dies after the call"
    ANSWER_LOST = "the call is done, its answer is lost"
    TWICE = "each event is delivered twice"


class Stopped(BaseException):
    """The function's process died; nothing of it catches this."""


class Trouble:
    """Sends every call of a session, and lets one go wrong."""

    def __init__(self, session: botocore.session.Session) -> None:
        self._http = URLLib3Session()
        self.plan: tuple[Fault, int] | None = None
        """What goes wrong, and at which call, counted from 0."""
        self.calls = 0
        self.messages: dict[str, str] = {}
        """Of all that reached a queue: action id -> template."""
        session.register("before-send", self._send)

    def begin(self, plan: tuple[Fault, int] | None) -> None:
        self.plan, self.calls, self.messages = plan, 0, {}

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        fault = self.plan[0] if self.plan and self.plan[1] == self.calls else None
        self.calls += 1
        if fault is Fault.STOPPED_BEFORE:
            raise Stopped
        response = self._http.send(request)
        response.content  # noqa: B018  -- read, so that the connection is free again
        self.messages |= _messages(request)
        if fault is Fault.STOPPED_AFTER:
            raise Stopped
        if fault is Fault.ANSWER_LOST:
            raise ReadTimeoutError(endpoint_url=request.url)
        return response


class Came(NamedTuple):
    """What a life came to."""

    record: str
    """Without whose it is."""
    messages: Counter[str]
    """Template -> how many different actions asked for it."""


class Verdict(NamedTuple):
    """How many lives came out wrong."""

    lives: int = 0
    records: int = 0
    lost: int = 0
    """In how many a message was never asked for."""
    extra: int = 0
    """In how many a message was asked for that nobody should get."""


@dataclass
class Subject:
    """Who is put through it."""

    handler: Handler
    trouble: Trouble
    clock: StandingClock
    record_of: Callable[[Event], Customer]
    """Of the customer who signed up with this event."""
    pause: Callable[[], None]
    """Let the time of a function and of its locks pass."""
    lived: int = 0

    def lives(self, plan: tuple[Fault, int] | None = None) -> Came:
        """One more life, of somebody new."""
        self.lived += 1
        number = 100_000 + self.lived
        told = {str(event.type): event for event in life(number, BIRTH)}
        events = [told[kind] for kind in STORY]
        self.trouble.begin(plan)
        for event in events:
            for _ in range(2 if plan and plan[0] is Fault.TWICE else 1):
                self._deliver(event)
        return self._came(number, events[0])

    def _deliver(self, event: Event) -> None:
        self.clock.at = event.time
        for _ in range(RECEIVES):
            if _is_done(self.handler, event):
                return
            self.pause()

    def _came(self, number: int, signed_up: Event) -> Came:
        self.trouble.plan = None
        record = self.record_of(signed_up).but({"id": ""}).model_dump_json(exclude_defaults=True)
        return Came(record.replace(str(number), "#"), Counter(self.trouble.messages.values()))


def figures() -> Iterator[Figure | Section]:
    with _ours() as subject:
        ours = _suffered(subject)
    with _plain() as subject:
        plain = _suffered(subject)
    yield from _summed(_total(ours.values()), _total(plain.values()))
    yield Section(
        "What one fault does",
        (
            f"{', '.join(STORY)}, lived in ministack once for each fault and each of the calls that are made; after a "
            "fault the message is delivered again. Wrong records count an event twice, or lack one."
        ),
        [
            (
                "fault",
                "ours: lives",
                "wrong records",
                "lost messages",
                "plain: lives",
                "wrong records",
                "lost messages",
            ),
            *(_row(fault, ours[fault], plain[fault]) for fault in Fault),
        ],
    )


def _summed(ours: Verdict, plain: Verdict) -> Iterator[Figure]:
    lives = f"of {ours.lives} lives with one fault each, and of the plain assembly's {plain.lives}; see below"
    yield Figure("wrong records after one fault", ours.records, "", budget=0, plain=plain.records, note=lives)
    yield Figure(
        "lost or superfluous messages after one fault",
        ours.lost + ours.extra,
        "",
        budget=0,
        plain=plain.lost + plain.extra,
        note=lives,
    )


def _suffered(subject: Subject) -> dict[Fault, Verdict]:
    subject.lives()  # what is read once is read here
    expected = subject.lives()
    calls = subject.trouble.calls
    verdicts = {Fault.TWICE: verdict_on(expected, subject.lives((Fault.TWICE, -1)))}
    for fault in (Fault.STOPPED_BEFORE, Fault.STOPPED_AFTER, Fault.ANSWER_LOST):
        verdicts[fault] = _total(verdict_on(expected, subject.lives((fault, call))) for call in range(calls))
    return verdicts


@contextmanager
def _ours() -> Iterator[Subject]:
    clock = StandingClock(BIRTH)
    with emulated(), _no_time_between_retries(), logged(apply.logger):
        trouble = Trouble(our_session())
        emulating.install(clock)
        yield Subject(apply.handler, trouble, clock, _our_record, pause=lambda: None)


def _our_record(signed_up: Event) -> Customer:
    customer = customer_id(identity_keys(signed_up)[0], IDENTITY_SECRET)
    return wiring.store().load([customer])[customer].customer


@contextmanager
def _plain() -> Iterator[Subject]:
    clock, session = StandingClock(BIRTH), botocore.session.get_session()
    with emulated(), _no_time_between_retries(), _powertools_time() as wall:
        trouble = Trouble(session)
        with plain_deployed.in_ministack(session, clock) as plain:

            def record_of(signed_up: Event) -> Customer:
                record, _ = plain.read(signed_up.data.customer.ids[SHOP])
                assert record
                return record

            yield Subject(plain.handler, trouble, clock, record_of, pause=wall.pause)


class _Wall:
    """As the module `datetime`, with a clock that stands still while a message is worked on."""

    timedelta = timedelta

    def __init__(self) -> None:
        self._now = BIRTH.replace(tzinfo=None)
        self.datetime = SimpleNamespace(now=lambda: self._now)

    def pause(self) -> None:
        self._now += VISIBILITY


@contextmanager
def _powertools_time() -> Iterator[_Wall]:
    """Its locks expire by the machine's clock; nobody waits for that here."""
    wall = _Wall()
    with ExitStack() as patched:
        for clock in POWERTOOLS_CLOCKS:
            patched.enter_context(patch(clock, wall))
        yield wall


@contextmanager
def _no_time_between_retries() -> Iterator[None]:
    with patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None)):
        yield


def _is_done(handler: Handler, event: Event) -> bool:
    try:
        answer = handler({"Records": [sqs_record(event.to_json())]}, CONTEXT)
    except (Stopped, BatchProcessingError):
        return False
    return not answer["batchItemFailures"]


def _messages(request: AWSPreparedRequest) -> dict[str, str]:
    """What the call puts on a queue: action id -> template."""
    if not request.headers.get("X-Amz-Target", b"").endswith((b"SendMessage", b"SendMessageBatch")):
        return {}
    asked = json.loads(request.body)
    actions = [json.loads(entry["MessageBody"]) for entry in asked.get("Entries", [asked])]
    return {action["id"]: action["template"] for action in actions}


def verdict_on(expected: Came, came: Came) -> Verdict:
    return Verdict(
        lives=1,
        records=int(came.record != expected.record),
        lost=int(bool(expected.messages - came.messages)),
        extra=int(bool(came.messages - expected.messages)),
    )


def _total(verdicts: Iterable[Verdict]) -> Verdict:
    return Verdict(*map(sum, zip(*verdicts, strict=True)))


def _row(fault: Fault, ours: Verdict, plain: Verdict) -> tuple[str, ...]:
    counts = (ours.lives, ours.records, ours.lost + ours.extra, plain.lives, plain.records, plain.lost + plain.extra)
    return (fault, *map(str, counts))
