"""Shopify's webhooks: what is trusted, and which events each topic gives."""

import base64
import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import NOBODY, Event, OrderData, ShipmentState
from perennial.sources import Forged, Ignored, NotUnderstood, shopify
from perennial.sources.shopify_payloads import MOST_ITEMS

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRETS = ("the-current-secret", "the-previous-secret")


def an_order(**changes: Any) -> dict[str, Any]:
    order = {
        "id": 6121873809410004711,
        "name": "#1001",
        "email": "ana@example.com",
        "created_at": "2026-06-01T09:00:00-05:00",
        "processed_at": "2026-06-01T09:00:01-05:00",
        "updated_at": "2026-06-01T09:05:00-05:00",
        "cancelled_at": None,
        "financial_status": "pending",
        "currency": "USD",
        "total_price": "108.00",
        "total_price_set": {
            "shop_money": {"amount": "108.00", "currency_code": "USD"},
            "presentment_money": {"amount": "1998.00", "currency_code": "MXN"},
        },
        "checkout_token": "chk-1",
        "cart_token": "cart-1",
        "buyer_accepts_marketing": False,
        "customer_locale": "es-MX",
        "customer": {"id": 7705406506930370084, "email": "ana@example.com", "first_name": "Ana", "last_name": "Ruiz"},
        "shipping_address": {"address1": "Calle 1", "city": "Puebla", "zip": "72000", "country_code": "MX"},
        "line_items": [{"id": 1, "product_id": 632910392, "title": "Mirror", "quantity": 1, "price": "108.00"}],
        "fulfillments": [],
        "refunds": [],
    }
    return order | changes


def a_parcel(**changes: Any) -> dict[str, Any]:
    parcel = {
        "id": 4001,
        "order_id": 6121873809410004711,
        "status": "success",
        "shipment_status": None,
        "tracking_company": "UPS",
        "tracking_number": "1Z827WK74630",
        "email": "ana@example.com",
        "created_at": "2026-06-02T10:00:00-05:00",
        "updated_at": "2026-06-03T10:00:00-05:00",
    }
    return parcel | changes


def a_refund(**changes: Any) -> dict[str, Any]:
    money = {"shop_money": {"amount": "50.00", "currency_code": "USD"}}
    refund = {
        "id": 509562969,
        "order_id": 6121873809410004711,
        "created_at": "2026-06-05T10:00:00-05:00",
        "processed_at": "2026-06-05T10:00:01-05:00",
        "note": "too heavy",
        "return": None,
        "refund_line_items": [{"subtotal": 50.00, "total_tax": 4.00, "subtotal_set": money, "restock_type": "cancel"}],
        "transactions": [{"kind": "refund", "status": "success", "amount": "54.00", "currency": "USD"}],
        "order_adjustments": [],
    }
    return refund | changes


def a_customer(**changes: Any) -> dict[str, Any]:
    customer = {
        "id": 7705406506930370084,
        "email": "ana@example.com",
        "phone": "+525512345678",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "created_at": "2026-05-01T10:00:00Z",
        "updated_at": "2026-06-01T10:00:00Z",
        "email_marketing_consent": {"state": "not_subscribed", "opt_in_level": None, "consent_updated_at": None},
        "sms_marketing_consent": None,
        "default_address": {"country_code": "MX"},
    }
    return customer | changes


def a_checkout(**changes: Any) -> dict[str, Any]:
    checkout = {
        "token": "chk-1",
        "cart_token": "cart-1",
        "email": "ana@example.com",
        "updated_at": "2026-06-01T08:00:00-05:00",
        "completed_at": None,
        "currency": "USD",
        "presentment_currency": "MXN",
        "total_price": "1998.00",
        "abandoned_checkout_url": "https://demo.example/recover?key=secret",
        "line_items": [{"key": "0fed", "product_id": 632910392, "title": "Mirror", "quantity": 2, "price": "999.00"}],
    }
    return checkout | changes


