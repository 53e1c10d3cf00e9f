"""Conditions in CEL, compiled once, over the fields that a policy may name.

Only the fields that an expression names are handed to CEL: converting a value costs more than evaluating with it.
"""

import re
import sys
from collections.abc import Mapping
from functools import cached_property
from types import ModuleType
from typing import Any

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))  # the library's command line: 145 ms of imports we never call
import cel  # noqa: E402

_TEXT = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
_WORD = re.compile(rf"{_TEXT}|\b(?P<owner>customer|event)\s*\.\s*(?P<name>[A-Za-z_]\w*)")
"""A text, to be left alone, or a field."""

FUNCTIONS = frozenset({"contains", "startsWith", "endsWith", "size", "int", "double", "string"})
"""What a condition may call. Not `matches`, which takes up to a tenth of a second, each time anew, for its pattern."""
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|existsOne|map|filter)\s*\(")
"""These loop over lists, of which no field is one; some of them within each other would not end today."""

Scalar = bool | int | float | str

REMEMBERED = 256
"""Answers that each condition keeps. Most look at a state or a small number; to look up takes a tenth of CEL's time.
Each field is of one type, so that what is equal is the same."""

_UNANSWERED = (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError)
"""What the library raises when an expression has no answer for the values at hand."""

FACT_FIELDS: Mapping[str, Scalar] = {
    "orders": 0,
    "value": 0.0,
    "refunds": 0,
    "returns": 0,
    "open_orders": 0,
    "tickets": 0,
    "open_tickets": 0,
    "carts": 0,
    "views": 0,
    "uses": 0,
    "activated": False,
    "signed_up": False,
    "country": "",
    "locale": "",
    "consent_email": False,
    "consent_sms": False,
}
"""Fields of `customer` that only events change, each with a value of its type. Stage and label rules may use these."""

TIMED_FIELDS: Mapping[str, Scalar] = {
    "stage": "",
    "label": "",
    "band": "",
    "score": 0.0,
    "days_since_order": 0.0,
    "days_since_contact": 0.0,
    "tenure_days": 0.0,
    "points": 0,
}
"""Fields of `customer` that time changes too. A play may use them: it looks once, when it fires."""

EVENT_FIELDS: Mapping[str, Scalar] = {
    "total": 0.0,
    "currency": "",
    "country": "",
    "first": False,
    "order": "",
    "tracking": "",
    "carrier": "",
    "state": "",
    "days_late": 0.0,
    "ticket": "",
    "channel": "",
    "intent": "",
    "by": "",
    "cart": "",
    "product": "",
    "survey": "",
    "score": 0.0,
    "rating": 0.0,
    "granted": False,
    "purpose": "",
    "unconfirmed": False,
    "keyword": "",
    "points": 0,
}
"""Fields of `event`; one that an event does not have is its type's nothing ("" or 0)."""


class Condition:
    """One CEL expression that answers yes or no.

    CEL takes a map field by field, at a microsecond each; so `customer.orders` is compiled as a variable of its own.
    """

    def __init__(self, source: str, customer_fields: Mapping[str, Scalar], event_fields: Mapping[str, Scalar]) -> None:
        """Raises ValueError: not CEL, an unknown name, or not an answer of yes or no."""
        self.source = source
        self.customer_fields = _named(source, "customer", customer_fields)
        self.event_fields = _named(source, "event", event_fields)
        example = Context(
            {name: customer_fields[name] for name in self.customer_fields},
            {name: event_fields[name] for name in self.event_fields},
        )
        try:
            self._program = cel.compile(_WORD.sub(_flattened, source))
        except ValueError as error:
            raise ValueError(f"is not a CEL expression: {_first_line(error)}") from None
        if unknown := _called(source, self._program) - FUNCTIONS:
            raise ValueError(f"calls {', '.join(sorted(unknown))}; known are {', '.join(sorted(FUNCTIONS))}")
        if unknown := set(self._program.variables()) - example.variables.keys():
            raise ValueError(f"names {', '.join(sorted(unknown))}; known are fields like customer.orders, event.total")
        self._try(example)
        self._variables = tuple(example.variables)
        self._known: dict[tuple[Scalar, ...], bool] = {}

    def holds(self, context: "Context") -> bool:
        """What cannot be answered for this customer (a division by none, an overflow) does not hold."""
        known, values = self._known, tuple([context.variables[name] for name in self._variables])
        if (answer := known.get(values)) is None:
            if len(known) >= REMEMBERED:
                known.clear()
            answer = known[values] = self._evaluated(context)
        return answer

    def _evaluated(self, context: "Context") -> bool:
        try:
            return self._program.execute(context.prepared) is True
        except _UNANSWERED:
            return False

    def _try(self, example: "Context") -> None:
        try:
            answer = self._program.execute(example.prepared)
        except _UNANSWERED as error:
            raise ValueError(f"cannot be evaluated: {_first_line(error)}") from None
        if not isinstance(answer, bool):
            raise ValueError(f"answers {answer!r}, not yes or no")


class Context:
    """What one decision knows, converted for CEL once and used by every condition of that decision."""

    def __init__(self, customer: Mapping[str, Scalar], event: Mapping[str, Scalar]) -> None:
        self.variables = {f"customer_{name}": value for name, value in customer.items()}
        for name, value in event.items():
            self.variables[f"event_{name}"] = value

    @cached_property
    def prepared(self) -> Any:
        return cel.Context(variables=self.variables)


def _flattened(word: "re.Match[str]") -> str:
    owner, name = word["owner"], word["name"]
    return f"{owner}_{name}" if owner else word[0]


def _named(source: str, owner: str, known: Mapping[str, Scalar]) -> frozenset[str]:
    names = {word["name"] for word in _WORD.finditer(source) if word["owner"] == owner}
    if unknown := names - known.keys():
        raise ValueError(f"names {owner}.{', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    return frozenset(names)


def _called(source: str, program: Any) -> set[str]:
    """The names of functions and macros; operators have none. Also what no value of the example would have called."""
    return {*_MACRO.findall(source), *filter(str.isidentifier, program.functions())}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
