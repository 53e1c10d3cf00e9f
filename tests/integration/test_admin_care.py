"""The admin API where it takes care: of what was not understood, of who has fallen silent, of people's data."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from perennial.admin.quarantine import masked_payload
from perennial.aws import wiring
from perennial.aws.quarantine import Entry
from perennial.domain.events import parse_event
from tests.engine_lives import Outbound
from tests.integration.test_admin_api import NOON, Staff

DAY = timedelta(days=1)


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    staff = Staff()
    wiring.install(dead_letters={}, places_outside=(), queue_privacy=Outbound())
    yield staff
    wiring.reset()


def keep(number: int, payload: Any = None, **changes: Any) -> None:
    fields = {"id": f"q{number}", "source": "open", "store": "demo", "received_at": NOON, "reason": "type: unknown"}
    text = json.dumps(payload or {"email": "ana@example.com", "type": "order.teleported", "n": 3})
    wiring.quarantine().put(Entry(**{**fields, "payload": text.encode(), **changes}))


def post(staff: Staff, path: str, document: Any = None, role: str = "admin") -> tuple[int, Any]:
    body = "" if document is None else json.dumps(document)
    status, answer, _ = staff.ask("POST", path, role, body, content_type="application/json")
    return status, answer


def readable() -> dict[str, Any]:
    """An open event that today's code understands."""
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "shop",
        "type": "product.viewed",
        "time": NOON.isoformat(),
        "data": {"customer": {"id": "ana"}, "product": "mirror"},
    }


# ---------------------------------------------------------------- quarantine


def test_the_list_is_narrowed_by_where_from_why_and_how_old(staff: Staff) -> None:
    keep(1)
    keep(2, source="shopify")
    keep(3, reason="order: none", received_at=NOON - 3 * DAY)
    keep(4, source="perennial", reason="waits for whose it is: its order")

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in staff.get("/quarantine", **query)["entries"]]

    assert ids(source="shopify") == ["q2"]
    assert ids(reason="order") == ["q3"]
    assert ids(older_than_days=2) == ["q3"]
    assert ids(strays="true") == ["q4"]
    assert sorted(ids(strays="false")) == ["q1", "q2", "q3"]


def test_a_narrow_list_is_walked_a_bounded_piece_at_a_time(staff: Staff) -> None:
    for number in range(25):
        keep(number, source="open" if number else "shopify", received_at=NOON + timedelta(seconds=number))

    page = staff.get("/quarantine", source="shopify", limit=2)
    assert (page["entries"], bool(page["cursor"])) == ([], True)
    rest = staff.get("/quarantine", source="shopify", limit=2, cursor=page["cursor"])
    assert [each["id"] for each in rest["entries"]] == ["q0"]


def test_a_viewer_sees_how_much_there_is_and_why(staff: Staff) -> None:
    keep(1)
    keep(2)

    [group] = staff.get("/quarantine/summary", role="viewer")["groups"]

    assert (group["source"], group["reason"], group["count"]) == ("open", "type: unknown", 2)


def test_an_agent_sees_the_shape_of_an_entry_and_an_admin_all_of_it(staff: Staff) -> None:
    told = {
        "email": "ana@example.com",
        "name": "Ana",
        "type": "order.odd",
        "at": "2026-06-15T12:00:00Z",
        "n": [1, None],
    }
    keep(1, told)

    whole = staff.get("/quarantine/q1")
    shape = staff.get("/quarantine/q1", role="agent")

    assert json.loads(whole["payload"]) == told
    assert json.loads(shape["payload"]) == {**told, "email": "***", "name": "***"}
    assert staff.ask("GET", "/quarantine/q9")[0] == 404


@pytest.mark.parametrize("text", ["mail=ana%40example.com", "[" * 5_000, "[" * 900 + "]" * 900])
def test_of_what_is_no_json_nothing_is_shown(text: str) -> None:
    assert masked_payload(text) == f"*** ({len(text)} characters)"


def test_all_of_a_reason_are_tried_again_after_a_fix(staff: Staff) -> None:
    keep(1, readable())
    keep(2, {**readable(), "id": "e-2"})
    keep(3)
    keep(4, readable(), source="shopify")

    status, answer = post(staff, "/quarantine/replay", {"source": "open", "reason": "type:"})

    assert (status, answer) == (200, {"tried": 3, "accepted": 2, "left": 1, "cursor": None})
    assert sorted(each["id"] for each in staff.get("/quarantine")["entries"]) == ["q3", "q4"]
    assert len(staff.lane.messages) == 2


