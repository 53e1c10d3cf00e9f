"""What a field's text says: times, amounts, countries, in the ways that shops and spreadsheets write them."""

import re
from collections.abc import Mapping as Dict
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from perennial.importing.mapping import ISO, Mapping

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,12})?")
_NOT_A_NUMBER = re.compile(r"[^\d.,+-]")
"""Currency signs, blanks and apostrophes between thousands."""
_GROUPED = {".": re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?"), ",": re.compile(r"\d{1,3}(\.\d{3})+(,\d+)?")}
_BLANK_BEFORE_OFFSET = re.compile(r" (?=[+-]\d{2}:?\d{2}$)")


class Unreadable(Exception):
    """A field does not say what the mapping expects. Names the column, never what stands there."""


class Values:
    """Reads by the mapping's ways of writing."""

    def __init__(self, mapping: Mapping) -> None:
        self._zone = ZoneInfo(mapping.zone)
        self._dates = mapping.dates
        self._decimal = mapping.decimal

    def time(self, text: str, column: str) -> datetime:
        """Aware. Raises `Unreadable`."""
        read = self._written(text, column)
        try:
            return (read if read.tzinfo else read.replace(tzinfo=self._zone)).astimezone(UTC)
        except OverflowError:
            raise Unreadable(f"column {column}: no time within the calendar") from None

    def day(self, text: str, column: str) -> date:
        """As it is written, in whatever zone. Raises `Unreadable`."""
        return self._written(text, column).date()

    def _written(self, text: str, column: str) -> datetime:
        for form in self._dates:
            try:
                return _iso(text) if form == ISO else datetime.strptime(text, form)  # noqa: DTZ007  its zone comes after
            except ValueError:
                continue
        raise Unreadable(f"column {column}: no time as the mapping's dates write it ({', '.join(self._dates)})")

    def number(self, text: str, column: str) -> Decimal:
        """Raises `Unreadable`: also for one that could be read in two ways."""
        plain = _NOT_A_NUMBER.sub("", text)
        grouping = "," if self._decimal == "." else "."
        if grouping in plain:
            plain = plain.replace(grouping, "") if _GROUPED[self._decimal].fullmatch(plain.lstrip("+-")) else "?"
        plain = plain.replace(self._decimal, ".")
        if _NUMBER.fullmatch(plain):
            return Decimal(plain)
        raise Unreadable(f"column {column}: no number with {self._decimal!r} before its decimals")


def _iso(text: str) -> datetime:
    """ISO 8601 and what nearly is: a blank instead of the T, a blank before the offset, UTC in letters."""
    if text.endswith(" UTC"):
        text = text.removesuffix(" UTC") + "+00:00"
    return datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", text))


def country(text: str) -> str | None:
    """ISO 3166's two letters, of these or of the country's English name; None for what is neither."""
    if len(text) == 2 and text.upper() in _codes():
        return text.upper()
    return _names().get(text.casefold())


@cache
def _territories() -> Dict[str, str]:
    from babel import Locale  # 20 ms, for who reads rows and not for who looks how far they are

    return {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}


@cache
def _codes() -> frozenset[str]:
    return frozenset(_territories()) - {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}


@cache
def _names() -> Dict[str, str]:
    return {name.casefold(): code for code, name in _territories().items() if code in _codes()}
