"""Tests run on a tree, in a process that knows no other tree, with a limit of time.

Processes are forked off one that has imported the libraries already, which saves a second each; of our own code it
has imported nothing.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

import pytest

from tests.mutations.catalogue import PACKAGE, ROOT

LIBRARIES = (
    "aws_lambda_powertools.event_handler", "babel.numbers", "boto3", "email_validator", "hypothesis.strategies",
    "jinja2.sandbox", "moto", "phonenumbers", "pydantic", "pytest", "standardwebhooks", "yaml",
)  # fmt: skip
OURS = frozenset({"functions", "infra", "perennial", "tests"})
ARGUMENTS = ("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short")
ENVIRONMENT = {
    "HYPOTHESIS_PROFILE": "mutations",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # our tests need none of those that a developer may have installed
    "PYTHONDONTWRITEBYTECODE": "1",
}

_processes = multiprocessing.get_context("forkserver")


class Ending(NamedTuple):
    """What the process that ran the tests had to say."""

    code: int
    """pytest's exit code."""
    test: str | None = None
    """The first that failed, or the file that could not be read as tests."""
    error: str | None = None
    """Name of the exception's class."""
    is_test: bool = False
    """It was a test that failed, not the reading of a file."""


class Trial(NamedTuple):
    ending: Ending | Literal["late", "died"]
    seconds: float


class Witness:
    """A plugin of pytest that remembers the first failure."""

    def __init__(self) -> None:
        self.seen: tuple[()] | tuple[str, str, bool] = ()
        """As `Ending` has it, from `test` on."""

    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object]) -> None:
        if not self.seen and call.excinfo is not None:
            self.seen = node.nodeid, call.excinfo.type.__name__, isinstance(node, pytest.Item)


def prepare() -> None:
    """Before the first trial: what its process will have imported."""
    _processes.set_forkserver_preload(list(LIBRARIES))


def trial(root: Path, tests: Sequence[str], limit: float, log: Path, *, keeps_compiled: bool = False) -> Trial:
    """Runs these tests on the tree at `root` until one fails, for `limit` seconds at most; `log` is what they print."""
    began = monotonic()
    ours, theirs = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_run, args=(root, tuple(tests), log, keeps_compiled, theirs))
    process.start()
    theirs.close()
    try:
        return Trial(_ending(ours, limit), monotonic() - began)
    finally:
        _end(process)


def _ending(pipe: Connection, limit: float) -> Ending | Literal["late", "died"]:
    try:
        return Ending(*pipe.recv()) if pipe.poll(limit) else "late"
    except EOFError:
        return "died"


def _end(process: ForkServerProcess) -> None:
    """Along with whatever its tests started."""
    assert process.pid is not None, "it was started"
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


# In the process of the tests


def _run(root: Path, tests: tuple[str, ...], log: Path, keeps_compiled: bool, pipe: Connection) -> None:
    os.setsid()
    _print_to(log)
    _move_to(root)
    sys.dont_write_bytecode = not keeps_compiled
    witness = Witness()
    code = pytest.main([*ARGUMENTS, f"--rootdir={root}", *tests], plugins=[witness])
    _must_have_stayed_in(root)
    # a plain tuple: the class `Ending` went with the other modules
    pipe.send((int(code), *witness.seen))


def _print_to(log: Path) -> None:
    with log.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())


def _move_to(root: Path) -> None:
    """From here on what is ours is imported from this tree, and from no other."""
    os.chdir(root)
    roots = [str(root), str(root / PACKAGE)]
    os.environ |= ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(roots)}
    elsewhere = {ROOT, ROOT / PACKAGE}
    sys.path[:] = [*roots, *(place for place in sys.path if place and Path(place).resolve() not in elsewhere)]
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]


def _must_have_stayed_in(root: Path) -> None:
    """A trial of a mutant that imported the whole code from somewhere else would prove nothing."""
    ours = (module for name, module in sys.modules.items() if name.split(".")[0] in OURS)
    files = [Path(file) for module in ours if (file := getattr(module, "__file__", None))]
    assert files, "tests that import nothing of ours"
    assert all(file.is_relative_to(root) for file in files), files
