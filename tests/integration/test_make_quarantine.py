"""`make quarantine` against a running house: what is there, one looked at, tried again, given up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.__main__ import main
from infra.local.client import Client
from infra.local.house import House
from infra.local.signing import signed
from infra.local.state import STORE, State
from perennial.domain.values import iso


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(State(tmp_path / "house")) as house:
        yield house


def post(house: House, number: int, **changes: Any) -> None:
    event = {"specversion": "1.0", "id": f"e-{number}", "source": "shop", "type": "order.teleported"}
    body = json.dumps({**event, "time": iso(house.now()), "data": {"customer": {"id": "ana"}}, **changes}).encode()
    headers = signed("open", body, {}, house.stack.secrets["open"][0], house.wall())
    assert Client(house.stack).post(f"/events/{STORE}", body, headers).status == 200


def told(house: House, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["--state", str(house.state.folder), "quarantine", *words]) == 0
    return capsys.readouterr().out


def entry(house: House) -> str:
    [found] = Client(house.stack).get("/quarantine")["entries"]
    return str(found["id"])


def test_an_empty_quarantine_says_so(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(house, capsys) == "Nothing is in quarantine.\n"


def test_what_waits_for_whose_it_is_is_told_apart(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    post(house, 1)
    shipment = {"tracking": "UNKNOWN", "state": "lost"}
    post(house, 2, type="shipment.updated", data={"customer": {}, "shipment": shipment})
    house.wait_until_quiet()

    shown = told(house, capsys)

    not_understood, waits = shown.split("Waits:")
    assert "1  open/demo" in not_understood
    assert "perennial/demo" in waits
    assert "The newest:" in waits


def test_one_is_looked_at_tried_again_and_given_up(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    post(house, 1)
    one = entry(house)

    assert '"order.teleported"' in told(house, capsys, "--show", one)
    assert "still not understood" in told(house, capsys, "--replay", one)
    assert f"given up: {one}" in told(house, capsys, "--discard", one, "--because", "a test")
    assert told(house, capsys) == "Nothing is in quarantine.\n"


def test_all_of_a_source_are_tried_again(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        post(house, number)

    assert told(house, capsys, "--source", "open") == (
        "tried 3: 0 events are on their way, 3 entries are still not understood\n"
    )


def test_without_a_house_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state", str(tmp_path / "none"), "quarantine"]) == 1
    assert "make run" in capsys.readouterr().err
