"""The mapping file: what the tables and columns of a merchant's file mean, as YAML that a person writes.

Errors:
    BadMapping   the document cannot be used: it says where it is wrong
"""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from perennial.domain.values import Currency, Duration, Model
from perennial.policy_document import PlainYaml

MOST_CHARACTERS = 100_000
"""Of a mapping document: nobody writes more, and a YAML of aliases could unfold without end."""
ISO = "iso"


class BadMapping(Exception):
    """The mapping cannot be used: each line names a place in it and what is wrong there. Mend it and import again."""


def _shorthand(value: Any) -> Any:
    """`Email` is `{column: [Email]}`, and so is `[Email, Billing Email]`."""
    if isinstance(value, str):
        return {"column": [value]}
    if isinstance(value, list):
        return {"column": value}
    if isinstance(value, dict) and isinstance(value.get("column"), str):
        return {**value, "column": [value["column"]]}
    return value


class Place(Model):
    """Where a value stands in a row, and what it says there."""

    column: tuple[str, ...] = ()
    """The first of these that is not blank; those that the header lacks are passed over."""
    all: tuple[str, ...] = ()
    """Instead: all of these, joined by ":", where only together they are unique."""
    constant: str | None = None
    """Instead, or where the columns are blank: this."""
    words: Dict[str, str | None] = Field(default_factory=dict)
    """What words of the file mean; null for those that mean nothing. Other words stand for themselves."""
    add: Duration | None = None
    """To a time: "promised on that day" is kept until the day has ended."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.column or self.all or self.constant):
            raise ValueError("name a column, columns that count together (all), or a constant")
        return self


At = Annotated[Place, BeforeValidator(_shorthand)]


class LeaveOut(Model):
    """Rows that are not imported, and the reason that the report gives for it."""

    column: Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
    starts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    at_most: Decimal | None = None
    blank: bool = False
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not (self.starts or self.words or self.blank or self.at_most is not None):
            raise ValueError("say when: starts, words, at_most or blank")
        return self


class Join(Model):
    """Columns of another table, found by a column of this one."""

    table: str
    on: str
    """The other table's column."""
    by: str | None = None
    """The column of this one that has to be the same, where it has another name; one that was joined before may be."""
    take: Dict[str, str] = Field(default_factory=dict)
    """New column -> the other table's column; of several rows the first."""
    sum: Dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """New column -> columns of the other table: their sum over all its rows with that key."""


class PersonAt(Model):
    """Who it was."""

    id: At | None = None
    ids: Dict[str, At] = Field(default_factory=dict)
    """Vendor -> where the vendor's id of the customer stands."""
    email: At | None = None
    phone: At | None = None
    name: At | None = None
    first_name: At | None = None
    last_name: At | None = None
    """Joined to the first name, where no column holds the whole."""
    birthday: At | None = None
    country: At | None = None
    """Two letters, or the English name; what is neither is left out."""
    locale: At | None = None
    address: At | None = None


class LinesAt(Model):
    """The rows of one order are its lines. Which goods they name is not asked: neither record nor journal keeps it."""

    quantity: At
    price: At
    repeated: Literal["keep", "leave out"] = "keep"
    """Lines that are equal in every column: bought twice, or written twice."""


class OrderAt(Model):
    """One order: a row, or all rows that name it."""

    id: At
    group: At | None = None
    """What rows of one order have in common, where only the first of them holds its id."""
    name: At | None = None
    placed_at: At
    paid_at: At | None = None
    shipped_at: At | None = None
    delivered_at: At | None = None
    cancelled_at: At | None = None
    returned_at: At | None = None
    promised_at: At | None = None
    total: At | None = None
    """Without it: the sum of the lines."""
    currency: At | None = None
    country: At | None = None
    refunded: At | None = None
    """How much was given back, 0 or nothing for none."""
    status: At | None = None
    cancelled: tuple[str, ...] = ()
    """Words of the status that mean: cancelled, at some time after the last that is known."""
    lines: LinesAt | None = None


class ReviewAt(Model):
    id: At
    at: At
    rating: At
    order: At | None = None
    product: At | None = None
    title: At | None = None
    text: At | None = None


class ConsentAt(Model):
    """Whether the customer agreed to marketing on a channel."""

    says: At
    granted: tuple[str, ...]
    denied: tuple[str, ...] = ()
    """Other words say nothing."""
    at: At | None = None
    """When; without it, before anything that we were told ourselves, so that a withdrawal is never undone."""


class Table(Model):
    """One kind of file, known by its header. Without order, review or signed_up_at its rows tell of customers."""

    has: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns that its header must have."""
    joins: tuple[Join, ...] = ()
    leave_out: tuple[LeaveOut, ...] = ()
    only_joined: bool = False
    """Its rows tell nothing by themselves."""
    customer: PersonAt | None = None
    signed_up_at: At | None = None
    consent: Dict[Literal["email", "sms"], ConsentAt] = Field(default_factory=dict)
    order: OrderAt | None = None
    review: ReviewAt | None = None

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if not self.only_joined and self.customer is None:
            raise ValueError("say where the customer stands, or that the table is only_joined")
        if self.order and self.review:
            raise ValueError("a table holds orders or reviews, not both")
        return self


def _zone(name: Any) -> Any:
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise ValueError("should be a time zone of the IANA database, such as Europe/London") from None
    return name


class Mapping(Model):
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """Who speaks: with an event's id it is unique for ever, so that the same row imported again changes nothing."""
    format: Literal["csv", "events"] = "csv"
    """events: canonical events, a JSON document a line (docs/events.md), and nothing else in this file."""
    zone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    """Of times that carry none."""
    dates: Annotated[tuple[str, ...], Field(min_length=1)] = (ISO,)
    """Tried in this order: "iso", or as in strptime: "%d/%m/%Y %H:%M"."""
    decimal: Literal[".", ","] = "."
    currency: Currency | None = None
    """Where no column names one."""
    encoding: Literal["auto", "utf-8", "utf-16", "latin-1", "cp1252"] = "auto"
    delimiter: Literal["auto", ",", ";", "\t", "|"] = "auto"
    tables: Dict[str, Table] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_tables(self) -> Self:
        if (self.format == "events") == bool(self.tables):
            raise ValueError("a CSV mapping has tables, and one of events has none")
        for name, table in self.tables.items():
            if unknown := [join.table for join in table.joins if join.table not in self.tables]:
                raise ValueError(f"tables.{name}.joins: there is no table {unknown[0]}")
        return self


EVENTS = "events"
"""The name of the one table of a file of events."""


def read_mapping(text: str) -> Mapping:
    """The mapping of this YAML. Raises `BadMapping`."""
    if len(text) > MOST_CHARACTERS:
        raise BadMapping(f"a mapping has at most {MOST_CHARACTERS} characters")
    try:
        document = yaml.load(text, Loader=PlainYaml)  # noqa: S506  it is the safe one, and stricter
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise BadMapping(f"{where}this is no YAML") from None
    try:
        return Mapping.model_validate(document)
    except ValidationError as wrong:
        raise BadMapping("\n".join(_faults(wrong.errors(include_url=False, include_context=False)))) from None


def _faults(errors: Sequence[Any]) -> list[str]:
    return [f"{'.'.join(map(str, error['loc'])) or 'mapping'}: {error['msg']}" for error in errors]
