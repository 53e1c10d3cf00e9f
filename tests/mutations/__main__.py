"""Takes out every guard, one at a time, and ends non-zero unless a test notices each: `make mutations`.

python -m tests.mutations                        all of them; docs/mutations.md is written anew
python -m tests.mutations --within 150           as many as fit in so many seconds, the quickest first: for CI
python -m tests.mutations claim-holds --log      these, and what their tests printed
"""

import argparse
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests.mutations.catalogue import ROOT, Mutation, areas, every, named
from tests.mutations.findings import Finding, Verdict, last_seconds, line, page_of
from tests.mutations.running import PROCESSES, Deadline, NotGreen, findings

PAGE = ROOT / "docs" / "mutations.md"
NEVER = float("inf")
INTRO = """# Mutations

Every guard on the write and send paths, and the test that goes red without it. `make mutations` takes one guard at a
time out of a copy of the tree, runs the tests that are to notice, and writes this page. A guard that nobody misses
fails the command, and so does one that is no longer where [the catalogue](../tests/mutations/guards) says. The same
tests are run with all guards in place first. CI runs as many as fit in its time, the quickest first.

Who writes a guard adds a `[[mutation]]` to the catalogue and runs `python -m tests.mutations <its id> --log`.
"""


def main(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(arguments)
    began, catalogue, last = monotonic(), areas(), last_seconds(PAGE)
    chosen = named(asked.mutation, every(catalogue))
    if asked.within < NEVER:
        # what was never timed goes first: it is new, and its author waits for it
        chosen.sort(key=lambda mutation: last.get(mutation.id, 0.0))
    try:
        done = _done(chosen, last, asked)
    except NotGreen as error:
        print(error, file=sys.stderr)
        return 1
    if asked.within == NEVER and not asked.mutation:
        PAGE.write_text(page_of(INTRO, catalogue.values(), done, _circumstances()), encoding="utf-8")
    return _summed_up(done, chosen, monotonic() - began)


def _done(chosen: Sequence[Mutation], last: Mapping[str, float], asked: argparse.Namespace) -> list[Finding]:
    """Raises `NotGreen`."""
    with TemporaryDirectory(prefix="mutations-") as name:
        folder, deadline = Path(name), Deadline(asked.within)
        done = list(_told(findings(chosen, ROOT, folder, deadline, last), len(chosen)))
        if asked.log:
            _print_logs(done, folder)
    return done


def _told(done: Iterable[Finding], of: int) -> Iterable[Finding]:
    for number, finding in enumerate(done, start=1):
        print(line(number, of, finding), flush=True)
        yield finding


def _print_logs(done: Iterable[Finding], folder: Path) -> None:
    for finding in done:
        log = folder / f"{finding.mutation.id}.log"
        print(f"\n── {finding.mutation.id} ──\n{log.read_text(errors='replace') if log.exists() else finding.by}")


def _summed_up(done: Sequence[Finding], chosen: Sequence[Mutation], seconds: float) -> int:
    alive = [finding for finding in done if finding.verdict is not Verdict.KILLED]
    left = len(chosen) - len(done)
    print(f"\n{len(done) - len(alive)} of {len(done)} killed in {seconds:.0f} s by {PROCESSES} processes.")
    if left:
        print(f"{left} more would have taken too long here; `make mutations` runs all.")
    for finding in alive:
        print(f"{finding.verdict}: {finding.mutation.id} ({finding.mutation.guard}): {finding.by}", file=sys.stderr)
    return 1 if alive or not done else 0


def _circumstances() -> dict[str, str]:
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__.splitlines()[0])
    parser.add_argument("mutation", nargs="*", help="ids of the catalogue; all where none is named")
    parser.add_argument("--within", type=float, metavar="SECONDS", default=NEVER, help="leave out what does not fit")
    parser.add_argument("--log", action="store_true", help="print what the tests printed")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
