"""What a sender looked at before a message left, and what it found: a few lines in its outcome, that name nobody."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action
from perennial.domain.customer import Facts, Send
from perennial.domain.permission import country_of, customer_zones, local_times, sends_within
from perennial.domain.policy import Policy
from perennial.domain.values import duration_text, iso


def findings(
    action: Action, recipient: Recipient, policy: Policy, now: datetime, sends: Iterable[Send]
) -> tuple[str, ...]:
    """sends: all that left, or may have left, before this."""
    facts, counted = recipient.customer.facts, tuple(sends)
    zones = customer_zones(facts, policy.quiet_hours.default_zone, recipient.phone_zones)
    return (
        f"policy {policy.version}",
        f"consent {_consent(action, facts, policy)}",
        *(f"clock {clock}" for clock in local_times(zones, now)),
        *_caps(action, policy, now, counted),
    )


def _consent(action: Action, facts: Facts, policy: Policy) -> str:
    rule = policy.consent.of(action.purpose, action.channel, country_of(facts))
    said = facts.consent.get(f"{action.purpose}/{action.channel}")
    return f"{rule}, given {iso(said.at)}" if said and said.granted else f"{rule}, nothing said"


def _caps(action: Action, policy: Policy, now: datetime, sends: tuple[Send, ...]) -> Iterator[str]:
    for cap in policy.caps:
        if cap.governs(action.purpose, action.channel):
            kinds = f"{'+'.join(cap.purposes)} by {cap.channel or 'any channel'}"
            yield f"cap {sends_within(cap, sends, now)} of {cap.at_most} in {duration_text(cap.per)}, {kinds}"
