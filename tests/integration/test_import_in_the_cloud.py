"""An upload as the functions of AWS take it: from the bucket's word to records, again and again at any point."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from functions.apply import app as apply
from functions.import_part import app as import_part
from functions.import_start import app as import_start
from perennial.admin.importing import ImportDesk, Wanted
from perennial.admin.problems import NotFound, Unanswerable, Unavailable
from perennial.admin.roles import Role
from perennial.aws import documents, wiring
from perennial.aws.bucket import NoBucket
from perennial.aws.imports import Imports, Progress
from perennial.importing import cutting
from perennial.importing.importer import Importer
from perennial.importing.shelf import Shelf
from tests.builders import NOON
from tests.house import SECRET, House, ListQueue
from tests.unit.test_import_cutting import Memory

LAMBDA = SimpleNamespace(function_name="import", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1")
ORDERS = "".join(f"o{number},p{number % 3},2026-01-{1 + number:02d},10\n" for number in range(20))
FILE = "Order,Buyer,On,Total\n" + ORDERS + "o90,,2026-03-01,5\no91,p1,soon,5\n"
MAPPING = """
source: a-shop
currency: USD
tables:
  orders:
    has: [Order, Buyer, On, Total]
    customer: {id: Buyer}
    order: {id: Order, placed_at: On, total: Total}
