"""Values out of rows: each place of a mapping, made ready once for a header, and then asked row by row."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from perennial.importing.mapping import LeaveOut, Place
from perennial.importing.rows import Row, column_name
from perennial.importing.values import Values

Fields = Sequence[str]
NO_TIME = timedelta(0)


class Draw(NamedTuple):
    """Where a value stands in rows of one header."""

    name: str
    """The column, as reasons name it."""
    of: Callable[[Fields], str]
    """The text in this row, without blanks around it; "" where it says nothing."""
    add: timedelta = NO_TIME

    def first(self, rows: Sequence[Row]) -> str:
        """What the first of these rows says that says something."""
        return next((text for row in rows if (text := self.of(row.fields))), "")


NOWHERE = Draw("-", lambda _: "")


def draw(place: Place | None, header: Sequence[str]) -> Draw:
    if place is None:
        return NOWHERE
    columns = place.all or place.column
    positions = [header.index(name) for name in map(column_name, columns) if name in header]
    of = _together(positions) if place.all else _first(positions)
    if place.words:
        of = _meaning(of, {word.casefold(): meaning or "" for word, meaning in place.words.items()})
    return Draw(columns[0] if columns else "constant", _or(of, place.constant), place.add or NO_TIME)


def _first(positions: Sequence[int]) -> Callable[[Fields], str]:
    if len(positions) == 1:
        [only] = positions
        return lambda fields: _said(fields[only])
    return lambda fields: next((text for at in positions if (text := _said(fields[at]))), "")


def _together(positions: Sequence[int]) -> Callable[[Fields], str]:
    return lambda fields: ":".join(_said(fields[at]) for at in positions)


def _said(field: str) -> str:
    """Without blanks around it, and without the apostrophe that keeps a spreadsheet from counting with an id."""
    text = field.strip()
    return text[1:] if (text[:1] == "'" and text[1:2].isdigit()) or text[:2] == "'+" else text


def _meaning(of: Callable[[Fields], str], words: Mapping[str, str]) -> Callable[[Fields], str]:
    def meant(fields: Fields) -> str:
        text = of(fields)
        return words.get(text.casefold(), text)

    return meant


def _or(of: Callable[[Fields], str], constant: str | None) -> Callable[[Fields], str]:
    return of if constant is None else lambda fields: of(fields) or constant


class Sieve(NamedTuple):
    """One reason to leave a row out."""

    reason: str
    fits: Callable[[Fields], bool]


def sieve(rule: LeaveOut, header: Sequence[str], values: Values) -> Sieve:
    where = draw(Place(column=rule.column), header)
    words, most = frozenset(word.casefold() for word in rule.words), rule.at_most

    def fits(fields: Fields) -> bool:
        text = where.of(fields)
        if (rule.blank and not text) or (rule.starts and text.startswith(rule.starts)) or text.casefold() in words:
            return True
        return most is not None and bool(text) and values.number(text, where.name) <= most

    return Sieve(rule.reason, fits)
