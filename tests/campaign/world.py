"""One run: a plan, lived through in the weather of its seed, and reckoned up once the weather has cleared."""

import io
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from infra.local.time_machine import whole_minute
from perennial.aws import coupons, holds, wiring
from perennial.aws.link_secret import LinkSecret
from perennial.aws.queues import Message as QueueMessage
from perennial.aws.secrets import SecretsManagerSecrets
from perennial.aws.sender_keys import SenderKeys
from perennial.channels.render import Message
from tests.campaign import vendors
from tests.campaign.agenda import Agenda
from tests.campaign.broken import Broken
from tests.campaign.chance import Chance
from tests.campaign.circumstances import Circumstances
from tests.campaign.cloud import (
    STALEST,
    FaultyLetters,
    FaultyProvider,
    FaultyQueue,
    FaultyTable,
    Lots,
    SecretsClient,
    SkewedClock,
)
from tests.campaign.coupons import POOL, imported
from tests.campaign.desk import Desk
from tests.campaign.erasures import Wish
from tests.campaign.families import Said
from tests.campaign.functions import IDENTITY_SECRET, SETTINGS, Fleet, WatchedPolicies, handlers, renderer
from tests.campaign.goodname import GoodName
from tests.campaign.keys import Keys
from tests.campaign.lanes import QUEUES, Lanes
from tests.campaign.listeners import FaultyVisibility, Listeners
from tests.campaign.listening import BY_STAFF, Change
from tests.campaign.looks import Looks
from tests.campaign.office import Office
from tests.campaign.people import owner_of
from tests.campaign.plan import DAY, HOUR, MINUTE, Act, Plan, Step
from tests.campaign.points import Goodwill, Move
from tests.campaign.policies import variant
from tests.campaign.posts import Posts
from tests.campaign.readers import Readers
from tests.campaign.redeeming import Buyers
from tests.campaign.script import Script
from tests.campaign.shop import KEYS, Shop
from tests.campaign.sightings import Graves
from tests.campaign.staff import Staff
from tests.campaign.stops import Stops
from tests.campaign.tellings import Tellings
from tests.campaign.texts import Texts
from tests.campaign.turns import Environment, Result, Turns
from tests.campaign.vendors import Post
from tests.campaign.watch import Watch
from tests.campaign.weather import Weather
from tests.campaign.web import Web
from tests.stale import StaleIndexes

MOST_THINGS = 200_000
"""More than this in one run, and it will never come to rest."""
DEAD_AFTER = timedelta(days=13)
"""Queues forget a message after 14 days: before that somebody looks at the dead letters."""
AFTER_SWEEP = timedelta(seconds=30)
"""A run ends so long after a whole minute: time for the last sweep's timers, none for what is due after it."""
KNOCKED_BEFORE = 0.5
"""Seconds before a new key that somebody looked at the old ones."""
SWEEP_PATIENCE = (MINUTE,) * 12 + (10 * MINUTE,) * 12 + (HOUR,) * 24 + (DAY,)
"""How long until the next sweep, by how many swept the same in vain: each minute of a month tells nothing new."""


