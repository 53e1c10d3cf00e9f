"""Canonical events from a file, one CloudEvent a line, as POST /events/{store} takes them; a line may name a store."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from infra.local.readers import Reading, Unreadable
from infra.local.state import STORE
from perennial.domain.events import Event
from perennial.ingest import Note, read
from perennial.sources import open_events

Keep = Callable[[int, str, Note], None]
"""What becomes of a line that is not understood: its number in the file, its store, and why."""


def read_file(file: Path, now: Callable[[], datetime], keep: Keep) -> Reading:
    """The file's events, in its own order. A bad line goes to `keep` and the next one is read.

    `now` is the time of events that name none. Raises `Unreadable` when there is no such file.
    """
    try:
        with file.open("rb") as lines:
            total = sum(1 for line in lines if line.strip())
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    return Reading(_events(file, now, keep), total)


def _events(file: Path, now: Callable[[], datetime], keep: Keep) -> Iterator[Event]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                store = _store(line)
                reading = read(open_events, {}, line.strip(), store, now())
                yield from reading.events
                for note in (*reading.quarantined, *reading.ignored):
                    keep(number, store, note)


def _store(line: bytes) -> str:
    try:
        named = json.loads(line).get("store", STORE)
    except (ValueError, AttributeError):
        return STORE
    return named if isinstance(named, str) else STORE
