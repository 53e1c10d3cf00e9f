"""The template's functions, loaded from their folders and called in this process as Lambda would call them."""

import importlib.util
import itertools
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local.blueprint import Blueprint, Function
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
    """Calls functions by their name in the template; modules are loaded once, whoever uses them."""

    def __init__(self, blueprint: Blueprint) -> None:
        modules = {function.folder: _module(function) for function in blueprint.functions.values()}
        self._functions: Mapping[str, tuple[Function, Handler]] = {
            name: (function, getattr(modules[function.folder], function.handler.partition(".")[2]))
            for name, function in blueprint.functions.items()
        }

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """The function's result, as JSON makes it. Raises `Failed` when it raised; why is in the log."""
        function, handler = self._functions[name]
        context = Context(name, int(function.timeout.total_seconds() * 1000))
        try:
            return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))
        except Exception as error:
            log.exception("%s raised", name)
            raise Failed(f"{name} raised {type(error).__name__}; see house.log") from error


def _module(function: Function) -> ModuleType:
    file = (function.folder / function.handler.partition(".")[0]).with_suffix(".py")
    name = f"functions.{function.folder.name}.{file.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(f"{function.name}: no code at {file}")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """What functions and house log goes to this file meanwhile, and not between the lines of `make run`."""
    with file.open("a", buffering=1, encoding="utf-8") as stream:
        own = logging.StreamHandler(stream)
        log.addHandler(own)
        streams = {handler: handler.setStream(stream) for handler in _function_handlers()}
        try:
            yield
        finally:
            log.removeHandler(own)
            for handler, before in streams.items():
                handler.setStream(before or sys.stdout)


def _function_handlers() -> list["logging.StreamHandler[Any]"]:
    """Of Powertools' loggers, which write to standard output."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    return [handler for handler in handlers if getattr(handler, "stream", None) is sys.stdout]