def translated(topic: str, payload: object, headers: Mapping[str, str] | None = None) -> dict[str, Event]:
    """Events by type and what tells them apart: the end of their ids."""
    named = {"x-shopify-topic": topic, "x-shopify-event-id": "evt", **(headers or {})}
    events = shopify.translate(named, json.dumps(payload).encode(), "demo", NOW)
    by_name = {event.id.removeprefix("evt:"): event for event in events}
    assert len(by_name) == len(events)
    return by_name


def headers_for(body: bytes, secret: str) -> dict[str, str]:
    return {name.lower(): value for name, value in signed("shopify", body, {}, secret, NOW).items()}


# ── whom to trust ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_known_answer_verifies() -> None:
    """RFC 4231, test case 2, as Shopify would send it."""
    digest = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    headers = {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}

    shopify.verify(headers, b"what do ya want for nothing?", ["Jefe"], [NOW])


@pytest.mark.parametrize("secret", SECRETS)
def test_either_of_two_active_secrets_is_good(secret: str) -> None:
    body = '{"note":"é ✓ 中文"}'.encode()

    shopify.verify(headers_for(body, secret), body, SECRETS, [NOW])


def test_a_secret_that_was_taken_away_is_not() -> None:
    with pytest.raises(Forged):
        shopify.verify(headers_for(b"{}", "long-gone-secret"), b"{}", SECRETS, [NOW])


@pytest.mark.parametrize("signature", ["", "x", "Ä" * 44, "中文", "=", "A" * 44])
def test_an_odd_signature_is_forged(signature: str) -> None:
    with pytest.raises(Forged):
        shopify.verify({"x-shopify-hmac-sha256": signature}, b"{}", SECRETS, [NOW])


def test_no_signature_is_forged() -> None:
    with pytest.raises(Forged):
        shopify.verify({}, b"{}", SECRETS, [NOW])


def test_a_cut_body_is_forged() -> None:
    body = json.dumps(an_order()).encode()

    with pytest.raises(Forged):
        shopify.verify(headers_for(body, SECRETS[0]), body[:-1], SECRETS, [NOW])


def test_without_secrets_nothing_is_trusted() -> None:
    with pytest.raises(Forged):
        shopify.verify(headers_for(b"{}", ""), b"{}", [], [NOW])


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_order_is_placed() -> None:
    events = translated("orders/create", an_order())

    placed = events["order.placed"]
    assert list(events) == ["order.placed"]
    assert (placed.source, placed.store, placed.time) == ("shopify", "demo", datetime(2026, 6, 1, 14, tzinfo=UTC))
    assert placed.data.order.id == "6121873809410004711"
    assert placed.data.order.total.model_dump(mode="json") == {"amount": "1998.00", "currency": "MXN"}
    assert placed.data.order.base == Decimal("108.00")
    assert placed.data.order.items[0].product == "632910392"
    person = placed.data.customer
    assert (person.ids, person.email, person.first_name) == (
        {"shopify": "7705406506930370084"},
        "ana@example.com",
        "Ana",
    )
    assert (person.locale, person.country) == ("es-MX", "MX")


def test_ids_beyond_javascript_stay_exact() -> None:
    placed = translated("orders/create", an_order(id=820982911946154508))["order.placed"]

    assert placed.data.order.id == "820982911946154508"


def test_the_fields_tell_each_state_the_order_is_in() -> None:
    order = an_order(
        financial_status="partially_refunded",
        cancelled_at="2026-06-04T10:00:00Z",
        fulfillments=[a_parcel(shipment_status="delivered")],
        refunds=[a_refund()],
        buyer_accepts_marketing=True,
    )

    events = translated("orders/updated", order)

    assert set(events) == {
        "order.placed",
        "order.paid",
        "order.cancelled",
        "consent.changed:email",
        "order.shipped:4001",
        "shipment.updated:4001",
        "order.delivered:4001",
        "order.refunded:509562969",
    }
    assert events["order.cancelled"].time == datetime(2026, 6, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("orders/paid", "order.paid"),
        ("orders/cancelled", "order.cancelled"),
        ("orders/fulfilled", "order.shipped"),
        ("orders/partially_fulfilled", "order.shipped"),
    ],
)
def test_the_topic_tells_a_state_that_the_fields_do_not(topic: str, event: str) -> None:
    assert list(translated(topic, an_order())) == ["order.placed", event]


