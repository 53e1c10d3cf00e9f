"""The desk's answers to who is whom, and what staff see of people who were merged."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from perennial.aws import wiring
from perennial.domain.events import CustomerMerged, CustomerUnmerged, parse_event
from tests.integration.test_admin_api import Staff

ANA, BO, CHI = (f"{name}@example.com" for name in ("ana", "bo", "chi"))


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    yield Staff()
    wiring.reset()


def post(staff: Staff, path: str, role: str = "admin", **body: Any) -> tuple[int, Any]:
    status, answer, _ = staff.ask("POST", path, role, json.dumps(body), content_type="application/json")
    settle(staff)
    return status, answer


def settle(staff: Staff) -> None:
    """What was sent to the lane is applied."""
    events = [parse_event(message.body) for message in staff.lane.messages if '"customer.' in message.body]
    staff.lane.messages.clear()
    kin = [event for event in events if isinstance(event, CustomerMerged | CustomerUnmerged)]
    assert wiring.engine().apply(kin, staff.clock.now()) == {}


def two(staff: Staff) -> tuple[str, str]:
    """Ana and Bo, who share a phone and a name."""
    ana = staff.order(1)
    staff.clock.time += timedelta(hours=1)
    person = {"email": BO, "phone": "+34612345678", "name": "Ruiz Ana"}
    return ana, staff.tell("customer.signed_up", BO, customer=person)


def proposal(staff: Staff) -> Any:
    (found,) = staff.get("/proposals", "agent")["proposals"]
    return found


def test_a_proposal_shows_the_two_and_what_speaks_for_it(staff: Staff) -> None:
    ana, bo = two(staff)

    found = proposal(staff)

    assert {found["one"]["id"], found["other"]["id"]} == {ana, bo}
    assert (found["score"], found["evidence"], found["agree"]) == (60, ["phone"], ["name"])
    assert {found["one"]["email"], found["other"]["email"]} == {"a***@e***.com", "b***@e***.com"}


def test_who_is_said_to_be_one_becomes_one_and_the_question_is_gone(staff: Staff) -> None:
    ana, bo = two(staff)

    status, answer = post(staff, f"/proposals/{proposal(staff)['id']}/accept")

    assert (status, answer["state"]) == (200, "accepted")
    assert staff.get(f"/customers/{bo}")["id"] == ana
    assert staff.get(f"/customers/{ana}")["members"] == [bo]
    assert staff.get("/proposals")["proposals"] == []


def test_an_answer_that_is_given_twice_is_one_and_another_one_comes_too_late(staff: Staff) -> None:
    two(staff)
    named = proposal(staff)["id"]
    post(staff, f"/proposals/{named}/accept")

    assert post(staff, f"/proposals/{named}/accept")[0] == 200
    assert post(staff, f"/proposals/{named}/reject")[0] == 422


def test_who_is_said_to_be_two_stays_two(staff: Staff) -> None:
    _, bo = two(staff)

    status, answer = post(staff, f"/proposals/{proposal(staff)['id']}/reject")

    assert (status, answer["state"]) == (200, "rejected")
    assert staff.get(f"/customers/{bo}")["id"] == bo
    assert staff.get("/proposals")["proposals"] == []


def test_a_proposal_that_never_was_cannot_be_answered(staff: Staff) -> None:
    assert post(staff, "/proposals/0123/accept")[0] == 404


def test_people_are_merged_and_parted_by_hand(staff: Staff) -> None:
    ana, bo = two(staff)

    assert post(staff, f"/customers/{bo}/merge", other=ana)[0] == 200
    assert staff.get(f"/customers/{bo}")["id"] == ana
    staff.clock.time += timedelta(hours=1)
    assert post(staff, f"/customers/{ana}/part", other=bo)[0] == 200

    assert staff.get(f"/customers/{bo}")["id"] == bo
    assert staff.get(f"/customers/{ana}")["members"] == []


@pytest.mark.parametrize(("way", "status"), [("merge", 422), ("part", 422)])
def test_what_makes_no_sense_is_refused(staff: Staff, way: str, status: int) -> None:
    ana, _ = two(staff)

    assert post(staff, f"/customers/{ana}/{way}", other=ana)[0] == status


def test_nobody_is_merged_with_nobody(staff: Staff) -> None:
    ana, _ = two(staff)

    assert post(staff, f"/customers/{ana}/merge", other="c0")[0] == 404


def test_agents_see_proposals_and_only_admins_answer_them(staff: Staff) -> None:
    two(staff)

    assert staff.ask("GET", "/proposals", "viewer")[0] == 403
    assert post(staff, f"/proposals/{proposal(staff)['id']}/accept", "agent")[0] == 403


# What is seen of people who were merged


@pytest.fixture
def merged(staff: Staff) -> tuple[str, str]:
    ana, bo = two(staff)
    staff.clock.time += timedelta(hours=1)
    post(staff, f"/customers/{ana}/merge", other=bo)
    staff.clock.time += timedelta(hours=1)
    staff.tell("ticket.opened", BO, ticket={"id": "t", "text": "where is it?"})
    staff.clock.time += timedelta(hours=1)
    staff.order(2)
    return ana, bo


def test_the_timeline_is_of_both_and_says_whose_each_is(staff: Staff, merged: tuple[str, str]) -> None:
    ana, bo = merged

    entries = staff.get(f"/customers/{bo}/timeline")["entries"]

    told = [(entry["type"], entry["told_to"]) for entry in entries]
    assert told[:2] == [("order.placed", ana), ("ticket.opened", bo)]
    assert sorted(told[2:4]) == sorted([("customer.merged", ana), ("customer.merged", bo)])
    assert told[4:] == [("customer.signed_up", bo), ("order.placed", ana)]
    assert entries[1]["texts"] == {"text": "where is it?"}


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_timeline_of_both_comes_page_by_page(staff: Staff, merged: tuple[str, str], limit: int) -> None:
    ana, _ = merged
    whole = staff.get(f"/customers/{ana}/timeline")["entries"]

    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = staff.get(f"/customers/{ana}/timeline", limit=limit, **({"cursor": cursor} if cursor else {}))
        pages, cursor = [*pages, *page["entries"]], page["cursor"]

    assert pages == whole


def test_a_cursor_of_another_list_is_refused(staff: Staff, merged: tuple[str, str]) -> None:
    ana, _ = merged

    assert staff.ask("GET", f"/customers/{ana}/timeline?cursor={quote('elsewhere')}")[0] == 422


def test_the_profile_is_the_survivors_with_gaps_filled(staff: Staff, merged: tuple[str, str]) -> None:
    ana, bo = merged
    staff.tell("customer.updated", BO, customer={"email": BO, "birthday": "1990-05-01", "name": "Somebody"})

    profile = staff.get(f"/customers/{bo}")["profile"]

    assert (profile["email"], profile["name"], profile["birthday"]) == (ANA, "Ana Ruiz", "1990-05-01")
    assert staff.get(f"/customers/{ana}")["business"]["orders"] == 2


def test_both_are_found_by_either_address_as_one(staff: Staff, merged: tuple[str, str]) -> None:
    ana, _ = merged

    assert [each["id"] for each in staff.get("/customers", email=BO)["customers"]] == [ana]
    assert [each["id"] for each in staff.get("/customers", email=ANA)["customers"]] == [ana]


def test_the_past_of_both_is_explained_before_and_after_they_were_one(staff: Staff, merged: tuple[str, str]) -> None:
    ana, bo = merged
    early, now = staff.clock.now() - timedelta(hours=3), staff.clock.now()

    alone = staff.get(f"/customers/{ana}/explain", at=early.isoformat())
    together = staff.get(f"/customers/{bo}/explain", at=now.isoformat())

    assert (alone["customer"], together["customer"]) == (ana, ana)
    assert together["stage"] == staff.get(f"/customers/{ana}/explain")["stage"]
