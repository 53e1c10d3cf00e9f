"""Rows into events: what an order, a customer or a review of a merchant's past says in our words.

Every row comes to something, and the account says what: its events, or why there are none. Reasons name columns and
never what stands in them.
"""

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import ValidationError

from perennial.domain import events as e
from perennial.domain.events import Event, Person
from perennial.domain.identity import identity_keys
from perennial.domain.quality import Impossible, cleaned, decimals_of
from perennial.domain.values import Money
from perennial.importing.account import Outcome, Verdict
from perennial.importing.drawing import NOWHERE, Draw, draw, sieve
from perennial.importing.mapping import ConsentAt, Mapping, OrderAt, ReviewAt, Table
from perennial.importing.rows import BLANK, Row
from perennial.importing.values import Unreadable, Values, country
from perennial.ingest import AHEAD, read
from perennial.sources import open_events
from perennial.sources.payloads import explained

NOBODY = "names no customer: no id, email or phone that can be one"
REPEATED = "the same line twice"
UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""When that happened for which no column gives a time: before anything that we were told ourselves."""
METHOD = "import"
"""How a consent came to us, in its proof."""


class Skipped(Exception):
    """These rows are no news for us; the reason is for the account."""


@dataclass(slots=True)
class Told:
    """What some rows came to."""

    events: list[Event] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    spoilt: str | None = None
    """Why one of them could not be read."""


class Setting(NamedTuple):
    """What rows do not say themselves."""

    store: str
    now: datetime
    """Of the import: nothing in a past is later."""
    secret: bytes
    """For marks of people in the ids of events."""


class Teller:
    """Tells what rows of one table mean."""

    def __init__(self, mapping: Mapping, table: Table, header: Sequence[str], setting: Setting) -> None:
        values = Values(mapping)
        self._sieves = [sieve(rule, header, values) for rule in table.leave_out]
        self._of = _translator(mapping, table, header, values, setting)
        self._group = _group(table, header)
        self._has_lines = bool(table.order and table.order.lines)
        self._drops_repeated = bool(table.order and table.order.lines and table.order.lines.repeated == "leave out")
        self._latest = setting.now + AHEAD

    def group(self, row: Row) -> str:
        """What rows of one order have in common; "" for a row that stands alone."""
        return "" if row.fault else self._group.of(row.fields)

    def tell(self, rows: Sequence[Row]) -> Told:
        """All rows of one group. Never raises: what cannot be read is refused, with the reason."""
        told = Told()
        kept = self._once(self._wanted(rows, told), told)
        if not kept:
            return told
        try:
            told.events = self._events(kept, told.spoilt)
        except Skipped as why:
            told.verdicts += [Verdict(row.line, "skipped", str(why)) for row in kept]
        except Unreadable as why:
            told.verdicts += [Verdict(row.line, "refused", str(why)) for row in kept]
        else:
            told.verdicts += [Verdict(row.line, "accepted") for row in kept]
        return told

    def _wanted(self, rows: Sequence[Row], told: Told) -> Iterator[Row]:
        for row in rows:
            if row.fault:
                outcome: Outcome = "skipped" if row.fault == BLANK else "refused"
                told.verdicts.append(Verdict(row.line, outcome, row.fault, row.lines))
                continue
            try:
                reason = next((each.reason for each in self._sieves if each.fits(row.fields)), None)
            except Unreadable as why:
                told.verdicts.append(Verdict(row.line, "refused", str(why)))
                told.spoilt = f"line {row.line} of its order cannot be read"
                continue
            if reason is None:
                yield row
            else:
                told.verdicts.append(Verdict(row.line, "skipped", reason))

    def _once(self, rows: Iterator[Row], told: Told) -> list[Row]:
        """Rows of one order that are its lines; of a table where an order has one row, that row."""
        kept: list[Row] = []
        seen: set[tuple[str, ...]] = set()
        for row in rows:
            fields = tuple(row.fields)
            if fields in seen and (self._drops_repeated or not self._has_lines):
                told.verdicts.append(Verdict(row.line, "skipped", REPEATED))
            elif kept and not self._has_lines:
                reason = f"stands on line {kept[0].line} already, and says something else there"
                told.verdicts.append(Verdict(row.line, "refused", reason))
            else:
                kept.append(row)
            seen.add(fields)
        return kept

    def _events(self, rows: Sequence[Row], spoilt: str | None) -> list[Event]:
        if spoilt:
            raise Unreadable(spoilt)
        try:
            events = [self._clean(event) for event in self._of(rows)]
        except ValidationError as wrong:
            raise Unreadable(explained(wrong)) from None
        except Impossible as why:
            raise Unreadable(str(why)) from None
        if not all(any(key.is_personal for key in identity_keys(event)) for event in events):
            raise Skipped(NOBODY)
        return events

    def _clean(self, event: Event) -> Event:
        if event.time > self._latest:
            raise Unreadable("its time lies in the future")
        return cleaned(event, self._latest)


# What a table tells

Translate = Callable[[Sequence[Row]], Iterator[Event]]


def _translator(mapping: Mapping, table: Table, header: Sequence[str], values: Values, setting: Setting) -> Translate:
    people = _People(mapping, table, header, values, setting)
    if table.order:
        return _Orders(mapping, table.order, header, values, setting, people).events
    if table.review:
        return _Reviews(mapping, table.review, header, values, setting, people).events
    return people.events


def _group(table: Table, header: Sequence[str]) -> Draw:
    return draw(table.order.group or table.order.id, header) if table.order else NOWHERE


class _Voice:
    """Makes events that say where they come from, and that they are the past."""

    def __init__(self, mapping: Mapping, setting: Setting) -> None:
        self._fixed = {"source": mapping.source, "store": setting.store, "history": True}

    def say(self, kind: Callable[..., Any], event_id: str, time: datetime, data: Any) -> Event:
        event: Event = kind(id=event_id, time=time, data=data, **self._fixed)
        return event


class _People:
    """Who a row is about; and what a row tells that is about nobody's order."""

    def __init__(self, mapping: Mapping, table: Table, header: Sequence[str], values: Values, setting: Setting) -> None:
        at = table.customer
        assert at is not None, "only a table that is only joined has no customer"
        self._texts = {
            name: draw(place, header)
            for name in ("id", "email", "phone", "locale", "address")
            if (place := getattr(at, name))
        }
        self._ids = {vendor: draw(place, header) for vendor, place in at.ids.items()}
        self._name, self._first_name, self._last_name = (
            draw(place, header) for place in (at.name, at.first_name, at.last_name)
        )
        self._birthday, self._country = draw(at.birthday, header), draw(at.country, header)
        self._signed_up_at = draw(table.signed_up_at, header)
        self._consent = [
            (channel, each, draw(each.says, header), draw(each.at, header)) for channel, each in table.consent.items()
        ]
        self._values, self._setting, self._voice = values, setting, _Voice(mapping, setting)

    def person(self, rows: Sequence[Row]) -> Person:
        told: dict[str, Any] = {name: text for name, where in self._texts.items() if (text := where.first(rows))}
        if ids := {vendor: text for vendor, where in self._ids.items() if (text := where.first(rows))}:
            told["ids"] = ids
        first, last = self._first_name.first(rows), self._last_name.first(rows)
        if name := self._name.first(rows) or f"{first} {last}".strip():
            told["name"] = name
        if first:
            told["first_name"] = first
        if code := country(self._country.first(rows)):
            told["country"] = code
        if born := self._birthday.first(rows):
            told["birthday"] = self._values.day(born, self._birthday.name)
        return Person(**told)

    def events(self, rows: Sequence[Row]) -> Iterator[Event]:
        person = self.person(rows)
        mark = self._mark(person)
        if signed_up := self._signed_up_at.first(rows):
            time = self._values.time(signed_up, self._signed_up_at.name)
            yield self._voice.say(e.CustomerSignedUp, f"{mark}:signed-up", time, e.CustomerData(customer=person))
        else:
            data = e.CustomerData(customer=person)
            yield self._voice.say(e.CustomerUpdated, f"{mark}:known", UNDATED, data)
        yield from self._consents(rows, person, mark)

    def _mark(self, person: Person) -> str:
        """A keyed hash of what the row tells of a person: the same row is the same event for ever."""
        text = person.model_dump_json(exclude_defaults=True)
        return hmac.digest(self._setting.secret, text.encode(), "sha256").hex()[:24]

    def _consents(self, rows: Sequence[Row], person: Person, mark: str) -> Iterator[Event]:
        for channel, meaning, says, at in self._consent:
            granted = _agreed(meaning, says.first(rows))
            if granted is not None:
                when = at.first(rows)
                time = self._values.time(when, at.name) if when else UNDATED
                data = e.ConsentData(customer=person, channel=channel, granted=granted, method=METHOD)
                yield self._voice.say(e.ConsentChanged, f"{mark}:{channel}:{granted}", time, data)


