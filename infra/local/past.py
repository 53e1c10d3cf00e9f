"""Runs the past through the engine at full speed: the clock follows the events, and timers fire between them in time.

No queues and no HTTP: what would travel on a lane is applied at once, what would go to a sender is sent at once, by the
same engine and the same outbox. One event at a time, each decided at its own time.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime

from infra.local.clock import EventClock
from infra.local.due import DueWatch
from infra.local.time_machine import MINUTE, whole_minute
from perennial.aws.queues import Message
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.outbox import Contended, Outbox
from perennial.channels.provider import Unavailable
from perennial.channels.verdict import StillSending
from perennial.domain.actions import Action
from perennial.domain.events import Event, MessageFailed, MessageSent, parse_event
from perennial.engine import Engine
from perennial.sweep import timer


class Line:
    """As `Queue`: what was sent and has not been taken yet."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()

    def send(self, messages: Iterable[Message]) -> int:
        before = len(self._waiting)
        self._waiting.extend(messages)
        return len(self._waiting) - before

    def backlog(self) -> int:
        return len(self._waiting)

    def take(self) -> Message:
        return self._waiting.popleft()


class Past:
    """What was fed so far, and what came of it."""

    def __init__(
        self,
        engine: Engine,
        lanes: Iterable[Line],
        outboxes: Iterable[tuple[Line, Outbox]],
        due: DueWatch,
        clock: EventClock,
    ) -> None:
        """`due` is the engine's table; `lanes` carry events, each of `outboxes` takes its line's actions."""
        self._engine = engine
        self._lines: list[tuple[Line, Callable[[str], None]]] = [
            *((lane, self._apply_text) for lane in lanes),
            *((line, self._sending(outbox)) for line, outbox in outboxes),
        ]
        self._due = due
        self._clock = clock
        self.timers = 0
        self.messages: Counter[str] = Counter()
        """Template -> how many were sent."""
        self.unsent: Counter[str] = Counter()
        """Reason -> how many messages were dropped for it."""
        self.failures: Counter[str] = Counter()
        """What the engine or a sender could not do, by kind of event or action and error."""

    def feed(self, event: Event) -> None:
        """It happened: first all that became due before it, then this. Late news does not turn the clock back."""
        self.run_until(event.time)
        self._apply(event)
        self._deliver()

    def run_until(self, instant: datetime) -> None:
        """Let time pass: at each whole minute fires what is due by then, as the sweep would."""
        while (due := self._due.next_due()) is not None:
            minute = whole_minute(max(due, self._clock.now()))
            if minute > instant:
                break
            self._clock.move_to(minute)
            for armed in tuple(self._due.take(minute)):
                self.timers += 1
                self._apply(timer(armed))
            self._deliver()
            self._clock.move_to(min(minute + MINUTE, instant))  # what is due again so soon has its turn a minute later
        self._clock.move_to(instant)

    def _apply(self, event: Event) -> None:
        for error in self._engine.apply([event], self._clock.now()).values():
            self.failures[f"{event.type}: {type(error).__name__}"] += 1

    def _apply_text(self, body: str) -> None:
        self._apply(parse_event(body))

    def _deliver(self) -> None:
        """Until nothing waits: an event makes an action, its message an outcome, and that is an event again."""
        while any(line.backlog() for line, _ in self._lines):
            for line, take in self._lines:
                while line.backlog():
                    take(line.take().body)

    def _sending(self, outbox: Outbox) -> Callable[[str], None]:
        return lambda body: self._send(outbox, Action.model_validate_json(body))

    def _send(self, outbox: Outbox, action: Action) -> None:
        try:
            outcome = outbox.send(action)
        except (BrokenTemplate, Contended, StillSending, Unavailable) as error:  # a dead letter, in the house
            self.failures[f"{action.template}: {type(error).__name__}"] += 1
            return
        match outcome:
            case MessageSent():
                self.messages[action.template] += 1
            case MessageFailed():
                self.unsent[outcome.data.reason or "no reason"] += 1
