"""`make import`: a merchant's past from files, every row accounted for, nobody written to, and killed as often as one
likes the same table."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.local import importing, template
from infra.local.__main__ import main
from infra.local.database import Database
from infra.local.findings import Findings, customers
from infra.local.sqlite_table import SqliteTable
from infra.local.state import State
from perennial.importing import cutting
from perennial.importing.telling import _Voice
from tests.builders import with_plays

ON = "2026-06-15"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
MAPPING = """
source: a-shop
currency: USD
tables:
  orders:
    has: [Order, Buyer, On, Total]
    joins: [{table: people, on: Number, by: Buyer, take: {Mail: Email}, sum: {Points: [Points]}}]
    customer: {id: Buyer, email: Mail}
    order: {id: Order, placed_at: On, total: Total, paid_at: On}
  people: {has: [Number, Email, Points], only_joined: true}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a mapping, 60 orders of 12 people, and one row of each kind that is not taken."""
    folder = tmp_path / "shop"
    folder.mkdir()
    people = [f"p{number},p{number}@example.com,{number}\n" for number in range(13)]
    bought = [
        f"o{number},p{number % 12},{2026 - number % 2}-0{1 + number % 5}-11,{number + 10}.50\n" for number in range(60)
    ]
    dirt = ["o90,,2026-03-01,5\n", "o91,p1,soon,5\n", "o92,p1\n", "\n"]
    (folder / "people.csv").write_text("Number,Email,Points\n" + "".join(people))
    (folder / "orders.csv").write_text("Order,Buyer,On,Total\n" + "".join([*bought, *dirt]))
    (tmp_path / "map.yaml").write_text(MAPPING)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "house")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "PART_ROWS", 10)


def bring_in(state: State, shop: Path, *more: str) -> int:
    return main(["--state", str(state.folder), *arguments(shop), *more])


def arguments(shop: Path) -> list[str]:
    return ["import", "--file", str(shop), "--map", str(shop.parent / "map.yaml")]


def table_of(state: State) -> SqliteTable:
    return SqliteTable(Database(state.database))


def items(state: State) -> list[Sequence[object]]:
    """All that lies in the table, to the byte."""
    with sqlite3.connect(state.database) as connection:
        return connection.execute("SELECT pk, sk, body, attributes FROM items ORDER BY pk, sk").fetchall()


def report_of(state: State) -> list[dict[str, object]]:
    [file] = state.folder.glob("imports/*/report.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_everybody_has_a_record_a_stage_and_a_due_time_and_nobody_is_sent_anything(state: State, shop: Path) -> None:
    done = bring_in(state, shop, "--on", ON)

    found = Findings.of(table_of(state))
    assert done == 0
    assert len(found.customers) == 12
    assert all(customer.stage_since for customer in found.customers)
    assert all(customer.due_at for customer in found.customers if customer.label != "silent")
    assert {str(customer.label) for customer in found.customers} == {"mature", "silent"}
    assert (found.messages, found.tasks) == ({}, {})
    assert not any(state.mail.glob("*"))


def test_every_row_is_accounted_for(state: State, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring_in(state, shop, "--on", ON)

    out = capsys.readouterr().out
    assert "77 of 77 rows are accounted for:" in out
    assert "accepted 72, skipped 3, refused 2" in out
    assert "60 orders in 120 events. Messages sent: none." in out
    assert [(row["file"], row["line"], row["outcome"]) for row in report_of(state)] == [
        ("people.csv", 14, "skipped"),
        ("orders.csv", 62, "skipped"),
        ("orders.csv", 63, "refused"),
        ("orders.csv", 64, "refused"),
        ("orders.csv", 65, "skipped"),
    ]


def test_the_rows_themselves_are_thrown_away_when_they_are_in_the_table(state: State, shop: Path) -> None:
    bring_in(state, shop, "--on", ON)

    [folder] = state.folder.glob("imports/*")
    assert {file.name for file in folder.iterdir()} == {"plan.json", "report.jsonl"}
    assert not any("@example.com" in file.read_text() for file in folder.iterdir())


def test_a_house_that_is_forgotten_leaves_no_rows_behind(state: State, shop: Path) -> None:
    bring_in(state, shop, "--on", ON)

    state.forget()

    assert not state.folder.exists()


def test_the_same_files_again_change_nothing(state: State, shop: Path) -> None:
    bring_in(state, shop, "--on", ON)
    before = items(state)

    assert bring_in(state, shop) == 0

    assert items(state) == before


def test_a_later_export_adds_what_is_new_and_repeats_nothing(state: State, shop: Path) -> None:
    bring_in(state, shop, "--on", ON)
    with (shop / "orders.csv").open("a") as more:
        more.write("o60,p0,2026-06-02,99\n")

    assert bring_in(state, shop) == 0

    orders = sum(len(each.facts.orders) + each.facts.totals.orders for each in customers(table_of(state)))
    assert orders == 61


KILLED = """
import os, signal, sys
from infra.local import __main__
from perennial.aws.imports import Imports
from perennial.engine import Engine
from perennial.importing import cutting
from perennial.importing.telling import _Voice
from tests.builders import with_plays
cutting.PART_ROWS = 10
owner = {"done": Imports, "apply": Engine, "cut": Imports}[sys.argv[1]]
calls, before = iter(range(int(sys.argv[2]), -1, -1)), getattr(owner, sys.argv[1])
def killed(*args, **named):
    if not next(calls):
        os.kill(os.getpid(), signal.SIGKILL)
    return before(*args, **named)
