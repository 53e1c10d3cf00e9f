"""Loyalty points over the admin API: put right by staff, once, within what they may grant; and seen."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from perennial.aws import wiring
from perennial.domain.events import parse_event
from tests.integration.test_admin_api import Staff

KEY = "change-0001"


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    yield Staff()
    wiring.reset()


def adjust(
    staff: Staff, customer: str, points: Any, role: str = "agent", key: str | None = KEY, **word: Any
) -> tuple[int, Any]:
    """What is answered; what was sent is applied, as the lane would."""
    sent = len(staff.lane.messages)
    body = json.dumps({"points": points, "reason": "the parcel came late", **word})
    headers = {"idempotency_key": key} if key else {}
    status, answer, _ = staff.ask(
        "POST", f"/customers/{customer}/points", role, body, content_type="application/json", **headers
    )
    events = [parse_event(message.body) for message in staff.lane.messages[sent:]]
    assert wiring.engine().apply(events, staff.clock.now()) == {}
    return status, answer


def balance(staff: Staff, customer: str) -> int:
    held = staff.get(f"/customers/{customer}")["points"]
    return held["balance"] if held else 0


def test_staff_give_points_and_the_timeline_says_who_how_many_and_why(staff: Staff) -> None:
    ana = staff.order()

    status, answer = adjust(staff, ana, 20, reference="1001")

    assert (status, answer["points"], answer["customer"]) == (202, 20, ana)
    entry = adjustment(staff, ana, "agent")
    assert (entry["event"], entry["source"]) == (answer["id"], "perennial/desk")
    assert entry["data"]["points"] == 20
    assert entry["data"]["reference"] == "1001"
    assert entry["data"]["by"]
    assert entry["texts"] == {"reason": "the parcel came late"}
    assert adjustment(staff, ana, "viewer")["texts"] == {}


def adjustment(staff: Staff, customer: str, role: str) -> Any:
    """The one on the timeline."""
    entries = staff.get(f"/customers/{customer}/timeline", role)["entries"]
    (found,) = (entry for entry in entries if entry["type"] == "points.adjusted")
    return found


def test_asked_again_under_the_same_key_it_is_no_second_time_however_much_later(staff: Staff) -> None:
    ana = staff.order()
    first = adjust(staff, ana, 20)

    staff.clock.time += timedelta(days=3)
    again = adjust(staff, ana, 20)

    assert again == first
    assert balance(staff, ana) == 20
    adjust(staff, ana, 20, key="change-0002")
    assert balance(staff, ana) == 40


def test_a_key_is_for_one_change(staff: Staff) -> None:
    ana = staff.order()
    adjust(staff, ana, 20)

    status, answer = adjust(staff, ana, 21)

    assert status == 422
    assert "key" in answer["detail"]
    assert balance(staff, ana) == 20


@pytest.mark.parametrize(("role", "points", "answered"), [
    ("agent", 200, 202), ("agent", 201, 403), ("agent", -200, 202), ("agent", -201, 403), ("admin", 5_000, 202),
    ("viewer", 1, 403),
])  # fmt: skip
def test_agents_move_what_the_authority_table_lets_go_and_admins_more(
    staff: Staff, role: str, points: int, answered: int
) -> None:
    ana = staff.order()  # onboarding: 200 points

    status, _ = adjust(staff, ana, points, role)

    assert status == answered
    assert balance(staff, ana) == (points if answered == 202 else 0)


def test_ten_small_gifts_are_one_large_one_whoever_gives_them(staff: Staff) -> None:
    ana = staff.order()

    answered = [adjust(staff, ana, 40, key=f"change-{number:04}")[0] for number in range(7)]

    assert answered == [202] * 5 + [403] * 2
    assert balance(staff, ana) == 200
    assert adjust(staff, ana, 1, key="change-0008")[0] == 403
    assert adjust(staff, ana, 1, "admin", key="change-0009")[0] == 202


def test_what_is_asked_again_is_counted_once(staff: Staff) -> None:
    ana = staff.order()

    assert [adjust(staff, ana, 150)[0] for _ in range(3)] == [202] * 3
    assert adjust(staff, ana, 50, key="change-0002")[0] == 202


def test_what_was_given_by_mistake_can_be_taken_back_but_not_given_again(staff: Staff) -> None:
    ana = staff.order()
    adjust(staff, ana, 200)

    assert adjust(staff, ana, -200, key="change-0002")[0] == 202
    assert adjust(staff, ana, 200, key="change-0003")[0] == 403
    assert balance(staff, ana) == 0


def test_each_customer_and_each_day_has_its_own_limit_and_admins_use_none_of_it(staff: Staff) -> None:
    ana, leo = staff.order(), staff.order(2, "leo@example.com")
    assert adjust(staff, ana, 5_000, "admin", key="change-0001")[0] == 202
    assert adjust(staff, ana, 150, "admin", key="change-0007")[0] == 202

    assert adjust(staff, ana, 200, key="change-0002")[0] == 202
    assert adjust(staff, leo, 200, key="change-0003")[0] == 202
    staff.clock.time = staff.clock.time.replace(hour=23, minute=59, second=59)
    assert adjust(staff, ana, 1, key="change-0004")[0] == 403
    staff.clock.time += timedelta(seconds=1)
    assert adjust(staff, ana, 200, key="change-0005")[0] == 202


def test_what_was_allowed_when_it_was_asked_first_is_answered_alike_when_it_is_asked_again(staff: Staff) -> None:
    ana = staff.order()
    first = adjust(staff, ana, 200, expires_at=(staff.clock.time + timedelta(days=1)).isoformat())

    policy = staff.get("/policy")
    policy["authority"]["onboarding"]["points"] = 10
    assert staff.ask("PUT", "/policy", "admin", json.dumps(policy), if_match=f'"{policy["version"]}"')[0] == 200
    expires_at = (staff.clock.time + timedelta(days=1)).isoformat()
    staff.clock.time += timedelta(days=2)

    assert adjust(staff, ana, 200, expires_at=expires_at) == first
    assert adjust(staff, ana, 200, key="change-0002")[0] == 403


@pytest.mark.parametrize(
    "word",
    [
        {"points": 0}, {"points": 1.5}, {"points": "5"}, {"points": True}, {"points": None}, {"points": 10**7},
        {"points": -5, "expires_at": "2027-06-01T00:00:00Z"}, {"points": 5, "expires_at": "2026-06-01T00:00:00Z"},
        {"points": 5, "expires_at": "2027-06-01"}, {"points": 5, "reason": ""}, {"points": 5, "reason": "x" * 501},
        {"points": 5, "reference": "ana@example.com"}, {"points": 5, "by": "somebody else"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_changes_nothing_and_is_not_repeated(staff: Staff, word: dict[str, Any]) -> None:
    ana = staff.order()

    status, answer = adjust(staff, ana, role="admin", **word)

    assert status == 422
    assert "ana@" not in json.dumps(answer)
    assert balance(staff, ana) == 0


@pytest.mark.parametrize("key", [None, "short", "x" * 65, "=cmd|calc", "ana@example.com"])
def test_a_change_without_a_key_of_its_own_is_refused(staff: Staff, key: str | None) -> None:
    ana = staff.order()

    assert adjust(staff, ana, 5, key=key)[0] == 422
    assert balance(staff, ana) == 0


def test_of_whom_nobody_knows_there_is_no_account(staff: Staff) -> None:
    assert adjust(staff, "nobody", 5)[0] == 404


def test_a_page_and_an_explanation_tell_the_account_and_what_it_is_worth(staff: Staff) -> None:
    policy = staff.get("/policy")
    policy["currencies"]["point"] = "0.01"
    assert staff.ask("PUT", "/policy", "admin", json.dumps(policy), if_match=f'"{policy["version"]}"')[0] == 200
    ana = staff.order()
    adjust(staff, ana, 150, expires_at="2027-06-10T00:00:00Z")
    adjust(staff, ana, -30, key="change-0002")

    held = staff.get(f"/customers/{ana}", "viewer")["points"]

    assert held == {
        "balance": 120, "given": 150, "taken": 30, "lapsed": 0, "worth": "1.2",
        "next": {"at": "2027-07-01T00:00:00Z", "points": 120}, "because": "150 given, 30 taken, 0 lapsed",
    }  # fmt: skip
    assert staff.get(f"/customers/{ana}/explain")["points"] == held


def test_who_has_spent_more_than_there_was_is_said_to_be_overdrawn(staff: Staff) -> None:
    ana = staff.tell("points.spent", points=40)

    held = staff.get(f"/customers/{ana}")["points"]

    assert held["balance"] == -40
    assert "overdrawn by 40" in held["because"]


def test_nothing_of_the_reason_is_in_record_journal_or_key(staff: Staff) -> None:
    ana = staff.order()
    adjust(staff, ana, 5, reason="Ana Ruiz cried")

    kept = [body for key, body in bodies(staff) if "CONTENT#" not in key]

    assert kept
    assert not any("cried" in body for body in kept)


def bodies(staff: Staff) -> list[tuple[str, str]]:
    from perennial.aws.store import Store

    ana = staff.get("/customers", email="ana@example.com")["customers"][0]["id"]
    table = Store(staff.table).table
    return [(item.key.sk, item.body) for item in table.query(f"C#{ana}", limit=1000).items]
