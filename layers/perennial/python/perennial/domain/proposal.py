"""A question for the desk: are these two customers one person? It names nobody: reasons are kinds, ids our own."""

from typing import Annotated, Literal

from pydantic import Field

from perennial.domain.actions import action_id
from perennial.domain.values import Instant, Model

State = Literal["open", "accepted", "rejected", "merged"]
"""merged: it was no question, and did not wait for an answer."""


class Proposal(Model):
    id: str
    store: str
    one: str
    other: str
    kinds: tuple[str, ...]
    """Of the keys that both turned out to have, sorted: "phone", "order"."""
    score: Annotated[int, Field(ge=0, le=100)]
    agree: tuple[str, ...] = ()
    disagree: tuple[str, ...] = ()
    """What else of the two is alike, and what is not: "name", "address", "birthday"."""
    at: Instant
    state: State = "open"
    by: str | None = None
    closed_at: Instant | None = None

    def tells_more_than(self, other: "Proposal") -> bool:
        return not set(self.kinds) <= set(other.kinds)


def proposal_id(one: str, other: str) -> str:
    """One for each pair, whichever way round."""
    return action_id("merge", *sorted((one, other)))
