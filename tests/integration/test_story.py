"""The story of the fitness mirror, by the clock, on the running laptop stack and through its public endpoints."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.local.client import Client
from infra.local.clock import HouseClock
from infra.local.findings import Findings
from infra.local.house import House
from infra.local.signing import signed
from infra.local.state import State
from perennial.domain.values import iso

BOUGHT = datetime(2026, 6, 1, 10, 20, tzinfo=UTC)
HOME = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
WHO = {
    "id": "c-17",
    "email": "ana@example.com",
    "first_name": "Ana",
    "locale": "en-US",
    "country": "US",
    "time_zone": "America/New_York",
}
MIRROR = {"id": "1006", "name": "#1006"}


class Ana:
    """One customer, her shop, and her time."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._client = Client(house.stack)
        self._said: list[bytes] = []

    def tells(self, kind: str, **data: Any) -> None:
        """Something happens to her, now; all that follows at once is done when this returns."""
        event = {
            "specversion": "1.0",
            "id": f"ana-{len(self._said)}",
            "source": "shop",
            "type": kind,
            "time": iso(self.house.now()),
            "data": {"customer": WHO, **data},
        }
        self._said.append(json.dumps(event).encode())
        self._post(self._said[-1])

    def tells_all_of_it_again(self) -> None:
        """As a vendor does who lost our answers."""
        for body in self._said:
            self._post(body)

    def _post(self, body: bytes) -> None:
        secret, wall = self.house.keys.webhooks["open"][0], self.house.wall()
        answer = self._client.post("/events/demo", body, signed("open", body, {}, secret, wall))
        assert json.loads(answer.body)["accepted"] == 1, answer
        self.house.wait_until_quiet()

    def lives_until(self, instant: datetime) -> None:
        list(self.house.travel(instant))

    def page(self) -> dict[str, Any]:
        """What an agent sees."""
        found = self._client.get("/customers", email="ana@example.com", store="demo")["customers"]
        assert len(found) == 1
        page: dict[str, Any] = self._client.get(f"/customers/{found[0]['id']}")
        return page

    @property
    def mail(self) -> list[dict[str, Any]]:
        files = sorted(self.house.state.mail.glob("[!.]*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    @property
    def got(self) -> Counter[str]:
        return Counter(message["template"] for message in self.mail)

    @property
    def tasks(self) -> Counter[str]:
        return Findings.of(self.house.table).tasks


@pytest.fixture
def ana(tmp_path: Path) -> Iterator[Ana]:
    state = State(tmp_path / "house")
    state.folder.mkdir()
    HouseClock(state.clock).set_to(BOUGHT)
    with House(state) as house:
        yield Ana(house)


def test_the_fitness_mirror_s_first_ninety_days(ana: Ana) -> None:
    ana.tells("order.placed", order={**MIRROR, "total": {"amount": "1499.00", "currency": "USD"}})
    ana.tells("order.delivered", order=MIRROR)
    delivered = ana.house.now()

    ana.lives_until(delivered + 3 * DAY - timedelta(minutes=5))
    assert ana.got == {"thank_you": 1}

    ana.lives_until(delivered + 4 * DAY)
    assert ana.got == {"thank_you": 1, "tutorial": 1}

    ana.lives_until(delivered + 7 * DAY)
    ana.tells("ticket.opened", ticket={"id": "t-1", "text": "I can't keep up, I want to return it", "intent": "return"})
    page = ana.page()
    assert page["stage"] == "onboarding"
    assert any("offer a 1-to-1 coach" in line for line in page["script"])

    ana.lives_until(delivered + 8 * DAY)
    ana.tells("ticket.resolved", ticket={"id": "t-1"})
    ana.tells("product.activated", order=MIRROR["id"], product="mirror")
    ana.lives_until(delivered + 12 * DAY)
    assert ana.got == {"thank_you": 1, "tutorial": 1, "congratulation": 1, "survey": 1}

    ana.lives_until(delivered + 31 * DAY)
    report = ana.mail[-1]
    assert report["template"] == "report"
    assert "14 days of the premium programme" in report["body"]
    assert "callback" not in ana.tasks

    ana.lives_until(delivered + 91 * DAY)
    assert ana.tasks["callback"] == 1
    assert [task["task"] for task in ana.page()["tasks"]].count("callback") == 1

    assert ana.got == {"thank_you": 1, "tutorial": 1, "congratulation": 1, "survey": 1, "report": 1}
    for message in ana.mail:
        local = datetime.fromisoformat(message["sent_at"]).astimezone(HOME)
        assert 9 <= local.hour < 20, message["template"]
    assert ana.house.dead_letters() == {}


def test_who_activated_in_time_gets_no_tutorial(ana: Ana) -> None:
    ana.tells("order.placed", order=MIRROR)
    ana.tells("order.delivered", order=MIRROR)
    ana.tells("product.activated", order=MIRROR["id"])

    ana.lives_until(BOUGHT + 10 * DAY)

    assert "tutorial" not in ana.got


def test_the_same_events_again_change_and_send_nothing(ana: Ana) -> None:
    ana.tells("order.placed", order=MIRROR)
    ana.tells("order.delivered", order=MIRROR)
    ana.lives_until(BOUGHT + 4 * DAY)
    before, sent = ana.page(), ana.got

    ana.tells_all_of_it_again()

    assert ana.page()["version"] == before["version"]
    assert ana.got == sent
