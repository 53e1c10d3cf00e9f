"""Every sample in events/ is read by the function it is for: what the documentation shows is what the product takes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.blueprint import Blueprint
from infra.local.database import Database
from infra.local.ministack import PARAMETERS
from infra.local.samples import APART, Sample, samples
from infra.local.sqlite_table import SqliteTable
from infra.local.state import STORE
from perennial.aws.quarantine import Quarantine
from perennial.aws.queues import Message
from perennial.domain.events import SurveyData, TicketData, parse_event
from perennial.ingest import SOURCES, Ingest

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAMPLES = [*samples(NOW), *samples(NOW, APART)]


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
    queues: Any = {**lanes, "fetches": Listening()}  # what is only named gives no event yet
    door = Ingest(OneSecret(), queues, quarantine, StandingClock())
    reply = door.receive(sample.source, STORE, sample.signed(SECRET, NOW), sample.body)
    return reply.status, dict(reply.body)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each.source}/{each.file.stem}")
def test_the_sample_is_understood(sample: Sample) -> None:
    lanes = {name: Listening() for name in ("orders", "tickets", "outcomes", "privacy")}

    status, answer = posted(sample, lanes)

    assert (status, bool(answer["quarantined"])) == (200, sample.expects_quarantine), json.dumps(answer)
    sent = [message for lane in lanes.values() for message in lane]
    assert len(sent) == answer["accepted"]
    assert all(parse_event(message.body).store == STORE for message in sent)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_each_source_has_a_sample(source: str) -> None:
    assert [each for each in SAMPLES if each.source == source]


def test_the_template_has_a_route_to_webhooks_for_each_source() -> None:
    routes = Blueprint(PARAMETERS).routes
    open_to_all = {each.path for each in routes if each.function == "Webhooks" and not each.authorized}

    assert open_to_all == {"/webhooks/{source}/{store}", "/events/{store}"}


@pytest.mark.parametrize("desk", ["zendesk", "freshdesk", "gorgias", "intercom"])
def test_every_ticket_of_a_help_desk_is_named_after_it(desk: str) -> None:
    lanes = {name: Listening() for name in ("orders", "tickets", "outcomes", "privacy")}
    for sample in SAMPLES:
        if sample.source == desk:
            posted(sample, lanes)

    told = [parse_event(message.body).data for lane in lanes.values() for message in lane]
    opened = {data.ticket.id for data in told if isinstance(data, TicketData)}
    rated = {data.ticket for data in told if isinstance(data, SurveyData) and data.ticket}
    assert opened
    assert rated
    assert all(each.startswith(f"{desk}:") for each in opened | rated)
