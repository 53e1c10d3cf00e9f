"""What must hold in the end of what was said to wait for its hour: the timeline says what became of it.

Promises as those of `reckoning.py`.
"""

from collections.abc import Callable, Mapping

from perennial.domain.journal import Entry
from tests.campaign.end import End, Life, Ways

Occasion = tuple[str, str]
"""A play, and what it is about."""


def what_was_held_comes_to_an_end(end: End) -> Ways:
    """It leaves, or is dropped, or ends, with a reason; or waits still: whatever changed meanwhile, its play, the rules
    or the customer. Of families it is not asked: what one of them waited for, another may have got."""
    for life in end.lives:
        if any(entry.kin for entry in life.entries) or end.was_with_the_erased(life):
            continue
        yield from (f"{play} of {life.customer.id[:6]} was held on {at}, and then?" for play, at in _left(life).items())


def _left(life: Life) -> dict[str, str]:
    """Play -> when it was held, and was not heard of again."""
    held: dict[Occasion, Entry] = {}
    for entry in life.entries:
        for outcome in entry.outcomes:
            if outcome.did == "held":
                held[outcome.play, outcome.about] = entry
            else:
                held.pop((outcome.play, outcome.about), None)
    waiting = {(wait.play, wait.about) for wait in life.customer.waits}
    return {key[0]: f"{entry.decided_at}" for key, entry in held.items() if key not in waiting}


PROMISES: Mapping[str, Callable[[End], Ways]] = {"what was held comes to an end": what_was_held_comes_to_an_end}
