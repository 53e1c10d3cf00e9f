"""Tells the merchant's own systems: each notice is signed as Standard Webhooks says, and posted until it is taken.

Whoever is told may be told twice, in any order; `webhook-id` is the same each time. Anything but an answer of 2xx is
tried again for about a day, then the notice is a dead letter (docs/decisions/0018).
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from standardwebhooks import Webhook as Signer

from perennial.aws.clock import Clock
from perennial.aws.posts import NotPosted, Reply
from perennial.aws.queues import Message, Queue
from perennial.aws.sender_keys import BadSenderKeys, Webhook
from perennial.aws.visibility import Visibility
from perennial.domain.notices import Notice
from perennial.domain.values import iso

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=2)
SPREAD = 0.2
"""So much longer a wait may be: what failed together does not come again together."""
DELIVERIES = 20
"""After as many the queue gives up: with these waits a day, at least. template.yaml says it to the queue."""

_SECONDS = re.compile(r"[0-9]{1,6}")

Became = Literal["told", "parted", "unwanted"]


class NotTold(Exception):
    """It was not taken, and the queue will bring it again. Says who and what, and neither address nor content."""


class Untaken(Exception):
    """One of the merchant's systems did not take it, or did not answer. Says which, by its name in the secret."""

    def __init__(self, said: str, retry_after: str | None = None) -> None:
        super().__init__(said)
        self.retry_after = retry_after


class Post(Protocol):
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer, whatever its status. Raises `NotPosted`."""


@dataclass(frozen=True)
class Delivery:
    """A message in our hands, as the queue handed it over."""

    body: str
    receipt: str
    number: int
    """Which delivery of this message it is: 1 is the first."""


@dataclass(frozen=True)
class Notifier:
    webhooks: Callable[[], Mapping[str, Webhook]]
    """Who wants to be told, by name."""
    out: Post
    queue: Queue
    visibility: Visibility
    api: str
    """Where whoever is told may ask for more, with a token."""
    clock: Clock

    def take(self, delivery: Delivery) -> Became:
        """Tell it. Raises `NotTold`, after the queue was told when to bring it again."""
        try:
            return self._told(Notice.model_validate_json(delivery.body))
        except Exception as error:
            asked = error.retry_after if isinstance(error, Untaken) else None
            self.visibility.hide(delivery.receipt, wait_after(delivery, asked))
            raise NotTold(_words(error)) from error

    def _told(self, notice: Notice) -> Became:
        webhooks = self.webhooks()
        names = [name for name, each in webhooks.items() if each.wants(notice)] if notice.to is None else [notice.to]
        match [name for name in names if name in webhooks]:
            case []:
                return "unwanted"
            case [name]:
                self._post(name, webhooks[name], notice)
                return "told"
            case several:  # each its own message: who has taken it is not asked again for another's sake
                self.queue.send(Message(notice.but({"to": name}).to_json()) for name in several)
                return "parted"

    def _post(self, name: str, webhook: Webhook, notice: Notice) -> None:
        body = body_of(notice, self.api)
        try:
            reply = self.out.post(webhook.url, body.encode(), signed(webhook, notice.id, body, self.clock))
        except NotPosted as error:
            raise Untaken(f"{name}: {type(error).__name__} ({error})") from None
        if not 200 <= reply.status < 300:
            raise Untaken(f"{name} answered {reply.status}", reply.retry_after)


def body_of(notice: Notice, api: str) -> str:
    """Byte for byte the same however often it is told."""
    whose = {"customer": notice.customer, "store": notice.store}
    more = {"link": f"{api}/customers/{notice.customer}"} if api else {}
    told = {"type": notice.kind, "timestamp": iso(notice.at), "data": {**notice.data, **whose, **more}}
    return json.dumps(told, separators=(",", ":"), sort_keys=True)


def signed(webhook: Webhook, name: str, body: str, clock: Clock) -> Mapping[str, str]:
    """With each of its keys. The time is that of this attempt, by the clock that receivers live by."""
    now = clock.wall()
    signatures = (Signer(secret).sign(name, now, body) for secret in webhook.secrets)
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def wait_after(delivery: Delivery, retry_after: str | None = None) -> timedelta:
    """Until the next delivery: twice as long each time, up to two hours, and spread by what nobody has to remember.

    retry_after: the seconds that a receiver asks for; more than two hours nobody gets.
    """
    doubled: timedelta = FIRST_WAIT * 2 ** min(delivery.number - 1, 10)
    seconds = _SECONDS.fullmatch(retry_after or "")
    asked = timedelta(seconds=int(seconds[0])) if seconds else timedelta(0)
    mark = hashlib.blake2b(f"{delivery.number}{delivery.body}".encode(), digest_size=2).digest()
    return min(max(doubled, asked), LONGEST_WAIT) * (1 + SPREAD * int.from_bytes(mark, "big") / 0xFFFF)


def _words(error: Exception) -> str:
    """Ours where they are ours: those of others may quote what they were given."""
    return str(error) if isinstance(error, Untaken | BadSenderKeys) else type(error).__name__
