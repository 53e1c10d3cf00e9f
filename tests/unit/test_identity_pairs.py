"""What becomes of labelled pairs: nobody is merged by themselves with somebody they are not; most of the others are
found, or proposed."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Literal

from perennial.domain.events import Event
from perennial.domain.proposal import proposal_id
from tests.builders import HOUR, NOON, an_event, the_policy
from tests.house import House
from tests.identity_pairs import Pair, Person, pairs

Fate = Literal["one", "proposed", "two"]


@cache
def fates() -> tuple[tuple[Pair, Fate], ...]:
    house = House(the_policy())
    return tuple((pair, _fate(house, index, pair)) for index, pair in enumerate(pairs()))


def _fate(house: House, index: int, pair: Pair) -> Fate:
    events = list(_events(index, pair))
    for event in events:
        assert house.hears(event) == {}
        house.settles()
    first, last = (_told_to(house, event) for event in (events[0], events[-1]))
    if first == last:
        return "one"
    return "proposed" if house.proposals.open(proposal_id(first, last)) else "two"


def _events(index: int, pair: Pair) -> Iterator[Event]:
    for step, person in enumerate(pair.told):
        event = _event(dict(person), NOON + step * HOUR)
        yield event.but({"store": f"{pair.stores[step]}-{index}"})


def _event(person: Person, at: datetime) -> Event:
    order, parcel = person.pop("order", None), person.pop("parcel", None)
    told: dict[str, Any] = {"customer": person}
    if order:
        return an_event("order.placed", at, order={"id": order}, **told)
    if parcel:
        shipment = {"tracking": f"T-{parcel}", "state": "in_transit", "order": parcel}
        return an_event("shipment.updated", at, shipment=shipment, **told).but({"source": "aftership"})
    return an_event("product.used", at, **told)


def _told_to(house: House, event: Event) -> str:
    """Who has this event in their record now."""
    (addressed,) = house.another_addressing().of([event])
    assert addressed
    return addressed.loaded.customer.id


def test_there_are_enough_pairs_of_either_kind() -> None:
    labels = Counter(pair.same for pair, _ in fates())

    assert sum(labels.values()) >= 300
    assert min(labels.values()) >= 150


def test_nobody_is_merged_with_somebody_they_are_not() -> None:
    wrong = [pair for pair, fate in fates() if fate == "one" and not pair.same]

    assert wrong == []


def test_what_is_one_person_is_found_or_proposed_but_for_dots_and_tags() -> None:
    missed = Counter(pair.rule for pair, fate in fates() if pair.same and fate == "two")

    assert missed.keys() <= {"dots and tags in an email, nothing else"}


def test_families_are_asked_about_only_where_they_share_a_key_of_some_weight() -> None:
    asked = {pair.rule for pair, fate in fates() if fate == "proposed" and not pair.same}

    assert asked <= {
        "a family with one phone", "a family with one card", "a card, then somebody who also has it",
        "a company's mailbox", "two ids of one shop, one phone", "a parcel to a friend",
    }  # fmt: skip
