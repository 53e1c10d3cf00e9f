"""Whom a message reaches when its customer has been merged with others."""

from datetime import timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.store import messaging_key, profile_key, record_key
from perennial.aws.table import Item, Key, Put
from perennial.channels.ledger import Ledger
from perennial.channels.messaging import Claim, Messaging
from perennial.channels.recipient import Recipient
from perennial.domain.customer import Customer
from perennial.domain.events import Person
from perennial.domain.profile import Profile
from tests.messaging import NOON, a_customer, a_profile, a_recipient, an_action, facts

SURVIVOR = a_customer().but({"members": {"c-2": "c-1", "c-3": "c-2"}})


class Home:
    """A table with three who are one: c-1, into whom c-2 was merged, into whom c-3 had been."""

    def __init__(self) -> None:
        self.table = SqliteTable(Database())
        self.ledger = Ledger(self.table)
        self.put(record_key("c-1"), SURVIVOR)
        self.put(record_key("c-2"), Customer(id="c-2", store="demo", merged_into="c-1"))
        self.put(record_key("c-3"), Customer(id="c-3", store="demo", merged_into="c-2"))

    def put(self, key: Key, model: Any) -> None:
        attributes = {"version": 1} if isinstance(model, Messaging) else {}
        self.table.write([Put(Item(key, model.model_dump_json(exclude_defaults=True), attributes))])

    def knows(self, customer: str, **person: Any) -> None:
        self.put(profile_key(customer), Profile().told(Person(**person), NOON))

    def sent(self, customer: str, *actions: str) -> None:
        claims = {each: Claim.of(an_action(id=each), "me", NOON).sent("p") for each in actions}
        self.put(messaging_key(customer), Messaging(claims=claims))

    def recipient(self, customer: str) -> Recipient:
        found = self.ledger.read(an_action(customer=customer))
        assert found
        assert found[0] == self.ledger.recipient(an_action(customer=customer))
        return found[0]


@pytest.mark.parametrize("customer", ["c-1", "c-2", "c-3"])
def test_whoever_it_is_for_the_survivors_record_and_words_decide(customer: str):
    home = Home()
    home.knows("c-1", email="mia@example.com")
    home.knows("c-2", email="other@example.com", phone="+34612345678")
    home.knows("c-3", ids={"shopify": "3"}, locale="es")

    recipient = home.recipient(customer)

    assert recipient.customer == SURVIVOR
    assert recipient.person == Person(email="mia@example.com", phone="+34612345678", ids={"shopify": "3"}, locale="es")


def test_of_two_who_fill_a_gap_the_later_word_does():
    first, second = Profile().told(Person(name="A"), NOON), Profile().told(Person(name="B"), NOON + timedelta(1))

    assert Profile().with_gaps_filled([second, first]).name == "B"


@pytest.mark.parametrize("customer", ["c-1", "c-2", "c-3"])
def test_caps_count_what_left_for_any_of_them_and_claims_stay_whose_they_are(customer: str):
    home = Home()
    home.sent("c-1", "a-1")
    home.sent("c-2", "a-2", "a-3")

    found = home.ledger.read(an_action(customer=customer))

    assert found
    recipient, book = found
    assert len(recipient.sends) + len(book.messaging.sends) == 3
    assert book.messaging.claims.keys() == {"c-1": {"a-1"}, "c-2": {"a-2", "a-3"}, "c-3": set()}[customer]


def test_who_was_merged_into_somebody_who_is_no_more_is_not_written_to():
    home = Home()
    home.put(record_key("c-9"), Customer(id="c-9", store="demo", merged_into="gone"))

    assert home.ledger.read(an_action(customer="c-9")) is None


def test_who_was_never_merged_is_read_in_one_call():
    home = Home()
    home.put(record_key("c-8"), Customer(id="c-8", store="demo", facts=facts()))
    home.put(profile_key("c-8"), a_profile())
    calls = []
    within = home.table.get
    home.table.get = lambda keys: calls.append(keys) or within(keys)  # type: ignore[method-assign,func-returns-value]

    home.ledger.read(an_action(customer="c-8"))

    assert len(calls) == 1


@pytest.mark.parametrize(
    ("email", "address"),
    [
        ("q1w2e3@marketplace.amazon.de", None),
        (" Q1@Members.Ebay.com ", None),
        ("mia@example.com", "mia@example.com"),
    ],
)
def test_at_an_address_that_a_marketplace_made_up_nobody_is_written_to(email: str, address: str | None):
    assert a_recipient(Person(email=email)).address("email") == address
