"""Promises 7 and 8: the journal of any life gives its record again, and every number of it adds up and has a reason."""

from datetime import timedelta

from hypothesis import given

from perennial.domain.explanation import explain
from perennial.domain.history import rebuild, replay
from perennial.domain.values import to_utc
from tests.builders import HOUR
from tests.engine_lives import ANA, LIVES, Life
from tests.properties.strategies import examples


@examples(25)
@given(LIVES)
def test_the_journal_gives_the_record_to_the_last_byte(life: Life) -> None:
    rebuilt = rebuild(life.unknown, life.journal, life.policies.version)

    assert rebuilt.model_dump_json() == life.customer.model_dump_json()


@examples(25)
@given(LIVES)
def test_running_the_past_again_decides_the_same(life: Life) -> None:
    journal = sorted(life.journal, key=lambda entry: entry.version)

    again = [decision.entry for decision in replay(life.unknown, life.journal, life.policies.version)]

    assert [entry.model_dump_json() for entry in again] == [entry.model_dump_json() for entry in journal]


@examples(25)
@given(LIVES)
def test_parts_add_up_to_the_score_exactly(life: Life) -> None:
    for days in (0, 1, 40, 400):
        told = explain(life.customer, life.policies.active(), life.clock.now() + timedelta(days=days))

        assert sum(part.hundredths for part in told.parts) == (told.hundredths or 0)
        assert told.score == (None if told.hundredths is None else told.hundredths / 100)
        assert {part.name for part in told.parts} | {part.name for part in told.left_out} == set(
            type(life.policies.active().score.parts).model_fields
        )


@examples(25)
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


@examples(25)
@given(LIVES)
def test_what_time_will_do_next_has_a_reason(life: Life) -> None:
    life.live([], after=HOUR)  # what was due already when it was told is looked at
    told = explain(life.customer, life.policies.active(), life.clock.now())

    assert told.customer == ANA
    if told.due:
        assert told.due.because
        assert told.due.at >= to_utc(life.clock.now())
