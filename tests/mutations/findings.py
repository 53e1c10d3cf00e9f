"""What a trial says of a mutation, and the page that says it of all."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutations.catalogue import Area, Mutation
from tests.mutations.trials import Ending, Trial

SENSELESS = frozenset({"NameError", "UnboundLocalError", "SyntaxError", "IndentationError", "ImportError"})
"""Of these a program dies that was badly changed; they say nothing on what the guard was for."""
_KEPT = re.compile(r"```json\n(.*?)\n```", re.DOTALL)


class Verdict(StrEnum):
    KILLED = "killed"
    SURVIVED = "SURVIVED"
    LATE = "TIMEOUT"
    SENSELESS = "SENSELESS"
    DOES_NOT_APPLY = "DOES NOT APPLY"


@dataclass(frozen=True)
class Finding:
    mutation: Mutation
    verdict: Verdict
    by: str
    """The test that noticed; or what went wrong."""
    seconds: float


def found(mutation: Mutation, trial: Trial) -> Finding:
    verdict, by = _judged(mutation, trial)
    return Finding(mutation, verdict, by, trial.seconds)


def _judged(mutation: Mutation, trial: Trial) -> tuple[Verdict, str]:
    match trial.ending:
        case "late" if mutation.may_loop:
            return Verdict.KILLED, f"its time: over {mutation.seconds:.0f} s"
        case "late":
            return Verdict.LATE, f"nothing within {mutation.seconds:.0f} s"
        case "died":
            return Verdict.SENSELESS, "the tests' process died: see --log"
        case Ending(code=0):
            return Verdict.SURVIVED, ", ".join(mutation.tests)
        case Ending(code=1, test=str(test), error=str(error), is_test=True) if error not in SENSELESS:
            return Verdict.KILLED, test.removeprefix("tests/")
        case Ending(code=code, test=test, error=error):
            return Verdict.SENSELESS, f"pytest ended with {code}: {error} in {test}"


def line(number: int, of: int, finding: Finding) -> str:
    """For whoever waits."""
    where = f"[{number:{len(str(of))}}/{of}]"
    return f"{where} {finding.verdict:9} {finding.seconds:5.1f} s  {finding.mutation.id:40} {finding.by}"


# The page


def last_seconds(page: Path) -> dict[str, float]:
    """How long each trial took when the page was written: mutation -> seconds."""
    kept = _KEPT.search(page.read_text(encoding="utf-8")) if page.exists() else None
    return dict(json.loads(kept[1])["seconds"]) if kept else {}


def page_of(intro: str, areas: Iterable[Area], findings: Sequence[Finding], circumstances: Mapping[str, str]) -> str:
    by_id = {finding.mutation.id: finding for finding in findings}
    tables = (line for area in areas for line in _section(area, by_id))
    kept = {**circumstances, "seconds": {finding.mutation.id: round(finding.seconds, 1) for finding in findings}}
    return "\n".join([intro, *tables, "```json", json.dumps(kept, indent=2), "```", ""])


def _section(area: Area, by_id: Mapping[str, Finding]) -> list[str]:
    rows = [_row(by_id[mutation.id]) for mutation in area.mutation]
    return [f"## {area.title}", "", "| guard | where | killed by | s |", "|---|---|---|---:|", *rows, ""]


def _row(finding: Finding) -> str:
    by = finding.by if finding.verdict is Verdict.KILLED else f"**{finding.verdict}**: {finding.by}"
    where = finding.mutation.file.removeprefix("perennial/")
    cells = (finding.mutation.guard, f"`{where}`", f"`{by}`" if finding.verdict is Verdict.KILLED else by)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + f" | {finding.seconds:.1f} |"
