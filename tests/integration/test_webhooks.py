"""The webhooks function as API Gateway calls it, on the twins of table and queue."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from functions.webhooks import app
from infra.local.database import Database
from infra.local.samples import WRITTEN_FOR, Sample, samples
from infra.local.signing import PUBLIC_URL, signed
from infra.local.sqlite_table import SqliteTable
from perennial.aws import wiring
from perennial.aws.clock import SystemClock
from perennial.aws.quarantine import Quarantine
from perennial.domain.events import parse_event
from perennial.ingest import SOURCES, Ingest
from tests.house import ListQueue

SECRETS = {
    **{f"{source}/demo": ("the-current-secret",) for source in SOURCES},
    "open/demo": ("whsec_" + base64.b64encode(b"a secret of twenty-four.").decode(),),
}
SAMPLES = list(samples(WRITTEN_FOR))
LAMBDA = SimpleNamespace(
    function_name="webhooks", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1"
)


@dataclass
class World:
    sent: list[Any] = field(default_factory=list)
    quarantine: Quarantine = field(default_factory=lambda: Quarantine(SqliteTable(Database())))

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return SECRETS.get(f"{source}/{store}", ())

    def refresh(self) -> bool:
        return False

    def send(self, messages: Any) -> int:
        self.sent.extend(messages)
        return len(self.sent)

    def backlog(self) -> int:
        return len(self.sent)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    lanes = {**dict.fromkeys(("orders", "tickets", "outcomes"), world), "fetches": ListQueue()}
    settings = SimpleNamespace(PUBLIC_URL=PUBLIC_URL)
    wiring.install(ingest=Ingest(world, lanes, world.quarantine, SystemClock()), settings=settings)  # type: ignore[arg-type]
    yield world
    wiring.reset()


def call(source: str, body: bytes, headers: dict[str, str] | None = None, *, as_base64: bool = False) -> dict[str, Any]:
    """As API Gateway's HTTP API does (payload format 2.0): lower-case headers, base64 for what it takes as binary."""
    sent = signed(source, body, headers or {}, SECRETS[f"{source}/demo"][0], datetime.now(UTC))
    event = {
        "version": "2.0",
        "pathParameters": {"store": "demo"} if source == "open" else {"source": source, "store": "demo"},
        "rawPath": "/events/demo" if source == "open" else f"/webhooks/{source}/demo",
        "headers": {name.lower(): value for name, value in sent.items()},
        "body": base64.b64encode(body).decode() if as_base64 else body.decode(),
        "isBase64Encoded": as_base64,
    }
    reply: dict[str, Any] = app.handler(event, LAMBDA)
    return reply


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.source}-{sample.file.stem}")
def test_each_sample_is_read_as_events(world: World, sample: Sample) -> None:
    reply = call(sample.source, sample.body, dict(sample.headers))

    told = json.loads(reply["body"])
    assert (reply["statusCode"], told["accepted"], told["quarantined"]) == (200, len(world.sent), [])
    assert all(parse_event(message.body).store == "demo" for message in world.sent)
    assert bool(told["ignored"]) == (not world.sent) == sample.expects_nothing


def test_the_signature_is_over_the_bytes_however_the_gateway_hands_them_on(world: World) -> None:
    body = '{"token":"chk-1","email":"ana@example.com","updated_at":"2026-06-15T11:00:00Z","note":"é ✓ 中文"}'.encode()

    for as_base64 in (False, True):
        reply = call("shopify", body, {"X-Shopify-Topic": "checkouts/create"}, as_base64=as_base64)
        assert reply["statusCode"] == 200

    assert len(world.sent) == 2


def test_bytes_that_are_no_text_are_kept(world: World) -> None:
    reply = call("shopify", b"\xff\x00", {"X-Shopify-Topic": "checkouts/create"}, as_base64=True)

    assert reply["statusCode"] == 200
    assert len(world.quarantine.list().entries) == 1


def test_a_request_without_body_or_signature_is_refused(world: World) -> None:
    path = {"source": "shopify", "store": "demo"}
    event = {"pathParameters": path, "rawPath": "/webhooks/shopify/demo", "headers": {}, "isBase64Encoded": False}

    assert app.handler(event, LAMBDA)["statusCode"] == 401
    assert world.sent == []


def test_the_log_says_nothing_of_who_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(app.logger.registered_handler, "stream", log)

    call("shopify", b'{"email":"ana@example.com","id":[]}', {"X-Shopify-Topic": "orders/create"})

    assert "webhook answered" in log.getvalue()
    assert "ana@example.com" not in log.getvalue()
