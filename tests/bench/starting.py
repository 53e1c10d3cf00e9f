"""Cold starts: what a fresh process takes to import a function, and to be ready for its first event.

Each process is measured between two that import what most of a cold start is made of and what DESIGN's budget was
reckoned from: botocore with a client, and pydantic with a model. Importing is reading files, unmarshalling and building
classes, which speeds up and slows down in another way than the reference workload of timing.py does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from infra.local.template import ROOT
from perennial.aws.settings import Settings
from tests.bench.figures import Figure
from tests.bench.timing import Stopwatch, Timed, median_of

PROCESSES = 13
QUIET = 0.310
"""Seconds of CPU that `REFERENCE` took on the machine that the budgets were written for.

DESIGN says a bare botocore 235 ms, with the 12 of the interpreter's own start, and pydantic 110; what both import is a
fifteenth of it.
"""
REFERENCE = """
import botocore.session, pydantic
class Model(pydantic.BaseModel):
    name: str
botocore.session.get_session().create_client("dynamodb")
"""


class Start(NamedTuple):
    """What a function does before its first event, as Python code."""

    imports: str
    builds: str
    reads: str = ""
    """What else it needs for the first event."""


WEBHOOKS = Start(
    """
import functions.webhooks.app, botocore.session, perennial.aws.clients
from perennial import ingest
from perennial.aws import dynamo_table, pulses, quarantine, queues, reputation, secrets, wiring
ingest.SOURCES["shopify"]
""",
    'wiring.ingest().doors["shopify"]',
    """
sample = json.load(open("events/shopify/10-orders-paid.json"))
headers = {name.lower(): value for name, value in sample["headers"].items()}
reading = wiring.ingest().understood("shopify", "demo", headers, [json.dumps(sample["body"]).encode()])
assert reading.events, reading
""",
)
APPLY = Start(
    """
import functions.apply.app, botocore.session, perennial.aws.clients
from perennial import addressing, engine
from perennial.aws import dynamo_table, policies, queues, wiring
wiring.install(identity_secret=b"bench")
""",
    "wiring.engine()",
    """
from perennial.aws.documents import default_policy
from perennial.policy_document import shipped_policy
shipped_policy(default_policy(), 1)
""",
)
PLAIN_WEBHOOKS = Start(
    "import boto3\nfrom tests.bench.plain_webhooks import PlainDoor",
    'PlainDoor(boto3.Session(), "secrets", "https://sqs.us-east-1.amazonaws.com/0/orders")',
)
PLAIN_APPLY = Start(
    "import boto3\nfrom tests.bench.plain import Names, Plain\nfrom perennial.aws.clock import SystemClock",
    'Plain(boto3.Session(), Names("customers", "history", "links", "idempotency", "", ""), None, SystemClock())',
)
_SCRIPT = """
import json, sys, time
def modules():
    return {{name for name in sys.modules if name.startswith("perennial.")}}
took = [time.process_time()]
{start.imports}
took.append(time.process_time())
imported = modules()
{start.builds}
late = sorted(modules() - imported)
took.append(time.process_time())
{start.reads}
took.append(time.process_time())
print(json.dumps([late, *(after - before for before, after in zip(took, took[1:]))]))
"""
"""Without the interpreter's own start. The identity key comes over the network, which is not measured here."""


class Late(Exception):
    """Building a function imported more of it: that is part of the import too, name it there."""


class Started(NamedTuple):
    imported: Timed
    built: Timed
    read: Timed


def figures() -> Iterator[Figure]:
    watch = Stopwatch(_reference, QUIET)
    starts = (WEBHOOKS, PLAIN_WEBHOOKS, APPLY, PLAIN_APPLY)
    rounds = [[_started(watch, start) for start in starts] for _ in range(PROCESSES)]
    webhooks, plain_webhooks, apply, plain_apply = map(_median, zip(*rounds, strict=True))
    reading = f"; reading the first order of Shopify's takes {webhooks.read.quiet * 1e3:.0f} ms more"
    yield from _figures("webhooks", webhooks, plain_webhooks, reading)
    reading = f"; reading the shipped policy, with the first event, takes {apply.read.quiet * 1e3:.0f} ms more"
    yield from _figures("apply", apply, plain_apply, reading)


def _figures(function: str, ours: Started, plain: Started, note: str) -> Iterator[Figure]:
    yield Figure(
        f"cold import of {function}",
        ours.imported.quiet * 1e3,
        "ms",
        budget=350,
        raw=ours.imported.raw * 1e3,
        plain=plain.imported.quiet * 1e3,
        note=(
            f"CPU, median of {PROCESSES} fresh processes, each scaled by two beside it that import a bare botocore "
            f"client and a pydantic model, {QUIET * 1e3:.0f} ms on the quiet machine (the budget was reckoned from "
            "those two); with all that its first call would import, botocore included"
        ),
    )
    yield Figure(
        f"cold start of {function}",
        (ours.imported + ours.built).quiet * 1e3,
        "ms",
        raw=(ours.imported + ours.built).raw * 1e3,
        plain=(plain.imported + plain.built).quiet * 1e3,
        note=f"the import, and its AWS clients built{note}",
    )


def _started(watch: Stopwatch, start: Start) -> Started:
    """In one fresh process."""
    parts: list[float] = []

    def run() -> float:
        late: list[str]
        seconds: list[float]
        late, *seconds = _told(_SCRIPT.format(start=start))
        if late:
            raise Late(", ".join(late))
        parts.extend(seconds)
        return sum(seconds)

    whole = watch.time(run)
    return Started(*(Timed(part * whole.quiet / whole.raw, part) for part in parts))


def _median(same: Sequence[Started]) -> Started:
    return Started(*(median_of(parts) for parts in zip(*same, strict=True)))


def _reference() -> float:
    _, seconds, *_ = _told(_SCRIPT.format(start=Start(REFERENCE, "")))
    return float(seconds)


def _told(script: str) -> Any:
    """What a fresh process that runs it prints, as JSON."""
    ran = subprocess.run(
        [sys.executable, "-c", script], env=_environment(), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    needed = [name for name, field in Settings.model_fields.items() if field.is_required() or name.endswith("_URL")]
    settings = {name: f"https://sqs.us-east-1.amazonaws.com/0/{name}" for name in needed}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return {**own, **settings, **keys}
