"""Promise 4: in whatever order, batches and repetitions a customer's events come, they give the same facts."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from perennial.domain.customer import RECENT_ORDERS, RECENT_TICKETS, Facts
from perennial.domain.events import EVENT_TYPES, CustomerMerged, CustomerUnmerged, Event, OrderPlaced, impersonal
from perennial.domain.fold import fold
from perennial.domain.settled import Ref, Settled, among, has_left, recall, ref_of
from perennial.domain.summary import summary_of, value_of
from tests.builders import DAY, NOON, an_event, an_order_event, placed, the_policy, written
from tests.house import House
from tests.lives import A_LONG_LIFE, ORDERS, TICKETS, a_life
from tests.properties.strategies import a_whole_life, examples

PASTS = st.sampled_from(([], A_LONG_LIFE))
"""With a long one, orders and tickets leave the record and are recalled."""


def told(events: Iterable[Event]) -> tuple[Facts, dict[Ref, str]]:
    """The facts, and the items of what is not among them."""
    facts, left = Facts(), dict[Ref, Settled]()
    for event in events:
        done = fold(facts, event, the_policy(), recall(facts, event, among(left)))
        facts, left = done.facts, left | {ref_of(each): each for each in done.settled}
    return facts, gone(facts, left.values())


def gone(facts: Facts, settled: Iterable[Settled]) -> dict[Ref, str]:
    """Of what ever left the record, what did not come back, as it is written."""
    return {ref_of(each): each.model_dump_json(exclude_defaults=True) for each in settled if has_left(facts, each)}


@examples(150)
@given(PASTS, a_whole_life, st.randoms(use_true_random=False))
def test_any_order_of_events_gives_the_same_facts_signals_and_settled_items_to_the_byte(
    past: list[Event], life: list[Event], chance: random.Random
) -> None:
    life = past + life
    shuffled = chance.sample(life, len(life))

    (one, left), (other, left_too) = told(life), told(shuffled)

    assert written(other) == written(one)
    assert left_too == left


def test_the_test_above_draws_events_of_every_type() -> None:
    drawn = set[str]()

    @examples(400)
    @given(a_whole_life)
    def draw(life: list[Event]) -> None:
        drawn.update(event.type for event in life)

    draw()

    assert drawn == set(EVENT_TYPES)


def test_a_long_past_settles_orders_with_their_parcels_and_tickets() -> None:
    facts, left = told(A_LONG_LIFE)

    assert (facts.totals.orders, len(facts.orders)) == (ORDERS - RECENT_ORDERS, RECENT_ORDERS)
    assert (facts.totals.tickets, len(facts.tickets)) == (TICKETS - RECENT_TICKETS, RECENT_TICKETS)
    assert len(left) == 2 * (ORDERS - RECENT_ORDERS) + TICKETS - RECENT_TICKETS


# Old events never pull time back


def earliest(facts: Facts) -> Iterator[tuple[str, datetime]]:
    """Every fact that is the first time of something."""
    for order in (*facts.orders.values(), *facts.strays.values()):
        for name in ("heard_at", "placed_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at", "returned_at"):
            yield from said(order, name)
        yield from said(order, "activated_at")
        for tracking, parcel in order.parcels.items():
            yield from ((f"{order.id} {tracking} {state}", at) for state, at in parcel.states.items())
    for ticket in facts.tickets.values():
        for name in ("heard_at", "opened_at", "answered_at"):
            yield from said(ticket, name)
    for name in ("signed_up_at", "activated_at", "deleted_at"):
        yield from said(facts, name)


def latest(facts: Facts) -> Iterator[tuple[str, datetime]]:
    """Every fact that is the last time of something."""
    for order in (*facts.orders.values(), *facts.strays.values()):
        yield from said(order.terms, "told_at", order.id) if order.terms else ()
    for ticket in facts.tickets.values():
        for name in ("touched_at", "resolved_at", "reopened_at"):
            yield from said(ticket, name)
    for words in (facts.consent, facts.about, facts.suppressed):
        yield from ((name, word.at) for name, word in words.items())
    yield from facts.latest.items()
    yield from said(facts, "contact_at")


def said(of: Any, name: str, what: str = "") -> Iterator[tuple[str, datetime]]:
    if (at := getattr(of, name)) is not None:
        yield f"{what or getattr(of, 'id', '')} {name}", at


@examples(60)
@given(PASTS, a_whole_life)
def test_no_event_however_old_or_new_makes_a_first_time_later_or_a_last_time_earlier(
    past: list[Event], life: list[Event]
) -> None:
    before, left = Facts(), dict[Ref, Settled]()
    for event in past + life:
        done = fold(before, event, the_policy(), recall(before, event, among(left)))
        left |= {ref_of(each): each for each in done.settled}

        firsts, lasts = dict(earliest(before)), dict(latest(before))
        assert all(at <= firsts.get(name, at) for name, at in earliest(done.facts))
        assert all(at >= lasts.get(name, at) for name, at in latest(done.facts))
        before = done.facts


# Vendors that do not agree


@st.composite
def order_by_two_vendors(draw: st.DrawFn) -> Event:
    """What an event tells of one of a dozen orders, placed at whatever time this vendor believes."""
    order, at = f"o-{draw(st.integers(1, RECENT_ORDERS + 4))}", NOON + draw(st.integers(0, 60)) * DAY
    kind = draw(st.sampled_from(("placed", "placed", "placed", "paid", "cancelled", "returned", "refunded")))
    placed_at = draw(st.none() | st.integers(0, 60).map(lambda day: NOON + day * DAY))
    if kind == "placed":
        return placed(at, order=order, placed_at=placed_at)
    return an_order_event(kind, at, order=order, placed_at=placed_at)


@examples(100)
@given(st.lists(order_by_two_vendors(), min_size=20, max_size=50), st.randoms(use_true_random=False))
def test_where_vendors_disagree_on_when_an_order_was_placed_it_still_counts_once(
    life: list[Event], chance: random.Random
) -> None:
    one, other = told(life)[0], told(chance.sample(life, len(life)))[0]

    assert sums(other) == sums(one)
    assert one.totals.orders + len(one.orders) == len({e.data.order.id for e in life if isinstance(e, OrderPlaced)})


def sums(facts: Facts) -> tuple[object, ...]:
    totals, kept = facts.totals, facts.orders.values()
    return (
        summary_of(facts).purchases,
        value_of(facts),
        totals.refunds + sum(len(order.refunds) for order in kept),
        totals.returns + sum(order.returned_at is not None for order in kept),
    )


# As queues deliver


def delivered(house: House, life: list[Event], chance: random.Random) -> None:
    """In batches of up to ten, some events twice."""
    waiting = chance.sample(life, len(life)) + chance.sample(life, len(life) // 3)
    while waiting:
        size = chance.randint(1, 10)
        batch, waiting = waiting[:size], waiting[size:]
        assert house.hears(*batch, now=NOON + 500 * DAY) == {}
        house.settles()


KINDS: tuple[Literal["order", "ticket", "parcel"], ...] = ("order", "ticket", "parcel")


def left_behind(house: House, event: Event) -> dict[Ref, str]:
    """The table's items of what is not in the record."""
    customer = house.record(event)
    refs = [
        (kind, item.key.sk.partition("#")[2])
        for kind in KINDS
        for item in house.table.query(f"C#{customer.id}", prefix=f"{kind.upper()}#", limit=1_000).items
    ]
    return gone(customer.facts, house.store.settled(customer.id, refs))


@examples(16)
@given(PASTS, a_life, st.randoms(use_true_random=False))
def test_however_events_are_delivered_the_table_holds_the_same_facts_and_each_event_once(
    past: list[Event], life: list[Event], chance: random.Random
) -> None:
    one, other, first = House(), House(), an_event("product.viewed")
    life = [first, *past, *(event for event in life if not isinstance(event, CustomerMerged | CustomerUnmerged))]

    delivered(one, life, random.Random(1))
    delivered(other, life, chance)

    facts, left = told(map(impersonal, life))
    assert written(one.record(first).facts) == written(other.record(first).facts) == written(facts)
    assert left_behind(one, first) == left_behind(other, first) == left
    assert len(one.journal(first)) == len({event.id for event in life}) == one.record(first).version
