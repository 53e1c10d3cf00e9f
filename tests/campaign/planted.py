"""Is the campaign sharp? Takes guards out, one at a time, and looks for the first seed that notices.

python -m tests.campaign.planted                   each of `PLANTED`
python -m tests.campaign.planted due-guard         just this
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import NamedTuple

from tests.mutations.catalogue import ROOT, Mutation, areas, every, named
from tests.mutations.trees import Tree, plain_copy

PLANTED = (
    "version-condition",
    "journal-condition",
    "identity-condition",
    "readdress",
    "last-word-keeps-its-time",
    "failures-named",
    "emitted-again",
    "emit-failure-fails",
    "parked-released",
    "due-guard",
    "due-moved",
    "due-emitted-again",
    "due-put-right",
    "consent-at-send",
    "quiet-hours-at-send",
    "cap-in-the-claim",
    "claim-before-send",
    "looked-at-again-once-claimed",
    "claim-on-version",
    "unknown-not-sent-again",
    "outcome-id-stable",
    "outcome-told-again",
    "merged-entry-in-its-journal",
    "erased-address",
    "erased-things",
    "stop-holds",
    "stop-in-the-last-moment",
    "stop-let-go-to-its-sender",
    "stop-marked-as-given-up",
    "stop-leaves-a-trace",
    "withdrawal-while-it-is-claimed",
    "page-tells-the-truth",
    "look-changes-nothing",
    "link-signature",
    "link-scope",
    "link-expires",
    "confirmation-counts-from-the-consent",
    "one-code-an-action",
    "one-action-a-code",
    "codes-never-come-back",
    "empty-pool-sends-nothing",
    "coupon-known-before-it-is-promised",
    "shop-throttled-waits",
    "throttled-is-not-used-up",
    "no-open-redirect",
    "looking-ahead-is-no-click",
    "guard-sets-the-stop",
    "link-key-taken-away",
    "opted-out-is-told",
    "word-of-any-width",
    "help-that-twilio-does-not-know",
    "notice-failure-comes-again",
    "notice-keeps-its-customer",
    "turn-told-again",
    "each-kind-its-own-id",
    "webhook-id-is-the-same",
    "every-secret-signs",
    "only-2xx-is-a-yes",
    "notices-wait-longer",
    "told-for-no-other-s-sake",
    "asked-once",
    "key-for-one-change",
    "allowed-is-asked-once",
    "counted-in-the-same-write",
    "points-with-the-actions",
    "costs-are-differences",
    "warm-up-limit",
)
"""Ids of tests/mutations/guards: guards that only faults, or two at work at once, put to the test."""
SEEDS, AT_ONCE = 300, 20
_BROKEN = re.compile(r"^  seed (\d+): (.+)$", re.MULTILINE)


class Found(NamedTuple):
    seed: int
    promise: str
    """The one that was broken, and how."""


def main(arguments: Sequence[str]) -> int:
    mutations = named(arguments or PLANTED, every(areas()))
    with TemporaryDirectory() as folder:
        tree = plain_copy(ROOT, Path(folder) / "tree")
        missed = [mutation.id for mutation in mutations if not _noticed(tree, mutation)]
    print(f"{len(mutations) - len(missed)} of {len(mutations)} noticed within {SEEDS} seeds")
    return 1 if missed else 0


def _noticed(tree: Tree, mutation: Mutation) -> bool:
    began = monotonic()
    with tree.without(mutation):
        found = first_broken(tree.root)
    told = f"seed {found.seed}: {found.promise}" if found else "NOT NOTICED"
    print(f"{mutation.id:32} {monotonic() - began:4.0f} s  {told[:160]}", flush=True)
    return found is not None


def first_broken(root: Path) -> Found | None:
    """The first seed, as far as `SEEDS`, that breaks a promise in this tree."""
    for first in range(0, SEEDS, AT_ONCE):
        asked = ("--seeds", str(AT_ONCE), "--first", str(first), "--shrink-for", "0")
        ran = subprocess.run(
            [sys.executable, "-m", "tests.campaign", *asked],
            cwd=root,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": f"{root}:{root / 'layers/perennial/python'}"},
            check=False,
        )
        if broken := _BROKEN.search(ran.stdout):
            return Found(int(broken[1]), broken[2])
        if ran.returncode:
            raise RuntimeError(f"the campaign did not run: {ran.stderr[-300:]}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
