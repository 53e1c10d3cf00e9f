"""The apply function as SQS calls it: what failed is named, so that it comes again and nothing else does."""

import io
import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from functions.apply import app
from perennial.aws import wiring
from perennial.aws.table import Busy, Write
from perennial.domain.events import Event
from tests.builders import an_event
from tests.house import House

LAMBDA = SimpleNamespace(function_name="apply", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1")


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    wiring.install(engine=house.engine, clock=house.clock)
    yield house
    wiring.reset()


def used(name: str) -> Event:
    return an_event("product.used", customer={"id": name, "email": f"{name}@example.com"})


def apply(*bodies: str) -> dict[str, Any]:
    records = [{"messageId": f"m-{number}", "body": body} for number, body in enumerate(bodies)]
    answer: dict[str, Any] = app.handler({"Records": records}, LAMBDA)
    return answer


def test_what_is_applied_is_done(house: House) -> None:
    assert apply(used("mia").to_json(), used("bo").to_json()) == {"batchItemFailures": []}

    assert len(house.everybody()) == 2


def test_a_message_of_several_events_is_named_once(house: House) -> None:
    def busy(writes: Sequence[Write]) -> None:
        raise Busy("throttled")

    house.table.before = busy

    answer = apply("\n".join(used("mia").to_json() for _ in range(3)))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def test_what_cannot_be_read_or_applied_is_named_and_logged_without_saying_whose_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(app.logger.registered_handler, "stream", log)
    mia, bo = used("mia"), used("bo")
    apply(used("bo").to_json())

    def busy(writes: Sequence[Write]) -> None:
        if any(house.record(bo).id in write.key.pk for write in writes):
            raise Busy("throttled")

    house.table.before = busy
    answer = apply(
        '{"type":"product.used","data":{"customer":{"email":"eva@example.com"}}}', mia.to_json(), bo.to_json()
    )

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-2"}]}
    assert house.record(mia).version == 1
    assert [each["message"] for each in json.loads(log.getvalue())["failed"]] == ["m-0", "m-2"]
    assert "@example.com" not in log.getvalue()