setattr(owner, sys.argv[1], killed)
sys.exit(__main__.main(sys.argv[3:]))
"""


@pytest.fixture
def undisturbed(state: State, shop: Path) -> State:
    bring_in(state, shop, "--on", ON)
    return state


@pytest.mark.parametrize(("where", "call"), [("cut", 0), ("apply", 0), ("apply", 5), ("done", 0), ("done", 3)])
def test_killed_and_started_again_it_makes_the_same_table(
    undisturbed: State, shop: Path, tmp_path: Path, where: str, call: int
) -> None:
    state = State(tmp_path / "other")
    state.folder.mkdir()
    shutil.copy(undisturbed.folder / "keys.json", state.folder)
    command = [sys.executable, "-c", KILLED, where, str(call), "--state", str(state.folder), *arguments(shop)]

    killed = subprocess.run(
        [*command, "--on", ON], cwd=template.ROOT, env=ENVIRONMENT, capture_output=True, check=False
    )
    before = items(state)
    done = bring_in(state, shop)

    assert killed.returncode == -9, killed.stderr.decode()
    assert done == 0
    assert before != items(undisturbed)
    assert items(state) == items(undisturbed)
    assert report_of(state) == report_of(undisturbed)


def test_several_processes_make_the_same_table_as_one(
    undisturbed: State, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path / "other")
    state.folder.mkdir()
    shutil.copy(undisturbed.folder / "keys.json", state.folder)
    monkeypatch.setattr(importing, "WORTH_A_PROCESS", 40)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    assert bring_in(state, shop, "--on", ON) == 0

    assert customers_of(state) == customers_of(undisturbed)


def customers_of(state: State) -> list[Sequence[object]]:
    return [item for item in items(state) if str(item[0]).startswith(("C#", "I#"))]


@pytest.mark.parametrize(
    ("mapping", "content", "told"),
    [
        (MAPPING, "Name,Age\nBo,4\n", "the header has not the columns"),
        ("source: [", "Order\n", "this is no YAML"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_line(
    state: State, tmp_path: Path, mapping: str, content: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "map.yaml").write_text(mapping)
    (tmp_path / "file.csv").write_text(content)

    assert bring_in(state, tmp_path / "file.csv") == 1

    assert told in capsys.readouterr().err


def test_a_mapping_that_ships_is_found_by_its_name(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_text("Email,Name,Sign up\nmia@example.com,Mia Lund,2026-01-02\n")
    asked = ["--state", str(state.folder), "import", "--file", str(tmp_path / "c.csv"), "--map"]

    assert main([*asked, "woocommerce-customers"]) == 0
    assert main([*asked, "nobodys"]) == 1

    assert "none of olist, online-retail, shopify-customers" in capsys.readouterr().err


def test_a_house_that_has_a_clock_keeps_it(state: State, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring_in(state, shop)
    (shop / "orders.csv").write_text("Order,Buyer,On,Total\no1,p1,2026-01-01,5\n")

    assert bring_in(state, shop, "--on", ON) == 1

    assert "leave out --on" in capsys.readouterr().err


ONLINE_RETAIL = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country
489434,85048,LIGHTS,12,2009-12-01 07:45:00,6.95,13085,United Kingdom
489435,22350,CAT BOWL,12,2009-12-01 07:46:00,2.55,13086,EIRE
489434,85048,LIGHTS,12,2009-12-01 07:45:00,6.95,13085,United Kingdom
489434,79323P,CHERRY LIGHTS,12,2009-12-01 07:45:00,6.75,13085,United Kingdom
C489449,22087,BUNTING,-12,2009-12-01 10:33:00,2.95,16321,Australia
489464,21733,CANDLE,-96,2009-12-01 10:52:00,0.0,,United Kingdom
"""


