"""The HTTP API on a laptop: API Gateway's manners (payload format 2.0) on the standard library's server, loopback only.

A few endpoints are the house's own, outside of the template: `GET /_house/health`, `POST /_house/clock`,
`POST /_house/topics/<topic>`, and `POST /_house/told`, which plays a system of the merchant's that is told things.
"""

import base64
import io
import json
import logging
import re
import socket
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, unquote

from infra.local.blueprint import Route
from infra.local.tokens import Invalid, Signer

log = logging.getLogger("perennial.house")

LOOPBACK = "127.0.0.1"
MAX_BODY = 10 * 1024 * 1024
"""Bytes; API Gateway's own limit. Functions have lower ones."""
PATIENCE = 30.0
"""Seconds that a request may take to come in, and an answer to be taken; API Gateway's too."""
_AS_TEXT = re.compile(r"(text/.*|application/(json|xml|javascript))", re.IGNORECASE)
"""Bodies of these types arrive at functions as text, all others in base64, those without a type too (FACTS)."""
_TARGET = re.compile(r"(?:https?://[^/?]*)?(?P<path>[^?]*)\??(?P<query>.*)", re.IGNORECASE | re.DOTALL)
"""Proxies' clients put the host in front of the path (RFC 9112, 3.2.2)."""
_LENGTH = re.compile(r"[0-9]{1,15}")
_NO_HEADER = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)
"""The rest of the head was not read, the length perhaps: what follows is anybody's guess."""

Headers = Mapping[str, str]
Event = dict[str, Any]


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    """Path and query as sent."""
    headers: Headers
    """Names in lower case; values of a repeated header joined by commas."""
    body: bytes
    client: str = LOOPBACK

    @property
    def path(self) -> str:
        return self._part("path")

    @property
    def query(self) -> str:
        return self._part("query")

    def _part(self, name: str) -> str:
        found = _TARGET.fullmatch(self.target)
        return found[name] if found else ""


@dataclass(frozen=True)
class Response:
    status: int
    headers: Headers
    body: bytes | Iterator[bytes]
    """An iterator is sent as it comes, and the connection closed at its end."""


class PortTaken(Exception):
    """Somebody else listens there. Choose another with PORT=, or leave it out."""


Endpoint = Callable[[Request], Response]


def message(status: int, text: str) -> Response:
    """An answer in API Gateway's own words."""
    return Response(status, {"content-type": "application/json"}, json.dumps({"message": text}).encode())


class Gateway:
    """Finds the route, checks the token where the template says so, asks the function, and makes HTTP of its result."""

    def __init__(
        self,
        routes: Sequence[Route],
        invoke: Callable[[str, Event], Any],
        signer: Signer,
        wall: Callable[[], datetime],
        own: Mapping[tuple[str, str], Endpoint],
    ) -> None:
        """`invoke(function, event)` gives a function's result; `own` holds the house's endpoints by method and path."""
        self._patterns = [(_pattern(route.path), route) for route in sorted(routes, key=_specific_first)]
        self._invoke = invoke
        self._signer = signer
        self._wall = wall
        self._own = own

    def answer(self, request: Request) -> Response:
        """Never raises: what a function raises is answered 500, as API Gateway does."""
        if own := self._own.get((request.method, request.path)):
            return own(request)
        for pattern, route in self._patterns:
            found = pattern.fullmatch(request.path)
            if found and route.method == request.method:
                return self._through(route, request, found.groupdict())
        return message(404, "Not Found")

    def _through(self, route: Route, request: Request, parameters: Mapping[str, str]) -> Response:
        event = proxy_event(route, request, parameters, self._wall())
        if route.authorized:
            try:
                claims = self._signer.read_bearer(request.headers, self._wall())
            except Invalid:
                return message(401, "Unauthorized")
            event["requestContext"]["authorizer"] = {"jwt": {"claims": as_texts(claims), "scopes": None}}
        try:
            return from_result(self._invoke(route.function, event))
        except Exception:  # noqa: BLE001  the house has logged it where it was raised; the caller learns no more
            return message(500, "Internal Server Error")


def proxy_event(route: Route, request: Request, parameters: Mapping[str, str], now: datetime) -> Event:
    """The event that API Gateway hands to a function, payload format 2.0. What is empty is left out, as there."""
    route_key = f"{route.method} {route.path}"
    event: Event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": dict(request.headers),
        "requestContext": _context(route_key, request, now),
        "isBase64Encoded": False,
    }
    if query := _joined(parse_qsl(request.query, keep_blank_values=True)):
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
    if request.body:
        event["body"], event["isBase64Encoded"] = _encoded(request)
    return event


