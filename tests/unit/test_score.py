"""Promise 7: the score is the sum of its parts, explains itself, and knows when its band will change."""

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.score import FULL, Balance, Falling, Health, _Search, score_of
from perennial.domain.signals import EPOCH
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SAME_EVERY_TIME,
    a_policy,
    a_score,
    a_ticket_event,
    an_event,
    an_order_event,
    folded,
    parcel,
    placed,
    shipped,
    the_policy,
)
from tests.lives import a_life

ALL_PARTS = {"rhythm", "engagement", "satisfaction", "resolution", "sentiment", "delivery", "recommendation"}


def value_of(part: str, events: list[Event], now: datetime = NOON, policy: Policy | None = None) -> float:
    """The part's value between 0 and 1."""
    _, parts = score_of(folded(events), now, policy or the_policy())
    return next(each.value for each in parts if each.name == part)


def parts_of(events: list[Event]) -> set[str]:
    return {part.name for part in score_of(folded(events), NOON, the_policy())[1]}


# The sum


@settings(SAME_EVERY_TIME, max_examples=60)
@given(a_life, st.integers(0, 800).map(lambda days: NOON + days * DAY))
def test_the_parts_add_up_to_the_score_exactly_and_it_is_between_none_and_all(life: list[Event], now: datetime):
    score, parts = score_of(folded(life), now, the_policy())

    assert (score is None) == (parts == ())
    assert sum(part.points for part in parts) == (score or 0)
    assert 0 <= (score or 0) <= FULL
    assert all(0 <= part.value <= 1 and part.points >= 0 for part in parts)


@settings(SAME_EVERY_TIME, max_examples=60)
@given(a_life)
def test_what_cannot_be_judged_is_left_out_and_the_other_weights_fill_its_place(life: list[Event]):
    _, parts = score_of(folded(life), NOON, the_policy())

    judged = {part.name: getattr(the_policy().score.parts, part.name).weight for part in parts}
    for part in parts:
        assert part.weight == pytest.approx(judged[part.name] / sum(judged.values()), abs=1e-6)
    assert not parts or sum(part.weight for part in parts) == pytest.approx(1, abs=1e-5)


def test_of_whom_nothing_is_known_there_is_no_score():
    assert score_of(folded([]), NOON, the_policy()) == (None, ())
    assert Health(folded([]), the_policy(), NOON).band is None
    assert Health(folded([]), the_policy(), NOON).leaves_band(NOON + 900 * DAY) is None


@pytest.mark.parametrize(
    ("events", "parts"),
    [
        ([placed()], set()),  # bought once, nothing promised, nothing arrived
        ([placed(), placed(order="o-2")], {"rhythm"}),
        ([placed(promised_at=NOON)], {"delivery"}),
        ([an_event("product.used")], {"engagement"}),
        ([an_event("survey.answered", survey="ces", score=4)], {"engagement", "satisfaction"}),
        ([a_ticket_event("opened", by="agent")], {"resolution"}),
        ([a_ticket_event("opened", sentiment=0.5)], {"engagement", "resolution", "sentiment"}),
        ([a_ticket_event("opened")], {"engagement", "resolution"}),
        ([an_event("recommendation.clicked", recommendation="r")], {"engagement", "recommendation"}),
        ([an_event("customer.updated")], set()),
    ],
    ids=lambda value: "+".join(each.type for each in value) if isinstance(value, list) else "",
)
def test_a_part_is_judged_once_there_is_something_to_judge_by(events: list[Event], parts: set[str]):
    assert parts_of(events) == parts


def test_a_part_of_no_weight_is_left_out():
    written = the_policy().score.model_dump(mode="json")
    for part in ALL_PARTS - {"rhythm"}:
        written["parts"][part]["weight"] = 0
    facts = folded([placed(), placed(order="o-2"), an_event("product.used")])

    assert [part.name for part in score_of(facts, NOON, a_policy(score=written))[1]] == ["rhythm"]
    written["parts"]["rhythm"]["weight"] = 0
    assert score_of(facts, NOON, a_policy(score=written)) == (None, ())


