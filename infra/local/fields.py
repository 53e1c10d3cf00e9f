"""Writes docs/fields.md, the dictionary of all fields, from the models and the samples: python -m infra.local.fields

Meanings are the docstrings under the fields, types their annotations; who tells a field is found out by running every
sample of events/ through its vendor's translator and folding what comes out. So nothing in it is said twice, and a
field that nobody explained is an error.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import EnumType
from functools import cache
from itertools import pairwise
from typing import Any

from infra.local.samples import APART, WRITTEN_FOR, samples
from infra.local.template import ROOT
from perennial.aws.documents import default_policy
from perennial.domain import customer as record
from perennial.domain import events as e
from perennial.domain.customer import Facts
from perennial.domain.fold import fold
from perennial.domain.signals import Decayed
from perennial.domain.values import Model, Money
from perennial.ingest import SOURCES, read
from perennial.policy_document import shipped_policy
from perennial.sources.open_events import OURS, OURS_OF_POINTS, TOLD_OF_MESSAGES

FILE = ROOT / "docs" / "fields.md"
STORE = "demo"
ITSELF = "Perennial"
OPEN = "open"
THINGS = (
    e.Person, e.OrderFacts, e.Item, e.Redeemed, e.Refund, e.Shipped, e.ShipmentFacts, e.TicketFacts, e.Cart, Money,
)  # fmt: skip
FACTS = (
    Facts, record.Order, record.Terms, record.Parcel, record.Ticket, record.Cart, record.Totals, record.Known,
    record.Consent, record.Send, record.Given, record.Points, Decayed,
)  # fmt: skip
JUDGED = (record.Customer, record.Wait, record.Part)
NOT_TOLD = frozenset({"type", "data"})
"""Fields that hold the shape together: each event's type and data have chapters of their own."""
NOT_FROM_OUTSIDE = frozenset(
    {
        ("Person", "reach"), ("Person", "cleaned"), ("BaseEvent", "customer"), ("BaseEvent", "history"),
        ("Redeemed", "mark"),
    }
)  # fmt: skip

INTRODUCTION = """\
# Fields

Every field of every canonical event, and of the customer record that is folded from them: what it means, what it is,
in which unit, and who tells it. Written by `make fields` from the models and the samples in `events/`; a test keeps it
as it is. Fields in bold are needed. "Told by" names the vendors whose samples tell the field; `open` is the open event
API, by which your own systems may tell it too; `Perennial` is what only we say, or work out. How vendors' topics become
events: [events.md](events.md).

Personal data is in `customer`, and in the texts that say so; the record and the journal hold neither.
"""

WORDS: Mapping[str, tuple[str, str]] = {
    "str": ("text", "—"),
    "bool": ("yes or no", "—"),
    "int": ("whole number", "—"),
    "float": ("number", "—"),
    "date": ("day", "calendar day"),
    "Id": ("id (text)", "—"),
    "Told": ("time", "UTC, milliseconds"),
    "Utc": ("time", "UTC, milliseconds"),
    "Instant": ("time", "UTC, milliseconds"),
    "Amount": ("decimal (as text)", "units of the currency"),
    "PlainDecimal": ("decimal (as text)", "base currency"),
    "Money": ("[Money](#money)", "with its currency"),
    "Currency": ("currency", "ISO 4217"),
    "Country": ("country", "ISO 3166 alpha-2"),
    "Locale": ("language tag", "BCP 47"),
    "TimeZone": ("time zone", "IANA name"),
    "ShortText": ("text (at most 500)", "—"),
    "LongText": ("text (at most 20,000)", "—"),
    "Exact": ("text, number, or yes or no", "—"),
    "CouponMark": ("12 hexadecimal digits", "—"),
}
"""How a type is called, and its unit where it says one."""
UNITS: Mapping[tuple[str, str], str] = {
    ("OrderFacts", "base"): "base currency",
    ("Redeemed", "off"): "the order's currency",
    ("Redeemed", "base"): "base currency",
    ("PointsData", "points"): "points",
    ("PointsGivenData", "points"): "points",
    ("PointsAdjustedData", "points"): "points",
    ("Points", "given"): "points",
    ("Points", "lapsing"): "points",
    ("Points", "taken"): "points",
    ("Refund", "base"): "base currency",
    ("Item", "quantity"): "pieces",
    ("TicketFacts", "sentiment"): "-1 to 1",
    ("ReviewData", "sentiment"): "-1 to 1",
    ("ReviewData", "rating"): "stars",
    ("SurveyData", "score"): "csat 1 to 5, nps 0 to 10, ces 1 to 7",
    ("MergeData", "score"): "percent",
    ("Facts", "counts"): "times",
    ("Totals", "orders"): "orders",
    ("Totals", "purchases"): "orders",
    ("Totals", "refunds"): "refunds",
    ("Totals", "returns"): "orders",
    ("Totals", "tickets"): "tickets",
    ("Totals", "activated"): "orders",
    ("Decayed", "mantissa"): "2^-30",
    ("Decayed", "exponent"): "powers of two",
    ("Decayed", "half_life"): "hours",
    ("Customer", "version"): "writes",
    ("Customer", "score"): "1/100 of a point",
    ("Part", "value"): "0 to 1",
    ("Part", "weight"): "0 to 1",
    ("Part", "points"): "1/100 of a point",
}
"""Of fields whose type does not say it."""
MEANINGS: Mapping[tuple[str, str], str] = {
    ("Money", "amount"): "How much.",
    ("Money", "currency"): "Of what.",
    ("Decayed", "mantissa"): "The sum, as it was worth at the beginning of 2020.",
    ("Decayed", "exponent"): "By which power of two it is multiplied.",
    ("Decayed", "half_life"): "After which it counts for half.",
}
"""Of types whose own module explains them as a whole."""


