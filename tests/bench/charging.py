"""Request units of one event: by DynamoDB's rules on the SQLite twin, and by what ministack says it consumed."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import botocore.session

from infra.local import ministack, template
from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.past import Line
from infra.local.sqlite_table import SqliteTable
from infra.local.twins import QUEUES
from perennial.aws import wiring
from perennial.aws.clients import client
from perennial.aws.dynamo_table import DynamoTable
from perennial.aws.table import Table
from perennial.domain.events import Event
from tests.bench.applying import Broken
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, LIFE, life
from tests.bench.metering import Metered, Usage
from tests.bench.wire import environment

CUSTOMERS = 2
"""All lives are alike; a second one shows that nothing of the first is left over."""
ASKED = ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "TransactWriteItems")


def figures() -> Iterator[Figure]:
    metered = Metered(SqliteTable(Database()))
    with environment():
        by_event = _applied_alone(metered, metered.take)
    firsts = [usage for kind, usage in by_event if kind == "customer.signed_up"]
    ordinary = [(kind, usage) for kind, usage in by_event if kind != "customer.signed_up"]
    every, first = _total(usage for _, usage in ordinary), firsts[0]
    dearest = max(ordinary, key=lambda each: each[1].write_units)
    yield Figure(
        "write units per ordinary event",
        every.write_units / len(ordinary),
        "",
        budget=8,
        note=(
            f"mean over a life without its first event; {every.index_units / len(ordinary):.2f} of it for indexes; the "
            f"dearest is {dearest[0]} with {dearest[1].write_units:.0f}; a customer's first event takes "
            f"{first.write_units:.0f}; {every.bytes_added / len(ordinary) / 1024:.1f} KB stay for ever or until erased"
        ),
    )
    yield Figure(
        "read units per ordinary event",
        every.read_units / len(ordinary),
        "",
        budget=1.5,
        note=f"strongly consistent; a customer's first event takes {first.read_units:.0f}",
    )
    yield _checked(_total(usage for _, usage in by_event))


def _checked(ours: Usage) -> Figure:
    """Ours against ministack's for the same lives: it is right about all calls but queries, of which there are none."""
    with ministack.running() as aws, environment(AWS_ENDPOINT_URL=aws.endpoint):
        told = _Consumed()
        session = wiring.once("aws_session", botocore.session.get_session)
        session.register("provide-client-params.dynamodb", told.ask)
        session.register("after-call.dynamodb", told.note)
        _applied_alone(_table_in_ministack(), Usage)
    return Figure(
        "write units, ours less ministack's",
        abs(ours.write_units - told.usage.write_units),
        "",
        budget=0,
        note=(
            f"the same events by both: by our rules {_told(ours)}; "
            f"there, by ReturnConsumedCapacity, {_told(told.usage)}: "
            "it leaves out keys of a batch that are not there, which DynamoDB charges for"
        ),
    )


class _Consumed:
    """Adds up what each answer of DynamoDB says that its call consumed."""

    def __init__(self) -> None:
        self.usage = Usage()

    def ask(self, params: dict[str, Any], model: Any, **_: object) -> None:
        if model.name in ASKED:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def note(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            units = each["CapacityUnits"]
            indexes = sum(index["CapacityUnits"] for index in each.get("GlobalSecondaryIndexes", {}).values())
            is_read = model.name.endswith("GetItem")
            self.usage += Usage(read_units=units) if is_read else Usage(write_units=units, index_units=indexes)


def _table_in_ministack() -> DynamoTable:
    """A new table with the keys and indexes of the one in template.yaml."""
    dynamodb = client("dynamodb")
    shape = template.read()["Resources"]["CustomersTable"]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName="bench", BillingMode="PAY_PER_REQUEST", **{name: shape[name] for name in names})
    return DynamoTable(dynamodb, "bench")


def _applied_alone(table: Table, take: Callable[[], Usage]) -> list[tuple[str, Usage]]:
    """Each event of some lives on its own: its type, and what it used."""
    clock = EventClock(BIRTH)
    wiring.install(table=table, clock=clock, identity_secret=b"bench", **{f"queue_{name}": Line() for name in QUEUES})
    wiring.policies().active()
    take()
    return [
        (event.type, _applied(event, clock, take))
        for number in range(CUSTOMERS)
        for event in life(number, BIRTH + number * LIFE)
    ]


def _applied(event: Event, clock: EventClock, take: Callable[[], Usage]) -> Usage:
    clock.move_to(event.time)
    if failed := wiring.engine().apply([event], clock.now()):
        raise Broken(f"{event.type} failed") from failed[0]
    return take()


def _total(usages: Iterable[Usage]) -> Usage:
    return reduce(Usage.__add__, usages)


def _told(usage: Usage) -> str:
    return f"{usage.write_units:g} write units ({usage.index_units:g} for indexes) and {usage.read_units:g} read units"
