"""What the outbox needs of whoever carries messages away.

Errors:
    ProviderError
    ├── Rejected         this message will never be taken: report it as failed
    │   └── OptedOut     because its reader has told the provider STOP: they mean us, write that down too
    ├── Unavailable      certainly not taken, and not for its own sake: release the claim, come again
    │   └── Throttled    because others were too many: let it wait for its rest on the due index
    │       └── Spent    because an account may send or spend no more: tell people besides, who can raise it
    └── OutcomeUnknown   taken or not, nobody can say: never send it again
"""

from datetime import timedelta
from typing import Protocol

from perennial.channels.render import Message


class ProviderError(Exception):
    """Something the provider said, or did not say."""


class Rejected(ProviderError):
    """The provider refused this very message (a bad address, an opt-out of its own). It was not sent; report it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """The provider's code. Not its prose, which quotes addresses."""


OPTED_OUT = "opted out"
"""What the reason of a message begins with that the provider takes no more for its reader's sake."""


class OptedOut(Rejected):
    """The number stands on the provider's own list of those who have texted STOP. It was not sent; report both."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{OPTED_OUT}: {code}")


class Unavailable(ProviderError):
    """The provider takes nothing now: throttled, paused, unreachable. It was not sent; let the queue bring it again."""


class Throttled(Unavailable):
    """The provider takes so many and no more for now. It was not sent; it may come again after `rest`."""

    def __init__(self, reason: str, rest: timedelta) -> None:
        super().__init__(reason)
        self.rest = rest


class Spent(Throttled):
    """The account has sent or spent what it may for now: a day's messages, a month's money. It was not sent. People are
    to be told, for they can raise it; until then there is room every now and then."""

    REST = timedelta(hours=1)

    def __init__(self, what: str) -> None:
        """what: which of its limits, in the provider's words for it."""
        super().__init__(what, self.REST)


class OutcomeUnknown(ProviderError):
    """No answer, or none that says whether the message was taken. Do not send it again."""


DRY_RUN = "dry run"


class DryRun:
    """A `Provider` that sends nothing and says so: all before it happens as ever, and nothing counts as sent."""

    def send(self, message: Message) -> str:
        raise Rejected(DRY_RUN)


class Provider(Protocol):
    def send(self, message: Message) -> str:
        """Hand the message over, once and without retries; returns the provider's id. Raises `ProviderError`."""
