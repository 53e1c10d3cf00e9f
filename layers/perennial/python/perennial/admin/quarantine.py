"""Answers what staff ask about what was not understood, and tries or gives up what they say. Knows no HTTP.

Errors: those of problems.py; and what the table raises, `BadCursor` and `Busy` among it.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from perennial.admin import answers, views
from perennial.admin.masking import HIDDEN
from perennial.admin.problems import NotFound
from perennial.admin.roles import Role
from perennial.aws.clock import Clock
from perennial.aws.quarantine import Listed, Quarantine
from perennial.ingest import Reply

MOST_PAGES = 10
"""Of the list that one question may read; its answer may be short, or empty, and yet have a cursor."""
MOST_AT_ONCE = 100
"""Entries that one request tries again: well within the time of a function."""
_CODE = re.compile(r"[a-z][a-z0-9_./-]{0,39}|\d{4}-\d\d-\d\dT[\d:.+Z-]+")
"""Words of a vendor's own dictionary, and times: what one must see to understand why an entry was not."""


class Which(NamedTuple):
    """Which entries; None: any."""

    source: str | None = None
    store: str | None = None
    reason: str | None = None
    """Or how it begins."""
    older_than: timedelta | None = None
    strays: bool | None = None

    def fits(self, entry: Listed, age: timedelta) -> bool:
        return (
            self.source in (None, entry.source)
            and self.store in (None, entry.store)
            and (self.reason is None or entry.reason.startswith(self.reason))
            and (self.older_than is None or age >= self.older_than)
            and self.strays in (None, entry.is_stray)
        )


@dataclass(frozen=True)
class QuarantineDesk:
    quarantine: Quarantine
    replay_entry: Callable[[str], Reply | None]
    """`Ingest.replay`."""
    clock: Clock

    def list(self, which: Which, limit: int, cursor: str | None) -> answers.QuarantinePage:
        now, found = self.clock.now(), list[Listed]()
        for _ in range(MOST_PAGES):
            page = self.quarantine.list(limit=limit - len(found), cursor=cursor)
            found += (each for each in page.entries if which.fits(each, now - each.received_at))
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                break
        return answers.QuarantinePage(entries=tuple(map(views.quarantined, found)), cursor=cursor)

    def summary(self) -> answers.QuarantineSummary:
        summary = self.quarantine.summary()
        groups = tuple(answers.QuarantineGroup(**group.model_dump()) for group in summary.groups)
        return answers.QuarantineSummary(groups=groups, is_complete=summary.is_complete)

    def look(self, entry_id: str, role: Role) -> answers.QuarantinedPayload:
        """One entry with its payload; masked for everybody but admins."""
        entry = self.quarantine.get(entry_id)
        if entry is None:
            raise NotFound("there is no such entry in quarantine, or not any more")
        text = entry.payload.decode(errors="replace")
        return answers.QuarantinedPayload(
            entry=views.quarantined(entry),
            headers=entry.headers,
            payload=text if role >= Role.ADMIN else masked_payload(text),
        )

    def replay(self, entry_id: str) -> answers.Replayed:
        """Try an entry again with today's code."""
        reply = self.replay_entry(entry_id)
        if reply is None:
            raise NotFound("there is no such entry in quarantine, or not any more")
        return answers.Replayed.model_validate(reply.body)

    def replay_all(self, which: Which, cursor: str | None) -> answers.ReplayedAll:
        """Try again those that fit, the newest first, of a bounded piece of the list.

        Those that stay, stay where they are: the cursor leads past them.
        """
        replies: list[Reply] = []
        for _ in range(MOST_PAGES):
            page = self.quarantine.list(limit=MOST_AT_ONCE - len(replies), cursor=cursor)
            replies += self._replayed(which, page.entries)
            cursor = page.cursor
            if cursor is None or len(replies) == MOST_AT_ONCE:
                break
        return answers.ReplayedAll(
            tried=len(replies),
            accepted=sum(int(reply.body["accepted"]) for reply in replies),
            left=sum(bool(reply.body["quarantined"]) for reply in replies),
            cursor=cursor,
        )

    def _replayed(self, which: Which, entries: Sequence[Listed]) -> Iterator[Reply]:
        """Who was taken away meanwhile is left out."""
        now = self.clock.now()
        fitting = [each for each in entries if which.fits(each, now - each.received_at)]
        return (reply for each in fitting if (reply := self.replay_entry(each.id)))

    def discard(self, entry_id: str, because: str, by: str) -> answers.Discarded:
        entry = self.quarantine.get(entry_id)
        now = self.clock.now()
        if entry is None or not self.quarantine.discard(entry, because, by, now):
            raise NotFound("there is no such entry in quarantine, or not any more")
        return answers.Discarded(entry=views.quarantined(entry), because=because, by=by, discarded_at=now)

    def discarded(self, limit: int, cursor: str | None) -> answers.DiscardedPage:
        page = self.quarantine.discarded(limit, cursor)
        entries = (
            answers.Discarded(
                entry=views.quarantined(each), because=each.because, by=each.by, discarded_at=each.discarded_at
            )
            for each in page.entries
        )
        return answers.DiscardedPage(entries=tuple(entries), cursor=page.cursor)


def masked_payload(text: str) -> str:
    """The shape of a payload: names, numbers, times and a vendor's own words, and nothing that somebody typed."""
    try:
        return json.dumps(_masked(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"{HIDDEN} ({len(text)} characters)"


def _masked(document: Any) -> Any:
    match document:
        case dict():
            return {name: _masked(value) for name, value in document.items()}
        case list():
            return [_masked(value) for value in document]
        case str() if document and not _CODE.fullmatch(document):
            return HIDDEN
        case _:
            return document