def test_the_score_is_the_same_whatever_order_the_facts_came_in():
    events = [a_ticket_event("resolved", NOON + day * DAY, ticket=f"t{day}", opened_at=NOON) for day in range(6)]
    events += [
        placed(promised_at=NOON + DAY),
        placed(order="o-2", promised_at=NOON - DAY),
        parcel("delayed", order="o-1"),
    ]

    one, other = (score_of(folded(each), NOON + 7 * DAY, the_policy()) for each in (events, events[::-1]))

    assert one == other


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0, "critical"),
        (2499, "critical"),
        (2500, "at_risk"),
        (4499, "at_risk"),
        (4500, "steady"),
        (6500, "healthy"),
        (10_000, "healthy"),
    ],
)
def test_a_band_begins_with_the_least_score_that_is_in_it(score: int, band: str):
    assert the_policy().score.band_of(score) == band


@pytest.mark.parametrize(
    ("score", "around"),
    [(0, (0, 2500)), (2499, (0, 2500)), (2500, (2500, 4500)), (6500, (6500, inf)), (FULL, (6500, inf))],
)
def test_a_band_ends_below_the_least_score_of_the_next_and_the_highest_never(score: int, around: tuple[int, float]):
    assert the_policy().score.around(score) == around


def test_a_policy_of_one_band_has_everybody_in_it():
    score = a_policy(score={**a_score("rhythm"), "bands": {"all": 0}}).score

    assert (score.band_of(0), score.band_of(FULL), score.around(5000)) == ("all", "all", (0, inf))


def test_customers_with_different_parts_are_weighed_apart_under_one_policy():
    policy, used = the_policy(), an_event("product.used")

    quiet = score_of(folded([used]), NOON, policy)[1]
    glad = score_of(folded([used, an_event("survey.answered", survey="csat", score=5)]), NOON, policy)[1]
    again = score_of(folded([used]), NOON, policy)[1]

    assert [part.weight for part in quiet] == [part.weight for part in again] == [1]
    assert [part.weight for part in glad] == [pytest.approx(15 / 35, abs=1e-6), pytest.approx(20 / 35, abs=1e-6)]


# Each part


@pytest.mark.parametrize(
    ("min_orders", "orders", "is_judged"),
    [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False), (3, 3, True)],
)
def test_a_rhythm_is_judged_from_the_policy_s_number_of_purchases_on(min_orders: int, orders: int, is_judged: bool):
    events = [an_event("product.used"), *(placed(order=f"o-{number}") for number in range(orders))]

    _, parts = score_of(folded(events), NOON, a_policy(score=a_score("rhythm", min_orders=min_orders)))

    assert ("rhythm" in {part.name for part in parts}) is is_judged


def test_a_policy_that_does_not_say_judges_the_rhythm_from_the_second_purchase_on():
    score = a_score("rhythm")
    del score["parts"]["rhythm"]["min_orders"]

    assert a_policy(score=score).score.parts.rhythm.min_orders == 2


def test_a_cancelled_order_makes_no_rhythm():
    events = [placed(), placed(order="o-2")]

    assert parts_of(events) == {"rhythm"}
    assert parts_of([*events, an_order_event("cancelled", order="o-2")]) == set()


def test_satisfaction_begins_at_the_prior_moves_with_answers_and_fades_back():
    bad = [an_event("survey.answered", survey="csat", score=1)]

    assert value_of("satisfaction", bad) == pytest.approx((0 + 0.7) / 2)
    assert value_of("satisfaction", bad, NOON + 180 * DAY) == pytest.approx(0.7 / 1.5)
    assert value_of("satisfaction", bad, NOON + 9000 * DAY) == pytest.approx(0.7, abs=1e-3)


@pytest.mark.parametrize(("survey", "worst", "best"), [("csat", 1, 5), ("nps", 0, 10), ("ces", 1, 7)])
def test_every_survey_is_read_on_one_scale(survey: str, worst: int, best: int):
    low, high = ([an_event("survey.answered", survey=survey, score=score)] for score in (worst, best))

    assert value_of("satisfaction", low) == pytest.approx(0.35)
    assert value_of("satisfaction", high) == pytest.approx(0.85)


@pytest.mark.parametrize("quiet", [0.0, 0.35])
def test_engagement_saturates_and_fades_to_what_quiet_people_have(quiet: float):
    used, policy = [an_event("product.used") for _ in range(3)], a_policy(score=a_score("engagement", quiet=quiet))
    much = used + [an_event("product.used") for _ in range(60)]

    assert value_of("engagement", used, NOON, policy) == pytest.approx(1 - (1 - quiet) * 0.3679, abs=1e-3)
    assert value_of("engagement", much, NOON, policy) > 0.99
    assert value_of("engagement", used, NOON + 30 * DAY, policy) == pytest.approx(1 - (1 - quiet) * 0.6065, abs=1e-3)
    assert value_of("engagement", used, NOON + 900 * DAY, policy) == pytest.approx(quiet, abs=1e-3)


