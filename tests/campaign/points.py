"""Loyalty points in a run: the merchant's own systems tell of them, staff give some and take some back, each by a key.

They ask twice, also two at the same time; by the same key for something else; for more than they may, at once and in
small pieces; of whoever is merged, parted or erased at that moment. They ask until they are answered.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tests.campaign import vendors as v
from tests.campaign.broken import Broken
from tests.campaign.circumstances import Circumstances
from tests.campaign.desk import Desk
from tests.campaign.people import owner_of
from tests.campaign.vendors import Post, stamp
from tests.campaign.web import FAILED, Answer, Asked, Web

if TYPE_CHECKING:
    from tests.campaign.plan import Teller

SHARE = 0.4
"""Of all seeds."""
MORE_THAN_AGENTS_MAY = 1_001
PATIENCE = 45.0
"""Seconds until staff try again."""
TRIES = 5
"""After these they leave it, and come back to it in the end."""
TAKEN, FORBIDDEN, GONE, USED = 202, 403, 404, 422
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

Deed = Literal["move points", "move points again", "use a key again", "move points in pieces", "move too many points"]


class Move(NamedTuple):
    """Staff are to give somebody points, or, below 0, to take some back."""

    at: datetime
    deed: Deed
    about: str
    """The address by which they find the customer."""
    points: int
    key: str
    by: str
    role: Literal["agent", "admin"] = "agent"
    expires_at: datetime | None = None


# Made from the seed


def told_of(chance: Random, tell: "Teller", at: datetime) -> Iterator[Post]:
    """What the merchant's own systems say: given, spent (also more than there is), lapsed, put right."""
    for number in range(chance.choice((1, 2, 3))):
        at += chance.choice((0 * SECOND, SECOND, 6 * 3600 * SECOND, 9 * DAY))
        kind, said = chance.choice(_TELLINGS)(chance, at)
        yield tell.open_api(f"points-{number}", at, v.event(f"points.{kind}", tell.who, **said))


def _given(chance: Random, at: datetime) -> tuple[str, dict[str, Any]]:
    lapsing = {"expires_at": stamp(at + chance.choice((5, 40, 200)) * DAY)} if chance.random() < 0.5 else {}
    return "earned", {"points": chance.randint(1, 120), **lapsing}


def _spent(chance: Random, _at: datetime) -> tuple[str, dict[str, Any]]:
    return chance.choice(("spent", "spent", "expired")), {"points": chance.choice((5, 60, 900)), "reason": "a gift"}


def _put_right(chance: Random, _at: datetime) -> tuple[str, dict[str, Any]]:
    return "adjusted", {"points": chance.choice((-40, -1, 3, 70))}


_TELLINGS = (_given, _given, _spent, _put_right)


def moves(chance: Random, who: Sequence[str], moments: Sequence[datetime], ends: datetime) -> Iterator[Move]:
    """who: addresses of people. moments: when something happens, with which staff may race."""
    for number in range(chance.choice((1, 2, 2, 3))):
        near = chance.choice(moments) + chance.choice((-1.0, 0.0, 0.02, 0.3, 60.0)) * SECOND
        at = chance.choice((near, near, moments[0] + chance.random() * (ends - moments[0])))
        first = Move(at, "move points", chance.choice(who), _number(chance), f"change-{number:04}", "staff-1")
        yield from chance.choice((_once, _twice, _twice, _for_something_else, _in_pieces, _too_many))(chance, first)


def _number(chance: Random) -> int:
    return chance.choice((1, 20, 45, 150, -1, -30))


def _once(chance: Random, first: Move) -> Iterator[Move]:
    """By an agent; or by an admin, who may move any number."""
    yield first if chance.random() < 0.5 else first._replace(role="admin", points=chance.choice((3_000, -700)))


