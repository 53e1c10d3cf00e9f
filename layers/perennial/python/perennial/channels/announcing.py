"""People hear when a provider's account has sent or spent what it may: they alone can raise it.

A word in the sender's log for each message that has to wait for it; template.yaml counts them and rings. So nobody asks
the provider for its figures, of which some cannot be asked for, and nothing is kept that could be wrong.
"""

from collections.abc import Callable

from perennial.channels.provider import Provider, Spent
from perennial.channels.render import Message

USED_UP = "account used up"
"""What the log says; template.yaml looks for it."""


class Announcing:
    """A `Provider`: another one, of which people hear when it has no more to give."""

    def __init__(self, provider: Provider, announce: Callable[[str], object]) -> None:
        """announce: say which limit was reached, in the provider's words for it."""
        self._provider = provider
        self._announce = announce

    def send(self, message: Message) -> str:
        try:
            return self._provider.send(message)
        except Spent as spent:
            self._announce(str(spent))
            raise
