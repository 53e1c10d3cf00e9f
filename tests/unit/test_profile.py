"""What is known of the person: the latest word on each thing."""

from datetime import date, datetime
from itertools import permutations
from typing import Any

from perennial.domain.events import Event, Person
from perennial.domain.profile import CARRIERS_AND_PROVIDERS, HELP_DESKS, Profile, weight_of, words_of
from perennial.ingest import SOURCES
from tests.builders import DAY, NOON, an_event


def says(at: datetime, **person: Any) -> Event:
    return an_event("customer.updated", at, customer=person)


def in_every_order(*events: Event) -> Profile:
    told = {Profile().told_by(each).model_dump_json() for each in permutations(events)}
    assert len(told) == 1
    return Profile.model_validate_json(told.pop())


def test_the_latest_word_on_each_field_holds_whatever_comes_first():
    profile = in_every_order(
        says(NOON, name="Mia Kern", email="mia@example.com"),
        says(NOON + DAY, name="Mia Kern-Ito"),
        says(NOON - 300 * DAY, name="M.", email="old@example.com", phone="+34612345678"),
    )

    assert profile.person == Person(name="Mia Kern-Ito", email="mia@example.com", phone="+34612345678")
    assert profile.told_at["name"] == NOON + DAY


def test_what_is_not_said_is_not_forgotten():
    profile = in_every_order(says(NOON, birthday=date(1990, 5, 17)), says(NOON + DAY, locale="es"))

    assert profile.person.birthday == date(1990, 5, 17)


def test_of_two_words_at_one_instant_the_same_one_holds_always():
    assert in_every_order(says(NOON, name="A"), says(NOON, name="B")).person.name == "B"


def test_ids_of_vendors_come_together_and_the_latest_of_one_vendor_holds():
    profile = in_every_order(
        says(NOON, ids={"shopify": "1"}), says(NOON + DAY, ids={"shopify": "2"}), says(NOON, ids={"zendesk": "9"})
    )

    assert profile.person.ids == {"shopify": "2", "zendesk": "9"}


def test_every_word_has_a_name_by_which_it_is_known_to_be_told():
    person = Person(email="a@b.c", ids={"shopify": "1"}, birthday=date(1990, 5, 17))

    assert dict(words_of(person)) == {"email": "a@b.c", "birthday": "1990-05-17", "ids.shopify": "1"}


def said_by(source: str, at: datetime, **person: Any) -> Event:
    return says(at, **person).but({"source": source})


def test_the_shop_is_believed_before_the_help_desk_and_that_before_a_carrier_whatever_comes_first():
    profile = in_every_order(
        said_by("shopify", NOON, name="Mia Kern"),
        said_by("zendesk", NOON + DAY, name="mia", phone="+34612345678"),
        said_by("aftership", NOON + 2 * DAY, name="KERN M.", phone="+34600000000", address="Calle 1"),
    )

    assert profile.person == Person(name="Mia Kern", phone="+34612345678", address="Calle 1")
    assert profile.trust == {"phone": -1, "address": -2}


def test_the_merchant_s_own_systems_are_believed_as_the_shop_is_and_the_latest_of_both_holds():
    profile = in_every_order(
        said_by("shopify", NOON, name="Mia Kern"), said_by("open/crm", NOON + DAY, name="Mia Kern-Ito")
    )

    assert profile.person.name == "Mia Kern-Ito"


def test_of_one_help_desk_and_another_the_latest_word_holds():
    profile = in_every_order(said_by("zendesk", NOON, name="Mia"), said_by("gorgias", NOON + DAY, name="Mia K."))

    assert profile.person.name == "Mia K."


def test_a_word_that_the_shop_repeats_is_the_shop_s_from_then_on():
    desk = Profile().told_by([said_by("zendesk", NOON, name="Mia")])
    repeated = desk.repeated({"name": weight_of(said_by("shopify", NOON - DAY, name="Mia"))})

    later = repeated.told_by([said_by("zendesk", NOON + DAY, name="mia")])

    assert (repeated.trust, repeated.told_at["name"]) == ({}, NOON - DAY)
    assert later.person.name == "Mia"


def test_every_source_has_its_place_in_the_order_of_trust():
    shops = {"shopify", "woocommerce", "bigcommerce", "open"}

    assert SOURCES.keys() <= shops | HELP_DESKS | CARRIERS_AND_PROVIDERS
