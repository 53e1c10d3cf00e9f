"""SNS on a laptop: what is published to a topic of the template goes to its queues, in SNS's envelope."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime

from infra.local.blueprint import Subscription
from infra.local.sqlite_queues import SqliteQueues
from perennial.aws.queues import Message
from perennial.domain.values import iso

ARN = "arn:aws:sns:eu-west-1:000000000000:"


class Topics:
    def __init__(
        self, subscriptions: Sequence[Subscription], queues: SqliteQueues, wall: Callable[[], datetime]
    ) -> None:
        self._subscriptions = subscriptions
        self._queues = queues
        self._wall = wall

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.topic for each in self._subscriptions))

    def publish(self, topic: str, message: str) -> int:
        """To how many queues it went; none where nobody listens."""
        listening = [each for each in self._subscriptions if each.topic == topic]
        for each in listening:
            body = message if each.is_raw else enveloped(topic, message, self._wall())
            self._queues.queue(each.queue).send([Message(body, topic)])
        return len(listening)


def enveloped(topic: str, message: str, at: datetime) -> str:
    """As a queue gets it. Its signature is none: a queue's readers trust its policy, and do not look."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": hashlib.sha256(f"{topic}\n{iso(at)}\n{message}".encode()).hexdigest()[:32],
            "TopicArn": ARN + topic,
            "Message": message,
            "Timestamp": iso(at),
            "SignatureVersion": "1",
            "Signature": "",
        },
        ensure_ascii=False,
    )
