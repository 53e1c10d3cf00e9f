"""The laptop's server and clients who know no HTTP, or know it too well: an answer, or the end of the connection."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from itertools import repeat
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.http import LOOPBACK, MAX_BODY, Endpoint, Request, Response, Server
from tests.fuzz.bending import examples
from tests.fuzz.canaries import STRAY, leaks
from tests.fuzz.running import ANSWERS_WITHIN, RunningHouse

HEALTH = b"GET /_house/health HTTP/1.1\r\n\r\n"
EVENTS = b"POST /events/demo HTTP/1.1\r\n"
PATIENCE = 0.5
"""Seconds, of the servers that are tried by slow clients."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def exchange(port: int, said: bytes) -> bytes:
    """All that is answered until the connection ends. Raises `TimeoutError` when it does not."""
    with socket.create_connection((LOOPBACK, port), timeout=ANSWERS_WITHIN) as connection:
        with suppress(ConnectionError):  # the server need not hear all of it
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in _STATUS.findall(answer)]


ODDITIES = {
    "nothing": (b"", []),
    "blank lines": (b"\r\n\r\n", []),
    "TLS": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 160 + b"\r\n\r\n", [400]),
    "half a request line": (b"GET /_house/hea", [400]),
    "HTTP/0.9": (b"GET /_house/health\r\n", [400]),
    "HTTP/1.0": (b"GET /_house/health HTTP/1.0\r\n\r\n", [200]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "HTTP/x": (b"GET / HTTP/x\r\n\r\n", [400]),
    "no verb of ours": (b"BREW /_house/health HTTP/1.1\r\n\r\n", [404]),
    "HEAD": (b"HEAD /customers HTTP/1.1\r\n\r\n", [404]),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", [404]),
    "OPTIONS for all": (b"OPTIONS * HTTP/1.1\r\n\r\n", [404]),
    "a proxy's request": (b"GET http://example.com/_house/health?x=http://y HTTP/1.1\r\n\r\n", [200]),
    "no address": (b"GET http://[::1 HTTP/1.1\r\n\r\n", [404]),
    "no text": (b"GET /customers/\xff\x00%00%ff HTTP/1.1\r\n\r\n", [401]),
    "a very long request line": (b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 70_000), [414]),
    "a very long header": (b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"x" * 70_000), [431]),
    "very many headers": (b"GET / HTTP/1.1\r\n%s\r\n" % (b"X: 1\r\n" * 200), [431]),
    "a header without a colon": (EVENTS + b"X\r\nContent-Length: 0\r\n\r\n", [400]),
    "a header that goes on from nowhere": (EVENTS + b" X: 1\r\n\r\n", [400]),
    "a header with a blank in its name": (EVENTS + b"Content-Length : 4\r\n\r\nGET ", [400]),
    "parts without a boundary": (HEALTH[:-2] + b"Content-Type: multipart/form-data\r\n\r\n", [200]),
    "half a body": (EVENTS + b"Content-Length: 9\r\n\r\n{}", [400]),
    "a length twice": (EVENTS + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + HEALTH, [400]),
    "two lengths": (EVENTS + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}" + HEALTH, [400]),
    "a length below zero": (EVENTS + b"Content-Length: -1\r\n\r\n{}" + HEALTH, [400]),
    "a length in Roman numbers": (EVENTS + b"Content-Length: II\r\n\r\n{}" + HEALTH, [400]),
    "a length of ten thousand digits": (EVENTS + b"Content-Length: %s\r\n\r\n{}" % (b"9" * 10_000), [400]),
    "a body in chunks": (EVENTS + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HEALTH, [411]),
    "more than is taken": (EVENTS + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1), [413]),
    "three requests at once": (HEALTH + EVENTS + b"Content-Length: 2\r\n\r\n{}" + HEALTH, [200, 401, 200]),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_odd_clients_get_an_answer_of_the_right_sort_and_no_more(house: RunningHouse, oddity: str) -> None:
    said, expected = ODDITIES[oddity]

    answer = exchange(house.port, said)

    assert statuses(answer) == expected, answer[:500]
    assert b"<html" not in answer.lower()


def test_who_says_too_much_is_not_interrupted(house: RunningHouse) -> None:
    said, _ = ODDITIES["more than is taken"]
    with closing(socket.create_connection((LOOPBACK, house.port), ANSWERS_WITHIN)) as connection:
        connection.sendall(said)

        assert statuses(connection.recv(65_536)) == [413]


