"""Where the laptop's messages go: a folder, one JSON file a message, so that everybody can see what was sent."""

import json
import os
from itertools import count
from pathlib import Path
from typing import Any

from perennial.aws.clock import Clock
from perennial.channels.render import Message
from perennial.channels.wording import segments
from perennial.domain.values import iso
from perennial.privacy.trace import Trace


class Mailbox:
    """A `Provider`. A message that is sent twice makes two files."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, message: Message) -> str:
        sent_at = iso(self._clock.now())
        text = json.dumps({**_shown(message), "sent_at": sent_at}, ensure_ascii=False, indent=2)
        return self._put(f"{sent_at.replace(':', '')}-{message.action_id}", text)

    def _put(self, name: str, text: str) -> str:
        """Writes `<name>-<n>.json`, whole or not at all, and never over another."""
        draft = self._folder / f".{name}.{os.urandom(4).hex()}"
        draft.write_text(text + "\n", encoding="utf-8")
        try:
            return next(placed for n in count(1) if (placed := _placed(draft, self._folder / f"{name}-{n}.json")))
        finally:
            draft.unlink()


def _placed(draft: Path, file: Path) -> str | None:
    """A link, unlike a rename, refuses a name that is taken."""
    try:
        os.link(draft, file)
    except FileExistsError:
        return None
    return file.stem


def _shown(message: Message) -> dict[str, Any]:
    shown = {
        name: getattr(message, name)
        for name in ("channel", "to", "template", "locale", "subject", "body", "action_id", "play", "purpose")
    }
    if message.html:
        shown |= {"html": message.html, "template_version": message.template_version}
    if message.channel == "sms":
        shown["segments"] = segments(message.body)
    return shown


class InMailbox:
    """A `Place`: on a laptop what was sent lies here, and not with whom it was sent to."""

    name = "mailbox"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def forget(self, trace: Trace) -> int:
        theirs = [file for file in self._folder.glob("*.json") if trace.is_theirs(file.read_bytes())]
        for file in theirs:
            file.unlink()
        return len(theirs)
