"""Every message of events/topics/ is read as it says, in the envelope that the house puts it in and without."""

import json
from pathlib import Path

import pytest

from infra.local.blueprint import Blueprint
from infra.local.ministack import PARAMETERS
from infra.local.samples import FOLDER
from infra.local.topics import enveloped
from perennial.ingest import read
from perennial.sources import amazon_ses, sns
from tests.builders import NOON

SAMPLES = sorted(FOLDER.glob("topics/*/*.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_sample_is_understood_with_its_envelope_and_without(path: Path) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    raw = json.dumps(told["body"], ensure_ascii=False)

    for body in (raw, enveloped(path.parent.name, raw, NOON)):
        reading = read(sns, {}, body.encode(), "demo", NOON)
        assert [event.type for event in reading.events] == told["expect"]["events"]
        assert reading.quarantined == []


def test_each_kind_of_what_ses_tells_has_a_sample() -> None:
    bodies = [json.loads(path.read_text(encoding="utf-8"))["body"] for path in SAMPLES]
    kinds = {(body.get("eventType") or body.get("notificationType") or "").replace(" ", "") for body in bodies}

    assert kinds >= amazon_ses.KINDS.keys()


def test_each_topic_of_the_samples_is_heard() -> None:
    topics = {each.topic for each in Blueprint(PARAMETERS).subscriptions}

    assert {path.parent.name for path in SAMPLES} == topics
