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
from perennial.channels.provider import OutcomeUnknown, Rejected, Spent, Throttled, Unavailable
from perennial.channels.render import Message
from perennial.channels.returns import Return, Returns, nowhere
from perennial.domain.return_path import MARK_HEADER

TIMEOUT_SECONDS = 5
"""Of each answer. A claim belongs to its sender for a minute (`verdict.PATIENCE`): all of them together end before."""
PERMANENT = 500
"""SMTP replies from here on are for good."""
COME_AGAIN = frozenset({421, 450, 451, 452, 454})
"""Too many at once, which SES calls 454, or from somebody the server has not met yet (RFC 6647, greylisting)."""
A_DAY = b"daily"
"""What servers of all makers say where the account's own messages of a day are used up; by no code of its own."""
REST = timedelta(minutes=10)
TOO_LARGE = 552
"""What a server may say to a sender's address because of the size that is told with it."""


class _InOneLine(UnstructuredHeader, BaseHeader):
    """What nobody would find again once it is folded, or encoded because it cannot be."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _InOneLine)
_HEADERS.map_to_type(MARK_HEADER.lower(), _InOneLine)
_POLICY = EmailPolicy(header_factory=_HEADERS)


class Smtp:
    """A `Provider`."""

    def __init__(
        self,
        connect: Callable[[], smtplib.SMTP],
        sender: str,
        reply_to: str,
        clock: Clock,
        returns: Returns = nowhere,
    ) -> None:
        """connect: to the server, ready to take mail; raises `Unavailable`. returns: where each mail comes back to."""
        self._connect = connect
        self._returns = returns
        self._sender = sender
        self._reply_to = reply_to
        self._clock = clock

    def send(self, message: Message) -> str:
        """The Message-ID, which is the action's own: mail programs show a mail that came twice once."""
        back = self._returns(message)
        try:
            mail = self._mail(message, back)
        except ValueError:  # a line break in a header would begin another one
            raise Rejected("no mail can be made of it") from None
        server = self._connect()
        try:
            _hand_over(server, mail, back)
        finally:
            with suppress(OSError):  # what the server said of the mail is known
                server.quit()
        return str(mail["Message-ID"])

    def _mail(self, message: Message, back: Return | None) -> EmailMessage:
        mail = EmailMessage(policy=_POLICY)
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.to, message.subject
        mail["Date"] = format_datetime(self._clock.wall())
        mail["Message-ID"] = f"<{message.action_id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        if self._reply_to:
            mail["Reply-To"] = self._reply_to
        for name, value in {**unsubscribe_headers(message.one_click), **(back.headers if back else {})}.items():
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


def _hand_over(server: smtplib.SMTP, mail: EmailMessage, back: Return | None) -> None:
    """The causes are left behind, because they quote addresses."""
    try:
        server.ehlo_or_helo_if_needed()
        server.send_message(mail, back.address if back else None, **_wishes(server, back))
    except smtplib.SMTPSenderRefused as error:
        raise _sender_refused(error, back) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(*max(error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPNotSupportedError:
        raise Rejected("SMTP takes no such address") from None
    except OSError as error:
        raise OutcomeUnknown(type(error).__name__) from None


def _wishes(server: smtplib.SMTP, back: Return | None) -> dict[str, list[str]]:
    """How a server that reports on delivery (RFC 3461) is to report: failures, with our mail's head, under its mark."""
    if back is None or not server.has_extn("dsn"):
        return {}
    return {"mail_options": ["RET=HDRS", f"ENVID={back.mark}"], "rcpt_options": ["NOTIFY=FAILURE"]}


def _sender_refused(error: smtplib.SMTPSenderRefused, back: Return | None) -> Rejected | Unavailable:
    """Who takes no mail from the return domain takes none at all: that is for people to mend, and no mail's end."""
    refused = _refused(error.smtp_code, error.smtp_error)
    if back and isinstance(refused, Rejected) and error.smtp_code != TOO_LARGE:
        return Unavailable(f"SMTP {error.smtp_code} to the return address")
    return refused


def _refused(code: int, said: bytes | str) -> Rejected | Unavailable:
    """said: its words, which quote addresses and go no further."""
    if A_DAY in (said.encode() if isinstance(said, str) else said).lower():
        return Spent(f"SMTP {code}, daily quota")
    if code >= PERMANENT:
        return Rejected(f"SMTP {code}")
    return Throttled(f"SMTP {code}", REST) if code in COME_AGAIN else Unavailable(f"SMTP {code}")
