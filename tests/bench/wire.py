"""AWS without a network: botocore builds, signs and reads as always; between the two we answer out of a dictionary.

It knows the calls of the hot path and no refusal: who is measured here meets no conflict. Each answer is as long as
the real one, checksum included. What it costs itself is in every figure, and told beside it.
"""

import json
import os
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO, StringIO
from logging import StreamHandler
from time import thread_time
from typing import Any
from unittest.mock import patch

import botocore.session
from aws_lambda_powertools import Logger
from botocore.awsrequest import AWSRequest, AWSResponse

from infra.local.clock import EventClock
from perennial.aws import wiring
from perennial.aws.policies import Policies
from perennial.aws.settings import Settings
from tests.bench.lives import BIRTH
from tests.bench.rules import shipped

REGION = "us-east-1"
REQUEST_ID = "0S7SRJ6Q0V0R7MEXAMPLE1VV4KQNSO5AEMVJF66Q9ASUAAJG"
TABLE_CALLS = frozenset({"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "TransactWriteItems"})
SENT = {"MessageId": REQUEST_ID[:36], "MD5OfMessageBody": "fafb00f5732ab283681e124bf8747ed1"}
Document = dict[str, Any]
Attributes = Mapping[str, Mapping[str, str]]


class Unanswered(Exception):
    """The stand-in has no answer to this call: the hot path has grown by one, teach it here."""


class StandingClock:
    """As `Clock`; it stands where it was put, which may be earlier than before."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def wall(self) -> datetime:
        return BIRTH


class Wire:
    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: what Secrets Manager holds, by id."""
        self.calls: Counter[str] = Counter()
        self._own: list[float] = []
        self._secrets = secrets
        self._items: dict[tuple[str, ...], Attributes] = {}
        self._answers: Mapping[str, Callable[[Document], Document]] = {
            "GetItem": self._get,
            "BatchGetItem": self._get_batch,
            "PutItem": self._put,
            "UpdateItem": lambda asked: {},
            "TransactWriteItems": self._transact,
            "SendMessage": lambda asked: SENT,
            "SendMessageBatch": _sent,
            "GetSecretValue": lambda asked: {"SecretString": self._secrets[asked["SecretId"]]},
        }

    def answer(self, request: AWSRequest, **_: object) -> AWSResponse:
        """In the place of sending; botocore calls it in whichever thread makes the call."""
        began = thread_time()
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        if operation not in self._answers:
            raise Unanswered(operation)
        body = json.dumps(self._answers[operation](json.loads(request.body))).encode()
        headers = {
            "x-amzn-RequestId": REQUEST_ID,
            "Content-Type": "application/x-amz-json-1.0",
            "x-amz-crc32": str(zlib.crc32(body)),
        }
        self.calls[operation] += 1
        self._own.append(thread_time() - began)
        return AWSResponse(request.url, 200, headers, _Raw(body))

    def take(self) -> tuple[Counter[str], float]:
        """Calls and own CPU seconds since this was last asked."""
        told = Counter(self.calls), sum(self._own)
        self.calls.clear()
        self._own.clear()
        return told

    def item(self, *key: str) -> Attributes:
        """As it was put."""
        return self._items[key]

    def _get(self, asked: Document) -> Document:
        item = self._items.get(_key(asked["Key"]))
        return {"Item": item} if item else {}

    def _get_batch(self, asked: Document) -> Document:
        ((name, wanted),) = asked["RequestItems"].items()
        found = [item for key in wanted["Keys"] if (item := self._items.get(_key(key)))]
        return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def _put(self, asked: Document) -> Document:
        self._items[_key(asked["Item"])] = asked["Item"]
        return {}

    def _transact(self, asked: Document) -> Document:
        for write in asked["TransactItems"]:
            self._put(write["Put"])
        return {}


class _Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def deployed(clock: EventClock, secrets: Mapping[str, str]) -> Iterator[Wire]:
    """Everything that `wiring` builds meanwhile is what AWS would run, but for the network and the clock."""
    wire = Wire(secrets)
    needed = (name for name, field in Settings.model_fields.items() if field.is_required())
    with environment(**{name: address(name) for name in needed}):
        wiring.install(clock=clock)
        our_session().register("before-send", wire.answer)
        look_once_at_the_policy()
        yield wire


def our_session() -> botocore.session.Session:
    """The one that all clients which `wiring` builds are made by."""
    return wiring.once("aws_session", botocore.session.get_session)


def look_once_at_the_policy() -> None:
    """Functions look each minute; on a slow machine that would be more calls than on a fast one."""
    wiring.install(policies=Policies(wiring.table(), StandingClock(BIRTH), shipped))


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """These variables, keys that open nothing, none of the developer's own for AWS; and nothing built outside of it."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    wiring.reset()
    with patch.dict(os.environ, {**own, **keys, **variables}, clear=True):
        try:
            yield
        finally:
            wiring.reset()


@contextmanager
def logged(logger: Logger) -> Iterator[StringIO]:
    """What a function logs, kept from the terminal."""
    log, handler = StringIO(), logger.registered_handler
    assert isinstance(handler, StreamHandler)  # or nothing would be caught
    standard_output = handler.setStream(log)
    try:
        yield log
    finally:
        handler.setStream(standard_output or sys.stdout)


def address(name: str) -> str:
    """What a function's environment says: the address of a queue, or anything."""
    return f"https://sqs.{REGION}.amazonaws.com/000000000000/{name}" if name.endswith("_QUEUE_URL") else name


def _key(attributes: Attributes) -> tuple[str, ...]:
    """An item's own key; in most tables of the plain assembly it is `id`."""
    return tuple(attributes[name]["S"] for name in (("pk", "sk") if "pk" in attributes else ("id",)))


def _sent(asked: Document) -> Document:
    return {"Successful": [{"Id": entry["Id"], **SENT} for entry in asked["Entries"]]}
