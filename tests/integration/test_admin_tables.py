"""Lists as CSV over the admin API: masked, paged, and harmless whoever chose the words in them."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from perennial.aws import wiring
from perennial.domain.events import parse_event
from perennial.sources import shopify
from tests.builders import NOON
from tests.integration.test_admin_api import Staff
from tests.unit.test_tables import is_formula

HOSTILE = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\u200b=1", "'=1", 'x";=1+1']


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    yield Staff()
    wiring.reset()


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline="")))


def listed(staff: Staff, path: str = "/customers", role: str = "viewer") -> tuple[list[dict[str, str]], dict[str, str]]:
    status, text, headers = staff.ask("GET", path, role, accept="text/csv")
    assert status == 200, text
    return rows_of(text), {name.lower(): value for name, value in headers.items()}


def test_a_list_as_a_table_tells_what_the_list_tells(staff: Staff) -> None:
    ana = staff.orders(2)

    (line,) = staff.get("/customers", "viewer")["customers"]
    (row,), headers = listed(staff)

    assert (row["id"], row["name"], row["email"]) == (ana, "A. R.", "a***@e***.com")
    assert (row["value"], row["currency"], row["points"]) == ("240", "USD", "0")
    assert row["score"] == str(line["score"])
    assert row.keys() - {"currency"} == line.keys()
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["content-disposition"].startswith("attachment")


def test_pages_of_a_table_together_show_everybody_once(staff: Staff) -> None:
    ids = {staff.order(number, f"c{number}@example.com") for number in range(1, 13)}

    found, path = list[str](), "/customers?stage=onboarding&limit=5"
    while path:
        rows, headers = listed(staff, path)
        found += [row["id"] for row in rows]
        path = headers.get("link", "").partition(">")[0].removeprefix("<")

    assert sorted(found) == sorted(ids)


def test_who_may_not_see_the_list_does_not_see_it_as_a_table(staff: Staff) -> None:
    assert staff.ask("GET", "/customers", "nobody", accept="text/csv")[0] == 403
    assert staff.ask("GET", "/customers?stag=x", accept="text/csv")[0] == 422


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_out_of_a_shop_s_webhook_is_a_formula_in_no_cell(staff: Staff, name: str) -> None:
    for event in shopify.translate({"x-shopify-topic": "orders/create"}, order_by(name), "demo", NOON):
        assert wiring.engine().apply([parse_event(event.to_json())], staff.clock.now()) == {}

    (row,), _ = listed(staff)

    assert row["id"]
    assert not any(is_formula(cell) for cell in row.values())
    _, text, _ = staff.ask("GET", "/customers", accept="text/csv")
    assert not any(is_formula(cell) for line in text.splitlines() for cell in line.split(";"))


def order_by(name: str) -> bytes:
    order: dict[str, Any] = {
        "id": 1, "name": name, "created_at": NOON.isoformat(), "total_price": "9", "currency": "USD",
        "email": "=1+1@example.com", "customer": {"id": 7, "first_name": name, "last_name": name},
        "shipping_address": {"country_code": "ES"},
    }  # fmt: skip
    return json.dumps(order).encode()


# Codes


def test_admins_see_the_codes_of_a_pool_and_who_drew_them(staff: Staff) -> None:
    staff.ask("POST", "/coupons/pools/vip", "admin", "code\nAAA111\nBBB222\n", content_type="text/csv")
    drawn = wiring.coupon_desk().pools.draw("vip", "action-1")
    (free,) = {"AAA111", "BBB222"} - {drawn}

    assert listed(staff, "/coupons/pools/vip/codes?state=drawn", "admin")[0] == [
        {"code": drawn, "state": "drawn", "action": "action-1"}
    ]
    assert listed(staff, "/coupons/pools/vip/codes?state=free", "admin")[0] == [
        {"code": free, "state": "free", "action": ""}
    ]


def test_codes_come_in_pages(staff: Staff) -> None:
    codes = [f"CODE{number:03}" for number in range(7)]
    staff.ask("POST", "/coupons/pools/vip", "admin", "\n".join(["code", *codes]), content_type="text/csv")

    found, path = list[str](), "/coupons/pools/vip/codes?state=free&limit=3"
    while path:
        rows, headers = listed(staff, path, "admin")
        found += [row["code"] for row in rows]
        path = headers.get("link", "").partition(">")[0].removeprefix("<")

    assert found == codes


@pytest.mark.parametrize("role", ["viewer", "agent"])
def test_a_code_is_money_and_only_for_admins(staff: Staff, role: str) -> None:
    assert staff.ask("GET", "/coupons/pools/vip/codes?state=free", role)[0] == 403


@pytest.mark.parametrize("query", ["", "?state=all", "?state=free&cursor=x", "?state=free&limit=0"])
def test_a_question_about_codes_that_makes_no_sense_is_refused(staff: Staff, query: str) -> None:
    assert staff.ask("GET", f"/coupons/pools/vip/codes{query}")[0] == 422
