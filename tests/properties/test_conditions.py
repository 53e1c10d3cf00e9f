"""Conditions: what is accepted answers yes or no for everybody, as CEL says, in no time; all else is refused."""

from collections.abc import Mapping
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.domain.conditions import EVENT_FIELDS, FACT_FIELDS, TIMED_FIELDS, Condition, Context, Scalar
from perennial.domain.policy import LONGEST_CONDITION
from perennial.policy_document import PolicyRefused, policy_yaml, read_policy
from tests.builders import a_play, what_policies_may_name, with_plays
from tests.properties.expressions import Expression, answer, conditions, floats, numbers, values_for, words
from tests.properties.strategies import examples

CUSTOMER: Mapping[str, Scalar] = {**FACT_FIELDS, **TIMED_FIELDS}
KNOWN: Mapping[str, Scalar] = {
    **{f"customer.{name}": value for name, value in CUSTOMER.items()},
    **{f"event.{name}": value for name, value in EVENT_FIELDS.items()},
}
FAST = 0.2
"""Seconds for reading a condition and asking it once; some 20 µs are usual, and tests run on busy machines."""


def context(condition: Condition, values: Mapping[str, Scalar]) -> Context:
    """As plays give it: only what the condition names."""
    return Context(
        {name: values[f"customer.{name}"] for name in condition.customer_fields},
        {name: values[f"event.{name}"] for name in condition.event_fields},
    )


def accepted(source: str) -> Condition | None:
    try:
        return Condition(source, CUSTOMER, EVENT_FIELDS)
    except ValueError:
        return None


Values = dict[str, Scalar]
people = conditions(KNOWN).flatmap(
    lambda drawn: st.tuples(st.just(drawn), st.lists(values_for(drawn.text, KNOWN), min_size=3, max_size=3))
)


@examples(300)
@given(people)
def test_a_condition_means_what_cel_says_it_means(asked: tuple[Expression, list[Values]]) -> None:
    drawn, people = asked

    condition = accepted(drawn.text)

    assert (condition is None) == (answer(drawn, KNOWN) is None)
    if condition:
        told = [condition.holds(context(condition, values)) for values in people]
        assert told == [answer(drawn, values) is True for values in people]


@examples(60)
@given(numbers(KNOWN) | floats(KNOWN) | words(KNOWN))
def test_what_is_a_number_or_a_text_is_no_condition(drawn: Expression) -> None:
    assert accepted(drawn.text) is None


together = st.lists(conditions(KNOWN), min_size=2, max_size=4).flatmap(
    lambda drawn: st.tuples(st.just(drawn), values_for(" ".join(each.text for each in drawn), KNOWN))
)


@examples(80)
@given(together)
def test_asking_changes_nothing_and_conditions_of_one_decision_do_not_meet(
    asked: tuple[list[Expression], Values],
) -> None:
    every = [condition for each in asked[0] if (condition := accepted(each.text))]
    everything = Context(
        {name: asked[1][f"customer.{name}"] for condition in every for name in condition.customer_fields},
        {name: asked[1][f"event.{name}"] for condition in every for name in condition.event_fields},
    )
    before = dict(everything.variables)

    alone = [condition.holds(context(condition, asked[1])) for condition in every]

    assert [condition.holds(everything) for condition in every] == alone
    assert [condition.holds(everything) for condition in reversed(every)] == alone[::-1]
    assert everything.variables == before


# Anything at all

WORDS = (
    *KNOWN, "customer", "event", "event.", "x", "true", "null", "0", "1", "-9223372036854775808", "9e999", "1u", '"ES"',
    'r"\\"', "b'x'", "[", "]", "{", "}", "(", ")", ",", ":", "?", ".", "==", "!=", "<", "&&", "||", "!", "-", "+", "*",
    "/", "%", "in", "has(", "size(", "int(", "double(", "string(", ".startsWith(", ".matches(", ".all(", ".map(x,",
    "timestamp(", "duration(", "type(", "dyn(", "//", "\n", "\\", "\0", "中", "'\\ud800'", '"""', "''",
)  # fmt: skip
soup = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40)
spoilt = st.tuples(soup, conditions(KNOWN), soup).map(lambda drawn: f"{drawn[0]} {drawn[1].text} {drawn[2]}")


@examples(400)
@given((soup | spoilt).flatmap(lambda text: st.tuples(st.just(text), values_for(text, KNOWN))))
def test_whatever_is_written_is_refused_or_answers(asked: tuple[str, Values]) -> None:
    condition = accepted(asked[0])

    if condition:
        assert condition.holds(context(condition, asked[1])) in (True, False)


def test_what_the_example_did_not_come_to_call_must_be_known_all_the_same() -> None:
    with pytest.raises(ValueError, match="calls knows; known are contains, double"):
        Condition("customer.orders == 0 || customer.orders.knows(1)", CUSTOMER, EVENT_FIELDS)


# Huge and deep

DIGITS = "[1,2,3,4,5,6,7,8,9]"
TOWERS: Mapping[str, str] = {
    "brackets": "(" * 490 + "true" + ")" * 490,
    "lists": "[" * 490 + "]" * 490 + " == []",
    "maps": "{1:" * 200 + "1" + "}" * 200 + " == {}",
    "not": "!" * 990 + "true",
    "minus": "-" * 900 + "1 == 1",
    "sum": "1" + "+1" * 490 + " > 0",
    "or": "true" + "||true" * 160,
    "choices": "true?" * 150 + "true" + ":true" * 30,
    "calls": "size(" * 150 + "'a'" + ")" * 150 + " == 1",
    "fields": "customer.orders" + ".a" * 490 + " == 1",
    "nested loops": "".join(f"{DIGITS}.all({x}, " for x in "abcdef") + "true" + ")" * 6,
    "loops by a field's name": f"{DIGITS} . map (customer.orders, " * 3 + "1" + ")" * 3 + " == []",
    "a pattern": "||".join([r"customer.country.matches('(\\pL{40}){4}')"] * 20),
}


@pytest.mark.parametrize("tower", TOWERS)
def test_the_deepest_and_longest_is_refused_or_answered_at_once(tower: str) -> None:
    assert len(TOWERS[tower]) <= LONGEST_CONDITION
    begin = process_time()

    if condition := accepted(TOWERS[tower]):
        condition.holds(context(condition, KNOWN))

    assert process_time() - begin < FAST


@pytest.mark.parametrize("tower", ["nested loops", "loops by a field's name", "a pattern"])
def test_what_loops_or_compiles_is_refused(tower: str) -> None:
    assert accepted(TOWERS[tower]) is None


@pytest.mark.parametrize("wrong", ["true" + " || true" * 150, "customer.orders == [1].map(x, x)[0]", "customer.a == 1"])
def test_a_policy_with_a_condition_that_is_too_long_or_not_known_is_refused_with_its_place(wrong: str) -> None:
    written = policy_yaml(with_plays(a_play(**{"if": "event.total > 1.0"}))).replace("event.total > 1.0", repr(wrong))

    with pytest.raises(PolicyRefused) as refused:
        read_policy(written, 1, what_policies_may_name())

    assert [mistake.path for mistake in refused.value.mistakes] == ["plays.0.if"]
