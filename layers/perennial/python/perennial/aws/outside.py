"""One POST to an address that the merchant gave us: to the internet and never to what lies behind it, over TLS.

A name is looked up once. Every address that it has must be one of the internet's, and the connection is made to one of
these very addresses: who answers differently the second time is not asked a second time. The certificate is that of
the name. Nothing is followed anywhere, and the call has an end, however slowly somebody answers.

Errors are those of posts.py, and one more:
    NotReached
    └── Inside     the name leads into a network that is not the internet
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from perennial.aws.posts import NoAnswer, NotReached, Reply
from perennial.aws.sender_keys import HTTPS

CONNECT = 3.0
"""Seconds to a connection."""
WHOLE_CALL = 12.0
"""Seconds from there to the answer's head: whoever is told should note it, answer, and work then."""
TRIED = 2
"""Addresses of one name: the queue brings the notice again."""
_UNICAST = IPv6Network("2000::/3")
"""All that the internet routes of IPv6: no IPv4 in disguise (::ffff:0:0/96), nor behind a translator (64:ff9b::/96)."""
_TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4: an address of IPv4 within one of IPv6."""

Lookup = Callable[..., Sequence[tuple[Any, ...]]]


class Inside(NotReached):
    """The name has an address that is not the internet's. Mend its DNS, or take another name."""


class Target(NamedTuple):
    host: str
    port: int
    path: str
    """With its query."""

    @property
    def authority(self) -> str:
        return self.host if self.port == HTTPS else f"{self.host}:{self.port}"


def is_outside(address: str) -> bool:
    """Is it an address of the internet, at which one machine answers?"""
    found = ip_address(address)  # with its zone, fe80::1%eth0 is one too
    if isinstance(found, IPv4Address):
        return found.is_global and not (found.is_multicast or found.is_reserved)
    return found.is_global and found in _UNICAST and not any(found in tunnel for tunnel in _TUNNELS)


class Outside:
    """As `Post`."""

    def __init__(
        self, trust: ssl.SSLContext, lookup: Lookup = socket.getaddrinfo, may_be: Callable[[str], bool] = is_outside
    ) -> None:
        """trust: whose certificates are believed. may_be: whether an address may be called."""
        self._trust = trust
        self._lookup = lookup
        self._may_be = may_be

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer's status, whatever it is: a redirect is an answer too. Raises `NotPosted`."""
        target = target_of(url)
        *others, last = self._addresses(target)[:TRIED]
        for address in others:
            with suppress(NotReached):
                return self._posted(address, target, body, headers)
        return self._posted(last, target, body, headers)

    def _addresses(self, target: Target) -> list[str]:
        """One at least."""
        try:
            found = self._lookup(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotReached(type(error).__name__) from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not addresses or not all(map(self._may_be, addresses)):
            raise Inside("an address that is not the internet's")
        return addresses

    def _posted(self, address: str, target: Target, body: bytes, headers: Mapping[str, str]) -> Reply:
        with closing(self._connected(address, target)) as secured, ended_after(secured, WHOLE_CALL):
            try:
                secured.do_handshake()
            except OSError as error:
                raise NotReached(type(error).__name__) from None
            return _answer(secured, target, body, headers)

    def _connected(self, address: str, target: Target) -> ssl.SSLSocket:
        try:
            opened = socket.create_connection((address, target.port), timeout=CONNECT)
        except OSError as error:
            raise NotReached(type(error).__name__) from None
        opened.settimeout(WHOLE_CALL)
        return self._trust.wrap_socket(opened, server_hostname=target.host, do_handshake_on_connect=False)


def target_of(url: str) -> Target:
    """Of an address that was looked at when it was read (aws/sender_keys.py)."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.hostname or "", parts.port or HTTPS, (parts.path or "/") + query)


@contextmanager
def ended_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Ends the connection then, whoever still reads from it: a timeout alone begins anew with each byte."""
    timer = threading.Timer(seconds, _end, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not TLS's own, which would read on without TLS


def _answer(secured: ssl.SSLSocket, target: Target, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Of an answer only its head is read: no body can be too long."""
    connection = HTTPConnection(target.host, target.port)
    connection.sock = secured
    told = {"host": target.authority, "user-agent": "perennial", "connection": "close", **headers}
    try:
        connection.request("POST", target.path, body=body, headers=told)
        answer = connection.getresponse()
    except (OSError, HTTPException) as error:
        raise NoAnswer(type(error).__name__) from None
    return Reply(answer.status, b"", answer.getheader("retry-after"))
