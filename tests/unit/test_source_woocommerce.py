"""WooCommerce's webhooks: what is trusted, and what an order's status and times tell."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import Event
from perennial.sources import Forged, Ignored, NotUnderstood, Ping, woocommerce

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"


def an_order(**changes: Any) -> dict[str, Any]:
    address = {"first_name": "Ana", "last_name": "Ruiz", "address_1": "Calle 1", "city": "Madrid", "country": "ES"}
    order: dict[str, Any] = {
        "id": 727,
        "number": "1727",
        "status": "processing",
        "currency": "EUR",
        "total": "29.35",
        "customer_id": 25,
        "date_created_gmt": "2026-06-01T10:00:00",
        "date_modified_gmt": "2026-06-01T10:05:00",
        "date_paid_gmt": "2026-06-01T10:04:00",
        "date_completed_gmt": None,
        "billing": {**address, "email": "ana@example.com", "phone": "600 123 456"},
        "shipping": {**address, "country": "PT"},
        "line_items": [{"id": 1, "name": "Tea", "product_id": 93, "quantity": 2, "price": 14.675}],
        "refunds": [],
        "meta_data": [],
        "payment_url": "https://shop.example/checkout/order-pay/727/?key=wc",
    }
    return order | changes


def a_customer(**changes: Any) -> dict[str, Any]:
    customer = {
        "id": 25,
        "email": "ana@example.com",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "date_created_gmt": "2026-05-01T08:00:00",
        "date_modified_gmt": "2026-05-02T08:00:00",
        "billing": {"country": "ES", "phone": ""},
    }
    return customer | changes


def translated(topic: str, payload: Mapping[str, Any]) -> tuple[Event, ...]:
    return woocommerce.translate({"x-wc-webhook-topic": topic}, json.dumps(payload).encode(), "demo", NOW)


def told(events: tuple[Event, ...]) -> dict[str, str]:
    return {event.type: event.time.isoformat() for event in events}


# What is trusted


def test_the_raw_body_is_signed() -> None:
    headers = {name.lower(): value for name, value in signed("woocommerce", b"{}", {}, SECRET, NOW).items()}

    woocommerce.verify(headers, b"{}", ["another-secret", SECRET], [NOW])

    with pytest.raises(Forged):
        woocommerce.verify(headers, b"{ }", ["another-secret", SECRET], [NOW])
    with pytest.raises(Forged):
        woocommerce.verify({}, b"{}", [SECRET], [NOW])


def test_the_trial_of_a_new_webhook_needs_no_signature() -> None:
    with pytest.raises(Ping):
        woocommerce.verify({}, b"webhook_id=12", [SECRET], [NOW])


@pytest.mark.parametrize(
    "body", [b"webhook_id=12&status=paid", b"webhook_id=", b"webhook_id=1x", b" webhook_id=1", b""]
)
def test_nothing_else_passes_without_a_signature(body: bytes) -> None:
    with pytest.raises(Forged):
        woocommerce.verify({}, body, [SECRET], [NOW])


def test_a_wrong_signature_makes_no_trial() -> None:
    with pytest.raises(Forged):
        woocommerce.verify({"x-wc-webhook-signature": "forged"}, b"webhook_id=12", [SECRET], [NOW])


# Orders


def test_an_order_that_is_being_processed_is_placed_and_paid() -> None:
    events = translated("order.created", an_order())

    assert told(events) == {
        "order.placed": "2026-06-01T10:00:00+00:00",
        "order.paid": "2026-06-01T10:04:00+00:00",
    }
    placed = events[0].data
    assert placed.order.model_dump(mode="json", exclude_none=True) == {
        "id": "727",
        "name": "#1727",
        "placed_at": "2026-06-01T10:00:00Z",
        "total": {"amount": "29.35", "currency": "EUR"},
        "country": "PT",
        "cart": "order-727",
        "items": [{"product": "93", "quantity": 2, "name": "Tea", "price": "14.675"}],
        "coupons": [],
    }
    assert placed.customer.model_dump(exclude_none=True, exclude_defaults=True) == {
        "ids": {"woocommerce": "25"},
        "email": "ana@example.com",
        "phone": "600 123 456",
        "name": "Ana Ruiz",
        "first_name": "Ana",
        "country": "PT",
        "address": "Calle 1, Madrid, PT",
    }


@pytest.mark.parametrize(
    ("written", "read"), [(6.6666666666667, "6.666667"), (33.333333333333336, "33.333333"), (5, "5"), (-1, None)]
)
def test_a_price_that_was_divided_does_not_hold_up_the_order(written: float, read: str | None) -> None:
    line = {"id": 1, "name": "Tea", "product_id": 93, "quantity": 3, "price": written}

    (item,) = translated("order.created", an_order(line_items=[line]))[0].data.order.items

    assert item.price == (read and Decimal(read))


@pytest.mark.parametrize(("written", "read"), [(0.5, 1), (1.25, 2), (-2, 0), (10**9, 1_000_000), ("0e999999", 0)])
def test_what_is_sold_by_weight_counts_as_things_that_were_bought(written: float | str, read: int) -> None:
    line = {"id": 1, "name": "Tea", "product_id": 93, "quantity": written, "price": 5}

    (item,) = translated("order.created", an_order(line_items=[line]))[0].data.order.items

    assert item.quantity == read


def test_a_guest_has_no_id() -> None:
    placed = translated("order.created", an_order(customer_id=0))[0]

    assert placed.data.customer.ids == {}
    assert placed.data.customer.email == "ana@example.com"


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_an_order_that_is_not_paid_is_a_cart_left_at_the_till(status: str) -> None:
    (left,) = translated("order.updated", an_order(status=status, date_paid_gmt=None))

    assert (left.type, left.data.cart.id) == ("cart.abandoned", "order-727")
    assert left.data.cart.url == "https://shop.example/checkout/order-pay/727/?key=wc"
    assert left.time == datetime(2026, 6, 1, 10, 5, tzinfo=UTC)


def test_an_order_on_hold_is_placed_though_its_transfer_has_not_come() -> None:
    assert list(told(translated("order.created", an_order(status="on-hold", date_paid_gmt="")))) == ["order.placed"]


def test_an_unpaid_order_of_nobody_is_ignored() -> None:
    with pytest.raises(Ignored, match="who they are"):
        translated("order.created", an_order(status="pending", date_paid_gmt=None, customer_id=0, billing=[]))


def test_a_completed_order_is_shipped_and_not_said_to_be_delivered() -> None:
    completed = an_order(status="completed", date_completed_gmt="2026-06-03T09:00:00")

    events = told(translated("order.updated", completed))

    assert events["order.shipped"] == "2026-06-03T09:00:00+00:00"
    assert "order.delivered" not in events


def test_each_parcel_of_a_tracking_plugin_is_shipped() -> None:
    tracking = [
        {"tracking_number": "YT1", "tracking_provider": "yunexpress"},
        {"tracking_number": "YT2", "custom_tracking_provider": "Correos"},
        {"tracking_number": ""},
    ]

    events = translated(
        "order.updated", an_order(meta_data=[{"key": "_wc_shipment_tracking_items", "value": tracking}])
    )

    labels = [event.data.shipment for event in events if event.type == "order.shipped"]
    assert [(label.tracking, label.carrier) for label in labels] == [("YT1", "yunexpress"), ("YT2", "Correos")]


@pytest.mark.parametrize("value", ["a:1:{i:0;s:3}", 7, [[1]], [{"tracking_number": {"no": 1}}], None])
def test_what_a_plugin_wrote_strangely_does_not_hold_up_the_order(value: Any) -> None:
    meta = [{"key": "_wc_shipment_tracking_items", "value": value}]

    assert "order.placed" in told(translated("order.updated", an_order(meta_data=meta)))


def test_a_cancelled_order_is_cancelled_when_it_was_changed() -> None:
    cancelled = an_order(status="cancelled", date_paid_gmt=None)

    assert told(translated("order.updated", cancelled)) == {"order.cancelled": "2026-06-01T10:05:00+00:00"}


def test_each_refund_is_told_with_what_came_back() -> None:
    refunds = [{"id": 801, "reason": "late", "total": "-10.00"}, {"id": 802, "total": "-5.00"}]

    events = translated("order.updated", an_order(status="refunded", refunds=refunds))

    refunded = [event for event in events if event.type == "order.refunded"]
    assert [(each.data.refund.id, str(each.data.refund.total.amount)) for each in refunded] == [
        ("801", "10.00"),
        ("802", "5.00"),
    ]
    assert len({each.id for each in refunded}) == 2


def test_a_status_of_a_plugin_is_placed_when_it_is_paid() -> None:
    assert "order.placed" in told(translated("order.updated", an_order(status="wc-engraving")))


def test_a_status_of_a_plugin_alone_tells_nothing() -> None:
    with pytest.raises(NotUnderstood, match="status"):
        translated("order.updated", an_order(status="wc-engraving", date_paid_gmt=None))


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "trash"])
def test_a_draft_is_ignored(status: str) -> None:
    with pytest.raises(Ignored):
        translated("order.created", an_order(status=status))


def test_the_same_change_has_the_same_events_whoever_tells_it() -> None:
    created, polled = (translated(topic, an_order()) for topic in ("order.created", "order.updated"))

    assert [event.to_json() for event in created] == [event.to_json() for event in polled]


def test_another_change_has_other_events() -> None:
    before, after = (
        translated("order.updated", an_order()),
        translated("order.updated", an_order(date_modified_gmt="2026-06-01T11:00:00")),
    )

    assert {event.id for event in before}.isdisjoint(event.id for event in after)


def test_times_without_a_zone_are_in_utc_and_local_ones_are_not_read() -> None:
    placed = translated("order.created", an_order(date_created="2026-06-01T12:00:00"))[0]

    assert placed.time == datetime(2026, 6, 1, 10, tzinfo=UTC)


def test_an_empty_object_may_be_an_empty_list() -> None:
    placed = translated("order.created", an_order(billing=[], shipping=[]))[0]

    assert placed.data.order.country is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total", "many"),
        ("total", None),
        ("currency", "euro"),
        ("id", None),
        ("date_paid_gmt", "yesterday"),
        ("id", []),
    ],
)
def test_what_is_not_an_order_is_not_understood_and_says_where(field: str, value: Any) -> None:
    with pytest.raises(NotUnderstood, match=field):
        translated("order.updated", an_order(**{field: value}))


@pytest.mark.parametrize("field", ["date_created_gmt", "date_modified_gmt", "date_paid_gmt"])
def test_the_reason_does_not_repeat_what_stands_in_the_place_of_a_time(field: str) -> None:
    with pytest.raises(NotUnderstood, match=field) as refused:
        translated("order.updated", an_order(**{field: "Tomas Vidal"}))

    assert "Vidal" not in str(refused.value)


# Customers and the rest


def test_a_new_account_signs_up() -> None:
    (signed_up,) = translated("customer.created", a_customer())

    assert (signed_up.type, signed_up.time) == ("customer.signed_up", datetime(2026, 5, 1, 8, tzinfo=UTC))
    assert signed_up.data.customer.ids == {"woocommerce": "25"}
    assert signed_up.data.customer.name == "Ana Ruiz"


def test_a_sign_up_is_the_same_however_often_the_account_was_changed_since() -> None:
    early, late = (
        translated("customer.created", a_customer(date_modified_gmt=changed))
        for changed in (None, "2026-05-09T08:00:00")
    )

    assert [event.id for event in early] == [event.id for event in late]


def test_a_changed_account_is_updated_when_it_was_changed() -> None:
    (updated,) = translated("customer.updated", a_customer())

    assert (updated.type, updated.time) == ("customer.updated", datetime(2026, 5, 2, 8, tzinfo=UTC))


def test_a_deleted_account_is_named_by_its_id() -> None:
    (deleted,) = translated("customer.deleted", {"id": 25})

    assert (deleted.type, deleted.data.customer.ids) == ("customer.deleted", {"woocommerce": "25"})


@pytest.mark.parametrize("topic", ["product.created", "coupon.deleted", "action.woocommerce_add_to_cart"])
def test_what_names_nobody_is_ignored(topic: str) -> None:
    with pytest.raises(Ignored):
        translated(topic, {"id": 1})


@pytest.mark.parametrize("topic", ["", "order", "order.deleted", "subscription.created"])
def test_other_topics_are_kept(topic: str) -> None:
    with pytest.raises(NotUnderstood):
        translated(topic, {"id": 1})


def test_the_coupons_of_an_order_are_told_with_what_they_took_off_tax_included() -> None:
    lines = [
        {"id": 1, "code": "tenoff", "discount": "10.00", "discount_tax": "2.10", "meta_data": []},
        {"id": 2, "code": "", "discount": "1"}, {"id": 3, "code": "free", "discount": "0"},
    ]  # fmt: skip

    for event in translated("order.created", an_order(coupon_lines=lines)):
        assert [(each.code, each.off) for each in event.data.order.coupons] == [
            ("tenoff", Decimal("12.10")), ("free", None),
        ]  # fmt: skip
