"""Which phase and step a look at the stack falls into."""

import importlib

import pytest

from tests.bench.profiling import CALLING, DECIDING, PHASES, REST, Place, Step, step_of

APPLY = Place("perennial.engine", "apply")
READING = Place("perennial.addressing", "of")
DECIDE = Place("perennial.domain.decide", "decide")
COMMIT = Place("perennial.aws.store", "commit")


def test_what_no_phase_has_begun_yet_is_around_them() -> None:
    assert step_of([Place("aws_lambda_powertools.logging.logger", "decorate"), APPLY]) == REST


def test_a_decision_is_told_by_what_it_calls_and_not_by_what_that_calls_in_turn() -> None:
    due = [Place("perennial.domain.timers", "next_change"), Place("perennial.domain.score", "leaves_band")]

    assert step_of([APPLY, DECIDE, *due]) == Step("decide", DECIDING["perennial.domain.timers"])


def test_any_other_phase_is_told_by_the_innermost_that_has_a_name() -> None:
    signing = [Place("botocore.client", "_make_api_call"), Place("botocore.auth", "add_auth"), Place("hmac", "new")]

    assert step_of([APPLY, READING, *signing]) == Step("read", "signing")
    assert step_of([APPLY, COMMIT, *signing]) == Step("write", "signing")


def test_a_module_without_a_name_of_its_own_counts_for_its_package() -> None:
    assert step_of([COMMIT, Place("botocore.retries.standard", "needs_retry")]).name == CALLING["botocore"]


@pytest.mark.parametrize("place", PHASES, ids=str)
def test_each_phase_begins_with_a_function_that_exists(place: Place) -> None:
    source = importlib.import_module(place.module).__file__
    assert source

    with open(source, encoding="utf-8") as file:
        assert f"def {place.function}(" in file.read()


@pytest.mark.parametrize("module", [*DECIDING, *CALLING])
def test_each_step_is_named_after_a_module_that_exists(module: str) -> None:
    assert importlib.import_module(module)
