"""The laptop house holds each function to its role in template.yaml, key by key: what it lacks, it lacks here first."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from infra.local.client import Client, Refused
from infra.local.house import House
from infra.local.permissions import Permissions
from infra.local.state import State
from perennial.admin.roles import LEAST_ROLE

READ = [name.removeprefix("GET ") for name in LEAST_ROLE if name.startswith("GET ")]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "house")


@pytest.fixture
def house(state: State) -> Iterator[House]:
    with House(state) as house:
        yield house


def test_nothing_that_the_clock_asks_for_lacks_a_permission(house: House) -> None:
    list(house.travel(house.now() + timedelta(hours=1)))

    assert house.permissions.denied == []


def test_nothing_that_staff_read_lacks_a_permission(house: House) -> None:
    """Most of it is not there; what looks for it must be allowed to."""
    client = Client(house.stack)

    for path in READ:
        with suppress(Refused, ValueError):  # a table is no JSON
            client.get(path.replace("{id}", "welcome").replace("{message}", "m"), **_needed(path))

    assert house.permissions.denied == []


def _needed(path: str) -> dict[str, str]:
    return {"state": "free"} if path.endswith("/codes") else {}


def test_what_staff_do_in_an_emergency_lacks_no_permission(house: House) -> None:
    client = Client(house.stack)

    hold = client.ask("/holds", {"because": "a fire", "channel": "email"})["id"]
    client.ask(f"/holds/{hold}/discard")
    client.ask(f"/holds/{hold}/release")

    assert client.get("/holds")["in_force"] == []
    assert house.permissions.denied == []


def test_a_function_whose_role_lacks_a_permission_is_denied_it(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {"Sweep": "SweepRole", "Watch": "WatchRole", "Reconcile": "ReconcileRole"}
    nothing = Permissions(roles, dict.fromkeys(roles.values(), ()))
    monkeypatch.setattr(Permissions, "of_the_template", lambda: nothing)

    with House(state) as house:
        house.pump.run_schedules()

    assert "SweepRole may not sqs:GetQueueAttributes on InactivityQueue" in nothing.denied
