"""Plays: from what happened, and from time, to what is to be done; each occasion once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from perennial.domain.actions import Action, Channel, Coupon, Grant, Task, action_id
from perennial.domain.conditions import EVENT_FIELDS, TIMED_FIELDS, Context, Scalar
from perennial.domain.customer import Customer, Facts, Send, Wait
from perennial.domain.dates import Dates
from perennial.domain.ending import Course
from perennial.domain.events import Event, MessageDeferred, MessageFailed, MessageSent, TimerDue
from perennial.domain.happenings import SUBJECT, Happening
from perennial.domain.journal import Did, Outcome
from perennial.domain.label import OUTBOX
from perennial.domain.offers import GiftOffer, PointsOffer
from perennial.domain.permission import cap_reached, customer_zones, may_leave_at, refusal
from perennial.domain.points import account, as_reference
from perennial.domain.policy import (
    BandEntered,
    LabelEntered,
    Moment,
    OnDate,
    Play,
    Policy,
    StageEntered,
)
from perennial.domain.send_time import LONGEST_WAIT, Best, best_times
from perennial.domain.settled import Settled
from perennial.domain.stage import Standing
from perennial.domain.summary import Summary, customer_fields
from perennial.domain.values import iso

NOT_PLAYED = ("order.cancelled", "order.refunded", "order.returned")
"""Plays that begin with these go on when their order is cancelled; all others about that order end."""
REPORTS = (MessageSent, MessageFailed, MessageDeferred)
"""What senders report, each time that an action comes to them; and with it, what else they learned (`_is_report`). What
is due by then is left to its timer: a report that asked for the action it tells of would bring itself back for ever."""
TASK_TIME = timedelta(days=1)
"""A task is due this long after it was decided, unless the desk says otherwise."""
LOADING = timedelta(hours=6)
"""So long after history of a customer was loaded the rest of it may still be on its way: what time alone changes until
then begins no play, for it may be a silence that the next row breaks."""
_DAY = 86_400
_SUBJECT = frozenset(SUBJECT)


Channels = list[tuple[Channel, str]]
"""Each with its template, or with why it may not be used."""


class Played(NamedTuple):
    """What came of all plays in one decision."""

    waits: tuple[Wait, ...]
    fired: Mapping[str, tuple[datetime, ...]]
    outcomes: tuple[Outcome, ...]
    actions: tuple[Action, ...]
    tasks: tuple[Task, ...]
    grants: tuple[Grant, ...]


class Scene(NamedTuple):
    """What plays look at: the customer before, the facts and the standing after, and now."""

    customer: Customer
    facts: Facts
    summary: Summary
    standing: Standing
    band: str | None
    score: int | None
    now: datetime
    policy: Policy
    settled: tuple[Settled, ...] = ()
    """What left the record with this event."""
    whose: str | None = None
    """To whom the event was told, where that is one who has been merged into this customer."""


class Stagecraft:
    """Runs the plays of one decision."""

    def __init__(self, scene: Scene) -> None:
        self._s = scene
        self._waits = {(wait.play, wait.about): wait for wait in scene.customer.waits}
        self._fired = dict(scene.customer.fired)
        self._outcomes: list[Outcome] = []
        self._actions: list[Action] = []
        self._tasks: list[Task] = []
        self._grants: list[Grant] = []

    def run(self, happened: Iterable[Happening], event: Event) -> Played:
        if not self._is_past(event):
            self._begin_all(happened)
        if isinstance(event, MessageDeferred):
            self._take_back(event)
        self._end_what_is_over()
        if not (_is_report(event) or event.history):
            self._fire_what_is_due()
        self._await_dates()
        asked = (tuple(self._outcomes), tuple(self._actions), tuple(self._tasks), tuple(self._grants))
        return Played(self._sorted(), self._fired, *asked)

    def rest(self) -> Played:
        """What is over ends, and nothing begins or fires: nothing happened to the customer."""
        self._end_what_is_over()
        self._await_dates()
        return Played(self._sorted(), self._fired, tuple(self._outcomes), (), (), ())

    def _sorted(self) -> tuple[Wait, ...]:
        """By when they are due. A record's are, so there is nothing to do where none came, changed or went."""
        waits = tuple(self._waits.values())
        if waits == self._s.customer.waits:
            return waits
        return tuple(sorted(waits, key=lambda wait: (wait.due, wait.play, wait.about)))

    # Beginning

    def _is_past(self, event: Event) -> bool:
        """Loaded history begins nothing, nor does time while more history may be on its way."""
        loaded_at = self._s.customer.loaded_at
        is_loading = loaded_at is not None and self._s.now - loaded_at < LOADING
        return event.history or (is_loading and isinstance(event, TimerDue))

    def _begin_all(self, happened: Iterable[Happening]) -> None:
        for happening in happened:
            for play in self._s.policy.by_event.get(happening.type, ()):
                self._begin(play, happening)
        for play, about in self._entered():
            self._begin(play, Happening("entered", about, self._s.now, {}))

    def _begin(self, play: Play, happening: Happening) -> None:
        due = happening.at + play.after
        named = play.condition.event_fields if play.condition else frozenset[str]()
        wait = Wait.made_of(
            play=play.id,
            about=happening.about,
            since=happening.at,
            due=due,
            held=False,
            sent_back=False,
            not_after=None,
            channel=None,
            of=self._s.whose,
            event={name: value for name, value in happening.fields.items() if name in _SUBJECT or name in named},
        )
        before = self._waits.get((play.id, happening.about))
        if before is None or before.since < wait.since:
            self._waits[play.id, happening.about] = wait
            if due > self._s.now:
                self._note(wait, "waits", until=due)

    def _entered(self) -> Iterator[tuple[Play, str]]:
        """Plays that begin because a stage, label or band was entered with this decision."""
        before, standing = self._s.customer, self._s.standing
        is_met = before.version == 0  # whom we meet enters whatever they are in
        if not is_met and (before.stage, before.label, before.band) == (standing.stage, standing.label, self._s.band):
            return
        mark = f"@{iso(self._s.now)}"
        for play in self._s.policy.on_change:
            match play.on:
                case StageEntered(stage=stage) if stage is standing.stage and (is_met or before.stage is not stage):
                    yield play, f"{stage}{mark}"
                case LabelEntered(label=label) if label is standing.label and (is_met or before.label is not label):
                    yield play, f"{label}{mark}"
                case BandEntered(band=band) if band == self._s.band and before.band not in (band, None):
                    yield play, f"{band}{mark}"
                case _:
                    pass

    def _take_back(self, deferred: MessageDeferred) -> None:
        """An action that its sender found no hour for waits again, on the record."""
        data = deferred.data
        if data.play is None or data.about is None or data.until is None:
            return
        wait = Wait(
            play=data.play,
            about=data.about,
            since=deferred.time,
            due=data.until,
            held=True,
            sent_back=True,
            not_after=data.not_after,
            channel=data.channel,
            of=self._s.whose,
            event=dict(data.subject),
        )
        self._waits[data.play, data.about] = wait
        self._note(wait, "held", "sender: " + (data.reason or "quiet hours"), until=data.until)

    def _await_dates(self) -> None:
        """Each play that hangs on a date waits for the next one, and for no other."""
        moved = self._s.facts.about is not self._s.customer.facts.about
        for play in self._s.policy.on_date:
            waiting = [key for key, wait in self._waits.items() if key[0] == play.id and self._is_ahead(wait)]
            is_for_them = isinstance(play.on, OnDate) or self._may_hear(play)
            if waiting and is_for_them and not moved:
                continue
            for key in waiting:
                del self._waits[key]
            if is_for_them and (wait := self._dates.next(play)):
                self._waits[wait.play, wait.about] = wait

    def _may_hear(self, play: Play) -> bool:
        """Who may not be greeted does not wait for a festival: that would be a timer a year for each of them."""
        needs_nobody = play.do.task or play.do.points
        return bool(needs_nobody) or not all(self._barred(play, channel) for channel, _ in play.do.channels)

    def _is_ahead(self, wait: Wait) -> bool:
        """Of a wait for a date. One whose day has come waits for the morning, or for its `after`: it stays."""
        return not wait.held and wait.since > self._s.now

    @cached_property
    def _dates(self) -> Dates:
        return Dates(self._s.customer.id, self._s.facts, self._s.policy, self._s.now)

    # Ending

    def _end_what_is_over(self) -> None:
        course = Course(self._s.facts, self._s.settled)
        for key, wait in list(self._waits.items()):
            if over := _over(self._s.policy.by_id.get(wait.play), wait, course, self._dates):
                del self._waits[key]
                self._note(wait, "ended", over)

    # Firing

    def _fire_what_is_due(self) -> None:
        """The most valuable first: what is asked for counts against the caps of what comes after it."""
        due = [wait for wait in self._waits.values() if wait.due <= self._s.now]
        for wait in sorted(due, key=lambda wait: (-self._s.policy.by_id[wait.play].worth, wait.due)):
            del self._waits[wait.play, wait.about]
            self._fire(self._s.policy.by_id[wait.play], wait)

    def _fire(self, play: Play, wait: Wait) -> None:
        if not self._fits(play, wait):
            if wait.held:  # of this it was said that it waits for its hour
                self._note(wait, "dropped", "no longer fits")
            return
        if refused := self._refused(play, wait):
            self._note(wait, "dropped", refused)
            return
        channels, refusals = self._channels(play, wait)
        if channels and (later := self._later(play, wait, channels)):
            self._hold(wait, *later)
            return
        for channel, reason in refusals:
            self._note(wait, "dropped", f"{channel}: {reason}")
        self._do(play, wait, channels)

    def _fits(self, play: Play, wait: Wait) -> bool:
        """Stage and `if` are as the play wants them. If not, little is said: most plays do not fit most customers."""
        if play.stage and self._s.standing.stage not in play.stage:
            return False
        if play.condition is None or (wait.sent_back and play.condition.event_fields):
            return True  # what came back from its sender fitted, and holds no more of its event than the message did
        return play.condition.holds(self._context(play, wait))

    def _refused(self, play: Play, wait: Wait) -> str | None:
        if self._s.now - max(wait.due, wait.since) > self._s.policy.stale_after:
            return "stale"
        if play.at_most and not wait.sent_back:
            lately = [at for at in self._fired.get(play.id, ()) if at > self._s.now - play.at_most.per]
            if len(lately) >= play.at_most.times:
                return "at_most"
        if play.test and arm_of(play, self._s.customer.id) == "holdout":
            return "holdout"
        if play.do.coupon and self._granted(play.do.coupon) is None:
            return "authority"
        if play.do.points and not self._points(play.do.points):
            return "authority"
        return None

    def _points(self, offer: PointsOffer) -> int:
        """How many of the points the authority table lets go, at the stage that the customer is in."""
        return min(offer.give, self._s.policy.authority[self._s.standing.stage].points)

    def _granted(self, offer: GiftOffer) -> str | None:
        """What the authority table leaves of an offer, at the stage that the customer is in."""
        return self._s.policy.authority[self._s.standing.stage].at_most(offer)

    def _channels(self, play: Play, wait: Wait) -> tuple[Channels, Channels]:
        """(channel, template) that may be used, and (channel, reason) of those that may not.

        What came back to wait leaves by its own channel or not at all, where a play uses only one of them: a copy of it
        may have left meanwhile, and by another channel it would be another message.
        """
        allowed: Channels = []
        refused: Channels = []
        own = wait.channel if play.do.first_of else None
        for channel, template in play.do.channels:
            if own not in (None, channel):
                continue
            if reason := self._forbidden(play, channel):
                refused.append((channel, reason))
            else:
                allowed.append((channel, template))
        if play.do.first_of and allowed:
            return allowed[:1], []
        return allowed, refused

    def _forbidden(self, play: Play, channel: Channel) -> str | None:
        return self._barred(play, channel) or self._capped(play, channel)

    def _barred(self, play: Play, channel: Channel) -> str | None:
        """Why they may not be written to so, however seldom they are."""
        facts, policy = self._s.facts, self._s.policy
        if reason := refusal(facts, play.purpose, channel, policy.consent):
            return reason
        if suppressed := facts.suppressed.get(channel):
            return suppressed.value
        return None

    def _capped(self, play: Play, channel: Channel) -> str | None:
        """Whether a cap is reached: by what has left, or by what this decision asked for before."""
        facts, policy, now = self._s.facts, self._s.policy, self._s.now
        asked = tuple(Send(action.channel, action.purpose, now) for action in self._actions)
        cap = cap_reached((*facts.sends, *asked), policy.caps, play.purpose, channel, now)
        if cap is None or cap_reached(facts.sends, policy.caps, play.purpose, channel, now):
            return "cap" if cap else None
        winner = next(each.play for each in self._actions if cap.governs(each.purpose, each.channel))
        return f"cap: gave way to {winner}"

    def _later(self, play: Play, wait: Wait, channels: Channels) -> Best | None:
        """Until when it waits, and for what; None: now is the time. What was held before does not wait for readers."""
        now, opens = self._s.now, self._opens(play, channels, self._s.now)
        best = None if wait.held else self._best(play, wait, channels, opens)
        best = best or Best(opens, "quiet hours")
        return best if best.at > now else None

    def _best(self, play: Play, wait: Wait, channels: Channels, opens: datetime) -> Best | None:
        """When they mostly read, if that comes soon and all of these channels may be used then."""
        if not (self._s.policy.waits_for_readers(play) and any(channel == "email" for channel, _ in channels)):
            return None
        zone = customer_zones(self._s.facts, self._s.policy.quiet_hours.default_zone)[0]
        latest = min(self._s.now + LONGEST_WAIT, self._dates.last(play, wait))
        return next(
            (
                best
                for best in best_times(self._s.facts.reads, zone, opens)
                if best.at <= latest and self._opens(play, channels, best.at) == best.at
            ),
            None,
        )

    def _opens(self, play: Play, channels: Channels, at: datetime) -> datetime:
        """When all of these channels may be used, `at` at the earliest."""
        facts, hours = self._s.facts, self._s.policy.quiet_hours
        return max(may_leave_at(facts, play.purpose, hours, at, channel) for channel, _ in channels)

    def _hold(self, wait: Wait, until: datetime, because: str) -> None:
        self._waits[wait.play, wait.about] = wait.but({"due": until, "held": True})
        self._note(wait, "held", because, until=until)

    def _do(self, play: Play, wait: Wait, channels: Channels) -> None:
        for channel, template in channels:
            self._actions.append(self._action(play, wait, channel, template))
            self._note(wait, "sent")
        if play.do.task:
            self._tasks.append(self._task(play, wait, play.do.task))
            self._note(wait, "task")
        if play.do.points and not wait.sent_back:  # whose message came back has them already
            self._grants.append(self._grant(play, wait, play.do.points))
            self._note(wait, "points")
        if (channels or play.do.task or play.do.points) and play.at_most and not wait.sent_back:
            times = (*self._fired.get(play.id, ()), self._s.now)
            self._fired[play.id] = times[-play.at_most.times :]

    def _action(self, play: Play, wait: Wait, channel: Channel, template: str) -> Action:
        now, offer = self._s.now, play.do.coupon
        return Action.made_of(
            id=action_id(self._whose(wait), play.id, wait.about, channel),
            customer=self._whose(wait),
            store=self._s.customer.store,
            play=play.id,
            about=wait.about,
            channel=channel,
            template=template,
            purpose=play.purpose,
            decided_at=now,
            not_after=self._last(play, wait),
            policy=self._s.policy.version,
            subject=self._subject(play, wait),
            coupon=self._coupon(offer) if offer else None,
            given_up=False,
        )

    def _last(self, play: Play, wait: Wait) -> datetime:
        """Until when its message may leave."""
        last = self._dates.last(play, wait)
        return min(last, wait.not_after) if wait.not_after else last

    def _coupon(self, offer: GiftOffer) -> Coupon:
        return Coupon.made_of(
            kind=offer.kind,
            value=self._granted(offer),
            expires_at=self._s.now + offer.expires,
            pool=offer.pool,
            minimum=offer.minimum,
            products=offer.products,
            collections=offer.collections,
            code=None,
        )

    def _task(self, play: Play, wait: Wait, task: str) -> Task:
        return Task.made_of(
            id=action_id(self._whose(wait), play.id, wait.about, "task"),
            customer=self._whose(wait),
            store=self._s.customer.store,
            play=play.id,
            task=task,
            decided_at=self._s.now,
            due_at=self._s.now + TASK_TIME,
            policy=self._s.policy.version,
            subject=self._subject(play, wait),
        )

    def _grant(self, play: Play, wait: Wait, offer: PointsOffer) -> Grant:
        """What comes about again is another occasion: its points are those of another event."""
        return Grant(
            id=action_id(self._whose(wait), play.id, wait.about, iso(wait.since), "points"),
            customer=self._whose(wait),
            store=self._s.customer.store,
            play=play.id,
            about=wait.about,
            points=self._points(offer),
            decided_at=self._s.now,
            policy=self._s.policy.version,
            expires_at=self._s.now + offer.expires if offer.expires else None,
            reference=as_reference(wait.event.get("order")),
        )

    def _whose(self, wait: Wait) -> str:
        """Whose the message is. It stays theirs whoever they are merged with, so that it is the same message."""
        return wait.of or self._s.customer.id

    def _subject(self, play: Play, wait: Wait) -> dict[str, str]:
        subject = {name: str(wait.event[name]) for name in SUBJECT if name in wait.event}
        if occasion := self._dates.occasion(play, wait):
            subject["festival"] = occasion.festival
        if play.test:
            subject["variant"] = arm_of(play, self._s.customer.id)
        return subject

    def _context(self, play: Play, wait: Wait) -> Context:
        assert play.condition is not None
        s = self._s
        named = play.condition.customer_fields
        fields = customer_fields(s.facts, s.summary, named) | timed_fields(s, named)
        return Context(fields, {name: wait.event.get(name, EVENT_FIELDS[name]) for name in play.condition.event_fields})

    def _note(self, wait: Wait, did: Did, reason: str | None = None, until: datetime | None = None) -> None:
        self._outcomes.append(Outcome.made_of(play=wait.play, about=wait.about, did=did, reason=reason, until=until))


