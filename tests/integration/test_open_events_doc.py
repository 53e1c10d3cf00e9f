"""What docs/connect/open-events.md shows runs as it stands there, against the laptop house."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.client import Client
from infra.local.house import House
from infra.local.state import STORE, State
from infra.local.template import ROOT

TEXT = (ROOT / "docs" / "connect" / "open-events.md").read_text(encoding="utf-8")
SETUP, *EXAMPLES = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(State(tmp_path_factory.mktemp("house"))) as house:
        yield house


def ran(house: House, example: str) -> dict[str, Any]:
    environment = {"URL": house.stack.api, "STORE": STORE, "SECRET": house.stack.secrets["open"][0]}
    shell = ["bash", "-euo", "pipefail", "-c", SETUP + example]
    done = subprocess.run(shell, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r'(?:"source": "|ce-source: )(\w+)', text)[0])
def test_the_example_runs_as_it_is_written(house: House, example: str) -> None:
    events = example.count('"specversion"') or 1

    assert ran(house, example) == {"accepted": events, "quarantined": [], "ignored": []}


def test_what_the_channels_told_of_one_person_is_one_customer(house: House) -> None:
    for example in EXAMPLES:
        ran(house, example)
    house.wait_until_quiet()

    client = Client(house.stack)
    [ana] = client.get("/customers", email="ana@example.com")["customers"]
    [buyer] = client.get("/customers", phone="+34600123456")["customers"]
    types = {each["type"] for each in client.get(f"/customers/{ana['id']}/timeline")["entries"]}

    assert types >= {"product.used", "product.activated", "ticket.opened", "survey.answered", "consent.changed"}
    assert buyer["orders"] == 1


def test_every_kind_of_system_that_is_promised_has_its_example() -> None:
    told = "\n".join(EXAMPLES)

    assert {"site", "app", "wechat", "line", "chat", "till-3", "crm"} <= set(re.findall(r'"source": "([\w-]+)"', told))