class Undescribed(Exception):
    """A field has no docstring, or a type that is not in `WORDS`. Write one under it."""


@dataclass
class Told:
    """Who tells which field: (model, field) -> vendors."""

    by: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def note(self, vendor: str, value: Any) -> None:
        """Everything in this value that is said, and is not what it would be unsaid."""
        match value:
            case Model():
                for name, unsaid in _unsaid(type(value)).items():
                    self._note_field(vendor, value, name, unsaid)
            case tuple() if hasattr(value, "_fields"):
                for name in value._fields:
                    self._note_field(vendor, value, name, None)
            case Mapping():
                self._note_each(vendor, value.values())
            case tuple() | frozenset():
                self._note_each(vendor, value)

    def vendors(self, owner: type, name: str) -> frozenset[str]:
        return frozenset(self.by.get((owner.__name__, name), ()))

    def _note_each(self, vendor: str, values: Iterable[Any]) -> None:
        for each in values:
            self.note(vendor, each)

    def _note_field(self, vendor: str, owner: Any, name: str, unsaid: Any) -> None:
        if (value := getattr(owner, name)) != unsaid:
            kind = e.BaseEvent if isinstance(owner, e.BaseEvent) else type(owner)
            self.by.setdefault((kind.__name__, name), set()).add(vendor)
            self.note(vendor, value)


def _unsaid(model: type[Model]) -> dict[str, Any]:
    """Field -> what it is when nobody says it."""
    return {name: info.get_default(call_default_factory=True) for name, info in model.model_fields.items()}


def document() -> str:
    """docs/fields.md as it should be. Raises `Undescribed`."""
    told = _told()
    return "\n".join(
        (
            INTRODUCTION,
            "## Events\n\n### What every event says\n",
            *_table(e.BaseEvent, told),
            *(line for kinds, data in _by_data() for line in _of_event(kinds, data, told)),
            "\n## Things that events tell of",
            *(line for thing in THINGS for line in _chapter(thing, told)),
            "\n## The record: facts",
            *(line for each in FACTS for line in _chapter(each, told, prefix="Record: ")),
            "\n## The record: what is judged from the facts",
            *(line for each in JUDGED for line in _chapter(each, told, prefix="Judged: ")),
            "",
        )
    )


# Who tells what


@cache
def _told() -> Told:
    told = Told()
    for vendor, events in _events_of_samples().items():
        facts, policy = Facts(), shipped_policy(default_policy(), 1)
        for event in events:
            told.note(vendor, event)
            facts = fold(facts, e.impersonal(event), policy).facts
        told.note(vendor, facts)
    return told


def _events_of_samples() -> dict[str, list[e.Event]]:
    found: dict[str, list[e.Event]] = {}
    for sample in (*samples(WRITTEN_FOR), *samples(WRITTEN_FOR, APART)):
        headers = {name.lower(): value for name, value in sample.headers.items()}
        reading = read(SOURCES[sample.source], headers, sample.body, STORE, WRITTEN_FOR)
        found.setdefault(sample.source, []).extend(reading.events)
    return found


def _tellers(owner: type, name: str, told: Told) -> str:
    openly = {OPEN} if _may_be_told_openly(owner, name) else set()
    return ", ".join(sorted(told.vendors(owner, name) | openly)) or ITSELF


def _may_be_told_openly(owner: type, name: str) -> bool:
    if (owner.__name__, name) in NOT_FROM_OUTSIDE:
        return False
    if owner is e.MessageData:
        return name in TOLD_OF_MESSAGES
    if issubclass(owner, e.PointsData) and name in OURS_OF_POINTS:
        return False
    return owner in _open_models()


@cache
def _open_models() -> frozenset[type]:
    """Models of what may be said from outside."""
    data = {_data_of(each) for each in e.Event.__args__ if each.model_fields["type"].default not in OURS}
    return frozenset({e.BaseEvent, *THINGS, *data})


# Tables


def _by_data() -> list[tuple[list[str], type[Model]]]:
    """Event types by what they carry, in the order of DESIGN section 3."""
    found: dict[type[Model], list[str]] = {}
    for each in e.Event.__args__:
        found.setdefault(_data_of(each), []).append(each.model_fields["type"].default)
    return [(kinds, data) for data, kinds in found.items()]


