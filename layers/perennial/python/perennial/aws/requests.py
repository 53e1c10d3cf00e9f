"""What API Gateway hands to a function (payload format 2.0), as a door wants it."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.sources import URL, Headers


@dataclass(frozen=True, slots=True)
class Request:
    """A delivery: whose it says it is, and the very bytes."""

    source: str
    store: str
    headers: Headers
    body: bytes


def read_request(event: Mapping[str, Any], public_url: str) -> Request:
    """`public_url` is where senders reach us, as "https://hooks.example.com", where something stands before the API;
    empty, it is the API's own domain. Routes without a source are the open event API's."""
    path, text = event["pathParameters"], event.get("body") or ""
    return Request(
        source=path.get("source", "open"),
        store=path["store"],
        headers={**event["headers"], URL: _called(event, public_url)},
        body=b64decode(text) if event.get("isBase64Encoded") else text.encode(),
    )


def _called(event: Mapping[str, Any], public_url: str) -> str:
    base = public_url.rstrip("/") or f"https://{event['requestContext']['domainName']}"
    query = event.get("rawQueryString")
    return f"{base}{event['rawPath']}" + (f"?{query}" if query else "")