class World:
    def __init__(
        self, plan: Plan, chance: Chance, weather: Weather, *, is_told: bool = False, is_full: bool = False
    ) -> None:
        """is_told: keep a script; is_full: with every call in it."""
        self.plan = plan
        self.agenda = Agenda(plan.begins)
        self.script = Script(self.agenda, is_kept=is_told, is_full=is_full)
        self.circumstances = c = Circumstances(self.agenda, chance, weather, self.script)
        self.log = io.StringIO()
        self.database = Database()
        self.watch = Watch(lambda: self.agenda.now, Graves(IDENTITY_SECRET))
        self.turns = Turns(c)
        self.table = FaultyTable(self._table, self.turns, self.watch)
        self.fleet = Fleet(c, self._parts)
        self.listeners = Listeners(c, self.turns, self.watch, plan.listeners, KEYS[plan.shop])
        self._handlers = {**(own := handlers(self.log)), "notices": self.listeners.handling(own["notices"])}
        self._staff = Staff(self.turns, self.fleet)
        self.lanes = Lanes(c, self.turns, self.fleet, self.database, self._handlers)
        self.posts = Posts(c, self.turns, self.fleet, self._handlers["webhooks"])
        self.shop = Shop(plan.shop, self.turns)
        self.web = Web(c, self.turns, self.fleet, self._handlers)
        self.office = Office(c, self.web)
        self.stops = Stops(self.office, self.watch)
        self.tellings = Tellings(c, self.lanes.carry)
        bare = SqliteTable(self.database)
        self.keys = Keys(lambda: self.agenda.now)
        self.texts = Texts(c, self.tellings, self.posts)
        self.readers = Readers(c, self.web, self.watch, bare, self.texts, self.keys)
        self.good_name = GoodName(c, self.turns, self.fleet, self._handlers["watch"], self.watch)
        self.lanes.took_down = self.good_name.took_down
        if plan.has_others:
            self.good_name.fill(bare, plan.begins.date())
        _drawing_by(Lots(plan.seed, self.turns))
        self.desk = Desk(c, self.web)
        self.goodwill = Goodwill(c, self.web, self.desk)
        self.buyers = Buyers(c, self.posts, self.watch.coupons)
        self._looks = Looks(c, self.turns, self.fleet, self._handlers["watch"], self.watch.next_look)
        self._sweeps = _Sweeps(plan.begins)
        self._things = 0

    # From beginning to end

    def live(self) -> None:
        """Everything that the plan says, in any weather. Raises `Broken`."""
        for step in self.plan.steps:
            self.agenda.at(step.at, lambda step=step: self._begin(step))  # type: ignore[misc]
        self._pass_time(self.plan.ends)

    def clear_up(self) -> None:
        """The weather clears, and everybody does what was left undone. Raises `Broken`."""
        self.circumstances.chance.is_calm = True
        self.script.said("the weather", lambda: "clears")
        self._pass_time(self.agenda.now + 10 * MINUTE)
        self.fleet.retire()
        self._staff.finish()
        self.listeners.finish()
        if self.plan.seed % 3:
            self.stops.release_all()
        for _ in range(12):
            self.desk.finish()
            self.goodwill.finish()
            again = self.posts.send_again() + sum(map(self.lanes.redrive, QUEUES))
            self._pass_time(self.agenda.now + 10 * MINUTE)
            if not again and not self.lanes.waiting and not self.agenda.next_at:
                break
        self._pass_time(whole_minute(self.agenda.now + self.plan.goes_on_for) + AFTER_SWEEP)
        self._look_at_what_waits()

    def _look_at_what_waits(self) -> None:
        """In no time: the last sweep was for now."""
        now = self.agenda.now
        self.stops.count()
        self.agenda.now = now

    def close(self) -> None:
        self.turns.end_all()
        wiring.reset()
        _drawing_by(secrets)
        self.database.close()

    def _pass_time(self, until: datetime) -> None:
        """Do what is due by then, sweeping when something is due on the index."""
        while True:
            self._looks.remind()
            sweep, thing = self._next_sweep(), self.agenda.next_at
            if sweep and sweep <= until and (thing is None or sweep < thing):
                self.agenda.now = max(self.agenda.now, sweep)
                self._sweep()
            elif thing and max(thing, self.agenda.now) <= until:
                self._count()
                self.agenda.do_next()
            else:
                break
        self.agenda.now = max(self.agenda.now, until)

    def _count(self) -> None:
        self._things += 1
        if self._things > MOST_THINGS:
            raise Broken("it comes to rest", f"{MOST_THINGS} things have happened, and there are more")

    # The sweep

    def _next_sweep(self) -> datetime | None:
        due = self.watch.next_due()
        return self._sweeps.next_at(due) if due else None

    def _sweep(self) -> None:
        self._count()
        self._sweeps.swept(self.agenda.now, sum(self.watch.versions.values()))
        name = f"sweep/{self.agenda.now:%m-%dT%H:%M}"
        self._sweep_once(name)
        if self.circumstances.happens(f"{name}+", "sweep", "sweep: overlapped"):
            self.agenda.after(0.01, lambda: self._sweep_once(f"{name}+"))

    def _sweep_once(self, name: str) -> None:
        environment = self.fleet.take("sweep", 4)
        if environment is None:
            return

        def done(result: Result) -> None:
            self.circumstances.faults["sweep: crashed"] += result.crashed
            self.fleet.give_back(environment, crashed=result.crashed)

        self.turns.start(name, environment, lambda: self._handlers["sweep"]({}), done)

    # Steps of the plan

    def _begin(self, step: Step) -> None:
        match step:
            case Post():
                self.posts.send(step)
            case Said() | Wish():
                self.script.said("staff", lambda: step.deed)
                self.circumstances.faults[f"staff: {step.deed}"] += 1
                self.desk.does(step)
            case Move():
                self.script.said("staff", lambda: f"{step.deed} ({step.points:+})")
                self.circumstances.faults[f"staff: {step.deed}"] += 1
                self.goodwill.does(step)
            case Change():
                self.script.said(step.about, lambda: step.deed)
                self.circumstances.faults.update({f"staff: {step.deed}"} if step.deed in BY_STAFF else ())
                self.listeners.does(step)
            case Act():
                self.script.said("staff", lambda: step.name)
                self.circumstances.faults[f"staff: {step.deed}"] += 1
                self._do(step)

    def _do(self, act: Act) -> None:
        match act.deed:
            case "change policy":
                self._staff.change_policy(act.about)
            case "replay quarantine":
                self._staff.replay_newest()
                self._staff.replay_newest()
            case "rotate secret":
                self.posts.secrets.rotate(act.about)
            case "retire secret":
                self.posts.secrets.retire(act.about)
            case "rotate key":
                self.readers.knock()
                self.agenda.after(KNOCKED_BEFORE, self.keys.rotate)
            case "retire key":
                self.keys.retire()
            case "redrive":
                self.lanes.redrive(act.about)
            case "stop the world":
                self._stop(timedelta(days=int(act.about)))
            case "stop":
                self.stops.stop(act.about)
            case "release":
                self.stops.release(act.about)
            case "discard":
                self.stops.discard(act.about)
            case "look":
                self.stops.look()
            case "fill pool":
                self._fill(imported(*map(int, act.about.split())))

    def _fill(self, codes: Sequence[str]) -> None:
        table, pool = "\n".join(["code", *codes]), {"id": POOL}
        self.office.ask("fill pool", "POST", "/coupons/pools/{id}", self._filled, parameters=pool, table=table)

    def _filled(self, told: Mapping[str, Any]) -> None:
        self.circumstances.said("staff", lambda: f"hear that {told['added']} codes were added")

    def _stop(self, length: timedelta) -> None:
        """Nothing happens anywhere, and then everything is late. No longer than queues keep what they hold."""
        if not (self.lanes.is_idle and self.turns.is_idle):
            length = min(length, DEAD_AFTER)
        self.agenda.now += length

    # What stands for AWS

    def _table(self, lag: Any) -> StaleIndexes:
        return StaleIndexes(SqliteTable(self.database), STALEST, lag)

    def _parts(self, environment: Environment) -> dict[str, Any]:
        clock = SkewedClock(lambda: self.agenda.now, environment, self.turns)
        provider = FaultyProvider(self._taken, self.texts.is_on_the_list, self.turns, self.watch)
        link_keys = SecretsClient(self.keys.books, self.turns, self.keys.was_stale)
        return {
            "settings": SETTINGS,
            "clock": clock,
            "table": self.table,
            "secrets": SecretsManagerSecrets(SecretsClient(self.posts.secrets.books, self.turns), "webhooks", clock),
            "identity_secret": IDENTITY_SECRET,
            "link_secret": LinkSecret(link_keys, "links", clock),
            "email_provider": provider,
            "sender_keys": SenderKeys(self.listeners.secret, clock),
            "https": self.shop,
            "sms_provider": provider,
            "outside": self.listeners,
            "notices_visibility": FaultyVisibility(self._put_off, self.listeners, self.turns),
            "dead_letters": {name: FaultyLetters(name, self.lanes.letters(name), self.turns) for name in QUEUES},
            "places_outside": (),
            "renderer": renderer(),
            "policies": WatchedPolicies(self.table, clock, variant(self.plan.policy)),
            **{f"queue_{name}": self._queue(name) for name in (*QUEUES, "fetches")},
        }

    def _put_off(self, receipt: str, span: timedelta) -> None:
        self.lanes.put_off("notices", receipt, span)

    def _queue(self, name: str) -> FaultyQueue:
        carry = self._carry_notices if name == "notices" else self.lanes.carry
        return FaultyQueue(name, carry, lambda: self.lanes.backlog(name), self.turns)

    def _carry_notices(self, queue: str, messages: Sequence[QueueMessage]) -> None:
        self.listeners.emitted(messages)
        self.lanes.carry(queue, messages)

    def _taken(self, message: Message) -> None:
        """The provider has it, and will say what becomes of it: soon or late, even before we say that we sent it."""
        action = json.loads(self.lanes.actions[message.action_id])
        self.watch.coupons.handed_over(action, message, self.shop)
        self.readers.got(message)
        self.buyers.got(message)
        outcome = self.circumstances.happens(f"mail {message.action_id}", "mail")
        if outcome is None:
            return
        self.circumstances.faults[f"provider: message {outcome}"] += 1
        seconds = (0.0, 0.5, 90.0, 4000.0, 400_000.0)[int(message.action_id[0], 16) % 5]
        self.agenda.after(seconds, lambda: self._tell(message, str(outcome)))

    def _tell(self, message: Message, outcome: str) -> None:
        """By the topic that providers tell by, or by the open API, as some other system would."""
        if outcome == "sent" or int(message.action_id[2], 16) % 2:
            self.tellings.tell(message, outcome)
        else:
            self.posts.send(self._said(message, outcome))

    def _said(self, message: Message, outcome: str) -> Post:
        who = owner_of(message.to)
        said = vendors.event(f"message.{outcome}", who, action=message.action_id, channel=message.channel)
        return vendors.open_api(f"{outcome}-{message.action_id[:8]}", self.agenda.now, who, said)


def _drawing_by(lots: object) -> None:
    """What draws names of holds, and codes out of a pool, draws by these from now on."""
    for module in (holds, coupons):
        vars(module)["secrets"] = lots


class _Sweeps:
    """When to sweep: each minute, and less often for what stays due whatever is done."""

    def __init__(self, last: datetime) -> None:
        self._last = last
        self._state = 0
        self._in_vain = 0

    def next_at(self, due: datetime) -> datetime:
        patience = SWEEP_PATIENCE[min(self._in_vain, len(SWEEP_PATIENCE) - 1)]
        return max(whole_minute(due), self._last + patience)

    def swept(self, now: datetime, state: int) -> None:
        """`state` is some other number whenever a record has changed."""
        self._last = whole_minute(now)
        self._in_vain = self._in_vain + 1 if state == self._state else 0
        self._state = state
