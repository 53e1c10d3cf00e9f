"""Olist's tables (a Brazilian marketplace) as events: placed, paid, shipped, delivered, cancelled, and reviews.

What the tables mean, and how it is taken here:
- `customer_id` is one per order; only `customer_unique_id` is a person.
- Times carry no zone. They are Brasilia's, taken as UTC-3 all year: the hour of its summer time is nothing here.
- The estimated date is a day at 00:00: the promise is kept until the end of that day.
- An order of status canceled or unavailable was cancelled at some unknown time after the last thing known of it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Protocol

from infra.local.readers import Reading, Row, instant, rows, tables
from perennial.domain.events import (
    Event,
    OrderCancelled,
    OrderData,
    OrderDelivered,
    OrderFacts,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    Person,
    ReviewData,
    ReviewPosted,
    ShippedData,
)
from perennial.domain.values import Money

TABLES = {
    "orders": ("order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_estimated_delivery_date"),
    "customers": ("customer_id", "customer_unique_id"),
    "items": ("order_id", "order_item_id", "price", "freight_value"),
    "payments": ("order_id", "payment_value"),
    "reviews": ("order_id", "review_score", "review_answer_timestamp"),
}
SOURCE = "olist"
BRASILIA = "-03:00"
DAY = timedelta(days=1)
CANCELLED = ("canceled", "unavailable")
TIMES = (
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
)


class _Make(Protocol):
    def __call__(self, *, time: datetime) -> Event: ...


class _Moment(NamedTuple):
    """An event to be made when its time comes: the tables are large, and the events made of them larger."""

    time: datetime
    rank: int
    """Of what happened to one order in the same second, the earlier in its life comes first."""
    order: str
    make: _Make


def read(folder: Path, store: str) -> Reading:
    """The folder's orders and reviews. Raises `Unreadable` when a table is missing."""
    moments = sorted(_moments(folder, store), key=itemgetter(0, 1, 2))
    return Reading((moment.make(time=moment.time) for moment in moments), len(moments))


def _moments(folder: Path, store: str) -> Iterator[_Moment]:
    files = tables(folder, TABLES)
    people = {row["customer_id"]: row["customer_unique_id"] for row in rows(files["customers"])}
    paid = _sums(rows(files["payments"]), "payment_value")
    goods = _sums(rows(files["items"]), "price", "freight_value")
    buyers: dict[str, Person] = {}
    for row in rows(files["orders"]):
        order = row["order_id"]
        buyers[order] = Person(id=people[row["customer_id"]], country="BR", locale="pt-BR")
        yield from _of_order(store, row, buyers[order], paid.get(order) or goods.get(order))
    for row in rows(files["reviews"]):
        if row["order_id"] in buyers:
            yield _of_review(store, row, buyers[row["order_id"]])


def _sums(table: Iterator[Row], *columns: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in table:
        sums[row["order_id"]] = sums.get(row["order_id"], Decimal(0)) + sum(Decimal(row[column]) for column in columns)
    return sums


def _of_order(store: str, row: Row, buyer: Person, total: Decimal | None) -> Iterator[_Moment]:
    order = row["order_id"]
    bare = OrderData(customer=buyer, order=OrderFacts(id=order))
    shipped = ShippedData(customer=buyer, order=OrderFacts(id=order))
    makers: tuple[_Make, ...] = (
        partial(OrderPlaced, id=f"{order}:placed", source=SOURCE, store=store, data=_placed(row, buyer, total)),
        partial(OrderPaid, id=f"{order}:paid", source=SOURCE, store=store, data=bare),
        partial(OrderShipped, id=f"{order}:shipped", source=SOURCE, store=store, data=shipped),
        partial(OrderDelivered, id=f"{order}:delivered", source=SOURCE, store=store, data=bare),
    )
    known = [instant(row[column], BRASILIA) if row[column] else None for column in TIMES]
    for rank, (time, make) in enumerate(zip(known, makers, strict=True)):
        if time is not None:
            yield _Moment(time, rank, order, make)
    if row["order_status"] in CANCELLED:
        cancel = partial(OrderCancelled, id=f"{order}:cancelled", source=SOURCE, store=store, data=bare)
        yield _Moment(max(time for time in known if time), len(makers), order, cancel)


def _placed(row: Row, buyer: Person, total: Decimal | None) -> OrderData:
    order = OrderFacts(
        id=row["order_id"],
        placed_at=instant(row["order_purchase_timestamp"], BRASILIA),
        total=None if total is None else Money(amount=total, currency="BRL"),
        country="BR",
        promised_at=instant(row["order_estimated_delivery_date"], BRASILIA) + DAY,
    )
    return OrderData(customer=buyer, order=order)


def _of_review(store: str, row: Row, buyer: Person) -> _Moment:
    """Some samples have lost the review's id; one id may stand on several orders; some orders have several."""
    order, answered = row["order_id"], row["review_answer_timestamp"]
    review = f"{order}:{row.get('review_id') or answered}"
    text = "\n".join(part for part in (row.get("review_comment_title"), row.get("review_comment_message")) if part)
    data = ReviewData(customer=buyer, id=review, rating=float(row["review_score"]), order=order, text=text or None)
    make = partial(ReviewPosted, id=f"review:{review}", source=SOURCE, store=store, data=data)
    return _Moment(instant(answered, BRASILIA), len(TIMES) + 1, order, make)
