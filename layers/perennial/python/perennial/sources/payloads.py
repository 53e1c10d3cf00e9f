"""Reading vendors' JSON: typed where we look, indifferent elsewhere, and never surprised."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from perennial.domain.countries import country_code
from perennial.domain.events import BaseEvent, CustomerData
from perennial.domain.values import Locale, Model, Utc, to_utc
from perennial.sources import NotUnderstood

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseEvent)

MOST_MISTAKES_TOLD = 5
LONGEST_SHORT_TEXT = 500
LONGEST_TEXT = 20_000
LONGEST_CODE = 200
MOST_COUPONS = 20
"""Of one order."""
_MOST_OFF = Decimal(10) ** 11


class Payload(BaseModel):
    """A vendor's object: the fields that we read, and no opinion on the others.

    Built when first used, because most starts of the function meet one vendor only.
    """

    # An error that nobody expected goes into a log with its words: they do not quote what was sent.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, hide_input_in_errors=True)

    def __init_subclass__(cls, **told: Any) -> None:
        super().__init_subclass__(**told)
        _field_names.cache_clear()


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _empty_is_none(value: Any) -> Any:
    return None if value in ([], {}) else value


def _null_is_empty(value: Any) -> Any:
    return [] if value is None else value


Text = Annotated[str | None, BeforeValidator(_blank_is_none)]
"""A text that may be missing; blanks count as missing."""
Time = Annotated[Utc | None, BeforeValidator(_blank_is_none)]
Maybe = Annotated[T | None, BeforeValidator(_empty_is_none)]
"""An object that may be missing; vendors on PHP write `[]` for an empty one."""
Many = Annotated[tuple[T, ...], BeforeValidator(_null_is_empty)]
"""A list; some vendors write null for an empty one."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a vendor, while its events are being made."""

    source: str
    id: str
    """The vendor's own id of what happened: the same when it is delivered again."""
    store: str
    at: datetime
    """When it happened, for facts that carry no time of their own."""
    body: bytes

    def event(self, kind: type[E], time: datetime | None, data: CustomerData, *about: str) -> E:
        """An event whose id is its own among those of this delivery; `about` tells two of one type apart."""
        name = ":".join((self.id, kind.model_fields["type"].default, *about))
        return kind.model_validate(
            {"id": name, "source": self.source, "store": self.store, "time": time or self.at, "data": data}
        )


def fingerprint(*parts: str | bytes) -> str:
    """An id made of content, for what has none."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "replace") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:32]


def understanding(translate: Callable[P, T]) -> Callable[P, T]:
    """What pydantic refuses, in a payload or in an event made of it, becomes `NotUnderstood`.

    The cause is cut off on purpose: pydantic's message quotes the input, and the input is somebody's data.
    """

    @wraps(translate)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return translate(*args, **kwargs)
        except ValidationError as wrong:
            raise NotUnderstood(explained(wrong)) from None

    return guarded


def explained(wrong: ValidationError) -> str:
    """The first mistakes by field path, without what was written there."""
    mistakes = wrong.errors(include_input=False, include_url=False, include_context=False)
    told = [f"{_path(each['loc'])}: {each['msg']}" for each in mistakes[:MOST_MISTAKES_TOLD]]
    more = len(mistakes) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _path(loc: tuple[int | str, ...]) -> str:
    """A path may hold a name that the sender made up, of a person even: only our own fields' names are repeated."""
    return ".".join(str(part) if isinstance(part, int) or part in _field_names() else "?" for part in loc) or "body"


@cache
def _field_names() -> frozenset[str]:
    """As they are written in JSON, of every payload that is loaded by now and of all that events are made of."""
    fields = (named for kind in (Payload, Model) for model in _and_below(kind) for named in model.model_fields.items())
    return frozenset(field.alias or name for name, field in fields)


def _and_below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _and_below(below)


def instant(text: str | None) -> datetime | None:
    """In UTC, or as it is written without a zone; None where it is no time: a carrier's odd clock loses no news."""
    try:
        moment = None if text is None else datetime.fromisoformat(text)
        return moment if moment is None or moment.tzinfo is None else to_utc(moment)
    except ValueError:
        return None


def end_of(text: str | None) -> datetime | None:
    """Until when a promise holds: a day until it ends. What names no zone is meant in UTC; None where it is no time."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = instant(text)
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.combine(day, time.max, tzinfo=UTC)


def cut(text: str | None, limit: int) -> str | None:
    return None if text is None else text[:limit]


def coupon_code(text: str | None) -> str | None:
    """A coupon's code, or None for what is none."""
    code = (text or "").strip()
    return code if 0 < len(code) <= LONGEST_CODE else None


def taken_off(amount: Decimal | None) -> Decimal | None:
    """What a coupon took off, as an event may tell it; None where that is no such amount."""
    if amount is None or not 0 < abs(amount) < _MOST_OFF:
        return None
    return abs(round(amount, 2))


_locale: TypeAdapter[str] = TypeAdapter(Locale)


def country(code: str | None) -> str | None:
    """ISO 3166 alpha-2 of a code or a name, or None: a country we cannot read is no reason to lose an order."""
    return country_code(code)


def locale(tag: str | None) -> str | None:
    return _or_none(_locale, tag)


def _or_none(adapter: TypeAdapter[str], value: str | None) -> str | None:
    try:
        return None if value is None else adapter.validate_python(value)
    except ValidationError:
        return None
