"""Why something is quarantined or ignored is said without a word of it: every sample, with a stray in every place."""

from datetime import UTC, datetime

import pytest

from infra.local.samples import Sample
from perennial.ingest import READERS, read
from tests.fuzz.bending import Request, astray, story
from tests.fuzz.canaries import PERSONAL, STRAY, leaks

READ = [sample for sample in story() if sample.source in READERS]


def reasons(request: Request) -> list[str]:
    vendor = READERS[request.source]
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() in vendor.HEADERS}
    reading = read(vendor, headers, request.body, "demo", datetime.now(UTC))
    return [note.reason for note in (*reading.quarantined, *reading.ignored)]


@pytest.mark.parametrize("sample", READ, ids=lambda sample: f"{sample.source}-{sample.file.stem}")
def test_no_reason_repeats_what_was_sent(sample: Sample) -> None:
    told = {reason for request in astray(sample) for reason in reasons(request)}

    assert leaks(told, (*PERSONAL, *STRAY)) == []
