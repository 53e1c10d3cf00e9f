"""The plain assembly does the job that it is compared in: the same decisions, found customers, no event twice."""

from collections.abc import Iterator

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from infra.local.clock import EventClock
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event
from tests.bench.applying import CONTEXT, sqs_record
from tests.bench.lives import BIRTH, STORE, life
from tests.bench.plain import SHOP, Plain
from tests.bench.plain_deployed import on_wire
from tests.bench.rules import shipped
from tests.bench.wire import Wire

STORY = list(life(1))
SHOP_ID = STORY[0].data.customer.ids[SHOP]


class House:
    """The plain assembly on AWS without a network."""

    def __init__(self, plain: Plain, wire: Wire, clock: EventClock) -> None:
        self.plain = plain
        self.wire = wire
        self._clock = clock

    def take(self, event: Event) -> None:
        self._clock.move_to(event.time)
        self.plain.handler({"Records": [sqs_record(event.to_json())]}, CONTEXT)

    @property
    def record(self) -> Customer:
        record, _ = self.plain.read(SHOP_ID)
        assert record
        return record


@pytest.fixture
def house() -> Iterator[House]:
    clock = EventClock(BIRTH)
    with on_wire(clock) as (plain, wire):
        yield House(plain, wire, clock)


def test_it_keeps_the_record_that_the_decisions_make(house: House) -> None:
    policy, expected = shipped(), Customer(id=SHOP_ID, store=STORE)

    for event in STORY:
        expected = decide(expected, event, policy, event.time).customer
        house.take(event)

    assert house.record == expected


def test_it_sends_one_message_for_each_action(house: House) -> None:
    policy, customer, actions = shipped(), Customer(id=SHOP_ID, store=STORE), 0

    for event in STORY:
        decision = decide(customer, event, policy, event.time)
        customer, actions = decision.customer, actions + len(decision.actions)
        house.take(event)

    assert house.wire.calls["SendMessage"] == actions > 0


def test_a_ticket_finds_its_customer_by_email_and_a_parcel_by_its_order(house: House) -> None:
    named = {event.type: event for event in STORY}
    for kind in ("customer.signed_up", "order.placed", "order.shipped"):
        house.take(named[kind])

    house.take(named["ticket.opened"])
    house.take(named["shipment.updated"])

    assert house.record.version == 5


def test_an_event_of_nobody_known_is_to_come_again(house: House) -> None:
    ticket = next(event for event in STORY if event.type == "ticket.opened")

    with pytest.raises(BatchProcessingError, match="Unknown"):
        house.take(ticket)
