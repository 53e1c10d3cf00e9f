"""The template as deployed in ministack, run like the house: the same samples, the same tables of what came of them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from infra.local import ministack
from infra.local.blueprint import Blueprint
from infra.local.state import STORE, Keys, Stack
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.table import Table

LOOK_AGAIN = 0.1
"""Seconds between two looks at the queues."""
QUIET_LOOKS = 2
"""So many looks in a row must find the queues empty: a message may be between two of them."""
PATIENCE = 120
"""Seconds; functions of an emulator start slowly."""
_WAITING = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class NeverQuiet(Exception):
    """Messages are still on the queues after all our patience; the message says on which."""


class InMinistack:
    """As `Running`: a stack in ministack, with a token of an admin and fresh webhook secrets."""

    def __init__(self, deployed: ministack.Deployed, secrets: Mapping[str, tuple[str, ...]]) -> None:
        self.deployed = deployed
        blueprint = Blueprint(ministack.PARAMETERS)
        self._queues = {lane.queue: blueprint.queues[lane.queue] for lane in blueprint.lanes}
        self._sqs = deployed.aws.client("sqs")
        self.stack = Stack(deployed.api, ministack.token(deployed), secrets, mail="")
        self.table: Table = DynamoTable(deployed.aws.client("dynamodb"), deployed.outputs["TableName"])

    def now(self) -> datetime:
        return datetime.now(UTC)

    wall = now

    def arrive_at(self, instant: datetime) -> None:
        """The clock of AWS cannot be moved."""

    def wait_until_quiet(self) -> None:
        """Raises `NeverQuiet`."""
        deadline, quiet = time.monotonic() + PATIENCE, 0
        while quiet < QUIET_LOOKS:
            waiting = {queue: count for queue in self._queues if (count := self._count(queue))}
            quiet = 0 if waiting else quiet + 1
            if time.monotonic() > deadline:
                raise NeverQuiet(f"still waiting after {PATIENCE} s: {waiting}")
            time.sleep(LOOK_AGAIN)

    def dead_letters(self) -> Mapping[str, int]:
        counts = {name: self._count(shape.dead_letters) for name, shape in self._queues.items() if shape.dead_letters}
        return {queue: count for queue, count in counts.items() if count}

    def _count(self, queue: str) -> int:
        url = self.deployed.resources[queue]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING))["Attributes"]
        return sum(int(attributes[name]) for name in _WAITING)


@contextmanager
def deployed() -> Iterator[InMinistack]:
    """A fresh ministack with the template in it, for as long as the block lasts."""
    with ministack.running() as aws:
        stack, secrets = ministack.deploy(aws), Keys.fresh().webhooks
        ministack.put_webhook_secrets(stack, {f"{source}/{STORE}": list(kept) for source, kept in secrets.items()})
        identity = ministack.PARAMETERS["EmailIdentity"]
        aws.client("sesv2").create_email_identity(EmailIdentity=identity)  # as every sender does once, by DNS
        yield InMinistack(stack, secrets)
