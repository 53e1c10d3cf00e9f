"""The past can be run again: the journal alone gives the record, the entries and the explanations of its time."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from perennial.domain.explanation import explain
from perennial.domain.history import rebuild, replay
from perennial.domain.judgement import Judgement
from perennial.domain.policy import Policy
from tests.engine_lives import ANA, LIVES, Life, lived

FEW = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
HOUR = timedelta(hours=1)


def a_long_life() -> Life:
    """Twelve orders, so that the oldest left the record; one of them comes back into it, and a policy changes."""
    order = {"id": "1", "total": {"amount": "20.50", "currency": "EUR"}}
    buys = [([("order.placed", {"order": order | {"id": str(number)}})], 200) for number in range(1, 13)]
    late = [([("order.refunded", {"order": order, "refund": {"id": "r", "total": order["total"]}})], 5)]
    return lived([*buys, *late, ([("order.delivered", {"order": order | {"id": "2"}})], 5)], change_at=6)


@FEW
@given(LIVES)
def test_the_journal_gives_the_record_to_the_last_byte(life: Life) -> None:
    rebuilt = rebuild(life.unknown, life.journal, life.policies.version)

    assert rebuilt.model_dump_json() == life.customer.model_dump_json()


@FEW
@given(LIVES)
def test_running_the_past_again_decides_the_same(life: Life) -> None:
    journal = sorted(life.journal, key=lambda entry: entry.version)

    again = [decision.entry for decision in replay(life.unknown, life.journal, life.policies.version)]

    assert [entry.model_dump_json() for entry in again] == [entry.model_dump_json() for entry in journal]


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


@FEW
@given(LIVES)
def test_parts_add_up_to_the_score_exactly(life: Life) -> None:
    for days in (0, 1, 40, 400):
        told = explain(life.customer, life.policies.active(), life.clock.now() + timedelta(days=days))

        assert sum(part.hundredths for part in told.parts) == (told.hundredths or 0)
        assert told.score == (None if told.hundredths is None else told.hundredths / 100)
        assert {part.name for part in told.parts} | {part.name for part in told.left_out} == set(
            type(life.policies.active().score.parts).model_fields
        )


@FEW
@given(LIVES)
def test_what_was_decided_then_is_what_is_explained_now(life: Life) -> None:
    journal = sorted(life.journal, key=lambda entry: entry.version)

    for entry, decision in zip(journal, replay(life.unknown, journal, life.policies.version), strict=True):
        told = explain(decision.customer, life.policies.version(entry.policy), entry.decided_at)

        assert [(part.name, part.value, part.share, part.hundredths) for part in told.parts] == list(entry.parts)
        assert (told.stage.name, told.label.name, told.hundredths) == (
            entry.after.stage,
            entry.after.label,
            entry.after.score,
        )
        assert (told.stage.rule, told.label.rule) == (entry.stage_rule + 1, entry.label_rule + 1)
        assert (told.due and told.due.at) == entry.due_at


@FEW
@given(LIVES)
def test_what_time_will_do_next_has_a_reason(life: Life) -> None:
    told = explain(life.customer, life.policies.active(), life.clock.now())

    assert told.customer == ANA
    if told.due:
        assert told.due.because
        assert told.due.at > life.clock.now() - HOUR


@pytest.mark.parametrize("days", [0, 10])
def test_looking_changes_nothing(days: int) -> None:
    life = a_long_life()
    before = life.customer.model_dump_json()

    Judgement(life.customer, life.policies.active(), life.clock.now() + timedelta(days=days)).script(
        life.customer.stage
    )

    assert life.customer.model_dump_json() == before
