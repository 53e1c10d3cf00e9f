"""Queues and the functions they call: carried late, twice and in any order, as standard queues do."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.local.database import Database
from infra.local.sqlite_queues import Manners, Received, SqliteDeadLetters, SqliteQueues
from perennial.aws.queues import Message
from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import Fleet, Handler
from tests.campaign.telling import digest, of_body
from tests.campaign.turns import Environment, Result, Turns
from tests.campaign.weather import Length

QUEUES = ("orders", "tickets", "inactivity", "outcomes", "email", "sms", "notices", "receipts", "privacy")
BATCH = {"sms": 1, "notices": 1, "privacy": 1}
"""Messages a function is given at once; the others take 10. As template.yaml has it."""
MANNERS = dict.fromkeys(QUEUES, Manners()) | {
    "privacy": Manners(visibility=timedelta(minutes=30)),
    "notices": Manners(visibility=timedelta(minutes=6), max_receives=20),
}
AT_ONCE = 3
"""Execution environments of one lane."""
DELAYS = Length(0.12, (0.05, 3.0), (3.0, 60.0), (60.0, 3600.0))
CUT = Length(0.25, (1, 4))
SOON = timedelta(milliseconds=5)
UNTIL_SEEN = (Length(1.0, (600, 13 * 86_400)), Length(1.0, (600, 20_000)))
"""Seconds until somebody looks at dead letters; faster when they come again."""
SEEN_NEXT_HOUR = 3600.0
POISON = Message('{"type":"order.placed","id":"poison","data":{"customer":{"name":"Anneliese Brueckner"}}}', "poison")
"""A message that no code of ours can read."""


@dataclass(frozen=True)
class Lane:
    queue: str
    handler: Handler


class Lanes:
    """Carries what is sent, gives it to functions, and takes back what they could not do."""

    def __init__(
        self,
        circumstances: Circumstances,
        turns: Turns,
        fleet: Fleet,
        database: Database,
        handlers: Mapping[str, Handler],
    ) -> None:
        self._c = circumstances
        self._turns = turns
        self._fleet = fleet
        self._database = database
        self._queues = SqliteQueues(database, lambda: circumstances.agenda.now, MANNERS)
        self._handlers = handlers
        self._carried: Counter[str] = Counter()
        self._at_work: Counter[str] = Counter()
        self._buried: Counter[str] = Counter()
        self._at_end: Counter[str] = Counter()
        self._in_transit = 0
        self.sent: dict[str, list[str]] = {queue: [] for queue in QUEUES}
        """Bodies of all messages that a queue accepted, in their order."""
        self.actions: dict[str, str] = {}
        """Action -> it, as it was sent last."""
        self.given: Counter[str] = Counter()
        """How many messages of a queue functions were given, again and again."""
        self.took_down: Callable[[Iterable[str]], None] = lambda bodies: None
        """Told of the receipts that a function has dealt with."""
        self.groups: set[str] = set()

    def carry(self, queue: str, messages: Sequence[Message]) -> None:
        """The queue has accepted these."""
        for message in messages:
            self.sent[queue].append(message.body)
            if queue in ("email", "sms"):
                self.actions[message.body[7:39]] = message.body  # {"id":"0123...
            self.groups.add(message.group or "")
            self._set_out(queue, message)

    def backlog(self, queue: str) -> int:
        return self._queues.backlog(queue)

    def letters(self, queue: str) -> SqliteDeadLetters:
        """The queue's dead letters, as whoever looks for somebody's sees them."""
        return SqliteDeadLetters(self._queues, queue)

    @property
    def waiting(self) -> int:
        """How many messages wait, are being worked on, or are dead."""
        return sum(self._queues.backlog(queue) + self.dead(queue) for queue in QUEUES)

    @property
    def is_idle(self) -> bool:
        """Nothing waits, and nothing is on its way."""
        return not self.waiting and not self._in_transit

    def dead(self, queue: str) -> int:
        return len(self._queues.dead(queue))

    def redrive(self, queue: str) -> int:
        """Dead letters go back to where they came from, but for those that no code will ever read."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM messages WHERE dead = 1 AND message_group = ?", (POISON.group,))
        redriven = self._queues.redrive(queue)
        self._c.faults["queue: dead letter redriven"] += redriven
        self.poll(queue)
        return redriven

    def poll(self, queue: str) -> None:
        """Give what waits to a function, if there is one idle."""
        environment = self._fleet.take(queue, AT_ONCE) if self._queues.backlog(queue) else None
        if environment is None:
            return
        batch = self._received(queue)
        if not batch:
            self._fleet.give_back(environment)
            return
        name = f"{queue}/{digest(batch[0].body)}.{batch[0].receive_count}"
        batch = self._reordered(name, batch)
        self._note(queue, batch)
        self._turns.start(
            name,
            environment,
            lambda: self._handlers[queue]({"Records": [_record(message) for message in batch]}),
            lambda result: self._finished(queue, name, environment, batch, result),
        )
        self._c.agenda.at(self._hidden_until(queue), lambda: self.poll(queue))
        self._c.agenda.after(0.02, lambda: self.poll(queue))

    def put_off(self, queue: str, receipt: str, span: timedelta) -> None:
        """Whoever has the message in hand lets it come again so much later."""
        self._queues.release(receipt, span)
        self._c.agenda.at(self._c.agenda.now + span + SOON, lambda: self.poll(queue))

    # On the way

    def _set_out(self, queue: str, message: Message) -> None:
        name = f"{queue}<{digest(message.body)}"
        self._carried[name] += 1
        name = f"{name}.{self._carried[name]}"
        self._maybe_poison(queue, name)
        self._put(queue, message, self._c.lasts(f"{name}?", DELAYS, "queue: delayed") or 0.0)
        if self._c.happens(f"{name}+", "in transit", "queue: delivered twice"):
            self._put(queue, message, 0.5)

    def _put(self, queue: str, message: Message, seconds: float) -> None:
        def arrive() -> None:
            self._in_transit -= 1
            self._queues.send(queue, [message])
            self._c.agenda.at(self._c.agenda.now + SOON, lambda: self.poll(queue))

        self._in_transit += 1
        if seconds:
            self._c.agenda.after(seconds, arrive)
        else:
            arrive()

    def _maybe_poison(self, queue: str, name: str) -> None:
        if queue == "receipts":
            return  # what nobody can read there is kept in quarantine, as a vendor's own
        if self._c.happens(f"{name}!", "poison", "queue: poison"):
            self._c.said(queue, lambda: "gets a message that nobody can read")
            self._queues.send(queue, [POISON])

    # In a function's hands

    def _received(self, queue: str) -> list[Received]:
        dead = self.dead(queue)
        batch = self._queues.receive(queue, self._batch_size(queue))
        if self.dead(queue) > dead:
            self._look_after_the_dead(queue)
        return batch

    def _look_after_the_dead(self, queue: str) -> None:
        """What was given out too often lies with the dead letters, until somebody sends it back.

        Also what was done by then, by somebody who took too long: to delete it came too late.
        """
        self._buried[queue] += 1
        name, odds = f"{queue} dead {self._buried[queue]}", UNTIL_SEEN[self._buried[queue] > 1]
        self._c.said(queue, lambda: "gives up on messages: DEAD LETTERS")
        self._c.agenda.after(self._c.lasts(name, odds) or SEEN_NEXT_HOUR, lambda: self.redrive(queue))

    def _batch_size(self, queue: str) -> int:
        most = BATCH.get(queue, 10)
        cut = self._c.lasts(f"{queue}@{self._c.agenda.now.isoformat()}", CUT, "queue: batch cut short")
        return min(most, int(cut)) if cut else most

    def _reordered(self, name: str, batch: list[Received]) -> list[Received]:
        if len(batch) > 1 and self._c.happens(f"{name}%", "order", "queue: reordered"):
            return sorted(batch, key=lambda message: digest(message.body + name))
        return batch

    def _note(self, queue: str, batch: Sequence[Received]) -> None:
        for message in batch:
            if self._at_work[message.id]:
                self._c.faults["queue: visibility ended at work"] += 1
            self._at_work[message.id] += 1
        self.given[queue] += len(batch)
        self._c.said(queue, lambda: f"gives out {', '.join(of_body(message.body) for message in batch)}")

    def _finished(
        self, queue: str, name: str, environment: Environment, batch: Sequence[Received], result: Result
    ) -> None:
        for message in batch:
            self._at_work[message.id] -= 1
        self._fleet.give_back(environment, crashed=result.crashed)
        done = self._done(batch, result)
        if queue == "receipts":
            self.took_down(message.body for message in done)
        if 0 < len(done) < len(batch):
            self._c.faults["queue: partial batch failure"] += 1
        self._at_end[name] += 1  # copies of one message are named alike, and are not forgotten alike
        if done and self._c.happens(f"{name}-{self._at_end[name]}", "delete", "queue: delete lost"):
            self._c.said(queue, lambda: "hears nothing of what is done: DELETE LOST")
        else:
            self._queues.delete(message.receipt for message in done)
        self._c.agenda.at(self._c.agenda.now + SOON, lambda: self.poll(queue))

    def _done(self, batch: Sequence[Received], result: Result) -> list[Received]:
        if result.crashed or result.error:
            return []
        failed = {each["itemIdentifier"] for each in result.value["batchItemFailures"]}
        return [message for message in batch if message.id not in failed]

    def _hidden_until(self, queue: str) -> datetime:
        return self._c.agenda.now + self._queues.manners(queue).visibility + SOON


def _record(message: Received) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receive_count)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:queue",
        "awsRegion": "eu-west-1",
    }
