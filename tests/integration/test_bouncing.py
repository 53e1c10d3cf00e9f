"""On a laptop somebody new sees it happen: what goes to `bounce@...` comes back, by the deployed functions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.client import Client
from infra.local.findings import Findings
from infra.local.house import House
from infra.local.signing import signed
from infra.local.state import State
from perennial.domain.values import iso


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(State(tmp_path / "house")) as house:
        yield house


def asks_for_help(house: House, email: str) -> None:
    """Which is answered by email, at any hour, and by no consent."""
    now = house.wall()
    customer: dict[str, Any] = {"id": "c-1", "email": email}
    event = {
        "specversion": "1.0",
        "id": "reply-1",
        "source": "shop",
        "type": "message.replied",
        "time": iso(now),
        "data": {"customer": customer, "action": "m-1", "channel": "email", "text": "HELP"},
    }
    body, secret = json.dumps(event).encode(), house.stack.secrets["open"][0]
    assert Client(house.stack).post("/events/demo", body, signed("open", body, {}, secret, now)).is_good
    house.wait_until_quiet()


@pytest.mark.parametrize(
    ("email", "fate"),
    [
        ("bounce@example.com", {"email": "bounced"}),
        ("Bounce+2@example.com", {"email": "bounced"}),
        ("complaint@example.com", {"email": "complained"}),
        ("mia@example.com", {}),
    ],
)
def test_what_comes_of_an_email_shows_on_the_page_of_the_customer(
    house: House, email: str, fate: dict[str, str]
) -> None:
    asks_for_help(house, email)

    [customer] = Findings.of(house.table).customers
    shown = Client(house.stack).get(f"/customers/{customer.id}")
    assert [file.name for file in Path(house.stack.mail).glob("*.json")]
    assert shown["suppressed"] == fate
    assert house.permissions.denied == []
    assert set(house.dead_letters().values()) <= {0}
