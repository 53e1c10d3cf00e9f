"""A merchant's mail server: the password goes over TLS or not at all, and a mail's head is as mail programs want it."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from perennial.aws.sender_keys import SmtpServer
from perennial.aws.smtp import Smtp, connection
from perennial.channels.provider import Rejected, Spent, Throttled, Unavailable
from tests.integration.test_senders import a_message
from tests.messaging import NOON

CLOCK = SimpleNamespace(now=lambda: NOON, wall=lambda: NOON)
Security = Literal["starttls", "tls"]
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
"""The server does not see that TLS was there before it."""


@dataclass
class Postbox:
    """Takes mail of whoever knows the password."""

    mails: list[Mail] = field(default_factory=list)
    answer: str = "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert session.ssl is not None or session.authenticated
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return self.answer


def let_in(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, said: Any) -> AuthResult:
    return AuthResult(success=isinstance(said, LoginPassword) and said.password == b"hush")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, by itself; with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    written = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(encoding)
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(written)
    return file


def serving(box: Postbox, certificate: Path, security: Security | None) -> Controller:
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(certificate)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"authenticator": let_in, "auth_required": security is not None, "auth_require_tls": security == "starttls"}
    told |= {"tls_context": trust} if security == "starttls" else {}
    told |= {"ssl_context": trust} if security == "tls" else {}
    return Controller(box, hostname="127.0.0.1", port=port, **told)


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture(params=["starttls", "tls"])
def server(request: Any, box: Postbox, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    """A server whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    controller = serving(box, certificate, request.param)
    controller.start()
    yield SmtpServer(host="localhost", port=controller.port, security=request.param, user="shop", password="hush")
    controller.stop()


def smtp(server: SmtpServer | None) -> Smtp:
    return Smtp(connection(lambda: server), "Lumen <hello@shop.example>", "care@shop.example", CLOCK)


def test_a_mail_has_all_that_its_head_should_have_once(box: Postbox, server: SmtpServer) -> None:
    sent = smtp(server).send(a_message(one_click="https://hooks.example/u/token", html="<p>Hola</p>"))

    [mail] = box.mails
    for name in ("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "List-Unsubscribe"):
        assert len(mail.get_all(name, [])) == 1, name
    assert sent == mail["Message-ID"] == "<a-1@shop.example>"
    assert parsedate_to_datetime(mail["Date"]) == NOON
    assert mail["Reply-To"] == "care@shop.example"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_wrong_password_sends_nothing_and_may_be_mended(box: Postbox, server: SmtpServer) -> None:
    with pytest.raises(Unavailable):
        smtp(server.model_copy(update={"password": "wrong"})).send(a_message())

    assert box.mails == []


def test_a_server_that_proves_nothing_gets_no_password(
    box: Postbox, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(Unavailable):
        smtp(server).send(a_message())

    assert box.mails == []


def test_a_server_without_tls_gets_no_password(box: Postbox, certificate: Path) -> None:
    controller = serving(box, certificate, None)
    controller.start()

    with pytest.raises(Unavailable):
        smtp(SmtpServer(host="localhost", port=controller.port, user="shop", password="hush")).send(a_message())

    controller.stop()
    assert box.mails == []


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("550 no", Rejected),
        ("451 later", Throttled),
        ("454 Throttling failure: Maximum sending rate exceeded.", Throttled),
        ("454 Throttling failure: Daily message quota exceeded.", Spent),
        ("550 5.4.5 Daily user sending limit exceeded.", Spent),
        ("455 no", Unavailable),
    ],
)
def test_what_the_server_says_of_the_mail_is_told_apart(
    box: Postbox, server: SmtpServer, answer: str, meaning: type[Exception]
) -> None:
    box.answer = answer

    with pytest.raises(meaning) as told:
        smtp(server).send(a_message())

    assert type(told.value) is meaning


@pytest.mark.parametrize(
    ("name", "text"), [("subject", "Hi\r\nBcc: eve@example.com"), ("to", "a@b.example\nBcc: e@v.e")]
)
def test_no_word_of_a_message_brings_a_header_along(box: Postbox, server: SmtpServer, name: str, text: str) -> None:
    with pytest.raises(Rejected):
        smtp(server).send(a_message(**{name: text}))

    assert box.mails == []


def test_without_a_server_nothing_is_sent() -> None:
    with pytest.raises(Unavailable):
        smtp(None).send(a_message())
