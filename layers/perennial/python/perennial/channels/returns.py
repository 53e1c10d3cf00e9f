"""The address that each email comes back to, where the merchant has a domain for that (domain/return_path.py)."""

from collections.abc import Callable
from typing import NamedTuple

from perennial.channels.links import LinkKeys, newest
from perennial.channels.render import Message
from perennial.domain.label import Label
from perennial.domain.return_path import MARK_HEADER, STORE_HEADER, mark


class Return(NamedTuple):
    """Of one email."""

    mark: str
    address: str
    """MAIL FROM, where servers send what they could not deliver."""
    store: str

    @property
    def headers(self) -> dict[str, str]:
        """What reports repeat of our own mail, for those that do not come back to the address."""
        return {MARK_HEADER: self.mark, STORE_HEADER: self.store}


Returns = Callable[[Message], Return | None]


def nowhere(message: Message) -> Return | None:
    """Of a house that is not told: what cannot be delivered comes back to the sender that customers see."""
    return None


class MarkedReturns:
    """`Returns` to a domain of the merchant's."""

    def __init__(self, domain: str, keys: Callable[[], LinkKeys]) -> None:
        self._domain = domain
        self._keys = keys

    def __call__(self, message: Message) -> Return | None:
        """None for what is no customer's: staff try templates on themselves."""
        return self.of(message.label) if message.label else None

    def of(self, label: Label) -> Return | None:
        keys = self._keys()
        made = mark(label.action, label.customer, label.store, keys[newest(keys)])
        return Return(made, f"{made}@{self._domain}", label.store) if made else None