def _data_of(event: type[Any]) -> type[Model]:
    data: type[Model] = event.model_fields["data"].annotation
    return data


def _of_event(kinds: list[str], data: type[Model], told: Told) -> Iterator[str]:
    yield f"\n### {', '.join(f'`{kind}`' for kind in kinds)}\n"
    yield from _table(data, told)


def _chapter(owner: type, told: Told, prefix: str = "") -> Iterator[str]:
    yield f"\n### {prefix}{owner.__name__}\n"
    yield from _table(owner, told)


def _table(owner: type, told: Told) -> Iterator[str]:
    yield "| field | meaning | type | unit | told by |"
    yield "|---|---|---|---|---|"
    for name, annotation in _annotations(owner).items():
        if name in NOT_TOLD:
            continue
        called, unit = in_words(annotation)
        unit = UNITS.get((owner.__name__, name), unit)
        title = f"**`{name}`**" if _is_needed(owner, name) else f"`{name}`"
        meaning = meaning_of(owner, name).replace("\n", " ").replace("|", "\\|")
        yield f"| {title} | {meaning} | {called} | {unit} | {_tellers(owner, name, told)} |"


def _is_needed(owner: type, name: str) -> bool:
    if issubclass(owner, Model):
        return owner.model_fields[name].is_required()
    return name not in getattr(owner, "_field_defaults", {})


# What a model says of its fields


def meaning_of(owner: type, name: str) -> str:
    """The docstring under the field. Raises `Undescribed`."""
    for each in owner.__mro__:
        if told := MEANINGS.get((each.__name__, name)) or _docstrings(each).get(name):
            return told
    if issubclass(owner, Model) and (described := owner.model_fields[name].description):
        return described
    raise Undescribed(f"{owner.__name__}.{name} has no docstring")


def _annotations(owner: type) -> dict[str, ast.expr]:
    """Field -> its annotation as written, inherited fields first."""
    found: dict[str, ast.expr] = {}
    for each in reversed(owner.__mro__):
        for node in _body(each):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = node.annotation
    return {name: written for name, written in found.items() if name in _fields(owner)}


def _fields(owner: type) -> Iterable[str]:
    return owner.model_fields if issubclass(owner, Model) else owner._fields  # type: ignore[attr-defined]  # a NamedTuple


@cache
def _docstrings(owner: type) -> Mapping[str, str]:
    body = _body(owner)
    return {
        node.target.id: inspect.cleandoc(under.value.value).strip()
        for node, under in pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if isinstance(under, ast.Expr) and isinstance(under.value, ast.Constant) and isinstance(under.value.value, str)
    }


@cache
def _body(owner: type) -> list[ast.stmt]:
    if not owner.__module__.startswith("perennial."):
        return []
    [written] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(written, ast.ClassDef)
    return written.body


def in_words(annotation: ast.expr) -> tuple[str, str]:
    """(type, unit) of an annotation. Raises `Undescribed` for a type that has no name here."""
    match annotation:
        case ast.BinOp(left=some, right=ast.Constant(value=None)):
            return in_words(some)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[some, *limits])):
            called, unit = in_words(some)
            return called + _limits(limits), unit
        case ast.Subscript(value=ast.Name(id="Literal"), slice=said):
            values = said.elts if isinstance(said, ast.Tuple) else [said]
            return _one_of(ast.literal_eval(each) for each in values), "—"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[some, *_])):
            return f"list of {in_words(some)[0]}", in_words(some)[1]
        case ast.Subscript(value=ast.Name(id="frozenset"), slice=some):
            return f"set of {in_words(some)[0]}", "—"
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[key, some])):
            return f"map of {in_words(key)[0]} to {in_words(some)[0]}", in_words(some)[1]
        case ast.Subscript(value=ast.Name(id="Row"), slice=some):
            return in_words(some)
        case ast.Name(id=name):
            return _named(name)
        case _:
            raise Undescribed(f"{ast.unparse(annotation)} has no words; see infra/local/fields.py")


def _named(name: str) -> tuple[str, str]:
    if name in WORDS:
        return WORDS[name]
    for module in (e, record):
        found = getattr(module, name, None)
        if isinstance(found, EnumType):
            return _one_of(found.__members__.values()), "—"
        if isinstance(found, type):
            return f"`{name}`", "—"
        if found is not None and hasattr(found, "__args__"):
            return _one_of(found.__args__), "—"
    raise Undescribed(f"the type {name} has no words; see infra/local/fields.py")


def _one_of(values: Iterable[Any]) -> str:
    return "one of " + ", ".join(f"`{each}`" for each in values)


def _limits(limits: Iterable[ast.expr]) -> str:
    """What `Field(...)` allows, where it says so in numbers."""
    said = {
        each.arg: ast.literal_eval(each.value)
        for limit in limits
        if isinstance(limit, ast.Call)
        for each in limit.keywords
        if each.arg in ("ge", "le", "max_length")
    }
    if "max_length" in said:
        return f" (at most {said['max_length']:,})"
    if "ge" in said and "le" in said:
        return f" ({said['ge']:,} to {said['le']:,})"
    return ""


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
