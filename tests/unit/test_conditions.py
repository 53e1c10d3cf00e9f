"""Conditions: each answers by its own fields alone, and remembers its answers without mistaking one for another."""

from typing import Any

import pytest

from perennial.domain import conditions
from perennial.domain.conditions import EVENT_FIELDS, FACT_FIELDS, REMEMBERED, Condition, Context


def condition(source: str) -> Condition:
    return Condition(source, FACT_FIELDS, EVENT_FIELDS)


def customer(**fields: Any) -> Context:
    return Context(fields, {})


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """The contexts that CEL was handed."""
    seen: list[Context] = []
    evaluate = Condition._evaluated

    def evaluated(self: Condition, context: Context) -> bool:
        seen.append(context)
        return evaluate(self, context)

    monkeypatch.setattr(conditions.Condition, "_evaluated", evaluated)
    return seen


def test_what_was_answered_once_is_not_evaluated_again(evaluations: list[Context]):
    returning = condition("customer.orders > 1")

    answers = [returning.holds(customer(orders=orders)) for orders in (1, 2, 1, 2, 2)]

    assert answers == [False, True, False, True, True]
    assert len(evaluations) == 2


def test_a_condition_without_fields_is_evaluated_once(evaluations: list[Context]):
    always = condition("true")

    assert [always.holds(customer(orders=orders)) for orders in range(3)] == [True] * 3
    assert len(evaluations) == 1


def test_an_answer_is_remembered_by_the_condition_s_own_fields_whatever_else_is_known(evaluations: list[Context]):
    spanish = condition('customer.country == "ES"')

    answers = [spanish.holds(customer(locale=locale, country="ES", orders=3)) for locale in ("es", "ES", "fr")]

    assert answers == [True] * 3
    assert len(evaluations) == 1


def test_the_same_value_in_another_field_is_another_question():
    abroad = condition('customer.country == "ES" && customer.locale != "ES"')

    assert abroad.holds(customer(country="ES", locale="FR"))
    assert not abroad.holds(customer(country="FR", locale="ES"))


def test_a_field_of_the_event_is_not_the_customer_s_of_the_same_name():
    sent_home = condition("event.country == customer.country")

    assert sent_home.holds(Context({"country": "ES"}, {"country": "ES"}))
    assert not sent_home.holds(Context({"country": "ES"}, {"country": "FR"}))


def test_conditions_do_not_share_their_answers():
    few, many = condition("customer.orders < 3"), condition("customer.orders > 3")

    assert (few.holds(customer(orders=2)), many.holds(customer(orders=2))) == (True, False)


def test_no_more_is_remembered_than_fits_and_the_answers_stay_right():
    rich = condition("customer.value > 1000.0")

    answers = [rich.holds(customer(value=float(value))) for value in range(2 * REMEMBERED + 7)]

    assert answers == [value > 1000 for value in range(2 * REMEMBERED + 7)]
    assert len(rich._known) <= REMEMBERED
