"""The past can be run again: the journal alone gives the record, by the policies of its time.

Examples; tests/properties/test_history.py lives any life.
"""

from datetime import timedelta

import pytest

from perennial.domain.history import rebuild
from perennial.domain.judgement import Judgement
from perennial.domain.policy import Policy
from tests.engine_lives import Life, lived


def a_long_life() -> Life:
    """Twelve orders, so that the oldest left the record; one of them comes back into it, and a policy changes."""
    order = {"id": "1", "total": {"amount": "20.50", "currency": "EUR"}}
    buys = [([("order.placed", {"order": order | {"id": str(number)}})], 200) for number in range(1, 13)]
    late = [([("order.refunded", {"order": order, "refund": {"id": "r", "total": order["total"]}})], 5)]
    return lived([*buys, *late, ([("order.delivered", {"order": order | {"id": "2"}})], 5)], change_at=6)


def test_orders_that_left_the_record_come_back_when_an_event_is_about_them() -> None:
    life = a_long_life()

    rebuilt = rebuild(life.unknown, life.journal, life.policies.version)

    assert rebuilt.facts.totals.refunds == 1
    assert rebuilt.model_dump_json() == life.customer.model_dump_json()


def test_each_entry_is_run_by_the_policy_of_its_time() -> None:
    life = a_long_life()

    asked: list[int] = []

    def version(number: int) -> Policy:
        asked.append(number)
        return life.policies.version(number)

    rebuild(life.unknown, life.journal, version)

    assert asked == [entry.policy for entry in sorted(life.journal, key=lambda entry: entry.version)]
    assert set(asked) == {1, 2}


def test_another_policy_for_the_same_past_gives_another_record() -> None:
    life = a_long_life()

    otherwise = rebuild(life.unknown, life.journal, lambda version: life.policies.version(1))

    assert otherwise.model_dump_json() != life.customer.model_dump_json()


def test_nothing_happened_to_whom_nothing_happened() -> None:
    life = Life()

    assert rebuild(life.unknown, [], life.policies.version) == life.unknown


@pytest.mark.parametrize("days", [0, 10])
def test_looking_changes_nothing(days: int) -> None:
    life = a_long_life()
    before = life.customer.model_dump_json()

    Judgement(life.customer, life.policies.active(), life.clock.now() + timedelta(days=days)).script(
        life.customer.stage
    )

    assert life.customer.model_dump_json() == before
