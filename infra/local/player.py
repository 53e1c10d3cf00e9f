"""Plays the samples of events/ through the public endpoints, and compares what came of it with what was expected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from infra.local.client import Answer, Client
from infra.local.findings import Findings
from infra.local.report import Progress
from infra.local.samples import EXPECTED, Sample
from infra.local.state import STORE, Stack
from perennial.aws.table import Table
from perennial.ingest import SOURCES, read

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Running(Protocol):
    """A stack that runs, on a laptop or in ministack."""

    @property
    def stack(self) -> Stack: ...

    @property
    def table(self) -> Table: ...

    def now(self) -> datetime:
        """By the house's clock."""

    def wall(self) -> datetime:
        """By the clocks of those who sign."""

    def arrive_at(self, instant: datetime) -> None:
        """Let it be this late, where the clock can be moved."""

    def wait_until_quiet(self) -> None:
        """Until nothing is on any queue."""

    def dead_letters(self) -> Mapping[str, int]:
        """Queue -> how many messages failed for good; those with none are left out."""


def play(running: Running, story: Sequence[Sample]) -> list[str]:
    """Posts every sample with a valid signature; what went otherwise than expected.

    Waits after each until all is done, for there are hours and days between them in the story: posted in one second,
    lanes would overtake each other in ways that no shop has seen.
    """
    client, progress = Client(running.stack), Progress(len(story))
    problems: list[str] = []
    for number, sample in enumerate(story, start=1):
        running.arrive_at(happens_at(sample))
        secret = running.stack.secrets[sample.source][0]
        answer = client.post(sample.path(running.stack.store), sample.body, sample.signed(secret, running.wall()))
        problems += _of_answer(sample, answer)
        running.wait_until_quiet()
        progress.at(number, sample.file.stem)
    return problems


def happens_at(sample: Sample) -> datetime:
    """When the latest of its events happens; else when it is sent; long ago, where nobody knows."""
    headers = {name.lower(): value for name, value in sample.headers.items()}
    sent_at = sample.sent_at or LONG_AGO
    events = read(SOURCES[sample.source], headers, sample.body, STORE, sent_at).events
    return max((event.time for event in events), default=sent_at)


def _of_answer(sample: Sample, answer: Answer) -> Iterator[str]:
    name = f"{sample.source}/{sample.file.name}"
    if not answer.is_good:
        yield f"{name} was answered {answer.status}: {answer.body.decode(errors='replace')[:200]}"
        return
    reasons = [entry["reason"] for entry in json.loads(answer.body)["quarantined"]]
    if bool(reasons) != sample.expects_quarantine:
        yield f"{name} was {'quarantined: ' + '; '.join(reasons) if reasons else 'expected in quarantine and is not'}"


def surprises(running: Running, findings: Findings, where: str, expected: Path = EXPECTED) -> list[str]:
    """What is not as events/expected.json says of a story played `where`, and what lies among the dead letters."""
    wanted = json.loads(expected.read_text(encoding="utf-8"))[where]
    found: dict[str, Any] = {
        "customers": len(findings.customers),
        "messages": findings.messages,
        "tasks": findings.tasks,
    }
    return [
        *(
            f"{count} messages of {queue} failed for good; see house.log"
            for queue, count in running.dead_letters().items()
        ),
        *_differences("customers", wanted["customers"], found["customers"]),
        *_differing_counts("message", wanted["messages"], found["messages"]),
        *_differing_counts("task", wanted["tasks"], found["tasks"]),
    ]


def _differing_counts(what: str, wanted: Mapping[str, Any], found: Mapping[str, int]) -> Iterator[str]:
    for name in sorted({*wanted, *found}):
        yield from _differences(f"{what} {name}", wanted.get(name, 0), found.get(name, 0))


def _differences(what: str, wanted: int | list[int], found: int) -> Iterator[str]:
    """`wanted` is a number, or [least, most] where it depends on the hour at which the story is played."""
    least, most = wanted if isinstance(wanted, list) else (wanted, wanted)
    if not least <= found <= most:
        yield f"{what}: expected {least if least == most else f'{least} to {most}'}, found {found}"
