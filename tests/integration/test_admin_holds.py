"""The emergency stop over the admin API: one call stops, what waits is shown, let go or given up, all of it noted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from perennial.admin import holds as desk
from perennial.aws import wiring
from perennial.aws.holds import Holds
from perennial.aws.queues import NotSent
from perennial.domain.actions import Action
from tests.engine_lives import Outbound
from tests.integration.test_admin_api import NOON, Staff
from tests.messaging import an_action


@dataclass
class StoppingStaff(Staff):
    """Staff with the senders' queues before them."""

    emails: Outbound = field(default_factory=Outbound)
    texts: Outbound = field(default_factory=Outbound)

    def __post_init__(self) -> None:
        super().__post_init__()
        wiring.install(queue_email=self.emails, queue_sms=self.texts)

    def post(self, path: str, document: Any = None, role: str = "admin") -> tuple[int, Any]:
        body = "" if document is None else json.dumps(document)
        status, answer, _ = self.ask("POST", path, role, body, content_type="application/json")
        return status, answer

    def stop(self, **reach: str) -> str:
        status, hold = self.post("/holds", {"because": "wrong prices", **reach})
        assert status == 200, hold
        return str(hold["id"])

    def wait(self, hold: str, *actions: Action) -> None:
        holds = Holds(self.table)
        for action in actions:
            assert holds.keep(action, holds.find(hold))

    def sent(self, queue: Outbound) -> list[Action]:
        return [Action.model_validate_json(message.body) for message in queue.messages]


@pytest.fixture
def staff() -> Iterator[StoppingStaff]:
    wiring.reset()
    yield StoppingStaff()
    wiring.reset()


def test_one_call_stops_everything(staff: StoppingStaff) -> None:
    status, hold = staff.post("/holds", {"because": "wrong prices"})

    assert status == 200
    assert [hold[name] for name in ("play", "channel", "country", "because", "released_at")] == [
        None, None, None, "wrong prices", None,
    ]  # fmt: skip
    assert staff.get("/holds", role="viewer") == {"in_force": [hold], "past": []}


def test_a_play_a_channel_or_a_country_is_stopped_alone(staff: StoppingStaff) -> None:
    staff.stop(play="welcome")
    staff.stop(channel="sms")
    staff.stop(country="DE")

    shown = staff.get("/holds")["in_force"]

    assert [(each["play"], each["channel"], each["country"]) for each in shown] == [
        ("welcome", None, None),
        (None, "sms", None),
        (None, None, "DE"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"because": "typo", "play": "welcom"},
        {"because": "typo", "chanel": "sms"},
        {"because": "typo", "country": "Germany"},
        {"because": "typo", "country": "UK"},
        {},
    ],
)
def test_a_stop_that_would_stop_nothing_is_refused(staff: StoppingStaff, wrong: dict[str, str]) -> None:
    status, _ = staff.post("/holds", wrong)

    assert status == 422
    assert staff.get("/holds")["in_force"] == []


@pytest.mark.parametrize("role", ["viewer", "agent"])
def test_only_admins_stop_release_and_discard(staff: StoppingStaff, role: str) -> None:
    hold = staff.stop()

    asked = [("/holds", {"because": "mine"}), (f"/holds/{hold}/release", None), (f"/holds/{hold}/discard", None)]

    assert [staff.post(path, document, role)[0] for path, document in asked] == [403, 403, 403]


def test_what_waits_is_counted_by_play_and_shown(staff: StoppingStaff) -> None:
    hold = staff.stop()
    staff.wait(hold, *(an_action(id=f"a-{n}", play="welcome" if n % 3 else "tutorial") for n in range(30)))
    staff.wait(hold, an_action(id="s-1", channel="sms", play="tutorial"))

    waiting = staff.get(f"/holds/{hold}/waiting", role="agent")

    assert (waiting["count"], waiting["is_complete"]) == (31, True)
    assert waiting["by_play"] == {"welcome": 20, "tutorial": 11}
    assert waiting["by_channel"] == {"email": 30, "sms": 1}
    assert len(waiting["sample"]) == desk.MOST_SHOWN


def test_a_count_that_stopped_short_says_so(staff: StoppingStaff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "PIECE", 10)
    monkeypatch.setattr(desk, "MOST_COUNTED", 20)
    hold = staff.stop()
    staff.wait(hold, *(an_action(id=f"a-{n}") for n in range(25)))

    waiting = staff.get(f"/holds/{hold}/waiting")

    assert (waiting["count"], waiting["is_complete"]) == (20, False)


def test_what_is_let_go_goes_to_its_senders_and_waits_no_more(staff: StoppingStaff) -> None:
    hold = staff.stop()
    email, text = an_action(id="a-1"), an_action(id="a-2", channel="sms")
    staff.wait(hold, email, text)

    status, moved = staff.post(f"/holds/{hold}/release")

    assert (status, moved["messages"], moved["more"]) == (200, 2, False)
    assert (staff.sent(staff.emails), staff.sent(staff.texts)) == ([email], [text])
    assert staff.get("/holds")["in_force"] == []
    assert staff.get("/holds")["past"][0]["released_by"]
    assert staff.get(f"/holds/{hold}/waiting")["count"] == 0


def test_what_is_discarded_is_marked_and_the_hold_stays(staff: StoppingStaff) -> None:
    hold = staff.stop()
    staff.wait(hold, an_action(id="a-1"))

    _, moved = staff.post(f"/holds/{hold}/discard")

    assert (moved["messages"], moved["more"]) == (1, False)
    assert [action.given_up for action in staff.sent(staff.emails)] == [True]
    assert [each["id"] for each in staff.get("/holds")["in_force"]] == [hold]


def test_so_much_that_one_request_cannot_move_it_is_moved_by_the_next(
    staff: StoppingStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_MOVED", 100)
    hold = staff.stop()
    staff.wait(hold, *(an_action(id=f"a-{n}") for n in range(130)))

    answers = [staff.post(f"/holds/{hold}/release")[1] for _ in range(2)]

    assert [(each["messages"], each["more"]) for each in answers] == [(100, True), (30, False)]
    assert len({action.id for action in staff.sent(staff.emails)}) == 130


def test_nothing_is_forgotten_that_the_queue_did_not_take(
    staff: StoppingStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> int:
        raise NotSent("not now")

    hold = staff.stop()
    staff.wait(hold, an_action(id="a-1"))
    monkeypatch.setattr(staff.emails, "send", refuse)

    status, _ = staff.post(f"/holds/{hold}/release")

    assert status == 503
    assert staff.get(f"/holds/{hold}/waiting")["count"] == 1


def test_who_did_what_and_when_stays(staff: StoppingStaff) -> None:
    hold = staff.stop()
    staff.wait(hold, an_action(id="a-1"))
    staff.post(f"/holds/{hold}/discard")
    staff.clock.time += timedelta(hours=1)
    staff.post(f"/holds/{hold}/release")

    moves = staff.get(f"/holds/{hold}/waiting")["moves"]

    assert [(each["did"], each["messages"], each["by"]) for each in moves] == [
        ("discarded", 1, "somebody"),
        ("released", 0, "somebody"),
    ]
    assert moves[0]["at"].startswith(NOON.isoformat()[:16])


@pytest.mark.parametrize("path", ["waiting", "release", "discard"])
def test_a_hold_that_never_was_is_not_found(staff: StoppingStaff, path: str) -> None:
    method = "GET" if path == "waiting" else "POST"

    assert staff.ask(method, f"/holds/h-1/{path}", content_type="application/json")[0] == 404
