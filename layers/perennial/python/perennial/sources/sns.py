"""Amazon SNS: what SES and AWS SMS tell, out of the envelope that SNS puts it in, or without one.

Over HTTPS the envelope is signed, and nothing is believed before that: the topic is one that the merchant named (they
stand where other sources have their secrets), the message is not a recording, the certificate's address is SNS's own,
and the certificate itself names SNS and has not expired. Over a queue AWS lets in whom the queue's policy names.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from perennial.domain.events import Event
from perennial.domain.values import Id
from perennial.sources import Forged, Headers, Ignored, NotUnderstood, Ping, amazon_mail, amazon_ses, amazon_sms, whole
from perennial.sources.payloads import Payload, Text, Time, understanding
from perennial.sources.signatures import require_fresh

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

NOTIFICATION, CONFIRMATION, GOODBYE = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    GOODBYE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""The fields that are signed, in their order."""
REPLAY_WINDOW = timedelta(minutes=65)
"""SNS tries a message for an hour at most, always with the time at which it was published."""
_HOST = re.compile(r"sns\.([a-z0-9-]{1,40})\.amazonaws\.com(?:\.cn)?")
_NAMED = re.compile(r"sns(?:\.[a-z0-9-]{1,40})?\.amazonaws\.com(?:\.cn)?")
_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]{1,40}):\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")


class Envelope(Payload):
    """What SNS posts."""

    Type: str
    MessageId: str
    TopicArn: str
    Message: str
    Timestamp: str
    SignatureVersion: str
    Signature: str
    SigningCertURL: str
    Subject: str | None = None
    Token: str | None = None
    SubscribeURL: str | None = None

    def signed(self) -> bytes:
        """Names and values, a line each; what is not there is left out."""
        told = [(name, getattr(self, name)) for name in SIGNED[self.Type]]
        return "".join(f"{name}\n{value}\n" for name, value in told if value is not None).encode()


class Sns(Protocol):
    """What must be asked of SNS itself."""

    def certificate(self, url: str) -> bytes | None:
        """The certificate (PEM) at an address of SNS's; None where there is none. Raises when SNS does not answer."""

    def confirm(self, url: str) -> None:
        """Subscribe: open an address of SNS's. Raises when SNS refuses or does not answer."""


