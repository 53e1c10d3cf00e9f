"""The template's functions, loaded from their folders and called in this process as Lambda would call them."""

import importlib.util
import itertools
import json
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from infra.local.blueprint import Blueprint, Function
from infra.local.permissions import at_work
from infra.local.pump import Failed

Handler = Callable[[dict[str, Any], Any], Any]

log = logging.getLogger("perennial.house")
_requests = itertools.count(1)


@dataclass(frozen=True)
class Context:
    """What a function is told about its call."""

    function_name: str
    timeout_ms: int
    memory_limit_in_mb: int = 512
    aws_request_id: str = field(default_factory=lambda: f"laptop-{next(_requests)}")

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """All of it: nobody kills a function on a laptop."""
        return self.timeout_ms


class Handlers:
    """Calls functions by their name in the template; each is loaded when it is first called, like a cold start.

    One call at a time for each folder of code, as in one of Lambda's execution environments: functions keep the event
    at hand in places that a second call would overwrite.
    """

    def __init__(self, blueprint: Blueprint, log_file: TextIO) -> None:
        """What functions log goes to `log_file`, and not between the lines of `make run`."""
        self._functions = blueprint.functions
        self._log_file = log_file
        self._environments = {function.folder: threading.Lock() for function in blueprint.functions.values()}
        self._loaded: dict[str, Handler] = {}
        log.addHandler(logging.StreamHandler(log_file))
        log.propagate = False

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """The function's result, as JSON makes it. Raises `Failed` when it raised; why is in the log."""
        function = self._functions[name]
        context = Context(name, int(function.timeout.total_seconds() * 1000))
        try:
            with self._environments[function.folder], at_work(name):
                return json.loads(json.dumps(self._handler(function)(json.loads(json.dumps(event)), context)))
        except Exception as error:
            log.exception("%s raised", name)
            raise Failed(f"{name} raised {type(error).__name__}; see house.log") from error

    def close(self) -> None:
        """Let go of the log file."""
        log.handlers.clear()
        _log_to(sys.stdout)

    def _handler(self, function: Function) -> Handler:
        if function.name not in self._loaded:
            self._loaded[function.name] = _load(function)
            _log_to(self._log_file)
        return self._loaded[function.name]


def _load(function: Function) -> Handler:
    """Functions in one folder share a module, whatever they are called in the template."""
    file, attribute = function.handler.split(".")
    module = _module(f"functions.{function.folder.name}.{file}", function.folder / f"{file}.py")
    handler: Handler = getattr(module, attribute)
    return handler


def _log_to(stream: TextIO) -> None:
    """Powertools' loggers live as long as the process, and write to standard output unless told otherwise."""
    for logger in logging.root.manager.loggerDict.values():
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if isinstance(handler.formatter, LambdaPowertoolsFormatter) and isinstance(handler, logging.StreamHandler):
                handler.stream = stream  # not setStream: it would flush the one before, which may be closed


def _module(name: str, file: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(f"no code at {file}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]
