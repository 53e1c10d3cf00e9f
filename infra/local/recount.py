"""Counts straight from the CSV of two public data sets: to check the engine by, sharing no code with it.

    python -m infra.local.recount DIR 2010-12-31

Of Online Retail, who is new and who is silent on a day, for replays; of both sets, orders and customers, for imports.
new: first day of buying at most 30 days before; silent: last day at least 180 days before. Days are calendar days of
orders, and orders are what online_retail.py says: no cancellation, with a customer, price and quantity above zero.
"""

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

NEW_DAYS = 30
SILENT_DAYS = 180


def labels(folder: Path, until: date) -> Counter[str]:
    """How many customers bought by then, and how many of them are new, and silent, on that day."""
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    for customer, day in _purchases(folder):
        if day <= until:
            first[customer] = min(day, first.get(customer, day))
            last[customer] = max(day, last.get(customer, day))
    return Counter(
        customers=len(first),
        new=sum((until - day).days <= NEW_DAYS for day in first.values()),
        silent=sum((until - day).days >= SILENT_DAYS for day in last.values()),
    )


def _purchases(folder: Path) -> Iterator[tuple[str, date]]:
    for line in _lines(folder):
        invoice = line.get("Invoice") or line.get("InvoiceNo") or ""
        customer = line.get("CustomerID") or line.get("Customer ID") or ""
        price = float(line.get("Price") or line.get("UnitPrice") or 0)
        if customer and invoice[:1] != "C" and price > 0 and float(line["Quantity"]) > 0:
            yield customer, date.fromisoformat(line["InvoiceDate"][:10])


def _lines(path: Path) -> Iterator[dict[str, str]]:
    for file in _files(path):
        yield from _read(file)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.csv*")) if path.is_dir() else [path]


def _read(file: Path) -> Iterator[dict[str, str]]:
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


class Found(NamedTuple):
    orders: int
    customers: int


def online_retail(path: Path) -> Found:
    """Invoices that are no credit notes, with a customer, and a line whose price and quantity are above zero."""
    invoices: set[str] = set()
    buyers: set[str] = set()
    for line in _lines(path):
        invoice = line.get("Invoice") or line.get("InvoiceNo") or ""
        customer = line.get("CustomerID") or line.get("Customer ID") or ""
        price = float(line.get("Price") or line.get("UnitPrice") or 0)
        if customer and invoice[:1] != "C" and price > 0 and float(line["Quantity"]) > 0:
            invoices.add(invoice)
            buyers.add(customer)
    return Found(len(invoices), len(buyers))


def olist(path: Path) -> Found:
    """Orders whose customer_id stands among the customers, and the different people behind these."""
    people: dict[str, str] = {}
    orders: dict[str, str] = {}
    for line in _lines(path):
        if "customer_unique_id" in line:
            people[line["customer_id"]] = line["customer_unique_id"]
        elif "order_purchase_timestamp" in line:
            orders[line["order_id"]] = line["customer_id"]
    known = [people[customer] for customer in orders.values() if customer in people]
    return Found(len(known), len(set(known)))


COUNTS: Mapping[str, Callable[[Path], Found]] = {"online-retail": online_retail, "olist": olist}
"""By the source that the mapping names."""


if __name__ == "__main__":
    print(dict(labels(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))))
