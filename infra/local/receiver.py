"""The laptop's stand-in for a system of the merchant's that wants to be told, and the way to it: loopback only.

None of this is deployed: the layer has nothing that would post without TLS, or into its own network.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError
from urllib3 import PoolManager

from infra.local.http import LOOPBACK, Request, Response, message
from perennial.aws.posts import Reply, post
from perennial.aws.sender_keys import Webhook

RECEIVER = "/_house/told"


class OnLoopback:
    """As `Post`: to this machine and no other, and without TLS."""

    def __init__(self) -> None:
        self._pool = PoolManager()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return post(self._pool, url, body, headers)


def webhook(url: str, secret: str) -> Webhook:
    """One on this machine. Raises ValueError for any other address."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in (LOOPBACK, "localhost"):
        raise ValueError(f"WEBHOOK_URL is written http://{LOOPBACK}:9999/path: a laptop tells nobody else")
    return Webhook.made_of(url=url, secrets=(secret,), kinds=(), stores=())


class Receiver:
    """Believes what is signed, and keeps it: one line of JSON each, with its id."""

    def __init__(self, file: Path, secret: str) -> None:
        self.file = file
        self._verifier = Verifier(secret)
        self._writing = threading.Lock()

    def take(self, request: Request) -> Response:
        try:
            told = self._verifier.verify(request.body, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            return message(401, "Unauthorized")
        line = json.dumps({"id": request.headers["webhook-id"], **told})
        with self._writing, self.file.open("a", encoding="utf-8") as kept:
            kept.write(line + "\n")
        return Response(204, {}, b"")

    def counts(self) -> Counter[str]:
        """Kind -> how many; what came twice counts once."""
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        kinds = {told["id"]: told["type"] for told in map(json.loads, lines)}
        return Counter(kinds.values())
