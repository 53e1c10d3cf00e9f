"""A WooCommerce shop to be asked: its orders change under whoever reads them, and its REST API lists them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from urllib3 import PoolManager

from perennial.vendor_api import Answer, VendorApi, basic

KEY, KEY_SECRET = "ck_demo", "cs_demo"


def gmt(time: datetime) -> str:
    """As WooCommerce writes `*_gmt` times: without a zone."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Shop:
    """Orders by id, and their list as GET /orders gives it: filtered by the last change, sorted, by pages."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        self.accounts: dict[int, dict[str, Any]] = {}
        self.asked: list[Mapping[str, str]] = []
        """Queries for orders, one after the other."""
        self.before_answer: Callable[[int], object] = lambda number: None
        """Called with the number of the request, from 1; may change orders, or raise."""
        self.counts_bounds = False
        """Whether `modified_after` and `modified_before` include the second that they name: shops differ."""

    def change(self, number: int, at: datetime, **fields: Any) -> dict[str, Any]:
        """Make the order, or change it; returns it as a webhook would carry it now."""
        before = self.orders.get(number) or an_order(number, at)
        self.orders[number] = {**before, **fields, "date_modified_gmt": gmt(at)}
        return dict(self.orders[number])

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """In process, as `Api`."""
        assert query is not None
        if path == "/customers":
            newest_first = sorted(self.accounts.values(), key=lambda each: each["date_created_gmt"], reverse=True)
            return _page(newest_first, query)
        assert path == "/orders"
        self.asked.append(query)
        self.before_answer(len(self.asked))
        return _page(sorted(filter(self._within, self.orders.values()), key=self._rank), query)

    def _within(self, order: Mapping[str, Any]) -> bool:
        query, changed = self.asked[-1], order["date_modified_gmt"]
        after, before = query["modified_after"], query["modified_before"]
        return after <= changed <= before if self.counts_bounds else after < changed < before

    def _rank(self, order: Mapping[str, Any]) -> tuple[str, int]:
        """Within one second a database gives no order that it would promise for the next page."""
        if self.asked[-1]["orderby"] == "id":
            return "", order["id"]
        return order["date_modified_gmt"], order["id"] * 7_919 * len(self.asked) % 101


def _page(found: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> Answer:
    size, page = int(query["per_page"]), int(query["page"])
    listed = found[(page - 1) * size : page * size]
    return Answer(json.dumps(listed).encode(), {"x-wp-total": str(len(found))})


def an_account(number: int, at: datetime) -> dict[str, Any]:
    return {"id": number, "email": f"mia-{number}@shop.example", "first_name": "Mia", "date_created_gmt": gmt(at)}


def an_order(number: int, at: datetime, **fields: Any) -> dict[str, Any]:
    buyer = {"first_name": "Mia", "email": f"mia-{number}@shop.example", "country": "DE"}
    order = {
        "id": number,
        "number": str(number),
        "status": "processing",
        "currency": "EUR",
        "total": "40.00",
        "customer_id": number,
        "billing": buyer,
        "shipping": [],
        "date_created_gmt": gmt(at),
        "date_modified_gmt": gmt(at),
        "date_paid_gmt": gmt(at),
        "date_completed_gmt": None,
        "line_items": [{"id": 1, "name": "Tea", "product_id": 7, "quantity": 3, "price": 13.333333333333334}],
        "refunds": [],
    }
    return order | fields


class Fault(Exception):
    """What a request is answered with instead: a status, or a body that is no list."""

    def __init__(self, status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@contextmanager
def served(shop: Shop) -> Iterator[VendorApi]:
    """The shop behind HTTP on loopback, and our client of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if self.headers["authorization"] != basic(KEY, KEY_SECRET):
                return self._answer(401, b"{}", {})
            try:
                answer = shop.get(url.path.removeprefix("/wp-json/wc/v3"), dict(parse_qsl(url.query)))
            except Fault as fault:
                return self._answer(fault.status, fault.body, fault.headers)
            return self._answer(200, answer.body, {"X-WP-Total": answer.headers["x-wp-total"]})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        root = f"http://127.0.0.1:{server.server_port}/wp-json/wc/v3"
        try:
            with PoolManager() as pool:
                yield VendorApi(pool, root, {"authorization": basic(KEY, KEY_SECRET)})
        finally:
            server.shutdown()
            thread.join()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
