"""The laptop's house as `make run` starts it: a process of its own, what it says kept, its queues watched."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from infra.local.http import LOOPBACK
from infra.local.state import State
from infra.local.template import ROOT
from infra.local.tokens import Signer
from perennial.aws.table import Key

ANSWERS_WITHIN = 5.0
"""Seconds; whatever takes longer counts as hanging. It is Shopify's patience."""
STARTS_WITHIN = 60.0
SETTLES_WITHIN = 60.0
WATCH = """
CREATE TABLE seen_groups (message_group TEXT PRIMARY KEY);
CREATE TRIGGER watch_groups AFTER INSERT ON messages BEGIN
    INSERT OR IGNORE INTO seen_groups VALUES (new.message_group);
END;
"""
"""A message is gone when it is done; the name of its group is kept for us."""
TOKEN = "eyJ"
"""How every JSON Web Token begins."""


class TooSlow(Exception):
    """The house did not start, or is still busy long after the last request."""


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class RunningHouse:
    """How tests talk to the house, and look at what it keeps and says."""

    state: State
    screen: Path
    """Its standard output; `make run` shows the token there, and so do we."""
    errors: Path
    """Its standard error."""

    @property
    def port(self) -> int:
        return urlsplit(self.state.stack().api).port or 0

    def ask(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Whatever is answered. Raises `TimeoutError` when that is nothing for too long."""
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=ANSWERS_WITHIN)) as connection:
            connection.request(method, target, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def token(self, role: str = "admin") -> str:
        claims = {"sub": "fuzz", "cognito:groups": [role]}
        return Signer(self.state.keys().tokens).token(claims, datetime.now(UTC))

    def staff(self, method: str, target: str, role: str = "admin", body: bytes = b"", **headers: str) -> Answer:
        """As somebody with a valid token of this role."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(method, target, body, {"authorization": f"Bearer {self.token(role)}", **named})

    def settles(self) -> Mapping[str, int]:
        """Waits until nothing is on its way; the dead letters by queue. Raises `TooSlow`."""
        for _ in _until(SETTLES_WITHIN):
            health = self.ask("GET", "/_house/health").json
            if health["quiet"]:
                break
        dead: Mapping[str, int] = health["dead_letters"]
        return dead

    def passes(self, span: str) -> None:
        """Moves the clock by so much: "30d"; with all that becomes due on the way."""
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=SETTLES_WITHIN)) as connection:
            authorization = {"authorization": f"Bearer {self.token()}"}
            connection.request("POST", "/_house/clock", json.dumps({"by": span}), authorization)
            connection.getresponse().read()

    def mail(self) -> list[str]:
        """All messages that were sent."""
        return [file.read_text(encoding="utf-8") for file in self.state.mail.glob("[!.]*.json")]

    def logged(self) -> str:
        """What an operator reads: its log, and what it wrote to standard error."""
        return self.state.log.read_text(encoding="utf-8") + self.errors.read_text(encoding="utf-8")

    def says(self) -> str:
        return self.logged() + self.screen.read_text(encoding="utf-8")

    def items(self) -> list[tuple[Key, str]]:
        """All items of the table: key, and body with attributes."""
        rows = self._select("SELECT pk, sk, body || ' ' || attributes FROM items")
        return [(Key(pk, sk), text) for pk, sk, text in rows]

    def groups(self) -> list[str]:
        """The names of all message groups there ever were."""
        return [group for (group,) in self._select("SELECT message_group FROM seen_groups")]

    def secrets(self) -> list[str]:
        """What must be in no log: keys, signing secrets, and the beginning of every token."""
        keys = self.state.keys()
        return [keys.identity, keys.tokens, *(each for pair in keys.webhooks.values() for each in pair), TOKEN]

    def _select(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.state.database, timeout=SETTLES_WITHIN)) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def started(folder: Path, *, played: bool) -> Iterator[RunningHouse]:
    """A house in this folder, ended afterwards; `played`: with the samples' story in it, which takes three seconds.

    Raises `TooSlow`.
    """
    state = State(folder / "house")
    if not played:
        with state.lock():
            state.history = "nothing yet"
    house = RunningHouse(state, folder / "screen", folder / "errors")
    with house.screen.open("w") as screen, house.errors.open("w") as errors:
        command = [sys.executable, "-m", "infra.local", "--state", str(state.folder), "run", "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=screen, stderr=errors)
    try:
        _wait_until_up(process, house)
        _watch(state)
        yield house
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SETTLES_WITHIN)


def _environment() -> dict[str, str]:
    rooms = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "perennial" / "python")])
    return {**os.environ, "PYTHONPATH": rooms}


def _wait_until_up(process: "subprocess.Popen[bytes]", house: RunningHouse) -> None:
    for _ in _until(STARTS_WITHIN):
        if "Up until" in house.screen.read_text(encoding="utf-8"):
            return
        if process.poll() is not None:
            raise TooSlow(f"it ended: {house.errors.read_text(encoding='utf-8')[-2000:]}")


def _watch(state: State) -> None:
    with closing(sqlite3.connect(state.database, timeout=SETTLES_WITHIN)) as connection:
        connection.executescript(WATCH)


def _until(seconds: float) -> Iterator[None]:
    """Twenty turns a second for so long. Raises `TooSlow` at the end."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield
        time.sleep(0.05)
    raise TooSlow(f"{seconds:.0f} seconds were not enough")
