"""Merge proposals: those that wait for an answer, and what became of the others. One for each pair.

    pk              sk                    what
    PROPOSALS       OPEN#<id>             a proposal that waits
    PROPOSALS       CLOSED#<id>           the last answer that its pair was given, or that it needed none

Errors:
    Answered     the proposal does not wait any more
"""

from datetime import datetime
from typing import NamedTuple

from perennial.aws.table import Absent, Delete, Equals, Item, Key, Put, Refused, Table
from perennial.domain.proposal import Proposal, State

PARTITION = "PROPOSALS"
OPEN, CLOSED = "OPEN#", "CLOSED#"


class Answered(Exception):
    """Somebody else has answered it; or the pair is one already. Read the list again."""


class Listed(NamedTuple):
    proposals: tuple[Proposal, ...]
    cursor: str | None


class Proposals:
    def __init__(self, table: Table) -> None:
        self._table = table

    def propose(self, proposal: Proposal) -> None:
        """Let it wait, unless the pair waits already, or has been answered, and there is no new kind of evidence."""
        found = self._found(proposal.id)
        if any(known and not proposal.tells_more_than(known) for known in found.values()):
            return
        waiting = found[OPEN]
        condition = Equals("at", _stamp(waiting)) if waiting else Absent()
        try:
            self._table.write([Put(_item(OPEN, _together(proposal, waiting)), (condition,))])
        except Refused:
            self.propose(proposal)

    def settle(self, proposal: Proposal, state: State, by: str) -> Proposal:
        """Write down that this needed no answer; as it was, where it has been written down with as much evidence."""
        found = self._found(proposal.id)
        known = found[CLOSED]
        if known and known.state == state and not proposal.tells_more_than(known):
            return known
        settled = proposal.but({"state": state, "by": by, "closed_at": proposal.at})
        self._table.write([Put(_item(CLOSED, settled)), Delete(_key(OPEN, proposal.id))])
        return settled

    def answer(self, proposal_id: str, state: State, by: str, at: datetime) -> Proposal:
        """Close it. Raises `Answered` where it does not wait, or says more by now than whoever answers has read."""
        waiting = self._found(proposal_id)[OPEN]
        if waiting is None:
            raise Answered
        answered = waiting.but({"state": state, "by": by, "closed_at": at})
        same = Equals("at", _stamp(waiting))
        try:
            self._table.write(
                [Put(_item(CLOSED, answered)), Delete(_key(OPEN, proposal_id), (same,))],
            )
        except Refused as refused:
            raise Answered from refused
        return answered

    def answered(self, proposal_id: str) -> Proposal | None:
        """The last answer."""
        return self._found(proposal_id)[CLOSED]

    def kinds(self, proposal_id: str) -> set[str]:
        """All evidence of this pair that has ever been put before anybody."""
        return {kind for known in self._found(proposal_id).values() if known for kind in known.kinds}

    def open(self, proposal_id: str) -> Proposal | None:
        """The one of this pair that waits."""
        return self._found(proposal_id)[OPEN]

    def waiting(self, limit: int, cursor: str | None) -> Listed:
        page = self._table.query(PARTITION, prefix=OPEN, limit=limit, cursor=cursor)
        return Listed(tuple(Proposal.model_validate_json(item.body) for item in page.items), page.cursor)

    def _found(self, proposal_id: str) -> dict[str, Proposal | None]:
        keys = {kind: _key(kind, proposal_id) for kind in (OPEN, CLOSED)}
        items = self._table.get(list(keys.values()))
        return {
            kind: Proposal.model_validate_json(items[key].body) if key in items else None for kind, key in keys.items()
        }


def _key(kind: str, proposal_id: str) -> Key:
    return Key(PARTITION, f"{kind}{proposal_id}")


def _item(kind: str, proposal: Proposal) -> Item:
    return Item(_key(kind, proposal.id), proposal.model_dump_json(exclude_defaults=True), {"at": _stamp(proposal)})


def _stamp(proposal: Proposal) -> str:
    return f"{proposal.at.isoformat()} {','.join(proposal.kinds)}"


def _together(proposal: Proposal, waiting: Proposal | None) -> Proposal:
    if waiting is None:
        return proposal
    kinds = tuple(sorted({*proposal.kinds, *waiting.kinds}))
    return proposal.but({"kinds": kinds, "score": max(proposal.score, waiting.score)})
