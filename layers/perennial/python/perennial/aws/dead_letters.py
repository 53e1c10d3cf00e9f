"""The dead letters of a queue, as somebody sees them who looks for some and takes them out for good.

Its twin on SQLite is infra/local/sqlite_queues.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

HIDDEN = 600
"""Seconds for which a letter is not shown again: longer than it takes to look through all of them."""
MOST = 100_000
"""Letters that are looked at. SQS gives no more than 120,000 away at a time."""


class DeadLetters(Protocol):
    def remove(self, is_meant: Callable[[str], bool]) -> int:
        """Take out those whose body is meant; returns how many. The others stay."""


class SqsDeadLetters:
    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def remove(self, is_meant: Callable[[str], bool]) -> int:
        """As `DeadLetters.remove`. What was looked at is hidden from everybody until the end, then shown again."""
        held: dict[str, str] = {}
        removed = 0
        try:
            while len(held) < MOST and (letters := self._receive()) and letters.keys() - held.keys():
                held |= {number: letter["ReceiptHandle"] for number, letter in letters.items()}
                for number, letter in letters.items():
                    if is_meant(letter["Body"]):
                        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=held.pop(number))
                        removed += 1
        finally:
            for receipt in held.values():
                self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return removed

    def _receive(self) -> Mapping[str, Any]:
        """By message id. It waits a second: a short look asks only some of SQS's servers."""
        reply = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN, WaitTimeSeconds=1
        )
        return {letter["MessageId"]: letter for letter in reply.get("Messages", ())}
