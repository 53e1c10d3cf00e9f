"""Speaks to a running stack over HTTP, as its users do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from infra.local.house import CLOCK, HEALTH
from infra.local.state import NotRunning, Stack

PATIENCE = 60
"""Seconds to wait for an answer."""


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return self.status < 300


class Refused(Exception):
    """The stack answered something else than was asked for; the message has its words."""


class Client:
    """Of one stack; knows its token."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._opener = build_opener(ProxyHandler({}))  # loopback is nobody's proxy's business

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Whatever the status, it is given back. Raises `NotRunning`."""
        return self._ask(Request(self._stack.api + path, data=body, headers=dict(headers), method="POST"))

    def get(self, path: str, **query: str) -> Any:
        """What the admin API says, parsed. Raises `Refused` for anything but 2xx, and `NotRunning`."""
        target = self._stack.api + path + (f"?{urlencode(query)}" if query else "")
        answer = self._ask(Request(target, headers=self._authorization))
        if not answer.is_good:
            raise Refused(f"GET {path}: {answer.status} {answer.body.decode(errors='replace')[:300]}")
        return json.loads(answer.body)

    def ask(self, path: str, document: Any = None) -> Any:
        """What the admin API answers to this, posted as JSON. Raises as `get`."""
        headers = {"content-type": "application/json", **self._authorization}
        answer = self.post(path, b"" if document is None else json.dumps(document).encode(), headers)
        if not answer.is_good:
            raise Refused(f"POST {path}: {answer.status} {answer.body.decode(errors='replace')[:300]}")
        return json.loads(answer.body)

    def pages(self, path: str, items: str, **query: str) -> Iterator[Any]:
        """All items of a list that comes in pages."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            yield from page[items]
            cursor = page.get("cursor")

    def health(self) -> Any:
        return self.get(HEALTH)

    def move_clock(self, by: str) -> Iterator[Any]:
        """Moves the house's clock by "3d" or the like; gives each stop on the way. Raises `Refused`, `NotRunning`."""
        body = json.dumps({"by": by}).encode()
        request = Request(self._stack.api + CLOCK, data=body, headers=self._authorization, method="POST")
        try:
            with self._opener.open(request) as stops:
                yield from map(json.loads, stops)
        except HTTPError as error:
            raise Refused(error.read().decode(errors="replace")) from None
        except URLError as error:
            raise self._not_running(error) from None

    @property
    def _authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._stack.token}"}

    def _ask(self, request: Request) -> Answer:
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, answer.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read())
        except URLError as error:
            raise self._not_running(error) from None

    def _not_running(self, error: URLError) -> NotRunning:
        return NotRunning(f"nothing answers at {self._stack.api} ({error.reason}); start it with `make run`")