@pytest.mark.parametrize(("took", "value"), [(48 * HOUR, 1.8 / 2), (48 * HOUR + MINUTE, 0.8 / 2)])
def test_a_ticket_is_resolved_in_time_up_to_the_target_inclusive(took: timedelta, value: float):
    events = [a_ticket_event("opened", NOON), a_ticket_event("resolved", NOON + took)]

    assert value_of("resolution", events, NOON + took) == pytest.approx(value, abs=1e-4)


def test_an_overdue_ticket_weighs_more_with_every_hour():
    opened = [a_ticket_event("opened", NOON)]

    values = [value_of("resolution", opened, NOON + hours * HOUR) for hours in (0, 48, 49, 72, 96, 960)]

    assert values[0] == values[1] == 0.8
    assert all(later < sooner for sooner, later in pairwise(values[1:]))
    assert values[4] == pytest.approx(0.8 / 2)


def test_of_a_reopened_ticket_the_wait_begins_anew():
    events = [
        a_ticket_event("opened", NOON - 90 * DAY),
        a_ticket_event("resolved", NOON - 89 * DAY),
        a_ticket_event("reopened", NOON),
    ]

    assert value_of("resolution", events, NOON + 48 * HOUR) == 0.8


@pytest.mark.parametrize(
    ("arrived", "harm"), [(-1, 0.0), (2, 0.0), (2.5, 0.1), (4.5, 0.5), (7, 1.0), (30, 1.0)]
)  # days after the promised one; harm starts after two and is complete after five more
def test_a_late_delivery_harms_by_how_late_it_is(arrived: float, harm: float):
    at = NOON + arrived * DAY
    events = [placed(NOON - 30 * DAY, promised_at=NOON), an_order_event("delivered", at)]

    assert value_of("delivery", events, at) == pytest.approx((1 - harm + 0.8) / 2)


def test_what_has_not_arrived_harms_more_with_every_day_until_it_is_complete():
    events = [placed(NOON - 30 * DAY, promised_at=NOON)]

    values = [value_of("delivery", events, NOON + day * DAY) for day in (0, 2, 3, 5, 7, 70)]

    assert values == pytest.approx([0.8, 0.8, 0.8 / 1.2, 0.8 / 1.6, 0.8 / 2, 0.8 / 2])


@pytest.mark.parametrize(("state", "value"), [("customs_hold", 0.8 / 1.4), ("lost", 0.8 / 2), ("in_transit", None)])
def test_trouble_on_the_way_harms(state: str, value: float | None):
    events = [placed(), shipped(), parcel(state)]

    if value is None:
        assert "delivery" not in parts_of(events)
    else:
        assert value_of("delivery", events) == pytest.approx(value)


def test_a_cancelled_order_is_nobodys_late_delivery():
    events = [placed(NOON - 90 * DAY, promised_at=NOON - 80 * DAY), an_order_event("cancelled", NOON)]

    assert "delivery" not in parts_of(events)


def test_heavy_buyers_who_fall_silent_can_still_be_judged():
    """A rate to the power of hundreds of purchases does not fit a float."""
    events = [placed(NOON + number * HOUR, order=f"o-{number}") for number in range(400)]

    health = Health(folded(events), the_policy(), NOON + 3000 * DAY)

    assert health.score == 0


# When the band changes

masses = st.lists(st.tuples(st.floats(0, 3), st.floats(-1e7, 1e7)), max_size=4)
overdues = st.lists(st.tuples(st.floats(-1e7, 1e7), st.floats(1e4, 1e6), st.sampled_from((1.0, 1e9))), max_size=3)


@settings(SAME_EVERY_TIME, max_examples=150)
@given(masses, masses, overdues, st.lists(st.floats(0, 5e7), min_size=3, max_size=3).map(sorted))
def test_a_balance_stays_within_the_span_it_gives(
    good: list[tuple[float, float]],
    bad: list[tuple[float, float]],
    overdue: list[tuple[float, float, float]],
    times: list[float],
):
    balance = Balance(0.0, the_policy().score.parts.delivery, good, bad, overdue)
    start, middle, end = (balance.read(time) for time in times)

    low, high = balance.span(start, end)

    assert low - 1e-12 <= middle[0] <= high + 1e-12


