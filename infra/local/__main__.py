"""The laptop's commands, behind `make run`, `make clock`, `make replay` and `make clean`."""

import argparse
import sys
from datetime import date
from pathlib import Path

from infra.local import importing, journey, quarantining, replay, run
from infra.local.client import Refused
from infra.local.deployed import NeverQuiet
from infra.local.http import PortTaken
from infra.local.ministack import DeployFailed, DidNotStart, NotInstalled
from infra.local.readers import Unreadable
from infra.local.rebuilding import Asked, Died, Kind
from infra.local.state import STORE, InUse, NotRunning, State
from perennial.importing.cutting import Unsorted
from perennial.importing.mapping import BadMapping
from perennial.importing.rows import NoTable

LAPTOP, MINISTACK = "laptop", "ministack"
SORRY = (
    Died,
    InUse,
    NotRunning,
    PortTaken,
    Refused,
    Unreadable,
    BadMapping,
    DeployFailed,
    DidNotStart,
    NeverQuiet,
    NoTable,
    NotInstalled,
    Unsorted,
)
"""What is no fault of ours, and says by itself what to do."""


def main(arguments: list[str]) -> int:
    """Runs one command; the exit code: 0, or 1 when something that was expected did not happen."""
    asked = _parser().parse_args(arguments)
    try:
        return _COMMANDS[asked.command](State(asked.state), asked)
    except SORRY as sorry:
        print(sorry, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(state: State, asked: argparse.Namespace) -> int:
    if asked.stack == MINISTACK:
        return run.in_ministack(once=asked.once)
    return run.on_laptop(state, port=asked.port, once=asked.once)


def _clock(state: State, asked: argparse.Namespace) -> int:
    return journey.move(state.stack(), asked.by)


def _replay(state: State, asked: argparse.Namespace) -> int:
    past: dict[Kind, Path | None] = {"file": asked.file, "olist": asked.olist, "online_retail": asked.online_retail}
    kind, path = next((kind, path) for kind, path in past.items() if path)
    return replay.main(state, Asked(kind, path, asked.until))


def _import(state: State, asked: argparse.Namespace) -> int:
    return importing.main(state, importing.Asked(asked.file, asked.map, asked.store, asked.on))


def _quarantine(state: State, asked: argparse.Namespace) -> int:
    wish = {name: getattr(asked, name) for name in ("show", "replay", "discard", "because", "source", "reason")}
    return quarantining.main(state, quarantining.Wish(**wish))


def _clean(state: State, asked: argparse.Namespace) -> int:
    state.forget()
    return 0


_COMMANDS = {
    "run": _run,
    "clock": _clock,
    "replay": _replay,
    "import": _import,
    "quarantine": _quarantine,
    "clean": _clean,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(".local"), help="the folder that the house lives in")
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="start the house and play events/")
    running.add_argument("--port", type=int, default=None, help="8787, or the next that is free")
    running.add_argument("--once", action="store_true", help="end after the table")
    running.add_argument("--stack", choices=(LAPTOP, MINISTACK), default=LAPTOP)
    commands.add_parser("clock", help="move the running house's clock").add_argument("by", help="3d, 12h, 90m, 2w")
    replaying = commands.add_parser("replay", help="feed the past, the clock following it")
    past = replaying.add_mutually_exclusive_group(required=True)
    past.add_argument("--file", type=Path, help="canonical events, one JSON a line")
    past.add_argument("--olist", type=Path, help="a folder with Olist's CSV files")
    past.add_argument("--online-retail", type=Path, help="a folder with Online Retail II as CSV")
    replaying.add_argument("--until", type=date.fromisoformat, default=None, help="end at the start of that day")
    loading = commands.add_parser("import", help="load a merchant's past; nobody is sent anything")
    loading.add_argument("--file", type=Path, required=True, help="a file, or a folder with a mapping's tables")
    loading.add_argument("--map", type=Path, required=True, help="a mapping file, or one of infra/import by its name")
    loading.add_argument("--store", default=STORE, help="the shop it belongs to")
    loading.add_argument("--on", type=date.fromisoformat, default=None, help="as if on that day; in an empty house")
    keeping = commands.add_parser("quarantine", help="show what was not understood, try it again, or give it up")
    keeping.add_argument("--show", metavar="ID")
    keeping.add_argument("--replay", metavar="ID")
    keeping.add_argument("--discard", metavar="ID", help="with --because")
    keeping.add_argument("--because", help="why it is given up; kept")
    keeping.add_argument("--source", help="try all again of this source")
    keeping.add_argument("--reason", help="try all again whose reason begins so")
    commands.add_parser("clean", help="forget the house's state")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
