"""When a message that failed comes again: sooner or later than its queue's visibility says."""

from datetime import timedelta
from typing import Any, Protocol


class Visibility(Protocol):
    def hide(self, receipt: str, span: timedelta) -> None:
        """Let the message of this delivery come again after the span, 12 hours at most."""


class SqsVisibility:
    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, receipt: str, span: timedelta) -> None:
        seconds = int(span.total_seconds())
        self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
