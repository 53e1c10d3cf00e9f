"""The folder in which a house keeps all it has: database, clock, keys, mail, and how to reach it while it runs."""

import fcntl
import json
import os
import secrets
import shutil
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

STORE = "demo"
"""The laptop's one store."""
VENDORS = (
    "shopify",
    "woocommerce",
    "bigcommerce",
    "zendesk",
    "freshdesk",
    "gorgias",
    "intercom",
    "aftership",
    "aftership_returns",
    "17track",
    "easypost",
    "twilio",
)
_FOR_ITS_OWNER = 0o600
_FILES = ("perennial.db*", "clock", "history", "keys.json", "stack.json", "told.jsonl", "house.log", "lock", "*.new")


class InUse(Exception):
    """Another house lives in this folder. End it, or give this one another folder with STATE=."""


class NotRunning(Exception):
    """No house is reachable through this folder. Start one with `make run`."""


@dataclass(frozen=True)
class Keys:
    """Made once for a house and kept: without the identity key no customer would be found again."""

    identity: str
    tokens: str
    webhooks: Mapping[str, tuple[str, ...]]
    """Source -> its secrets, the current one first."""

    @classmethod
    def fresh(cls) -> "Keys":
        vendors = {source: (secrets.token_hex(32), secrets.token_hex(32)) for source in VENDORS}
        standard = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        return cls(secrets.token_hex(32), secrets.token_hex(32), {**vendors, "open": (standard,)})


@dataclass(frozen=True)
class Stack:
    """What one needs to talk to a running stack: `stack.json`."""

    api: str
    token: str
    secrets: Mapping[str, tuple[str, ...]]
    mail: str
    store: str = STORE
    telling: str = ""
    """The secret that signs what a laptop tells: whoever listens at WEBHOOK_URL checks it."""


class State:
    """The folder. Whoever locks it makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @property
    def database(self) -> Path:
        return self.folder / "perennial.db"

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def told(self) -> Path:
        """What the house's own receiver was told, a line each."""
        return self.folder / "told.jsonl"

    @property
    def imports(self) -> Path:
        """A folder for each: a merchant's rows while it runs, then its report."""
        return self.folder / "imports"

    @property
    def log(self) -> Path:
        return self.folder / "house.log"

    @property
    def history(self) -> str | None:
        """What happened here first, in words; None in a house in which nothing has happened yet."""
        file = self.folder / "history"
        return file.read_text() if file.exists() else None

    @history.setter
    def history(self, words: str) -> None:
        (self.folder / "history").write_text(words)

    def keys(self) -> Keys:
        """The house's keys; made on the first call, and those of vendors that came later on the first call since."""
        file, fresh = self.folder / "keys.json", asdict(Keys.fresh())
        kept = json.loads(file.read_text()) if file.exists() else fresh
        keys = {**kept, "webhooks": {**fresh["webhooks"], **kept["webhooks"]}}
        if not file.exists() or keys != kept:
            _write(file, keys)
        return Keys(keys["identity"], keys["tokens"], _tuples(keys["webhooks"]))

    def publish(self, stack: Stack) -> None:
        _write(self.folder / "stack.json", asdict(stack))

    def stack(self) -> Stack:
        """How to reach the house that runs here. Raises `NotRunning` when none ever ran."""
        try:
            told = json.loads((self.folder / "stack.json").read_text())
        except FileNotFoundError:
            raise NotRunning(f"no house has run in {self.folder}; start one with `make run`") from None
        return Stack(told["api"], told["token"], _tuples(told["secrets"]), told["mail"], told["store"], told["telling"])

    def lock(self) -> TextIO:
        """Hold the folder until the file is closed or the process ends, however it ends. Raises `InUse`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise InUse(f"another house runs in {self.folder}; end it, or take another folder with STATE=") from None
        return file

    def forget(self) -> None:
        """Remove what a house keeps, and the folder if nothing else is in it. Raises `InUse`."""
        with self.lock():
            shutil.rmtree(self.mail, ignore_errors=True)
            shutil.rmtree(self.imports, ignore_errors=True)
            for file in (each for pattern in _FILES for each in self.folder.glob(pattern)):
                file.unlink()
        with suppress(OSError):  # somebody else's files lie there: they stay
            self.folder.rmdir()


def _write(file: Path, content: Mapping[str, Any]) -> None:
    """All or nothing, and readable by its owner only."""
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FOR_ITS_OWNER), "w") as opened:
        json.dump(content, opened, indent=2)
    os.replace(fresh, file)


def _tuples(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in lists.items()}
