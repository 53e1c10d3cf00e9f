"""Functions are loaded from their folders and called as Lambda calls them: one event at a time, JSON in and out."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.blueprint import Function
from infra.local.handlers import Handlers
from infra.local.pump import Failed

CODE = """
import time
at_work = 0
def handler(event, context):
    global at_work
    at_work += 1
    busy = at_work
    time.sleep(0.02)
    at_work -= 1
    if event.get("raise"):
        raise RuntimeError("as asked")
    return {"busy": busy, "name": context.function_name, "given": event.get("given")}
"""


class House:
    def __init__(self, folder: Path) -> None:
        (folder / "app.py").write_text(CODE)
        functions = {
            name: Function(name, folder, "app.handler", timedelta(seconds=30), {})
            for name in ("ApplyOrders", "ApplyTickets")
        }
        self.log = io.StringIO()
        self.handlers = Handlers(SimpleNamespace(functions=functions), self.log)  # type: ignore[arg-type]

    def call(self, name: str = "ApplyOrders", **event: Any) -> Any:
        return self.handlers.invoke(name, event)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.handlers.close()


def test_functions_of_one_folder_work_on_one_event_at_a_time(house: House) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(house.call, ["ApplyOrders", "ApplyTickets"] * 4))

    assert {answer["busy"] for answer in answers} == {1}
    assert {answer["name"] for answer in answers} == {"ApplyOrders", "ApplyTickets"}


def test_what_goes_in_and_out_is_json(house: House) -> None:
    assert house.call(given=(1, 2))["given"] == [1, 2]


def test_a_function_that_raises_has_failed_and_why_is_in_the_log(house: House) -> None:
    with pytest.raises(Failed, match="RuntimeError"):
        house.call(**{"raise": True})

    assert "as asked" in house.log.getvalue()
