"""The decisions that make one run differ from another: each has a name, is recorded, and can be taken away alone."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

D = TypeVar("D", bound="Decision")
Decision = str | float
"""What was decided: the kind of a fault, or an amount (seconds, messages)."""


class Chance:
    """Works a decision out of the seed and the decision's name, so that to take one away changes no other.

    With `only`, nothing is drawn: what is in it happens, and everything else is calm.
    """

    def __init__(self, seed: int, only: Mapping[str, Decision] | None = None) -> None:
        self._key = f"{seed}".encode()
        self._only = only
        self.taken: dict[str, Decision] = {}
        """Every decision that was not the calm one, by name, in the order in which they were made."""
        self.is_calm = False
        """From now on nothing happens that the plan does not say."""

    def of(self, name: str, odds: Callable[[float], D | None]) -> D | None:
        """What `odds` makes of a number from 0 to 1; None, which stands for nothing happening, is not recorded."""
        if self.is_calm:
            return None
        decision = odds(self._number(name)) if self._only is None else self._only.get(name)
        if decision is not None:
            self.taken[name] = decision
        return decision  # type: ignore[return-value]  # what was recorded under this name came from these odds

    def _number(self, name: str) -> float:
        digest = hashlib.blake2b(name.encode(), key=self._key, digest_size=7).digest()
        return int.from_bytes(digest, "big") / 2**56
