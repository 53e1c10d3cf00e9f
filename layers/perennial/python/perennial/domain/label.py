"""What is written on a message when it is handed to a provider, and read again in what the provider tells of it.

Only ids and words of our own: providers keep it for long, and show it to whoever may look. Its values fit the alphabet
of SES message tags, `[A-Za-z0-9_-]`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, ValidationError

from perennial.domain.actions import Action, ActionId, Channel, CouponMark, Purpose, coupon_mark
from perennial.domain.events import MessageData, MessageSent
from perennial.domain.values import Id, Model, Utc, at_milliseconds, milliseconds

OUTBOX = "perennial/outbox"
"""The source of what becomes of an action in our own hands."""


def outcome_id(action: str) -> str:
    """Sent or failed, it has one id, whoever tells it: the first that is told, holds."""
    return f"{action}:outcome"


class Label(Model):
    action: ActionId
    customer: Id
    store: str
    play: Annotated[str, Field(max_length=100)] | None = None
    template: Annotated[str, Field(max_length=100)] | None = None
    template_version: Annotated[int, Field(ge=0, le=999_999_999)] | None = None
    purpose: Purpose | None = None
    coupon: CouponMark | None = None
    """Of the code that the message carries."""
    at: Utc | None = None
    """When its sender took the action on: the time of its outcome."""

    @classmethod
    def of(cls, action: Action, at: Utc, template_version: int | None = None) -> "Label":
        return cls(
            action=action.id,
            customer=action.customer,
            store=action.store,
            play=action.play,
            template=action.template,
            template_version=template_version,
            purpose=action.purpose,
            coupon=coupon_mark(code) if (code := action.coupon and action.coupon.code) else None,
            at=at,
        )

    @classmethod
    def read(cls, written: Mapping[str, str]) -> "Label | None":
        """None where it is not of ours: others send from the same account."""
        told = {name: written[name] for name in cls.model_fields if name in written and name != "at"}
        try:
            return cls.model_validate({**told, "at": _time(written.get("at"))})
        except ValidationError:
            return None

    def written(self) -> dict[str, str]:
        fields = self.model_dump(exclude_none=True, exclude={"at"})
        told = {name: str(value) for name, value in fields.items()}
        return {**told, "at": str(milliseconds(self.at))} if self.at else told

    def data(self, channel: Channel, **more: str | datetime | None) -> MessageData:
        told = self.model_dump(include={"action", "play", "template", "template_version", "purpose"})
        return MessageData.model_validate({**told, "channel": channel, **more})

    def sent(self, channel: Channel, provider_id: str) -> MessageSent | None:
        """The outcome, as its sender would have told it had it lived to; None for what was labelled without a time."""
        if self.at is None:
            return None
        return MessageSent(
            id=outcome_id(self.action),
            source=OUTBOX,
            store=self.store,
            time=self.at,
            customer=self.customer,
            data=self.data(channel, provider_id=provider_id, coupon=self.coupon),
        )


def _time(text: str | None) -> object:
    """None for what is no number of milliseconds of a time that we can hold."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    return at_milliseconds(int(text))


_DIGITS = 13
"""Of milliseconds since 1970, until the year 2286."""
