"""The house on a laptop: what template.yaml describes, with its own functions in this process and SQLite under them.

The functions are the deployed ones, called with the events that AWS would call them with; they cannot tell the
difference. State survives kill -9: it is in one SQLite file, and what was in a function's hands comes back.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

from infra.local.blueprint import Blueprint
from infra.local.clock import HouseClock
from infra.local.database import Database
from infra.local.due import earliest_due
from infra.local.handlers import Handlers
from infra.local.http import Endpoint, Gateway, Request, Response, Server, message
from infra.local.ministack import PARAMETERS
from infra.local.permissions import GuardedQueue, GuardedTable, Permissions
from infra.local.pump import Pump
from infra.local.receiver import RECEIVER, Receiver
from infra.local.sqlite_queues import Manners, SqliteDeadLetters, SqliteQueues
from infra.local.sqlite_table import SqliteTable
from infra.local.state import Stack, State
from infra.local.time_machine import Stop, TimeMachine
from infra.local.tokens import Invalid, Signer
from infra.local.topics import Topics
from infra.local.twins import install, queue_names, settings_of, telling_secret, told
from perennial.aws import wiring
from perennial.domain.values import iso

HEALTH, CLOCK, TOPICS = "/_house/health", "/_house/clock", "/_house/topics/"
WHO = {"sub": "laptop", "cognito:groups": ["admin"]}
"""The claims of the token that the house prints."""
FOR_EVER = 2**31
_SPAN = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class House:
    """Everything from the template, running. A context: inside it serves, after it the folder is free again."""

    def __init__(self, state: State, port: int = 0) -> None:
        """`port` 0 is any free one. Raises `InUse` and `PortTaken`."""
        with ExitStack() as opening:
            self._server = Server(port, lambda request: self._gateway.answer(request))
            opening.callback(self._server.server_close)
            opening.enter_context(state.lock())
            self.state = state
            self.keys = state.keys()
            self.clock = HouseClock(state.clock)
            self.blueprint = Blueprint(PARAMETERS)
            self.permissions = Permissions.of_the_template()
            self.database = Database(state.database)
            opening.callback(self.database.close)
            self.table = SqliteTable(self.database)
            self.queues = SqliteQueues(self.database, self.clock.wall, manners(self.blueprint))
            self.queues.give_back()
            self.receiver = Receiver(state.told, telling_secret(self.keys))
            self._install(opening)
            log = opening.enter_context(state.log.open("a", buffering=1, encoding="utf-8"))
            self._handlers = Handlers(self.blueprint, log)
            opening.callback(self._handlers.close)
            self._open = opening.pop_all()
        self._signer = Signer(self.keys.tokens)
        self._moving = threading.Lock()
        self.pump = Pump(self.queues, self.blueprint, self._handlers.invoke)
        self._machine = TimeMachine(self.clock, lambda after: earliest_due(self.table, after), self._settle)
        self.topics = Topics(self.blueprint.subscriptions, self.queues, self.clock.wall)
        own: dict[tuple[str, str], Endpoint] = {
            ("GET", HEALTH): self._health,
            ("POST", CLOCK): self._move_clock,
            ("POST", RECEIVER): self.receiver.take,
            **{("POST", TOPICS + topic): partial(self._publish, topic) for topic in self.topics.names},
        }
        self._gateway = Gateway(self.blueprint.routes, self._handlers.invoke, self._signer, self.clock.wall, own)

    def __enter__(self) -> Self:
        self.pump.start()
        self._open.callback(self.pump.close)
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http")
        thread.start()
        self._open.callback(thread.join)
        self._open.callback(self._server.shutdown)
        self.state.publish(self.stack)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def stack(self) -> Stack:
        """How to talk to this house."""
        token = self._signer.token(WHO, self.clock.wall())
        secret = telling_secret(self.keys)
        return Stack(self._server.url, token, self.keys.webhooks, str(self.state.mail), telling=secret)

    def now(self) -> datetime:
        return self.clock.now()

    def wall(self) -> datetime:
        return self.clock.wall()

    def wait_until_quiet(self) -> None:
        self.pump.drain()

    def dead_letters(self) -> Mapping[str, int]:
        return self.pump.dead_letters

    def begin_at(self, instant: datetime) -> None:
        """Set the clock, also back: for a house in which nothing has happened yet, or that has come to the present."""
        self.clock.set_to(instant)

    def arrive_at(self, instant: datetime) -> None:
        """Be there, by all that becomes due on the way, unless it is later already."""
        if instant > self.now():
            deque(self.travel(instant), maxlen=0)

    def travel(self, target: datetime) -> Iterator[Stop]:
        """Move the clock there by all that becomes due on the way; one journey at a time."""
        with self._moving:
            yield from self._machine.travel(target)

    def _install(self, opening: ExitStack) -> None:
        settings = settings_of(self.blueprint).model_copy(update={"LINKS_URL": self._server.url})
        table = GuardedTable(self.table, self.permissions)
        queues = {
            name: GuardedQueue(own, self.queues.queue(own), self.permissions)
            for name, own in queue_names(settings).items()
        }
        letters = {lane.queue: SqliteDeadLetters(self.queues, lane.queue) for lane in self.blueprint.lanes}
        webhooks = told(self.keys, self._server.url + RECEIVER)
        install(settings, table, queues, self.clock, self.keys, self.state.mail, letters, webhooks, self._tell)
        opening.callback(wiring.reset)

    def _tell(self, topic: str, text: str) -> None:
        self.topics.publish(topic, text)

    def _settle(self) -> None:
        self.table.purge(self.clock.now())
        self.pump.drain()
        self.pump.run_schedules()
        self.pump.drain()

    def _health(self, _: Request) -> Response:
        return _json(
            {"now": iso(self.clock.now()), "quiet": self.pump.is_quiet, "dead_letters": self.pump.dead_letters}
        )

    def _publish(self, topic: str, request: Request) -> Response:
        """What a provider of the account would publish."""
        try:
            self._signer.read_bearer(request.headers, self.clock.wall())
            text = request.body.decode()
        except Invalid:
            return message(401, "Unauthorized")
        except UnicodeDecodeError:
            return message(400, "a message is text")
        return _json({"queues": self.topics.publish(topic, text)})

    def _move_clock(self, request: Request) -> Response:
        """Moves by what the body says, {"by": "3d"}, and tells each stop as a line of JSON."""
        try:
            self._signer.read_bearer(request.headers, self.clock.wall())
            target = self.clock.now() + span(json.loads(request.body)["by"])
        except Invalid:
            return message(401, "Unauthorized")
        except (ValueError, KeyError, TypeError):
            return message(400, 'say by how much, for example {"by": "3d"} or {"by": "90m"}')
        lines = (json.dumps({"at": iso(stop.at), "stop": stop.number}).encode() + b"\n" for stop in self.travel(target))
        return Response(200, {"content-type": "application/x-ndjson"}, lines)


def span(text: str) -> timedelta:
    """A length of time from "3d", "12h", "90m" or "2w". Raises ValueError."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time: say 3d, 12h, 90m or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def manners(blueprint: Blueprint) -> dict[str, Manners]:
    """The queues that functions read, as the template wants them treated."""
    shapes = {lane.queue: blueprint.queues[lane.queue] for lane in blueprint.lanes}
    return {
        name: Manners(visibility=shape.visibility, max_receives=shape.max_receives or FOR_EVER)
        for name, shape in shapes.items()
    }


def _json(content: Mapping[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(content).encode())