@settings(SAME_EVERY_TIME, max_examples=60)
@given(a_life, st.lists(st.integers(0, 3000), min_size=3, max_size=3).map(sorted))
def test_every_part_of_every_life_stays_within_its_span(life: list[Event], days: list[int]):
    now = NOON + 400 * DAY
    seconds = [(now + day * DAY - EPOCH).total_seconds() for day in days]

    for name, curve in Health(folded(life), the_policy(), now).terms:
        start, middle, end = (curve.read(time) for time in seconds)
        low, high = curve.span(start, end)
        assert low - 1e-9 <= middle[0] <= high + 1e-9, name


def test_a_falling_curve_may_rise_all_the_way_too():
    rising = Falling(lambda t: t)

    assert rising.span(rising.read(1), rising.read(2)) == (1, 2)


@cache
def even_policy() -> Policy:
    """Two parts of equal weight that fade alike towards one half, where a band ends."""
    written = the_policy().score.model_dump(mode="json")
    for part in written["parts"].values():
        part["weight"] = 0
    for part in ("satisfaction", "sentiment"):
        written["parts"][part] = {"weight": 1, "half_life": "180d", "prior": {"mean": 0.5, "weight": 1}}
    return a_policy(score={**written, "bands": {"low": 0, "high": 50}})


def test_two_parts_that_cancel_out_on_the_edge_of_a_band_are_looked_at_again_and_not_minute_by_minute():
    """One rises as the other falls, and the sum lies on the edge for ten years."""
    glad, sour = an_event("survey.answered", survey="csat", score=5), a_ticket_event("replied", sentiment=-1.0)
    facts = folded([glad, sour], even_policy())
    health = Health(facts, even_policy(), NOON)
    assert (health.score, health.band) == (5000, "high")

    again = health.leaves_band(NOON + 3660 * DAY)

    assert again is not None
    assert again > NOON + 10 * HOUR
    assert Health(facts, even_policy(), again).band == "high"


def test_what_is_a_float_below_the_edge_of_a_band_is_on_it():
    """Signals are kept to a millionth: one good answer of two halves is fifty points, not 49.99."""
    facts = folded([an_event("survey.answered", NOON + 7 * HOUR, survey="csat", score=3)], even_policy())

    assert Health(facts, even_policy(), NOON + 7 * HOUR).score == 5000
    assert Health(facts, even_policy(), NOON + 7 * HOUR).leaves_band(NOON + 3660 * DAY) is None


@pytest.mark.parametrize(
    "events",
    [
        [an_event("product.used") for _ in range(40)],
        [placed(), placed(NOON + 20 * DAY, order="o-2")],
        [placed(NOON + number * DAY, order=f"o-{number}") for number in range(20)],
        [an_event("survey.answered", survey="csat", score=5)],
    ],
    ids=["use", "rhythm", "orders", "survey"],
)
def test_a_crossing_years_before_the_horizon_takes_few_looks(events: list[Event], monkeypatch: pytest.MonkeyPatch):
    """To halve ten years until a minute is left would take 22."""
    looks: list[float] = []
    look = _Search._at
    monkeypatch.setattr(_Search, "_at", lambda search, minute: looks.append(minute) or look(search, minute))
    now = NOON + 20 * DAY

    leaves = Health(folded(events), the_policy(), now).leaves_band(now + 3660 * DAY)

    assert leaves is not None
    assert len(looks) <= 13


def test_a_dip_out_of_the_band_is_found_though_the_score_comes_back():
    """Praise fades in weeks and bitterness in years: from fifty down, and up to fifty again."""
    written = even_policy().score.model_dump(mode="json")
    written["parts"]["satisfaction"]["half_life"], written["parts"]["sentiment"]["half_life"] = "10d", "300d"
    policy = a_policy(score={**written, "bands": {"low": 0, "high": 45}})
    glad, sour = an_event("survey.answered", survey="csat", score=5), a_ticket_event("replied", sentiment=-1.0)
    facts = folded([glad, sour], policy)

    leaves = Health(facts, policy, NOON).leaves_band(NOON + 3660 * DAY)

    hours = (NOON + number * HOUR for number in range(24 * 100))
    seen = next(at for at in hours if Health(facts, policy, at).band == "low")
    assert leaves is not None
    assert seen - HOUR < leaves <= seen
    assert Health(facts, policy, NOON + 3660 * DAY).band == "high"
