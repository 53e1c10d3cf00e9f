"""What a vendor's API may answer, and what it comes to: over real HTTP, on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from urllib3 import PoolManager

from perennial import vendor_api
from perennial.vendor_api import ApiError, Denied, NotFound, Unavailable, VendorApi, basic


class Script:
    """Answers, one after the other, the last again and again; and the requests that were made."""

    def __init__(self, *answers: tuple[int, bytes], headers: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.headers = headers or {}
        self.requests: list[tuple[str, dict[str, str]]] = []


@contextmanager
def answering(script: Script) -> Iterator[VendorApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **script.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, PoolManager() as pool:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield VendorApi(pool, f"http://127.0.0.1:{server.server_port}/root", {"x-auth-token": "the-token"})
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_api, "RETRIES", vendor_api.RETRIES.new(backoff_factor=0))


def test_the_answer_comes_as_it_is_with_its_headers() -> None:
    script = Script((200, b'{"total": 1.10}'), headers={"X-WP-Total": "7"})

    with answering(script) as api:
        answer = api.get("/orders", {"modified_after": "2026-06-15T12:00:00", "page": "1"})

    assert (answer.body, answer.headers["x-wp-total"]) == (b'{"total": 1.10}', "7")
    [(path, headers)] = script.requests
    assert path == "/root/orders?modified_after=2026-06-15T12%3A00%3A00&page=1"
    assert headers["x-auth-token"] == "the-token"


def test_nothing_at_all_is_an_answer_too() -> None:
    with answering(Script((204, b""))) as api:
        assert api.get("/shipments").body == b""


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_vendor_is_asked_three_times_and_not_for_as_long_as_it_likes(status: int) -> None:
    script = Script((status, b"the token is the-token"), headers={"Retry-After": "86400"})

    with answering(script) as api, pytest.raises(Unavailable, match=str(status)) as why:
        api.get("/orders", {"secret": "hush"})

    assert len(script.requests) == 3
    assert "hush" not in str(why.value)
    assert "the-token" not in str(why.value)


def test_a_vendor_that_was_busy_only_once_is_answered_from() -> None:
    with answering(Script((503, b""), (200, b"[]"))) as api:
        assert api.get("/orders").body == b"[]"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Denied), (401, Denied), (403, Denied), (404, NotFound), (410, NotFound), (408, Unavailable)],
)
def test_what_is_refused_is_asked_once(status: int, kind: type[ApiError]) -> None:
    script = Script((status, b"{}"))

    with answering(script) as api, pytest.raises(kind, match=str(status)):
        api.get("/orders")

    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_so_that_keys_go_nowhere_else(status: int) -> None:
    elsewhere = Script((200, b"{}"))
    with answering(elsewhere) as other:
        script = Script((status, b""), headers={"Location": other._root})
        with answering(script) as api, pytest.raises(Denied, match=str(status)):
            api.get("/orders")

    assert elsewhere.requests == []


def test_an_answer_that_breaks_off_is_none() -> None:
    with answering(Script((200, b"[{"), headers={"Content-Length": "900"})) as api, pytest.raises(Unavailable):
        api.get("/orders")


def test_an_answer_that_never_ends_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_api, "LARGEST_ANSWER", 1_000)

    with answering(Script((200, json.dumps("x" * 2_000).encode()))) as api, pytest.raises(Unavailable, match="1000"):
        api.get("/orders")


def test_a_vendor_that_is_not_there_is_unavailable() -> None:
    with PoolManager() as pool, pytest.raises(Unavailable, match="no answer"):
        VendorApi(pool, "http://127.0.0.1:1", {}).get("/orders", {"secret": "hush"})


def test_a_key_and_its_secret_go_as_basic_authentication() -> None:
    assert basic("ck_1", "cs_2") == "Basic Y2tfMTpjc18y"


def test_all_tries_of_a_call_fit_into_the_time_that_is_told() -> None:
    timeout, tries = vendor_api.TIMEOUT, 1 + (vendor_api.RETRIES.total or 0)
    waits = sum(0.5 * 2**number for number in range(1, tries))

    assert timeout.connect_timeout is not None
    assert (
        tries * (float(str(timeout.connect_timeout)) + float(str(timeout.read_timeout))) + waits
        <= vendor_api.LONGEST_CALL
    )
