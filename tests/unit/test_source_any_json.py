"""Whatever a trusted sender sends: events, `NotUnderstood` or `Ignored`, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.domain.events import parse_event
from perennial.ingest import SOURCES, read
from perennial.sources import shopify, zendesk

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SAMPLES = sorted((Path(__file__).parents[2] / "events").glob("*/*.json"))

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-01", "-1", "1e999", "USD"]),
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
KINDS = [*(f"zen:event-type:{kind}" for kind in zendesk.TYPES), "order.placed", "survey.answered", "x"]


def check(source: str, headers: dict[str, str], body: bytes) -> None:
    reading = read(SOURCES[source], headers, body, "demo", NOW)

    assert all(note.reason for note in (*reading.quarantined, *reading.ignored))
    assert all(parse_event(event.to_json()) == event for event in reading.events)


@pytest.mark.parametrize("source", sorted(SOURCES))
@given(payload=JSON, topic=st.sampled_from(sorted(shopify.TOPICS)), kind=st.sampled_from(KINDS))
@settings(max_examples=100, deadline=None)
def test_any_json_gives_events_or_a_reason(source: str, payload: Any, topic: str, kind: str) -> None:
    if isinstance(payload, dict):
        payload = {"id": "1", "type": kind, **payload}

    check(source, {"x-shopify-topic": topic}, json.dumps(payload).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("source", sorted(SOURCES))
@given(body=st.binary(max_size=200), topic=st.sampled_from(sorted(shopify.TOPICS)))
@settings(max_examples=50, deadline=None)
def test_any_bytes_give_a_reason(source: str, body: bytes, topic: str) -> None:
    check(source, {"x-shopify-topic": topic}, body)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_tower_of_brackets_gives_a_reason(source: str) -> None:
    check(source, {"x-shopify-topic": "orders/create"}, b"[" * 200_000)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sample_with_anything_in_any_place_gives_events_or_a_reason(sample: Path, data: st.DataObject) -> None:
    """Far deeper into the translators than any JSON made at random comes."""
    told = json.loads(sample.read_text(encoding="utf-8"))
    body = told["body"]
    holder, key = data.draw(st.sampled_from(list(places(body))))
    holder[key] = data.draw(JSON)

    headers = {name.lower(): value for name, value in told["headers"].items()}
    check(sample.parent.name, headers, json.dumps(body).encode("utf-8", "surrogatepass"))


def places(value: Any) -> Any:
    """(container, key) of everything within."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])
