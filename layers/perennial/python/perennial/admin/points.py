"""Loyalty points put right by staff, within what they may grant. Knows no HTTP.

Nothing here changes a customer: what is asked for is an event on the lane, applied like any other, and it names who
asked. Errors: those of problems.py; and what table and queue raise.
"""

from dataclasses import dataclass

from perennial.admin import answers
from perennial.admin.problems import Fault, Forbidden, NotFound, Unanswerable
from perennial.admin.roles import Role
from perennial.aws.asked import Asked, First, Spent, Use
from perennial.aws.clock import Clock
from perennial.aws.policies import Policies
from perennial.aws.queues import Message, Queue
from perennial.aws.store import Store
from perennial.domain.actions import action_id
from perennial.domain.customer import Customer
from perennial.domain.events import PointsAdjusted, PointsAdjustedData

SOURCE = "perennial/desk"


@dataclass(frozen=True)
class PointsDesk:
    store: Store
    policies: Policies
    asked: Asked
    lane: Queue
    """Where they are applied."""
    clock: Clock

    def adjust(self, customer: str, word: answers.AskedPoints, key: str, by: str, role: Role) -> answers.PointsMoved:
        """Ask for so many points more or fewer; once, however often it is asked under the same key."""
        root = self.store.roots([customer]).get(customer)
        if root is None:
            raise NotFound("there is no such customer")
        name, said = action_id("points", by, key), action_id(customer, word.model_dump_json())
        first = self.asked.known(name) or self._asked_now(root.customer, word, name, said, role)
        if first.said != said:
            raise Unanswerable("this key was used for something else: nothing was changed")
        event = PointsAdjusted(
            id=name,
            source=SOURCE,
            store=root.customer.store,
            time=first.at,
            customer=customer,
            data=PointsAdjustedData(**word.model_dump(), by=by),
        )
        self.lane.send([Message(event.to_json())])
        return answers.PointsMoved(id=name, customer=customer, points=word.points)

    def _asked_now(self, customer: Customer, word: answers.AskedPoints, name: str, said: str, role: Role) -> First:
        """The first time that it is asked. What was allowed then is not asked about again: it may have happened."""
        now = self.clock.now()
        if word.expires_at and word.expires_at <= now:
            raise Unanswerable("nothing was changed", [Fault(where="body.expires_at", message="is past")])
        if role >= Role.ADMIN:
            return self.asked.first(name, said, now)
        limit = self.policies.active().authority[customer.stage].points
        use = Use(customer.id, "given" if word.points > 0 else "taken", abs(word.points), limit)
        try:
            return self.asked.first(name, said, now, use)
        except Spent as spent:
            raise Forbidden(
                f"at the stage {customer.stage} agents move {limit} points a day; ask an admin for more"
            ) from spent