def test_tried_again_twice_it_is_sent_once(staff: Staff) -> None:
    keep(1, readable())

    post(staff, "/quarantine/replay", {"source": "open"})
    status, answer = post(staff, "/quarantine/replay", {"source": "open"})

    assert (status, answer["tried"]) == (200, 0)
    assert len(staff.lane.messages) == 1


def test_more_than_a_hundred_are_tried_a_hundred_at_a_time(staff: Staff) -> None:
    for number in range(101):
        keep(number)

    _, first = post(staff, "/quarantine/replay", {"source": "open"})
    _, second = post(staff, "/quarantine/replay", {"source": "open", "cursor": first["cursor"]})

    assert (first["tried"], first["left"], second["tried"], second["left"]) == (100, 100, 1, 1)
    assert second["cursor"] is None


def test_who_gives_an_entry_up_says_why_and_it_stays_known(staff: Staff) -> None:
    keep(1)

    status, _ = post(staff, "/quarantine/q1/discard", {"because": "the vendor's own test"})

    assert status == 200
    [told] = staff.get("/quarantine/discarded")["entries"]
    assert (told["entry"]["id"], told["because"]) == ("q1", "the vendor's own test")
    assert staff.get("/quarantine")["entries"] == []
    assert post(staff, "/quarantine/q1/discard", {"because": "again"})[0] == 404


@pytest.mark.parametrize("word", [{}, {"because": ""}, {"because": "x" * 201}, None])
def test_nothing_is_given_up_without_a_word(staff: Staff, word: Any) -> None:
    keep(1)

    assert post(staff, "/quarantine/q1/discard", word)[0] == 422
    assert len(staff.get("/quarantine")["entries"]) == 1


# ---------------------------------------------------------------- sources


def test_sources_show_when_each_was_heard(staff: Staff) -> None:
    wiring.pulses().heard("shopify", "demo", NOON - timedelta(minutes=90))
    for count in (3, 4):
        wiring.pulses().repaired("shopify", {"demo": count})

    [source] = staff.get("/sources", role="viewer")["sources"]

    assert (source["source"], source["silent_minutes"], source["is_silent"]) == ("shopify", 90, False)
    assert (source["usually_every"], source["repaired"]) == (None, 7)


# ---------------------------------------------------------------- people's data


def a_life(staff: Staff) -> str:
    staff.order()
    staff.tell("consent.changed", channel="email", granted=True, method="checkout")
    return staff.tell("ticket.opened", ticket={"id": "t-1", "text": "Where is my parcel?"})


def export(staff: Staff, customer: str) -> Any:
    status, body = post(staff, f"/customers/{customer}/export")
    assert status == 200, body
    return body


