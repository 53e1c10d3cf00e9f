"""Functions at work: each invocation is a greenlet that gives way at every call to the outside, where it may also die.

An invocation's state of the process (`perennial.aws.wiring`) is that of its own execution environment: it is put in
place whenever the invocation goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from perennial.admin.api import api
from perennial.aws import wiring
from tests.campaign.circumstances import Circumstances

T = TypeVar("T")

CALL_TAKES = 0.004
"""Seconds."""
Wrong = Mapping[str, Callable[[Callable[[], Any]], Any]]
"""Kind of fault -> what becomes of the call: its answer, or an error."""
NOTHING: Wrong = MappingProxyType({})
"""Goes wrong, other than by a crash."""


class Call(NamedTuple):
    """A call to the outside that an invocation made."""

    name: str
    place: str


class Crash(BaseException):
    """The execution environment is gone. Nothing in it runs any further, not even what cleans up."""


@dataclass
class ApiRequest:
    """What the admin API's resolver, of which a process has one, knows of the request that it answers."""

    context: dict[str, Any] = field(default_factory=dict)
    event: Any = None


@contextmanager
def _resolving(environment: "Environment") -> Iterator[None]:
    """The resolver as it is in this environment; what it knows by the end, it will know there again."""
    request = environment.request
    api.context, BaseRouter.current_event = request.context, request.event
    yield
    request.context, request.event = api.context, BaseRouter.current_event


@dataclass
class Environment:
    """An execution environment of one function: what it remembers lives as long as it does."""

    function: str
    number: int
    skew: timedelta = timedelta(0)
    """How far its clock is ahead."""
    parts: dict[str, Any] = field(default_factory=dict)
    """What `wiring` built or was given in this environment."""
    request: "ApiRequest" = field(default_factory=lambda: ApiRequest())

    @property
    def name(self) -> str:
        return f"{self.function}-{self.number}"


@dataclass
class Result:
    """How an invocation ended: with a value, with an exception, or not at all."""

    value: Any = None
    error: Exception | None = None
    crashed: bool = False
    faults: tuple[str, ...] = ()
    """What went wrong with its calls."""
    clock: datetime | None = None
    """What its clock said when it looked last."""


@dataclass
class Turn:
    """One invocation."""

    name: str
    environment: Environment
    work: Callable[[], Any]
    done: Callable[[Result], None]
    began: datetime
    calls: int = 0
    is_dead: bool = False
    seen: dict[Any, Any] = field(default_factory=dict)
    """What it read last, for the watch."""
    looked_at: datetime | None = None
    """When it read its customer last."""
    clock: datetime | None = None
    """What its clock said last."""
    faults: list[str] = field(default_factory=list)
    result: Result = field(default_factory=Result)
    thread: greenlet | None = None


class Turns:
    """All invocations there are; one at a time is `current`, none while the outside world acts."""

    def __init__(self, circumstances: Circumstances) -> None:
        self._c = circumstances
        self._main = getcurrent()
        self._open: dict[int, Turn] = {}
        self._names: Counter[str] = Counter()
        self.current: Turn | None = None
        self.made: list[Call] = []
        """All of them, in their order."""

    @property
    def is_idle(self) -> bool:
        return not self._open

    def start(
        self, name: str, environment: Environment, work: Callable[[], Any], done: Callable[[Result], None]
    ) -> None:
        """Begin an invocation now; `done` is called when it has ended, in whatever way."""
        turn = Turn(self._named(name), environment, work, done, self._c.agenda.now)
        turn.thread = greenlet(lambda: self._run(turn))
        self._open[id(turn)] = turn
        self._go_on(turn)

    def call(self, place: str, what: Callable[[], str], do: Callable[[], T], wrong: Wrong = NOTHING) -> T:
        """Make a call to the outside for the current invocation: it gives way, and something may go wrong."""
        turn = self._alive()
        turn.calls += 1
        name = f"{turn.name}.{turn.calls}"
        self.made.append(Call(name, place))
        self._give_way(name, what)
        fault = self._c.chance.of(name, self._c.weather.calls[place])
        self._c.agenda.take(CALL_TAKES)
        if fault is None:
            self._c.script.called(turn.name, place, what)
            return do()
        self._note(f"{place}: {fault}", turn, what)
        answer: T = self._go_wrong(fault, do, wrong)
        return answer

    def hold_up(self, seconds: float) -> None:
        """Let others work for this long; the current invocation goes on afterwards."""
        turn = self._alive()
        self._c.agenda.after(seconds, lambda: self._go_on(turn))
        self._main.switch()
        self._alive()

    def note(self, fault: str) -> None:
        """Count something that is nobody's fault."""
        self._c.faults[fault] += 1

    def end_all(self) -> None:
        """End what is still at work, as a crash would."""
        for turn in list(self._open.values()):
            turn.is_dead = True
            turn.done = lambda result: None
            if turn.thread:
                turn.thread.throw(Crash)

    def _go_wrong(self, fault: str, do: Callable[[], Any], wrong: Wrong) -> Any:
        match fault:
            case "crash before":
                raise self._dead()
            case "crash after":
                with suppress(Exception):  # also when it was refused: the worker does not live to hear of it
                    do()
                raise self._dead()
            case _:
                return wrong[fault](do)

    def _dead(self) -> Crash:
        self._alive().is_dead = True
        return Crash()

    def _give_way(self, name: str, what: Callable[[], str]) -> None:
        seconds = self._c.lasts(f"{name}~", self._c.weather.pauses, "worker: held up")
        if seconds is not None:
            turn = self._alive()
            self._c.said(turn.name, lambda: f"is held up for {seconds:.3f} s; then it {what()}")
            self.hold_up(seconds)

    def _note(self, fault: str, turn: Turn, what: Callable[[], str]) -> None:
        self._c.faults[fault] += 1
        turn.faults.append(fault)
        self._c.said(turn.name, lambda: f"{what()}: {fault.partition(': ')[2].upper()}")

    def _alive(self) -> Turn:
        """The current invocation. Raises `Crash` in one that is dead and runs on only because Python cleans up."""
        if self.current is None or self.current.is_dead:
            raise Crash
        return self.current

    def _run(self, turn: Turn) -> None:
        try:
            turn.result = Result(turn.work())
        except Crash:
            turn.result = Result(crashed=True)
        except Exception as error:  # noqa: BLE001 -- Lambda takes whatever it is as the function's failure
            turn.result = Result(error=error)

    def _go_on(self, turn: Turn) -> None:
        if turn.is_dead or turn.thread is None:
            return
        self.current = turn
        wiring._built = turn.environment.parts  # as if it were the only one in its process
        with _resolving(turn.environment):
            turn.thread.switch()
        self.current = None
        if turn.thread.dead:
            self._open.pop(id(turn), None)
            self._ended(turn)

    def _ended(self, turn: Turn) -> None:
        turn.result.faults, turn.result.clock = tuple(turn.faults), turn.clock
        if turn.result.crashed:
            self._c.said(turn.name, lambda: "is dead")
        elif error := turn.result.error:
            self._c.said(turn.name, lambda: f"raised {type(error).__name__}")
        turn.done(turn.result)

    def _named(self, name: str) -> str:
        """Of several of one name the later ones are numbered."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"