def from_result(result: Any) -> Response:
    """HTTP from what a function returned; without a status code, all of it is the body, as JSON."""
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, {"content-type": "application/json"}, json.dumps(result).encode())
    body = (result.get("body") or "").encode()
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=utf-8")
    return Response(result["statusCode"], headers, base64.b64decode(body) if result.get("isBase64Encoded") else body)


def as_texts(claims: Mapping[str, Any]) -> dict[str, str]:
    """Claims as an HTTP API passes them on: all text, lists as "[admin viewer]"."""
    return {
        name: f"[{' '.join(map(str, value))}]" if isinstance(value, list) else str(value)
        for name, value in claims.items()
    }


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _specific_first(route: Route) -> tuple[int, str]:
    return route.path.count("{"), route.path


def _context(route_key: str, request: Request, now: datetime) -> Event:
    return {
        "accountId": "anonymous",
        "apiId": "laptop",
        "domainName": request.headers.get("host", LOOPBACK),
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": route_key,
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _encoded(request: Request) -> tuple[str, bool]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if _AS_TEXT.fullmatch(kind):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:  # text in name only: pass the bytes on as they are
            pass
    return base64.b64encode(request.body).decode(), True


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


class Server(ThreadingHTTPServer):
    """Serves a gateway's answers on loopback. `port` 0 takes any free one."""

    daemon_threads = True
    request_queue_size = 128
    """Vendors send in bursts; the default of 5 resets connections."""

    def __init__(self, port: int, answer: Endpoint, patience: float = PATIENCE) -> None:
        """Raises `PortTaken`."""
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise PortTaken(
                f"cannot listen on port {port} ({error.strerror}); choose another, such as PORT=8888"
            ) from None
        self.answer = answer
        self.patience = patience

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody hanging up in mid-answer is no error of ours; everything else goes to the house's log."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            log.exception("a request could not be answered")

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"


class _Incoming(io.RawIOBase):
    """What a client sends, until its time is up: however slowly it trickles in."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self._connection = connection
        self._patience = patience
        self.begin()

    def begin(self) -> None:
        """The next request's time begins now."""
        self._ends = monotonic() + self._patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises `TimeoutError` when the time is up."""
        self._connection.settimeout(max(self._ends - monotonic(), 0.001))
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._incoming = _Incoming(self.connection, self.server.patience)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.begin()
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Whether there is one. HTTP/0.9 has no headers, and half a request line looks like it."""
        is_one = super().parse_request()
        if is_one and self.request_version == self.default_request_version:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        return is_one

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class asks for a method a verb, such as `do_GET`; which verbs there are, routes know."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        refusal = self._refusal()
        request = None if refusal else self._request()
        if request is None:
            self._refuse(refusal or message(400, "Bad Request"))
        else:
            self._send(self.server.answer(request))

    def _refusal(self) -> Response | None:
        """What need not be read further."""
        if any(isinstance(each, _NO_HEADER) for each in self.headers.defects):
            return message(400, "Bad Request")
        if "transfer-encoding" in self.headers:
            return message(411, "Length Required")
        lengths = self.headers.get_all("content-length", ["0"])
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            return message(400, "Bad Request")
        return message(413, "Request Entity Too Large") if int(lengths[0]) > MAX_BODY else None

    def _request(self) -> Request | None:
        """None when the client hung up in the middle of it: half a request is none."""
        headers = _joined((name.lower(), value) for name, value in self.headers.items())
        length = int(headers.get("content-length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            return None
        return Request(self.command, self.path, headers, body, self.client_address[0])

    def send_error(self, code: int, *_: str | None) -> None:
        """What the base class cannot make sense of. Its own words would quote the request, as a page of HTML."""
        status = HTTPStatus(code if code < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_REQUEST)
        self.request_version = self.protocol_version  # one that cannot be read counts as 0.9, which has no status
        self._refuse(message(status, status.phrase))

    def _refuse(self, refusal: Response) -> None:
        """The connection ends, for the rest of the request is still on it; the client may finish saying it first."""
        self.close_connection = True
        self._send(refusal)
        with suppress(OSError):  # it has hung up, or takes too long
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read1():
                pass

    def _send(self, response: Response) -> None:
        body = response.body
        self.close_connection = self.close_connection or not isinstance(body, bytes)
        self.connection.settimeout(self.server.patience)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(body, bytes):
            self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for piece in [body] if isinstance(body, bytes) else body:
                self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing: a path may name a person."""
