"""Promise 8 for people who were taken for one another: whoever is told apart is as if they had never met."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any, Literal, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from perennial.domain.customer import RECENT_ORDERS, RECENT_TICKETS, Customer
from perennial.domain.events import Event
from perennial.domain.history import related, replay
from tests.builders import HOUR, MINUTE, NOON, the_policy
from tests.families import id_of, journal, loaded, merging, parting, record, says, settled
from tests.house import House
from tests.properties.strategies import examples

PEOPLE = ("ana", "bo", "chi", "dai")
NUMBERS = [str(number) for number in range(12)]


class Step(NamedTuple):
    """Some time passes, and then this happens."""

    after: timedelta
    what: Literal["event", "merge", "part"]
    who: str
    other: str
    kind: str
    data: dict[str, Any]


def _of(who: str, number: str) -> str:
    return f"{who}-{number}"


@st.composite
def events(draw: st.DrawFn, who: str) -> tuple[str, dict[str, Any]]:
    number = _of(who, draw(st.sampled_from(NUMBERS)))
    order: dict[str, Any] = {"id": number, "total": {"amount": "40", "currency": "USD"}}
    ticket = {"id": number, "by": draw(st.sampled_from(["customer", "agent"])), "sentiment": 0.5}
    kinds: list[tuple[str, dict[str, Any]]] = [
        *[(f"order.{state}", {"order": order}) for state in ("placed", "placed", "paid", "delivered", "cancelled")],
        ("order.shipped", {"order": order, "shipment": {"tracking": f"T-{number}"}}),
        ("order.refunded", {"order": order, "refund": {"id": number, "total": order["total"]}}),
        ("shipment.updated", {"shipment": {"tracking": f"T-{number}", "state": "customs_hold", "order": number}}),
        ("shipment.updated", {"shipment": {"tracking": f"T-{number}", "state": "delivered"}}),
        *[(f"ticket.{verb}", {"ticket": ticket}) for verb in ("opened", "replied", "resolved", "reopened")],
        ("cart.abandoned", {"cart": {"id": number}}),
        ("customer.signed_up", {}),
        ("customer.deleted", {}),
        ("product.viewed", {}),
        ("product.activated", {"order": number}),
        ("survey.answered", {"survey": "nps", "score": draw(st.integers(0, 10))}),
        ("consent.changed", {"channel": "email", "granted": draw(st.booleans())}),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    who = draw(st.sampled_from(PEOPLE))
    other = draw(st.sampled_from([each for each in PEOPLE if each != who]))
    what = draw(st.sampled_from(["event", "event", "event", "merge", "part"]))
    kind, data = draw(events(who))
    after = draw(st.integers(1, 100).map(lambda hours: hours * HOUR) | st.integers(1, 90).map(lambda n: n * 24 * HOUR))
    return Step(after, what, who, other, kind, data)


ALL_PARTED = [Step(HOUR, "part", one, other, "", {}) for one, other in permutations(PEOPLE, 2)]
LIVES = st.lists(steps(), min_size=6, max_size=30)


def lived(life: Sequence[Step], meeting: bool) -> House:
    """A house in which all this happened; where they never meet, nobody is taken for anybody else."""
    house, now = House(the_policy()), NOON
    for who in PEOPLE:
        now += MINUTE
        house.hears(*_a_past(who, now))
    for step in [*life, *ALL_PARTED]:
        now += step.after
        house.passes(now)
        if step.what == "event":
            assert house.hears(says(step.who, step.kind, now, **step.data)) == {}
        elif meeting:
            turn = merging if step.what == "merge" else parting
            assert house.hears(turn(step.who, step.other, now)) == {}
    return house


def _a_past(who: str, at: datetime) -> list[Event]:
    """As much as one record just holds: of two, some must leave it."""
    orders = NUMBERS[:RECENT_ORDERS]
    tickets = NUMBERS[:RECENT_TICKETS]
    return [
        *(says(who, "order.placed", at - int(each) * HOUR, order={"id": _of(who, each)}) for each in orders),
        *(says(who, "ticket.opened", at - int(each) * HOUR, ticket={"id": _of(who, each)}) for each in tickets),
    ]


def _what_counts(customer: Customer) -> dict[str, Any]:
    """Without what a merge leaves behind: a version that has grown, and where things are kept."""
    return customer.model_dump(exclude={"version", "together_since", "shelf"})


@examples(12)
@given(LIVES)
def test_whoever_is_told_apart_is_as_if_they_had_never_met(life: list[Step]) -> None:
    met, apart = lived(life, meeting=True), lived(life, meeting=False)

    for who in PEOPLE:
        numbers = [_of(who, number) for number in NUMBERS]
        assert loaded(met, who).customer.merged_into is None
        assert _what_counts(record(met, who)) == _what_counts(record(apart, who))
        assert settled(met, who, numbers, numbers) == settled(apart, who, numbers, numbers)
        assert loaded(met, who).marks.profile == loaded(apart, who).marks.profile


@examples(12)
@given(LIVES)
def test_the_journals_of_who_was_merged_give_the_record_to_the_last_byte(life: list[Step]) -> None:
    house = lived(life, meeting=True)

    journals = {id_of(who): journal(house, who) for who in PEOPLE}
    for who in PEOPLE:
        kept = loaded(house, who).customer
        entries = journals[id_of(who)]
        assert related(entries) <= journals.keys()
        decisions = list(replay(Customer(id=kept.id, store="demo"), entries, lambda _: the_policy(), journals))
        assert decisions[-1].customer.model_dump_json() == kept.model_dump_json()
        again = {each.entry.version: each.entry for each in decisions}
        assert all(again[entry.version] == entry for entry in entries if entry.record is None)
