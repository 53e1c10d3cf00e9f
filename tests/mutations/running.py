"""All mutations, two at a time, each on a tree of its own; but first the same tests with every guard in place."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from tests.mutations.catalogue import Mutation
from tests.mutations.findings import Finding, Verdict, found
from tests.mutations.trees import DoesNotApply, Tree, plain_copy
from tests.mutations.trials import Ending, prepare, trial

PROCESSES = 2
BASELINE_LIMIT = 900.0
TOLD_OF_A_LOG = 3_000


class NotGreen(Exception):
    """The tests fail with all guards in place: mend that first."""


class Deadline:
    """When the last trial should have ended."""

    def __init__(self, within: float) -> None:
        self._at = monotonic() + within

    def leaves(self, seconds: float) -> bool:
        return monotonic() + seconds <= self._at


def findings(
    chosen: Sequence[Mutation], source: Path, folder: Path, deadline: Deadline, last: Mapping[str, float]
) -> Iterator[Finding]:
    """In the order chosen, as they come; none for a mutation that would, by what it took last, outlast the deadline.

    Raises `NotGreen`.
    """
    prepare()
    whole = plain_copy(source, folder / "whole")
    _require_green(whole, chosen, folder)
    free: SimpleQueue[Tree] = SimpleQueue()
    for number in range(PROCESSES):
        free.put(whole.copied_to(folder / f"tree-{number}"))

    def tried(mutation: Mutation) -> Finding | None:
        if not deadline.leaves(last.get(mutation.id, 0.0)):
            return None
        tree = free.get()
        try:
            return _finding(mutation, tree, folder / f"{mutation.id}.log")
        finally:
            free.put(tree)

    with ThreadPoolExecutor(PROCESSES) as pool:
        yield from (finding for finding in pool.map(tried, chosen) if finding)


def _finding(mutation: Mutation, tree: Tree, log: Path) -> Finding:
    try:
        with tree.without(mutation):
            return found(mutation, trial(tree.root, mutation.nodes, mutation.seconds, log))
    except DoesNotApply as error:
        return Finding(mutation, Verdict.DOES_NOT_APPLY, str(error), 0.0)


def _require_green(tree: Tree, chosen: Sequence[Mutation], folder: Path) -> None:
    """Raises `NotGreen`. Leaves the tree compiled."""
    nodes = sorted({node for mutation in chosen for node in mutation.nodes})
    files = sorted({node.split("::")[0] for node in nodes})
    shares = [[node for node in nodes if files.index(node.split("::")[0]) % PROCESSES == n] for n in range(PROCESSES)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        for _ in pool.map(lambda share: _must_pass(tree, share[1], folder / f"{share[0]}.log"), enumerate(shares)):
            pass


def _must_pass(tree: Tree, nodes: Sequence[str], log: Path) -> None:
    if not nodes:
        return
    ending = trial(tree.root, nodes, BASELINE_LIMIT, log, keeps_compiled=True).ending
    if not isinstance(ending, Ending) or ending.code != 0:
        said = log.read_text(encoding="utf-8", errors="replace")[-TOLD_OF_A_LOG:]
        raise NotGreen(f"{said}\nThe tests fail with all guards in place ({ending}): mend that first.")
