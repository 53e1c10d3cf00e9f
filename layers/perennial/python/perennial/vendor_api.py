"""What we ask of a vendor: one GET at a time, over HTTPS, with bounds on time and size, and never a redirect.

Errors:
    ApiError
    ├── Unavailable    busy, broken or out of reach: ask again later
    ├── NotFound       there is no such thing, or no more
    └── Denied         it understood and refuses: a person must correct the key or the address
"""

import base64
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

TIMEOUT = Timeout(connect=3, read=10)
"""Seconds, of each try."""
RETRIES = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods={"GET"},
    # as long as a vendor likes is longer than a function lives: whoever asks comes back by itself
    respect_retry_after_header=False,
    raise_on_status=False,
)
LONGEST_CALL = 45.0
"""Seconds that one call takes at most, with its retries and the waits between them."""
LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes. A hundred orders with all that plugins write have a few megabytes."""


class ApiError(Exception):
    """A vendor gave no answer that can be used. The message holds neither keys nor personal data."""


class Unavailable(ApiError):
    """Busy, broken or out of reach: ask again later."""


class NotFound(ApiError):
    """There is no such thing, or no more."""


class Denied(ApiError):
    """The vendor understood and refuses: a person must correct the key or the address."""


class Answer(NamedTuple):
    body: bytes
    headers: Mapping[str, str]
    """By lower-case name."""


class Api(Protocol):
    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """What is at this path, below the vendor's root. Raises `ApiError`."""


class VendorApi:
    """The API of one vendor for one store."""

    def __init__(self, pool: PoolManager, root: str, headers: Mapping[str, str]) -> None:
        """`root` begins with https:// and came from the merchant's own secret; `headers` prove who we are."""
        self._pool = pool
        self._root = root
        self._headers = {"accept": "application/json", "user-agent": "perennial", **headers}

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        url = f"{self._root}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            reply = self._pool.request(
                "GET",
                url,
                headers=self._headers,
                timeout=TIMEOUT,
                retries=RETRIES,
                redirect=False,
                preload_content=False,
            )
            body = reply.read(LARGEST_ANSWER + 1)
            reply.release_conn()
        except HTTPError as error:  # not its words: they hold the query
            raise Unavailable(f"no answer: {type(error).__name__}") from None
        return _usable(reply, body)


def _usable(reply: BaseHTTPResponse, body: bytes) -> Answer:
    status = reply.status
    if len(body) > LARGEST_ANSWER:
        raise Unavailable(f"an answer of more than {LARGEST_ANSWER} bytes")
    if 200 <= status < 300:
        return Answer(body, {name.lower(): value for name, value in reply.headers.items()})
    if status in (404, 410):
        raise NotFound(f"answered {status}")
    if status in (408, 425, 429) or status >= 500:
        raise Unavailable(f"answered {status}")
    raise Denied(f"answered {status}")


def basic(user: str, password: str) -> str:
    """An `Authorization` header's value."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
