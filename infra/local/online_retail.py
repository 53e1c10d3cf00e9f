"""UCI's Online Retail II (a British gift-ware shop, 2009 to 2011) as events: one order a customer and day.

An order is a customer-day: all lines of one customer on one calendar day. Left out are cancellations (invoices that
start with C; they seldom name the sale they undo), lines without a customer, and lines that are no sale (price or
quantity not above zero). Times carry no zone and are taken as UTC; the order is placed at the day's first instant.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from infra.local.readers import Reading, Row, Unreadable, rows, with_columns
from perennial.domain.events import Event, OrderData, OrderFacts, OrderPlaced, Person
from perennial.domain.values import Money
from perennial.importing.values import country

COLUMNS = ("Invoice", "Quantity", "InvoiceDate", "Price", "CustomerID", "Country")
SPELLINGS = (
    COLUMNS,
    ("Invoice", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"),
    ("InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"),
)
"""How the copies of the set that go round spell its columns."""
SOURCE = "online-retail"
OWN_NAMES: Mapping[str, str | None] = {
    "EIRE": "IE",
    "USA": "US",
    "RSA": "ZA",
    "Hong Kong": "HK",
    "Korea": "KR",
    "Channel Islands": None,  # Jersey or Guernsey
    "European Community": None,
    "Unspecified": None,
}
"""Countries that the set calls otherwise than the CLDR does; None where no single country is meant."""


class _Day:
    """What one customer bought on one day, summed up line by line."""

    __slots__ = ("country", "total")

    def __init__(self, country: str) -> None:
        self.country = country
        self.total = Decimal(0)


def read(folder: Path, store: str) -> Reading:
    """The folder's customer-days. Raises `Unreadable` when no file has the columns."""
    days = _customer_days(_lines(folder))
    return Reading((_order(store, *key, days[key]) for key in sorted(days)), len(days))


def _lines(folder: Path) -> Iterator[Row]:
    files = {spelling: with_columns(folder, spelling) for spelling in SPELLINGS}
    if not any(files.values()):
        raise Unreadable(f"{folder}: no .csv or .csv.gz has the columns {', '.join(COLUMNS)}")
    for spelling, paths in files.items():
        for row in rows(paths):
            yield {ours: row[theirs] for ours, theirs in zip(COLUMNS, spelling, strict=True)}


def _customer_days(lines: Iterator[Row]) -> dict[tuple[str, str], _Day]:
    days: dict[tuple[str, str], _Day] = {}
    for line in lines:
        quantity, price = int(line["Quantity"]), Decimal(line["Price"])
        if not line["CustomerID"] or line["Invoice"].startswith("C") or quantity <= 0 or price <= 0:
            continue
        key = line["InvoiceDate"][:10], line["CustomerID"].removesuffix(".0")
        days.setdefault(key, _Day(line["Country"])).total += quantity * price
    return days


def _order(store: str, day: str, customer: str, bought: _Day) -> Event:
    placed_at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    country = country_code(bought.country)
    order = OrderFacts(
        id=f"{customer}-{day}",
        placed_at=placed_at,
        total=Money(amount=bought.total, currency="GBP"),
        country=country,
    )
    data = OrderData(customer=Person(id=customer, country=country), order=order)
    return OrderPlaced(id=f"{order.id}:placed", source=SOURCE, store=store, time=placed_at, data=data)


def country_code(name: str) -> str | None:
    """ISO 3166's two letters for a country's English name as the set writes it; None when it names none."""
    return OWN_NAMES[name] if name in OWN_NAMES else country(name)
