"""What speaks for two customers being one: merged where it cannot be two people, put before a person where it can."""

from typing import Any

import pytest

from perennial.addressing import Addressed
from perennial.aws.queues import NotSent
from perennial.domain.customer import Customer
from perennial.domain.events import Event, event_adapter
from perennial.domain.proposal import Proposal
from tests.builders import DAY, HOUR, MINUTE, NOON, an_event
from tests.house import House

PHONE = {"phone": "+34612345678"}
ANA, BO = {"email": "ana@example.com"}, {"email": "bo@example.com"}
TABLET = {"device": "tablet"}


def seen(person: dict[str, Any], at: Any = NOON) -> Event:
    return an_event("product.used", at, customer=person)


def hears(house: House, *people: dict[str, Any]) -> list[Event]:
    """One event each, an hour apart; and what comes of them."""
    events = [seen(person, NOON + hour * HOUR) for hour, person in enumerate(people)]
    for event in events:
        assert house.hears(event) == {}
        house.settles()
    return events


def customer(house: House, event: Event) -> Customer:
    return addressed(house, event).loaded.customer


def addressed(house: House, event: Event) -> Addressed:
    (found,) = house.another_addressing().of([event])
    assert found
    return found


def waiting(house: House) -> tuple[Proposal, ...]:
    return house.proposals.waiting(100, None).proposals


# Merged by itself


def test_a_visitor_who_signs_in_is_the_customer_they_were():
    house = House()

    first, last = hears(house, TABLET, {**TABLET, **ANA})

    assert customer(house, first) == customer(house, last)
    assert customer(house, last).facts.counts["use"] == 2


def test_a_visitor_who_turns_out_to_be_known_is_merged_into_them():
    house = House()

    known, visit, login = hears(house, ANA, TABLET, {**ANA, **TABLET})

    assert customer(house, visit).id == customer(house, known).id == addressed(house, known).whose
    assert customer(house, login).facts.counts["use"] == 3
    assert waiting(house) == ()


def test_what_a_visitor_does_after_they_parted_is_not_merged_again_for_the_same_reason():
    house = House()
    known, visit, login = hears(house, ANA, TABLET, {**ANA, **TABLET})
    visitor = addressed(house, visit).whose
    parted = {"id": "p", "time": NOON + DAY, "type": "customer.unmerged", "source": "test", "store": "demo"}
    parted |= {"customer": addressed(house, known).whose, "data": {"other": visitor, "by": "lee"}}
    house.hears(event_adapter.validate_python(parted))

    house.hears(login, now=NOON + 2 * DAY)
    house.settles()
    hears(house, {**ANA, **TABLET})

    assert customer(house, visit).id == visitor


def test_two_ids_that_their_vendor_has_merged_are_merged():
    house = House()

    old, _, _ = hears(house, SHOP_1, SHOP_2, {**SHOP_2, "former": {"shopify": "1"}})

    assert customer(house, old).facts.counts["use"] == 3
    (entry,) = [each for each in house.store.journal(addressed(house, old).whose) if each.kin]
    assert entry.event.data.model_dump(include={"by", "evidence"}) == {"by": "vendor", "evidence": ("vendor",)}


SHOP_1, SHOP_2 = {"ids": {"shopify": "1"}}, {"ids": {"shopify": "2"}}


def test_two_ids_that_somebody_else_says_are_one_are_proposed():
    house = House()
    hears(house, SHOP_1, SHOP_2)
    house.hears(seen({**SHOP_2, "former": {"shopify": "1"}}, NOON + DAY).but({"source": "open/crm"}))

    house.settles()

    (proposal,) = waiting(house)
    assert proposal.kinds == ("id",)


def test_an_id_that_its_vendor_merged_before_we_met_it_is_found_all_the_same():
    house = House()

    new, old = hears(house, {**SHOP_2, "former": {"shopify": "1"}}, SHOP_1)

    assert customer(house, new).id == customer(house, old).id


def test_a_merge_that_could_not_be_sent_is_sent_when_the_event_comes_again():
    house = House()
    hears(house, ANA, TABLET)
    login = seen({**ANA, **TABLET}, NOON + DAY)
    house.lane.broken = True
    failed = house.hears(login)
    house.lane.broken = False

    assert house.hears(login, now=NOON + DAY + MINUTE) == {}
    house.settles()

    assert isinstance(failed[0], NotSent)
    assert customer(house, login).facts.counts["use"] == 3


def test_who_is_met_for_the_first_time_costs_two_reads():
    """One of whoever they would be, one of the keys; whoever has some of these keys is read in a third."""
    house = House()
    house.hears(seen({**ANA, **PHONE}))
    house.table.gets.clear()

    house.hears(seen({**BO, "loyalty": "7"}))
    assert house.table.gets == [1, 2]

    house.hears(seen({"id": "9", **PHONE}))
    assert house.table.gets[2:] == [1, 2, 1, 1], "and the profile, for it has news of them"


