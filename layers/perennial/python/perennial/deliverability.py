"""The guard of the domain's good name: marketing by email stops by itself before Amazon stops everything.

SES reviews an account, and may pause it, from 0.1 % complaints or 5 % bounces on. At half of either over a week an
emergency stop of marketing emails is set, as staff would set it: it is listed, told, and lifted by people alone. Their
word stands: what happened until the day they lifted it is not held against them again.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from perennial.aws.holds import Holds
from perennial.aws.reputation import Received, Reputation
from perennial.domain.holds import Hold, Reach

GUARD = "deliverability guard"
REACH = Reach(channel="email", purpose="marketing")
WINDOW_DAYS = 7
MOST_COMPLAINED = 0.0005
MOST_BOUNCED = 0.025
"""Half of what SES reviews an account for (SES developer guide, "Sending review process FAQs")."""
LEAST_SENT = 500
LEAST_COMPLAINED = 3
"""Fewer say more about three people than about the messages."""
HOLDS_LOOKED_AT = 50


@dataclass(frozen=True)
class Guard:
    reputation: Reputation
    holds: Holds

    def look(self, now: datetime) -> int:
        """Stop marketing emails where it is time to; how many stops of the guard are in force."""
        own = [hold for hold in self.holds.ever(HOLDS_LOOKED_AT) if hold.by == GUARD]
        in_force = sum(hold.released_at is None for hold in own)
        if in_force:
            return in_force
        first = _first_day(own, now)
        because = reason(self.reputation.since(first, now.date())) if first <= now.date() else None
        if because is None:
            return 0
        self.holds.stop(REACH, because, GUARD, now)
        return 1


def reason(received: Received) -> str | None:
    """Why marketing must stop; None: it need not."""
    if received.sent < LEAST_SENT:
        return None
    complained, bounced = received.complained / received.sent, received.bounced / received.sent
    if received.complained >= LEAST_COMPLAINED and complained >= MOST_COMPLAINED:
        return f"{complained:.3%} of emails were called spam; SES reviews an account from 0.1 % on"
    if bounced >= MOST_BOUNCED:
        return f"{bounced:.2%} of emails bounced; SES reviews an account from 5 % on"
    return None


def _first_day(own: list[Hold], now: datetime) -> date:
    """Of the window; after the day on which people lifted the last stop."""
    lifted = [hold.released_at.date() + timedelta(days=1) for hold in own if hold.released_at]
    return max([now.date() - timedelta(days=WINDOW_DAYS - 1), *lifted])
