"""Email by Amazon SES v2."""

from typing import Any

from perennial.aws.answers import understood
from perennial.channels.links import unsubscribe_headers
from perennial.channels.render import Message

REJECTIONS = frozenset({"MessageRejected", "BadRequestException"})
"""The message's own fault. All else (throttling, a paused account, a missing configuration set) may pass."""


class Ses:
    """A `Provider`. Its client must not retry: SES does not know a request again, a second one is a second message."""

    def __init__(self, client: Any, sender: str, reply_to: str = "", configuration_set: str = "") -> None:
        self._client = client
        self._fixed: dict[str, Any] = {"FromEmailAddress": sender}
        if reply_to:
            self._fixed["ReplyToAddresses"] = [reply_to]
        if configuration_set:
            self._fixed["ConfigurationSetName"] = configuration_set

    def send(self, message: Message) -> str:
        with understood(REJECTIONS):
            answer = self._client.send_email(
                **self._fixed,
                Destination={"ToAddresses": [message.to]},
                Content={"Simple": {"Subject": _text(message.subject), "Body": _body(message), **_headers(message)}},
                EmailTags=[{"Name": name, "Value": value} for name, value in message.tags.items()],
            )
        return str(answer["MessageId"])


def _headers(message: Message) -> dict[str, list[dict[str, str]]]:
    headers = unsubscribe_headers(message.one_click)
    return {"Headers": [{"Name": name, "Value": value} for name, value in headers.items()]} if headers else {}


def _body(message: Message) -> dict[str, dict[str, str]]:
    """SES makes of both a multipart/alternative."""
    text = {"Text": _text(message.body)}
    return {**text, "Html": _text(message.html)} if message.html else text


def _text(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
