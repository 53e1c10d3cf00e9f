"""The laptop house: one at a time in a folder, on loopback, closed without a token, and not to be lost by a kill."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local import run
from infra.local.__main__ import main
from infra.local.client import Client, Refused
from infra.local.database import Database
from infra.local.findings import Findings
from infra.local.house import CLOCK, TOPICS, House, manners, span
from infra.local.http import PortTaken
from infra.local.signing import signed
from infra.local.sqlite_queues import SqliteQueues
from infra.local.state import InUse, NotRunning, Stack, State
from infra.local.template import ROOT
from perennial.aws.queues import Message
from perennial.domain.values import iso
from perennial.ingest import SOURCES


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "house")


def a_viewing(number: int, now: datetime) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"view-{number}",
        "source": "shop",
        "type": "product.viewed",
        "time": iso(now),
        "data": {"customer": {"id": f"c-{number}"}, "product": "mirror"},
    }
    return json.dumps(event).encode()


def post(stack: Stack, number: int) -> int:
    now = datetime.now(UTC)
    body = a_viewing(number, now)
    return Client(stack).post("/events/demo", body, signed("open", body, {}, stack.secrets["open"][0], now)).status


def test_what_is_posted_becomes_a_customer_that_the_admin_api_shows(state: State) -> None:
    with House(state) as house:
        assert post(house.stack, 1) == 200
        house.wait_until_quiet()

        [found] = Client(house.stack).get("/customers", stage="awareness")["customers"]

    assert found["label"] == "prospect"


def test_another_secret_of_the_source_is_as_good_and_a_wrong_one_is_not(state: State) -> None:
    with House(state) as house:
        client, now, body = Client(house.stack), datetime.now(UTC), b"{}"
        current, previous = house.keys.webhooks["shopify"]
        headers = [signed("shopify", body, {}, secret, now) for secret in (current, previous, "somebody else's secret")]

        assert [client.post("/webhooks/shopify/demo", body, each).status for each in headers] == [200, 200, 401]


def test_a_second_house_in_the_folder_is_refused_and_a_later_one_is_not(state: State) -> None:
    with House(state), pytest.raises(InUse, match="STATE="):
        House(state)

    with House(state):
        pass


def test_a_house_whose_port_is_taken_lets_go_of_its_folder(state: State, tmp_path: Path) -> None:
    with House(State(tmp_path / "other")) as other:
        port = int(other.stack.api.rpartition(":")[2])
        with pytest.raises(PortTaken, match=str(port)):
            House(state, port)

    with House(state):
        pass


def test_where_the_usual_port_is_taken_the_next_one_serves(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with House(State(tmp_path / "other")) as other:
        taken = int(other.stack.api.rpartition(":")[2])
        monkeypatch.setattr(run, "PORT", taken)

        with run.opened(state, None) as house:
            assert Client(house.stack).health()["quiet"]
            assert house.stack.api != other.stack.api


def test_keys_and_token_are_for_their_owner_only(state: State) -> None:
    with House(state):
        modes = [stat.S_IMODE((state.folder / name).stat().st_mode) for name in ("stack.json", "keys.json")]

    assert modes == [0o600, 0o600]


def test_stack_json_says_all_that_one_needs(state: State) -> None:
    with House(state) as house:
        told = json.loads((state.folder / "stack.json").read_text())

        assert told["api"] == house.stack.api
        assert set(told["secrets"]) == set(SOURCES)
        assert Path(told["mail"]).is_dir()


def test_a_house_opened_again_has_its_customers_its_keys_and_its_clock(state: State) -> None:
    with House(state) as house:
        before = house.stack
        post(before, 1)
        house.wait_until_quiet()
        list(house.travel(house.now() + timedelta(days=3)))

    with House(state) as house:
        assert len(Findings.of(house.table).customers) == 1
        assert house.stack.secrets == before.secrets
        assert house.now() - house.wall() > timedelta(days=2, hours=23)
        assert Client(Stack(house.stack.api, before.token, before.secrets, before.mail)).get("/policy")


def test_the_clock_is_moved_only_by_who_has_the_token(state: State) -> None:
    with House(state) as house:
        answer = Client(house.stack).post(CLOCK, b'{"by": "3d"}', {"authorization": "Bearer nonsense"})

        assert answer.status == 401
        assert house.now() - house.wall() < timedelta(minutes=1)


def test_a_vendor_that_came_with_a_newer_version_gets_its_secrets_and_the_others_keep_theirs(state: State) -> None:
    state.folder.mkdir()
    before = state.keys()
    file = state.folder / "keys.json"
    kept = json.loads(file.read_text())
    del kept["webhooks"]["17track"]
    file.write_text(json.dumps(kept))

    after = state.keys()

    assert after.webhooks["17track"] != before.webhooks["17track"]
    assert {**after.webhooks, "17track": None} == {**before.webhooks, "17track": None}
    assert (after.identity, after.tokens) == (before.identity, before.tokens)
    assert state.keys() == after


A_BOUNCE = {
    "notificationType": "Bounce",
    "mail": {"messageId": "ses-1", "timestamp": "2026-06-15T11:00:00Z"},
    "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "ana@example.com"}]},
}


def test_what_a_provider_publishes_goes_its_way_through_the_topic_and_its_queue(state: State) -> None:
    with House(state) as house:
        body, signed_in = json.dumps(A_BOUNCE).encode(), {"authorization": f"Bearer {house.stack.token}"}

        refused = Client(house.stack).post(f"{TOPICS}ReceiptsTopic", body, {"authorization": "Bearer nonsense"})
        answer = Client(house.stack).post(f"{TOPICS}ReceiptsTopic", body, signed_in)
        house.wait_until_quiet()

        assert (refused.status, answer.status, json.loads(answer.body)) == (401, 200, {"queues": 1})
        [customer] = Findings.of(house.table).customers
        assert customer.facts.suppressed["email"].value == "bounced"
        assert Client(house.stack).post(f"{TOPICS}AlarmTopic", body, signed_in).status == 404


@pytest.mark.parametrize("by", ["", "3", "-3d", "3 days", "99999999999999d"])
def test_a_length_of_time_that_is_none_is_refused_with_an_example(state: State, by: str) -> None:
    with House(state) as house, pytest.raises(Refused, match="3d"):
        list(Client(house.stack).move_clock(by))


def test_lengths_of_time() -> None:
    assert [span(text) for text in ("90m", "12h", "3d", "2w")] == [
        timedelta(minutes=90),
        timedelta(hours=12),
        timedelta(days=3),
        timedelta(weeks=2),
    ]


def test_make_clock_needs_a_running_house(state: State) -> None:
    with House(state) as house:
        stack = house.stack

    with pytest.raises(NotRunning, match="make run"):
        list(Client(stack).move_clock("3d"))


def test_the_samples_come_to_what_is_expected_once(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--state", str(state.folder), "run", "--once", "--port", "0"]

    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main(arguments) == 0
    second = capsys.readouterr().out

    assert "onboarding" in first
    assert "email tutorial" in first
    assert "not played again" in second


def test_clean_forgets_the_house_and_nothing_else(state: State) -> None:
    with House(state):
        pass
    (state.folder / "somebody's own.txt").write_text("keep me")

    assert main(["--state", str(state.folder), "clean"]) == 0

    assert [file.name for file in state.folder.iterdir()] == ["somebody's own.txt"]


def test_clean_leaves_a_running_house_alone(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    with House(state):
        assert main(["--state", str(state.folder), "clean"]) == 1
        assert state.database.exists()


@contextmanager
def a_process(state: State) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "infra.local", "--state", str(state.folder), "run", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/perennial/python'}"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def wait_for(what: Any, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := what():
                return found
        except (NotRunning, Refused, ConnectionError):
            pass
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_nothing_that_was_answered_200_is_lost_by_kill_9(state: State) -> None:
    state.folder.mkdir()
    state.history = "the samples, as far as this test cares"
    with a_process(state) as process:
        wait_for(lambda: Client(state.stack()).health())
        accepted = [number for number in range(40) if post(state.stack(), number) == 200]
        process.send_signal(signal.SIGKILL)

    with House(state) as house:
        house.wait_until_quiet()
        found = Findings.of(house.table)

    assert len(accepted) == 40
    assert len(found.customers) == 40
    assert len(found.entries) == 40


def test_what_a_killed_house_had_in_its_hands_is_taken_up_at_once(state: State) -> None:
    with House(state) as house:
        shapes = manners(house.blueprint)
    body = json.dumps({**json.loads(a_viewing(1, datetime.now(UTC))), "store": "demo"})
    queues = SqliteQueues(Database(state.database), lambda: datetime.now(UTC), shapes)
    queues.send("OrdersQueue", [Message(body, "group")])
    queues.receive("OrdersQueue")

    with House(state) as house:
        wait_for(lambda: house.pump.is_quiet, seconds=10)
        assert len(Findings.of(house.table).customers) == 1


def test_ctrl_c_ends_the_house_with_success(state: State) -> None:
    state.folder.mkdir()
    state.history = "the samples, as far as this test cares"
    with a_process(state) as process:
        wait_for(lambda: Client(state.stack()).health())
        time.sleep(1)
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 0
