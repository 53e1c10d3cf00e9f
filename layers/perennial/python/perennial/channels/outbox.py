"""The one way a message leaves: read, judge, render, claim, look again, send once, write down, report.

A claim is written before the message is handed over, so that of all copies of an action one sends. The customer is read
once more after that: who objected or moved while it was claimed, is heard. What happens to a message between claim and
outcome is never guessed: when the provider's answer is lost, or the sender dies, the message counts as sent and is not
sent again. Each action ends in one outcome, `message.sent` or `message.failed`, or goes back
to wait (`message.deferred`). An outcome is reported as often as a copy of its action arrives, as the same event.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zlib import crc32

from perennial.aws.clock import Clock
from perennial.aws.queues import Message as QueueMessage
from perennial.aws.queues import Queue
from perennial.channels.coupons import SOLD_OUT, PoolEmpty
from perennial.channels.ledger import Book, Conflict, Ledger
from perennial.channels.messaging import Claim, Messaging
from perennial.channels.objections import objections
from perennial.channels.pacing import at_once
from perennial.channels.provider import OutcomeUnknown, Provider, Rejected, Throttled, Unavailable
from perennial.channels.recipient import Recipient
from perennial.channels.render import Message, Renderer
from perennial.channels.verdict import (
    OUTCOME_UNKNOWN,
    Clear,
    Close,
    Closed,
    Held,
    Turn,
    Wait,
    judge,
    judge_claimed,
    put_off,
)
from perennial.channels.warming import may_have_left, quota_of, tomorrow
from perennial.domain.actions import Action
from perennial.domain.erasure import may_be_written_to
from perennial.domain.events import MessageData, MessageDeferred, MessageFailed, MessageSent
from perennial.domain.holds import Hold
from perennial.domain.label import OUTBOX, outcome_id
from perennial.domain.permission import DELETED, ERASED
from perennial.domain.policy import Policy
from perennial.domain.values import iso

SOURCE = OUTBOX
ATTEMPTS = 5
"""How often to lose the race for one customer's claims before leaving it to the queue."""
AMENDMENTS = 25
"""How often to lose it when the message is gone already: what happened is worth more patience than what may happen."""

Outcome = MessageSent | MessageFailed | MessageDeferred
V = TypeVar("V")


def never_erased(action: Action, recipient: Recipient, to: str) -> None:
    """Of a house in which nobody was ever erased."""


def as_it_is(action: Action) -> Action:
    """Of a house whose coupons are all worked out."""
    return action


def nothing_drawn(action: Action) -> None:
    """In such a house nothing goes back to a pool."""


def counted_elsewhere(outcome: Outcome) -> None:
    """Of a provider who tells of each message that it took."""


class Lifted(Exception):
    """The hold under which the action was to wait is lifted; let the queue bring the action again."""


class Contended(Exception):
    """Other senders were first, or there were too many at once; let the queue bring the action again."""


