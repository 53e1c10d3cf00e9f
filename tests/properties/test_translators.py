"""Whatever a trusted sender sends comes to events, to quarantine, or to a reason; and the events to decisions."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given

from infra.local.database import Database
from infra.local.signing import signed
from infra.local.sqlite_table import SqliteTable
from perennial.aws.quarantine import Quarantine
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, parse_event
from perennial.domain.identity import identity_keys
from perennial.domain.journal import Entry
from perennial.ingest import SOURCES, Ingest, Reply, read
from tests.builders import NOON, a_customer, the_policy
from tests.house import FrozenClock, ListQueue
from tests.properties.deliveries import SAMPLES, Request, any_requests, spoilt_samples, with_each_place_odd
from tests.properties.strategies import examples

SECRET = "whsec_YSBzZWNyZXQgb2YgdHdlbnR5LWZvdXIu"


class OneSecret:
    def of(self, source: str, store: str) -> Sequence[str]:
        return (SECRET,)

    def refresh(self) -> bool:
        return False


class Door(NamedTuple):
    ingest: Ingest
    lane: ListQueue
    quarantine: Quarantine


@cache
def the_door() -> Door:
    lane, quarantine = ListQueue(), Quarantine(SqliteTable(Database()))
    lanes = {**dict.fromkeys(("orders", "tickets", "outcomes", "privacy"), lane), "fetches": ListQueue()}
    return Door(Ingest(OneSecret(), lanes, quarantine, FrozenClock()), lane, quarantine)  # type: ignore[arg-type]


def delivered(request: Request) -> tuple[Reply, list[Event]]:
    """The answer, and the events that went out on the lanes: signed by somebody who knows the secret."""
    door = the_door()
    reply = door.ingest.receive(request.source, "demo", signature(request), request.body)
    return reply, door.lane.take()


def signature(request: Request) -> dict[str, str]:
    """The headers as the vendor sends them. A standard that signs text knows no signature of other bytes."""
    source, headers, body = request
    is_text = source != "open" or body == body.decode(errors="replace").encode()
    return signed(source, body if is_text else b"", headers, SECRET, NOON)


def check(request: Request) -> None:
    reply, events = delivered(request)

    if reply.status != 200:
        assert (request.source, reply.status) in (("open", 401), ("open", 415))
        assert not events
        return
    told = reply.body
    reasons = [each["reason"] for each in (*told["quarantined"], *told["ignored"])]
    assert told["accepted"] == len(events)
    assert events or reasons or request.body.strip() == b"[]"
    assert all(reasons)
    assert len({(event.source, event.id) for event in events}) == len({event.to_json() for event in events})
    assert delivered(request) == (reply, events), "delivered again, it is the same"
    for event in events:
        understood(event)


def understood(event: Event) -> None:
    """It can be found whose it is, decided on, stored, and read again."""
    assert all(key.hashed(b"secret") for key in identity_keys(event))
    assert parse_event(event.to_json()) == event

    decision = decide(a_customer(), event, the_policy(), NOON)

    record = decision.customer.model_dump_json(exclude_defaults=True)
    assert Customer.model_validate_json(record).model_dump_json(exclude_defaults=True) == record
    entry = decision.entry.model_dump_json(exclude_defaults=True)
    assert Entry.model_validate_json(entry).model_dump_json(exclude_defaults=True) == entry


ODD: tuple[Any, ...] = ("9e999999999", "0001-01-01T00:00:00+14:00", "2026-13-01", "\ud800", -(10**400), 1.5, None, [{}])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_whatever_stands_in_whichever_place_of_a_sample_the_translator_returns(path: Path) -> None:
    for source, headers, body in with_each_place_odd(path, ODD):
        named = {name.lower(): value for name, value in headers.items()}

        reading = read(SOURCES[source], named, body, "demo", NOON)

        assert reading.events or reading.quarantined or reading.ignored


@examples(500)
@given(spoilt_samples())
def test_a_sample_with_anything_in_any_place_gives_events_or_a_reason(request: Request) -> None:
    """Far deeper into the translators than any JSON made at random comes."""
    check(request)


@examples(250)
@given(any_requests())
def test_any_json_and_any_bytes_give_events_or_a_reason(request: Request) -> None:
    check(request)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_tower_of_brackets_gives_a_reason(source: str) -> None:
    check(Request(source, {"x-shopify-topic": "orders/create"}, b"[" * 200_000))
