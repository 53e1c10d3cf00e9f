"""Promises 1 and 7: one pure decision, which explains itself."""

import pytest
from hypothesis import given, settings

from perennial.domain.customer import Customer, Label, Stage
from perennial.domain.decide import decide
from perennial.domain.events import Event, impersonal
from perennial.domain.journal import Entry, entry_key
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SAME_EVERY_TIME,
    Life,
    a_customer,
    a_ticket_event,
    an_event,
    placed,
    the_policy,
    the_time,
)
from tests.lives import a_life


def as_stored(customer: Customer) -> str:
    return customer.model_dump_json(exclude_defaults=True)


@settings(SAME_EVERY_TIME, max_examples=25)
@given(a_life)
def test_the_same_input_gives_the_same_decision(life: list[Event]):
    one, other = Life(), Life()

    for event in life:
        assert one.hears(event) == other.hears(event)


@settings(SAME_EVERY_TIME, max_examples=25)
@given(a_life)
def test_a_record_and_an_entry_are_read_as_they_were_written(life: list[Event]):
    customer = a_customer()
    for event in life:
        decision = decide(customer, event, the_policy(), event.time)
        customer = Customer.model_validate_json(as_stored(decision.customer))

        assert as_stored(customer) == as_stored(decision.customer)
        entry = decision.entry.model_dump_json(exclude_defaults=True)
        assert Entry.model_validate_json(entry).model_dump_json(exclude_defaults=True) == entry


@settings(SAME_EVERY_TIME, max_examples=25)
@given(a_life)
def test_each_entry_tells_before_and_after_and_its_parts_add_up(life: list[Event]):
    customer = Life()
    for version, event in enumerate(life, 1):
        before = customer.customer
        entry = customer.hears(event).entry

        assert (entry.version, entry.policy, entry.decided_at) == (version, 1, event.time)
        assert (entry.before.stage, entry.before.score) == (before.stage, before.score)
        assert sum(part.points for part in entry.parts) == (entry.after.score or 0)
        assert the_policy().labels[entry.label_rule].label is entry.after.label
        assert the_policy().stages[entry.stage_rule].stage is entry.after.stage


def test_a_decision_leaves_its_input_as_it_was():
    customer = Life()
    customer.hears(placed())
    before = as_stored(customer.customer)

    decide(customer.customer, a_ticket_event("opened", NOON + HOUR), the_policy(), NOON + HOUR)

    assert as_stored(customer.customer) == before


def test_since_when_is_kept_until_it_changes():
    life = Life()
    life.hears(placed(NOON))
    life.hears(an_event("product.used", NOON + HOUR))

    assert (life.customer.stage, life.customer.stage_since) == (Stage.ONBOARDING, NOON)

    life.hears(an_event("product.activated", NOON + DAY))

    assert (life.customer.stage, life.customer.stage_since) == (Stage.RETENTION, NOON + DAY)
    assert (life.customer.label, life.customer.label_since) == (Label.NEW, NOON)


def test_time_alone_changes_a_record_and_says_so():
    life = Life()
    life.hears(placed(NOON))
    due = life.customer.due_at
    assert due is not None

    entry = life.hears(the_time(due)).entry

    assert entry.before != entry.after


def test_a_timer_before_its_time_changes_nothing_but_the_version():
    life = Life()
    life.hears(placed(NOON))
    before = life.customer

    life.hears(the_time(NOON), now=NOON)

    assert life.customer == before.model_copy(update={"version": 2})


def test_no_decision_keeps_what_names_the_person():
    life = Life()
    person = {"email": "mia@example.com", "phone": "+34612345678", "name": "Mia Kern", "birthday": "1990-05-17"}

    decision = life.hears(an_event("ticket.opened", customer=person, ticket={"id": "t", "text": "my secret"}))

    kept = as_stored(decision.customer) + decision.entry.model_dump_json()
    assert not [word for word in ("mia@", "612345678", "Mia", "1990", "secret") if word in kept]


@pytest.mark.parametrize("field", ["store", "source", "id", "time"])
def test_the_same_event_has_the_same_key_and_another_another(field: str):
    event = placed(NOON)
    other = event.model_copy(update={field: NOON + MINUTE if field == "time" else "other"})

    assert entry_key(event) == entry_key(impersonal(event))
    assert entry_key(event) != entry_key(other)


def test_entries_sort_as_their_times_do():
    times = [NOON + delta for delta in (-900 * DAY, -HOUR, 0 * DAY, MINUTE, 900 * DAY)]
    keys = [entry_key(placed(time)) for time in times]

    assert sorted(keys) == keys
