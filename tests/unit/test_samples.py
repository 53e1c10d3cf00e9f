"""The samples of events/ are brought to today before they are played."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.samples import WRITTEN_FOR, moved, samples

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("written", "played"),
    [
        ("2026-06-14T23:30:00Z", "2026-06-15T23:30:00Z"),
        ("2026-06-14T23:30:00-04:00", "2026-06-15T23:30:00-04:00"),
        ("2026-06-14T23:30:00.123456789Z", "2026-06-15T23:30:00.123456789Z"),
        ("2026-06-14T23:30:00", "2026-06-15T23:30:00"),
        ("1990-06-15", "1990-06-15"),
        ("ordered 2026-06-14T23:30:00Z or so", "ordered 2026-06-14T23:30:00Z or so"),
        ("2026-06-14T23:30:00Z and then some", "2026-06-14T23:30:00Z and then some"),
    ],
    ids=["UTC", "an offset", "nanoseconds", "no zone", "a birthday", "in a sentence", "before a sentence"],
)
def test_times_move_and_keep_their_form_and_nothing_else_moves(written: str, played: str) -> None:
    assert moved({"a": [written, 7, None]}, DAY) == {"a": [played, 7, None]}


def test_samples_are_played_in_the_order_of_their_names_whatever_their_source(tmp_path: Path) -> None:
    for name in ("shopify/02-orders-create.json", "open/01-signed-up.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"about": name, "headers": {}, "body": {"at": "2026-06-15T12:00:00Z"}}))

    first, second = samples(datetime(2027, 1, 1, tzinfo=UTC), tmp_path)

    assert (first.path("demo"), second.path("demo")) == ("/events/demo", "/webhooks/shopify/demo")
    assert first.body == b'{"at": "2027-01-01T00:00:00Z"}'


def test_a_sample_written_for_now_stays_as_it_is() -> None:
    assert moved("2026-06-15T12:00:00Z", WRITTEN_FOR - WRITTEN_FOR) == "2026-06-15T12:00:00Z"