@pytest.mark.parametrize("topic", ["orders/paid", "orders/cancelled", "orders/fulfilled"])
def test_topic_and_fields_together_say_it_once(topic: str) -> None:
    order = an_order(financial_status="paid", cancelled_at="2026-06-04T10:00:00Z", fulfillments=[a_parcel()])

    assert set(translated(topic, order)) == {"order.placed", "order.paid", "order.cancelled", "order.shipped:4001"}


def test_an_order_is_not_paid_before_it_was_placed() -> None:
    order = an_order(financial_status="paid", processed_at="2021-01-01T00:00:00Z")

    events = translated("orders/updated", order)

    assert events["order.paid"].time == events["order.placed"].time


def test_a_box_left_empty_withdraws_no_consent() -> None:
    assert "consent.changed:email" not in translated("orders/create", an_order(buyer_accepts_marketing=False))


@pytest.mark.parametrize("customer", [None, [], {}])
def test_a_guest_is_known_by_what_was_typed(customer: object) -> None:
    order = an_order(customer=customer, email=None, contact_email="guest@example.com", phone="+34600000000")

    person = translated("orders/create", order)["order.placed"].data.customer

    assert (person.ids, person.email, person.phone) == ({}, "guest@example.com", "+34600000000")


def test_without_the_set_the_total_is_in_the_shop_s_currency() -> None:
    placed = translated("orders/create", an_order(total_price_set=[]))["order.placed"]

    assert placed.data.order.total.model_dump(mode="json") == {"amount": "108.00", "currency": "USD"}


def test_an_order_without_a_time_happened_when_it_was_triggered() -> None:
    order = an_order(created_at=None, processed_at=None)

    events = translated("orders/create", order, {"x-shopify-triggered-at": "2026-06-02T01:02:03.290670248Z"})

    assert events["order.placed"].time == datetime(2026, 6, 2, 1, 2, 3, 290000, tzinfo=UTC)


@pytest.mark.parametrize("trigger", ["", "yesterday", "2026-06-02T01:02:03"])
def test_without_any_time_it_happened_when_it_came(trigger: str) -> None:
    order = an_order(created_at=None, processed_at=None)

    assert translated("orders/create", order, {"x-shopify-triggered-at": trigger})["order.placed"].time == NOW


def test_an_unreadable_country_or_language_loses_no_order() -> None:
    order = an_order(shipping_address={"country_code": "Mexixo"}, customer_locale="¿?")

    person = translated("orders/create", order)["order.placed"].data.customer

    assert (person.country, person.locale) == (None, None)


def test_an_order_and_its_checkout_name_the_same_cart() -> None:
    cart = translated("checkouts/create", a_checkout())["cart.abandoned"].data.cart

    assert translated("orders/create", an_order())["order.placed"].data.order.cart == cart.id


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fulfillment_ships_the_order() -> None:
    events = translated("fulfillments/create", a_parcel())

    shipped = events["order.shipped:4001"]
    assert list(events) == ["order.shipped:4001"]
    assert shipped.data.shipment.tracking == "1Z827WK74630"
    assert shipped.data.order.id == "6121873809410004711"
    assert shipped.data.customer.email == "ana@example.com"


def test_what_was_in_an_order_is_told_once_and_not_with_each_parcel() -> None:
    order = an_order(fulfillments=[a_parcel(shipment_status="delivered")], refunds=[a_refund()])

    told = translated("orders/fulfilled", order)

    orders = {name: event.data.order for name, event in told.items() if isinstance(event.data, OrderData)}
    assert {name for name, order in orders.items() if order.items} == {"order.placed"}
    assert {"order.shipped:4001", "order.delivered:4001", "order.refunded:509562969"} < orders.keys()
    assert {order.name for order in orders.values()} == {"#1001"}


