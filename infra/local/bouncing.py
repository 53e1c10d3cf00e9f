"""Addresses that behave like those of SES's simulator: what goes to `bounce@...` comes back, to `complaint@...` annoys.

What comes of it is written as mail servers write it, and takes the way of mail that SES receives: by the topic.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime

from perennial.aws.clock import Clock
from perennial.channels.provider import Provider
from perennial.channels.render import Message
from perennial.channels.returns import Return, Returns

DOMAIN = "bounces.localhost"
TOPIC = "ReceiptsTopic"
Publish = Callable[[str, str], object]
"""To a topic, a message."""
_REPORT = """\
From: Mail Delivery System <mailer-daemon@mx.localhost>
To: <{to}>
Date: {date}
Subject: {words}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="=_report"

--=_report
Content-Type: text/plain; charset=us-ascii

{words}

--=_report
Content-Type: message/{kind}

{fields}
--=_report
Content-Type: text/rfc822-headers

{head}
--=_report--
"""


class Bouncing:
    """A `Provider`: what the one inside takes, and what comes of it."""

    def __init__(self, inside: Provider, returns: Returns, publish: Publish, clock: Clock) -> None:
        self._inside = inside
        self._returns = returns
        self._publish = publish
        self._clock = clock

    def send(self, message: Message) -> str:
        taken = self._inside.send(message)
        written = _WRITTEN.get(message.to.partition("@")[0].partition("+")[0].lower())
        if written and (back := self._returns(message)):
            self._publish(TOPIC, received(written(back, message.to, self._clock.now())))
        return taken


def unheard(topic: str, message: str) -> None:
    """Where there are no topics, nothing is heard of what was sent."""


def received(mail: bytes) -> str:
    """As the SNS action of a receipt rule tells of it."""
    told = {"notificationType": "Received", "receipt": {"action": {"type": "SNS", "encoding": "UTF8"}}}
    return json.dumps({**told, "content": mail.decode(errors="replace")})


def bounce(back: Return, to: str, at: datetime, status: str = "5.1.1", action: str = "failed") -> bytes:
    """A delivery status notification (RFC 3464)."""
    server = f"Reporting-MTA: dns; mx.localhost\nOriginal-Envelope-Id: {back.mark}\n"
    fate = f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}\n"
    return _report("delivery-status", back, "Undelivered mail", f"{server}\n{fate}", back.address, at)


def complaint(back: Return, to: str, at: datetime, feedback: str = "abuse") -> bytes:
    """A complaint (RFC 5965), which goes to whoever has asked for them."""
    told = f"Feedback-Type: {feedback}\nUser-Agent: Mailbox/1\nVersion: 1\nOriginal-Rcpt-To: {to}\n"
    return _report("feedback-report", back, "Called spam", told, f"complaints@{DOMAIN}", at)


def _report(kind: str, back: Return, words: str, fields: str, to: str, at: datetime) -> bytes:
    head = "".join(f"{name}: {value}\n" for name, value in back.headers.items())
    written = _REPORT.format(to=to, date=format_datetime(at), words=words, kind=kind, fields=fields, head=head)
    return written.replace("\n", "\r\n").encode()


_WRITTEN: Mapping[str, Callable[[Return, str, datetime], bytes]] = {"bounce": bounce, "complaint": complaint}
