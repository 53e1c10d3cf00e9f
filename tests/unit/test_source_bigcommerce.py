"""BigCommerce: hooks that only name things, and what was fetched of an order or a customer."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import Event
from perennial.sources import FETCHED, Forged, Ignored, NotUnderstood, OnlyNamed, Wanted, bigcommerce
from perennial.sources.bigcommerce import LONGEST_HOOK, STATES

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"


def a_hook(scope: str = "store/order/created", **data: Any) -> dict[str, Any]:
    told = {"type": scope.split("/")[1], "id": 250, **data}
    hook = {"scope": scope, "store_id": "1025646", "data": told, "hash": "dd70c0", "created_at": 1780000000}
    return {**hook, "producer": "stores/x1y2z3"}


def an_order(**changes: Any) -> dict[str, Any]:
    order: dict[str, Any] = {
        "id": 250,
        "customer_id": 25,
        "status_id": 11,
        "status": "Awaiting Fulfillment",
        "date_created": "Mon, 01 Jun 2026 10:00:00 +0000",
        "date_modified": "Mon, 01 Jun 2026 10:05:00 +0000",
        "date_shipped": "",
        "total_inc_tax": "29.3500",
        "refunded_amount": "0.0000",
        "currency_code": "EUR",
        "items_shipped": 0,
        "is_deleted": False,
        "billing_address": {
            "first_name": "Ana",
            "last_name": "Ruiz",
            "street_1": "Calle 1",
            "city": "Madrid",
            "zip": "28001",
            "country": "Spain",
            "country_iso2": "ES",
            "phone": "+34600123456",
            "email": "ana@example.com",
        },
        "products": {"url": "https://api.bigcommerce.com/stores/x1y2z3/v2/orders/250/products"},
    }
    return order | changes


def a_shipment(**changes: Any) -> dict[str, Any]:
    shipment = {"id": 12, "order_id": 250, "date_created": "Wed, 03 Jun 2026 09:00:00 +0000", "tracking_number": "YT1"}
    return {**shipment, "shipping_provider": "", "tracking_carrier": "yunexpress", **changes}


def a_refund(**changes: Any) -> dict[str, Any]:
    return {"id": 3, "order_id": 250, "created": "2026-06-05T10:00:00+00:00", "total_amount": 10.5, **changes}


def a_customer(**changes: Any) -> dict[str, Any]:
    account = {"id": 25, "email": "ana@example.com", "first_name": "Ana", "last_name": "Ruiz", "phone": ""}
    times = {"date_created": "2026-05-01T08:00:00Z", "date_modified": "2026-05-02T08:00:00Z"}
    return account | times | changes


def hooked(hook: Any) -> tuple[Event, ...]:
    return bigcommerce.translate({}, json.dumps(hook).encode(), "demo", NOW)


def fetched(order: Mapping[str, Any], **rest: Any) -> tuple[Event, ...]:
    return read({"order": order, **rest})


def read(document: Mapping[str, Any]) -> tuple[Event, ...]:
    return bigcommerce.translate({FETCHED: "order"}, json.dumps(document).encode(), "demo", NOW)


def told(events: tuple[Event, ...]) -> dict[str, str]:
    return {event.type: event.time.isoformat() for event in events}


# What is trusted


def test_the_header_is_the_secret_that_the_merchant_chose() -> None:
    headers = {name.lower(): value for name, value in signed("bigcommerce", b"{}", {}, SECRET, NOW).items()}

    bigcommerce.verify(headers, b"{}", ["a newer secret", SECRET], [NOW])

    with pytest.raises(Forged):
        bigcommerce.verify(headers, b"{}", ["a newer secret"], [NOW])


@pytest.mark.parametrize("given", [None, "", SECRET[:-1], SECRET + " ", SECRET.upper(), "\udcff"])
def test_whatever_is_not_exactly_the_secret_is_forged(given: str | None) -> None:
    headers = {} if given is None else {bigcommerce.SECRET_HEADER: given}

    with pytest.raises(Forged):
        bigcommerce.verify(headers, b"{}", [SECRET], [NOW])
    with pytest.raises(Forged):
        bigcommerce.verify(headers, b"{}", [], [NOW])


def test_what_we_fetched_is_marked_by_a_header_that_nobody_outside_can_send() -> None:
    """The door keeps only the headers that a source names."""
    assert FETCHED not in bigcommerce.HEADERS

    with pytest.raises(NotUnderstood):
        hooked({"order": an_order()})


# Hooks


@pytest.mark.parametrize(
    "scope",
    ["created", "updated", "statusUpdated", "refund/created", "transaction/created", "transaction/updated"],
)
def test_an_order_that_is_named_is_wanted(scope: str) -> None:
    with pytest.raises(OnlyNamed) as named:
        hooked(a_hook(f"store/order/{scope}"))

    assert named.value.wanted == Wanted("order", "250")


@pytest.mark.parametrize("scope", ["created", "updated", "deleted"])
def test_of_a_shipment_the_order_is_wanted(scope: str) -> None:
    with pytest.raises(OnlyNamed) as named:
        hooked(a_hook(f"store/shipment/{scope}", id=12, orderId=251))

    assert named.value.wanted == Wanted("order", "251")


@pytest.mark.parametrize("scope", ["created", "updated"])
def test_a_customer_that_is_named_is_wanted(scope: str) -> None:
    with pytest.raises(OnlyNamed) as named:
        hooked(a_hook(f"store/customer/{scope}", id=25))

    assert named.value.wanted == Wanted("customer", "25")


def test_a_deleted_customer_needs_no_fetching() -> None:
    (deleted,) = hooked(a_hook("store/customer/deleted", id=25))

    assert (deleted.type, deleted.data.customer.ids, deleted.time) == ("customer.deleted", {"bigcommerce": "25"}, NOW)


@pytest.mark.parametrize("scope", ["store/order/archived", "store/app/uninstalled"])
def test_what_needs_a_person_is_kept_for_one(scope: str) -> None:
    with pytest.raises(NotUnderstood, match="needs a person"):
        hooked(a_hook(scope))


@pytest.mark.parametrize(
    "scope", ["store/product/updated", "store/cart/created", "store/customer/address/created", "store/sku/deleted"]
)
def test_what_says_nothing_of_a_customer_is_ignored(scope: str) -> None:
    with pytest.raises(Ignored) as why:
        hooked(a_hook(scope))

    assert not isinstance(why.value, OnlyNamed)


@pytest.mark.parametrize("scope", ["store/order/exploded", "", "store/shipment/created"])
def test_other_scopes_are_kept(scope: str) -> None:
    with pytest.raises(NotUnderstood, match="scope"):
        hooked(a_hook("store/order/created") | {"scope": scope})


@pytest.mark.parametrize("name", ["../../v3/customers", "250/products", "", "-1", "2" * 21, None, [], "२५०"])
def test_an_id_that_is_no_number_never_comes_into_a_path(name: Any) -> None:
    for scope, field in product(("store/order/created", "store/shipment/created"), ("id", "orderId")):
        hook = a_hook(scope, **{"id": 12, "orderId": 251, field: name})
        if (scope, field, name) == ("store/order/created", "orderId", None):
            continue  # an order's hook has none
        with pytest.raises(NotUnderstood):
            hooked(hook)


def test_a_hook_that_no_queue_takes_is_kept() -> None:
    with pytest.raises(NotUnderstood, match="bytes"):
        hooked(a_hook() | {"producer": "x" * LONGEST_HOOK})


# What is asked for


def test_parcels_and_refunds_are_asked_for_where_there_are_any() -> None:
    def also(**changes: Any) -> Mapping[str, str]:
        return bigcommerce.also("order", "250", json.dumps(an_order(**changes)).encode())

    shipments, refunds = "/v2/orders/250/shipments", "/v3/orders/250/payment_actions/refunds"
    assert bigcommerce.path("order", "250") == "/v2/orders/250"
    assert also() == {}
    assert also(items_shipped=1) == also(status_id=2) == {"shipments": shipments}
    assert also(refunded_amount="10.0000") == also(status_id=14) == {"refunds": refunds}
    assert also(status_id=4, items_shipped=1) == {"shipments": shipments, "refunds": refunds}


def test_an_order_that_cannot_be_read_asks_for_no_more() -> None:
    assert bigcommerce.also("order", "250", b'{"id": []}') == {}
    assert bigcommerce.also("customer", "25", b"{}") == {}


def test_what_was_answered_is_put_together_to_the_byte() -> None:
    document = bigcommerce.document("order", b'{"id":1.10}', {"shipments": b"", "refunds": b'{"data":[]}'})

    assert document == b'{"order":{"id":1.10},"shipments":null,"refunds":{"data":[]}}'


# Orders


def test_an_order_that_awaits_fulfillment_is_placed_and_paid() -> None:
    events = fetched(an_order())

    assert told(events) == {"order.placed": "2026-06-01T10:00:00+00:00", "order.paid": "2026-06-01T10:05:00+00:00"}
    placed = events[0].data
    assert placed.order.model_dump(mode="json", exclude_none=True, exclude_defaults=True) == {
        "id": "250",
        "name": "#250",
        "placed_at": "2026-06-01T10:00:00Z",
        "total": {"amount": "29.3500", "currency": "EUR"},
        "country": "ES",
        "cart": "order-250",
    }
    assert placed.customer.model_dump(exclude_none=True, exclude_defaults=True) == {
        "ids": {"bigcommerce": "25"},
        "email": "ana@example.com",
        "phone": "+34600123456",
        "name": "Ana Ruiz",
        "first_name": "Ana",
        "country": "ES",
        "address": "Calle 1, 28001, Madrid, ES",
    }


@pytest.mark.parametrize(
    ("status", "states"),
    [
        (2, "placed paid shipped"),
        (3, "placed paid shipped"),
        (4, "placed paid refunded"),
        (5, "placed cancelled"),
        (6, "cancelled"),
        (7, "placed"),
        (8, "placed paid"),
        (9, "placed paid"),
        (10, "placed paid shipped delivered"),
        (11, "placed paid"),
        (12, "placed"),
        (13, "placed paid"),
        (14, "placed paid"),
    ],
)
def test_each_status_tells_the_states_that_it_is_documented_to_mean(status: int, states: str) -> None:
    assert [event.type.removeprefix("order.") for event in fetched(an_order(status_id=status))] == states.split()


def test_every_status_is_tested() -> None:
    assert STATES.keys() | bigcommerce.LEFT_AT_THE_TILL == set(range(15))


@pytest.mark.parametrize("status", [0, 1])
def test_an_order_that_was_not_finished_is_a_cart_left_at_the_till(status: int) -> None:
    (left,) = fetched(an_order(status_id=status))

    assert (left.type, left.data.cart.id) == ("cart.abandoned", "order-250")
    assert left.time == datetime(2026, 6, 1, 10, 5, tzinfo=UTC)


def test_an_unfinished_order_of_nobody_is_ignored() -> None:
    with pytest.raises(Ignored, match="who they are"):
        fetched(an_order(status_id=0, customer_id=0, billing_address=[]))


def test_a_guest_has_no_id() -> None:
    assert fetched(an_order(customer_id=0))[0].data.customer.ids == {}


def test_each_shipment_is_shipped_when_it_was_made() -> None:
    parcels = [a_shipment(), a_shipment(id=13, tracking_number="", tracking_carrier="", shipping_provider="Correos")]

    shipped = [each for each in fetched(an_order(status_id=3), shipments=parcels) if each.type == "order.shipped"]

    assert [(each.data.shipment.tracking, each.data.shipment.carrier) for each in shipped] == [
        ("YT1", "yunexpress"),
        (None, "Correos"),
    ]
    assert {each.time for each in shipped} == {datetime(2026, 6, 3, 9, tzinfo=UTC)}
    assert len({each.id for each in shipped}) == 2


def test_each_refund_is_told_with_what_came_back() -> None:
    refunds = {"data": [a_refund(), a_refund(id=4, total_amount="5.00")], "meta": {}}

    events = fetched(an_order(status_id=14, refunded_amount="15.5000"), refunds=refunds)

    refunded = [(each.data.refund.id, str(each.data.refund.total.amount)) for each in events if "refund" in each.type]
    assert refunded == [("3", "10.5"), ("4", "5.00")]
    assert not any(each.data.refund.in_all for each in events if "refund" in each.type)


@pytest.mark.parametrize(
    ("changes", "amount"),
    [({"status_id": 14, "refunded_amount": "7.0000"}, "7.0000"), ({"status_id": 4}, "29.3500")],
)
def test_a_refund_that_the_shop_lists_nowhere_counts_all_the_same(changes: dict[str, Any], amount: str) -> None:
    (refunded,) = (each for each in fetched(an_order(**changes), refunds={"data": []}) if "refund" in each.type)

    assert (refunded.data.refund.id, str(refunded.data.refund.total.amount)) == ("all", amount)
    assert refunded.data.refund.in_all


def test_the_same_state_fetched_twice_is_the_same_events_and_another_is_others() -> None:
    once, twice = fetched(an_order()), fetched(an_order())
    shipped = fetched(an_order(status_id=2))
    later = fetched(an_order(date_modified="Mon, 01 Jun 2026 10:06:00 +0000"))

    assert [each.to_json() for each in once] == [each.to_json() for each in twice]
    for other in (shipped, later):
        assert {each.id for each in once}.isdisjoint(each.id for each in other)


def test_times_with_a_zone_are_brought_to_utc() -> None:
    placed = fetched(an_order(date_created="Mon, 01 Jun 2026 12:00:00 +0200"))[0]

    assert placed.time == datetime(2026, 6, 1, 10, tzinfo=UTC)


def test_an_archived_order_needs_a_person() -> None:
    with pytest.raises(NotUnderstood, match="needs a person"):
        fetched(an_order(is_deleted=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total_inc_tax", "many"),
        ("currency_code", "euro"),
        ("id", None),
        ("id", "../1"),
        ("date_created", "yesterday"),
        ("date_created", "Mon, 99 Jun 2026 10:00:00 +0000"),
        ("status_id", 99),
        ("status_id", None),
    ],
)
def test_what_is_not_an_order_is_not_understood_and_says_where(field: str, value: Any) -> None:
    with pytest.raises(NotUnderstood) as why:
        fetched(an_order(**{field: value}))

    assert field.removesuffix("_inc_tax").removesuffix("_code") in str(why.value)


ODD: tuple[Any, ...] = (None, "", "9e999999999", "0001-01-01T00:00:00+14:00", "Mon, x", ",", -(10**400), 1.5, [{}], {})


def test_whatever_stands_in_whichever_place_comes_to_events_or_a_reason() -> None:
    for odd in ODD:
        for document in with_each_place(whole_document(), odd):
            assert outcome(document)


def outcome(document: Any) -> tuple[Event, ...] | str:
    """Events, or the reason why there are none, which names nobody."""
    try:
        return read(document)
    except (NotUnderstood, Ignored) as why:
        reason = str(why)
    assert "ana" not in reason.lower()
    return reason


def whole_document() -> dict[str, Any]:
    order = an_order(status_id=14, items_shipped=1, refunded_amount="10.5000")
    return {"order": order, "shipments": [a_shipment()], "refunds": {"data": [a_refund()], "meta": {}}}


def with_each_place(value: Any, odd: Any) -> list[Any]:
    """Copies of the value, each with one thing in it replaced."""
    if isinstance(value, dict):
        return [odd, *({**value, name: each} for name in value for each in with_each_place(value[name], odd))]
    if isinstance(value, list):
        return [odd, *([each] for entry in value for each in with_each_place(entry, odd))]
    return [odd]


# Customers


def test_a_fetched_customer_signed_up_once_and_was_changed_last() -> None:
    signed_up, updated = read({"customers": {"data": [a_customer()], "meta": {}}})
    again, changed = read({"customers": {"data": [a_customer(date_modified="2026-05-09T08:00:00Z")]}})

    assert (signed_up.type, signed_up.time) == ("customer.signed_up", datetime(2026, 5, 1, 8, tzinfo=UTC))
    assert (updated.type, updated.time) == ("customer.updated", datetime(2026, 5, 2, 8, tzinfo=UTC))
    assert signed_up.data.customer.model_dump(exclude_none=True, exclude_defaults=True) == {
        "ids": {"bigcommerce": "25"},
        "email": "ana@example.com",
        "name": "Ana Ruiz",
        "first_name": "Ana",
    }
    assert (again.id == signed_up.id, changed.id == updated.id) == (True, False)


def test_a_customer_that_is_not_there_is_told() -> None:
    with pytest.raises(NotUnderstood, match="no such customer"):
        read({"customers": {"data": []}})
