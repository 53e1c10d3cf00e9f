"""The small values that everything else is made of: instants, money, bounded text."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

TICK = timedelta(milliseconds=1)
"""The resolution of every stored instant, and so the least step 'just after' can mean."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_utc(time: datetime) -> datetime:
    """The same instant in UTC, cut to whole milliseconds, so that stored times are equal when they look equal.

    Raises `ValueError` for one that UTC's calendar does not hold, such as the first hour of year 1 in Tokyo.
    """
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        raise ValueError("should be within the calendar") from None
    return utc - timedelta(microseconds=part) if (part := utc.microsecond % 1000) else utc


def iso(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: sorts as text the way it sorts as time."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def milliseconds(time: datetime) -> int:
    """Since 1970, in whole ones."""
    return (time - _EPOCH) // TICK


def at_milliseconds(since_1970: int) -> datetime:
    return _EPOCH + since_1970 * TICK


def _id_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


LONGEST = timedelta(days=36_500)
"""Longer than any rule needs, and short enough to be taken from any time that we accept."""
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_DURATION = re.compile(r"([0-9]{1,6})([dhms])")


def parse_duration(value: Any) -> Any:
    """Such as "90d", "4h", "30m", "45s": as a timedelta. Raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not (match := _DURATION.fullmatch(value)):
        raise ValueError("a duration is a whole number and a unit: 90d, 4h, 30m or 45s")
    if (duration := int(match[1]) * _UNITS[match[2]]) > LONGEST:
        raise ValueError(f"a duration is at most {LONGEST.days}d")
    return duration


def duration_text(value: timedelta) -> str:
    """The shortest way to write it that `parse_duration` reads."""
    for unit, size in _UNITS.items():
        if value % size == timedelta(0):
            return f"{value // size}{unit}"
    raise ValueError(f"{value} has parts of a second")


def _no_list(value: Any) -> Any:
    """Python also makes decimals of [sign, digits, exponent]; nobody means that."""
    if isinstance(value, list | tuple):
        raise ValueError("should be a number, or a number as text")
    return value


def _of_our_time(time: datetime) -> datetime:
    if not _OLDEST <= time < _NEWEST:
        raise ValueError(f"times are from {_OLDEST.year} until {_NEWEST.year}")
    return time


class _Stored:
    """Reads JSON with the standard library, whose UTC is one object.

    pydantic makes one for each instant, and to compare, or to subtract, what has not the same object for its zone takes
    Python ten times as long, be they UTC both.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(datetime.fromisoformat, core_schema.str_schema()),
            python_schema=handler(source),
            serialization=core_schema.simple_ser_schema("datetime"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core_schema.datetime_schema())


class _AsArray:
    """Reads and writes a named tuple as the array that it is: told its types, pydantic takes a fifth of the time."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        array = core_schema.tuple_schema([handler.generate_schema(kind) for kind in source.__annotations__.values()])
        return core_schema.no_info_after_validator_function(partial(tuple.__new__, source), array)


T = TypeVar("T", bound=tuple[Any, ...])
Row = Annotated[T, _AsArray]
"""A named tuple in an item of our own; all its fields are written."""
_OLDEST, _NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(duration_text, when_used="json")]
Utc = Annotated[AwareDatetime, AfterValidator(to_utc)]
"""An instant as it comes in from outside."""
Instant = Annotated[AwareDatetime, _Stored]
"""An instant out of an item of our own: it was made `Utc` before it was stored, and need not be again (1 µs each)."""
Told = Annotated[Utc, AfterValidator(_of_our_time)]
"""A time that somebody outside says. One far off is a mistake of theirs, and would spoil all arithmetic with it."""
Id = Annotated[str, BeforeValidator(_id_as_text), Field(min_length=1, max_length=200)]
"""An id as its owner wrote it. Numbers become text: Shopify's ids do not fit a JavaScript number."""
ShortText = Annotated[str, Field(max_length=500)]
LongText = Annotated[str, Field(max_length=20_000)]
Number = Annotated[Decimal, Field(allow_inf_nan=False, gt=-(10**18), lt=10**18), BeforeValidator(_no_list)]
"""Of a size that can be summed: the arithmetic of decimals overflows, and raises, at 9e999999."""
Amount = Annotated[
    Decimal,  # not `Number`: limits beside a function are looked at in Python, by arithmetic that overflows
    Field(allow_inf_nan=False, ge=0, max_digits=18, decimal_places=6),
    BeforeValidator(_no_list),
    AfterValidator(abs),  # there is a decimal -0
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=35)]
TimeZone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+\-/]{1,64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """Data that does not change and refuses what it does not know."""

    # Built when first used: a function uses few of the models that it imports. An error that nobody expected is
    # logged with its words: they do not quote the input, which may be somebody's name.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)

    @classmethod
    def made_of(cls, **fields: Any) -> Self:
        """Made of values that are valid already and not looked at again; all fields are given."""
        return _made(cls, fields)

    def but(self, changes: Mapping[str, Any]) -> Self:
        """A copy with other values, which are not validated: `model_copy(update=...)` at a tenth of its price."""
        return _made(type(self), {**self.__dict__, **changes})


M = TypeVar("M", bound=Model)
# frozen models set nothing themselves; these do, and faster than object.__setattr__
_set_dict, _set_fields, _set_extra, _set_private = (vars(BaseModel)[slot].__set__ for slot in BaseModel.__slots__)


def _made(kind: type[M], fields: dict[str, Any]) -> M:
    made = object.__new__(kind)
    _set_dict(made, fields)
    _set_fields(made, _fields_of(kind))
    _set_extra(made, None)
    _set_private(made, None)
    return made


@cache
def _fields_of(kind: type[Model]) -> set[str]:
    """Shared by all that are made: pydantic changes it in models that are not frozen, and in copies of its own."""
    return set(kind.model_fields)


class Money(Model):
    """An amount in the currency it was paid in."""

    amount: Amount
    currency: Currency
