"""By what a customer is found: the same person by the same words however written, and strangers never as one."""

from typing import Any

import pytest

from perennial.domain.events import Event
from perennial.domain.identity import IdentityKey, customer_id, former_keys, identity_keys, is_anonymous, key_for
from tests.builders import a_ticket_event, an_event, parcel, shipped

SECRET = b"identity key"


def keys(event: Event) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in identity_keys(event):
        found.setdefault(key.kind, []).append(key.value.removeprefix("demo\x1f"))
    return found


def known_by(**person: Any) -> dict[str, list[str]]:
    return keys(an_event("customer.updated", customer=person))


@pytest.mark.parametrize("email", ["mia@example.com", " Mia@Example.COM ", "MIA@example.com"])
def test_an_email_is_the_same_however_it_is_written(email: str):
    assert known_by(email=email)["email"] == ["mia@example.com"]


@pytest.mark.parametrize("phone", ["+34 612 345 678", "0034612345678", "+34-612-345-678", "+３４ 612 345 678"])
def test_a_phone_is_the_same_however_it_is_written(phone: str):
    assert known_by(phone=phone)["phone"] == ["+34612345678"]


@pytest.mark.parametrize("email", ["", "-", "n/a", "none", "@", "a@", "@b", "a b@c", "a@b@c"])
def test_what_is_no_email_finds_nobody(email: str):
    assert known_by(email=email) == {}


@pytest.mark.parametrize("phone", ["", "+", "-", "n/a", "0", "00", "000000000", "+1111111111", "12345", "9" * 16])
def test_what_is_no_phone_finds_nobody(phone: str):
    assert known_by(phone=phone) == {}


def test_ids_come_before_email_and_phone_and_those_before_things():
    person = {"id": "7", "ids": {"shopify": "1", "zendesk": "2"}, "email": "a@b.c", "phone": "+34612345678"}

    found = identity_keys(an_event("order.placed", customer=person, order={"id": "o", "name": "#1001"}))

    assert [key.kind for key in found] == ["id", "id", "id", "email", "phone", "order", "order_name"]
    assert [key.is_personal for key in found] == [True] * 5 + [False] * 2


def test_ids_of_different_vendors_never_meet():
    assert known_by(id="1")["id"] != known_by(ids={"shopify": "1"})["id"] != known_by(ids={"zendesk": "1"})["id"]


def test_ids_of_different_stores_never_meet():
    one, other = (key_for(store, "email", "mia@example.com") for store in ("demo", "demo-2"))

    assert one.hashed(SECRET) != other.hashed(SECRET)
    assert customer_id(one, SECRET) != customer_id(other, SECRET)


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (shipped(tracking="T-1"), {"order", "tracking"}),
        (parcel("delayed", order_name="#1001"), {"order_name", "tracking"}),
        (a_ticket_event("opened", order="o-1"), {"order"}),
        (an_event("product.activated", order="o-1"), {"order"}),
        (an_event("survey.answered", survey="nps", score=9, order="o-1"), {"order"}),
        (an_event("product.viewed"), set()),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_what_belongs_to_a_customer_finds_them_too(event: Event, kinds: set[str]):
    assert {key.kind for key in identity_keys(event) if not key.is_personal} == kinds


@pytest.mark.parametrize(
    ("kind", "looked_up", "told"),
    [
        ("email", " Mia@Example.com", {"customer": {"email": "mia@example.com"}}),
        ("phone", "0034 612345678", {"customer": {"phone": "+34612345678"}}),
        ("order_name", "1001", {"customer": {}, "order": {"id": "o", "name": "#1001"}}),
        ("order", "o", {"customer": {}, "order": {"id": "o"}}),
    ],
)
def test_a_customer_is_looked_up_by_what_they_were_met_by(kind: str, looked_up: str, told: dict[str, Any]):
    event = an_event("order.placed" if "order" in told else "customer.updated", **told)

    assert key_for("demo", kind, looked_up) in identity_keys(event)


def test_a_key_tells_nothing_without_the_secret():
    key = IdentityKey("email", "demo\x1fmia@example.com")

    assert key.hashed(b"one") != key.hashed(b"two")
    assert customer_id(key, b"one") != customer_id(key, b"two")
    assert "mia" not in key.hashed(b"one") + customer_id(key, b"one")


def test_a_key_is_hashed_as_it_always_was():
    """What was written by earlier code must be found by later."""
    key = IdentityKey("email", "demo\x1fmia@example.com")

    assert key.hashed(b"secret") == "469d20a04a68fc8f1da67e11392262bd"
    assert customer_id(key, b"secret") == "c5fa2045d0e6ba28fd6d4260f"


def test_a_key_that_is_said_twice_is_one_key():
    assert len(known_by(ids={"shopify": "1"}, email="a@b.c")["id"]) == 1


# What keys are worth


@pytest.mark.parametrize(
    "email", ["x1@marketplace.amazon.de", "X1@Marketplace.Amazon.co.jp", "a-b@members.ebay.com", "9@relay.walmart.com"]
)
def test_an_address_that_a_marketplace_made_up_is_no_email(email: str):
    assert known_by(email=email).keys() == {"relay"}
    assert key_for("demo", "email", email).kind == "relay"


@pytest.mark.parametrize("email", ["x1@privaterelay.appleid.com", "x@amazon.de", "x@my.marketplace.amazon.de.example"])
def test_an_address_of_the_persons_own_is_an_email(email: str):
    assert known_by(email=email).keys() == {"email"}


def test_a_card_and_a_device_come_after_what_names_one_person_alone():
    person = {"device": "d", "loyalty": "7", "phone": "+34612345678", "email": "x1@members.ebay.de", "id": "1"}

    found = identity_keys(an_event("order.placed", customer=person, order={"id": "o"}))

    assert [key.kind for key in found] == ["id", "relay", "phone", "loyalty", "device", "order"]
    assert [key.is_strong for key in found] == [True] * 3 + [False] * 3
    assert [key.is_personal for key in found] == [True] * 5 + [False]


def test_an_id_that_its_vendor_has_merged_into_another_is_one_of_the_same_person():
    person = {"ids": {"shopify": "2"}, "former": {"shopify": "1"}, "email": "mia@example.com"}
    event = an_event("customer.updated", customer=person)

    assert known_by(**person)["id"] == ["shopify:2", "shopify:1"]
    assert [key.value for key in former_keys(event)] == ["demo\x1fshopify:1"]


@pytest.mark.parametrize(
    ("known", "anonymous"),
    [
        ((), True),
        (("device", "locale", "name"), True),
        (("device", "email"), False),
        (("ids.shopify",), False),
        (("loyalty",), False),
    ],
)
def test_who_has_only_a_device_is_anonymous(known: tuple[str, ...], anonymous: bool):
    assert is_anonymous(known) is anonymous
