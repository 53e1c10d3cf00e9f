"""What docs/connect/merchant-webhook.md shows is true: its examples run as they stand there."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.client import Client
from infra.local.house import House
from infra.local.receiver import RECEIVER
from infra.local.state import State
from infra.local.template import ROOT
from perennial.aws.sender_keys import Webhook, read_keys
from perennial.domain.notices import KINDS, Notice
from perennial.notifying import body_of, signed
from tests.builders import NOON

TEXT = (ROOT / "docs" / "connect" / "merchant-webhook.md").read_text(encoding="utf-8")
[CHECK] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
[TRY] = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
KEYS, EXAMPLE = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8


@pytest.fixture
def is_ours() -> Callable[[str, Mapping[str, str], bytes], bool]:
    """The function of the page."""
    room: dict[str, Any] = {}
    exec(CHECK, room)  # noqa: S102  -- it is our own page
    found: Callable[[str, Mapping[str, str], bytes], bool] = room["is_ours"]
    return found


def posted(at: datetime, *secrets: str) -> tuple[Mapping[str, str], bytes]:
    """What a receiver hears."""
    webhook = Webhook(url="https://desk.example.com/in", secrets=secrets)
    notice = Notice(id="n-1", kind="task.created", customer="c-1", store="demo", at=NOON, data={"task": "call"})
    body, clock = body_of(notice, "https://api.example"), SimpleNamespace(now=lambda: at, wall=lambda: at)
    return signed(webhook, notice.id, body, clock), body.encode()


def test_the_page_s_check_believes_us_under_each_of_our_secrets(is_ours: Any) -> None:
    headers, body = posted(datetime.now(UTC), NEW, OLD)

    assert is_ours(NEW, headers, body)
    assert is_ours(OLD, headers, body)


@pytest.mark.parametrize(
    "forge",
    [
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: ({**headers, "webhook-id": "n-2"}, body),
        lambda headers, body: ({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
        lambda headers, body: ({**headers, "webhook-signature": ""}, body),
        lambda headers, body: posted(datetime.now(UTC), OLD),
        lambda headers, body: posted(datetime.now(UTC) - timedelta(minutes=6), NEW),
    ],
)
def test_the_page_s_check_believes_nobody_else(is_ours: Any, forge: Any) -> None:
    assert not is_ours(NEW, *forge(*posted(datetime.now(UTC), NEW)))


def test_the_page_s_request_is_believed_by_a_receiver(tmp_path: Path) -> None:
    with House(State(tmp_path / "house")) as house:
        environment = {"URL": house.stack.api + RECEIVER, "SECRET": house.stack.telling}
        shell = ["bash", "-euo", "pipefail", "-c", TRY]
        done = subprocess.run(shell, env={**os.environ, **environment}, capture_output=True, text=True, check=True)

        assert done.stdout == "204\n"
        assert house.receiver.counts() == {"task.created": 1}
        assert Client(house.stack).health()["dead_letters"] == {}


def test_the_page_s_secret_is_one_once_its_keys_are_filled_in() -> None:
    filled = json.dumps(KEYS).replace("whsec_...", NEW)

    assert set(read_keys(filled)) == {"webhook/desk", "webhook/chat"}


def test_the_page_s_example_is_what_a_task_looks_like() -> None:
    data = {name: EXAMPLE["data"][name] for name in ("id", "task", "play", "due_at", "subject")}
    notice = Notice(id="n-1", kind="task.created", customer="c-1", store="demo", at=NOON, data=data)

    told = json.loads(body_of(notice, "https://api.example"))

    assert (told.keys(), told["data"].keys()) == (EXAMPLE.keys(), EXAMPLE["data"].keys())
    assert (told["type"], told["timestamp"]) == (EXAMPLE["type"], EXAMPLE["timestamp"])


def test_every_kind_that_the_page_names_is_one() -> None:
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", TEXT))

    assert named >= {"task.created", "stage.changed", "label.changed", "band.changed"}
    assert {
        name for name in named if name.split(".")[0] in {"task", "stage", "label", "band", "order", "message"}
    } <= set(KINDS)
