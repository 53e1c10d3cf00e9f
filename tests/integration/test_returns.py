"""Mails that come back, from the raw notice to the customer's record and the guard: by SES and SNS, and over HTTPS."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.bouncing import received
from perennial.aws import wiring
from perennial.aws.holds import Holds
from perennial.aws.reputation import Received
from perennial.deliverability import GUARD, Guard
from perennial.domain.customer import Customer
from perennial.domain.events import Event, MessageData, MessageSent
from perennial.ingest import Reply
from perennial.receipts import NOBODYS, Receipts
from perennial.sources import mail
from tests.builders import NOON, placed
from tests.integration.test_receipts import EMAIL, World
from tests.mails import KEYS, a_complaint, a_fate, a_mail, a_report, a_return
from tests.topics import an_envelope

KEY = "the key of the mailbox"


class Mailroom(World):
    """A house with one customer, to which mails come back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.order = placed(NOON)
        self.house.hears(self.order)
        self.back = a_return(self.customer.id)

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return (KEY,) if source == "mail" else super().of(source, store)

    @property
    def customer(self) -> Customer:
        return self.house.record(self.order)

    def receives(self, *mails: bytes) -> Any:
        """As SES tells it, in SNS's envelope, on the queue."""
        answer = self.told(*(an_envelope(received(each)) for each in mails))
        self.house.settles()
        return answer

    def posted(self, body: bytes, store: str = "demo", key: str = KEY) -> Reply:
        reply = self.ingest.receive("mail", store, {"X-Perennial-Key": key}, body)
        self.house.settles()
        return reply

    def suppressed(self) -> str | None:
        known = self.customer.facts.suppressed.get("email")
        return known.value if known else None

    def counted(self) -> Received:
        return self.reputation.since(NOON.date(), NOON.date())

    def journal(self, kind: str) -> int:
        return sum(entry.event.type == kind for entry in self.house.journal(self.order))


@pytest.fixture
def world() -> Iterator[Mailroom]:
    world = Mailroom()
    wiring.install(receipts=Receipts(world.ingest, "demo", world.reputation, mail.Door(lambda: KEYS)))
    yield world
    wiring.reset()


def test_an_address_whose_mail_came_back_is_not_written_to_again(world: Mailroom) -> None:
    answer = world.receives(a_report(back=world.back))

    assert answer == {"batchItemFailures": []}
    assert world.suppressed() == "bounced"
    assert world.counted() == Received(sent=0, bounced=1, complained=0)


def test_who_calls_a_mail_spam_is_not_written_to_again(world: Mailroom) -> None:
    world.receives(a_complaint(back=world.back))

    assert world.suppressed() == "complained"
    assert world.counted() == Received(sent=0, bounced=0, complained=1)


def test_a_full_mailbox_is_told_and_ends_nothing(world: Mailroom) -> None:
    world.receives(a_report(a_fate(status="4.2.2"), back=world.back))

    assert world.suppressed() is None
    assert world.counted() == Received(sent=0, bounced=0, complained=0)
    assert world.journal("message.failed") == 1


def test_told_twice_and_by_both_ways_it_is_one_bounce(world: Mailroom) -> None:
    report = a_report(back=world.back)

    world.receives(report, report)
    world.posted(report)

    assert world.journal("message.bounced") == 1
    assert world.counted().bounced == 1


def test_a_mail_that_ses_tells_in_base64_is_read_like_one_as_it_is(world: Mailroom) -> None:
    content = base64.encodebytes(a_report(back=world.back)).decode()
    told = {"notificationType": "Received", "content": content}

    world.told(an_envelope(told))
    world.house.settles()

    assert world.suppressed() == "bounced"


@pytest.mark.parametrize(
    "forged",
    [
        lambda world: a_report(back=a_return(world.customer.id, key=b"a stranger's key")),
        lambda world: a_mail("Buy now\r\n", To="someone@bounces.shop.example"),
        lambda world: a_report(back=a_return(world.customer.id, store="other")).replace(
            b"Store: other", b"Store: demo"
        ),
        lambda world: b"",
    ],
    ids=["sealed by a stranger", "spam", "of another store", "nothing"],
)
def test_what_anybody_may_send_there_changes_nothing_and_is_kept_nowhere(world: Mailroom, forged: Any) -> None:
    before = world.customer

    assert world.receives(forged(world)) == {"batchItemFailures": []}

    assert world.customer == before
    assert world.reasons() == []
    assert world.house.lane.sent == []


def test_a_notice_without_the_mail_is_answered_and_forgotten(world: Mailroom) -> None:
    told = json.dumps({"notificationType": "Received", "receipt": {"action": {"type": "S3"}}})

    assert wiring.receipts().take(told) == NOBODYS


def test_a_mail_that_another_topic_tells_over_https_is_answered_and_forgotten(world: Mailroom) -> None:
    reply = world.ingest.receive("sns", "demo", {}, an_envelope(received(a_report(back=world.back))))

    assert (reply.status, len(reply.body["ignored"])) == (200, 1)
    assert (world.suppressed(), world.reasons()) == (None, [])


def test_over_https_who_has_no_key_or_another_store_s_changes_nothing(world: Mailroom) -> None:
    report = a_report(back=world.back)

    assert world.posted(report, key="a guess").status == 401
    assert world.posted(report, store="other").body["ignored"] == [{"index": 0, "reason": mail.NOT_OURS}]

    assert world.suppressed() is None
    assert world.reasons() == []


def test_what_bears_our_mark_and_cannot_be_read_waits_in_quarantine_and_can_be_tried_again(world: Mailroom) -> None:
    world.receives(a_mail(f"I could not deliver it to {EMAIL}.\r\n", world.back))

    [entry] = world.house.ingest.quarantine.list().entries
    assert (entry.source, entry.store) == ("mail", "demo")
    assert EMAIL not in entry.reason
    again = world.ingest.replay(entry.id)
    assert again is not None
    assert len(again.body["quarantined"]) == 1


def test_mail_that_cannot_be_stored_comes_again(world: Mailroom) -> None:
    world.house.lane.broken = True
    told = an_envelope(received(a_report(back=world.back)))

    assert world.told(told) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def test_marketing_stops_when_too_much_of_what_a_mail_server_took_comes_back(world: Mailroom) -> None:
    holds = Holds(world.house.table)
    guard = Guard(world.reputation, holds)
    world.reputation.note([sent(number) for number in range(500)])

    for number in range(13):
        world.posted(a_report(back=a_return(world.customer.id, action=f"{number:032x}")))

    assert guard.look(NOON) == 1
    assert [hold.by for hold in holds.in_force()] == [GUARD]


def sent(number: int) -> Event:
    data = MessageData(action=f"{number:032x}", channel="email")
    return MessageSent(id=f"{number}:outcome", source="perennial/outbox", store="demo", time=NOON, data=data)