@dataclass(frozen=True, slots=True)
class Door:
    """The source as it stands in the web: a `Source`, which can ask SNS for certificates."""

    sns: Sns

    @property
    def HEADERS(self) -> frozenset[str]:  # noqa: N802  as of all sources
        return HEADERS

    @property
    def MEDIA_TYPES(self) -> frozenset[str]:  # noqa: N802
        return MEDIA_TYPES

    def verify(self, _headers: Headers, body: bytes, topics: Sequence[str], moments: Sequence[datetime], /) -> None:
        """Raises `Ping` for a topic that wants to be confirmed: that is done, it is one of ours."""
        envelope = _opened(body)
        if envelope.TopicArn not in topics:
            raise Forged("the topic is none of those of this source and store")
        require_fresh(_published_at(envelope), moments, REPLAY_WINDOW)
        pem = self.sns.certificate(certificate_url(envelope))
        if pem is None:
            raise Forged("there is no certificate at this address")
        require_signed_by(pem, envelope, moments)
        if envelope.Type == CONFIRMATION:
            self.sns.confirm(subscribe_url(envelope))
            raise Ping("the topic is subscribed")

    def split(self, body: bytes, /) -> tuple[bytes, ...]:
        return whole(body)

    def translate(self, headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
        return translate(headers, body, store, received_at)


def verify(_headers: Headers, _body: bytes, _secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    raise Forged("its door is `Door`: without SNS nobody can be believed")


split = whole


# ---------------------------------------------------------------- trust


def _opened(body: bytes) -> Envelope:
    try:
        envelope = Envelope.model_validate_json(body)
    except ValidationError:
        raise Forged("no envelope of SNS; raw delivery is for queues only") from None
    if envelope.Type not in SIGNED:
        raise Forged("no type of envelope that SNS sends")
    return envelope


def _published_at(envelope: Envelope) -> datetime:
    try:
        at = datetime.fromisoformat(envelope.Timestamp)
    except ValueError:
        raise Forged("Timestamp: no time") from None
    if at.tzinfo is None:
        raise Forged("Timestamp: no zone")
    return at


def certificate_url(envelope: Envelope) -> str:
    """Raises `Forged` unless it is a certificate of SNS's own, in the region of the topic."""
    if not urlsplit(_of_sns(envelope, envelope.SigningCertURL)).path.endswith(".pem"):
        raise Forged("SigningCertURL: no certificate")
    return envelope.SigningCertURL


def subscribe_url(envelope: Envelope) -> str:
    """Raises `Forged` unless it confirms this very topic, with SNS."""
    url = _of_sns(envelope, envelope.SubscribeURL or "")
    asked = parse_qs(urlsplit(url).query)
    if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [envelope.TopicArn]:
        raise Forged("SubscribeURL: it does not confirm this topic")
    return url


def _of_sns(envelope: Envelope, url: str) -> str:
    """The address, if it is SNS's in the region of the topic: no port, no user, nothing but https."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Forged("no address") from None
    host, topic = _HOST.fullmatch(parts.netloc), _ARN.fullmatch(envelope.TopicArn)
    if parts.scheme != "https" or host is None or topic is None or host[1] != topic[1]:
        raise Forged("an address that is not SNS's, or not of the topic's region")
    return url


def require_signed_by(pem: bytes, envelope: Envelope, moments: Sequence[datetime]) -> None:
    """Raises `Forged` unless the certificate is SNS's, is valid now, and signed this."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(pem)
        signature = b64decode(envelope.Signature, validate=True)
    except (ValueError, NotBase64):
        raise Forged("no certificate, or no signature") from None
    _require_valid(certificate, moments)
    key, versions = certificate.public_key(), {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  SNS's version 1
    if envelope.SignatureVersion not in versions or not isinstance(key, rsa.RSAPublicKey):
        raise Forged("signed in a way that SNS does not sign")
    try:
        key.verify(signature, envelope.signed(), padding.PKCS1v15(), versions[envelope.SignatureVersion])
    except InvalidSignature:
        raise Forged("the certificate did not sign this") from None


def _require_valid(certificate: "Certificate", moments: Sequence[datetime]) -> None:
    from cryptography.x509 import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not any(_NAMED.fullmatch(str(name.value)) for name in names):
        raise Forged("the certificate is somebody else's")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not any(begins <= moment <= ends for moment in moments):
        raise Forged("the certificate is not valid now")


# ---------------------------------------------------------------- what is told


class Notification(Payload):
    """An envelope, or what has none."""

    Type: Text = None
    TopicArn: Text = None
    Message: str | None = None
    Timestamp: Time = None


class Kind(Payload):
    """By which of its fields each kind of content is known."""

    eventType: Text = None  # noqa: N815  as AWS writes them
    notificationType: Text = None  # noqa: N815
    event_type: Text = None
    inboundMessageId: Id | None = None  # noqa: N815
    mail: object = None


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    told = Notification.model_validate_json(body)
    if told.Type in (CONFIRMATION, GOODBYE):
        raise Ignored("the topic's subscription begins or ends: it carries nothing")
    if told.TopicArn is None or told.Message is None:
        return _content(body, store, None, received_at)
    if not told.Message.lstrip().startswith("{"):
        raise Ignored("words for people, such as those with which SES tries a topic")
    return _content(told.Message.encode(), store, told.Timestamp, received_at)


def _content(content: bytes, store: str, told_at: datetime | None, received_at: datetime) -> Events:
    kind, at = Kind.model_validate_json(content), told_at or received_at
    if kind.inboundMessageId:
        return amazon_sms.incoming(content, store, told_at, received_at)
    if kind.event_type:
        return amazon_sms.records(content, store, at)
    if kind.eventType and kind.mail is None:
        return amazon_sms.receipts(content, store, at)
    if kind.notificationType == amazon_mail.RECEIVED:
        raise Ignored("a mail that came in: let its rule publish to the stack's own topic")
    if kind.eventType or kind.notificationType:
        return amazon_ses.events(content, store, at)
    raise NotUnderstood("neither an event of SES's nor one of AWS SMS")
