"""Request units of one event: by DynamoDB's rules on the SQLite twin, and by what ministack says it consumed."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import TypeVar

from infra.local.clock import EventClock
from infra.local.database import Database
from infra.local.past import Line
from infra.local.sqlite_table import SqliteTable
from infra.local.twins import QUEUES
from perennial.aws import wiring
from perennial.aws.table import Table
from perennial.domain.events import Event
from tests.bench import plain_deployed
from tests.bench.applying import CONTEXT, Broken, sqs_record
from tests.bench.counting import Counted
from tests.bench.emulating import emulated, our_meter, our_table, plain_session
from tests.bench.figures import Figure
from tests.bench.lives import BIRTH, LIFE, life
from tests.bench.metering import Metered, Usage
from tests.bench.wire import environment, look_once_at_the_policy

CUSTOMERS = 2
"""All lives are alike; a second one shows that nothing of the first is left over."""
FIRST = "customer.signed_up"
U = TypeVar("U", Usage, Counted)


def figures() -> Iterator[Figure]:
    metered = Metered(SqliteTable(Database()))
    with environment():
        by_event = _applied_alone(metered, metered.take)
    plain = _plainly_applied_alone()
    firsts = [usage for kind, usage in by_event if kind == FIRST]
    ordinary = [(kind, usage) for kind, usage in by_event if kind != FIRST]
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
        "write units per ordinary event, indexes aside",
        (every.write_units - every.index_units) / len(ordinary),
        "",
        plain=plain.write_units / len(ordinary),
        note=(
            "the plain assembly has no index, looks through all customers each night instead, and knows those of the "
            "shop alone; what index and scan cost stands in the bills"
        ),
    )
    yield Figure(
        "read units per ordinary event",
        every.read_units / len(ordinary),
        "",
        budget=1.5,
        plain=plain.read_units / len(ordinary),
        note=f"strongly consistent; a customer's first event takes {first.read_units:.0f}",
    )
    yield _checked(_total(usage for _, usage in by_event))


def _checked(ours: Usage) -> Figure:
    """Ours against ministack's for the same lives: it is right about all calls but queries, of which there are none."""
    with emulated():
        meter = our_meter()
        told = _total(used for _, used in _applied_alone(our_table(), meter.take))
    return Figure(
        "units by our rules, less ministack's",
        abs(ours.write_units - told.write_units) + abs(ours.read_units - told.read_units),
        "",
        budget=0,
        note=(
            f"the same events by both: by our rules {_told(ours)}; there, by ReturnConsumedCapacity in botocore's "
            f"hooks, {_told(told)}"
        ),
    )


def _applied_alone(table: Table, take: Callable[[], U]) -> list[tuple[str, U]]:
    """Each event of some lives on its own: its type, and what it used."""
    clock = EventClock(BIRTH)
    wiring.install(table=table, clock=clock, identity_secret=b"bench", **{f"queue_{name}": Line() for name in QUEUES})
    look_once_at_the_policy()
    wiring.policies().active()
    take()
    return [(event.type, _applied(event, clock, take)) for event in _events()]


def _applied(event: Event, clock: EventClock, take: Callable[[], U]) -> U:
    clock.move_to(event.time)
    if failed := wiring.engine().apply([event], clock.now()):
        raise Broken(f"{event.type} failed") from failed[0]
    return take()


def _plainly_applied_alone() -> Counted:
    """What the ordinary events of the same lives consume in ministack, by the plain assembly."""
    clock, consumed = EventClock(BIRTH), Counted()
    with emulated():
        session, meter = plain_session()
        with plain_deployed.in_ministack(session, clock) as plain:
            meter.take()
            for event in _events():
                clock.move_to(event.time)
                plain.handler({"Records": [sqs_record(event.to_json())]}, CONTEXT)
                used = meter.take()
                consumed += Counted() if event.type == FIRST else used
    return consumed


def _events() -> Iterator[Event]:
    """Of some lives, each after the other."""
    for number in range(CUSTOMERS):
        yield from life(number, BIRTH + number * LIFE)


def _total(usages: Iterable[U]) -> U:
    return reduce(lambda one, other: one + other, usages)


def _told(usage: Usage | Counted) -> str:
    return f"{usage.write_units:g} write units ({usage.index_units:g} for indexes) and {usage.read_units:g} read units"
