"""Mail that Amazon SES received for a domain of the merchant's, as the SNS action of a receipt rule tells it: whole."""

from base64 import b64decode
from binascii import Error as NotBase64

from pydantic import ValidationError

from perennial.sources.payloads import Payload, Text

RECEIVED = "Received"


class Envelope(Payload):
    """SNS's own."""

    Message: str


class Received(Payload):
    notificationType: Text = None  # noqa: N815  as SES writes it
    content: str | None = None
    """The mail, in base64 or as it is: the rule's choice. Other actions than SNS's tell of a mail, and leave it out."""


def mail_in(told: bytes) -> bytes | None:
    """The mail that this message of a topic holds; None where it tells of something else."""
    try:
        received = Received.model_validate_json(_content(told))
    except ValidationError:
        return None  # whatever it is, others read it, or say why not
    return _decoded(received.content or "") if received.notificationType == RECEIVED else None


def _content(told: bytes) -> bytes:
    """Without the envelope, where there is one."""
    try:
        return Envelope.model_validate_json(told).Message.encode("utf-8", "replace")
    except ValidationError:
        return told


def _decoded(content: str) -> bytes:
    """A mail begins with a name and a colon, which no base64 has."""
    try:
        return b64decode("".join(content.split()), validate=True)
    except (NotBase64, ValueError):
        return content.encode("utf-8", "replace")
