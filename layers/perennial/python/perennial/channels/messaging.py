"""What has been sent to one customer: the claims by which each action leaves once, and by which caps are counted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Self

from perennial.domain.actions import ASKED_FOR, Action, ActionId, Channel, Purpose
from perennial.domain.customer import Send
from perennial.domain.values import Model, Utc

KEPT_AFTER = ASKED_FOR + timedelta(days=30)
"""A claim outlives its action by this. A queue and its dead letters keep a message 14 days, and a redrive starts that
anew: no copy of an action comes back after its claim is forgotten, however late it was asked for."""


class Claim(Model):
    """Who took an action on, and what became of it."""

    state: Literal["claimed", "sent", "failed", "unknown"]
    channel: Channel
    purpose: Purpose
    by: str
    """The turn that claimed it; each try to send has another name."""
    at: Utc
    """When it was claimed; its outcome bears this time however often it is reported."""
    not_after: Utc
    reason: str | None = None
    provider_id: str | None = None
    template_version: int | None = None
    """Of the text that left, or may have left."""
    checked: tuple[str, ...] = ()
    """What was looked at when it was claimed, and found."""
    coupon: str | None = None
    """The mark of the code that the message carries."""

    @classmethod
    def of(cls, action: Action, by: str, at: datetime, checked: tuple[str, ...] = ()) -> Self:
        return cls(
            state="claimed",
            channel=action.channel,
            purpose=action.purpose,
            by=by,
            at=at,
            not_after=action.not_after,
            checked=checked,
        )

    def with_coupon(self, mark: str | None) -> Self:
        return self.model_copy(update={"coupon": mark}) if mark else self

    def sent(self, provider_id: str, template_version: int | None = None) -> Self:
        told = {"provider_id": provider_id, "template_version": template_version}
        return self.model_copy(update={"state": "sent", **told})

    def failed(self, reason: str) -> Self:
        return self.model_copy(update={"state": "failed", "reason": reason, "coupon": None})

    def unknown(self, reason: str, template_version: int | None = None) -> Self:
        """It may have left: it counts for caps, and is never sent again."""
        told = {"reason": reason, "template_version": template_version}
        return self.model_copy(update={"state": "unknown", **told})


class Messaging(Model):
    """The body of the MESSAGING item."""

    claims: Mapping[ActionId, Claim] = {}

    @property
    def sends(self) -> tuple[Send, ...]:
        """What left, is leaving, or may have left."""
        return tuple(
            Send(claim.channel, claim.purpose, claim.at) for claim in self.claims.values() if claim.state != "failed"
        )

    def with_claim(self, action: ActionId, claim: Claim) -> Self:
        return self.model_copy(update={"claims": {**self.claims, action: claim}})

    def without(self, action: ActionId) -> Self:
        return self.model_copy(update={"claims": {key: claim for key, claim in self.claims.items() if key != action}})

    def pruned(self, now: datetime, cap_window: timedelta) -> Self:
        """Without the claims that neither a copy of their action nor a cap can ask for any more."""
        kept = {
            key: claim
            for key, claim in self.claims.items()
            if now <= claim.not_after + KEPT_AFTER or now < claim.at + cap_window
        }
        return self.model_copy(update={"claims": kept})
