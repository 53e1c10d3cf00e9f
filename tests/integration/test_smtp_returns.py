"""A mail by SMTP has an address of its own to come back to, and a server that reports is asked to report."""

import re
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from infra.local.bouncing import bounce
from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from infra.local.twins import KeptSenderKeys
from perennial.aws import wiring
from perennial.aws.reputation import Received, Reputation
from perennial.aws.settings import Settings
from perennial.aws.smtp import Smtp
from perennial.aws.store import profile_key, record_key
from perennial.aws.table import Item, Put
from perennial.channels.outbox import Outbox
from perennial.channels.provider import Rejected, Spent, Throttled, Unavailable
from perennial.channels.render import Message
from perennial.channels.returns import MarkedReturns, Return, Returns, nowhere
from perennial.domain.events import MessageSent
from perennial.domain.label import Label
from perennial.sources import mail
from tests.house import BreakableTable, Crash, ListQueue
from tests.integration.test_senders import ENVIRONMENT, a_message
from tests.integration.test_smtp import CLOCK, Postbox
from tests.mails import ACTION, CUSTOMER, KEYS, a_return
from tests.messaging import NOON, a_customer, a_profile, an_action

RETURNS = MarkedReturns("bounces.shop.example", lambda: KEYS)
PARAMETERS = re.compile(r" (RET|ENVID|NOTIFY|ORCPT)=(\S+)")


@dataclass
class ReportingPostbox(Postbox):
    """Says that it reports (RFC 3461), and remembers how it was asked to."""

    reports: bool = True
    sender: str = ""
    sender_answer: str = "250 ok"
    asked: dict[str, str] = field(default_factory=dict)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:1], "250-DSN", *responses[1:]] if self.reports else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = self.sender = address
        return self.sender_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return self.answer

    def report(self) -> bytes:
        """On the mail that it took: to where that comes from, under the name that it was to be reported by."""
        [written] = self.mails
        back = Return(self.asked["ENVID"], self.sender, str(written["X-Perennial-Store"]))
        return bounce(back, str(written["To"]), NOON)


class ReportingServer(SMTP):
    """aiosmtpd knows no reports: their parameters are noted and taken away."""

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        await super().smtp_MAIL(self._noted(arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        await super().smtp_RCPT(self._noted(arg))

    def _noted(self, arg: str | None) -> str:
        handler: Any = self.event_handler
        handler.asked |= dict(PARAMETERS.findall(arg or ""))
        return PARAMETERS.sub("", arg or "")


@contextmanager
def serving(box: ReportingPostbox) -> Iterator[int]:
    """On this port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.factory = lambda: ReportingServer(box)  # type: ignore[method-assign]
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def box() -> ReportingPostbox:
    return ReportingPostbox()


def to_a_customer() -> Message:
    return a_message(action_id=ACTION, label=Label(action=ACTION, customer=CUSTOMER, store="demo", at=NOON))


def sent(box: ReportingPostbox, message: Message, returns: Returns = RETURNS) -> str:
    with serving(box) as port:
        provider = Smtp(lambda: smtplib.SMTP("127.0.0.1", port, timeout=5), "hello@shop.example", "", CLOCK, returns)
        return provider.send(message)


def test_each_mail_leaves_from_an_address_of_its_own_and_says_so_in_its_head(box: ReportingPostbox) -> None:
    sent(box, to_a_customer())

    [written] = box.mails
    assert box.sender == a_return().address
    assert (written["From"], written["X-Perennial-Mark"]) == ("hello@shop.example", a_return().mark)


def test_a_server_that_reports_is_asked_for_failures_and_for_our_head_alone(box: ReportingPostbox) -> None:
    sent(box, to_a_customer())

    assert box.asked == {"RET": "HDRS", "ENVID": a_return().mark, "NOTIFY": "FAILURE"}


def test_a_server_that_does_not_report_is_asked_for_nothing(box: ReportingPostbox) -> None:
    box.reports = False

    sent(box, to_a_customer())

    assert box.asked == {}
    assert len(box.mails) == 1


def test_what_the_server_reports_ends_the_address_of_that_customer_and_no_other(box: ReportingPostbox) -> None:
    sent(box, to_a_customer())

    [event] = mail.Door(lambda: KEYS).translate({}, box.report(), "demo", NOON)

    assert (event.type, event.customer) == ("message.bounced", CUSTOMER)


def test_without_a_domain_for_it_mail_comes_back_to_the_sender_that_customers_see(box: ReportingPostbox) -> None:
    sent(box, to_a_customer(), nowhere)

    [written] = box.mails
    assert box.sender == "hello@shop.example"
    assert (written["X-Perennial-Mark"], box.asked) == (None, {})


@pytest.mark.parametrize(
    ("answer", "returns", "meaning"),
    [
        ("553 5.7.1 Sender address rejected: not owned by user", RETURNS, Unavailable),
        ("552 5.3.4 too large", RETURNS, Rejected),
        ("451 4.7.1 later", RETURNS, Throttled),
        ("550 5.4.5 Daily user sending limit exceeded.", RETURNS, Spent),
        ("553 5.7.1 Sender address rejected", nowhere, Rejected),
    ],
)
def test_a_server_that_takes_no_mail_from_the_return_domain_loses_no_message(
    box: ReportingPostbox, answer: str, returns: Returns, meaning: type[Exception]
) -> None:
    box.sender_answer = answer

    with pytest.raises(meaning) as told:
        sent(box, to_a_customer(), returns)

    assert type(told.value) is meaning
    assert box.mails == []


@dataclass
class Taken:
    """A `Provider` that takes everything."""

    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> str:
        self.messages.append(message)
        return "m-1"


@pytest.fixture
def table() -> Iterator[BreakableTable]:
    """Of a house in which one customer is to be written to."""
    table = BreakableTable(SqliteTable(Database()))
    records = ((record_key("c-1"), a_customer()), (profile_key("c-1"), a_profile()))
    table.write([Put(Item(key, body.model_dump_json(), {"version": 1})) for key, body in records])
    yield table
    wiring.reset()


def an_outbox(table: BreakableTable, by: str, provider: Taken) -> Outbox:
    wiring.install(
        settings=Settings.model_validate({**ENVIRONMENT, "EMAIL_BY": by}),
        table=table,
        clock=CLOCK,
        identity_secret=b"key",
        queue_outcomes=ListQueue(),
        sender_keys=KeptSenderKeys(CLOCK, {}),
        email_provider=provider,
    )
    return wiring.email_outbox()


def counted(table: BreakableTable) -> Received:
    return Reputation(table).since(NOON.date(), NOON.date())


@pytest.mark.parametrize(("by", "count"), [("smtp", 1), ("ses", 0)])
def test_what_a_mail_server_took_counts_for_the_guard_as_nobody_else_tells_of_it(
    table: BreakableTable, by: str, count: int
) -> None:
    told = an_outbox(table, by, Taken()).send(an_action())

    assert isinstance(told, MessageSent)
    assert counted(table) == Received(sent=count, bounced=0, complained=0)


def test_what_could_not_be_counted_is_counted_when_it_comes_again_and_is_not_sent_again(table: BreakableTable) -> None:
    provider = Taken()
    outbox = an_outbox(table, "smtp", provider)
    table.before = lambda writes: refuse(any(write.key.pk.startswith("REPUTATION#") for write in writes))

    with pytest.raises(Crash):
        outbox.send(an_action())
    table.before = lambda writes: None
    outbox.send(an_action())

    assert len(provider.messages) == 1
    assert counted(table).sent == 1


def refuse(this: bool) -> None:
    if this:
        raise Crash
