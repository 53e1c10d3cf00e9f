"""Email by a mail server (SMTP), for merchants who have one; and the mail itself, as mail programs want it."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import format_datetime, parseaddr

from perennial.aws.clock import Clock
from perennial.aws.sender_keys import SmtpServer
from perennial.channels.links import unsubscribe_headers
from perennial.channels.provider import OutcomeUnknown, Rejected, Throttled, Unavailable
from perennial.channels.render import Message

TIMEOUT_SECONDS = 5
"""Of each answer. A claim belongs to its sender for a minute (`verdict.PATIENCE`): all of them together end before."""
PERMANENT = 500
"""SMTP replies from here on are for good."""
COME_AGAIN = frozenset({421, 450, 451, 452})
"""Too many at once, or from somebody the server has not met yet (RFC 6647, greylisting)."""
REST = timedelta(minutes=10)


class _InOneLine(UnstructuredHeader, BaseHeader):
    """An address that no mail program would find again once it is folded, or encoded because it cannot be."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _InOneLine)
_POLICY = EmailPolicy(header_factory=_HEADERS)


class Smtp:
    """A `Provider`."""

    def __init__(self, connect: Callable[[], smtplib.SMTP], sender: str, reply_to: str, clock: Clock) -> None:
        """connect: to the server, ready to take mail; raises `Unavailable`."""
        self._connect = connect
        self._sender = sender
        self._reply_to = reply_to
        self._clock = clock

    def send(self, message: Message) -> str:
        """The Message-ID, which is the action's own: mail programs show a mail that came twice once."""
        try:
            mail = self._mail(message)
        except ValueError:  # a line break in a header would begin another one
            raise Rejected("no mail can be made of it") from None
        server = self._connect()
        try:
            _hand_over(server, mail)
        finally:
            with suppress(OSError):  # what the server said of the mail is known
                server.quit()
        return str(mail["Message-ID"])

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=_POLICY)
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.to, message.subject
        mail["Date"] = format_datetime(self._clock.wall())
        mail["Message-ID"] = f"<{message.action_id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        if self._reply_to:
            mail["Reply-To"] = self._reply_to
        for name, value in unsubscribe_headers(message.one_click).items():
            mail[name] = value
        mail.set_content(message.body, cte="quoted-printable")
        if message.html:
            mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        mail["Content-Language"] = message.locale  # last: to become multipart a mail gives its content headers away
        return mail


def connection(server: Callable[[], SmtpServer | None]) -> Callable[[], smtplib.SMTP]:
    """A connection that nobody else can read, logged in. server: as the secret has it now."""

    def connect() -> smtplib.SMTP:
        told = server()
        if told is None:
            raise Unavailable("the secret of the senders names no mail server")
        try:
            return _secured(told)
        except OSError as error:  # all of smtplib's errors are
            raise Unavailable(type(error).__name__) from None

    return connect


def _secured(told: SmtpServer) -> smtplib.SMTP:
    trust = ssl.create_default_context()
    if told.security == "tls":
        opened: smtplib.SMTP = smtplib.SMTP_SSL(told.host, told.port, timeout=TIMEOUT_SECONDS, context=trust)
    else:
        opened = smtplib.SMTP(told.host, told.port, timeout=TIMEOUT_SECONDS)
    try:
        if told.security == "starttls":
            opened.starttls(context=trust)
        opened.login(told.user, told.password)
    except OSError:
        opened.close()
        raise
    return opened


def _hand_over(server: smtplib.SMTP, mail: EmailMessage) -> None:
    """The causes are left behind, because they quote addresses."""
    try:
        server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(max(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        raise Rejected("SMTP takes no such address") from None
    except OSError as error:
        raise OutcomeUnknown(type(error).__name__) from None


def _refused(code: int) -> Rejected | Unavailable:
    if code >= PERMANENT:
        return Rejected(f"SMTP {code}")
    return Throttled(f"SMTP {code}", REST) if code in COME_AGAIN else Unavailable(f"SMTP {code}")
