"""Cold starts: what a fresh process takes to import a function, and to be ready for its first event."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from statistics import median

from infra.local.template import ROOT
from perennial.aws.settings import Settings
from tests.bench.figures import Figure

PROCESSES = 9
USES: Mapping[str, tuple[str, str]] = {
    "webhooks": ("ingest, aws.secrets, aws.queues, aws.dynamo_table, aws.quarantine", "ingest()"),
    "apply": ("engine, addressing, aws.queues, aws.dynamo_table, aws.policies", "engine()"),
}
"""Function -> the modules that `wiring` imports for it when it is first called, and what it then builds."""
_SCRIPT = """
import json, time
took = [time.process_time()]
import functions.{function}.app, botocore.session, perennial.aws.clients, {modules}
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
    measured = [{function: _milliseconds(function) for function in USES} for _ in range(PROCESSES)]
    for function in USES:
        imported, built, policy = map(median, zip(*(each[function] for each in measured), strict=True))
        note = (
            f"CPU, median of {PROCESSES} fresh processes; with all that its first call would import, botocore included"
        )
        yield Figure(f"cold import of {function}", imported, "ms", budget=350, note=note)
        note = "the import, and its AWS clients built"
        if function == "apply":
            note += f"; reading the shipped policy, with the first event, takes {policy:.0f} ms more"
        yield Figure(f"cold start of {function}", imported + built, "ms", note=note)


def _milliseconds(function: str) -> list[float]:
    """Import, build, policy."""
    modules, built = USES[function]
    names = ", ".join(f"perennial.{module}" for module in modules.split(", "))
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(function=function, modules=names, built=built)],
        env=_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[float] = json.loads(ran.stdout)
    return told


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {name: f"https://sqs.us-east-1.amazonaws.com/0/{name}" for name in Settings.model_fields}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return {**own, **settings, **keys}
