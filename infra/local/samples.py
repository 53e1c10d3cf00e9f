"""The samples in events/, brought to today and signed: what a shop, a help desk and a carrier would post now."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.local.signing import signed
from infra.local.template import ROOT

FOLDER = ROOT / "events"
WRITTEN_FOR = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""The 'now' of the samples' story: all their times are moved by what has passed since."""
EXPECTED = FOLDER / "expected.json"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(.*)", re.DOTALL)
_AFTER_SECONDS = re.compile(r"(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Sample:
    """One request, as its vendor would make it."""

    file: Path
    source: str
    about: str
    headers: Mapping[str, str]
    body: bytes
    expects_quarantine: bool

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
            body=json.dumps(moved(written["body"], by), ensure_ascii=False).encode(),
            expects_quarantine=written.get("expect", {}).get("quarantine", False),
        )


def moved(value: Any, by: timedelta) -> Any:
    """The same JSON with each time in it moved; days without an hour (birthdays) stay, and so does all other text."""
    match value:
        case dict():
            return {name: moved(each, by) for name, each in value.items()}
        case list():
            return [moved(each, by) for each in value]
        case str() if (found := _TIME.fullmatch(value)) and _AFTER_SECONDS.fullmatch(found[2]):
            return (datetime.fromisoformat(found[1]) + by).isoformat() + found[2]
        case _:
            return value
