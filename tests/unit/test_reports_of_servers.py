"""Reports as the servers write them that people run: Postfix, Exim, Exchange Online, Gmail and Yahoo's complaints."""

from typing import Any

import pytest

from perennial.sources import Ignored, mail
from tests.builders import NOON
from tests.mails import ACTION, CUSTOMER, KEYS, a_return

MARK = a_return().mark

POSTFIX = f"""\
Return-Path: <>
Received: by mail.shop.example (Postfix) id 4F2D1A0; Mon, 15 Jun 2026 11:59:30 +0000 (UTC)
Date: Mon, 15 Jun 2026 11:59:30 +0000 (UTC)
From: MAILER-DAEMON@mail.shop.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {MARK}@bounces.shop.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9B8C7.1781524770/mail.shop.example"
Content-Transfer-Encoding: 8bit

This is a MIME-encapsulated message.

--9B8C7.1781524770/mail.shop.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

<mia@example.com>: host mx.example.com[192.0.2.25] said: 550 5.1.1
    <mia@example.com>: Recipient address rejected: User unknown (in reply to RCPT TO command)

--9B8C7.1781524770/mail.shop.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.shop.example
X-Postfix-Queue-ID: 9B8C7
X-Postfix-Sender: rfc822; {MARK}@bounces.shop.example
Original-Envelope-Id: {MARK}
Arrival-Date: Mon, 15 Jun 2026 11:59:28 +0000 (UTC)

Final-Recipient: rfc822; mia@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <mia@example.com>: Recipient address rejected:
    User unknown

--9B8C7.1781524770/mail.shop.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <{MARK}@bounces.shop.example>
From: Lumen <hello@shop.example>
X-Perennial-Mark: {MARK}
X-Perennial-Store: demo

--9B8C7.1781524770/mail.shop.example--
"""

EXIM = f"""\
Envelope-to: {MARK}@bounces.shop.example
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@host.example>
To: {MARK}@bounces.shop.example
References: <a-1@shop.example>
Content-Type: multipart/report; report-type=delivery-status; boundary=1781524770-eximdsn-42
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Date: Mon, 15 Jun 2026 13:59:30 +0200

--1781524770-eximdsn-42
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1781524770-eximdsn-42
Content-type: message/delivery-status

Reporting-MTA: dns; host.example

Action: failed
Final-Recipient: rfc822;mia@example.com
Status: 5.0.0
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 552-5.2.2 The email account that you tried to reach is over quota.

--1781524770-eximdsn-42
Content-type: message/rfc822

Return-path: <{MARK}@bounces.shop.example>
Subject: It is on its way

Hi Mia
--1781524770-eximdsn-42--
"""

EXCHANGE = f"""\
From: Microsoft Outlook <MicrosoftExchange329e71ec@example.onmicrosoft.com>
To: <{MARK.upper()}@bounces.shop.example>
Date: Mon, 15 Jun 2026 11:59:30 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="3a7d0c2f-4c11-4f0e-9b1e-2f6c8d1e0a55"
X-MS-Exchange-Message-Is-Ndr:
X-Auto-Response-Suppress: All
Auto-Submitted: auto-replied
MIME-Version: 1.0

--3a7d0c2f-4c11-4f0e-9b1e-2f6c8d1e0a55
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="5b0d4f4e"

--5b0d4f4e
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to mia@example.com couldn't be delivered.

--5b0d4f4e
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: base64

PGh0bWw+PC9odG1sPg==

--5b0d4f4e--

--3a7d0c2f-4c11-4f0e-9b1e-2f6c8d1e0a55
Content-Type: message/delivery-status

Reporting-MTA: dns;AM0PR01MB0001.example
Received-From-MTA: dns;mail.shop.example
Arrival-Date: Mon, 15 Jun 2026 11:59:28 +0000

Final-Recipient: rfc822;mia@example.com
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient mia@example.com not found
X-Display-Name: Mia

--3a7d0c2f-4c11-4f0e-9b1e-2f6c8d1e0a55
Content-Type: message/rfc822

From: Lumen <hello@shop.example>
Subject: It is on its way

Hi Mia
--3a7d0c2f-4c11-4f0e-9b1e-2f6c8d1e0a55--
"""

GMAIL = f"""\
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: {MARK}@bounces.shop.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Delay)
Date: Mon, 15 Jun 2026 04:59:30 -0700 (PDT)
Content-Type: multipart/report; boundary="000000000000a1b2c3"; report-type=delivery-status

--000000000000a1b2c3
Content-Type: multipart/related; boundary="000000000000a1b2d0"

--000000000000a1b2d0
Content-Type: text/html; charset="UTF-8"

<html></html>
--000000000000a1b2d0--
--000000000000a1b2c3
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
X-Original-Message-ID: <a-1@shop.example>

Final-Recipient: rfc822; mia@example.com
Action: delayed
Status: 4.4.1
Diagnostic-Code: smtp; The recipient server did not accept our requests to connect.
Will-Retry-Until: Wed, 17 Jun 2026 04:59:28 -0700 (PDT)

--000000000000a1b2c3--
"""

YAHOO = f"""\
From: Yahoo! Mail AntiSpam Feedback <feedback@arf.mail.example>
To: complaints@bounces.shop.example
Date: Mon, 15 Jun 2026 11:59:30 +0000 (UTC)
Subject: It is on its way
MIME-Version: 1.0
Content-Type: multipart/report; boundary="----=_Part_1"; report-type=feedback-report

------=_Part_1
Content-Type: text/plain; charset=US-ASCII
Content-Transfer-Encoding: 7bit

This is an email abuse report.
------=_Part_1
Content-Type: message/feedback-report
Content-Transfer-Encoding: 7bit
Content-Disposition: inline

Feedback-Type: abuse
User-Agent: Yahoo!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: {MARK}@bounces.shop.example
Original-Rcpt-To: redacted@example.com
Reported-Domain: shop.example

------=_Part_1
Content-Type: message/rfc822
Content-Disposition: inline

Return-Path: <{MARK}@bounces.shop.example>
X-Perennial-Mark: {MARK}
Subject: It is on its way

Hi
------=_Part_1--
"""


def told(text: str, linesep: str) -> Any:
    [event] = mail.Door(lambda: KEYS).translate({}, text.replace("\n", linesep).encode(), "demo", NOON)
    return event


@pytest.mark.parametrize("linesep", ["\n", "\r\n"], ids=["as piped", "as received"])
@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (POSTFIX, "message.bounced", "bounced for good: 5.1.1"),
        (EXIM, "message.failed", "refused, not for its address: 5.2.2"),
        (EXCHANGE, "message.bounced", "bounced for good: 5.1.10"),
        (YAHOO, "message.complained", None),
    ],
    ids=["postfix", "exim", "exchange", "yahoo"],
)
def test_a_report_means_what_its_server_meant(text: str, kind: str, reason: str | None, linesep: str) -> None:
    event = told(text, linesep)

    assert (event.type, event.customer, event.data.action) == (kind, CUSTOMER, ACTION)
    assert event.data.reason == reason
    assert event.time.minute == 59


def test_a_server_that_goes_on_trying_has_said_nothing_yet() -> None:
    with pytest.raises(Ignored, match="still tries"):
        told(GMAIL, "\r\n")
