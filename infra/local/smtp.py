"""Email by SMTP, for those who want to read the laptop's messages in a mail program; a copy goes to the mailbox."""

import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from infra.local.mailbox import Mailbox
from perennial.channels.provider import OutcomeUnknown, Rejected, Unavailable
from perennial.channels.render import Message

TIMEOUT_SECONDS = 10
PERMANENT = 500
"""SMTP replies from here on are for good."""


class Smtp:
    """A `Provider`. `url` is smtp://[user:password@]host[:port], or smtps:// for TLS from the start."""

    def __init__(self, url: str, sender: str, mailbox: Mailbox) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in ("smtp", "smtps") or not self._url.hostname:
            raise ValueError("SMTP_URL is written smtp://host:port or smtps://user:password@host")
        self._sender = sender
        self._mailbox = mailbox

    def send(self, message: Message) -> str:
        with self._connected() as server:
            _hand_over(server, self._mail(message))
        return self._mailbox.send(message)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.to, message.subject
        mail.set_content(message.body)
        mail["Content-Language"] = message.locale
        return mail

    def _connected(self) -> smtplib.SMTP:
        kind = smtplib.SMTP_SSL if self._url.scheme == "smtps" else smtplib.SMTP
        try:
            server = kind(self._url.hostname or "", self._url.port or 0, timeout=TIMEOUT_SECONDS)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except OSError as error:  # all of smtplib's errors are
            raise Unavailable(type(error).__name__) from error
        return server


def _hand_over(server: smtplib.SMTP, mail: EmailMessage) -> None:
    """The causes are left behind, because they quote addresses."""
    try:
        server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(max(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code) from None
    except OSError as error:
        raise OutcomeUnknown(type(error).__name__) from None


def _refused(code: int) -> Rejected | Unavailable:
    return Rejected(f"SMTP {code}") if code >= PERMANENT else Unavailable(f"SMTP {code}")