@pytest.mark.parametrize("many", ["fulfillments", "refunds"])
@pytest.mark.parametrize(("count", "is_read"), [(MOST_ITEMS, True), (MOST_ITEMS + 1, False)])
def test_an_order_has_no_more_parcels_and_refunds_than_lines(many: str, count: int, is_read: bool) -> None:
    one = a_parcel() if many == "fulfillments" else a_refund()
    order = an_order(**{many: [one | {"id": number} for number in range(count)]})

    with nullcontext() if is_read else pytest.raises(NotUnderstood, match=many):
        assert len(translated("orders/create", order)) == count + 1


@pytest.mark.parametrize("status", ["cancelled", "error", "failure"])
def test_a_fulfillment_that_failed_ships_nothing(status: str) -> None:
    with pytest.raises(Ignored):
        translated("fulfillments/update", a_parcel(status=status))


def test_a_fulfillment_without_number_is_still_one_parcel() -> None:
    events = translated("fulfillments/update", a_parcel(tracking_number=None, shipment_status="in_transit"))

    assert events["shipment.updated:4001"].data.shipment.tracking == "fulfillment-4001"


@pytest.mark.parametrize(
    ("status", "state", "delivered"),
    [
        ("label_printed", ShipmentState.LABEL_CREATED, False),
        ("in_transit", ShipmentState.IN_TRANSIT, False),
        ("out_for_delivery", ShipmentState.OUT_FOR_DELIVERY, False),
        ("attempted_delivery", ShipmentState.DELIVERY_FAILED, False),
        ("delivered", ShipmentState.DELIVERED, True),
        ("failure", ShipmentState.EXCEPTION, False),
    ],
)
def test_fulfillment_events_move_the_parcel(status: str, state: ShipmentState, delivered: bool) -> None:
    told = {"id": 1, "fulfillment_id": 4001, "order_id": 9, "status": status, "happened_at": "2026-06-03T10:00:00Z"}

    events = translated("fulfillment_events/create", told)

    assert events["shipment.updated"].data.shipment.state is state
    assert ("order.delivered:4001" in events) is delivered


def test_a_parcel_state_that_is_new_to_us_is_kept_for_a_person() -> None:
    told = {"id": 1, "fulfillment_id": 2, "order_id": 3, "status": "teleported"}

    with pytest.raises(NotUnderstood, match="status"):
        translated("fulfillment_events/create", told)


# ── money and goods that come back ───────────────────────────────────────────────────────────────────────────────────


def test_a_refund_is_what_the_transactions_paid_back() -> None:
    failed = {"kind": "refund", "status": "failure", "amount": "9.00", "currency": "USD"}
    payload = a_refund(transactions=[failed, *a_refund()["transactions"]])

    events = translated("refunds/create", payload)

    assert list(events) == ["order.refunded:509562969"]
    refund = events["order.refunded:509562969"].data.refund
    assert refund.total.model_dump(mode="json") == {"amount": "54.00", "currency": "USD"}


def test_without_transactions_a_refund_is_what_its_lines_come_to() -> None:
    shipping_too = [{"amount": "-10.00", "tax_amount": "-1.00", "kind": "shipping_refund"}]

    events = translated("refunds/create", a_refund(transactions=[], order_adjustments=shipping_too))

    refund = events["order.refunded:509562969"].data.refund
    assert (refund.total.amount, refund.base) == (Decimal("65.00"), Decimal("65.00"))


def test_a_refund_of_nothing_is_nothing() -> None:
    with pytest.raises(Ignored):
        translated("refunds/create", a_refund(transactions=[], refund_line_items=[]))


