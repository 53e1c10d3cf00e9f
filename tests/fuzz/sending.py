"""Signs as the vendors do, and sends to the running house."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from infra.local.signing import signed
from tests.fuzz.bending import Request
from tests.fuzz.running import Answer, RunningHouse


def deliver(house: RunningHouse, request: Request) -> Answer:
    """With a valid signature."""
    secret = house.state.keys().webhooks[request.source][0]
    return house.ask("POST", request.path, request.body, {**request.headers, **signature(request, secret)})


def signature(request: Request, secret: str) -> dict[str, str]:
    """Of bytes, whatever they are: senders of open events sign text only, but whoever stole their secret need not."""
    now = datetime.now(UTC)
    if request.source != "open":
        headers = signed(request.source, request.body, {}, secret, now)
        return {name: value for name, value in headers.items() if name != "content-type"}
    message = f"msg_1.{int(now.timestamp())}.".encode() + request.body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), message, hashlib.sha256)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
