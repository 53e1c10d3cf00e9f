"""Every sample in events/ is read by the function it is for: what the documentation shows is what the product takes."""

import json
from datetime import UTC, datetime

import pytest

from infra.local.blueprint import Blueprint
from infra.local.database import Database
from infra.local.ministack import PARAMETERS
from infra.local.samples import Sample, samples
from infra.local.sqlite_table import SqliteTable
from infra.local.state import STORE
from perennial.aws.quarantine import Quarantine
from perennial.aws.queues import Message
from perennial.domain.events import parse_event
from perennial.ingest import Ingest

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAMPLES = list(samples(NOW))


class Listening(list[Message]):
    """A queue that keeps what it is sent."""

    def send(self, messages: list[Message]) -> int:
        self.extend(messages)
        return len(messages)

    def backlog(self) -> int:
        return len(self)


class OneSecret:
    def of(self, source: str, store: str) -> tuple[str, ...]:
        return (SECRET,)

    def refresh(self) -> bool:
        return False


class StandingClock:
    def now(self) -> datetime:
        return NOW

    wall = now


def posted(sample: Sample, lanes: dict[str, Listening]) -> tuple[int, dict[str, object]]:
    """Status and answer of a delivery."""
    quarantine = Quarantine(SqliteTable(Database(":memory:")))
    door = Ingest(OneSecret(), lanes, quarantine, StandingClock())  # type: ignore[arg-type]
    reply = door.receive(sample.source, STORE, sample.signed(SECRET, NOW), sample.body)
    return reply.status, dict(reply.body)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each.source}/{each.file.stem}")
def test_the_sample_is_understood(sample: Sample) -> None:
    lanes = {name: Listening() for name in ("orders", "tickets", "outcomes")}

    status, answer = posted(sample, lanes)

    assert (status, bool(answer["quarantined"])) == (200, sample.expects_quarantine), json.dumps(answer)
    sent = [message for lane in lanes.values() for message in lane]
    assert len(sent) == answer["accepted"]
    assert all(parse_event(message.body).store == STORE for message in sent)


@pytest.mark.parametrize("source", ["shopify", "zendesk", "aftership", "open"])
def test_each_source_has_a_sample(source: str) -> None:
    assert [each for each in SAMPLES if each.source == source]


def test_the_template_has_a_route_to_webhooks_for_each_source() -> None:
    open_to_all = {(each.path, each.function) for each in Blueprint(PARAMETERS).routes if not each.authorized}

    assert open_to_all == {("/webhooks/{source}/{store}", "Webhooks"), ("/events/{store}", "Webhooks")}
