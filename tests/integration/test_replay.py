"""`make replay`: a past goes in at full speed, and everything happens at its own hour."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local import rebuilding, recount
from infra.local.__main__ import main
from infra.local.clock import HouseClock
from infra.local.database import Database
from infra.local.findings import Findings, standings
from infra.local.house import House
from infra.local.rebuilding import Asked, planned
from infra.local.sqlite_table import SqliteTable
from infra.local.state import State
from perennial.domain.values import iso

BOUGHT = datetime(2026, 6, 1, 10, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = date(2010, 12, 31)
ANA = {"id": "c-17", "email": "ana@example.com", "locale": "en", "country": "GB", "time_zone": "Europe/London"}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "house")


def an_event(kind: str, at: datetime, who: Mapping[str, str] = ANA, **data: Any) -> dict[str, Any]:
    name = f"{kind}-{iso(at)}-{who['id']}"
    said = {"customer": dict(who), **data}
    return {"specversion": "1.0", "id": name, "source": "shop", "type": kind, "time": iso(at), "data": said}


def a_file(folder: Path, lines: Sequence[dict[str, Any] | str]) -> Path:
    file = folder / "past.ndjson"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def replay(state: State, *arguments: str | Path) -> int:
    return main(["--state", str(state.folder), "replay", *map(str, arguments)])


def table_of(state: State) -> SqliteTable:
    return SqliteTable(Database(state.database))


def mail_of(state: State) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(state.mail.glob("[!.]*.json"))]


def test_messages_of_the_past_are_sent_at_their_own_hour(state: State, tmp_path: Path) -> None:
    order = {"id": "1006"}
    past = [
        an_event("order.placed", BOUGHT, order=order),
        an_event("order.delivered", BOUGHT + DAY, order=order),
        an_event("product.viewed", BOUGHT + 20 * DAY),
    ]

    assert replay(state, "--file", a_file(tmp_path, past)) == 0

    sent = [(message["template"], message["sent_at"]) for message in mail_of(state)]
    assert sent == [("thank_you", iso(BOUGHT)), ("tutorial", iso(BOUGHT + 4 * DAY))]


def test_what_happened_before_the_sweep_of_its_minute_still_counts(state: State, tmp_path: Path) -> None:
    order, delivered = {"id": "1006"}, BOUGHT + timedelta(seconds=30)
    past = [
        an_event("order.placed", BOUGHT, order=order),
        an_event("order.delivered", delivered, order=order),
        an_event("product.activated", delivered + 3 * DAY + timedelta(seconds=15), order="1006"),
    ]

    replay(state, "--file", a_file(tmp_path, past), "--until", "2026-06-10")

    assert "tutorial" not in {message["template"] for message in mail_of(state)}


def test_a_bad_line_is_named_and_kept_and_the_next_is_read(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        an_event("product.viewed", BOUGHT),
        "{not json",
        {"type": "nonsense"},
        "",
        an_event("product.used", BOUGHT),
    ]

    assert replay(state, "--file", a_file(tmp_path, lines)) == 0

    told = capsys.readouterr().out
    assert "2 lines were not understood" in told
    assert "line 2:" in told
    assert "line 3:" in told
    assert len(Findings.of(table_of(state)).entries) == 2
    with House(state) as house:
        assert len(house.table.query("Q#ALL").items) == 2


def test_a_line_may_name_its_store(state: State, tmp_path: Path) -> None:
    lines = [an_event("product.viewed", BOUGHT), {**an_event("product.viewed", BOUGHT), "store": "outlet"}]

    replay(state, "--file", a_file(tmp_path, lines))

    assert {customer.store for customer in Findings.of(table_of(state)).customers} == {"demo", "outlet"}


def test_what_happened_after_the_end_is_left_out(state: State, tmp_path: Path) -> None:
    lines = [an_event("product.viewed", BOUGHT), an_event("product.viewed", BOUGHT + DAY)]

    replay(state, "--file", a_file(tmp_path, lines), "--until", "2026-06-02")

    assert len(Findings.of(table_of(state)).entries) == 1


def test_the_house_can_be_opened_afterwards_where_its_past_ends(state: State, tmp_path: Path) -> None:
    replay(state, "--file", a_file(tmp_path, [an_event("product.viewed", BOUGHT)]), "--until", "2026-07-01")

    with House(state) as house:
        assert house.now() - datetime(2026, 7, 1, tzinfo=UTC) < timedelta(minutes=5)
        assert len(Findings.of(house.table).customers) == 1


def test_a_house_that_has_customers_is_left_alone(state: State, tmp_path: Path) -> None:
    with House(state):
        pass

    assert replay(state, "--file", a_file(tmp_path, [an_event("product.viewed", BOUGHT)])) == 0

    assert not Findings.of(table_of(state)).customers
    assert len(Findings.of(table_of(State(state.folder / "replay"))).customers) == 1


def test_a_file_that_is_not_there_is_said_so(state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(state, "--file", tmp_path / "nowhere.ndjson") == 1

    assert "nowhere.ndjson" in capsys.readouterr().err


def online_retail(folder: Path, days_ago: Mapping[str, Sequence[int]]) -> Path:
    """One line for each customer and day before UNTIL on which they bought."""
    rows = [
        f"4894{number},85048,LIGHTS,2,{UNTIL - timedelta(days=ago)} 14:45:00,6.95,{customer},United Kingdom"
        for customer, bought in days_ago.items()
        for number, ago in enumerate(bought)
    ]
    head = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country"
    (folder / "sheet.csv").write_text("\n".join([head, *sorted(rows, key=lambda row: row.split(",")[4])]) + "\n")
    return folder


def test_online_retail_s_labels_are_those_of_a_count_by_hand_on_both_sides_of_each_boundary(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bought = {"12340": [30], "12341": [31], "12342": [180], "12343": [179], "12344": [400, 31, 0], "12345": [-1]}
    folder = online_retail(tmp_path, bought)

    assert replay(state, "--online-retail", folder, "--until", UNTIL.isoformat()) == 0

    assert recount.labels(folder, UNTIL) == {"customers": 5, "new": 1, "silent": 1}
    assert Counter(label for _, label in standings(table_of(state)).elements())["silent"] == 1
    assert "the same" in capsys.readouterr().out


def test_a_count_that_differs_is_said_and_fails(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recount, "NEW_DAYS", 29)
    folder = online_retail(tmp_path, {"12340": [30]})

    assert replay(state, "--online-retail", folder, "--until", UNTIL.isoformat()) == 1

    assert "NOT the same" in capsys.readouterr().out


def a_shopper(number: int) -> dict[str, str]:
    return {**ANA, "id": f"c-{number}", "email": f"shopper-{number}@example.com"}


def test_many_processes_come_to_what_one_comes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        an_event("order.placed", BOUGHT + number * HOUR, a_shopper(number % 7), order={"id": f"{number}"})
        for number in range(40)
    ]
    file, one, two = a_file(tmp_path, lines), State(tmp_path / "one"), State(tmp_path / "two")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    assert replay(one, "--file", file, "--until", "2026-09-01") == 0
    monkeypatch.setattr(rebuilding, "WORTH_A_PROCESS", 20)
    assert planned(Asked("file", file)).processes == 2
    assert replay(two, "--file", file, "--until", "2026-09-01") == 0

    assert standings(table_of(one)) == standings(table_of(two))
    assert [message["sent_at"] for message in mail_of(one)] == [message["sent_at"] for message in mail_of(two)] != []


def test_the_clock_of_a_house_can_be_set_before_anything_happened(tmp_path: Path) -> None:
    HouseClock(tmp_path / "clock").set_to(BOUGHT)

    assert timedelta(0) <= HouseClock(tmp_path / "clock").now() - BOUGHT < timedelta(minutes=1)