"""


@dataclass
class MemoryBucket:
    """As `Bucket`."""

    uploads: dict[str, bytes] = field(default_factory=dict)
    shelves: dict[str, Memory] = field(default_factory=dict)
    is_there: bool = True

    def upload_url(self, import_id: str) -> str:
        if not self.is_there:
            raise NoBucket("import with make import")
        return f"https://bucket.example/uploads/{import_id}"

    def upload(self, import_id: str) -> BinaryIO:
        return io.BytesIO(self.uploads[import_id])

    def forget_upload(self, import_id: str) -> None:
        self.uploads.pop(import_id, None)

    def shelf(self, import_id: str) -> Shelf:
        return self.shelves.setdefault(import_id, Memory())


class Cloud:
    """The functions, their queues, a bucket and a table."""

    def __init__(self) -> None:
        self.house, self.bucket = House(), MemoryBucket()
        self.parts, self.bulk = ListQueue(), ListQueue()
        self.imports = Imports(self.house.table)
        self.desk = ImportDesk(self.imports, self.bucket, documents.mapping, "demo", self.house.clock)
        importer = Importer(self.imports, self.bucket, self.parts, self.bulk, SECRET)
        wiring.install(engine=self.house.engine, clock=self.house.clock, importer=importer)

    def begin(self, mapping: str = MAPPING, file: str = FILE) -> str:
        """An import whose file has arrived."""
        import_id = self.desk.begin(Wanted(file="orders.csv", mapping=mapping), Role.ADMIN).id
        self.bucket.uploads[import_id] = file.encode()
        return import_id

    def hear_of(self, import_id: str) -> None:
        self._call(import_start, json.dumps({"Records": [{"s3": {"object": {"key": f"uploads/{import_id}"}}}]}))

    def load(self) -> None:
        """All parts that wait; twice, as queues do."""
        for message in self.parts.sent * 2:
            self._call(import_part, message.body)
        self.parts.sent.clear()

    def apply(self) -> None:
        for message in self.bulk.sent * 2:
            self._call(apply, message.body)
        self.bulk.sent.clear()

    def progress(self, import_id: str) -> Progress:
        progress = self.imports.progress(import_id)
        assert progress is not None
        return progress

    def _call(self, app: Any, body: str) -> None:
        answer = app.handler({"Records": [{"messageId": "m", "body": body, "eventSource": "aws:sqs"}]}, LAMBDA)
        assert answer == {"batchItemFailures": []}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(cutting, "PART_ROWS", 5)
    yield Cloud()
    wiring.reset()


def test_an_upload_becomes_customers_and_nobody_is_sent_anything(cloud: Cloud) -> None:
    import_id = cloud.begin()

    cloud.hear_of(import_id)
    cloud.load()
    cloud.apply()

    everybody = [loaded.customer for loaded in cloud.house.everybody()]
    assert len(everybody) == 3
    assert sum(len(each.facts.orders) for each in everybody) == 20
    assert {each.version for each in everybody} == {6, 7}
    assert cloud.house.channels == {"email": ListQueue(), "sms": ListQueue()}
    progress = cloud.progress(import_id)
    assert (progress.state, progress.rows, progress.counts.accepted) == ("done", 22, 20)
    assert (progress.counts.skipped, progress.counts.refused) == (1, 1)


def test_a_customers_events_of_a_part_travel_in_one_message(cloud: Cloud) -> None:
    cloud.hear_of(cloud.begin())

    cloud.load()

    assert sum(len(message.body.split("\n")) for message in cloud.bulk.sent) == 20
    assert len(cloud.bulk.sent) < 20


def test_the_bucket_holds_nobodys_data_when_all_is_loaded(cloud: Cloud) -> None:
    import_id = cloud.begin()

    cloud.hear_of(import_id)
    cloud.load()

    assert cloud.bucket.uploads == {}
    left = cloud.bucket.shelves[import_id].kept
    assert {name for name in left if not name.startswith("report-")} == {"plan.json"}
    assert b"p1" not in b"".join(left.values())


def test_who_died_between_plan_and_parts_asks_for_the_parts_again(cloud: Cloud) -> None:
    import_id = cloud.begin()
    cloud.hear_of(import_id)
    asked = [message.body for message in cloud.parts.sent]
    cloud.parts.sent.clear()

    cloud.hear_of(import_id)

    assert [message.body for message in cloud.parts.sent] == asked


def test_a_part_whose_events_did_not_get_out_is_not_done(cloud: Cloud) -> None:
    import_id = cloud.begin()
    cloud.hear_of(import_id)
    cloud.bulk.broken = True

    with pytest.raises(AssertionError):
        cloud.load()

    assert cloud.progress(import_id).done == frozenset()
    cloud.bulk.broken = False
    cloud.load()
    assert cloud.progress(import_id).state == "done"


def test_what_is_cancelled_is_loaded_no_further_and_thrown_away(cloud: Cloud) -> None:
    import_id = cloud.begin()
    cloud.hear_of(import_id)

    assert cloud.desk.cancel(import_id).state == "cancelled"
    cloud.load()

    assert cloud.bulk.sent == []
    assert set(cloud.bucket.shelves[import_id].kept) == {"plan.json"}


def test_a_file_that_comes_after_its_import_was_cancelled_is_thrown_away(cloud: Cloud) -> None:
    import_id = cloud.begin()
    cloud.desk.cancel(import_id)

    cloud.hear_of(import_id)

    assert (cloud.parts.sent, cloud.bucket.uploads) == ([], {})


@pytest.mark.parametrize(
    ("mapping", "file", "why"),
    [
        (MAPPING, "Name,Age\nBo,4\n", "the header has not the columns"),
        (documents.mapping("olist") or "", FILE, "joins several files"),
    ],
)
def test_a_file_that_cannot_be_read_fails_for_a_reason_that_staff_see(
    cloud: Cloud, mapping: str, file: str, why: str
) -> None:
    import_id = cloud.begin(mapping, file)

    cloud.hear_of(import_id)

    stands = cloud.desk.stands(import_id)
    assert stands.state == "failed"
    assert stands.why is not None
    assert why in stands.why
    assert cloud.bucket.uploads == {}


@pytest.mark.parametrize(
    "notification",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent"},
        {"Records": [{"s3": {"object": {"key": "uploads/nobodys"}}}]},
        {"Records": [{"s3": {"object": {"key": "imports/x/plan.json"}}}]},
    ],
)
def test_what_is_no_upload_of_an_import_is_passed_over(cloud: Cloud, notification: dict[str, Any]) -> None:
    cloud._call(import_start, json.dumps(notification))

    assert cloud.parts.sent == []


# What staff see


def test_staff_see_how_far_it_is_and_the_rows_that_gave_nothing(cloud: Cloud) -> None:
    import_id = cloud.begin()
    assert cloud.desk.stands(import_id).state == "waiting"
    cloud.hear_of(import_id)
    cloud.load()

    stands = cloud.desk.stands(import_id)
    first = cloud.desk.report(import_id, 1, None)
    rest = cloud.desk.report(import_id, 1, first.cursor)

    assert (stands.state, stands.rows, stands.parts_done, stands.orders) == ("done", 22, stands.parts, 20)
    assert [(row.line, row.outcome) for row in (*first.rows, *rest.rows)] == [(22, "skipped"), (23, "refused")]
    assert cloud.desk.report(import_id, 50, rest.cursor).rows == ()
    assert [each.id for each in cloud.desk.list(50, None).imports] == [import_id]
    assert stands.created_at == NOON


def test_a_mapping_that_ships_is_known_by_its_name(cloud: Cloud) -> None:
    begun = cloud.desk.begin(Wanted(file="orders.csv", mapping="shopify-orders"), Role.ADMIN)

    started = cloud.imports.get(begun.id)
    assert started is not None
    assert "Lineitem quantity" in started.mapping


def test_a_mapping_that_cannot_be_used_is_refused_before_anything_is_uploaded(cloud: Cloud) -> None:
    with pytest.raises(Unanswerable, match="the mapping cannot be used"):
        cloud.desk.begin(Wanted(file="orders.csv", mapping="source: ["), Role.ADMIN)

    assert cloud.desk.list(50, None).imports == ()


def test_a_house_without_a_bucket_says_what_to_do_instead(cloud: Cloud) -> None:
    cloud.bucket.is_there = False

    with pytest.raises(Unavailable, match="make import"):
        cloud.desk.begin(Wanted(file="orders.csv", mapping=MAPPING), Role.ADMIN)

    assert cloud.desk.list(50, None).imports == ()


def test_an_import_that_is_not_there_is_not_found(cloud: Cloud) -> None:
    for ask in (cloud.desk.stands, cloud.desk.cancel, lambda name: cloud.desk.report(name, 5, None)):
        with pytest.raises(NotFound):
            ask("nobodys")


@pytest.mark.parametrize("cursor", ["x", "1", "1:x", ":", "9" * 20 + ":0"])
def test_a_cursor_of_somebody_elses_is_refused(cloud: Cloud, cursor: str) -> None:
    with pytest.raises(Unanswerable):
        cloud.desk.report(cloud.begin(), 5, cursor)