@pytest.mark.parametrize("change", [{"return": {"id": 7}}, {"refund_line_items": [{"restock_type": "return"}]}])
def test_goods_that_come_back_with_a_refund_are_a_return(change: dict[str, Any]) -> None:
    returned = translated("refunds/create", a_refund(**change))["order.returned:509562969"]

    assert (returned.data.order.id, returned.data.reason) == ("6121873809410004711", "too heavy")


@pytest.mark.parametrize("order", [{"order_id": 4783296544821}, {"order": {"id": 4783296544821}}])
def test_a_closed_return_is_a_return(order: dict[str, Any]) -> None:
    returned = translated("returns/close", {"id": 12, "status": "closed", **order})["order.returned:12"]

    assert returned.data.order.id == "4783296544821"


# ── carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_checkout_left_standing_is_an_abandoned_cart() -> None:
    abandoned = translated("checkouts/update", a_checkout())["cart.abandoned"]

    assert abandoned.time == datetime(2026, 6, 1, 13, tzinfo=UTC)
    assert abandoned.data.cart.total.model_dump(mode="json") == {"amount": "1998.00", "currency": "MXN"}
    assert abandoned.data.cart.url == "https://demo.example/recover?key=secret"


@pytest.mark.parametrize("change", [{"completed_at": "2026-06-01T09:00:00Z"}, {"email": None}])
def test_a_completed_or_nameless_checkout_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(Ignored):
        translated("checkouts/update", a_checkout(**change))


# ── customers and consent ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_account_is_a_sign_up() -> None:
    events = translated("customers/create", a_customer())

    assert list(events) == ["customer.signed_up"]
    assert events["customer.signed_up"].time == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert events["customer.signed_up"].data.customer.phone == "+525512345678"


@pytest.mark.parametrize("topic", ["customers/update", "customers/enable", "customers/disable"])
def test_a_changed_account_is_an_update(topic: str) -> None:
    assert list(translated(topic, a_customer())) == ["customer.updated"]


def test_a_deleted_account_is_told() -> None:
    deleted = translated("customers/delete", {"id": 77, "phone": None, "addresses": []})["customer.deleted"]

    assert deleted.data.customer.ids == {"shopify": "77"}


@pytest.mark.parametrize(("state", "granted"), [("subscribed", True), ("unsubscribed", False)])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_clear_consent_is_told_with_its_own_time(state: str, granted: bool, channel: str) -> None:
    consent = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": "2026-05-20T00:00:00Z"}

    events = translated("customers/update", a_customer(**{f"{channel}_marketing_consent": consent}))

    changed = events[f"consent.changed:{channel}"]
    assert (changed.data.granted, changed.data.channel, changed.data.purpose) == (granted, channel, "marketing")
    assert changed.time == datetime(2026, 5, 20, tzinfo=UTC)


@pytest.mark.parametrize("state", ["not_subscribed", "pending", "invalid", "redacted", None])
def test_an_unclear_consent_is_none(state: str | None) -> None:
    consent = {"state": state, "consent_updated_at": "2026-05-20T00:00:00Z"}

    assert "consent.changed:email" not in translated("customers/update", a_customer(email_marketing_consent=consent))


def test_a_consent_said_again_does_not_undo_a_later_withdrawal() -> None:
    """Without a time of its own a yes counts from the account's beginning, not from today's update."""
    old_style = a_customer(email_marketing_consent=None, accepts_marketing=True)

    assert translated("customers/update", old_style)["consent.changed:email"].time == datetime(
        2026, 5, 1, 10, tzinfo=UTC
    )
    assert "consent.changed:email" not in translated("customers/update", old_style | {"created_at": None})


@pytest.mark.parametrize(
    ("state", "level", "confirmed"),
    [
        ("subscribed", "confirmed_opt_in", True),
        ("subscribed", "CONFIRMED_OPT_IN", True),
        ("subscribed", "single_opt_in", False),
        ("subscribed", None, False),
        ("unsubscribed", "confirmed_opt_in", False),
    ],
)
def test_shopify_s_own_double_opt_in_is_a_confirmation(state: str, level: str | None, confirmed: bool) -> None:
    said = {"state": state, "opt_in_level": level, "consent_updated_at": "2026-05-20T00:00:00Z"}

    found = translated("customers/update", a_customer(email_marketing_consent=said))["consent.changed:email"]

    assert found.data.confirmed is confirmed


