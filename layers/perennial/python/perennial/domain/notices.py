"""What the merchant's own systems are told of a decision: tasks, moves and events. Ids and our own words; no person."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from perennial.domain.actions import ASKED_FOR, ActionId, Task, action_id
from perennial.domain.events import EVENT_TYPES
from perennial.domain.journal import Entry, Judged, entry_key
from perennial.domain.values import Id, Instant, Model, iso

TASK = "task.created"
MOVES = {"stage.changed": "stage", "label.changed": "label", "band.changed": "band"}
"""Kind -> the field of `Judged` that is another after the decision."""
_OURS_ALONE = {"timer.due", "policy.changed", "privacy.requested"}
"""Events that say nothing of a customer's life."""
KINDS = (TASK, *MOVES, *(kind for kind in EVENT_TYPES if kind not in _OURS_ALONE))


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known are {', '.join(sorted(KINDS))}")
    return kind


Kind = Annotated[str, Field(max_length=60), AfterValidator(_known)]
Kinds = Annotated[tuple[Kind, ...], Field(max_length=len(KINDS))]


class Notice(Model):
    """One thing to be told. The same thing is the same notice, however often it is worked out."""

    id: ActionId
    kind: str
    customer: Id
    store: str
    at: Instant
    """When it was decided."""
    data: Mapping[str, Any]
    """Plain JSON; holds no personal data."""
    to: str | None = None
    """The one of the merchant's webhooks that it is for; None: each that wants its kind."""

    def to_json(self) -> str:
        """What travels on the queue."""
        return self.model_dump_json(exclude_defaults=True)


def notices(entry: Entry, customer: str, wanted: tuple[str, ...], now: datetime) -> Iterator[Notice]:
    """What an entry tells of these kinds. customer: whose record it was decided on.

    Nothing of history that was loaded, or a first import would tell a million moves at once; and nothing so long after
    it was decided that a receiver cannot know it again.
    """
    told = [] if entry.event.history else [(kind, *each) for kind in wanted for each in _told(entry, kind)]
    if told and now <= entry.decided_at + ASKED_FOR:  # looked at last: most entries tell nothing
        whose, at = entry.event.store, entry.decided_at
        for kind, name, data in told:
            yield Notice(id=name, kind=kind, customer=customer, store=whose, at=at, data=data)


def _told(entry: Entry, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(id, data) of each notice of this kind."""
    if kind == TASK:
        yield from ((task.id, _of_task(task)) for task in entry.tasks)
    elif kind in MOVES:
        if getattr(entry.before, MOVES[kind]) != getattr(entry.after, MOVES[kind]):
            yield _id(entry, kind), _of_move(entry)
    elif kind == entry.event.type:
        yield _id(entry, kind), _of_event(entry)


def _id(entry: Entry, kind: str) -> str:
    """A merge, or its undoing, is an entry in two journals."""
    return action_id("notice", entry_key(entry.event), kind, entry.kin.role if entry.kin else "")


def _of_task(task: Task) -> dict[str, Any]:
    return task.model_dump(mode="json", include={"task", "play", "due_at", "subject"}) | {"id": task.id}


def _of_move(entry: Entry) -> dict[str, Any]:
    return {"before": _standing(entry.before), "after": _standing(entry.after), "because_of": entry.event.type}


def _standing(judged: Judged) -> dict[str, Any]:
    """The score as people see it: 0 to 100."""
    score = None if judged.score is None else judged.score / 100
    return {"stage": judged.stage, "label": judged.label, "band": judged.band, "score": score}


def _of_event(entry: Entry) -> dict[str, Any]:
    """As the journal has it, without what it knows of the person (country, language, birthday)."""
    told = entry.event.data.model_dump(mode="json", exclude={"customer"}, exclude_defaults=True)
    return {"source": entry.event.source, "happened_at": iso(entry.event.time), **told}
