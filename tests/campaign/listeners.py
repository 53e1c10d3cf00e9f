"""The merchant's own systems at work: they check what they are told, take it, refuse it, are busy, or are not there.

What is asked of each post is asked here, at once: whether it is for whom it goes to, signed by their keys and nobody
else's, the same as before, and of nobody by name. Written from docs/connect/merchant-webhook.md.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

from standardwebhooks import webhooks
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from perennial.aws.posts import NoAnswer, NotReached, Reply
from perennial.aws.queues import Message
from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.cloud import UNREACHABLE, raising, then_raising
from tests.campaign.functions import Handler
from tests.campaign.listening import Change, Listener
from tests.campaign.people import EVERYBODY
from tests.campaign.telling import digest
from tests.campaign.turns import Turn, Turns, Wrong
from tests.campaign.watch import SKEW, Watch

READ_ANEW, STALE = timedelta(minutes=5), timedelta(minutes=1)
"""How long a function goes on with the secret it read, and how old it may have been then."""
WELL_KNOWN = READ_ANEW + STALE + timedelta(minutes=1)
"""After so long a change of the secret is known to all."""
TAKEN = (200, 202, 204)
MOVED, REFUSED, BUSY = (301, 302, 307, 308), (400, 401, 404, 410), ("7", "600", "7200", "999999", "soon", None)
"""Answers: redirects, refusals, and how long one that is busy asks for."""
FIRST_WAIT, LONGEST_WAIT, SPREAD = 30.0, 7200.0, 1.2
"""Seconds until it is tried again, at first and at last; and so much longer a wait may be."""
NO_ANSWER = partial(NoAnswer, "TimeoutError")
NO_CONNECTION = partial(NotReached, "ConnectionRefusedError")
NAMES = tuple(name for persona in EVERYBODY for name in (*persona.names, persona.email, persona.other_email))


class Book(NamedTuple):
    """What the senders' secret says of these systems, from a moment on."""

    since: datetime
    keys: dict[str, tuple[int, ...]]
    """Listener -> versions of its key, the current one first."""


