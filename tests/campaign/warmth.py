"""A young domain: so many marketing emails a day, by the clock and the policy of whoever sends them, and not one more.

It is young in the policy `young` of `policies.py`. What is promised is docs/senders.md: a day is one of UTC, and a
message belongs to that on which its sender claimed it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from perennial.aws.table import Update, Write
from perennial.channels.messaging import Claim
from perennial.channels.render import Message
from perennial.domain.events import MessageDeferred
from perennial.domain.policy import Policy
from tests.campaign import vendors as v
from tests.campaign.broken import Broken

if TYPE_CHECKING:
    from tests.campaign.end import End, Ways
    from tests.campaign.plan import Teller
    from tests.campaign.vendors import Post

PROMISE = "a young domain sends so many a day"
_SAID = re.compile(r"warm-up: (\d+) a day")


def crowd(chance: Random, tellers: "Sequence[Teller]", at: datetime) -> "Iterator[Post]":
    """Many look around at the same time, on several days: so many emails that the places do not do."""
    for day in range(3):
        for tell in chance.sample(tellers, chance.randint(2, len(tellers))):
            then = at + timedelta(days=day, seconds=chance.choice((0, 0, 1, 7_000)))
            yield tell.open_api(f"looks-{day}", then, v.event("product.viewed", tell.who))


@dataclass
class Warmth:
    """What is known of each day, by step."""

    left: Counter[date] = field(default_factory=Counter)
    """Marketing emails that were handed over by senders to whom the domain was young."""
    taken: Counter[date] = field(default_factory=Counter)
    """Places, as they were counted."""
    most: Counter[date] = field(default_factory=Counter)
    """As many of them were taken at some moment."""

    def handed_over(self, message: Message, claim: Claim, policy: Policy) -> None:
        day = claim.at.date()
        most = places(policy, day)
        if most is None or (message.purpose, message.channel) != ("marketing", "email"):
            return
        self.left[day] += 1
        if self.left[day] > most:
            raise Broken(PROMISE, f"{message.action_id[:6]} is number {self.left[day]} of {day}, which has {most}")

    def written(self, write: Write) -> None:
        if not isinstance(write, Update):
            return
        day = date.fromisoformat(write.key.pk.removeprefix("WARM_UP#"))
        self.taken[day] += write.add["taken"]
        self.most[day] = max(self.most[day], self.taken[day])
        if self.taken[day] < self.left[day]:
            raise Broken(PROMISE, f"on {day} {self.left[day]} left, and {self.taken[day]} places are taken")


def places(policy: Policy, day: date) -> int | None:
    """Of that day; None: as many as there are wishes."""
    plan = policy.warm_up
    if plan is None or not plan.since <= day <= plan.until:
        return None
    return int(plan.first_day * plan.growth ** (day - plan.since).days)


# In the end


def only_its_marketing_waits(end: "End") -> "Ways":
    """For the next day, and only where all places of the day before were taken."""
    for event in put_off(end):
        said, until = event.data, event.data.until
        if (said.purpose, said.channel) != ("marketing", "email"):
            yield f"{said.action[:6]} of {said.purpose} by {said.channel} waits for a place"
        day = until.date() - timedelta(days=1) if until else date.min
        named = int(_SAID.fullmatch(said.reason or "0")[1])  # type: ignore[index]  # `put_off` has looked
        if end.world.watch.warmth.most[day] < named:
            yield f"{said.action[:6]} found no place on {day}, and {end.world.watch.warmth.most[day]} were taken"


def put_off(end: "End") -> "Iterator[MessageDeferred]":
    """What was told to wait for a place, each once."""
    for journal in end.journals.values():
        for entry in journal.values():
            if isinstance(entry.event, MessageDeferred) and _SAID.fullmatch(entry.event.data.reason or ""):
                yield entry.event


PROMISES: "Mapping[str, Callable[[End], Ways]]" = {"a young domain's marketing alone waits": only_its_marketing_waits}
