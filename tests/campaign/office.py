"""People at the admin API: they ask, hear the answer or do not, and ask again until they hear one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.web import FAILED, Answer, Asked, Web

AGAIN_AFTER = (5, 30, 120, 600)
"""Seconds; the last one again and again."""
Heard = Callable[[dict[str, Any]], None]


@dataclass(eq=False)
class Errand:
    """Something that somebody wants to have done."""

    name: str
    asked: Asked
    heard: Heard
    """Given the document of an answer that was heard: once."""
    answered: Heard
    """Given that of each answer, heard or not."""
    tries: int = 0
    is_done: bool = False


@dataclass
class Office:
    """Whoever sits there has the role that it takes."""

    circumstances: Circumstances
    web: Web
    _errands: list[Errand] = field(default_factory=list)

    def ask(
        self,
        deed: str,
        method: str,
        path: str,
        heard: Heard,
        *,
        parameters: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        table: str | None = None,
        answered: Heard = lambda _: None,
    ) -> None:
        """document: a body of JSON; table: one of CSV."""
        body = json.dumps(document) if document is not None else table or ""
        kind = "application/json" if document is not None else "text/csv"
        claims = {"sub": f"staff-{len(self._errands) % 3}", "roles": "admin"}
        headers = {"content-type": kind} if body else {}
        asked = Asked("admin", method, path, parameters or {}, body=body.encode(), headers=headers, claims=claims)
        errand = Errand(f"admin/{deed}-{len(self._errands)}", asked, heard, answered)
        self._errands.append(errand)
        self._try(errand)

    def _try(self, errand: Errand) -> None:
        if errand.is_done:
            return
        errand.tries += 1
        self.web.ask(f"{errand.name}.{errand.tries}", errand.asked, lambda answer: self._answered(errand, answer))

    def _answered(self, errand: Errand, answer: Answer) -> None:
        if answer.status not in (*FAILED, 200, 202):
            raise Broken("staff are answered", f"{errand.name} was answered {answer.status}: {answer.body[:200]!r}")
        is_good = answer.status not in FAILED
        document = json.loads(answer.body) if is_good else {}
        if is_good:
            errand.answered(document)
        if is_good and answer.is_heard:
            errand.is_done = True
            errand.heard(document)
        else:
            self.circumstances.faults["staff: asked again"] += 1
            seconds = AGAIN_AFTER[min(errand.tries, len(AGAIN_AFTER)) - 1]
            self.circumstances.agenda.after(seconds, lambda: self._try(errand))
