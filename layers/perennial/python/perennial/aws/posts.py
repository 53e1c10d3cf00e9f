"""One POST over HTTPS, without retries or redirects, bounded in time and size; its errors say what may have happened.

Errors:
    NotPosted
    ├── NotReached    certainly not received: no connection came about
    └── NoAnswer      received or not, nobody can say
"""

from collections.abc import Mapping
from typing import NamedTuple

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError

TIMEOUT = Timeout(connect=3, read=8)
"""Seconds. A claim belongs to its sender for a minute (`verdict.PATIENCE`): both together must end well before."""
LARGEST_ANSWER = 256 * 1024
"""Bytes that are read of an answer: it says yes or no."""


class NotPosted(Exception):
    """There was no answer. The message holds the kind of error: its words would quote the address."""


class NotReached(NotPosted):
    """No connection came about: nothing was received."""


class NoAnswer(NotPosted):
    """The connection ended without an answer: what was sent may have been received."""


class Reply(NamedTuple):
    status: int
    body: bytes
    retry_after: str | None = None
    """As the answer says it."""


def post(pool: PoolManager, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """The answer, whatever its status. Raises `NotPosted`."""
    try:
        answer = pool.request(
            "POST",
            url,
            body=body,
            headers={"user-agent": "perennial", **headers},
            timeout=TIMEOUT,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        told = Reply(answer.status, answer.read(LARGEST_ANSWER), answer.headers.get("retry-after"))
        answer.close()
    except ConnectTimeoutError as error:  # a connection that was refused, and a name that is unknown, are kinds of it
        raise NotReached(type(error).__name__) from None
    except HTTPError as error:
        raise NoAnswer(type(error).__name__) from None
    return told
