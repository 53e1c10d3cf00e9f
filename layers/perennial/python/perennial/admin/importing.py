"""What staff do with imports: begin one, look how far it is, read why rows were not taken, stop it. Knows no HTTP."""

import json
import secrets
from collections.abc import Callable, Mapping

from pydantic import Field

from perennial.admin.problems import NotFound, Unanswerable, Unavailable
from perennial.admin.roles import Role
from perennial.aws.bucket import UPLOAD_WITHIN, Bucket, NoBucket
from perennial.aws.clock import Clock
from perennial.aws.imports import Import, Imports, State
from perennial.domain.values import Model, Utc
from perennial.importing.mapping import BadMapping, read_mapping
from perennial.importing.shelf import report_name

GONE = "there is no such import"


class Wanted(Model):
    """What is to be imported, and how its columns are to be read."""

    file: str = Field(min_length=1, max_length=200, description="What you call it; shown in the report.")
    mapping: str = Field(
        min_length=1, description="A mapping that ships, by its name, such as shopify-orders; or your own, as YAML."
    )
    store: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")


class Begun(Model):
    """Where the file is to be sent: by HTTP PUT, as it is. The import begins when it has arrived."""

    id: str
    upload_url: str
    seconds: int = Field(description="How long the address can be used.")


class Stands(Model):
    """How far an import is."""

    id: str
    store: str
    file: str
    created_at: Utc
    by: str = Field(description="The role that began it.")
    state: State = Field(description="loading and done: what a part gave is on its lane as soon as the part is done.")
    why: str | None = Field(description="Why it failed.")
    rows: int
    parts: int
    parts_done: int
    accepted: int
    skipped: int
    refused: int
    events: int
    orders: int
    reasons: Mapping[str, int] = Field(description="Why rows were skipped or refused, and how many.")


class ImportList(Model):
    imports: tuple[Stands, ...]
    cursor: str | None


class NotTaken(Model):
    """A row that gave nothing."""

    file: str
    line: int = Field(description="Of the file, on which the row begins; the header is line 1.")
    outcome: str = Field(description="skipped or refused")
    reason: str
    lines: int = Field(default=1, description="How many rows it stands for.")


class Report(Model):
    rows: tuple[NotTaken, ...]
    cursor: str | None


class ImportDesk:
    def __init__(
        self, imports: Imports, bucket: Bucket, shipped: Callable[[str], str | None], store: str, clock: Clock
    ) -> None:
        """shipped: the text of a mapping that ships, by its name; store: where a request names none."""
        self._imports = imports
        self._bucket = bucket
        self._shipped = shipped
        self._store = store
        self._clock = clock

    def begin(self, wanted: Wanted, role: Role) -> Begun:
        mapping = self._shipped(wanted.mapping) or wanted.mapping
        try:
            read_mapping(mapping)
        except BadMapping as wrong:
            raise Unanswerable(f"the mapping cannot be used. {wrong}") from None
        started = Import(
            id=secrets.token_hex(16),
            store=wanted.store or self._store,
            file=wanted.file,
            mapping=mapping,
            created_at=self._clock.now(),
            by=role.name.lower(),
        )
        try:
            url = self._bucket.upload_url(started.id)
        except NoBucket as why:
            raise Unavailable(str(why)) from None
        self._imports.begin(started)
        return Begun(id=started.id, upload_url=url, seconds=int(UPLOAD_WITHIN.total_seconds()))

    def list(self, limit: int, cursor: str | None) -> ImportList:
        page = self._imports.list(limit=limit, cursor=cursor)
        return ImportList(imports=tuple(self._stands(each) for each in page.imports), cursor=page.cursor)

    def stands(self, import_id: str) -> Stands:
        return self._stands(self._known(import_id))

    def cancel(self, import_id: str) -> Stands:
        """What is loaded stays; what waits is left undone."""
        known = self._known(import_id)
        self._imports.cancel(known.id)
        return self._stands(known)

    def report(self, import_id: str, limit: int, cursor: str | None) -> Report:
        """Rows that gave nothing, part by part; a cursor is "part:row" and may lead to an empty page."""
        known = self._known(import_id)
        progress = self._imports.progress(known.id)
        parts = progress.parts if progress else 0
        part, row = _place(cursor)
        while part < parts:
            content = self._bucket.shelf(known.id).get(report_name(part)) or b""
            lines = content.splitlines()[row : row + limit]
            if lines:
                more = f"{part}:{row + limit}" if len(lines) == limit else f"{part + 1}:0"
                return Report(rows=tuple(NotTaken(**json.loads(line)) for line in lines), cursor=more)
            part, row = part + 1, 0
        return Report(rows=(), cursor=None)

    def _known(self, import_id: str) -> Import:
        if found := self._imports.get(import_id):
            return found
        raise NotFound(GONE)

    def _stands(self, known: Import) -> Stands:
        progress = self._imports.progress(known.id)
        if progress is None:
            raise NotFound(GONE)
        counts = progress.counts
        return Stands(
            **known.model_dump(exclude={"mapping"}),
            state=progress.state,
            why=progress.why,
            rows=progress.rows,
            parts=progress.parts,
            parts_done=len({part for part, _ in progress.done}),
            **counts.model_dump(exclude={"unapplied"}),
        )


def _place(cursor: str | None) -> tuple[int, int]:
    """Raises `Unanswerable`."""
    part, _, row = (cursor or "0:0").partition(":")
    if not (part.isdigit() and row.isdigit() and len(part) + len(row) < 16):
        raise Unanswerable("the cursor is not one that a page gave")
    return int(part), int(row)