def test_no_longer_accepting_marketing_is_a_withdrawal_only_when_it_was_changed() -> None:
    never = a_customer(email_marketing_consent=None, accepts_marketing=False)
    changed = never | {"accepts_marketing_updated_at": "2026-05-30T00:00:00Z"}

    assert "consent.changed:email" not in translated("customers/update", never)
    assert translated("customers/update", changed)["consent.changed:email"].data.granted is False


def test_consent_topics_give_consent() -> None:
    consent = {"state": "unsubscribed", "opt_in_level": None, "consent_updated_at": None}
    email = {"customer_id": 77, "email_address": "ana@example.com", "email_marketing_consent": consent}
    sms = {"id": 77, "phone": "+525512345678", "sms_marketing_consent": consent}

    by_email = translated("customers_email_marketing_consent/update", email)["consent.changed:email"]
    by_sms = translated("customers_marketing_consent/update", sms)["consent.changed:sms"]

    assert (by_email.data.granted, by_email.data.customer.email, by_email.time) == (False, "ana@example.com", NOW)
    assert (by_sms.data.granted, by_sms.data.customer.ids) == (False, {"shopify": "77"})


A_MERGE = {
    "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/7705406506930370084",
    "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/77",
    "admin_graphql_api_job_id": None,
    "status": "completed",
    "errors": [],
}


def test_accounts_that_the_shop_merged_are_told_as_one_person_under_the_id_that_is_kept() -> None:
    person = translated("customers/merge", A_MERGE)["customer.updated"].data.customer

    assert (person.ids, person.former) == ({"shopify": "7705406506930370084"}, {"shopify": "77"})


@pytest.mark.parametrize("status", ["failed", "in_progress", None])
def test_a_merge_that_is_not_completed_changes_nothing(status: str | None) -> None:
    with pytest.raises(Ignored, match="both are still there"):
        translated("customers/merge", {**A_MERGE, "status": status})


# ── disputes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_dispute(**changes: Any) -> dict[str, Any]:
    dispute = {
        "id": 285332461850802063,
        "order_id": 6121873809410004711,
        "type": "chargeback",
        "amount": "108.00",
        "currency": "USD",
        "reason": "product_not_received",
        "network_reason_code": "4855",
        "status": "needs_response",
        "evidence_due_by": "2026-06-25T19:00:00-05:00",
        "evidence_sent_on": None,
        "finalized_on": None,
        "initiated_at": "2026-06-14T10:00:00-05:00",
    }
    return dispute | changes


def disputed(**changes: Any) -> dict[str, Event]:
    """Events by id: those of a dispute are named after it, and not after the delivery."""
    body = json.dumps(a_dispute(**changes)).encode()
    events = shopify.translate({"x-shopify-topic": "disputes/update", "x-shopify-event-id": "e"}, body, "demo", NOW)
    return {event.id.removeprefix("dispute-285332461850802063:"): event for event in events}


@pytest.mark.parametrize(("kind", "mood"), [("chargeback", -1.0), ("inquiry", -0.5), ("something new", None)])
def test_a_dispute_is_an_open_ticket_of_a_customer_who_went_to_the_bank(kind: str, mood: float | None) -> None:
    opened = disputed(type=kind)["ticket.opened"]

    ticket = opened.data.ticket
    assert opened.time == datetime(2026, 6, 14, 15, tzinfo=UTC)
    assert (ticket.id, ticket.order, ticket.intent) == ("dispute-285332461850802063", "6121873809410004711", "dispute")
    assert (ticket.channel, ticket.by, ticket.sentiment) == ("bank", "customer", mood)
    asked = "over 108.00 USD: product_not_received; answer the bank by 2026-06-26 00:00 UTC"
    assert ticket.subject == f"payment {kind} {asked}"


