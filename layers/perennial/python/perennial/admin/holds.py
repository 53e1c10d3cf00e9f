"""The emergency stop for staff: stop messages, see what waits, let it go or give it up. Knows no HTTP.

What waits leaves a hold by way of its sender's queue, whatever is to become of it: senders alone write outcomes down,
and judge again what is let go. What is too old by then expires.

Errors: those of problems.py; and what table and queues raise.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from perennial.admin import answers
from perennial.admin.problems import Fault, NotFound, Unanswerable
from perennial.aws.clock import Clock
from perennial.aws.holds import Holds, Moved, Unknown
from perennial.aws.policies import Policies
from perennial.aws.queues import Message, Queue
from perennial.domain.actions import Action, Channel
from perennial.domain.holds import Hold

MOST_MOVED = 500
"""Messages that one request lets go or gives up: well within the time of a function."""
AT_ONCE = 100
"""As many as one transaction deletes."""
MOST_COUNTED = 5_000
"""Messages that one request counts; a piece of them is read at a time."""
PIECE = 1_000
MOST_SHOWN = 10
"""Of what waits, as a sample."""
MOST_PAST = 50


@dataclass(frozen=True)
class HoldDesk:
    holds: Holds
    policies: Policies
    queues: Mapping[Channel, Queue]
    clock: Clock

    def stop(self, asked: answers.AskedHold, by: str) -> answers.HoldShown:
        """Stop what is asked for. Stopping the same again changes nothing."""
        if asked.play and asked.play not in self.policies.latest().by_id:
            raise Unanswerable("nothing was stopped", [Fault(where="body.play", message="is no play of the policy")])
        return _shown(self.holds.stop(asked.reach, asked.because, by, self.clock.now()))

    def all(self) -> answers.HoldList:
        """What is stopped, and the latest that was."""
        in_force = self.holds.in_force()
        past = tuple(hold for hold in self.holds.ever(MOST_PAST) if hold.released_at)
        return answers.HoldList(in_force=tuple(map(_shown, in_force)), past=tuple(map(_shown, past)))

    def waiting(self, hold_id: str) -> answers.HeldMessages:
        """How much waits under a hold, of which plays, and some of it."""
        hold, actions, is_complete = self._hold(hold_id), list[Action](), False
        cursor: str | None = None
        while len(actions) < MOST_COUNTED and not is_complete:
            page = self.holds.waiting(hold.id, PIECE, cursor)
            actions += page.actions
            cursor, is_complete = page.cursor, page.cursor is None
        return answers.HeldMessages(
            hold=_shown(hold),
            count=len(actions),
            is_complete=is_complete,
            by_play=_counted(action.play for action in actions),
            by_channel=_counted(action.channel for action in actions),
            sample=tuple(map(_held, actions[:MOST_SHOWN])),
            moves=tuple(answers.Moved(**each.model_dump()) for each in self.holds.moves(hold.id, MOST_PAST)),
        )

    def release(self, hold_id: str, by: str) -> answers.HoldMoved:
        """Lift the hold, and let what waits go to its senders, who judge it anew."""
        hold = self._hold(hold_id)
        return self._moved(self.holds.lift(hold.id, by, self.clock.now()), "released", by)

    def discard(self, hold_id: str, by: str) -> answers.HoldMoved:
        """Give up what waits. The hold stays as it is."""
        return self._moved(self._hold(hold_id), "discarded", by)

    def _hold(self, hold_id: str) -> Hold:
        try:
            return self.holds.find(hold_id)
        except Unknown:
            raise NotFound("there never was such a hold") from None

    def _moved(self, hold: Hold, did: Literal["released", "discarded"], by: str) -> answers.HoldMoved:
        moved = 0
        while moved < MOST_MOVED and (actions := self.holds.waiting(hold.id, AT_ONCE).actions):
            self._hand_on([action.but({"given_up": True}) if did == "discarded" else action for action in actions])
            self.holds.forget(hold.id, actions)
            moved += len(actions)
        self.holds.note(Moved(hold=hold.id, at=self.clock.now(), by=by, did=did, messages=moved))
        return answers.HoldMoved(hold=_shown(hold), messages=moved, more=bool(self.holds.waiting(hold.id, 1).actions))

    def _hand_on(self, actions: Iterable[Action]) -> None:
        """To the senders. What is sent and not forgotten goes twice, and leaves once: by its claim."""
        by_channel: dict[Channel, list[Message]] = {}
        for action in actions:
            body = Message(action.model_dump_json(exclude_defaults=True))
            by_channel.setdefault(action.channel, []).append(body)
        for channel, messages in by_channel.items():
            self.queues[channel].send(messages)


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _shown(hold: Hold) -> answers.HoldShown:
    return answers.HoldShown(**hold.model_dump(exclude={"reach"}), **hold.reach.model_dump())


def _held(action: Action) -> answers.HeldMessage:
    return answers.HeldMessage(**{name: getattr(action, name) for name in answers.HeldMessage.model_fields})
