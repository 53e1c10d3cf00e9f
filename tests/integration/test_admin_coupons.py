"""Pools of coupon codes over the admin API: codes come in as a table, and how many are left is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from perennial.admin import coupons as desk
from perennial.aws import wiring
from tests.integration.test_admin_api import Staff


@pytest.fixture
def staff() -> Iterator[Staff]:
    wiring.reset()
    yield Staff()
    wiring.reset()


def add(staff: Staff, table: str, role: str = "admin", pool: str = "vip") -> tuple[int, Any]:
    status, answer, _ = staff.ask("POST", f"/coupons/pools/{pool}", role, table, content_type="text/csv")
    return status, answer


def test_codes_come_in_as_a_table_and_none_comes_in_twice(staff: Staff) -> None:
    status, first = add(staff, "\ufeffcode,note\nA2C4E6,spring\nB3D5F7,spring\n")
    assert (status, first) == (
        200,
        {"pool": {"name": "vip", "left": 2, "is_complete": True}, "added": 2, "known": 0},
    )

    _, second = add(staff, "code\nB3D5F7\nC4E6G8\nC4E6G8\n")

    assert (second["added"], second["known"], second["pool"]["left"]) == (1, 2, 3)
    assert staff.ask("GET", "/coupons/pools", "viewer")[1] == {"pools": [second["pool"]]}


@pytest.mark.parametrize("code", ["=1+1", "+34600", "-5", "@sum", '"=HYPERLINK(""http://x"")"', "AB", "A B", ""])
def test_a_table_with_what_a_spreadsheet_would_compute_is_refused_whole_and_not_quoted(staff: Staff, code: str) -> None:
    status, answer = add(staff, f"code\nGOOD123\n{code},\n")

    assert status == 422
    assert [(fault["where"], fault["line"]) for fault in answer["errors"]] == [("body", 3)]
    assert staff.ask("GET", "/coupons/pools", "viewer")[1] == {"pools": []}


def test_what_is_blank_around_a_code_is_not_part_of_it(staff: Staff) -> None:
    add(staff, "code\n\tABC123 \n")

    assert add(staff, "code\nABC123\n")[1]["known"] == 1


@pytest.mark.parametrize("table", ["", "codes\nABC123\n", "code\n"])
def test_a_table_without_codes_is_refused(staff: Staff, table: str) -> None:
    assert add(staff, table)[0] == 422


@pytest.mark.parametrize("cell", ["A" * 200_000, '"' + "ABC123\n" * 30_000])
def test_a_table_with_a_cell_that_no_table_has_is_refused_and_not_an_error_of_ours(staff: Staff, cell: str) -> None:
    status, answer = add(staff, f"code\n{cell}\n")

    assert status == 422
    assert answer["errors"] == [{"where": "body", "message": "cannot be read as a table"}]


def test_a_table_that_is_too_long_for_one_request_is_refused(staff: Staff) -> None:
    lines = "\n".join(f"CODE{number}" for number in range(desk.MOST_ADDED + 1))

    assert add(staff, f"code\n{lines}\n")[0] == 422


@pytest.mark.parametrize("role", ["viewer", "agent"])
def test_only_admins_add_codes(staff: Staff, role: str) -> None:
    assert add(staff, "code\nABC123\n", role)[0] == 403