def test_an_export_holds_everything_item_by_item(staff: Staff) -> None:
    customer = a_life(staff)
    keep(1)
    keep(2, {"email": "leo@example.com"})

    told = export(staff, customer)

    kinds = [each["what"] for each in told["items"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "consent": 1, "text": 1, "timeline": 3, "profile": 1, "record": 1,
    }  # fmt: skip
    assert len(told["items"]) == len(wiring.table().query(f"C#{customer}").items)
    assert "Where is my parcel?" in json.dumps(told)
    assert told["known_by"] == ["email", "phone"]
    assert told["explanation"]["customer"] == customer
    assert [each["payload"] for each in told["quarantine"]] == [wiring.quarantine().get("q1").payload.decode()]  # type: ignore[union-attr]
    assert told["cursor"] is None


def test_a_long_export_comes_in_pages_and_leaves_nothing_out(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = a_life(staff)
    monkeypatch.setattr("perennial.privacy.exporting.ITEMS", 2)

    first = export(staff, customer)
    keys, cursor = [each["key"] for each in first["items"]], first["cursor"]
    while cursor:
        status, page = post(staff, f"/customers/{customer}/export?cursor={cursor}")
        assert (status, page["explanation"], page["quarantine"]) == (200, None, [])
        keys, cursor = keys + [each["key"] for each in page["items"]], page["cursor"]

    assert keys == [item.key.sk for item in wiring.table().query(f"C#{customer}").items]


def test_a_cursor_that_is_none_of_ours_is_refused(staff: Staff) -> None:
    customer = a_life(staff)

    answers = [post(staff, f"/customers/{customer}/export?cursor={odd}")[0] for odd in ("7", "x", "0.x", "-1")]

    assert answers == [422] * 4


def asked(staff: Staff) -> list[Any]:
    """What waits on the queue of requests, answered."""
    queue = wiring.queue("privacy")
    assert isinstance(queue, Outbound)
    bodies, queue.messages = [message.body for message in queue.messages], []
    return [wiring.erasing().answer(parse_event(body), staff.clock.now()) for body in bodies]  # type: ignore[arg-type]


def test_who_is_erased_is_found_no_more_and_the_request_says_what_went(staff: Staff) -> None:
    customer = a_life(staff)

    status, answer = post(staff, f"/customers/{customer}/erase")
    asked(staff)

    assert (status, answer["erased_at"]) == (202, None)
    assert staff.get("/customers", email="ana@example.com")["customers"] == []
    assert [staff.ask("GET", f"/customers/{customer}{what}")[0] for what in ("", "/timeline", "/explain")] == [404] * 3
    assert post(staff, f"/customers/{customer}/export")[0] == 404
    [told] = staff.get("/privacy/requests")["requests"]
    assert (told["id"], told["state"], told["customers"]) == (answer["request"], "done", [customer])
    assert told["by"] == "perennial/admin/somebody"
    assert told["removed"]["items"] == 6


def test_to_ask_for_it_again_changes_nothing(staff: Staff) -> None:
    customer = a_life(staff)
    post(staff, f"/customers/{customer}/erase")
    asked(staff)

    status, answer = post(staff, f"/customers/{customer}/erase")

    assert (status, answer["request"], bool(answer["erased_at"])) == (202, None, True)
    assert asked(staff) == []
    assert post(staff, "/customers/nobody/erase")[0] == 404


def test_who_came_back_is_found_by_the_address_they_always_had(staff: Staff) -> None:
    customer = a_life(staff)
    post(staff, f"/customers/{customer}/erase")
    asked(staff)
    staff.clock.time = NOON + DAY

    again = staff.order(2)

    assert again != customer
    assert staff.get(f"/customers/{again}")["business"]["orders"] == 1


def tell_privacy(staff: Staff, request: str, **person: str) -> None:
    data = {"request": request, "request_id": f"v-{request}", "customer": person}
    event = {"type": "privacy.requested", "id": f"v-{request}", "source": "shopify", "store": "demo"}
    document = {**event, "time": staff.clock.now().isoformat(), "data": data}
    wiring.erasing().answer(parse_event(json.dumps(document)), staff.clock.now())  # type: ignore[arg-type]


def test_a_request_for_a_copy_is_done_when_the_copy_is_made(staff: Staff) -> None:
    customer = a_life(staff)
    tell_privacy(staff, "export", email="ana@example.com")
    assert [each["state"] for each in staff.get("/privacy/requests")["requests"]] == ["waits"]

    export(staff, customer)

    assert [each["state"] for each in staff.get("/privacy/requests")["requests"]] == ["done"]


def test_a_shop_that_asked_to_go_goes_by_the_word_of_an_admin(staff: Staff) -> None:
    a_life(staff)
    staff.tell("customer.signed_up", "leo@example.com")
    tell_privacy(staff, "erase_shop")
    [waiting] = staff.get("/privacy/requests")["requests"]
    assert waiting["state"] == "waits"

    assert post(staff, f"/privacy/requests/{waiting['id']}/confirm", role="agent")[0] == 403
    assert post(staff, f"/privacy/requests/{waiting['id']}/confirm")[0] == 202
    asked(staff)
    asked(staff)

    assert staff.get("/customers")["customers"] == []
    assert post(staff, f"/privacy/requests/{waiting['id']}/confirm")[0] == 404


@pytest.mark.parametrize("what", ["erase", "export"])
def test_only_admins_hand_data_over_and_erase(staff: Staff, what: str) -> None:
    customer = a_life(staff)

    assert [post(staff, f"/customers/{customer}/{what}", role=role)[0] for role in ("viewer", "agent")] == [403, 403]
    assert staff.get(f"/customers/{customer}")