def test_a_dispute_told_again_is_the_same_event() -> None:
    body = json.dumps(a_dispute()).encode()
    first = {"x-shopify-topic": "disputes/create", "x-shopify-event-id": "one"}
    later = {"x-shopify-topic": "disputes/update", "x-shopify-event-id": "other"}

    assert shopify.translate(first, body, "demo", NOW) == shopify.translate(later, body, "demo", NOW)


@pytest.mark.parametrize("status", sorted(shopify.CLOSED_DISPUTES))
def test_a_dispute_that_the_bank_has_decided_is_resolved(status: str) -> None:
    events = disputed(status=status, finalized_on="2026-07-20T10:00:00Z")

    assert set(events) == {"ticket.opened", f"ticket.resolved:{status}"}
    assert events[f"ticket.resolved:{status}"].time == datetime(2026, 7, 20, 10, tzinfo=UTC)


def test_a_dispute_says_what_it_knows() -> None:
    bare = disputed(type=None, amount=None, reason=None, evidence_due_by=None)["ticket.opened"].data.ticket

    assert (bare.subject, bare.sentiment) == ("payment dispute: no reason given", None)


def test_a_dispute_about_no_order_is_kept_for_a_person() -> None:
    with pytest.raises(NotUnderstood, match="order_id"):
        disputed(order_id=None)


# ── privacy ──────────────────────────────────────────────────────────────────────────────────────────────────────────

DATA_REQUEST = {
    "shop_id": 954889,
    "shop_domain": "demo.myshopify.com",
    "orders_requested": [299938],
    "customer": {"id": 191167, "email": "ana@example.com", "phone": "+525512345678"},
    "data_request": {"id": 9999},
}
REDACT = {**DATA_REQUEST, "data_request": None, "orders_to_redact": [299938]}


def test_a_data_request_asks_for_an_export_within_thirty_days() -> None:
    asked = translated("customers/data_request", DATA_REQUEST)["privacy.requested"]

    assert (asked.data.request, asked.data.request_id) == ("export", "9999")
    assert (asked.time, asked.data.due_at) == (NOW, datetime(2026, 7, 15, 12, tzinfo=UTC))
    person = asked.data.customer
    assert (person.ids, person.email, person.phone) == ({"shopify": "191167"}, "ana@example.com", "+525512345678")


def test_a_redaction_asks_for_erasure_under_the_number_of_the_event() -> None:
    asked = translated("customers/redact", REDACT)["privacy.requested"]

    assert (asked.data.request, asked.data.request_id) == ("erase", "evt")
    assert asked.data.customer.ids == {"shopify": "191167"}


def test_a_shop_redaction_asks_for_the_whole_store() -> None:
    asked = translated("shop/redact", {"shop_id": 954889, "shop_domain": "demo.myshopify.com"})["privacy.requested"]

    assert (asked.data.request, asked.data.customer, asked.store) == ("erase_shop", NOBODY, "demo")


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact"])
@pytest.mark.parametrize("customer", [None, {}, {"email": "ana@example.com"}, []])
def test_a_privacy_topic_that_names_nobody_is_kept_for_a_person(topic: str, customer: object) -> None:
    with pytest.raises(NotUnderstood, match="customer"):
        translated(topic, {**DATA_REQUEST, "customer": customer})


def test_a_shop_redaction_of_no_shop_is_kept_for_a_person() -> None:
    with pytest.raises(NotUnderstood, match="shop_id"):
        translated("shop/redact", {})


@pytest.mark.parametrize("customer", [None, {"id": 7705406506930370084}])
def test_a_deleted_order_counts_as_cancelled(customer: object) -> None:
    gone = translated("orders/delete", {"id": 6121873809410004711, "customer": customer})["order.cancelled"]

    assert (gone.data.order.id, gone.time) == ("6121873809410004711", NOW)
    assert gone.data.order.total is None