class Outbox:
    def __init__(
        self,
        ledger: Ledger,
        renderer: Renderer,
        provider: Provider,
        outcomes: Queue,
        policy: Callable[[], Policy],
        clock: Clock,
        erased_at: Callable[[Action, Recipient, str], datetime | None] = never_erased,
        drawn: Callable[[Action], Action] = as_it_is,
        pace: Callable[[], None] = at_once,
        put_back: Callable[[Action], None] = nothing_drawn,
        count: Callable[[Outcome], None] = counted_elsewhere,
    ) -> None:
        """erased_at: when somebody had the address erased that an action is about to be sent to.

        drawn: the action with the code of its coupon; raises `PoolEmpty` where none is left, and `Unavailable`.
        put_back: the code that it drew, if it did, may be somebody else's: it failed for good, and nobody has seen it.
        pace: returns when one more message may go to the provider; asked first, so that all that follows is fresh.
        count: told of each message's end, once that is written down and reported; if it raises, it is told again.
        """
        self._count = count
        self._drawn, self._pace, self._put_back = drawn, pace, put_back
        self._erased_at = erased_at
        self._ledger = ledger
        self._renderer = renderer
        self._provider = provider
        self._outcomes = outcomes
        self._policy = policy
        self._clock = clock

    def send(self, action: Action) -> Outcome | None:
        """Send it if it may leave, and report what became of it. None: the customer was erased, nobody is to know.

        Raises `Contended`, `Lifted`, `StillSending`, `Unavailable`, `BrokenTemplate` and what table and queue raise:
        then the action is to be delivered again.
        """
        self._pace()
        found = self._ledger.read(action)
        if found is None:
            return None
        recipient, book = found
        turn = Turn(secrets.token_hex(8), action, recipient, self._policy(), self._clock.now())
        for _ in range(ATTEMPTS):
            try:
                return self._take(turn, book)
            except Conflict as conflict:
                book = conflict.found
        raise Contended(f"action {action.id} lost {ATTEMPTS} races for the claims of its customer")

    def _take(self, turn: Turn, book: Book) -> Outcome:
        match self._but_erased(turn, judge(turn, book.messaging)):
            case Closed(claim):
                return self._conclude(turn, claim)
            case Clear(to, checked):
                return self._take_on(turn, to, checked, book)
            case verdict:
                return self._leave_unclaimed(turn, verdict, book)

    def _leave_unclaimed(self, turn: Turn, verdict: Close | Wait | Held, book: Book) -> Outcome:
        match verdict:
            case Wait() as wait:
                return self._report(turn, _deferred(turn, wait))
            case Held(hold):
                return self._keep(turn, hold)
            case Close(claim):
                return self._refuse(turn, claim, book)

    def _take_on(self, turn: Turn, to: str, checked: tuple[str, ...], book: Book) -> Outcome:
        claim = Claim.of(turn.action, turn.name, turn.now, checked)
        try:  # Rendered before the claim: a broken template must not use the action up.
            message = self._composed(turn, to)
        except PoolEmpty:
            return self._refuse(turn, claim.failed(SOLD_OUT), book)
        if not isinstance(message, Message):
            return self._leave_unclaimed(turn, message, book)
        claim = claim.with_coupon(message.label.coupon if message.label else None)
        return self._take_claimed(turn, message, self._write(turn, claim, book))

    def _refuse(self, turn: Turn, claim: Claim, book: Book) -> Outcome:
        self._write(turn, claim, book)
        return self._conclude(turn, claim)

    def _take_claimed(self, turn: Turn, message: Message, book: Book) -> Outcome:
        try:
            verdict = self._look_again(turn, message, book)
            if isinstance(verdict, Message):
                verdict = self._without_place(turn) or verdict
        except Exception:
            self._give_back(turn, book)
            raise
        return self._go_on(turn, verdict, book)

    def _go_on(self, turn: Turn, verdict: Message | Close | Wait | Held, book: Book) -> Outcome:
        """What becomes of an action that this turn has claimed."""
        match verdict:
            case Wait() as wait:
                self._let_wait(turn, book)
                return self._report(turn, _deferred(turn, wait))
            case Held(hold):
                self._let_wait(turn, book)
                return self._keep(turn, hold)
            case Close(claim):
                return self._close(turn, claim, book)
            case Message():
                return self._use_place(turn, verdict, book)

    def _without_place(self, turn: Turn) -> Wait | Close | None:
        """What becomes of it if there is no place left for it today; None: it has one, or needs none."""
        quota = quota_of(turn)
        if quota is None or self._ledger.take_place(turn.now.date(), quota):
            return None
        return tomorrow(turn, quota)

    def _use_place(self, turn: Turn, message: Message, book: Book) -> Outcome:
        try:
            outcome = self._deliver(turn, message, book)
        except Unavailable:
            self._leave_place(turn)
            raise
        if not may_have_left(outcome):
            self._leave_place(turn)
        return outcome

    def _leave_place(self, turn: Turn) -> None:
        if quota_of(turn) is not None:
            self._ledger.give_place_back(turn.now.date(), turn.name)

    def _keep(self, turn: Turn, hold: Hold) -> Outcome:
        """Let it wait until staff say what is to become of it."""
        if not self._ledger.keep(turn.action, hold):
            raise Lifted(f"action {turn.action.id} came as hold {hold.id} was lifted")
        return self._report(turn, _held(turn, hold))

    def _look_again(self, turn: Turn, message: Message, book: Book) -> Message | Close | Wait | Held:
        """The message as it may leave, by what the customer has said until now."""
        recipient = self._ledger.recipient(turn.action)
        if recipient is None:
            return Close(book.messaging.claims[turn.action.id].failed(DELETED))
        if recipient == turn.recipient:
            return message
        again = replace(turn, recipient=recipient)
        verdict = self._but_erased(again, judge_claimed(again, book.messaging))
        return self._composed(again, verdict.to) if isinstance(verdict, Clear) else verdict

    def _but_erased(self, turn: Turn, verdict: V) -> V | Close:
        """The verdict, unless its address was erased and nobody has asked to be written to since."""
        if not isinstance(verdict, Clear):
            return verdict
        action, recipient = turn.action, turn.recipient
        erased_at = self._erased_at(action, recipient, verdict.to)
        if erased_at is None or may_be_written_to(recipient.customer.facts, action.channel, erased_at):
            return verdict
        return Close(Claim.of(action, turn.name, turn.now).failed(ERASED))

    def _composed(self, turn: Turn, to: str) -> Message | Wait | Close:
        """The message; or what becomes of it while the shop takes no more coupons."""
        try:
            action = self._drawn(turn.action)
        except Throttled as by_the_shop:
            return _until_rested(turn, by_the_shop)
        return self._renderer.compose(action, turn.recipient, to, turn.policy, turn.now)

    def _deliver(self, turn: Turn, message: Message, book: Book) -> Outcome:
        """Hand it over, exactly once from here on: nothing below may lead back to `send`."""
        claim = book.messaging.claims[turn.action.id]
        try:
            closed = claim.sent(self._provider.send(message), message.template_version)
        except Rejected as rejected:
            closed = claim.failed(rejected.reason)
        except OutcomeUnknown:
            closed = claim.unknown(OUTCOME_UNKNOWN, message.template_version)
        except Throttled as throttled:
            return self._go_on(turn, _until_rested(turn, throttled), book)
        except Unavailable:
            self._give_back(turn, book)
            raise
        return self._close(turn, closed, book)

    def _close(self, turn: Turn, closed: Claim, book: Book) -> Outcome:
        try:
            is_ours = self._amend(turn, book, lambda messaging: messaging.with_claim(turn.action.id, closed))
        except Exception:  # What happened is known here and nowhere else: it is reported though it is not written down.
            self._report(turn, _outcome(turn, closed))
            raise
        return self._conclude(turn, closed) if is_ours else self._report(turn, _outcome(turn, closed))

    def _conclude(self, turn: Turn, claim: Claim) -> Outcome:
        """Report what is written down. A claim that failed stays failed: nobody hands the message over any more."""
        outcome = self._report(turn, _outcome(turn, claim))
        self._end_waiting(turn)
        if claim.state == "failed":
            self._put_back(turn.action)
        self._count(outcome)
        return outcome

    def _end_waiting(self, turn: Turn) -> None:
        """A copy of it may wait under a hold, for longer than claims are kept; its customer may have been elsewhere."""
        for hold in turn.recipient.holds:
            if hold.reach.covers(turn.action, country=None):
                self._ledger.end_waiting(turn.action, hold)

    def _let_wait(self, turn: Turn, book: Book) -> None:
        """Give it back, unless another copy has taken this turn for dead: what has had its outcome does not wait."""
        if not self._give_back(turn, book):
            raise Contended(f"action {turn.action.id} was taken over by another copy")

    def _give_back(self, turn: Turn, book: Book) -> bool:
        """Nothing was sent: whoever comes next may claim it. False where it was not ours to give."""
        return self._amend(turn, book, lambda messaging: messaging.without(turn.action.id))

    def _amend(self, turn: Turn, book: Book, change: Callable[[Messaging], Messaging]) -> bool:
        """Change our claim, whatever else was written meanwhile. False where it is no longer ours to change."""
        for _ in range(AMENDMENTS):
            claim = book.messaging.claims.get(turn.action.id)
            if claim is None or claim.by != turn.name or claim.state != "claimed":
                return False
            try:
                self._ledger.write(turn.action.customer, change(book.messaging), book)
            except Conflict as conflict:
                book = conflict.found
            else:
                return True
        raise Contended(f"the outcome of action {turn.action.id} could not be written down")

    def _write(self, turn: Turn, claim: Claim, book: Book) -> Book:
        pruned = book.messaging.pruned(turn.now, turn.policy.cap_window)
        return self._ledger.write(turn.action.customer, pruned.with_claim(turn.action.id, claim), book)

    def _report(self, turn: Turn, outcome: Outcome) -> Outcome:
        told = (event.but({"customer": turn.action.customer}) for event in (outcome, *objections(outcome)))
        self._outcomes.send([QueueMessage(event.to_json()) for event in told])
        return outcome


