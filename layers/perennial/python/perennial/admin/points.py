"""Loyalty points put right by staff, within what they may grant. Knows no HTTP.

Nothing here changes a customer: what is asked for is an event on the lane, applied like any other, and it names who
asked. Errors: those of problems.py; and what table and queue raise.
"""

from dataclasses import dataclass

from perennial.admin import answers
from perennial.admin.problems import Fault, Forbidden, NotFound, Unanswerable
from perennial.admin.roles import Role
from perennial.aws.asked import Asked
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
        self._require_authority(root.customer, word.points, role)
        name, now = action_id("points", by, key), self.clock.now()
        said = action_id(customer, word.model_dump_json())
        if word.expires_at and word.expires_at <= now:
            raise Unanswerable("nothing was changed", [Fault(where="body.expires_at", message="is past")])
        first = self.asked.first(name, said, now)
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

    def _require_authority(self, customer: Customer, points: int, role: Role) -> None:
        """Agents grant, and take back, what the authority table lets go at the customer's stage; admins anything."""
        limit = self.policies.active().authority[customer.stage].points
        if role < Role.ADMIN and abs(points) > limit:
            raise Forbidden(
                f"at the stage {customer.stage} an agent moves {limit} points at once; ask an admin for more"
            )
