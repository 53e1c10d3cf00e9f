"""What must hold in the end of what people said against being written to, whoever heard it, and of who asked for help.

Promises as those of `reckoning.py`. What a word means is what its writer meant by it (`texts.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from perennial.domain.events import MessageReplied
from perennial.domain.journal import Entry
from tests.campaign.end import End, Life, Ways
from tests.campaign.forgetting import erased_people
from tests.campaign.texts import Texted
from tests.campaign.watch import SKEW

TOPICS = ("marketing", "service")
"""What a STOP ends, of its channel."""
ONCE_A = timedelta(days=1)
"""How often help is given."""


def who_says_stop_is_heard(end: End) -> Ways:
    """Where it was told to us, in whatever word and language: both purposes of that channel are withdrawn."""
    for texted, lives in _told(end, "STOP"):
        for topic in TOPICS:
            name = f"{topic}/{texted.channel}"
            withdrawn = [life.customer.facts.withdrawn.get(name) for life in lives]
            if not any(at and at >= texted.at - SKEW for at in withdrawn):
                yield f"STOP by {texted.way} on {texted.at} did not end {name}"


def who_asks_for_help_is_heard(end: End) -> Ways:
    for texted, lives in _told(end, "HELP"):
        if not any(_is_cry(entry) and _is_of(entry, texted) for life in lives for entry in end.told_to(life)):
            yield f"HELP by {texted.way} on {texted.at} was not understood"


def help_comes_once_a_day(end: End) -> Ways:
    """An answer, or why there is none: also where a STOP holds; and no second one within the day."""
    for life in end.lives:
        cries = [entry for entry in life.entries if _is_cry(entry)]
        for entry in cries:
            if "help" not in {*(each.play for each in entry.actions), *(each.play for each in entry.outcomes)}:
                yield f"{entry.event.id} of {life.customer.id[:6]} got no answer, and nobody says why"
        for before, after in pairwise(_helped(life)):
            if after - before < ONCE_A - 2 * SKEW:
                yield f"{life.customer.id[:6]} was helped at {before} and at {after}"


def _helped(life: Life) -> list[datetime]:
    """When each answer was decided on; what is put off is decided on again, and is the same answer."""
    given: dict[str, datetime] = {}
    for entry in life.entries:
        for action in entry.actions:
            if action.play == "help":
                given.setdefault(action.id, entry.decided_at)
    return list(given.values())


def what_only_the_provider_was_told_holds_here_too(end: End) -> Ways:
    for action, delivery in end.world.watch.deliveries.items():
        claim, home = delivery.claim, end.home(delivery.customer)
        if claim is None or home is None or not (claim.reason or "").startswith("opted out"):
            continue
        for topic in TOPICS:
            at = home.customer.facts.withdrawn.get(f"{topic}/sms")
            if at is None or at < claim.at:
                yield f"{action[:6]} was refused for a STOP, and {topic}/sms is not withdrawn"


def _told(end: End, word: str) -> Iterator[tuple[Texted, list[Life]]]:
    """Who texted it, and lived to be answered; with the records that are theirs."""
    erased, waiting = erased_people(end), {end.expected[name][1] for name in end.waiting if name in end.expected}
    for texted in end.world.texts.texted:
        if texted.word == word and texted.way != "nobody" and texted.persona not in {*erased, *waiting}:
            named = [life.customer.id for life in end.lives if texted.persona in end.named_in(life)]
            homes = {home.customer.id: home for each in named if (home := end.home(each))}
            yield texted, list(homes.values())


def _is_of(entry: Entry, texted: Texted) -> bool:
    """AWS names what it passes on itself."""
    return texted.way == "AWS" or texted.name in entry.event.id


def _is_cry(entry: Entry) -> bool:
    return isinstance(entry.event, MessageReplied) and entry.event.data.keyword == "help"


PROMISES: Mapping[str, Callable[[End], Ways]] = {
    "who says STOP is heard": who_says_stop_is_heard,
    "who asks for help is heard": who_asks_for_help_is_heard,
    "help comes once a day": help_comes_once_a_day,
    "what only the provider was told holds here too": what_only_the_provider_was_told_holds_here_too,
}
