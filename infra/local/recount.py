"""Counts Online Retail's new and silent customers straight from the CSV: to check the engine by, sharing no code.

    python -m infra.local.recount DIR 2010-12-31

new: first day of buying at most 30 days before; silent: last day at least 180 days before. Days are calendar days of
orders, and orders are what online_retail.py says: no cancellation, with a customer, price and quantity above zero.
"""

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

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
    for path in sorted(folder.glob("*.csv*")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                invoice = line.get("Invoice") or line.get("InvoiceNo") or ""
                customer = line.get("CustomerID") or line.get("Customer ID") or ""
                price = float(line.get("Price") or line.get("UnitPrice") or 0)
                if customer and invoice[:1] != "C" and price > 0 and float(line["Quantity"]) > 0:
                    yield customer, date.fromisoformat(line["InvoiceDate"][:10])


if __name__ == "__main__":
    print(dict(labels(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))))
