"""Email by SMTP, for those who want to read the laptop's messages in a mail program; a copy goes to the mailbox."""

import smtplib
from urllib.parse import unquote, urlsplit

from infra.local.mailbox import Mailbox
from perennial.aws import smtp
from perennial.aws.clock import Clock
from perennial.channels.provider import Unavailable
from perennial.channels.render import Message


class Smtp:
    """A `Provider`. `url` is smtp://[user:password@]host[:port], or smtps:// for TLS from the start."""

    def __init__(self, url: str, sender: str, mailbox: Mailbox, clock: Clock) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in ("smtp", "smtps") or not self._url.hostname:
            raise ValueError("SMTP_URL is written smtp://host:port or smtps://user:password@host")
        self._by_post = smtp.Smtp(self._connected, sender, "", clock)
        self._mailbox = mailbox

    def send(self, message: Message) -> str:
        self._by_post.send(message)
        return self._mailbox.send(message)

    def _connected(self) -> smtplib.SMTP:
        kind = smtplib.SMTP_SSL if self._url.scheme == "smtps" else smtplib.SMTP
        try:
            server = kind(self._url.hostname or "", self._url.port or 0, timeout=smtp.TIMEOUT_SECONDS)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except OSError as error:  # all of smtplib's errors are
            raise Unavailable(type(error).__name__) from error
        return server
