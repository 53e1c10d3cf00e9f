"""Keys of the links in messages: staff add one and take another away, as docs/consent.md tells them to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perennial.channels.links import newest
from tests.campaign.broken import Broken

BELIEVED_FOR = timedelta(minutes=5)
"""How long a key that was taken away may still be believed."""
LOOKED_FOR_EVERY = timedelta(seconds=10)
"""So long after one look for a newer key there may be no other."""
PROMISE = "a good link is taken, and one under a key that was taken away is not"


@dataclass
class Keys:
    """Every version of the secret, the newest last, and when each key came and went."""

    now: Callable[[], datetime]
    books: list[dict[str, str]] = field(default_factory=lambda: [{"1": _key("1")}])
    added_at: dict[str, datetime] = field(default_factory=dict)
    taken_away_at: dict[str, datetime] = field(default_factory=dict)
    stale_at: datetime | None = None
    """When somebody was last given a version that is not the newest."""

    def rotate(self) -> None:
        """A new key, which signs from now on."""
        name = str(len(self.added_at) + 2)
        self.added_at[name] = self.now()
        self.books.append({**self.books[-1], name: _key(name)})

    def retire(self) -> None:
        """Take all others away."""
        name = newest(dict.fromkeys(self.books[-1], b""))
        self.taken_away_at |= {each: self.now() for each in self.books[-1] if each != name}
        self.books.append({name: self.books[-1][name]})

    def was_stale(self) -> None:
        self.stale_at = self.now()

    def judge(self, token: str, asked_at: datetime, *, is_taken: bool) -> None:
        """Of a link that nobody forged and that is good but for its key: was it rightly taken, or turned away?"""
        name = token.partition(".")[0]
        gone_at = self.taken_away_at.get(name)
        if self._may_be_behind(asked_at):
            return
        if is_taken and gone_at and asked_at >= gone_at + BELIEVED_FOR:
            raise Broken(PROMISE, f"key {name} was taken away at {gone_at}, and is believed at {asked_at}")
        if not is_taken and not gone_at and not self._is_just_added(name, asked_at):
            raise Broken(PROMISE, f"a link under key {name} was turned away")

    def _may_be_behind(self, asked_at: datetime) -> bool:
        return self.stale_at is not None and self.stale_at >= asked_at - BELIEVED_FOR

    def _is_just_added(self, name: str, asked_at: datetime) -> bool:
        return name in self.added_at and asked_at < self.added_at[name] + LOOKED_FOR_EVERY


def _key(name: str) -> str:
    return f"key {name} of links in messages"