# ── what is no event ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("topic", sorted(shopify.IGNORED))
def test_topics_that_change_nothing_are_ignored_with_a_reason(topic: str) -> None:
    with pytest.raises(Ignored, match=topic):
        translated(topic, {})


@pytest.mark.parametrize("topic", sorted(shopify.FOR_A_PERSON))
def test_topics_for_a_person_are_kept(topic: str) -> None:
    with pytest.raises(NotUnderstood, match="needs a person"):
        translated(topic, {})


@pytest.mark.parametrize("topic", ["products/update", "inventory_levels/update", "shop/update", "draft_orders/create"])
def test_topics_about_the_shop_and_its_goods_are_ignored(topic: str) -> None:
    with pytest.raises(Ignored, match="not about a customer"):
        translated(topic, {})


@pytest.mark.parametrize("topic", ["", "orders", "customers/unheard_of", "ORDERS/CREATE"])
def test_an_unknown_topic_is_kept(topic: str) -> None:
    with pytest.raises(NotUnderstood, match="X-Shopify-Topic"):
        translated(topic, an_order())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": None}, "id"),
        ({"total_price": "a lot"}, "total_price"),
        ({"line_items": {"0": "?"}}, "line_items"),
        ({"customer": "Ana"}, "customer"),
        ({"created_at": "2026-06-01T09:00:00"}, "created_at"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at"),
        ({"total_price": [None, None, None]}, "total_price"),
    ],
)
def test_a_wrong_type_is_told_by_its_path_and_without_its_value(change: dict[str, Any], path: str) -> None:
    with pytest.raises(NotUnderstood, match=path) as told:
        translated("orders/create", an_order(**change))

    assert "Ana" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_events_of_one_webhook_have_ids_of_their_own_and_keep_them_when_it_comes_again() -> None:
    order = an_order(financial_status="paid")
    headers = {"x-shopify-topic": "orders/create", "x-shopify-webhook-id": "w-1"}

    first = shopify.translate(headers, json.dumps(order).encode(), "demo", NOW)
    again = shopify.translate(headers, json.dumps(order).encode(), "demo", NOW)

    assert [event.id for event in first] == ["w-1:order.placed", "w-1:order.paid"]
    assert first == again


def test_without_any_id_topic_and_body_are_the_id() -> None:
    body = json.dumps(an_order()).encode()

    created = shopify.translate({"x-shopify-topic": "orders/create"}, body, "demo", NOW)[0].id
    updated = shopify.translate({"x-shopify-topic": "orders/updated"}, body, "demo", NOW)[0].id

    assert created == shopify.translate({"x-shopify-topic": "orders/create"}, body, "demo", NOW)[0].id
    assert created != updated


def test_the_codes_that_an_order_was_paid_with_are_told_with_what_they_took_off_in_the_shop_s_currency() -> None:
    codes = [
        {"code": "TENOFF", "amount": "10.00", "type": "fixed_amount"},
        {"code": " spring ", "amount": 5.4321, "type": "percentage"},
        {"code": "", "amount": "1"}, {"code": "x" * 201, "amount": "1"}, {"code": "ODD", "amount": "1e12"},
        *({"code": f"MANY{number}", "amount": "1"} for number in range(30)),
    ]  # fmt: skip

    events = translated("orders/create", an_order(discount_codes=codes)).values()
    placed = next(event.data.order for event in events if event.type == "order.placed")

    assert [(each.code, each.base) for each in placed.coupons[:3]] == [
        ("TENOFF", Decimal("10.00")), ("spring", Decimal("5.43")), ("ODD", None),
    ]  # fmt: skip
    assert len(placed.coupons) <= 20


@pytest.mark.parametrize("codes", [None, [], [{}], [{"code": None, "amount": None}]])
def test_an_order_without_codes_tells_of_none(codes: Any) -> None:
    for event in translated("orders/create", an_order(discount_codes=codes)).values():
        assert isinstance(event.data, OrderData)
        assert event.data.order.coupons == ()