@dataclass
class System:
    """One of the merchant's."""

    listener: Listener
    version: int = 0
    """Of the key that it checks by."""
    is_down: bool = False
    taken: set[str] = field(default_factory=set)
    """Ids of the notices that it has."""

    def believes(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        with _at(now + self.listener.skew):
            try:
                Webhook(self.listener.key(self.version)).verify(body, dict(headers))
            except WebhookVerificationError:
                return False
        return True


@dataclass
class Attempt:
    """What became of one delivery, as the function that has it in hand was told."""

    number: int
    heard: str | None = None
    """Who said that they have taken it."""
    asked: float = 0.0
    """Seconds that they want to be left alone for."""
    hidden: timedelta | None = None


@dataclass
class Listeners:
    """As `Post`, and as what reads the senders' secret."""

    circumstances: Circumstances
    turns: Turns
    watch: Watch
    who: Sequence[Listener]
    others: Mapping[str, Any]
    """What the secret holds beside."""
    bodies: dict[str, str] = field(default_factory=dict)
    """Id of a notice -> its body, of all that left."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """By invocation."""

    def __post_init__(self) -> None:
        self.systems = {each.name: System(each) for each in self.who}
        first: dict[str, tuple[int, ...]] = {each.name: (0,) for each in self.who if not each.comes_later}
        self.books = [Book(self.circumstances.agenda.now, first)]

    # What staff and the systems do

    def does(self, change: Change) -> None:
        system, known = self.systems[change.about], self.books[-1].keys
        keys = known.get(change.about, ())
        match change.deed:
            case "add listener":
                self._write(known | {change.about: (system.version,)})
            case "remove listener":
                self._write({name: each for name, each in known.items() if name != change.about})
            case "rotate listener key" if keys:
                self._write(known | {change.about: (keys[0] + 1, *keys)})
            case "retire listener key" if keys:
                self._write(known | {change.about: keys[:1]})
            case "change key there" if keys:
                system.version = keys[0]
            case "go down" | "come back":
                system.is_down = change.deed == "go down"

    def finish(self) -> None:
        """Whoever is down comes back, and checks by the newest key."""
        for name, system in self.systems.items():
            system.is_down = False
            system.version = self.books[-1].keys.get(name, (system.version,))[0]

    def were_there(self, since: datetime) -> list[System]:
        """Those that were known to all by then, and stayed."""
        books = [book for book, until in self._spans() if until > since - WELL_KNOWN]
        return [system for name, system in self.systems.items() if all(name in book.keys for book in books)]

    def _write(self, keys: dict[str, tuple[int, ...]]) -> None:
        self.books.append(Book(self.circumstances.agenda.now, keys))

    # The secret

    def secret(self) -> str:
        """As whoever asks for it gets it."""
        wrong: Wrong = {
            "unreachable": raising(UNREACHABLE),
            "stale": lambda _do: self._text(self._known_since(self._now - STALE)[0]),
        }
        told = "reads the senders' secret"
        return self.turns.call("secrets", lambda: told, lambda: self._text(self.books[-1]), wrong)

    def _text(self, book: Book) -> str:
        named = {f"webhook/{name}": self._entry(name, keys) for name, keys in book.keys.items()}
        return json.dumps({**self.others, **named})

    def _entry(self, name: str, keys: Sequence[int]) -> dict[str, Any]:
        who = self.systems[name].listener
        return {
            "url": who.url, "secrets": [who.key(each) for each in keys], "kinds": who.kinds, "stores": who.stores,
        }  # fmt: skip

    def _known_since(self, moment: datetime) -> list[Book]:
        """What was in force at that moment, or came later; the oldest first."""
        return [book for book, until in self._spans() if until > moment]

    def _spans(self) -> list[tuple[Book, datetime]]:
        """Each version, and until when it was in force."""
        ends = [*(book.since for book in self.books[1:]), datetime.max.replace(tzinfo=UTC)]
        return list(zip(self.books, ends, strict=True))

    # A post

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        system = self._whose(url)
        turn, name = self._turn, headers["webhook-id"]
        self._looked_at(turn, system.listener, body.decode(), headers)
        wrong: Wrong = {
            "unreachable": raising(NO_CONNECTION),
            "no answer, taken": then_raising(NO_ANSWER),
            "no answer, not taken": raising(NO_ANSWER),
            "broken": lambda _do: Reply(500, b""),
            "busy": lambda _do: Reply(429, b"", _one_of(BUSY, turn.name)),
            "moved": lambda _do: Reply(_one_of(MOVED, turn.name), b""),
            "refused": lambda _do: Reply(_one_of(REFUSED, turn.name), b""),
        }
        told = f"tells {system.listener.name} of {name[:6]}"
        reply = self.turns.call("listener", lambda: told, lambda: self._answer(system, body, headers), wrong)
        self._heard(turn, system, reply)
        return reply

    def _whose(self, url: str) -> System:
        found = [each for each in self.systems.values() if each.listener.url == url]
        if not found:
            raise Broken("only who listens is told", "somebody else was called")
        return found[0]

    def _answer(self, system: System, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Of a system that is reached, and left to itself."""
        if system.is_down:
            self.circumstances.faults["listener: is down"] += 1
            return Reply(503, b"")
        if not system.believes(body, headers, self._now):
            self.circumstances.faults["listener: does not believe it"] += 1
            return Reply(401, b"")
        system.taken.add(headers["webhook-id"])
        return Reply(_one_of(TAKEN, headers["webhook-id"]), b"")

    def _heard(self, turn: Turn, system: System, reply: Reply) -> None:
        attempt = self.attempts[turn.name]
        if 200 <= reply.status < 300:
            attempt.heard = system.listener.name
        elif reply.retry_after and reply.retry_after.isdecimal():
            attempt.asked = float(reply.retry_after)

    # What is asked of it

    def _looked_at(self, turn: Turn, who: Listener, body: str, headers: Mapping[str, str]) -> None:
        name, told = headers["webhook-id"], json.loads(body)
        books = self._known_since(turn.began - WELL_KNOWN)
        keys = [book.keys[who.name] for book in books if who.name in book.keys]
        if not keys:
            raise Broken("who is gone is told no more", f"{who.name} was told of {name[:6]}")
        if self.bodies.setdefault(name, body) != body:
            raise Broken("a notice is the same each time", f"{name[:6]} was {self.bodies[name]}, and is {body}")
        if not _wants(who, told):
            raise Broken("nobody is told what they do not want", f"{who.name} was told {told['type']}")
        if named := [each for each in NAMES if each in body]:
            raise Broken("a notice names nobody", f"{told['type']} says {named[0]}")
        self._signed(turn, who, keys, body, headers)

    def _signed(
        self, turn: Turn, who: Listener, keys: Sequence[tuple[int, ...]], body: str, headers: Mapping[str, str]
    ) -> None:
        """By each key that the secret had for it, and by none besides; at the time of this attempt."""
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        skew, second = turn.environment.skew, timedelta(seconds=1)
        if not turn.began + skew - second <= at <= self._now + skew:
            raise Broken("a notice says when it was sent", f"{at} in an attempt that began at {turn.began + skew}")
        name, signatures = headers["webhook-id"], sorted(headers["webhook-signature"].split(" "))
        signed = [sorted(Webhook(who.key(each)).sign(name, at, body) for each in known) for known in keys]
        if signatures not in signed:
            raise Broken("a notice is signed by their keys", f"{len(signatures)} signatures for {who.name} do not fit")

    def emitted(self, messages: Iterable[Message]) -> None:
        """These are on their way to whoever wants to be told: of the erased there is nothing new to tell."""
        turn = self._turn
        for message in messages if turn.environment.function != "notices" else ():
            erased_at = self.watch.graves.erased_at.get(json.loads(message.body)["customer"])
            if erased_at and turn.began > erased_at + SKEW:
                raise Broken("of the erased nothing new is told", message.body)

    # What becomes of it

    def handling(self, handler: Handler) -> Handler:
        """The function, and what it says of its one message."""

        def handle(event: dict[str, Any]) -> Any:
            turn, [record] = self._turn, event["Records"]
            number = int(record["attributes"]["ApproximateReceiveCount"])
            attempt = self.attempts[turn.name] = Attempt(number)
            answer = handler(event)
            if answer["batchItemFailures"]:
                self._failed(turn, attempt)
            return answer

        return handle

    def hidden(self, span: timedelta) -> None:
        self.attempts[self._turn.name].hidden = span

    def _failed(self, turn: Turn, attempt: Attempt) -> None:
        """It comes again: nobody has taken it, and it comes later than the last time."""
        if attempt.heard:
            raise Broken("nobody is told again for another's sake", f"{attempt.heard} has taken it, and will be")
        least = min(max(FIRST_WAIT * 2 ** (attempt.number - 1), attempt.asked), LONGEST_WAIT)
        seconds = attempt.hidden.total_seconds() if attempt.hidden else 0.0
        if not least - 1 <= seconds <= least * SPREAD and not _went_wrong(turn):
            raise Broken("who does not take it has time", f"delivery {attempt.number} comes after {seconds:.0f} s")

    @property
    def _now(self) -> datetime:
        return self.circumstances.agenda.now

    @property
    def _turn(self) -> Turn:
        assert self.turns.current is not None, "somebody is at work"
        return self.turns.current


def _wants(who: Listener, told: Mapping[str, Any]) -> bool:
    is_theirs = not who.stores or told["data"]["store"] in who.stores
    return is_theirs and (not who.kinds or told["type"] in who.kinds)


def _went_wrong(turn: Turn) -> bool:
    """Did the queue not hear, or not do, what it was told of the message?"""
    return any(fault.startswith("visibility") for fault in turn.faults)


def _one_of(options: Sequence[Any], name: str) -> Any:
    return options[int(digest(name), 16) % len(options)]


@contextmanager
def _at(now: datetime) -> Iterator[None]:
    """Let the library that receivers use look at this clock."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now

    with patch.object(webhooks, "datetime", Clock):
        yield


Hide = Callable[[str, timedelta], None]


@dataclass(frozen=True)
class FaultyVisibility:
    """As `Visibility`."""

    hide_it: Hide
    listeners: Listeners
    turns: Turns

    def hide(self, receipt: str, span: timedelta) -> None:
        whole = timedelta(seconds=int(span.total_seconds()))  # as SQS wants it
        wrong: Wrong = {"unreachable": raising(UNREACHABLE), "answer lost": then_raising(UNREACHABLE)}
        self.turns.call("visibility", lambda: f"puts it off for {whole}", lambda: self.hide_it(receipt, whole), wrong)
        self.listeners.hidden(whole)