def _twice(chance: Random, first: Move) -> Iterator[Move]:
    """The same again under the same key: at the same time, or when it would no longer be allowed."""
    if first.points > 0 and chance.random() < 0.7:
        first = first._replace(expires_at=first.at + 20 * DAY)
    yield first
    later = chance.choice((0.0, 0.0, 0.004, 60.0, 172_800.0, 25 * 86_400.0, 25 * 86_400.0)) * SECOND
    yield first._replace(at=first.at + later, deed="move points again")


def _for_something_else(chance: Random, first: Move) -> Iterator[Move]:
    yield first
    later = chance.choice((0.0, 0.0, 0.01, 60.0)) * SECOND
    yield first._replace(at=first.at + later, deed="use a key again", points=first.points + 1 or 2)


def _in_pieces(chance: Random, first: Move) -> Iterator[Move]:
    """So many small gifts, by two agents at once, that together they are more than any of them may give."""
    for number in range(7):
        by, at = f"staff-{number % 2}", first.at + chance.choice((0.0, 0.01, 2.0)) * SECOND
        yield first._replace(at=at, deed="move points in pieces", points=90, key=f"{first.key}-{number}", by=by)


def _too_many(_chance: Random, first: Move) -> Iterator[Move]:
    yield first._replace(deed="move too many points", points=MORE_THAN_AGENTS_MAY)


# Lived


@dataclass(eq=False)
class Request:
    """Something that somebody asks for until they are answered."""

    customer: str
    move: Move
    begun_at: datetime
    statuses: set[int] = field(default_factory=set)
    """Of all its answers but those that we failed at, heard or not."""
    heard: int | None = None
    taken_at: datetime | None = None
    """When it was first answered as taken."""
    tries: int = 0

    @property
    def asked(self) -> Asked:
        move = self.move
        word = {"points": move.points, "reason": f"{owner_of(move.about).last} waited so long"}
        word |= {"expires_at": stamp(move.expires_at)} if move.expires_at else {}
        headers = {"content-type": "application/json", "idempotency-key": move.key}
        claims = {"sub": move.by, "cognito:groups": f"[{move.role}]"}
        body, about = json.dumps(word).encode(), {"id": self.customer}
        return Asked("admin", "POST", "/customers/{id}/points", about, body=body, headers=headers, claims=claims)


@dataclass
class Goodwill:
    """Staff who move points. What became of each request is judged in the end (`accounts.py`)."""

    circumstances: Circumstances
    web: Web
    desk: Desk
    requests: list[Request] = field(default_factory=list)
    _left: list[Request] = field(default_factory=list)
    """What was not answered, however often they asked."""

    def does(self, move: Move) -> None:
        self.desk.find(move.about, lambda customer: self._begin(customer, move))

    def finish(self) -> None:
        left, self._left = self._left, []
        for request in left:
            request.tries = 0
            self._try(request)

    def _begin(self, customer: str, move: Move) -> None:
        request = Request(customer, move, self.circumstances.agenda.now)
        self.requests.append(request)
        self._try(request)

    def _try(self, request: Request) -> None:
        request.tries += 1
        name = f"admin/points-{self.requests.index(request)}.{request.tries}"
        self.web.ask(name, request.asked, lambda answer: self._answered(request, answer))

    def _answered(self, request: Request, answer: Answer) -> None:
        is_answer = answer.status not in FAILED
        if is_answer:
            request.statuses.add(answer.status)
        if answer.status == TAKEN:
            request.taken_at = request.taken_at or self.circumstances.agenda.now
        if answer.status not in (*FAILED, TAKEN, FORBIDDEN, GONE, USED):
            raise Broken("staff are answered", f"who moved points was answered {answer.status}")
        if is_answer and answer.is_heard:
            request.heard = answer.status
            self.circumstances.faults[f"points: answered {answer.status}"] += 1
        elif request.tries < TRIES:
            self.circumstances.agenda.after(PATIENCE, lambda: self._try(request))
        else:
            self._left.append(request)
