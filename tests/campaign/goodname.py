"""The domain's good name: what thousands of others made of our emails, and the guard that looks at it.

A run has a handful of customers. So that one complaint of theirs can be one too many, its first day is filled with what
became of everybody else's emails, as SES would have told it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from perennial.aws.table import Item, Key, Put, Table
from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import Fleet, Handler
from tests.campaign.turns import Result, Turns
from tests.campaign.watch import Watch

OTHERS, COMPLAINTS = 500, 2
"""Emails to others, and complaints of theirs: one less than what stops all marketing."""
MOST_COMPLAINTS = 3
WINDOW = timedelta(days=6)
"""Before today: a week in all."""
LOOKS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=6))
"""After something was told: when the guard looks. It does so every quarter of an hour, and would see no more."""
GUARD = "deliverability guard"
BY_ITSELF = {"channel": "email", "purpose": "marketing"}


@dataclass
class GoodName:
    circumstances: Circumstances
    turns: Turns
    fleet: Fleet
    handler: Handler
    watch: Watch
    complaints: dict[str, date] = field(default_factory=dict)
    """By what told of it: those that a function has taken down."""
    filled: date = date.min
    """The day of everybody else's emails: without it in the window too few left to say anything."""

    def fill(self, table: Table, day: date) -> None:
        """What became of everybody else's emails of that day."""
        self.filled = day
        partition = f"REPUTATION#{day.isoformat()}"
        complaints = [Put(Item(Key(partition, f"COMPLAINED#other-{number}"))) for number in range(COMPLAINTS)]
        table.write([Put(Item(Key(partition, "SENT#0"), "", {"sent": OTHERS})), *complaints])
        self.complaints |= {f"other {number}": day for number in range(COMPLAINTS)}

    def took_down(self, bodies: Iterable[str]) -> None:
        """A function has dealt with these tellings."""
        for body in bodies:
            content = json.loads(json.loads(body)["Message"])
            if content.get("eventType") == "Complaint" and body not in self.complaints:
                self.complaints[body] = datetime.fromisoformat(content["complaint"]["timestamp"]).date()
                for later in LOOKS:
                    self.circumstances.agenda.after(later.total_seconds(), self._look)

    def _look(self) -> None:
        environment = self.fleet.take("watch", 2)
        if environment is None:
            return
        began, complaints = self.circumstances.agenda.now, tuple(self.complaints.values())

        def done(result: Result) -> None:
            self.fleet.give_back(environment, crashed=result.crashed)
            self.circumstances.faults["watch: failed"] += bool(result.crashed or result.error)
            if not (result.crashed or result.error):
                self._judge(began, complaints)

        self.turns.start(f"watch/{began:%m-%dT%H:%M:%S}", environment, lambda: self.handler({}), done)

    def _judge(self, began: datetime, complaints: Iterable[date]) -> None:
        """After a look marketing is stopped where too much was known before, unless people have lifted that since."""
        today = self.circumstances.agenda.now.date()
        first = max([today - WINDOW, *(day + timedelta(days=1) for day in self._lifted())])
        counted = sum(first <= day <= today for day in complaints)
        if self.filled >= first and counted >= MOST_COMPLAINTS and not self._is_stopped(began):
            raise Broken("the domain's good name is guarded", f"{counted} complained, and marketing goes on")

    def _lifted(self) -> list[date]:
        return [stop.lifted_at.date() for stop in self.watch.stops.values() if stop.by == GUARD and stop.lifted_at]

    def _is_stopped(self, began: datetime) -> bool:
        """Now, or while it was looked at."""
        stops = [stop for stop in self.watch.stops.values() if stop.reach == BY_ITSELF]
        return any(stop.lifted_at is None or stop.lifted_at >= began for stop in stops)