def _until_rested(turn: Turn, throttled: Throttled) -> Wait | Close:
    """Not all at once again: each somewhere within as long again, by its id."""
    seconds = round(throttled.rest.total_seconds())
    rested = turn.now + throttled.rest + timedelta(seconds=crc32(turn.action.id.encode()) % seconds)
    return put_off(turn, rested, f"throttled: {throttled}")


def _deferred(turn: Turn, wait: Wait) -> MessageDeferred:
    """The same event however often a copy of this asking comes: else each would be asked for again, and they would
    multiply. What comes of its waiting is another asking, with a time of its own."""
    action, until = turn.action, iso(wait.until)
    return MessageDeferred(
        id=f"{action.id}:deferred:{iso(action.decided_at)}",
        source=SOURCE,
        store=action.store,
        time=action.decided_at,
        data=_data(action, reason=wait.reason, until=until, not_after=iso(action.not_after)),
    )


def _held(turn: Turn, hold: Hold) -> MessageDeferred:
    """The same event however often the action comes back under the same hold. Nobody knows until when it waits."""
    action = turn.action
    return MessageDeferred(
        id=f"{action.id}:held:{hold.id}",
        source=SOURCE,
        store=action.store,
        time=max(action.decided_at, hold.since),
        data=_data(action, reason=f"emergency stop {hold.id}"),
    )


def _outcome(turn: Turn, claim: Claim) -> MessageSent | MessageFailed:
    """The same event however often it is reported. Sent or failed, it has one id: the first that is told, holds."""
    action = turn.action
    kind = MessageSent if claim.state == "sent" else MessageFailed
    return kind(
        id=outcome_id(action.id),
        source=SOURCE,
        store=action.store,
        time=claim.at,
        data=_data(action, **claim.model_dump(include=_OF_A_CLAIM)),
    )


_OF_A_CLAIM = {"reason", "provider_id", "template_version", "checked", "coupon"}
"""What an outcome tells of it."""


def _data(action: Action, **outcome: Any) -> MessageData:
    told = {
        "action": action.id,
        "about": action.about,
        "subject": action.subject,
        "channel": action.channel,
        "play": action.play,
        "template": action.template,
        "purpose": action.purpose,
    }
    return MessageData.model_validate({**told, **outcome})
