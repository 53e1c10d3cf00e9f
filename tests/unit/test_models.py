"""Items of our own: read as they were written, and made without being looked at again where they are valid already."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from perennial.domain.customer import Consent, Customer, Facts, Known, Send, Wait
from perennial.domain.events import Event
from perennial.domain.journal import Entry
from perennial.domain.signals import Decayed
from perennial.domain.values import Instant, Model, Money, Utc
from tests.builders import NOON, SAME_EVERY_TIME, Life
from tests.lives import a_life

instant, utc = TypeAdapter(Instant), TypeAdapter(Utc)


def test_an_instant_of_our_own_comes_back_in_the_utc_that_it_was_written_in():
    """In another object's UTC it would be equal, and every comparison ten times as slow."""
    kept = instant.validate_json(instant.dump_json(utc.validate_json('"2026-06-15T14:00:00.123456+02:00"')))

    assert kept == datetime(2026, 6, 15, 12, 0, 0, 123_000, UTC)
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("text", ['"yesterday"', '""', "null", "7", "[]"])
def test_what_is_no_instant_is_refused_in_an_item_of_our_own_too(text: str):
    with pytest.raises(ValidationError):
        instant.validate_json(text)


def test_an_instant_that_somebody_asks_for_needs_its_zone():
    assert instant.validate_python("2026-06-15T14:00:00+02:00") == NOON
    with pytest.raises(ValidationError):
        instant.validate_python("2026-06-15T14:00:00")


@pytest.mark.parametrize("value", ["1", "", "true", True, False, 0, 1, -7, 2**70, 0.0, 1.0, 30.0, 0.1])
def test_what_a_wait_keeps_of_its_event_keeps_its_type(value: str | bool | int | float):
    wait = Wait(play="p", about="a", since=NOON, due=NOON, event={"field": value})

    read = Wait.model_validate_json(wait.model_dump_json()).event["field"]

    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("value", [None, ["a"], {"a": "b"}])
def test_what_a_wait_keeps_of_its_event_is_plain(value: Any):
    with pytest.raises(ValidationError):
        Wait(play="p", about="a", since=NOON, due=NOON, event={"field": value})


AT = "2026-06-15T12:00:00Z"


@pytest.mark.parametrize(
    ("field", "kind", "rows"),
    [
        ("signals", Decayed, {"view": [3, -1, 720], "use": [2**300 + 1, -400, 720]}),
        ("consent", Consent, {"marketing/email": [True, AT]}),
        ("about", Known, {"locale": ["es", AT]}),
        ("suppressed", Known, {"sms": ["bounced", AT]}),
        ("sends", Send, [["email", "marketing", AT]]),
    ],
)
def test_a_row_is_written_as_an_array_and_read_as_what_it_was(field: str, kind: type, rows: Any):
    written = to_json({field: rows})
    facts = Facts.model_validate_json(written)

    read = getattr(facts, field)
    assert {type(row) for row in (read.values() if isinstance(rows, dict) else read)} == {kind}
    assert facts == Facts.model_validate({field: rows})
    assert facts.model_dump_json(exclude_defaults=True).encode() == written


@pytest.mark.parametrize("row", [[], [3, -1], [3, -1, 720, 1], ["3.5", -1, 720], [3, None, 720], {}, None])
def test_what_is_no_row_is_refused(row: Any):
    with pytest.raises(ValidationError):
        Facts.model_validate_json(to_json({"signals": {"view": row}}))


def test_what_is_made_is_what_would_have_been_read():
    made = Money.made_of(amount=Money(amount="1.50", currency="EUR").amount, currency="EUR")
    read = Money.model_validate_json('{"amount":"1.50","currency":"EUR"}')

    assert made == read
    assert made.model_dump_json(exclude_unset=True) == read.model_dump_json(exclude_unset=True)
    assert repr(made) == repr(read)


def test_a_copy_with_other_values_leaves_the_original_and_all_others_alone():
    one, other = (Money.made_of(amount=1, currency="EUR") for _ in range(2))

    copied = one.but({"currency": "USD"})
    one.model_copy(update={"note": "of pydantic's own kind"})

    assert (one.currency, copied.currency, other.currency) == ("EUR", "USD", "EUR")
    assert one.model_fields_set == copied.model_fields_set == other.model_fields_set == {"amount", "currency"}


def test_a_stranger_s_record_is_not_shared_with_the_next_stranger():
    one, other = (Life() for _ in range(2))

    one.lives_until(NOON)

    assert one.customer.facts == other.customer.facts == Customer(id="c2", store="demo").facts


@settings(SAME_EVERY_TIME, max_examples=25)
@given(a_life)
def test_all_that_is_made_without_being_looked_at_would_pass(life: list[Event]):
    customer = Life()
    for event in life:
        decision = customer.hears(event)

        made: list[Model] = [decision.customer, decision.entry, *decision.actions, *decision.tasks, *decision.settled]
        for each in made:
            assert type(each).model_validate_json(each.model_dump_json()) == each
            assert each.__dict__.keys() == each.model_fields_set == set(type(each).model_fields)
        assert isinstance(decision.entry, Entry)
