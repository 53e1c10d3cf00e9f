"""An import in the cloud: an upload is cut into parts, and each part's events go to the lane `bulk`.

Both steps may be done again at any point: a plan is kept when all parts are, a part is marked when all its events are
on the lane, and the journal knows every event that it had.
"""

import json
from collections.abc import Mapping
from typing import Any

from perennial.aws.bucket import Bucket, import_of
from perennial.aws.imports import Import, Imports
from perennial.aws.queues import Message, Queue
from perennial.domain.values import Model
from perennial.importing.cutting import Plan, Unsorted, cut, keep_plan, plan_on, teller
from perennial.importing.loading import Batch, read_part
from perennial.importing.mapping import BadMapping, read_mapping
from perennial.importing.mapping import Mapping as Meaning
from perennial.importing.rows import NoTable, sheet_of
from perennial.importing.shelf import Shelf, part_name
from perennial.importing.telling import Setting

ONE_FILE = "this mapping joins several files, and an upload is one: import them with `make import`"


class PartWanted(Model):
    """A message: this part of this import is to be loaded."""

    import_id: str
    part: int


class Importer:
    def __init__(self, imports: Imports, bucket: Bucket, parts: Queue, bulk: Queue, secret: bytes) -> None:
        """secret: for marks of people in the ids of events."""
        self._imports = imports
        self._bucket = bucket
        self._parts = parts
        self._bulk = bulk
        self._secret = secret

    def uploaded(self, notification: str) -> None:
        """What the bucket says of new objects, as JSON: each upload is cut into parts. Others are passed over."""
        records: list[Mapping[str, Any]] = json.loads(notification).get("Records", [])
        for record in records:
            import_id = import_of(record["s3"]["object"]["key"])
            started = self._imports.get(import_id) if import_id else None
            if started is not None:
                self.start(started)

    def start(self, started: Import) -> None:
        """Cuts the upload into parts and asks for each. A file that is no such table makes the import fail."""
        if not (self._imports.reading(started.id) or self._imports.is_wanted(started.id)):
            self._bucket.forget_upload(started.id)
            return
        shelf = self._bucket.shelf(started.id)
        try:
            plan = plan_on(shelf) or self._cut(started, shelf)
        except (BadMapping, NoTable, Unsorted) as why:
            self._imports.fail(started.id, str(why))
            self._bucket.forget_upload(started.id)
            return
        self._bucket.forget_upload(started.id)
        if self._imports.cut(started.id, plan.rows, len(plan.parts)):
            wanted = (PartWanted(import_id=started.id, part=part.number) for part in plan.parts)
            self._parts.send(Message(each.model_dump_json(), started.id) for each in wanted)

    def load(self, wanted: PartWanted) -> None:
        """Sends the part's events to the bulk lane, marks it done and throws it away: it is people's data."""
        started = self._imports.get(wanted.import_id)
        if started is None:
            return
        shelf = self._bucket.shelf(started.id)
        if self._imports.is_wanted(started.id) and not self._imports.is_done(started.id, wanted.part):
            self._send(started, wanted, shelf)
        shelf.delete(part_name(wanted.part))

    def _send(self, started: Import, wanted: PartWanted, shelf: Shelf) -> None:
        plan = plan_on(shelf)
        if plan is None:
            raise LookupError(f"the plan of import {started.id} is gone: upload the file again")
        part = plan.parts[wanted.part]
        reading = read_part(part, shelf, teller(_meaning(started), part.table, part.header, self._setting(started)))
        self._bulk.send(map(_message, reading.batches))
        shelf.put(reading.report_name, reading.report())
        self._imports.done(started.id, part.number, 0, reading.counts)

    def _cut(self, started: Import, shelf: Shelf) -> Plan:
        mapping = _meaning(started)
        if any(table.joins for table in mapping.tables.values()):
            raise BadMapping(ONE_FILE)
        sheet = sheet_of(started.file, lambda: self._bucket.upload(started.id), mapping)
        plan = Plan(parts=tuple(cut(mapping, [sheet], self._setting(started), shelf)))
        keep_plan(plan, shelf)
        return plan

    def _setting(self, started: Import) -> Setting:
        return Setting(started.store, started.created_at, self._secret)


def _meaning(started: Import) -> Meaning:
    return read_mapping(started.mapping)


def _message(batch: Batch) -> Message:
    """One customer's events, a line of JSON each: read together, they are one transaction."""
    return Message("\n".join(event.to_json() for event in batch.events), batch.group)
