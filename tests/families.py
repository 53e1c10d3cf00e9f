"""People of one house, who are taken for one another and told apart again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from perennial.aws.store import Loaded
from perennial.domain.customer import Customer
from perennial.domain.events import Event, event_adapter
from perennial.domain.identity import customer_id, key_for
from perennial.domain.journal import Entry
from perennial.domain.settled import Settled
from tests.builders import an_event
from tests.house import SECRET, House

FREE = {"caps": [], "quiet_hours": {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}}
"""Sections of a policy in which nothing holds a message back."""


def id_of(name: str) -> str:
    return customer_id(key_for("demo", "email", f"{name}@example.com"), SECRET)


def says(name: str, kind: str, at: datetime, /, **data: Any) -> Event:
    """What somebody does, who is known by an email of their own."""
    return an_event(kind, at, **{"customer": {"email": f"{name}@example.com"}, **data})


def merging(one: str, other: str, at: datetime, /, **data: Any) -> Event:
    return _turn("customer.merged", one, other, at, data)


def parting(one: str, other: str, at: datetime, /) -> Event:
    """Takes the other out of the one."""
    return _turn("customer.unmerged", one, other, at, {"by": "lee"})


def _turn(kind: str, one: str, other: str, at: datetime, data: dict[str, Any]) -> Event:
    said = {"other": id_of(other), **data}
    return event_adapter.validate_python(
        {
            "type": kind, "id": f"{kind}:{one}:{other}:{at}", "source": "test", "store": "demo", "time": at,
            "customer": id_of(one), "data": said,
        }
    )  # fmt: skip


def loaded(house: House, name: str) -> Loaded:
    """What is in the place of their record."""
    return house.store.load([id_of(name)])[id_of(name)]


def record(house: House, name: str) -> Customer:
    """The record that is theirs, whosever name it bears."""
    return house.store.roots([id_of(name)])[id_of(name)].customer


def journal(house: House, name: str) -> list[Entry]:
    return list(house.store.journal(id_of(name)))


def settled(house: House, name: str, orders: Sequence[str], tickets: Sequence[str]) -> list[Settled]:
    """Those of these orders and tickets that have left the record."""
    customer = record(house, name)
    refs: list[Any] = [("order", each) for each in orders if each not in customer.facts.orders]
    refs += [("ticket", each) for each in tickets if each not in customer.facts.tickets]
    return list(house.store.settled(customer.id, refs, customer.shelf))