def _agreed(meaning: ConsentAt, word: str) -> bool | None:
    if word.casefold() in map(str.casefold, meaning.granted):
        return True
    return False if word.casefold() in map(str.casefold, meaning.denied) else None


class _Orders:
    def __init__(
        self, mapping: Mapping, at: OrderAt, header: Sequence[str], values: Values, setting: Setting, people: _People
    ) -> None:
        self._at, self._values, self._people, self._voice = at, values, people, _Voice(mapping, setting)
        self._currency = mapping.currency
        self._draws = {name: draw(getattr(at, name), header) for name in _ORDER_FIELDS}
        lines = at.lines
        self._quantity = draw(lines.quantity if lines else None, header)
        self._price = draw(lines.price if lines else None, header)
        self._cancelled = frozenset(word.casefold() for word in at.cancelled)

    def events(self, rows: Sequence[Row]) -> Iterator[Event]:
        text = {name: where.first(rows) for name, where in self._draws.items()}
        for name in ("id", "placed_at"):
            if not text[name]:
                raise Unreadable(f"column {self._draws[name].name}: nothing stands there")
        person, order = self._people.person(rows), text["id"]
        times = {name: time for name, _ in _STATES if (time := self._time(name, text))}
        yield self._voice.say(
            e.OrderPlaced, f"{order}:placed", times["placed_at"], self._placed(rows, text, person, times)
        )
        bare = e.OrderFacts(id=order)
        if text["status"].casefold() in self._cancelled:
            times.setdefault("cancelled_at", max(times.values()))
        for name, kind in _STATES[1:]:
            if name in times:
                data = _DATA.get(kind, e.OrderData)(customer=person, order=bare)
                yield self._voice.say(kind, f"{order}:{name.removesuffix('_at')}", times[name], data)
        yield from self._refund(text, person, bare, max(times.values()))

    def _time(self, name: str, text: dict[str, str]) -> datetime | None:
        where = self._draws[name]
        return self._values.time(text[name], where.name) + where.add if text[name] else None

    def _placed(
        self, rows: Sequence[Row], text: dict[str, str], person: Person, times: dict[str, datetime]
    ) -> e.OrderData:
        order = e.OrderFacts(
            id=text["id"],
            name=text["name"] or None,
            placed_at=times["placed_at"],
            total=self._total(rows, text),
            country=country(text["country"]) or person.country,
            promised_at=self._time("promised_at", text),
        )
        return e.OrderData(customer=person, order=order)

    def _total(self, rows: Sequence[Row], text: dict[str, str]) -> Money | None:
        if text["total"]:
            amount = self._values.number(text["total"], self._draws["total"].name)
            return Money(amount=amount, currency=self._currency_of(text))
        if self._at.lines and not self._at.total:
            return self._sum(rows, self._currency_of(text))
        return None

    def _sum(self, rows: Sequence[Row], currency: str) -> Money:
        """To the currency's own digits: a price for one may have more of them than anybody can pay."""
        exact = sum((self._amount(row) for row in rows), Decimal(0))
        payable = round(exact, decimals_of(currency))
        return Money(amount=exact if exact == payable else payable, currency=currency)

    def _currency_of(self, text: dict[str, str]) -> str:
        if currency := text["currency"] or self._currency:
            return currency.upper()
        raise Unreadable("no column and no mapping names its currency")

    def _amount(self, row: Row) -> Decimal:
        return self._number(row, self._quantity) * self._number(row, self._price)

    def _number(self, row: Row, where: Draw) -> Decimal:
        return self._values.number(where.of(row.fields) or "?", f"{where.name} of line {row.line}")

    def _refund(self, text: dict[str, str], person: Person, order: e.OrderFacts, at: datetime) -> Iterator[Event]:
        if not text["refunded"]:
            return
        given_back = abs(self._values.number(text["refunded"], self._draws["refunded"].name))
        if not given_back:
            return
        money = Money(amount=given_back, currency=self._currency_of(text))
        refund = e.Refund(id=f"{order.id}:imported", total=money, in_all=True)
        data = e.RefundData(customer=person, order=order, refund=refund)
        yield self._voice.say(e.OrderRefunded, f"{order.id}:refunded", at, data)