def _is_report(event: Event) -> bool:
    return isinstance(event, REPORTS) or event.source == OUTBOX


def _over(play: Play | None, wait: Wait, course: Course, dates: Dates) -> str | None:
    """What ended the wait, if it is over."""
    if play is None:
        return "play is no longer in the policy"
    for kind in play.unless:
        if course.has_happened(kind, wait):
            return kind
    if play.on not in NOT_PLAYED and (order := course.order_of(wait)) and order.cancelled_at:
        return "order.cancelled"
    return dates.ended(play, wait)


def arm_of(play: Play, customer: str) -> str:
    """Which arm of the play's test a customer is in, for ever: by a hash of play and customer."""
    assert play.test is not None
    digest = hashlib.blake2b(f"{play.id}\x1f{customer}".encode(), digest_size=8).digest()
    point, edge = int.from_bytes(digest, "big") / 2**64, play.test.holdout
    if point < edge:
        return "holdout"
    for name, share in play.test.variants.items():
        edge += share
        if point < edge:
            return name
    return "default"


def timed_fields(scene: Scene, named: frozenset[str]) -> dict[str, Scalar]:
    """The fields of `customer` that conditions name, of those that time changes too."""
    return {name: _TIMED[name](scene) for name in named if name in _TIMED}


def _days_since(scene: Scene, moment: Moment, never: float) -> float:
    at = scene.summary.moments.get(moment)
    return (scene.now - at).total_seconds() / _DAY if at else never


_LONG = 36_500.0
_TIMED: Mapping[str, Callable[[Scene], Scalar]] = {
    "stage": lambda scene: scene.standing.stage.value,
    "label": lambda scene: scene.standing.label.value,
    "band": lambda scene: scene.band or "",
    "score": lambda scene: (scene.score or 0) / 100,
    "days_since_order": lambda scene: _days_since(scene, "last_order", never=_LONG),
    "days_since_contact": lambda scene: _days_since(scene, "last_contact", never=_LONG),
    "tenure_days": lambda scene: _days_since(scene, "first_order", never=0.0),
    "points": lambda scene: account(scene.facts.points, scene.now).balance,
}
assert _TIMED.keys() == TIMED_FIELDS.keys(), "each field a policy may name has one meaning"
