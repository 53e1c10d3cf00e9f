"""The samples of events/ are brought to today before they are played."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.player import happens_at
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


def test_times_that_are_counted_move_in_their_unit_and_other_numbers_stay() -> None:
    written = {"created_at": 1_781_086_327, "timestamp": 1_781_086_327_000, "id": 1_781_086_327, "notified_at": 0}

    assert moved(written, DAY) == {
        "created_at": 1_781_172_727,
        "timestamp": 1_781_172_727_000,
        "id": 1_781_086_327,
        "notified_at": 0,
    }


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


def test_a_sample_that_tells_no_time_happens_when_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "17track" / "01-tracking-stopped.json"
    file.parent.mkdir()
    told = {"about": "it stops", "body": {"event": "TRACKING_STOPPED", "data": {"number": "1"}}}
    file.write_text(json.dumps({**told, "sent_at": "2026-06-15T11:00:00Z"}))

    (sample,) = samples(WRITTEN_FOR + DAY, tmp_path)

    assert happens_at(sample) == datetime(2026, 6, 16, 11, tzinfo=UTC)


def test_a_form_is_written_as_one(tmp_path: Path) -> None:
    file = tmp_path / "twilio" / "01-stop.json"
    file.parent.mkdir()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    file.write_text(json.dumps({"about": "stop", "headers": headers, "body": {"Body": "Stop & go", "From": "+1"}}))

    (sample,) = samples(WRITTEN_FOR, tmp_path)

    assert sample.body == b"Body=Stop+%26+go&From=%2B1"
