"""What may go wrong where, and how often: each seed has a weather of its own, in which some faults never happen.

A run in which everything goes wrong at once gets nowhere. So each seed leaves out about half of all kinds of fault and
has the others at rates of its own: some runs see nothing but lost answers, some almost nothing at all.
"""

from collections.abc import Mapping
from itertools import accumulate
from random import Random

Kinds = Mapping[str, float]
"""Kind of fault -> its rate where the weather is neither good nor bad."""

CRASHES: Kinds = {"crash before": 0.006, "crash after": 0.006}
READS: Kinds = {**CRASHES, "throttled": 0.01, "unreachable": 0.01}

CALLS: Mapping[str, Kinds] = {
    "read": READS,
    "index": {**CRASHES, "throttled": 0.01, "unreachable": 0.01, "stale": 0.2},
    "write": {
        **CRASHES,
        "throttled": 0.015,
        "conflict": 0.015,
        "unreachable": 0.015,
        "answer lost": 0.02,
        "answer lost, repeated by the SDK": 0.03,
    },
    "send": {
        **CRASHES,
        "refused": 0.015,
        "partly refused": 0.06,
        "answer lost": 0.02,
        "answer lost, repeated by the SDK": 0.03,
    },
    "backlog": {"crash before": 0.02, "unreachable": 0.03},
    "provider": {
        "crash before": 0.03,
        "crash after": 0.04,
        "answer lost, taken": 0.05,
        "answer lost, not taken": 0.05,
        "rejected": 0.05,
        "unavailable": 0.08,
        "throttled": 0.04,
        "used up": 0.02,
    },
    "shop": {
        "crash before": 0.15,
        "crash after": 0.15,
        "unreachable": 0.15,
        "answer lost, taken": 0.15,
        "answer lost, not taken": 0.15,
        "busy": 0.15,
        "broken": 0.15,
        "throttled": 0.15,
    },
    "dead letters": {"crash before": 0.02, "crash after": 0.02, "unreachable": 0.03},
    "secrets": {"crash before": 0.03, "unreachable": 0.05, "stale": 0.1},
    "clock": {"crash before": 0.006},
    "listener": {
        "crash before": 0.02,
        "crash after": 0.02,
        "unreachable": 0.03,
        "no answer, taken": 0.03,
        "no answer, not taken": 0.03,
        "broken": 0.03,
        "busy": 0.03,
        "moved": 0.03,
        "refused": 0.03,
    },
    "visibility": {"crash before": 0.03, "crash after": 0.03, "unreachable": 0.05, "answer lost": 0.05},
}
"""Kind of call -> what may go wrong with one."""
DRAWN_LAST = ("listener", "visibility")
"""Places that came later: what was known before keeps its odds in every seed."""

HAPPENINGS: Mapping[str, Kinds] = {
    "post": {"answer lost": 0.1},
    "post again": {"posted twice": 0.15},
    "answer": {"answer lost": 0.1},
    "in transit": {"delivered twice": 0.06},
    "order": {"reordered": 0.25},
    "delete": {"delete lost": 0.04},
    "sweep": {"overlapped": 0.25},
    "environment": {"started anew": 0.05},
    "skew": {"clock skewed": 0.6},
    "mail": {"sent": 0.1, "delivered": 0.15, "opened": 0.08, "clicked": 0.08, "bounced": 0.06, "complained": 0.1},
    "asked to confirm": {"confirms": 0.6, "follows every link": 0.1, "one click": 0.1, "forges": 0.05},
    "read email": {
        "follows every link": 0.05,
        "one click": 0.06,
        "chooses nothing": 0.04,
        "chooses": 0.1,
        "clicks": 0.08,
        "forges": 0.03,
        "STOP": 0.02,
        "HELP": 0.02,
        "thanks": 0.03,
    },
    "read sms": {"thanks": 0.25, "STOP": 0.25, "START": 0.2, "HELP": 0.2, "forges": 0.1},
    "press again": {"presses twice": 0.15},
    "got a coupon": {"cancels": 0.3, "edits": 0.3, "redeems": 0.4, "gives away": 0.5},
    "poison": {"unreadable": 0.01},
}
"""What happens outside of calls."""

