"""What providers tell of our messages, from SNS's envelope to the customer's record: over the queue, and over HTTPS."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from functions.receipts import app
from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws import wiring
from perennial.aws.reputation import Received, Reputation
from perennial.domain.label import Label
from perennial.ingest import SOURCES, Ingest
from perennial.receipts import Receipts
from perennial.sources import mail
from perennial.sources.sns import Door
from tests.builders import NOON, placed
from tests.house import House, ListQueue
from tests.mails import KEYS
from tests.messaging import an_action
from tests.topics import SUBSCRIBE, TOPIC, StubSns, a_confirmation, an_envelope

LAMBDA = SimpleNamespace(
    function_name="Receipts", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1"
)
EMAIL = "ana@example.com"


@dataclass
class World:
    """A house whose ingest knows a topic, and the function in front of it."""

    house: House = field(default_factory=House)
    sns: StubSns = field(default_factory=StubSns)
    reputation: Reputation = field(default_factory=lambda: Reputation(SqliteTable(Database())))

    def __post_init__(self) -> None:
        lanes: Any = dict.fromkeys(("orders", "tickets", "outcomes"), self.house.lane)
        doors = {**SOURCES, "sns": Door(self.sns), "mail": mail.Door(lambda: KEYS)}
        quarantine, clock = self.house.ingest.quarantine, self.house.clock
        self.ingest = Ingest(self, lanes, quarantine, clock, doors, counted=self.reputation.note)  # type: ignore[arg-type]

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return (TOPIC,) if (source, store) == ("sns", "demo") else ()

    def refresh(self) -> bool:
        return False

    def told(self, *bodies: bytes) -> Any:
        """As SQS hands them over."""
        records = [{"messageId": f"m-{number}", "body": body.decode()} for number, body in enumerate(bodies)]
        return app.handler({"Records": [_record(each) for each in records]}, LAMBDA)

    def reasons(self) -> list[str]:
        return [entry.reason for entry in self.house.ingest.quarantine.list().entries]


def _record(told: dict[str, str]) -> dict[str, Any]:
    return {**told, "receiptHandle": "r", "attributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-west-1"}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    wiring.install(receipts=Receipts(world.ingest, "demo", world.reputation, mail.Door(lambda: KEYS)))
    yield world
    wiring.reset()


def a_bounce(**tags: str) -> dict[str, Any]:
    bounced = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"emailAddress": EMAIL}]}
    mail = {"messageId": "ses-1", "timestamp": "2026-06-15T11:59:00Z", "destination": [EMAIL]}
    labelled = {**mail, "tags": {name: [value] for name, value in tags.items()}}
    return {"eventType": "Bounce", "mail": labelled, "bounce": {**bounced, "timestamp": "2026-06-15T11:59:30Z"}}


def test_an_address_that_bounced_is_not_written_to_again(world: World) -> None:
    order = placed(NOON)
    world.house.hears(order)
    customer = world.house.record(order)
    label = Label.of(an_action(customer=customer.id), NOON)

    answer = world.told(an_envelope(a_bounce(**label.written())))
    world.house.settles()

    assert answer == {"batchItemFailures": []}
    assert world.house.record(order).facts.suppressed["email"].value == "bounced"
    assert EMAIL not in "".join(message.body for message in world.house.lane.sent)


def test_the_same_telling_twice_and_over_both_ways_is_one_event(world: World) -> None:
    body = an_envelope(a_bounce())

    world.told(body, body)
    reply = world.ingest.receive("sns", "demo", {"content-type": "text/plain; charset=UTF-8"}, body)

    assert reply.status == 200
    assert len({(event.source, event.id, event.time) for event in world.house.lane.take()}) == 1


def test_a_bounce_counts_once_for_the_guard_however_often_it_is_told(world: World) -> None:
    body = an_envelope(a_bounce())

    world.told(body, body)

    assert world.reputation.since(NOON.date(), NOON.date()) == Received(sent=0, bounced=1, complained=0)


def test_what_nobody_can_read_is_kept_and_the_others_pass(world: World) -> None:
    answer = world.told(an_envelope({"eventType": "Teleport", "mail": {"messageId": "1"}}), an_envelope(a_bounce()))

    assert answer == {"batchItemFailures": []}
    assert len(world.reasons()) == 1
    assert len(world.house.lane.take()) == 1
    entry = world.house.ingest.quarantine.list().entries[0]
    assert entry.source == "sns"
    assert world.ingest.replay(entry.id).status == 200  # type: ignore[union-attr]


def test_what_could_not_be_stored_comes_again(world: World) -> None:
    lane: ListQueue = world.house.lane
    lane.broken = True

    assert world.told(an_envelope(a_bounce())) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def test_a_topic_is_confirmed_over_https_and_a_stranger_s_is_not(world: World) -> None:
    confirmed = world.ingest.receive("sns", "demo", {}, a_confirmation())
    strange = world.ingest.receive("sns", "demo", {}, a_confirmation(TopicArn=TOPIC + "-of-others"))
    elsewhere = world.ingest.receive("sns", "other", {}, a_confirmation())

    assert (confirmed.status, strange.status, elsewhere.status) == (200, 401, 401)
    assert world.sns.confirmed == [SUBSCRIBE]


def test_over_https_nothing_is_believed_that_is_not_signed(world: World) -> None:
    forged = json.dumps({**json.loads(an_envelope(a_bounce())), "Message": "{}"}).encode()

    assert world.ingest.receive("sns", "demo", {}, forged).status == 401
    assert world.ingest.receive("sns", "demo", {}, json.dumps(a_bounce()).encode()).status == 401
    assert world.house.lane.take() == []
