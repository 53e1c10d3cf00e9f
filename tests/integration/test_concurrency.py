"""Fifty deliveries at once: one effect, one message, the same record, whoever comes first."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from perennial.domain.events import Event
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_play,
    a_ticket_event,
    an_event,
    an_order_event,
    folded,
    parcel,
    placed,
    shipped,
    with_plays,
    written,
)
from tests.house import House

THREADS = 50
QUIET = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}


def siblings() -> list[Event]:
    """An order as a shop and a carrier tell of it."""
    refund = {"id": "r-1", "total": {"amount": "5", "currency": "USD"}}
    return [
        placed(NOON),
        an_order_event("paid", NOON + MINUTE),
        placed(NOON + 2 * MINUTE, placed_at=NOON),
        shipped(NOON + HOUR),
        parcel("customs_hold", NOON + DAY),
        parcel("delivered", NOON + 2 * DAY),
        an_event("order.refunded", NOON + 3 * DAY, customer={}, order={"id": "o-1"}, refund=refund),
        a_ticket_event("opened", NOON + 3 * DAY, order="o-1"),
        an_event("product.used", NOON + 4 * DAY),
    ]


def deliver(house: House, events: list[Event], size: int = 3) -> None:
    """One environment with a queue of its own: what fails is delivered again, in batches, until all is done."""
    engine, waiting = house.another_engine(), list(events)
    while waiting:
        batch, waiting = waiting[:size], waiting[size:]
        waiting += [batch[position] for position in engine.apply(batch, NOON + 4 * DAY)]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_events_from_fifty_sides_in_any_order_are_one_history(seed: int):
    plays = [
        a_play(id="thanks", on="order.placed"),
        a_play(id="held", on="shipment.updated", **{"if": 'event.state == "customs_hold"'}),
    ]
    house = House(with_plays(*plays, caps=[], quiet_hours=QUIET))
    events, chance = siblings(), random.Random(seed)
    orders = [chance.sample(events, len(events)) for _ in range(10)]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: deliver(house, orders[number % 10]), range(THREADS)))
    house.settles()

    assert len(house.everybody()) == 1
    assert written(house.record(events[0]).facts) == written(folded(events))
    assert house.record(events[0]).version == len(events) == len(house.journal(events[0]))
    assert house.effects == ["held", "thanks"]


def test_strangers_met_at_once_by_different_keys_of_theirs_become_one():
    house = House()
    persons = [{"ids": {"shopify": "1"}}, {"ids": {"zendesk": "2"}}, {"phone": "+34612345678"}, {}]
    events = [an_event("product.used", customer={"email": "mia@example.com", **person}) for person in persons]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: deliver(house, events[number % 4 :] + events[: number % 4]), range(THREADS)))

    assert [loaded.customer.facts.counts for loaded in house.everybody()] == [{"use": 4}]


def test_customers_who_meet_in_ever_other_batches_each_have_their_own_history():
    house = House(with_plays(a_play(id="thanks", on="order.placed"), caps=[], quiet_hours=QUIET))
    persons = [{"id": name, "email": f"{name}@example.com"} for name in ("ana", "bo", "cy", "di", "eva", "finn")]
    met = [an_event("order.placed", customer=person, order={"id": person["id"]}) for person in persons]
    events = met + [an_event("product.used", customer=person) for person in persons for _ in range(3)]
    chance = random.Random(7)
    mixed = [chance.sample(events, len(events)) for _ in range(THREADS)]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda each: deliver(house, each, size=10), mixed))

    assert [loaded.customer.version for loaded in house.everybody()] == [4] * len(persons)
    assert [len(house.journal(event)) for event in met] == [4] * len(persons)
    assert house.effects == ["thanks"] * len(persons)
