"""What of who was erased is let go, by what they are a customer again, and when their address may be used."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.store import Store, Tombstone, identity_key
from perennial.aws.table import Item, Put
from perennial.channels.erased import ErasedAddresses
from perennial.channels.recipient import Recipient
from perennial.domain.customer import Consent
from perennial.domain.erasure import begins_anew, is_forgotten, may_be_written_to
from perennial.domain.events import Event, Person
from perennial.domain.identity import key_for
from tests.builders import (
    DAY,
    HOUR,
    MS,
    NOON,
    a_customer,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    parcel,
    placed,
)
from tests.messaging import an_action
from tests.unit.test_outbox import House

SECRET = b"key"
ERASED_AT = NOON


@pytest.mark.parametrize(("at", "forgotten"), [(NOON - MS, True), (NOON, True), (NOON + MS, False)])
def test_what_happened_until_the_erasure_is_forgotten(at: datetime, forgotten: bool) -> None:
    assert is_forgotten(an_event("product.viewed", at), ERASED_AT, names_what_was_theirs=False) is forgotten


def test_what_is_told_later_of_a_thing_of_that_time_is_forgotten() -> None:
    assert is_forgotten(parcel("delivered", NOON + DAY), ERASED_AT, names_what_was_theirs=True)


@pytest.mark.parametrize(("began", "forgotten"), [(NOON, True), (NOON + MS, False)])
def test_an_order_or_ticket_counts_by_when_it_began(began: datetime, forgotten: bool) -> None:
    order = an_order_event("paid", NOON + DAY, placed_at=began)
    ticket = a_ticket_event("replied", NOON + DAY, opened_at=began)

    assert [is_forgotten(each, ERASED_AT, names_what_was_theirs=False) for each in (order, ticket)] == [forgotten] * 2


@pytest.mark.parametrize(
    ("event", "anew"),
    [
        (placed(), True),
        (an_order_event("paid", placed_at=NOON), True),
        (an_order_event("paid"), False),
        (a_ticket_event("opened"), True),
        (a_ticket_event("replied"), False),
        (an_event("customer.signed_up"), True),
        (an_event("customer.updated"), False),
        (an_event("product.viewed"), False),
        (consent(True), True),
        (consent(False), False),
    ],
    ids=lambda each: each.type if isinstance(each, Event) else "",
)
def test_only_by_an_act_of_their_own_somebody_is_a_customer_again(event: Event, anew: bool) -> None:
    assert begins_anew(event) is anew


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ({}, False),
        ({"marketing/email": Consent(True, NOON)}, False),
        ({"marketing/email": Consent(True, NOON + MS)}, True),
        ({"marketing/email": Consent(False, NOON + DAY)}, False),
        ({"marketing/sms": Consent(True, NOON + DAY)}, False),
        ({"service/email": Consent(True, NOON + DAY)}, True),
    ],
)
def test_an_erased_address_is_used_again_by_a_younger_consent_for_its_channel(said: Any, allowed: bool) -> None:
    facts = a_customer(facts={"consent": said}).facts

    assert may_be_written_to(facts, "email", ERASED_AT) is allowed


# ---------------------------------------------------------------- addresses


@pytest.fixture
def store() -> Store:
    return Store(SqliteTable(Database()))


def knows(store: Store, kind: str, value: str, customer: str) -> None:
    key = key_for("demo", kind, value)
    store.table.write([Put(Item(identity_key(key.kind, key.hashed(SECRET)), "", {"customer": customer}))])


def erases(store: Store, customer: str, at: datetime, again: str) -> None:
    store.table.write([Put(Tombstone(customer, 2, at, again).item)])


def erased_at(store: Store, channel: str = "email", **person: str) -> datetime | None:
    recipient = Recipient(a_customer(id="c-new"), Person.model_validate(person))
    to = person["email"] if channel == "email" else "+34600123456"
    action = an_action(customer="c-new", channel=channel)
    return ErasedAddresses(store, SECRET).erased_at(action, recipient, to)


def test_an_address_of_nobody_or_of_somebody_living_was_not_erased(store: Store) -> None:
    assert erased_at(store, email="mia@example.com") is None

    knows(store, "email", "mia@example.com", "c-mia")
    assert erased_at(store, email="mia@example.com") is None


def test_an_address_is_known_however_it_is_written(store: Store) -> None:
    knows(store, "email", "mia@example.com", "c-mia")
    knows(store, "phone", "+34600123456", "c-mia")
    erases(store, "c-mia", NOON, "c-again")

    assert erased_at(store, email="Mia@Example.com") == NOON
    assert erased_at(store, "sms", phone="+34 600 123 456") == NOON


def test_of_several_erasures_the_last_counts(store: Store) -> None:
    knows(store, "email", "mia@example.com", "c-mia")
    erases(store, "c-mia", NOON, "c-again")
    erases(store, "c-again", NOON + timedelta(days=9), "c-once-more")

    assert erased_at(store, email="mia@example.com") == NOON + timedelta(days=9)


@pytest.mark.parametrize(("purpose", "at", "sent"), [("service", NOON + HOUR, 0), ("service", NOON - HOUR, 1)])
def test_a_message_to_an_erased_address_does_not_leave(purpose: str, at: datetime, sent: int) -> None:
    """Consent was given at noon."""
    house = House(consent={"service/email": Consent(True, NOON)})
    outbox = house.outbox
    outbox._erased_at = lambda *_: at

    outcome = outbox.send(an_action(purpose=purpose))

    assert len(house.carrier.taken) == sent
    assert outcome is not None
    assert outcome.data.reason == (None if sent else "address erased")


def test_who_moves_to_an_erased_address_while_a_message_is_claimed_gets_none() -> None:
    house = House()
    outbox = house.outbox
    outbox._erased_at = lambda _, recipient, __: NOON if recipient.person.email == "old@example.com" else None
    house.table.after.append(lambda: house.knows(Person(email="old@example.com")))

    outcome = outbox.send(an_action())

    assert house.carrier.taken == []
    assert outcome is not None
    assert outcome.data.reason == "address erased"


def test_a_message_to_somebody_who_was_erased_is_let_go() -> None:
    house = House()
    house.table.within.write([Put(Tombstone("c-1", 2, NOON, "c-again").item)])

    assert house.send() is None
    assert house.carrier.taken == []


def test_who_is_erased_while_a_message_is_claimed_gets_none() -> None:
    house = House()
    tombstone = Put(Tombstone("c-1", 2, NOON, "c-again").item)
    house.table.after.append(lambda: house.table.within.write([tombstone]))

    outcome = house.send()

    assert house.carrier.taken == []
    assert outcome.data.reason == "customer deleted"