def test_a_refusal_of_what_cannot_be_read_does_not_repeat_it(house: RunningHouse) -> None:
    assert leaks([exchange(house.port, b"GET %s\r\n\r\n" % STRAY[0].encode()).decode()], STRAY) == []


def test_an_answer_to_head_has_no_body(house: RunningHouse) -> None:
    assert exchange(house.port, ODDITIES["HEAD"][0]).endswith(b"\r\n\r\n")


PIECES = st.sampled_from(
    [
        b"GET ", b"POST ", b"PUT ", b"/_house/health", b"/_house/clock", b"/customers", b"/events/demo", b"?x=%00&&=",
        b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b":", b"Content-Length: 2", b"{}",
        b"Content-Length: 0", b"Expect: 100-continue", b"Connection: keep-alive", b"Authorization: Bearer ", b"\xff",
        b"Transfer-Encoding: identity", b"Host: x", HEALTH, EVENTS, STRAY[0].encode(),
    ]
)  # fmt: skip


def test_no_bytes_make_it_fail_or_hang(house: RunningHouse) -> None:
    @settings(max_examples=examples(300), suppress_health_check=list(HealthCheck))
    @given(said=st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join))
    def storm(said: bytes) -> None:
        answer = exchange(house.port, said)

        assert all(status < 500 for status in statuses(answer)), answer[:500]

    storm()

    assert statuses(exchange(house.port, HEALTH)) == [200]


def test_none_of_this_is_worth_a_word_in_the_log(house: RunningHouse) -> None:
    exchange(house.port, b"GET /%s?%s HTTP/1.1\r\nX: %s\r\n\r\n" % ((STRAY[0].encode(),) * 3))

    assert "Traceback" not in house.says()
    assert leaks(house.says().splitlines(), STRAY) == []


# ── slow clients ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def impatient(answer: Endpoint) -> Iterator[int]:
    """The port of a server that waits half a second."""
    server = Server(0, answer, patience=PATIENCE)
    Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def fine(_: Request) -> Response:
    return Response(200, {}, b"fine")


@pytest.mark.parametrize("said", [b"", b"GET / HT", HEALTH[:-2], EVENTS + b"Content-Length: 99\r\n\r\n{"])
def test_who_falls_silent_is_hung_up_on(said: bytes) -> None:
    with impatient(fine) as port, closing(socket.create_connection((LOOPBACK, port), ANSWERS_WITHIN)) as connection:
        connection.sendall(said)

        assert connection.recv(1_000) == b""


@pytest.mark.parametrize("said", [b"GET /", EVENTS, EVENTS + b"Content-Length: 99999\r\n\r\n"])
def test_who_trickles_is_hung_up_on_as_well(said: bytes) -> None:
    with impatient(fine) as port, closing(socket.create_connection((LOOPBACK, port), ANSWERS_WITHIN)) as connection:
        began = time.monotonic()
        connection.sendall(said)
        with suppress(ConnectionError):
            while time.monotonic() - began < ANSWERS_WITHIN:
                connection.sendall(b"x")
                time.sleep(PATIENCE / 10)

        assert time.monotonic() - began < ANSWERS_WITHIN


def test_who_does_not_take_the_answer_is_hung_up_on() -> None:
    given_up = Event()

    def endless() -> Iterator[bytes]:
        try:
            yield from repeat(b"x" * 100_000)
        finally:
            given_up.set()

    served = impatient(lambda _: Response(200, {}, endless()))
    with served as port, closing(socket.create_connection((LOOPBACK, port), ANSWERS_WITHIN)) as it:
        it.sendall(HEALTH)

        assert given_up.wait(ANSWERS_WITHIN)


def test_a_connection_is_kept_for_as_long_as_requests_come_in_time() -> None:
    with impatient(fine) as port, closing(HTTPConnection(LOOPBACK, port, timeout=ANSWERS_WITHIN)) as connection:
        for _ in range(6):
            time.sleep(PATIENCE / 5)
            connection.request("GET", "/")

            assert connection.getresponse().read() == b"fine"


def test_the_slow_do_not_keep_the_others_waiting(house: RunningHouse) -> None:
    crowd = [socket.create_connection((LOOPBACK, house.port), ANSWERS_WITHIN) for _ in range(100)]
    try:
        for each in crowd:
            each.sendall(b"GET /")

        assert statuses(exchange(house.port, HEALTH)) == [200]
    finally:
        for each in crowd:
            each.close()
