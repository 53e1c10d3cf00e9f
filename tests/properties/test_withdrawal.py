"""Whatever else happens, and in whichever order: after a withdrawal no marketing leaves until the next yes.

The pages' writes and the senders' claims are interleaved at every step that either takes on the table.
"""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.channels.ledger import Ledger
from perennial.channels.links import Permit
from perennial.channels.outbox import Outbox
from perennial.channels.render import Message
from perennial.domain.actions import Action
from perennial.preferences import Preferences, Wording, stopped_by
from tests.builders import NOON, a_policy, an_event
from tests.house import House, ListQueue
from tests.messaging import a_renderer, an_action

WORDING = Wording("en/0", "test")
STEP = timedelta(seconds=1)
MIA = {"id": "mia", "email": "mia@example.com", "time_zone": "Europe/Madrid", "country": "ES"}
MOVES = st.lists(st.sampled_from(("send", "withdraw", "agree")), min_size=1, max_size=12)


class Letterbox:
    """Remembers what was said at the moment each message left."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.wrongly_sent: list[str] = []
        self.count = 0

    def send(self, message: Message) -> str:
        self.count += 1
        if not self._world.agreed_when_read_last:
            self.wrongly_sent.append(message.action_id)
        return str(self.count)


class World:
    """A customer, the pages in front of them, and a sender of marketing whom the customer may interrupt."""

    def __init__(self) -> None:
        self.house = House(a_policy(caps=[], quiet_hours={"purposes": []}))
        joined = an_event("customer.signed_up", NOON, customer=MIA)
        agreed = an_event("consent.changed", NOON, customer=MIA, channel="email", granted=True)
        assert self.house.hears(joined, agreed) == {}
        self.customer = self.house.record(joined).id
        self.clock = self.house.clock
        self.policy = lambda: self.house.policy
        self.preferences = Preferences(self.house.store, self.house.engine, self.house.lane, self.policy, self.clock)
        self.letters = Letterbox(self)
        self.interruptions: list[str] = []
        self.agreed_when_read_last = True
        self.outbox = Outbox(Reading(self), a_renderer(), self.letters, ListQueue(), self.policy, self.clock)
        self._actions = 0

    @property
    def agreed(self) -> bool:
        record = self.house.store.load([self.customer])[self.customer].customer
        return record.facts.consent["marketing/email"].granted

    def does(self, move: str) -> None:
        self.clock.time += STEP
        permit = Permit("preferences", "demo", self.customer, "email", "marketing", NOON)
        match move:
            case "withdraw":
                self.preferences.stop(permit, WORDING, stopped_by(permit))
                assert not self.agreed
            case "agree":
                self.preferences.choose(permit, frozenset({("marketing", "email"), ("service", "email")}), WORDING)
                assert self.agreed
            case _:
                self._send()

    def _send(self) -> None:
        self._actions += 1
        now = self.clock.now()
        action = an_action(
            id=f"a-{self._actions}", customer=self.customer, purpose="marketing", decided_at=now,
            not_after=now + timedelta(days=3),
        )  # fmt: skip
        self.outbox.send(Action.model_validate_json(action.model_dump_json()))

    def is_interrupted(self) -> None:
        if self.interruptions:
            self.does(self.interruptions.pop())


class Reading(Ledger):
    """As the ledger; before each of its reads and writes the customer may do something."""

    def __init__(self, world: World) -> None:
        super().__init__(world.house.table)  # type: ignore[arg-type]
        self._world = world

    def read(self, action: Action) -> Any:
        self._world.is_interrupted()
        return super().read(action)

    def recipient(self, action: Action) -> Any:
        self._world.is_interrupted()
        found = super().recipient(action)
        self._world.agreed_when_read_last = self._world.agreed
        return found

    def write(self, *given_: Any) -> Any:
        self._world.is_interrupted()
        return super().write(*given_)


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, interruptions=st.lists(st.sampled_from(("withdraw", "agree")), max_size=12))
def test_no_marketing_leaves_after_a_withdrawal_whatever_comes_between(moves: list[str], interruptions: list[str]):
    world = World()

    for move in moves:
        world.interruptions = interruptions[:2] if move == "send" else []
        interruptions = interruptions[2:] if move == "send" else interruptions
        agreed, sent = world.agreed, world.letters.count
        is_undisturbed = not world.interruptions
        world.does(move)
        if move == "send" and is_undisturbed:
            assert world.letters.count - sent == (1 if agreed else 0)

    assert world.letters.wrongly_sent == []
