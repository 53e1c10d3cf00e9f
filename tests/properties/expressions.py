"""Conditions drawn together with what they mean: the text in CEL, and the same as a function in Python.

Every expression that is drawn has a type; what it says of values at hand is worked out by CEL's specification: whole
numbers of 64 bits, division towards zero, `&&` and `||` that need not know both sides. The library goes its own way in
one thing: what is not a number is less than nothing and more than nothing, and asking has no answer.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from perennial.domain.conditions import Scalar

Values = Mapping[str, Scalar]
"""Of fields, by the name that a condition gives them: "customer.orders"."""
Meaning = Callable[[Values], Any]
MOST = 2**63


class Unanswered(Exception):
    """CEL has no answer for these values: nothing was divided by, or a number does not fit."""


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(one: Any, other: Any) -> bool:
        if one != one or other != other:  # what is no number differs from itself
            raise Unanswered
        return compare(one, other)

    return compared


class Expression(NamedTuple):
    text: str
    meaning: Meaning


Drawn = st.SearchStrategy[Expression]
SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": ordered(operator.lt),
    "<=": ordered(operator.le),
    ">": ordered(operator.gt),
    ">=": ordered(operator.ge),
}
CALLS: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
}


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


texts = st.text("abES ñ中\"'\\.", max_size=4) | st.sampled_from(("ES", "customer.orders", "event.total == 1", "@&&||"))
whole_numbers = st.integers(0, 9) | st.sampled_from((100, 1_000_000, MOST - 1))
decimals = st.integers(0, 1_000).map(lambda cents: cents / 100) | st.sampled_from((1e-05, 1e300))


def constant(text: str, value: Scalar) -> Expression:
    return Expression(text, lambda values: value)


def field(name: str) -> Expression:
    return Expression(name, lambda values: values[name])


def both(sign: str, one: Expression, other: Expression, does: Callable[[Any, Any], Any]) -> Expression:
    return Expression(f"({one.text} {sign} {other.text})", lambda v: does(one.meaning(v), other.meaning(v)))


def fields(known: Values, kind: type) -> Drawn:
    return st.sampled_from([field(name) for name, example in known.items() if type(example) is kind])


# Numbers and texts


def fitting(number: int) -> int:
    if not -MOST <= number < MOST:
        raise Unanswered
    return number


def divided(one: int, other: int) -> int:
    if other == 0:
        raise Unanswered
    return fitting(abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1))


def remainder(one: int, other: int) -> int:
    return one - divided(one, other) * other


def parted(one: float, other: float) -> float:
    if other:
        return one / other
    return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)


WHOLE: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda one, other: fitting(one + other),
    "-": lambda one, other: fitting(one - other),
    "*": lambda one, other: fitting(one * other),
    "/": divided,
    "%": remainder,
}
DECIMAL: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": parted,
}


def arithmetic(leaves: Drawn, signs: Mapping[str, Callable[[Any, Any], Any]]) -> Drawn:
    def calculated(sign: str, one: Expression, other: Expression) -> Expression:
        return both(sign, one, other, signs[sign])

    return st.recursive(
        leaves, lambda inner: st.builds(calculated, st.sampled_from([*signs]), inner, inner), max_leaves=4
    )


def numbers(known: Values) -> Drawn:
    return arithmetic(fields(known, int) | whole_numbers.map(lambda n: constant(str(n), n)), WHOLE)


def floats(known: Values) -> Drawn:
    return arithmetic(fields(known, float) | decimals.map(lambda n: constant(repr(n), n)), DECIMAL)


def words(known: Values) -> Drawn:
    return fields(known, str) | texts.map(lambda text: constant(quoted(text), text))


# Yes and no


def compared(known: Values) -> Drawn:
    """Two of one type, or a whole number with a decimal one."""
    pairs = st.one_of(
        *(st.tuples(each, each) for each in (numbers(known), floats(known), words(known))),
        st.tuples(fields(known, int), decimals.map(lambda n: constant(repr(n), n))),
    )
    return st.builds(lambda sign, pair: both(sign, pair[0], pair[1], SIGNS[sign]), st.sampled_from([*SIGNS]), pairs)


def called(known: Values) -> Drawn:
    def call(name: str, of: Expression, argument: Expression) -> Expression:
        text = f"{of.text}.{name}({argument.text})"
        return Expression(text, lambda v: CALLS[name](of.meaning(v), argument.meaning(v)))

    return st.builds(call, st.sampled_from([*CALLS]), words(known), words(known))


def listed(known: Values) -> Drawn:
    def among(of: Expression, listed: list[str]) -> Expression:
        text = f"({of.text} in [{', '.join(map(quoted, listed))}])"
        return Expression(text, lambda v: of.meaning(v) in listed)

    return st.builds(among, words(known), st.lists(texts, max_size=3))


def denied(of: Expression) -> Expression:
    return Expression(f"!{of.text}", lambda v: not of.meaning(v))


def chosen(condition: Expression, one: Expression, other: Expression) -> Expression:
    text = f"({condition.text} ? {one.text} : {other.text})"
    return Expression(text, lambda v: (one if condition.meaning(v) else other).meaning(v))


def joined(sign: str, one: Expression, other: Expression) -> Expression:
    """One side is enough where it decides alone, whichever side it is."""
    decides = sign == "||"

    def meaning(values: Values) -> bool:
        answers = [answer(each, values) for each in (one, other)]
        if decides in answers:
            return decides
        if None in answers:
            raise Unanswered
        return not decides

    return Expression(f"({one.text} {sign} {other.text})", meaning)


def answer(condition: Expression, values: Values) -> bool | None:
    """None where there is none."""
    try:
        return bool(condition.meaning(values))
    except Unanswered:
        return None


def conditions(known: Values) -> Drawn:
    """Of any shape, over these fields."""
    leaves = st.one_of(
        fields(known, bool), compared(known), compared(known), called(known), listed(known),
        st.booleans().map(lambda value: constant(str(value).lower(), value)),
    )  # fmt: skip

    def of(inner: Drawn) -> Drawn:
        return st.one_of(
            inner.map(denied),
            st.builds(joined, st.sampled_from(("&&", "||")), inner, inner),
            st.builds(chosen, inner, inner, inner),
        )

    return st.recursive(leaves, of, max_leaves=6)


def values_for(text: str, known: Values) -> st.SearchStrategy[dict[str, Scalar]]:
    """Any customer and any event, as far as this text can see them."""
    kinds: Mapping[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: whole_numbers,
        float: decimals,
        str: texts,
    }
    return st.fixed_dictionaries({name: kinds[type(value)] for name, value in known.items() if name in text})