# Kept apart


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({**SHOP_1, **PHONE}, {**SHOP_2, **PHONE}),
        ({**ANA, **PHONE}, {**BO, **PHONE}),
        ({**ANA, "loyalty": "7"}, {**BO, "loyalty": "7"}),
        ({"loyalty": "7"}, {**BO, "loyalty": "7"}),
        ({**ANA, **TABLET}, {**BO, **TABLET}),
        ({"id": "1", "email": "mia@firma.example"}, {"id": "2", "email": "mia@firma.example"}),
        ({**SHOP_1, "email": "info@firma.example"}, {**SHOP_2, "email": "info@firma.example"}),
    ],
    ids=["id and phone", "email and phone", "card", "a card alone", "device", "the merchant's own ids", "mailbox"],
)
def test_who_brings_a_key_of_their_own_is_not_swallowed_by_a_weaker_one(first: Any, second: Any):
    house = House()

    one, other = hears(house, first, second)

    assert customer(house, one).id != customer(house, other).id
    assert customer(house, other).facts.counts["use"] == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({**ANA, **PHONE}, PHONE),
        (PHONE, {**ANA, **PHONE}),
        ({**ANA, **SHOP_1}, {**ANA, **SHOP_2}),
        ({**ANA, "loyalty": "7"}, {"loyalty": "7"}),
        ({**ANA, **TABLET}, TABLET),
    ],
    ids=["the phone alone", "the phone first", "an account that was made again", "the card alone", "the device alone"],
)
def test_who_brings_nothing_else_is_found_by_a_weaker_key(first: Any, second: Any):
    house = House()

    one, other = hears(house, first, second)

    assert customer(house, one).id == customer(house, other).id


def test_who_is_kept_apart_stays_so_when_the_event_comes_again():
    house = House()
    _, other = hears(house, {**ANA, **PHONE}, {**BO, **PHONE})

    house.engine = house.another_engine()
    house.hears(other, now=NOON + DAY)

    assert customer(house, other).facts.counts["use"] == 1


# Proposals


def test_two_who_share_a_phone_and_a_name_in_either_order_are_proposed_once():
    house = House()
    one = {**ANA, **PHONE, "name": "Wang Xiaoming"}
    other = {**BO, **PHONE, "name": "Xiao Ming WANG"}

    events = hears(house, one, other, other, one)
    house.hears(*events, now=NOON + DAY)

    (proposal,) = waiting(house)
    assert (proposal.kinds, proposal.agree, proposal.disagree) == (("phone",), ("name",), ())
    assert proposal.score == 60
    assert {proposal.one, proposal.other} == {customer(house, event).id for event in events[:2]}


def test_a_proposal_names_nobody():
    house = House()

    hears(house, {**ANA, **PHONE, "name": "Wang Wei"}, {**BO, **PHONE, "name": "Wei Wang"})

    written = [item.body for item in house.table.query("PROPOSALS").items]
    assert len(written) == 1
    assert not any(word in written[0].lower() for word in ("wang", "example", "6123"))


@pytest.mark.parametrize("answer", ["rejected", "accepted"])
def test_what_was_answered_is_not_asked_again_for_the_same_reason(answer: Any):
    house = House()
    events = hears(house, {**SHOP_1, **PHONE}, {**SHOP_2, **PHONE})
    (proposal,) = waiting(house)
    house.proposals.answer(proposal.id, answer, "lee", NOON + DAY)

    house.hears(*events, now=NOON + 2 * DAY)

    assert waiting(house) == ()


def test_what_was_rejected_is_asked_again_for_another_reason():
    house = House()
    hears(house, {**SHOP_1, **PHONE, "loyalty": "7"}, {**SHOP_2, **PHONE})
    (proposal,) = waiting(house)
    house.proposals.answer(proposal.id, "rejected", "lee", NOON + DAY)

    house.hears(seen({**SHOP_2, "email": "new@example.com", "loyalty": "7"}, NOON + 2 * DAY))

    (again,) = waiting(house)
    assert (again.id, again.kinds) == (proposal.id, ("loyalty", "phone"))


def test_nobody_is_proposed_who_is_one_already():
    house = House()
    hears(house, ANA, TABLET, {**ANA, **TABLET})

    hears(house, {**TABLET, **BO}, {**ANA, **TABLET}, TABLET)

    assert waiting(house) == ()


def test_nobody_is_asked_about_two_who_could_not_be_merged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perennial.matching.LONGEST_LIVES", 1)
    house = House()

    one, other = hears(house, {**SHOP_1, **PHONE}, {**SHOP_2, **PHONE})

    assert waiting(house) == ()
    assert customer(house, one).id != customer(house, other).id
