"""A headless Chromium that takes pictures of pages, spoken to over two pipes in its own protocol (CDP)."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # it sees only pages that we made
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
)
READS, WRITES = 3, 4
"""The descriptors that Chromium reads commands from and writes answers to."""
_SETTLED = """
Promise.all([...document.querySelectorAll("iframe")].map(frame => new Promise(done => {
  const ready = () => frame.contentDocument?.readyState === "complete" && frame.contentDocument.body?.childElementCount
    ? done() : setTimeout(ready, 10);
  ready();
}))).then(() => document.fonts.ready).then(() => {
  for (const frame of document.querySelectorAll("iframe"))
    frame.style.height = frame.contentDocument.documentElement.scrollHeight + "px";
  return true;
})
"""


class NoBrowser(Exception):
    """There is no Chromium: install one (on Debian: apt install chromium), or name it in CHROMIUM."""


class Broken(Exception):
    """Chromium ended, or refused what it was asked; the message says what it said."""


class Browser:
    """A context: inside it the browser runs."""

    def __init__(self, program: str | None = None) -> None:
        """Raises `NoBrowser`."""
        self._program = program or _find()
        self._ids = count(1)

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory(prefix="perennial-browser-", ignore_cleanup_errors=True)
        theirs_in, commands = _pipe()
        answers, theirs_out = _pipe()
        command = [self._program, *FLAGS, f"--user-data-dir={self._home.name}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(READS, WRITES),
            preexec_fn=lambda: _place(theirs_in, theirs_out),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._commands: BinaryIO = os.fdopen(commands, "wb")
        self._answers: BinaryIO = os.fdopen(answers, "rb")
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._answers.close()
        self._commands.close()
        self._home.cleanup()

    def picture(
        self,
        html: str,
        width: int,
        scale: float = 1.0,
        kind: Literal["webp", "png"] = "webp",
        quality: int = 60,
        scheme: Literal["light", "dark"] = "light",
    ) -> bytes:
        """A whole page as people see it, however long; `width` in CSS pixels. Frames in it grow to what they hold."""
        metrics = {"width": width, "height": 100, "deviceScaleFactor": scale, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", metrics)
        self._ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        frame = self._ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._ask("Page.setDocumentContent", {"frameId": frame, "html": html})
        self._ask("Runtime.evaluate", {"expression": _SETTLED, "awaitPromise": True})
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
        shot = {"format": kind, "captureBeyondViewport": True, "clip": clip}
        taken = self._ask("Page.captureScreenshot", shot | ({"quality": quality} if kind == "webp" else {}))
        return base64.b64decode(taken["data"])

    def _ask(self, method: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Of the page."""
        return self._call(method, parameters or {}, sessionId=self._session)

    def _call(self, method: str, parameters: Mapping[str, Any], **more: str) -> Any:
        number = next(self._ids)
        asked = {"id": number, "method": method, "params": parameters, **more}
        self._commands.write(json.dumps(asked).encode() + b"\0")
        self._commands.flush()
        while answer := self._answer():
            if answer.get("id") == number:
                if "error" in answer:
                    raise Broken(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
        raise Broken(f"{method}: the browser ended")

    def _answer(self) -> dict[str, Any]:
        said = bytearray()
        while (byte := self._answers.read(1)) not in (b"\0", b""):
            said += byte
        return json.loads(said) if said else {}


def _find() -> str:
    named = os.environ.get("CHROMIUM")
    found = named if named and Path(named).is_file() else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or (named and found != named):
        raise NoBrowser(NoBrowser.__doc__)
    return found


def _pipe() -> tuple[int, int]:
    """Far from the descriptors that Chromium wants to find its ends at."""
    near = os.pipe()
    reads, writes = (fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in near)
    for each in near:
        os.close(each)
    return reads, writes


def _place(reads: int, writes: int) -> None:
    os.dup2(reads, READS)
    os.dup2(writes, WRITES)