KINDS = (
    *(f"{place}: {kind}" for place, kinds in CALLS.items() for kind in kinds),
    *(
        "admin: answer lost",
        "buyer: cancels",
        "buyer: edits",
        "buyer: gives away",
        "buyer: redeems",
        "clock: skewed",
        "environment: started anew",
        "listener: does not believe it",
        "listener: is down",
        "provider: message bounced",
        "provider: message clicked",
        "provider: message complained",
        "provider: message delivered",
        "provider: message opened",
        "provider: has been told STOP",
        "provider: message sent",
        "preferences: answer lost",
        "queue: batch cut short",
        "queue: dead letter redriven",
        "queue: delayed",
        "queue: delete lost",
        "queue: delivered twice",
        "queue: partial batch failure",
        "queue: poison",
        "queue: reordered",
        "points: answered 202",
        "points: answered 403",
        "points: answered 422",
        "queue: visibility ended at work",
        "reader: clicks",
        "reader: confirm pressed",
        "reader: follows every link",
        "reader: forges",
        "reader: preferences pressed",
        "reader: presses twice",
        "reader: texts HELP",
        "reader: texts START",
        "reader: texts STOP",
        "reader: texts thanks",
        "reader: u pressed",
        "redirect: answer lost",
        "staff: accept proposal",
        "staff: add listener",
        "staff: asked again",
        "staff: change policy",
        "staff: discard",
        "staff: erase",
        "staff: fill pool",
        "staff: look",
        "staff: merge by hand",
        "staff: move points",
        "staff: move points again",
        "staff: move points in pieces",
        "staff: move too many points",
        "staff: part",
        "staff: redrive",
        "staff: reject proposal",
        "staff: release",
        "staff: remove listener",
        "staff: replay quarantine",
        "staff: retire listener key",
        "staff: rotate listener key",
        "staff: retire key",
        "staff: retire secret",
        "staff: rotate key",
        "staff: rotate secret",
        "staff: stop",
        "staff: stop the world",
        "staff: use a key again",
        "sweep: crashed",
        "sweep: overlapped",
        "watch: failed",
        "webhook: answer lost",
        "webhook: forged",
        "webhook: late",
        "webhook: posted twice",
        "webhook: tried again",
        "worker: held up",
    ),
)
"""Every kind of fault, by the name that it is counted under."""

LEFT_OUT = 0.45
"""Share of all kinds that a seed does not know."""
OUTLOOKS = (0.2, 0.6, 1.0, 1.0, 2.0)
"""From fair to foul: what all rates are multiplied by."""
MOST = 0.6
"""Share of the calls of one place that go wrong, at the most."""
MOMENT, WHILE, MINUTES = (0.001, 0.2), (1.0, 30.0), (61.0, 400.0)
"""Seconds that a worker is held up: less than a call, less than a function lives, longer than the queue hides."""


class Odds:
    """Which of some things happens, if any, by a number from 0 to 1."""

    def __init__(self, rates: Kinds) -> None:
        self._limits = tuple(zip(accumulate(rates.values()), rates, strict=True))

    def __call__(self, number: float) -> str | None:
        return next((kind for limit, kind in self._limits if number < limit), None)


class Length:
    """How many seconds, if any, by a number from 0 to 1: mostly few, seldom many."""

    def __init__(self, rate: float, *ranges: tuple[float, float]) -> None:
        self._rate = rate
        self._ranges = ranges

    def __call__(self, number: float) -> float | None:
        if number >= self._rate:
            return None
        place = number / self._rate
        for low, high in self._ranges[:-1]:
            if place < 0.75:
                return low + (high - low) * place / 0.75
            place = (place - 0.75) * 4
        low, high = self._ranges[-1]
        return low + (high - low) * place


class Weather:
    """Odds of everything, for one seed."""

    def __init__(self, chance: Random) -> None:
        outlook = chance.choice(OUTLOOKS)
        places = {place: kinds for place, kinds in CALLS.items() if place not in DRAWN_LAST}
        self.calls = {place: _leaving_some(_rates(kinds, outlook, chance)) for place, kinds in places.items()}
        self.happenings = {place: Odds(_rates(kinds, outlook, chance)) for place, kinds in HAPPENINGS.items()}
        self.pauses = Length(chance.choice((0.02, 0.1, 0.3, 0.6)), MOMENT, WHILE, MINUTES)
        """Whether a worker is held up before a call, so that others are served in between."""
        self.calls |= {place: _leaving_some(_rates(CALLS[place], outlook, chance)) for place in DRAWN_LAST}


def _leaving_some(rates: Kinds) -> Odds:
    """Of a call: where all went wrong for months, nothing would come to rest."""
    share = min(1.0, MOST / (sum(rates.values()) or 1.0))
    return Odds({kind: rate * share for kind, rate in rates.items()})


def _rates(kinds: Kinds, outlook: float, chance: Random) -> Kinds:
    known = {kind: rate for kind, rate in kinds.items() if chance.random() >= LEFT_OUT}
    return {kind: rate * outlook * chance.uniform(0.3, 3) for kind, rate in known.items()}
