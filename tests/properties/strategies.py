"""What the property tests draw from, and how long they look."""

from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.values import to_utc
from tests.builders import the_policy, the_time
from tests.lives import any_event, instants

USUAL = 100
"""Examples of a profile that asks for no more than each test says."""


def examples(number: int, **others: Any) -> settings:
    """So many examples, or more where HYPOTHESIS_PROFILE says so. Drawing may take its time on a busy machine."""
    more = settings.get_profile(settings.get_current_profile_name()).max_examples / USUAL
    return settings(max_examples=round(number * more), suppress_health_check=[HealthCheck.too_slow], **others)


# Lives

timers: st.SearchStrategy[Event] = instants.map(the_time)
every_event = st.sampled_from((any_event,) * 9 + (timers,)).flatmap(lambda kind: kind)
"""Of all types, those that only we ourselves can say too."""
a_whole_life = st.lists(every_event, min_size=5, max_size=30)


def lately(life: list[Event], times: int) -> list[Event]:
    """The same life in so many times less time: much of it happened in the last days."""
    last = max(event.time for event in life)
    return [event.but({"time": to_utc(last - (last - event.time) / times)}) for event in life]


def a_recent_life(least: int, most: int) -> st.SearchStrategy[list[Event]]:
    return st.builds(lately, st.lists(any_event, min_size=least, max_size=most), st.sampled_from((1, 10, 100)))


# Policies


@cache
def _shipped() -> dict[str, Any]:
    return the_policy().model_dump(mode="json", by_alias=True)


def days(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda number: f"{number}d")


@st.composite
def a_score(draw: st.DrawFn) -> dict[str, Any]:
    """The shipped parts with other weights, half-lives and priors, and two to thirty bands."""
    score: dict[str, Any] = deepcopy(_shipped()["score"])
    for part in score["parts"].values():
        part["weight"] = draw(st.sampled_from((1, 10, 25, 0)))
        if "half_life" in part:
            part["half_life"] = draw(days(3, 200))
        if "prior" in part:
            part["prior"] = {"mean": draw(st.sampled_from((0.0, 0.5, 0.8, 1.0))), "weight": draw(st.floats(0.1, 5))}
    score["parts"]["rhythm"]["min_orders"] = draw(st.integers(1, 3))
    score["parts"]["engagement"]["quiet"] = draw(st.sampled_from((0, 0.35)))
    floors = sorted(draw(st.sets(st.integers(1, 999), min_size=1, max_size=30)))
    score["bands"] = {"critical": 0, **{f"b{floor}": floor / 10 for floor in floors}}
    return score


@st.composite
def label_rules(draw: st.DrawFn, bands: tuple[str, ...]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        {"label": "prospect", "if": "customer.orders == 0", "within": {"signed_up": draw(days(1, 90))}},
        {"label": "new", "within": {"first_order": draw(days(1, 60)), "last_contact": draw(days(1, 60))}},
        {"label": "silent", "after": {"last_order": draw(days(30, 400)), "last_contact": draw(days(10, 200))}},
        {"label": "declining", "late": {"times": draw(st.floats(0.5, 4)), "min_orders": 2, "at_least": "1d"}},
        {"label": "mature", "band": [bands[-1]], "after": {"signed_up": draw(days(1, 300))}},
    ]
    return [*draw(st.permutations(rules)), {"label": "growing"}]


@st.composite
def stage_rules(draw: st.DrawFn, bands: tuple[str, ...]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [
        {"stage": "awareness", "if": "customer.orders == 0", "after": {"last_contact": draw(days(1, 200))}},
        {"stage": "decision", "if": "customer.orders == 0"},
        {"stage": "onboarding", "if": "!customer.activated", "within": {"last_order": draw(days(1, 90))}},
        {"stage": "winback", "label": ["declining", "silent"]},
        {"stage": "winback", "band": [bands[0]], "after": {"first_order": draw(days(1, 200))}},
    ]
    return [*draw(st.permutations(rules)), {"stage": "retention"}]


@st.composite
def waiting_plays(draw: st.DrawFn, bands: tuple[str, ...]) -> list[dict[str, Any]]:
    """One play for each kind of beginning, that wait for any time and do something at the end of it."""
    beginnings: list[Any] = ["order.placed", "order.delivered", "ticket.resolved", "cart.abandoned", "product.viewed"]
    beginnings += [{"stage": "winback"}, {"label": "silent"}, {"label": "new"}, {"band": bands[0]}]
    beginnings += [{"date": "birthday"}, {"festival": "any", "over": "3h"}]
    return [
        {
            "id": f"p{number}",
            "on": begins,
            "after": draw(st.sampled_from(("0d", "1h", "50m", "3d", "33d", "200d"))),
            "purpose": draw(st.sampled_from(("transactional", "service", "marketing"))),
            "do": draw(st.sampled_from(({"email": "welcome"}, {"task": "callback"}, {"sms": "out_for_delivery"}))),
            "at_most": draw(st.sampled_from((None, "once", "1 per 30d"))),
        }
        for number, begins in enumerate(beginnings)
    ]


@st.composite
def festivals(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few, some of them every year, in the countries that people of `tests/lives.py` live in."""
    days = st.dates(date(2026, 1, 1), date(2027, 12, 28)).map(
        lambda day: day.isoformat()[draw(st.sampled_from((0, 5))) :]
    )
    dates = st.lists(days.filter(lambda day: day != "02-29"), min_size=1, max_size=6)
    lands = st.sampled_from((["ES"], ["US", "ES"], ["FR"]))
    return [
        {
            "id": f"f{number}",
            "dates": draw(dates),
            "countries": draw(lands),
            "languages": draw(st.sampled_from(([], ["es"]))),
        }
        for number in range(draw(st.integers(1, 3)))
    ]


@st.composite
def quiet_hours(draw: st.DrawFn) -> dict[str, Any]:
    start, end = draw(st.lists(st.integers(0, 24 * 12 - 1), min_size=2, max_size=2, unique=True))
    clock = [f"{at // 12:02d}:{at % 12 * 5:02d}" for at in (start, end)]
    purposes = draw(st.sampled_from((["service", "marketing"], ["marketing"], [])))
    zone = draw(st.sampled_from(("UTC", "Europe/Madrid", "Australia/Lord_Howe", "America/St_Johns")))
    return {"start": clock[0], "end": clock[1], "purposes": purposes, "default_zone": zone}


@st.composite
def a_policy_of_many(draw: st.DrawFn) -> Policy:
    """The shipped policy with another score, other rules, waits and quiet hours."""
    score = draw(a_score())
    bands = tuple(score["bands"])
    sections = {
        "score": score,
        "labels": draw(label_rules(bands)),
        "stages": draw(stage_rules(bands)),
        "plays": draw(waiting_plays(bands)),
        "quiet_hours": draw(quiet_hours()),
        "festivals": draw(festivals()),
    }
    return Policy.model_validate({**_shipped(), **sections})
