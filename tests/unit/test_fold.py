"""Promise 4: folding a customer's events in any order gives the same facts, and old events never pull time back.

Examples; tests/properties/test_folding.py looks for what nobody thought of.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from perennial.domain.conditions import FACT_FIELDS
from perennial.domain.customer import MOST_PARCELS, RECENT_CARTS, RECENT_ORDERS, RECENT_TICKETS, Facts
from perennial.domain.events import Event, impersonal
from perennial.domain.fold import fold
from perennial.domain.settled import recalls
from perennial.domain.summary import customer_fields, is_activated, summary_of, value_of
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_cart,
    a_policy,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    folded,
    parcel,
    placed,
    shipped,
    the_policy,
    written,
)


def in_every_order(*events: Event) -> Facts:
    """The facts, which are the same for some fifty orders of these events."""
    facts, chance = folded(events), random.Random(7)
    for _ in range(50):
        shuffled = chance.sample(events, len(events))
        assert written(folded(shuffled)) == written(facts)
    return facts


# Orders


def test_the_same_order_created_updated_and_paid_is_one_purchase():
    facts = in_every_order(
        placed(NOON, order="o-1"), placed(NOON + HOUR, order="o-1", placed_at=NOON), an_order_event("paid", NOON + HOUR)
    )

    assert summary_of(facts).purchases == 1
    assert facts.orders["o-1"].placed_at == NOON


def test_a_refund_before_its_order_lowers_its_value_all_the_same():
    facts = in_every_order(an_order_event("refunded", NOON + DAY), placed(NOON))

    assert value_of(facts) == Decimal(35)


def test_the_same_refund_told_twice_counts_once():
    facts = in_every_order(placed(), an_order_event("refunded"), an_order_event("refunded"))

    assert facts.orders["o-1"].value == Decimal(35)


def test_more_refunded_than_paid_is_worth_nothing_and_not_less():
    refund = an_event(
        "order.refunded", order={"id": "o-1"}, refund={"id": "r", "total": {"amount": "99", "currency": "USD"}}
    )

    facts = in_every_order(placed(), refund)

    assert value_of(facts) == 0


def test_an_order_that_was_never_placed_is_no_purchase():
    facts = in_every_order(an_order_event("paid"), an_order_event("delivered"))

    assert summary_of(facts).purchases == 0
    assert list(facts.strays) == ["o-1"]


def test_a_cancelled_first_order_makes_the_second_the_first():
    facts = in_every_order(
        placed(NOON, order="o-1"), an_order_event("cancelled", NOON + HOUR), placed(NOON + DAY, order="o-2")
    )

    assert summary_of(facts).moments["first_order"] == NOON + DAY
    assert summary_of(facts).purchases == 1


def test_the_terms_told_last_hold():
    facts = in_every_order(
        placed(NOON, order="o-1"),
        an_order_event("paid", NOON + HOUR, total={"amount": "38.5", "currency": "EUR"}),
    )

    assert facts.orders["o-1"].terms.base == Decimal("41.58")


def test_a_currency_without_a_rate_counts_for_nothing_and_is_kept():
    facts = in_every_order(placed(total={"amount": "1000", "currency": "XAF"}))

    assert value_of(facts) == 0
    assert facts.orders["o-1"].terms.total.currency == "XAF"


def test_the_vendors_own_base_amount_goes_before_our_rates():
    facts = in_every_order(placed(total={"amount": "1000", "currency": "XAF"}, base="1.70"))

    assert value_of(facts) == Decimal("1.70")


@pytest.mark.parametrize("state", ["paid", "delivered", "cancelled", "returned"])
def test_of_two_times_for_a_state_the_earlier_holds(state: str):
    facts = in_every_order(placed(), an_order_event(state, NOON + DAY), an_order_event(state, NOON + HOUR))

    assert getattr(facts.orders["o-1"], f"{state}_at") == NOON + HOUR


# Parcels


def test_a_delivery_before_its_shipment_finds_its_order():
    facts = in_every_order(parcel("delivered", NOON + 5 * DAY), shipped(NOON + DAY), placed(NOON))

    assert facts.orders["o-1"].delivered_at == NOON + 5 * DAY
    assert not facts.strays


def test_a_parcel_of_an_order_nobody_knows_waits_astray():
    facts = in_every_order(parcel("customs_hold"), parcel("customs_cleared", NOON + DAY))

    assert list(facts.strays) == ["~T-1"]
    assert facts.strays["~T-1"].parcels["T-1"].state == "customs_cleared"


def test_the_first_parcel_that_arrives_delivers_the_order():
    facts = in_every_order(
        placed(),
        shipped(tracking="T-1"),
        shipped(tracking="T-2"),
        parcel("delivered", NOON + 2 * DAY, tracking="T-2"),
        parcel("in_transit", NOON + 3 * DAY, tracking="T-1"),
    )

    assert facts.orders["o-1"].delivered_at == NOON + 2 * DAY


def test_an_order_keeps_no_more_parcels_than_there_is_room_for():
    events = [shipped(tracking=f"T-{number}") for number in range(MOST_PARCELS + 3)]

    facts = in_every_order(placed(), *events)

    assert sorted(facts.orders["o-1"].parcels) == [f"T-{number}" for number in range(MOST_PARCELS)]


# Settling and recalling


def orders(number: int) -> list[Event]:
    return [placed(NOON + day * DAY, order=f"o-{day:02d}") for day in range(number)]


def test_orders_beyond_the_newest_are_summed_up():
    facts = in_every_order(*orders(RECENT_ORDERS + 2))

    assert list(facts.orders) == [f"o-{day:02d}" for day in range(2, RECENT_ORDERS + 2)]
    assert (facts.totals.orders, facts.totals.purchases, facts.totals.value) == (2, 2, Decimal(80))
    assert summary_of(facts).purchases == RECENT_ORDERS + 2
    assert summary_of(facts).moments["first_order"] == NOON


@pytest.mark.parametrize(
    ("event", "total", "was", "then"),
    [
        (an_order_event("cancelled", order="o-00"), "purchases", 2, 1),
        (an_order_event("cancelled", order="o-00"), "value", Decimal(80), Decimal(40)),
        (an_order_event("refunded", order="o-00"), "refunds", 0, 1),
        (an_order_event("refunded", order="o-00"), "value", Decimal(80), Decimal(75)),
        (an_order_event("returned", order="o-00"), "returns", 0, 1),
        (an_event("product.activated", order="o-00"), "activated", 0, 1),
    ],
)
def test_what_happens_to_a_settled_order_changes_the_sums_by_just_that(event: Event, total: str, was: Any, then: Any):
    history = orders(RECENT_ORDERS + 2)

    assert getattr(folded(history).totals, total) == was
    assert getattr(in_every_order(*history, event).totals, total) == then


def test_a_late_old_order_goes_straight_to_the_sums():
    facts = folded([*orders(RECENT_ORDERS), placed(NOON - 90 * DAY, order="old")])

    assert "old" not in facts.orders
    assert summary_of(facts).moments["first_order"] == NOON - 90 * DAY
    assert summary_of(facts).moments["last_order"] == NOON + (RECENT_ORDERS - 1) * DAY


def test_only_an_order_that_may_have_left_the_record_is_recalled():
    facts = folded(orders(RECENT_ORDERS + 2))

    assert recalls(facts, an_order_event("refunded", order="o-00")) == (("order", "o-00"),)
    assert recalls(facts, an_order_event("refunded", order="o-05")) == ()
    assert recalls(facts, placed(NOON + 90 * DAY, order="o-00")) == (("order", "o-00"),)
    assert recalls(folded(orders(2)), an_order_event("refunded", order="unheard-of")) == ()


def test_the_tickets_last_touched_stay_whatever_was_heard_of_them_first():
    tickets = [a_ticket_event("opened", NOON + day * DAY, ticket=f"t-{day}") for day in range(RECENT_TICKETS + 1)]
    late = a_ticket_event("resolved", NOON + 60 * DAY, ticket="t-0")

    facts = in_every_order(*tickets, late)

    assert "t-0" in facts.tickets
    assert "t-1" not in facts.tickets
    assert facts.tickets["t-0"].opened_at == NOON
    assert facts.totals.tickets == 1


# Tickets


@pytest.mark.parametrize(
    ("states", "is_open"),
    [
        (("opened",), True),
        (("opened", "resolved"), False),
        (("opened", "resolved", "reopened"), True),
        (("opened", "resolved", "reopened", "resolved"), False),
        (("opened", "replied"), True),
    ],
)
def test_a_ticket_is_open_by_what_happened_last_not_by_what_was_heard_last(states: tuple[str, ...], is_open: bool):
    events = [a_ticket_event(state, NOON + hour * HOUR) for hour, state in enumerate(states)]

    assert in_every_order(*events).tickets["t-1"].is_open is is_open


@pytest.mark.parametrize(
    ("resolutions", "who"),
    [
        ([("agent", NOON), ("bot", NOON + DAY)], "bot"),
        ([("bot", NOON), ("agent", NOON + DAY)], "agent"),
        ([("bot", NOON), ("agent", NOON)], "agent"),
    ],
    ids=["last the bot", "last the agent", "at one instant"],
)
def test_a_ticket_is_resolved_by_who_did_so_last(resolutions: list[tuple[str, datetime]], who: str):
    facts = in_every_order(*(a_ticket_event("resolved", at, by=by) for by, at in resolutions))

    assert facts.tickets["t-1"].resolved_by == who


def test_a_ticket_opened_when_the_desk_says_is_opened_then():
    facts = in_every_order(
        a_ticket_event("resolved", NOON + DAY, opened_at=NOON), a_ticket_event("opened", NOON + MINUTE)
    )

    assert facts.tickets["t-1"].opened_at == NOON


def test_only_what_the_customer_wrote_is_a_sign_of_life_and_of_mood():
    facts = in_every_order(
        a_ticket_event("replied", NOON, by="customer", sentiment=-1.0),
        a_ticket_event("replied", NOON + DAY, by="agent", sentiment=1.0),
    )

    assert facts.contact_at == NOON
    assert facts.signals["sentiment#"].value(NOON) == pytest.approx(1)


# Words, signs and consent


def test_a_late_old_word_does_not_move_time_back():
    facts = in_every_order(
        an_event("customer.updated", NOON, customer={"email": "a@b.c", "locale": "es"}),
        an_event("customer.updated", NOON - 300 * DAY, customer={"email": "a@b.c", "locale": "en"}),
        an_event("product.viewed", NOON),
        an_event("product.viewed", NOON - 300 * DAY),
        consent(False, NOON),
        consent(True, NOON - 300 * DAY),
    )

    assert facts.about["locale"].value == "es"
    assert facts.contact_at == NOON
    assert facts.consent["marketing/email"].granted is False


def test_of_two_words_on_consent_at_one_instant_the_refusal_holds():
    facts = in_every_order(consent(True), consent(False))

    assert facts.consent["marketing/email"].granted is False


def test_whoever_was_deleted_stays_deleted():
    facts = in_every_order(an_event("customer.deleted", NOON), an_event("customer.signed_up", NOON + DAY))

    assert facts.deleted_at == NOON


def test_the_carts_last_touched_are_kept():
    events = [a_cart(NOON + day * DAY, cart=f"k-{day}") for day in range(RECENT_CARTS + 2)]

    facts = in_every_order(*events, a_cart(NOON + 90 * DAY, cart="k-0"))

    assert sorted(facts.carts) == ["k-0", *(f"k-{day}" for day in range(3, RECENT_CARTS + 2))]
    assert facts.carts["k-0"].touched_at == NOON + 90 * DAY


def test_sends_are_remembered_as_far_back_as_the_longest_cap_looks():
    policy = a_policy(caps=[{"purposes": ["marketing"], "at_most": 1, "per": "7d"}])
    sends = [
        an_event("message.sent", NOON - ago, action="a", channel="email")
        for ago in (7 * DAY, 7 * DAY + MINUTE, 0 * DAY)
    ]

    facts = folded(sends, policy)

    assert [send.at for send in facts.sends] == [NOON - 7 * DAY, NOON]


def test_only_what_some_play_watches_for_is_noted():
    watched = "review.posted"
    policy = a_policy(
        plays=[
            {
                "id": "p",
                "on": "order.delivered",
                "after": "3d",
                "unless": watched,
                "do": {"email": "survey"},
                "purpose": "service",
            }
        ]
    )

    facts = folded([an_event("review.posted", id="v1", rating=3), an_event("product.viewed")], policy)

    assert list(facts.latest) == ["review.posted"]


def test_an_activation_counts_with_or_without_its_order():
    assert is_activated(in_every_order(an_event("product.activated")))
    assert is_activated(in_every_order(an_event("product.activated", order="o-9")))
    assert not is_activated(in_every_order(placed()))


def test_facts_hold_nothing_that_names_the_person():
    secrets = ("Mia", "mia@example.com", "612345678", "Calle Mayor", "1990", "why is it late", "my-secret-cart")
    person = {
        "id": "vip-1", "ids": {"shopify": "77"}, "email": "mia@example.com", "phone": "+34 612345678", "name": "Mia K",
        "first_name": "Mia", "birthday": "1990-05-17", "address": "Calle Mayor 1", "locale": "es",
    }  # fmt: skip
    events = [
        an_event("ticket.opened", customer=person, ticket={"id": "t", "subject": "Mia here", "text": "why is it late"}),
        an_event("cart.abandoned", customer=person, cart={"id": "k", "url": "https://shop.example/my-secret-cart"}),
        an_event("order.returned", customer=person, order={"id": "o"}, reason="Mia: why is it late"),
    ]

    text = written(folded([impersonal(event) for event in events])) + "".join(impersonal(e).to_json() for e in events)

    assert not [secret for secret in secrets if secret in text]
    assert folded([impersonal(event) for event in events]).about["birthday"].value == "1904-05-17"


def test_a_fact_survives_being_written_and_read():
    facts = folded([*orders(RECENT_ORDERS + 1), parcel("delivered"), a_ticket_event("opened"), consent(), a_cart()])

    assert Facts.model_validate_json(written(facts)) == facts


def test_each_field_of_a_condition_reads_the_facts():
    facts = folded(
        [
            placed(country="ES"), an_order_event("returned"), an_order_event("refunded"), a_ticket_event("opened"),
            a_cart(), an_event("product.used"), an_event("product.activated"), an_event("customer.signed_up"),
            consent(True, NOON, "sms"),
            an_event("customer.updated", customer={"email": "a@b.c", "country": "ES", "locale": "es-ES"}),
        ]
    )  # fmt: skip
    fields = customer_fields(facts, summary_of(facts), frozenset(FACT_FIELDS))

    assert fields == {
        "orders": 1, "value": 35.0, "refunds": 1, "returns": 1, "open_orders": 1, "tickets": 1, "open_tickets": 1,
        "carts": 1, "views": 1, "uses": 2, "activated": True, "signed_up": True, "country": "ES", "locale": "es-ES",
        "consent_email": False, "consent_sms": True,
    }  # fmt: skip


def test_a_cart_that_was_ordered_is_no_open_cart():
    facts = in_every_order(a_cart(NOON, cart="k-1"), placed(NOON + timedelta(hours=2), cart="k-1"))

    assert customer_fields(facts, summary_of(facts), frozenset({"carts"})) == {"carts": 0}


def test_a_fold_does_not_change_the_facts_it_began_with():
    before = folded([placed(), a_ticket_event("opened")])
    copy = written(before)

    fold(before, an_order_event("cancelled"), the_policy())

    assert written(before) == copy
