"""The samples in events/, brought to today and signed: what a shop, a help desk and a carrier would post now."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from infra.local.signing import signed
from infra.local.template import ROOT

FOLDER = ROOT / "events"
APART = FOLDER / "apart"
"""Samples that are no part of the story that `make run` tells: some would erase whom it is about."""
WRITTEN_FOR = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""The 'now' of the samples' story: all their times are moved by what has passed since."""
EXPECTED = FOLDER / "expected.json"
FORM = "application/x-www-form-urlencoded"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(.*)", re.DOTALL)
_SOME_TIME = 1_000_000_000
"""Seconds since 1970: in 2001. Smaller numbers count something else."""
_AFTER_SECONDS = re.compile(r"(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Sample:
    """One request, as its vendor would make it."""

    file: Path
    source: str
    about: str
    headers: Mapping[str, str]
    payload: Any
    sent_at: datetime | None
    """When it is sent, where nothing in it tells when it happened."""
    expects_quarantine: bool
    expects_nothing: bool
    """It is understood, and ignored."""

    @property
    def body(self) -> bytes:
        """As the vendor writes it: JSON, or a form."""
        if is_form(self.headers):
            return urlencode(self.payload).encode()
        return json.dumps(self.payload, ensure_ascii=False).encode()

    def path(self, store: str) -> str:
        return f"/events/{store}" if self.source == "open" else f"/webhooks/{self.source}/{store}"

    def signed(self, secret: str, now: datetime) -> dict[str, str]:
        """The headers with a valid signature."""
        return signed(self.source, self.body, self.headers, secret, now)


def samples(now: datetime, folder: Path = FOLDER) -> Iterator[Sample]:
    """All of them, in the order of the story: by file name, whatever the source."""
    by = timedelta(seconds=round((now - WRITTEN_FOR).total_seconds()))
    for file in sorted(folder.glob("*/*.json"), key=lambda file: (file.name, file.parent.name)):
        written = json.loads(file.read_text(encoding="utf-8"))
        yield Sample(
            file=file,
            source=file.parent.name,
            about=written["about"],
            headers=moved(written.get("headers", {}), by),
            payload=moved(written["body"], by),
            sent_at=_instant(moved(written.get("sent_at"), by)),
            expects_quarantine=written.get("expect", {}).get("quarantine", False),
            expects_nothing=written.get("expect", {}).get("nothing", False),
        )


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether what goes with these headers is written as a form."""
    return FORM in {value for name, value in headers.items() if name.lower() == "content-type"}


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def moved(value: Any, by: timedelta) -> Any:
    """The same JSON with each time in it moved; days without an hour (birthdays) stay, and so does all other text."""
    match value:
        case dict():
            return {name: _counted(name, each, by) for name, each in value.items()}
        case list():
            return [moved(each, by) for each in value]
        case str() if (found := _TIME.fullmatch(value)) and _AFTER_SECONDS.fullmatch(found[2]):
            return (datetime.fromisoformat(found[1]) + by).isoformat() + found[2]
        case _:
            return value


def _counted(name: str, value: Any, by: timedelta) -> Any:
    """Some vendors count times from 1970: in seconds where the field ends in _at, in milliseconds as timestamp."""
    unit = timedelta(milliseconds=1) if name == "timestamp" else timedelta(seconds=1)
    if isinstance(value, int) and value > _SOME_TIME and (name == "timestamp" or name.endswith("_at")):
        return value + by // unit
    return moved(value, by)
