"""The imports of history: which there are, and which of their parts are done. Kept in the table of all else.

Keys: `IMPORT#<id>` / `IMPORT` is the import, `IMPORT#<id>` / `PART#<number>#<shard>` says that a part is done and what
came of its rows, `IMPORTS` / `<created_at>#<id>` is its line in the list. A part is marked once, after all that it
gave is on its way: who dies before does it again, and the journal knows what it had.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table, Update
from perennial.domain.values import Model, Utc, iso
from perennial.importing.account import Counts

LIST = "IMPORTS"
PAGE = 1_000

State = Literal["waiting", "reading", "loading", "done", "failed", "cancelled"]


class Import(Model):
    """One upload and what is to be made of it. Names nobody: its rows are in its file."""

    id: str
    store: str
    file: str
    mapping: str
    """The YAML itself: who changes a mapping starts another import."""
    created_at: Utc
    """`now` of all that is decided on the laptop, so that who starts it again decides the same."""
    by: str = ""
    """The role that asked for it."""


class Progress(NamedTuple):
    state: State
    rows: int
    """In the file; 0 until it was read."""
    parts: int
    done: frozenset[tuple[int, int]]
    """(part, shard)"""
    counts: Counts
    why: str | None = None
    """Why it failed."""


class ImportsPage(NamedTuple):
    imports: tuple[Import, ...]
    cursor: str | None


class Imports:
    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, started: Import) -> Import:
        """The import as it was begun first: one that is known goes on as it is."""
        key, line = _key(started.id), Key(LIST, f"{iso(started.created_at)}#{started.id}")
        body = started.model_dump_json()
        try:
            self._table.write([Put(Item(key, body, {"state": "waiting"}), (Absent(),)), Put(Item(line, body))])
        except Refused as refused:
            found = refused.found[0]
            if found is None:
                raise
            return Import.model_validate_json(found.body)
        return started

    def get(self, import_id: str) -> Import | None:
        found = self._table.get([_key(import_id)]).get(_key(import_id))
        return Import.model_validate_json(found.body) if found else None

    def list(self, *, limit: int = 50, cursor: str | None = None) -> ImportsPage:
        """Newest first."""
        page = self._table.query(LIST, newest_first=True, limit=limit, cursor=cursor)
        return ImportsPage(tuple(Import.model_validate_json(item.body) for item in page.items), page.cursor)

    def reading(self, import_id: str) -> bool:
        """That its file is being read. False where it was cancelled."""
        return self._becomes(import_id, "reading", {"waiting", "reading"})

    def cut(self, import_id: str, rows: int, parts: int) -> bool:
        """That it was cut into so many parts. False where it was cancelled meanwhile."""
        return self._becomes(import_id, "loading", {"waiting", "reading", "loading"}, {"rows": rows, "parts": parts})

    def fail(self, import_id: str, why: str) -> None:
        """why: for the merchant; names nobody."""
        self._becomes(import_id, "failed", {"waiting", "reading", "loading"}, {"why": why})

    def cancel(self, import_id: str) -> bool:
        """What is loaded stays. False where there is nothing to cancel."""
        return self._becomes(import_id, "cancelled", {"waiting", "reading", "loading"})

    def is_wanted(self, import_id: str) -> bool:
        """False when it was cancelled or has failed: its parts are left undone."""
        return self._state(import_id) == "loading"

    def is_done(self, import_id: str, part: int, shard: int = 0) -> bool:
        return bool(self._table.get([_part_key(import_id, part, shard)]))

    def done(self, import_id: str, part: int, shard: int, counts: Counts) -> None:
        key = _part_key(import_id, part, shard)
        with suppress(Refused):  # by a twin, which counted the same
            self._table.write([Put(Item(key, counts.model_dump_json(exclude_defaults=True)), (Absent(),))])

    def progress(self, import_id: str, shards: int = 1) -> Progress | None:
        """None where there is no such import. shards: into how many each part was divided."""
        head = self._table.get([_key(import_id)]).get(_key(import_id))
        if head is None:
            return None
        counts, done = Counts(), set[tuple[int, int]]()
        for item in self._parts(import_id):
            _, part, shard = item.key.sk.split("#")
            done.add((int(part), int(shard)))
            counts += Counts.model_validate_json(item.body)
        parts, rows = int(head.attributes.get("parts", 0)), int(head.attributes.get("rows", 0))
        state: State = head.attributes["state"]  # type: ignore[assignment]  # only `_becomes` writes it
        if state == "loading" and len(done) >= parts * shards:
            state = "done"
        why = head.attributes.get("why")
        return Progress(state, rows, parts, frozenset(done), counts, str(why) if why else None)

    def _parts(self, import_id: str) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self._table.query(f"IMPORT#{import_id}", prefix="PART#", limit=PAGE, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return

    def _state(self, import_id: str) -> str | None:
        found = self._table.get([_key(import_id)]).get(_key(import_id))
        return str(found.attributes["state"]) if found else None

    def _becomes(
        self, import_id: str, state: State, out_of: set[str], told: dict[str, str | int] | None = None
    ) -> bool:
        """Tried for each state it may be in: an update has no condition that says "one of"."""
        for before in sorted(out_of):
            with suppress(Refused):
                change = {"state": state, **(told or {})}
                self._table.write([Update(_key(import_id), set=change, conditions=(Equals("state", before),))])
                return True
        return False


def _part_key(import_id: str, part: int, shard: int) -> Key:
    return Key(f"IMPORT#{import_id}", f"PART#{part:06d}#{shard}")


def _key(import_id: str) -> Key:
    return Key(f"IMPORT#{import_id}", "IMPORT")
