"""SNS as its receivers see it: envelopes, signed with a certificate of its own making."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from perennial.domain.values import iso
from tests.builders import NOON

TOPIC = "arn:aws:sns:eu-west-1:123456789012:receipts"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
SUBSCRIBE = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
_HASHES: Mapping[str, Any] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  what SNS signs its version 1 with
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


@cache
def a_key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def a_certificate(name: str = "sns.amazonaws.com", expires: datetime = NOON + timedelta(days=30)) -> bytes:
    """Of `a_key()`, for this name, from 60 days before it expires."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(a_key().public_key())
        .serial_number(1)
        .not_valid_before(expires - timedelta(days=60))
        .not_valid_after(expires)
        .sign(a_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def an_envelope(message: Any = "{}", **changes: Any) -> bytes:
    """Signed after the changes, by `a_key()`."""
    text = message if isinstance(message, str) else json.dumps(message)
    envelope = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": text,
        "Timestamp": iso(NOON),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        **changes,
    }
    return json.dumps({**envelope, "Signature": signature(envelope)}).encode()


def a_confirmation(**changes: Any) -> bytes:
    told = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": SUBSCRIBE, **changes}
    return an_envelope("You have chosen to subscribe to the topic.", **told)


def signature(envelope: Mapping[str, Any]) -> str:
    """As SNS documents it; by no key for a version that it has not."""
    names = _NOTIFICATION if envelope["Type"] == "Notification" else _CONFIRMATION
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None)
    chosen = _HASHES.get(envelope["SignatureVersion"], hashes.SHA256())
    return base64.b64encode(a_key().sign(text.encode(), padding.PKCS1v15(), chosen)).decode()


class StubSns:
    """Gives this certificate at `CERTIFICATE`, and remembers what was asked."""

    def __init__(self, pem: bytes | None = None) -> None:
        self.pem = pem or a_certificate()
        self.asked: list[str] = []
        self.confirmed: list[str] = []

    def certificate(self, url: str) -> bytes | None:
        self.asked.append(url)
        return self.pem if url == CERTIFICATE else None

    def confirm(self, url: str) -> None:
        self.confirmed.append(url)
