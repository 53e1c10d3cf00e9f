"""What the house needs of a queue, and SQS as one; its twin on SQLite is infra/local/sqlite_queues.py.

Errors:
    NotSent          the queue did not take some messages: let the caller's own input be delivered again
    └── Unsendable   no queue would ever take this message: mend the sender
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

BATCH_MESSAGES = 10
BATCH_BYTES = 256 * 1024
"""SQS takes 1 MiB a batch and bills by 64 KiB, so small batches cost nothing and a repeated one repeats less."""
MESSAGE_BYTES = 1024 * 1024

_GROUP = re.compile(r"[!-~]{1,128}")


class Message(NamedTuple):
    body: str
    """A JSON document of 1 MiB at most."""
    group: str | None = None
    """Whose message it is, without personal data: fair queues keep one busy customer from delaying the others.

    1 to 128 printable characters of ASCII, without blanks. It costs a quarter more a message, so only those have one
    of which a stranger decides how many there are.
    """


class NotSent(Exception):
    """The queue refused some messages. The caller's own input must be delivered again."""


class Unsendable(NotSent):
    """No queue takes one of these messages, however often it is tried. None of them was sent."""


class Queue(Protocol):
    def send(self, messages: Iterable[Message]) -> int:
        """Send all, ten at a time; returns how many. Raises `NotSent` when one was not accepted."""

    def backlog(self) -> int:
        """About how many messages wait or are being worked on."""


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The messages in order, as many a batch as SQS takes. Raises `Unsendable`."""
    batch: list[Message] = []
    total = 0
    for message in map(_sendable, messages):
        size = len(message.body.encode())
        if batch and (len(batch) == BATCH_MESSAGES or total + size > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(message)
        total += size
    if batch:
        yield batch


def _sendable(message: Message) -> Message:
    # The only characters that JSON may hold bare and SQS refuses; in a JSON string the escape means the same.
    body = message.body.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")
    size = len(body.encode())
    if not 0 < size <= MESSAGE_BYTES:
        raise Unsendable(f"a message has {size} bytes; it may have 1 to {MESSAGE_BYTES}")
    if message.group is not None and not _GROUP.fullmatch(message.group):
        raise Unsendable("a message's group must be 1 to 128 printable characters of ASCII, without blanks")
    return Message(body, message.group)


class SqsQueue:
    """A standard queue. A message's group makes it a fair one; it neither orders nor deduplicates."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, messages: Iterable[Message]) -> int:
        """As `Queue.send`. What SQS refuses out of a batch is sent once more, alone, before `NotSent`."""
        return sum(self._send(batch) for batch in list(batches(messages)))

    def backlog(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        reply = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(reply["Attributes"][name]) for name in names)

    def _send(self, batch: Sequence[Message]) -> int:
        refused = self._send_once(batch, range(len(batch)))
        refused = refused and self._send_once(batch, map(int, refused))
        if refused:
            raise NotSent(f"{len(refused)} of {len(batch)} messages: {', '.join(sorted(set(refused.values())))}")
        return len(batch)

    def _send_once(self, batch: Sequence[Message], positions: Iterable[int]) -> dict[str, str]:
        """Send the messages at these positions; returns what was refused: position -> SQS's code for it."""
        entries = [_entry(position, batch[position]) for position in positions]
        try:
            reply = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except ClientError as error:
            raise NotSent(error.response["Error"]["Code"]) from error
        return {failed["Id"]: failed["Code"] for failed in reply.get("Failed", ())}


def _entry(position: int, message: Message) -> dict[str, str]:
    entry = {"Id": str(position), "MessageBody": message.body}
    return entry if message.group is None else {**entry, "MessageGroupId": message.group}
