"""Shop histories in CSV become events: files by their header, times in order, what is no sale left out."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.local import olist, online_retail
from infra.local.online_retail import country_code
from infra.local.readers import Unreadable
from perennial.domain.events import Event, OrderPlaced, ReviewPosted
from perennial.domain.values import Money

RETAIL_HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country\n"
PAID = {"o1": "12.00", "o2": "16.00", "o3": "5.5"}
OLIST = {
    "customers": "customer_id,customer_unique_id\nc1,ana\nc2,ana\nc3,bia\n",
    "orders": (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,delivered,2018-01-01 10:00:00,2018-01-01 10:00:00,2018-01-02 09:00:00,2018-01-05 12:00:00,"
        "2018-01-09 00:00:00\n"
        "o2,c2,shipped,2018-01-03 23:30:00,2018-01-04 08:00:00,2018-01-05 08:00:00,,2018-01-20 00:00:00\n"
        "o3,c3,canceled,2018-01-02 10:00:00,2018-01-02 11:00:00,,,2018-01-20 00:00:00\n"
    ),
    "items": "order_id,order_item_id,price,freight_value\no1,1.0,10.00,2.50\no2,1.0,7.00,1.00\no2,2.0,7.00,1.00\n",
    "payments": "order_id,payment_value\no1,10.00\no1,2.00\no3,5.5\n",
    "reviews": (
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_answer_timestamp\n"
        ',o1,5,,"Chegou\nantes",2018-01-06 12:00:00\n'
        "r9,elsewhere,1,,,2018-01-06 12:00:00\n"
    ),
}


def retail(folder: Path, *lines: str, header: str = RETAIL_HEADER) -> list[Event]:
    (folder / "any name.csv").write_text(header + "".join(f"{line}\n" for line in lines))
    return list(online_retail.read(folder, "demo").events)


def olist_events(folder: Path) -> list[Event]:
    for number, content in enumerate(OLIST.values()):
        with gzip.open(folder / f"{number}.csv.gz", "wt") as file:
            file.write(content)
    return list(olist.read(folder, "demo").events)


def test_all_lines_of_a_customer_on_a_day_are_one_order(tmp_path: Path) -> None:
    placed, *others = retail(
        tmp_path,
        "489434,85048,LIGHTS,12,2009-12-01 07:45:00,6.95,13085,United Kingdom",
        "489999,22041,BOWL,1,2009-12-01 18:00:00,2.10,13085,United Kingdom",
    )

    assert not others
    assert isinstance(placed, OrderPlaced)
    assert placed.time == placed.data.order.placed_at == datetime(2009, 12, 1, tzinfo=UTC)
    assert placed.data.order.total == Money(amount=Decimal("85.50"), currency="GBP")
    assert (placed.data.customer.id, placed.data.order.id) == ("13085", "13085-2009-12-01")
    assert placed.data.order.country == "GB"


@pytest.mark.parametrize(
    "line",
    [
        "C489449,22087,BUNTING,-12,2009-12-01 10:33:00,2.95,16321,Australia",
        "C489449,22087,BUNTING,12,2009-12-01 10:33:00,2.95,16321,Australia",
        "489449,22087,BUNTING,12,2009-12-01 10:33:00,2.95,,Australia",
        "489449,22087,BUNTING,12,2009-12-01 10:33:00,0.0,16321,Australia",
        "489449,22087,BUNTING,0,2009-12-01 10:33:00,2.95,16321,Australia",
    ],
    ids=["a cancellation", "one with its sign lost", "no customer", "price 0", "quantity 0"],
)
def test_what_is_no_sale_is_left_out(tmp_path: Path, line: str) -> None:
    assert retail(tmp_path, line) == []


def test_orders_come_in_the_order_of_days_whatever_the_order_of_lines(tmp_path: Path) -> None:
    events = retail(
        tmp_path,
        "2,A,A,1,2010-05-02 00:00:00,1.0,7,France",
        "1,A,A,1,2010-05-01 23:59:00,1.0,9,France",
        "3,A,A,1,2010-05-02 00:00:00,1.0,5,France",
    )

    assert [event.data.customer.id for event in events] == ["9", "5", "7"]


def test_the_other_spelling_of_the_columns_is_known_too(tmp_path: Path) -> None:
    header = RETAIL_HEADER.replace("Invoice,", "InvoiceNo,").replace("Price", "UnitPrice")

    assert len(retail(tmp_path, "1,A,A,1,2010-05-01 23:59:00,1.0,9.0,France", header=header)) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("United Kingdom", "GB"), ("EIRE", "IE"), ("RSA", "ZA"), ("Channel Islands", None), ("Unspecified", None)],
)
def test_a_country_by_the_set_s_own_name_has_its_iso_code(name: str, code: str | None) -> None:
    assert country_code(name) == code


def test_an_olist_order_tells_its_life_in_order(tmp_path: Path) -> None:
    events = olist_events(tmp_path)

    assert [event.time for event in events] == sorted(event.time for event in events)
    assert [event.type for event in events if event.id.startswith("o1:")] == [
        "order.placed",
        "order.paid",
        "order.shipped",
        "order.delivered",
    ]


def test_olist_times_are_three_hours_behind_and_the_promise_lasts_until_the_end_of_its_day(tmp_path: Path) -> None:
    placed = next(event for event in olist_events(tmp_path) if event.id == "o2:placed")

    assert isinstance(placed, OrderPlaced)
    assert placed.time == datetime(2018, 1, 4, 2, 30, tzinfo=UTC)
    assert placed.data.order.promised_at == datetime(2018, 1, 21, 3, tzinfo=UTC)


def test_olist_s_two_orders_of_one_person_meet_in_one_customer(tmp_path: Path) -> None:
    buyers = {event.id: event.data.customer.id for event in olist_events(tmp_path)}

    assert buyers["o1:placed"] == buyers["o2:placed"] == "ana"
    assert buyers["o3:placed"] == "bia"


def test_an_olist_order_is_worth_what_was_paid_or_else_goods_and_freight(tmp_path: Path) -> None:
    placed = [event for event in olist_events(tmp_path) if isinstance(event, OrderPlaced)]

    worth = {event.data.order.id: event.data.order.total for event in placed}
    assert worth == {order: Money(amount=Decimal(paid), currency="BRL") for order, paid in PAID.items()}


def test_a_cancelled_olist_order_was_cancelled_after_the_last_thing_known_of_it(tmp_path: Path) -> None:
    of_third = [(event.type, event.time) for event in olist_events(tmp_path) if event.id.startswith("o3:")]

    assert of_third[-1] == ("order.cancelled", datetime(2018, 1, 2, 14, tzinfo=UTC))


def test_a_review_without_an_id_is_read_and_one_of_an_unknown_order_is_not(tmp_path: Path) -> None:
    reviews = [event for event in olist_events(tmp_path) if isinstance(event, ReviewPosted)]

    assert [(review.data.rating, review.data.order, review.data.text) for review in reviews] == [
        (5.0, "o1", "Chegou\nantes")
    ]


def test_a_folder_without_a_table_is_refused_by_that_table_s_name(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="orders"):
        olist.read(tmp_path, "demo")
