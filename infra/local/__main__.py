"""The laptop's commands, behind `make run`, `make clock`, `make replay` and `make clean`."""

import argparse
import sys
from datetime import date
from pathlib import Path

from infra.local import journey, replay, run
from infra.local.client import Refused
from infra.local.deployed import NeverQuiet
from infra.local.http import PortTaken
from infra.local.ministack import DeployFailed, DidNotStart, NotInstalled
from infra.local.readers import Unreadable
from infra.local.rebuilding import Asked, Died, Kind
from infra.local.state import InUse, NotRunning, State

LAPTOP, MINISTACK = "laptop", "ministack"
SORRY = (
    Died,
    InUse,
    NotRunning,
    PortTaken,
    Refused,
    Unreadable,
    DeployFailed,
    DidNotStart,
    NeverQuiet,
    NotInstalled,
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


def _clean(state: State, asked: argparse.Namespace) -> int:
    state.forget()
    return 0


_COMMANDS = {"run": _run, "clock": _clock, "replay": _replay, "clean": _clean}


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
    commands.add_parser("clean", help="forget the house's state")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