_ORDER_FIELDS = (
    "id", "name", "placed_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at", "returned_at", "promised_at",
    "total", "currency", "country", "refunded", "status",
)  # fmt: skip
_STATES: tuple[tuple[str, type[e.OrderEvent]], ...] = (
    ("placed_at", e.OrderPlaced),
    ("paid_at", e.OrderPaid),
    ("shipped_at", e.OrderShipped),
    ("delivered_at", e.OrderDelivered),
    ("cancelled_at", e.OrderCancelled),
    ("returned_at", e.OrderReturned),
)
_DATA: dict[Any, Callable[..., e.OrderData]] = {e.OrderShipped: e.ShippedData, e.OrderReturned: e.ReturnData}


class _Reviews:
    def __init__(
        self, mapping: Mapping, at: ReviewAt, header: Sequence[str], values: Values, setting: Setting, people: _People
    ) -> None:
        self._values, self._people, self._voice = values, people, _Voice(mapping, setting)
        self._draws = {name: draw(getattr(at, name), header) for name in ReviewAt.model_fields}

    def events(self, rows: Sequence[Row]) -> Iterator[Event]:
        text = {name: where.first(rows) for name, where in self._draws.items()}
        time = self._values.time(text["at"], self._draws["at"].name)
        words = "\n".join(part for part in (text["title"], text["text"]) if part)
        data = e.ReviewData(
            customer=self._people.person(rows),
            id=text["id"],
            rating=float(self._values.number(text["rating"], self._draws["rating"].name)),
            order=text["order"] or None,
            product=text["product"] or None,
            text=words or None,
        )
        yield self._voice.say(e.ReviewPosted, f"review:{text['id']}", time, data)


# Files of canonical events


class Reciter:
    """Tells what lines of canonical events say: they say it themselves, as at POST /events/{store}."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def group(self, row: Row) -> str:
        return ""

    def tell(self, rows: Sequence[Row]) -> Told:
        told = Told()
        for row in rows:
            told.verdicts.append(self._verdict(row, told.events))
        return told

    def _verdict(self, row: Row, events: list[Event]) -> Verdict:
        if row.fault:
            return Verdict(row.line, "skipped" if row.fault == BLANK else "refused", row.fault)
        setting = self._setting
        reading = read(open_events, {}, row.fields[0].encode(), setting.store, UNDATED, setting.now + AHEAD)
        for note in (*reading.quarantined, *reading.ignored):
            return Verdict(row.line, "refused", note.reason)
        events += [event.but({"history": True}) for event in reading.events]
        return Verdict(row.line, "accepted")