@pytest.mark.parametrize("extra", ["", "489470,21733,CANDLE,1,2009-12-01 10:52:00,1.0,13087,Nowhere\n"])
def test_online_retail_is_counted_once_more_straight_from_its_file(
    state: State, tmp_path: Path, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "or.csv").write_text(ONLINE_RETAIL + extra)

    done = main(["--state", str(state.folder), "import", "--file", str(tmp_path / "or.csv"), "--map", "online-retail"])

    number = 2 + bool(extra)
    said = f"Counted straight from the files: {number} orders, {number} customers: the same as in the table."
    assert said in capsys.readouterr().out
    assert done == 0


def test_a_count_that_differs_is_said_and_fails(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "or.csv").write_text(ONLINE_RETAIL)
    monkeypatch.setitem(
        importing.recount.COUNTS, "online-retail", lambda _: importing.recount.Found(orders=3, customers=2)
    )

    done = main(["--state", str(state.folder), "import", "--file", str(tmp_path / "or.csv"), "--map", "online-retail"])

    assert "NOT the same as in the table" in capsys.readouterr().out
    assert done == 1


def test_what_waited_for_its_customer_and_who_turns_out_to_be_one_are_settled_by_the_import(
    state: State, tmp_path: Path
) -> None:
    def event(number: int, kind: str, **data: object) -> str:
        said = {"id": f"e-{number}", "source": "till", "type": kind, "time": f"2026-03-0{number}T10:00:00Z"}
        return json.dumps({**said, "data": data}) + "\n"

    (tmp_path / "map.yaml").write_text("source: a-shop\nformat: events\n")
    (tmp_path / "past.ndjson").write_text(
        event(1, "order.delivered", order={"id": "o1"})
        + event(2, "order.placed", order={"id": "o1"}, customer={"email": "mia@example.com"})
    )

    assert bring_in(state, tmp_path / "past.ndjson", "--on", ON) == 0

    [mia] = customers(table_of(state))
    assert mia.facts.orders["o1"].delivered_at is not None


def test_history_that_asked_for_a_message_would_fail_the_import(
    state: State, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _Voice.say
    monkeypatch.setattr(_Voice, "say", lambda *told: said(*told).but({"history": False}))
    play = {"id": "p", "on": "order.placed", "do": {"email": "welcome"}, "purpose": "transactional"}
    monkeypatch.setattr("perennial.aws.wiring._shipped_policy", lambda: with_plays(play))

    with pytest.raises(AssertionError, match="history asked for"):
        bring_in(state, shop, "--on", "2026-05-12")
