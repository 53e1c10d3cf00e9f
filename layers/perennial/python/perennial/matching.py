"""Who may be the same person: what speaks for it becomes a merge, or a proposal for somebody to decide.

A merge by itself is for what cannot be two people in a shop's eyes: an anonymous visitor who turned out to be somebody,
and two ids that a vendor says it has merged. Two people who are both known are put before a person.
"""

from collections.abc import Mapping
from datetime import datetime

from perennial.aws.proposals import Proposals
from perennial.aws.queues import Message, Queue
from perennial.aws.store import Loaded, Store, profile_key
from perennial.domain.events import CustomerMerged, MergeData
from perennial.domain.identity import is_anonymous
from perennial.domain.journal import Met
from perennial.domain.likeness import LEAST_SCORE, Likeness, likeness
from perennial.domain.merging import LONGEST_LIVES
from perennial.domain.proposal import Proposal, proposal_id
from perennial.marking import profile_of

SOURCE = "perennial/matching"


class Matching:
    def __init__(self, store: Store, proposals: Proposals, lane: Queue) -> None:
        """lane: where merges are applied."""
        self._store = store
        self._proposals = proposals
        self._lane = lane

    def meet(self, met: Met, store: str, now: datetime) -> None:
        """Two customers were named by one event. Merging and proposing twice is the same as once.

        Those whose lives are too long to be run again cannot be merged, so nobody is asked about them.
        """
        roots = self._store.roots([met.customer, met.other])
        ids = {root.customer.id for root in roots.values()}
        if len(ids) < 2 or sum(root.customer.version for root in roots.values()) > LONGEST_LIVES:
            return
        kinds = {*met.kinds, *self._proposals.kinds(proposal_id(met.customer, met.other))}
        met = met._replace(kinds=tuple(sorted(kinds)))
        like = self._likeness(met)
        proposal = _proposal(met, store, like, now)
        if by := _by_itself(met, roots):
            self._lane.send([Message(merge(self._proposals.settle(proposal, "merged", by)).to_json())])
        elif like.score >= LEAST_SCORE:
            self._proposals.propose(proposal)

    def _likeness(self, met: Met) -> Likeness:
        keys = {each: profile_key(each) for each in (met.customer, met.other)}
        found = self._store.table.get(list(keys.values()))
        one, other = (profile_of(found[key].body if key in found else None, {}).person for key in keys.values())
        return likeness(one, other, met.kinds)


def merge(proposal: Proposal) -> CustomerMerged:
    """The event that makes two one; the same for the same evidence, however often it comes up."""
    return CustomerMerged(
        id=f"{proposal.id}:{','.join(proposal.kinds)}",
        source=SOURCE,
        store=proposal.store,
        time=proposal.closed_at or proposal.at,
        customer=proposal.one,
        data=MergeData(other=proposal.other, evidence=proposal.kinds, score=proposal.score, by=proposal.by or "rule"),
    )


def _by_itself(met: Met, roots: Mapping[str, Loaded]) -> str | None:
    """Who says that the two are one, where nobody needs to be asked."""
    if "vendor" in met.kinds:
        return "vendor"
    anonymous = [is_anonymous(root.marks.profile.keys()) for root in roots.values()]
    return "rule" if sorted(anonymous) == [False, True] else None


def _proposal(met: Met, store: str, like: Likeness, now: datetime) -> Proposal:
    one, other = sorted((met.customer, met.other))
    return Proposal(
        id=proposal_id(one, other),
        store=store,
        one=one,
        other=other,
        kinds=met.kinds,
        score=like.score,
        agree=like.agree,
        disagree=like.disagree,
        at=now,
    )
