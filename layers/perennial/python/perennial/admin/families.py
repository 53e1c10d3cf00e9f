"""Who is the same person as whom: the desk's proposals, merging by hand, and telling people apart again.

Nothing here changes a customer. Each answer is an event on the lane, and is applied like any other; each names who of
the staff gave it. Errors: those of problems.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from perennial.admin import answers
from perennial.admin.problems import NotFound, Unanswerable
from perennial.aws.clock import Clock
from perennial.aws.proposals import Answered, Proposals
from perennial.aws.queues import Message, Queue
from perennial.aws.store import Loaded, Store
from perennial.domain.events import CustomerMerged, CustomerUnmerged, Event, MergeData, UnmergeData
from perennial.domain.merging import LONGEST_LIVES
from perennial.domain.proposal import Proposal
from perennial.domain.values import iso
from perennial.matching import merge

SOURCE = "perennial/desk"


@dataclass(frozen=True)
class FamilyDesk:
    store: Store
    proposals: Proposals
    lane: Queue
    """Where merges are applied."""
    lines: Callable[[Mapping[str, None]], tuple[answers.FoundCustomer, ...]]
    """`Desk.lines`."""
    clock: Clock

    def waiting(self, limit: int, cursor: str | None) -> answers.Proposals:
        """What waits for an answer, each with the two as a list shows them."""
        page = self.proposals.waiting(limit, cursor)
        ids = dict.fromkeys(each for proposal in page.proposals for each in (proposal.one, proposal.other))
        lines = {line.id: line for line in self.lines(ids)} if ids else {}
        shown = sorted(page.proposals, key=lambda proposal: -proposal.score)
        return answers.Proposals(proposals=tuple(_shown(each, lines) for each in shown), cursor=page.cursor)

    def accept(self, proposal: str, by: str) -> answers.Answer:
        """They are one. Accepting again sends the merge again, which is then done already."""
        found = self._answered(proposal, "accepted", by)
        self._send(merge(found))
        return _answer(found)

    def reject(self, proposal: str, by: str) -> answers.Answer:
        """They are two. It is not asked again unless other kinds of evidence come up."""
        return _answer(self._answered(proposal, "rejected", by))

    def merge(self, customer: str, other: str, by: str) -> answers.Kinship:
        roots = self._roots(customer, other)
        if roots[customer].customer.id == roots[other].customer.id:
            raise Unanswerable("they are one customer already")
        if sum(root.customer.version for root in roots.values()) > LONGEST_LIVES:
            raise Unanswerable(f"together they have over {LONGEST_LIVES:,} entries: such are not merged")
        now = self.clock.now()
        self._send(
            CustomerMerged(
                id=f"{customer}:{other}:{iso(now)}",
                source=SOURCE,
                store=roots[customer].customer.store,
                time=now,
                customer=customer,
                data=MergeData(other=other, evidence=("staff",), by=by),
            )
        )
        return answers.Kinship(customer=customer, other=other)

    def part(self, customer: str, other: str, by: str) -> answers.Kinship:
        shared = self._roots(customer)[customer].customer
        if other not in shared.members:
            raise Unanswerable("the other was not merged into this customer")
        now = self.clock.now()
        self._send(
            CustomerUnmerged(
                id=f"{customer}:{other}:{iso(now)}",
                source=SOURCE,
                store=shared.store,
                time=now,
                customer=customer,
                data=UnmergeData(other=other, by=by),
            )
        )
        return answers.Kinship(customer=customer, other=other)

    def _answered(self, proposal: str, state: answers.Answered, by: str) -> Proposal:
        try:
            return self.proposals.answer(proposal, state, by, self.clock.now())
        except Answered as answered:
            known = self.proposals.answered(proposal)
            if known is None:
                raise NotFound("there is no such proposal") from answered
            if known.state != state:
                raise Unanswerable(f"it has been {known.state} meanwhile") from answered
            return known

    def _roots(self, *customers: str) -> dict[str, Loaded]:
        roots = self.store.roots(customers)
        if len(roots) < len(set(customers)) or len({root.customer.store for root in roots.values()}) > 1:
            raise NotFound("there is no such customer, or they are of different stores")
        return roots

    def _send(self, event: Event) -> None:
        self.lane.send([Message(event.to_json())])


def _shown(proposal: Proposal, lines: Mapping[str, answers.FoundCustomer]) -> answers.Proposal:
    return answers.Proposal(
        id=proposal.id,
        score=proposal.score,
        evidence=proposal.kinds,
        agree=proposal.agree,
        disagree=proposal.disagree,
        at=proposal.at,
        one=lines.get(proposal.one),
        other=lines.get(proposal.other),
    )


def _answer(proposal: Proposal) -> answers.Answer:
    return answers.Answer.model_validate(
        {"id": proposal.id, "state": proposal.state, "by": proposal.by, "at": proposal.closed_at}
    )
