"""Signals that fade: exact, and never too long to be kept. See also tests/properties/test_decay.py."""

from datetime import UTC, datetime, timedelta

import pytest

from perennial.domain.customer import Facts
from perennial.domain.signals import EPOCH, Decayed
from tests.builders import DAY, NOON, written

MONTH = 30 * DAY


def summed(voices: list[tuple[float, datetime]], half_life: timedelta = MONTH) -> Decayed:
    signal = Decayed.nothing(half_life)
    for weight, at in voices:
        signal = signal.add(weight, at, half_life)
    return signal


def test_a_half_life_halves():
    signal = summed([(4.0, NOON)])

    assert signal.value(NOON) == pytest.approx(4)
    assert signal.value(NOON + MONTH) == pytest.approx(2)
    assert signal.value(NOON + 2 * MONTH) == pytest.approx(1)


def test_nothing_said_is_nothing():
    assert Decayed.nothing(MONTH).value(NOON) == 0
    assert summed([(0.0, NOON)]) == Decayed.nothing(MONTH)


def test_a_half_life_is_kept_to_the_hour_and_read_as_it_is_kept():
    signal = summed([(1.0, NOON)], 3 * DAY + timedelta(minutes=59))

    assert signal.half_life == 72
    assert signal.value(NOON) == pytest.approx(1)


def test_when_the_policy_changes_a_half_life_the_past_is_read_by_it_from_then_on():
    signal = summed([(4.0, NOON - MONTH)]).add(1.0, NOON, 2 * MONTH)

    assert signal.half_life == 60 * 24
    assert signal.value(NOON) == pytest.approx(2 + 1)
    assert signal.value(NOON + 2 * MONTH) == pytest.approx(1.5)


@pytest.mark.parametrize("half_life", [3 * DAY, 3650 * DAY])
def test_a_lifetime_of_any_half_life_can_be_written_and_read_again(half_life: timedelta):
    oldest, newest = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
    facts = Facts(signals={"view": summed([(1.0, oldest), (1.0, EPOCH), (1.0, newest)], half_life)})

    assert Facts.model_validate_json(written(facts)) == facts


def test_a_contribution_from_years_ahead_does_not_overflow():
    signal = summed([(1.0, datetime(2099, 12, 31, tzinfo=UTC))], 3 * DAY)

    assert signal.value(NOON) > 1e100
