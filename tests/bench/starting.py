"""Cold starts: what a fresh process takes to import a function and to build what it works with."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from infra.local.template import ROOT
from perennial.aws.settings import Settings
from tests.bench.figures import Figure

PROCESSES = 9
BUILT = {"webhooks": "ingest()", "apply": "engine()"}
"""Function -> what of `wiring` it works with."""
_SCRIPT = """
import json, time
took = [time.process_time()]
import functions.{function}.app
took.append(time.process_time())
from perennial.aws import wiring
wiring.install(identity_secret=b"bench")
wiring.{built}
took.append(time.process_time())
from perennial.aws.documents import default_policy
from perennial.policy_document import shipped_policy
shipped_policy(default_policy(), 1)
took.append(time.process_time())
print(json.dumps([(after - before) * 1000 for before, after in zip(took, took[1:])]))
"""
"""Without the interpreter's own start. The identity key comes over the network, which is not measured here."""


def figures() -> Iterator[Figure]:
    measured = [{function: _milliseconds(function) for function in BUILT} for _ in range(PROCESSES)]
    for function in BUILT:
        stages = zip(*(each[function] for each in measured), strict=True)
        imported, built, policy = (median(stage) for stage in stages)
        note = f"CPU, median of {PROCESSES} fresh processes: import {imported:.0f}, botocore and its clients {built:.0f}"
        if function == "apply":
            note += f"; reading the shipped policy, once, with the first event: {policy:.0f} more"
        yield Figure(f"cold start of {function}", imported + built, "ms", budget=350, note=note)


def _milliseconds(function: str) -> list[float]:
    """Import, build, policy."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {name: f"https://sqs.us-east-1.amazonaws.com/0/{name}" for name in Settings.model_fields}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    script = _SCRIPT.format(function=function, built=BUILT[function])
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, **settings, **keys},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[float] = json.loads(ran.stdout)
    return told
