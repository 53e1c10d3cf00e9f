"""A customer judged at one instant by one policy, without changing anything: what people look at."""

from datetime import datetime
from functools import cached_property

from perennial.domain.conditions import Context
from perennial.domain.customer import Customer, Stage
from perennial.domain.plays import Scene, timed_fields
from perennial.domain.policy import Policy, Script
from perennial.domain.score import Health
from perennial.domain.stage import Rules
from perennial.domain.summary import customer_fields, summary_of
from perennial.domain.timers import next_change


class Judgement:
    """What `decide` would say of the customer if nothing but the time had changed. Signals fade without a write, so the
    score of a record is that of its last event; this one is of `at`."""

    def __init__(self, customer: Customer, policy: Policy, at: datetime) -> None:
        self.customer, self.policy, self.at = customer, policy, at
        self.summary = summary_of(customer.facts)
        self.health = Health(customer.facts, policy, at, self.summary)

    @cached_property
    def rules(self) -> Rules:
        return Rules(self.customer.facts, self.policy, self.summary)

    @cached_property
    def scene(self) -> Scene:
        """Facts, standing and time as conditions look at them."""
        health, standing = self.health, self.rules.standing(self.at, self.health.band)
        facts = self.customer.facts
        return Scene(self.customer, facts, self.summary, standing, health.band, health.score, self.at, self.policy)

    @cached_property
    def due_at(self) -> datetime | None:
        """When time alone would next change something; see `timers.due_at`."""
        return next_change(self.health, self.rules, self.scene.standing, self.at, self.customer.waits)

    def script(self, stage: Stage) -> tuple[str, ...]:
        """What the policy has people say at this stage: every line whose condition holds, in the policy's order."""
        return tuple(line.say for line in self.policy.scripts[stage] if self._fits(line))

    def _fits(self, line: Script) -> bool:
        if line.condition is None:
            return True
        named = line.condition.customer_fields
        known = customer_fields(self.customer.facts, self.summary, named)
        return line.condition.holds(Context(known | timed_fields(self.scene, named), {}))
