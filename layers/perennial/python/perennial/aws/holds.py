"""The emergency stop in the table: which holds are in force, what waits under each, and what staff did about it.

    pk              sk                      what                                    attributes
    POLICY          HOLDS                   the holds in force, in one item: each   version
                                            sender reads it with the customer
    HOLDS           HOLD#<id>               one hold, also when it is lifted        -
    HOLDS           MOVE#<id>#<time>#<lot>  a release or discard of what waits      -
    HELD#<hold>     <action>                an action that waits                    -

Errors:
    Unknown      there never was such a hold
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from perennial.aws.table import Busy, Delete, Equals, Item, Key, Lacks, Put, Refused, Table
from perennial.domain.actions import Action
from perennial.domain.holds import Hold, Reach
from perennial.domain.values import Instant, Model, iso

IN_FORCE = Key("POLICY", "HOLDS")
PARTITION = "HOLDS"
PIECE = 1_000
ATTEMPTS = 10
"""How often to lose the race for the holds in force: to stop everything must not fail because others stop something."""


class Unknown(Exception):
    """There never was such a hold; list them."""


class Moved(Model):
    """That what waited was let go or given up, as far as one request gets."""

    hold: str
    at: Instant
    by: str
    did: Literal["released", "discarded"]
    messages: int


class Waiting(NamedTuple):
    """A piece of what waits under a hold, in no order that means anything."""

    actions: tuple[Action, ...]
    cursor: str | None


class _InForce(Model):
    holds: tuple[Hold, ...] = ()


class _Book(NamedTuple):
    holds: tuple[Hold, ...]
    version: int


class Holds:
    def __init__(self, table: Table) -> None:
        self._table = table

    # What is stopped

    def in_force(self) -> tuple[Hold, ...]:
        return self._book().holds

    def stop(self, reach: Reach, because: str, by: str, at: datetime) -> Hold:
        """Stop these messages from now on; the hold that is in force already where they are stopped just so."""
        hold = Hold(id=_new_id(at), reach=reach, because=because, since=at, by=by)
        return self._change(lambda holds: next((each for each in holds if each.reach == reach), hold))

    def lift(self, hold_id: str, by: str, at: datetime) -> Hold:
        """Stop no more. One that was lifted before stays as it was. Raises `Unknown`."""
        known = self.find(hold_id)
        if known.released_at:
            return known
        return self._change(lambda _: known.released(at, by))

    def find(self, hold_id: str) -> Hold:
        """In force or lifted. Raises `Unknown`."""
        key = _hold_key(hold_id)
        item = self._table.get([key]).get(key)
        if item is None:
            raise Unknown(hold_id)
        return Hold.model_validate_json(item.body)

    def ever(self, limit: int) -> tuple[Hold, ...]:
        """The latest, newest first."""
        items = self._table.query(PARTITION, prefix="HOLD#", newest_first=True, limit=limit).items
        return tuple(Hold.model_validate_json(item.body) for item in items)

    def _change(self, choose: Callable[[Sequence[Hold]], Hold]) -> Hold:
        """Write the chosen hold down, in force or not any more, unless it is written already."""
        for _ in range(ATTEMPTS):
            book = self._book()
            hold = choose(book.holds)
            if hold in book.holds:
                return hold
            others = tuple(each for each in book.holds if each.id != hold.id)
            if self._write(hold, others if hold.released_at else (*others, hold), book):
                return hold
        raise Busy("holds are being changed by others")

    def _write(self, hold: Hold, in_force: tuple[Hold, ...], over: _Book) -> bool:
        """False where somebody else wrote first."""
        unchanged = Equals("version", over.version) if over.version else Lacks("version")
        body = _InForce(holds=in_force).model_dump_json(exclude_defaults=True)
        told = Item(_hold_key(hold.id), hold.model_dump_json(exclude_defaults=True))
        try:
            self._table.write([Put(Item(IN_FORCE, body, {"version": over.version + 1}), (unchanged,)), Put(told)])
        except Refused:
            return False
        return True

    def _book(self) -> _Book:
        item = self._table.get([IN_FORCE]).get(IN_FORCE)
        return _Book(holds_of(item), int(item.attributes["version"]) if item else 0)

    # What waits

    def keep(self, action: Action, hold: Hold) -> bool:
        """Let the action wait under the hold. False where that was lifted meanwhile: then whoever empties it may have
        been here before, and the action is to come again."""
        body = action.model_dump_json(exclude_defaults=True)
        self._table.write([Put(Item(Key(_waiting(hold.id), action.id), body))])
        if any(each.id == hold.id for each in self.in_force()):
            return True
        self.forget(hold.id, [action])
        return False

    def waiting(self, hold_id: str, limit: int, cursor: str | None = None) -> Waiting:
        page = self._table.query(_waiting(hold_id), limit=limit, cursor=cursor)
        return Waiting(tuple(Action.model_validate_json(item.body) for item in page.items), page.cursor)

    def waiting_anywhere(self) -> Iterator[tuple[str, Action]]:
        """(hold, action) of all that waits, under whatever hold there ever was."""
        for hold in self._pages(PARTITION, "HOLD#"):
            for item in self._pages(_waiting(hold_id := hold.key.sk.removeprefix("HOLD#"))):
                yield hold_id, Action.model_validate_json(item.body)

    def _pages(self, pk: str, prefix: str = "") -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self._table.query(pk, prefix=prefix, limit=PIECE, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return

    def forget(self, hold_id: str, actions: Iterable[Action]) -> None:
        """These wait no more."""
        self._table.write([Delete(Key(_waiting(hold_id), action.id)) for action in actions])

    def note(self, moved: Moved) -> None:
        """A lot tells apart what two of staff did in the same millisecond."""
        key = Key(PARTITION, f"MOVE#{moved.hold}#{iso(moved.at)}#{secrets.token_hex(4)}")
        self._table.write([Put(Item(key, moved.model_dump_json()))])

    def moves(self, hold_id: str, limit: int) -> tuple[Moved, ...]:
        """What staff did with what waited, in that order."""
        items = self._table.query(PARTITION, prefix=f"MOVE#{hold_id}#", limit=limit).items
        return tuple(Moved.model_validate_json(item.body) for item in items)


def holds_of(item: Item | None) -> tuple[Hold, ...]:
    return _InForce.model_validate_json(item.body).holds if item else ()


def _hold_key(hold_id: str) -> Key:
    return Key(PARTITION, f"HOLD#{hold_id}")


def _waiting(hold_id: str) -> str:
    return f"HELD#{hold_id}"


def _new_id(at: datetime) -> str:
    """Sorts by time; the rest tells apart what is ordered in the same second."""
    return f"h-{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
