"""Requests over HTTP: as API Gateway hands them to a function, and as they are answered, or not heard to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from infra.local.blueprint import Route
from infra.local.http import Request, from_result, proxy_event
from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import Fleet, Handler
from tests.campaign.turns import Result, Turns

AT_ONCE = 50
FAILED = (500, 502, 503)
"""Ask again."""


@dataclass(frozen=True)
class Asked:
    """What somebody asks of us."""

    function: str
    method: str
    path: str
    """With its parameters in braces: "/holds/{id}/release"."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    """Of the token, where the authorizer let one in."""

    def event(self, now: Any) -> dict[str, Any]:
        target = self.path
        for name, value in self.parameters.items():
            target = target.replace(f"{{{name}}}", quote(value, safe=""))
        target = f"{target}?{self.query}" if self.query else target
        route = Route(self.method, self.path, self.function, authorized=bool(self.claims))
        request = Request(self.method, target, {"host": "links.demo.example", **self.headers}, self.body)
        event = proxy_event(route, request, self.parameters, now)
        if self.claims:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(self.claims), "scopes": None}}
        return event


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_heard: bool
    faults: tuple[str, ...]
    """What went wrong on the way to it."""


class Web:
    """Everybody's way to us."""

    def __init__(
        self, circumstances: Circumstances, turns: Turns, fleet: Fleet, handlers: Mapping[str, Handler]
    ) -> None:
        self._c = circumstances
        self._turns = turns
        self._fleet = fleet
        self._handlers = handlers

    def ask(self, name: str, asked: Asked, done: Callable[[Answer], None]) -> None:
        """`name`: of this request alone. An answer may be given and not be heard."""
        environment = self._fleet.take(asked.function, AT_ONCE)
        assert environment is not None, "API Gateway takes as many at once as there ever are"
        handler, event = self._handlers[asked.function], asked.event(self._c.agenda.now)

        def ended(result: Result) -> None:
            self._fleet.give_back(environment, crashed=result.crashed)
            answer = self._answer(name, asked, result)
            self._c.said(name, lambda: f"is answered {answer.status}{'' if answer.is_heard else ': ANSWER LOST'}")
            done(answer)

        self._turns.start(name, environment, lambda: handler(event), ended)

    def _answer(self, name: str, asked: Asked, result: Result) -> Answer:
        is_lost = self._c.happens(f"{name} answer", "answer", f"{asked.function}: answer lost") is not None
        if result.crashed or result.error:
            return Answer(502 if result.crashed else 500, {}, b"", not is_lost, result.faults)
        told = from_result(result.value)
        assert isinstance(told.body, bytes)
        return Answer(told.status, told.headers, told.body, not is_lost, result.faults)
