"""Times at the speed of the quiet machine."""

from collections.abc import Iterator

import pytest

from tests.bench.timing import Stopwatch, Timed, median_of, total

QUIET = 2.0


def a_stopwatch(*references: float) -> Stopwatch:
    """Its reference takes these times, one after the other."""
    told: Iterator[float] = iter(references)
    return Stopwatch(lambda: next(told), QUIET)


def test_on_the_quiet_machine_a_time_is_what_the_clock_said() -> None:
    watch = a_stopwatch(QUIET, QUIET)

    assert watch.time(lambda: 10.0) == Timed(quiet=10.0, raw=10.0)


def test_a_machine_that_is_half_as_fast_halves_what_the_clock_said() -> None:
    watch = a_stopwatch(2 * QUIET, 2 * QUIET)

    assert watch.time(lambda: 10.0) == Timed(quiet=5.0, raw=10.0)


def test_the_speed_is_the_mean_of_right_before_and_right_after() -> None:
    watch = a_stopwatch(QUIET, 3 * QUIET)

    assert watch.time(lambda: 10.0).quiet == 5.0


def test_the_reference_after_one_piece_is_the_one_before_the_next() -> None:
    watch = a_stopwatch(QUIET, QUIET, 3 * QUIET)
    watch.time(lambda: 10.0)

    assert watch.time(lambda: 10.0).quiet == 5.0


def test_a_piece_that_was_disturbed_does_not_move_the_median() -> None:
    pieces = [Timed(1.0, 1.5), Timed(1.1, 1.2), Timed(9.0, 9.9)]

    assert median_of(pieces) == Timed(1.1, 1.5)


def test_times_add_up_and_are_shared_out() -> None:
    assert total([Timed(1.0, 2.0), Timed(3.0, 4.0)]) / 2 == Timed(2.0, 3.0)


def test_a_time_is_taken_so_many_times() -> None:
    assert Timed(1.0, 2.0) * 3 == Timed(3.0, 6.0)


def test_work_that_fails_fails_the_measure() -> None:
    def broken() -> float:
        raise ValueError("nothing was done")

    with pytest.raises(ValueError, match="nothing was done"):
        a_stopwatch(QUIET).time(broken)
