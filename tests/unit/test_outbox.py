"""Each action leaves at most once and ends in one outcome, whatever fails on the way."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.documents import messages
from perennial.aws.queues import Message as QueueMessage
from perennial.aws.queues import NotSent
from perennial.aws.store import content_key, messaging_key, profile_key, record_key
from perennial.aws.table import Busy, Delete, Item, Key, Page, Put, Refused, Write
from perennial.channels.catalogue import read_catalogue
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.ledger import Ledger
from perennial.channels.messaging import KEPT_AFTER, Claim, Messaging
from perennial.channels.outbox import ATTEMPTS, Contended, Outbox
from perennial.channels.provider import OptedOut, OutcomeUnknown, Rejected, Unavailable
from perennial.channels.render import Message
from perennial.channels.verdict import PATIENCE, StillSending
from perennial.domain.customer import Consent, Known, Send
from perennial.domain.events import Event, MessageDeferred, MessageFailed, MessageSent, Person, parse_event
from perennial.domain.permission import Cap
from tests.messaging import LOCALES, NOON, a_customer, a_person, a_policy, a_profile, a_renderer, an_action, known

DAY = timedelta(days=1)
TICK = timedelta(milliseconds=1)
NIGHT = NOON.replace(hour=3)
ONE_A_DAY = Cap(purposes=("service", "marketing"), at_most=1, per=DAY)


@dataclass
class Carrier:
    """A provider that keeps what it was given, and says what it was told to say first."""

    answers: list[Exception] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> str:
        self.taken.append(message)
        if self.answers:
            raise self.answers.pop(0)
        return f"provider-{len(self.taken)}"


@dataclass
class Outcomes:
    """A queue that can be out of order."""

    bodies: list[str] = field(default_factory=list)
    broken: bool = False

    def send(self, messages: Iterable[QueueMessage]) -> int:
        if self.broken:
            raise NotSent("not now")
        self.bodies += [message.body for message in messages]
        return len(self.bodies)

    def backlog(self) -> int:
        return len(self.bodies)

    @property
    def events(self) -> list[Event]:
        return [parse_event(body) for body in self.bodies]


@dataclass
class FaultyTable:
    """The table on SQLite; before each write it runs the next of `before`, after it the next of `after`."""

    within: SqliteTable
    before: list[Callable[[], None]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    reads: list[Sequence[Key]] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)
    """What the next reads raise."""

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        self.reads.append(keys)
        if self.failing:
            raise self.failing.pop(0)
        return self.within.get(keys)

    def write(self, writes: Sequence[Write]) -> None:
        if self.before:
            self.before.pop(0)()
        self.within.write(writes)
        if self.after:
            self.after.pop(0)()

    def query(self, pk: str, **options: Any) -> Page:
        return self.within.query(pk, **options)

    def index(self, name: str, partition: str, **options: Any) -> Page:
        return self.within.index(name, partition, **options)


@dataclass
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    wall = now


class House:
    """An outbox and all that is around it, with one customer."""

    def __init__(self, person: Person | None = None, **facts: Any) -> None:
        self.table = FaultyTable(SqliteTable(Database()))
        self.carrier, self.outcomes, self.clock = Carrier(), Outcomes(), Clock()
        self.policy, self.renderer = a_policy(), a_renderer()
        self.knows(person, **facts)

    def knows(self, person: Person | None = None, **facts: Any) -> None:
        """Put the customer there, as they are now."""
        self.put(record_key("c-1"), a_customer(**facts).model_dump_json(exclude_defaults=True))
        self.put(profile_key("c-1"), a_profile(person).model_dump_json(exclude_defaults=True))

    def put(self, key: Key, body: str) -> None:
        self.table.within.write([Put(Item(key, body))])

    @property
    def outbox(self) -> Outbox:
        ledger = Ledger(self.table)
        return Outbox(ledger, self.renderer, self.carrier, self.outcomes, lambda: self.policy, self.clock)

    def send(self, **action: Any) -> Any:
        return self.outbox.send(an_action(**action))

    @property
    def claims(self) -> dict[str, Claim]:
        item = self.table.within.get([messaging_key("c-1")]).get(messaging_key("c-1"))
        return dict(Messaging.model_validate_json(item.body).claims) if item else {}

    def died_sending(self, **action: Any) -> None:
        """Leave the claim of a sender that never came back."""
        claim = Claim.of(an_action(**action), "somebody", self.clock.at)
        messaging = Messaging(claims={**self.claims, "a-1": claim})
        item = Item(messaging_key("c-1"), messaging.model_dump_json(), {"version": 7})
        self.table.within.write([Put(item)])


def raising(error: Exception) -> Callable[[], None]:
    def fault() -> None:
        raise error

    return fault


def nothing() -> None:
    """No fault this time."""


# Sending


def test_a_message_is_sent_and_said_to_be():
    house = House()

    house.send()

    [message], [event] = house.carrier.taken, house.outcomes.events
    assert (message.to, message.template, message.action_id) == ("mia@example.com", "welcome", "a-1")
    assert isinstance(event, MessageSent)
    assert (event.customer, event.store, event.time, event.data.provider_id) == ("c-1", "demo", NOON, "provider-1")
    assert event.data.action == "a-1"
    assert house.claims["a-1"].state == "sent"


def test_what_became_of_a_message_names_the_version_of_its_text_however_often_it_is_told():
    house = House()
    house.renderer = a_renderer(read_catalogue(messages(), {"welcome": 3}))
    house.send()
    house.renderer = a_renderer(read_catalogue(messages(), {"welcome": 4}))

    house.send()

    assert [event.data.template_version for event in house.outcomes.events] == [3, 3]


def test_what_may_have_left_names_the_version_of_its_text_too():
    house = House()
    house.renderer = a_renderer(read_catalogue(messages(), {"welcome": 3}))
    house.carrier.answers.append(OutcomeUnknown("lost"))

    house.send()

    [event] = house.outcomes.events
    assert (event.type, event.data.template_version) == ("message.failed", 3)


def test_an_outcome_says_what_was_looked_at_however_often_it_is_told():
    house = House(about=known(time_zone="Europe/Madrid", country="ES"))
    house.policy = a_policy(caps=(ONE_A_DAY, Cap(purposes=("marketing",), at_most=3, per=7 * DAY)))

    house.send(purpose="marketing")
    house.policy = a_policy(version=9)
    house.send(purpose="marketing")

    [first, second] = house.outcomes.events
    assert first == second
    assert first.data.checked == (
        "policy 1",
        "consent opt_in, given 2026-06-15T12:00:00.000Z",
        "clock Europe/Madrid 2026-06-15 14:00",
        "cap 0 of 1 in 1d, service+marketing by any channel",
        "cap 0 of 3 in 7d, marketing by any channel",
    )


def test_who_may_be_in_several_zones_is_told_of_by_the_first_and_the_last():
    house = House(a_person(phone=None), about=known(country="US"))
    house.clock.at = NOON.replace(hour=20)

    told = house.send().data.checked

    assert [line for line in told if line.startswith("clock")] == [
        "clock Pacific/Honolulu 2026-06-15 10:00",
        "clock America/New_York 2026-06-15 16:00",
    ]


def test_an_sms_goes_to_the_number_in_international_form():
    house = House(person=a_person(phone="612 345 678", country="ES"))

    house.send(channel="sms", template="out_for_delivery")

    assert house.carrier.taken[0].to == "+34612345678"


def test_a_copy_of_the_action_is_not_sent_but_its_outcome_told_again():
    house = House()
    house.send()
    house.clock.at += 2 * DAY

    house.send()

    assert len(house.carrier.taken) == 1
    assert house.outcomes.bodies[0] == house.outcomes.bodies[1]


def test_everything_about_a_message_is_read_in_one_call_and_the_customer_once_more():
    house = House()
    house.put(content_key("c-1", "cart:7"), '{"url": "https://shop.example/cart/7"}')

    house.send(template="abandoned_cart", subject={"cart": "7"})

    assert [[key.sk for key in keys] for keys in house.table.reads] == [
        ["RECORD", "PROFILE", "HOLDS", "CONTENT#cart:7", "MESSAGING"],
        ["RECORD", "PROFILE", "HOLDS", "CONTENT#cart:7"],
    ]
    assert "https://shop.example/cart/7" in house.carrier.taken[0].body


def test_of_many_copies_at_once_one_is_sent():
    house = House()

    def attempt(_: int) -> bool:
        try:
            house.send()
        except (StillSending, Contended):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(40)))
    house.send()

    assert len(house.carrier.taken) == 1
    assert {(event.type, event.id) for event in house.outcomes.events} == {("message.sent", "a-1:outcome")}


def test_the_provider_is_given_what_it_takes_to_tell_the_same_outcome():
    house = House()
    told = house.send()

    by_provider = house.carrier.taken[0].label.sent("email", told.data.provider_id)

    assert by_provider is not None
    assert (by_provider.source, by_provider.id, by_provider.time) == (told.source, told.id, told.time)
    fields = {"action", "channel", "play", "template", "purpose", "provider_id"}
    assert by_provider.data.model_dump(include=fields) == told.data.model_dump(include=fields)


def test_many_actions_at_once_keep_within_the_cap():
    house = House()
    house.policy = a_policy(caps=(Cap(purposes=("service",), at_most=3, per=DAY),))

    def attempt(n: int) -> None:
        try:
            house.send(id=f"a-{n}")
        except Contended:
            attempt(n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(12)))

    assert len(house.carrier.taken) == 3
    assert sorted(event.type for event in house.outcomes.events) == ["message.failed"] * 9 + ["message.sent"] * 3


# What may not leave


def failed(house: House, reason: str, **action: Any) -> None:
    outcome = house.send(**action)

    assert isinstance(outcome, MessageFailed)
    assert outcome.data.reason == reason
    assert house.carrier.taken == []


@pytest.mark.parametrize(
    ("reason", "facts"),
    [
        ("no consent", {"consent": {}}),
        ("consent withdrawn", {"consent": {"marketing/email": Consent(False, NOON)}}),
        ("no address", {"reach": {"sms"}}),
        ("customer deleted", {"deleted_at": NOON}),
        ("bounced", {"suppressed": {"email": Known("bounced", NOON)}}),
    ],
)
def test_what_forbids_contact_is_asked_again_when_the_message_leaves(reason: str, facts: dict[str, Any]):
    failed(House(**facts), reason, purpose="marketing")


@pytest.mark.parametrize("person", [a_person(email=None, phone=None), a_person(email=None, phone="123")])
@pytest.mark.parametrize(("channel", "template"), [("email", "welcome"), ("sms", "dispatched")])
def test_a_profile_without_a_usable_address_cannot_be_reached(person: Person, channel: str, template: str):
    failed(House(person=person), "no address", channel=channel, template=template)


def test_a_message_is_good_until_its_last_moment():
    in_time, late = House(), House()
    late.clock.at += TICK

    assert isinstance(in_time.send(not_after=NOON), MessageSent)
    failed(late, "expired", not_after=NOON)


def test_a_cap_drops_what_goes_beyond_it():
    house = House()
    house.policy = a_policy(caps=(ONE_A_DAY,))

    first, second = house.send(id="a-1"), house.send(id="a-2")
    house.clock.at += DAY
    third = house.send(id="a-3")

    assert [outcome.data.reason for outcome in (first, second, third)] == [None, "cap", None]
    assert len(house.carrier.taken) == 2


def test_what_was_dropped_stays_dropped():
    house = House(consent={})
    first = house.send(purpose="marketing")
    house.knows(consent={"marketing/email": Consent(True, NOON)})

    second = house.send(purpose="marketing")

    assert first == second
    assert house.carrier.taken == []


def test_an_erased_customer_is_not_brought_back():
    house = House()
    house.table.within.write([Delete(record_key("c-1")), Delete(profile_key("c-1"))])

    assert house.send() is None

    assert (house.claims, house.outcomes.bodies, house.carrier.taken) == ({}, [], [])


# Quiet hours


def test_in_quiet_hours_the_message_goes_back_to_wait_once():
    house = House(a_person(phone=None))
    house.clock.at = NIGHT

    house.send(subject={"order": "1"})
    house.clock.at += timedelta(hours=1)
    house.send(subject={"order": "1"})

    [first, second] = house.outcomes.events
    assert first == second
    assert isinstance(first, MessageDeferred)
    assert (first.data.until, first.data.about, first.data.subject) == (
        NIGHT.replace(hour=9),
        "signed-up",
        {"order": "1"},
    )
    assert (house.claims, house.carrier.taken) == ({}, [])


def test_in_the_morning_it_leaves():
    house = House()
    house.clock.at = NIGHT
    until = house.send().data.until

    house.clock.at = until
    outcome = house.send()

    assert isinstance(outcome, MessageSent)


def test_the_night_is_the_customers_own():
    house = House(about=known(time_zone="America/Los_Angeles"))

    assert house.send().data.until == NOON.replace(hour=16)


def test_the_night_is_that_of_the_phone_too():
    house = House(a_person(phone="+1 808 555 2671"), about=known(time_zone="America/New_York"))

    assert house.send().data.until == NOON.replace(hour=19)  # nine in Honolulu


def test_a_phone_from_where_the_customer_is_changes_nothing():
    house = House(a_person(phone="+1 212 555 2671"), about=known(time_zone="America/New_York"))

    assert house.send().data.until == NOON.replace(hour=13)


def test_a_message_that_would_be_too_old_by_morning_is_dropped():
    house = House(a_person(phone=None))
    house.clock.at = NIGHT

    failed(house, "expired", not_after=NIGHT.replace(hour=9) - TICK)


def test_a_cap_is_asked_in_the_morning_not_at_night():
    house = House()
    house.policy = a_policy(caps=(ONE_A_DAY,))
    house.clock.at = NOON - timedelta(hours=17)
    house.send(id="a-0", purpose="transactional")
    house.clock.at = NIGHT

    assert isinstance(house.send(), MessageDeferred)


# What providers say


def test_a_refused_message_failed_and_is_not_tried_again():
    house = House()
    house.carrier.answers = [Rejected("MessageRejected")]

    first, second = house.send(), house.send()

    assert isinstance(first, MessageFailed)
    assert first == second
    assert first.data.reason == "MessageRejected"
    assert len(house.carrier.taken) == 1


def test_a_stop_that_only_the_provider_heard_holds_here_too_however_often_it_is_told():
    house = House()
    house.carrier.answers = [OptedOut("twilio 21610")]

    house.send(channel="sms", template="out_for_delivery")
    told = house.outcomes.events
    house.send(channel="sms", template="out_for_delivery")

    failed, *objections = told
    assert (failed.type, failed.data.reason) == ("message.failed", "opted out: twilio 21610")  # type: ignore[union-attr]
    assert [(each.data.purpose, each.data.channel, each.data.granted) for each in objections] == [  # type: ignore[union-attr]
        ("marketing", "sms", False),
        ("service", "sms", False),
    ]
    assert {each.customer for each in told} == {"c-1"}
    assert house.outcomes.events == [*told, *told]


def test_a_message_that_was_refused_for_another_reason_withdraws_nothing():
    house = House()
    house.carrier.answers = [Rejected("twilio 21211")]

    house.send(channel="sms", template="out_for_delivery")

    assert [each.type for each in house.outcomes.events] == ["message.failed"]


def test_a_refused_message_does_not_count_for_caps():
    house = House()
    house.policy = a_policy(caps=(ONE_A_DAY,))
    house.carrier.answers = [Rejected("MessageRejected")]
    house.send(id="a-1")

    assert isinstance(house.send(id="a-2"), MessageSent)


def test_a_provider_that_takes_nothing_now_gives_the_action_back_to_the_queue():
    house = House()
    house.carrier.answers = [Unavailable("TooManyRequestsException")]

    with pytest.raises(Unavailable):
        house.send()

    assert (house.claims, house.outcomes.bodies) == ({}, [])
    assert isinstance(house.send(), MessageSent)


@pytest.mark.parametrize("purpose", ["transactional", "service", "marketing"])
def test_a_message_whose_answer_was_lost_is_never_sent_again(purpose: str):
    house = House()
    house.carrier.answers = [OutcomeUnknown("ReadTimeoutError")]

    first = house.send(purpose=purpose)
    house.clock.at += DAY
    second = house.send(purpose=purpose)

    assert first == second
    assert first.data.reason == "outcome unknown"
    assert len(house.carrier.taken) == 1


def test_a_message_that_may_have_left_counts_for_caps():
    house = House()
    house.policy = a_policy(caps=(ONE_A_DAY,))
    house.carrier.answers = [OutcomeUnknown("ReadTimeoutError")]
    house.send(id="a-1")

    assert house.send(id="a-2").data.reason == "cap"


# Senders that die, and writes that fail


def test_while_another_sender_is_at_work_a_copy_waits():
    house = House()
    house.died_sending()
    house.clock.at += PATIENCE - TICK

    with pytest.raises(StillSending):
        house.send()

    assert (house.carrier.taken, house.outcomes.bodies) == ([], [])


def test_a_copy_that_comes_while_the_provider_is_at_work_waits_too():
    house = House()
    refused: list[type[Exception]] = []

    def copy(message: Message) -> str:
        """The queue brings the action to another sender while this one's message is on its way."""
        house.carrier.taken.append(message)
        if not refused:
            with pytest.raises(StillSending) as waits:
                house.send()
            refused.append(waits.type)
        return "provider-1"

    house.carrier.send = copy  # type: ignore[method-assign]

    assert isinstance(house.send(), MessageSent)
    assert refused == [StillSending]
    assert len(house.carrier.taken) == 1


def test_what_a_dead_sender_left_behind_is_never_sent_again():
    house = House()
    house.died_sending()
    house.clock.at += PATIENCE

    first = house.send()
    second = house.send()

    assert first == second
    assert (first.data.reason, first.time) == ("outcome unknown", NOON)
    assert house.carrier.taken == []


def test_a_claim_that_could_not_be_written_sends_nothing():
    house = House()
    house.table.before = [raising(Busy())]

    with pytest.raises(Busy):
        house.send()

    assert house.carrier.taken == []
    assert isinstance(house.send(), MessageSent)


def test_a_claim_whose_answer_was_lost_is_known_for_our_own():
    house = House()

    def lose_the_answer() -> None:
        """What botocore makes of it: it writes again, and is refused by its own first write."""
        found = house.table.within.get([messaging_key("c-1")])[messaging_key("c-1")]
        raise Refused([True], [found])

    house.table.after = [lose_the_answer]

    assert isinstance(house.send(), MessageSent)
    assert len(house.carrier.taken) == 1
    assert house.claims["a-1"].state == "sent"


def test_a_race_for_the_claims_is_decided_again_from_what_the_winner_wrote():
    house = House()
    house.policy = a_policy(caps=(ONE_A_DAY,))
    house.table.before = [lambda: house.died_sending(id="a-0") or house.table.before.clear()]

    outcome = house.send(id="a-2")

    assert outcome.data.reason == "cap"
    assert house.carrier.taken == []


def test_who_loses_every_race_leaves_it_to_the_queue():
    house = House()

    def win() -> None:
        item = house.table.within.get([messaging_key("c-1")]).get(messaging_key("c-1"))
        version = int(item.attributes["version"]) if item else 0
        house.table.within.write([Put(Item(messaging_key("c-1"), "{}", {"version": version + 1}))])

    house.table.before = [win] * ATTEMPTS

    with pytest.raises(Contended):
        house.send()
    assert house.carrier.taken == []


def test_an_outcome_is_told_even_if_it_could_not_be_written_down():
    house = House()
    house.table.before = [nothing, raising(Busy())]

    with pytest.raises(Busy):
        house.send()
    house.clock.at += PATIENCE
    house.send()

    assert len(house.carrier.taken) == 1
    assert [event.type for event in house.outcomes.events] == ["message.sent", "message.failed"]
    assert len({(event.id, event.time) for event in house.outcomes.events}) == 1, "the journal takes the first only"


def test_an_outcome_is_written_over_what_others_wrote_meanwhile():
    house = House()

    def other_message() -> None:
        house.table.before = []
        house.send(id="a-2")

    house.table.before = [nothing, other_message]

    house.send(id="a-1")

    assert {action: claim.state for action, claim in house.claims.items()} == {"a-1": "sent", "a-2": "sent"}


def test_an_outcome_that_another_sender_has_closed_is_left_alone():
    house = House()

    def closed_by_another() -> None:
        house.table.before = []
        house.clock.at += PATIENCE
        house.send()

    house.table.before = [nothing, closed_by_another]

    house.send()

    assert len(house.carrier.taken) == 1
    assert house.claims["a-1"].state == "unknown"


def test_who_gives_a_claim_back_does_not_take_away_another_s():
    house = House()
    house.carrier.answers = [Unavailable("TooManyRequestsException")]

    def taken_by_another() -> None:
        """The answer to giving back is lost, another sender claims, and the SDK writes again and is refused."""
        house.died_sending()
        raise Refused([True], [house.table.within.get([messaging_key("c-1")])[messaging_key("c-1")]])

    house.table.after = [nothing, taken_by_another]

    with pytest.raises(Unavailable):
        house.send()
    assert house.claims["a-1"].by == "somebody"


def test_an_outcome_that_could_not_be_told_is_told_when_the_action_comes_back():
    house = House()
    house.outcomes.broken = True
    with pytest.raises(NotSent):
        house.send()

    house.outcomes.broken = False
    house.send()

    assert len(house.carrier.taken) == 1
    assert [event.type for event in house.outcomes.events] == ["message.sent"]


def test_a_broken_template_uses_nothing_up():
    house = House()
    house.renderer = a_renderer(read_catalogue(broken_documents()))

    with pytest.raises(BrokenTemplate):
        house.send()

    assert (house.claims, house.outcomes.bodies, house.carrier.taken) == ({}, [], [])


def broken_documents() -> dict[str, Any]:
    broken = {"subject": "{{ no }}", "body": "-"}
    return {**messages(), "welcome": dict.fromkeys(LOCALES, broken)}


# What the customer says while the message is claimed


def while_claimed(house: House, does: Callable[[], None]) -> None:
    """Just after the claim is written."""
    house.table.after = [does]


@pytest.mark.parametrize(
    ("reason", "facts"),
    [
        ("consent withdrawn", {"consent": {"marketing/email": Consent(False, NOON)}}),
        ("bounced", {"suppressed": {"email": Known("bounced", NOON)}}),
        ("customer deleted", {"deleted_at": NOON}),
    ],
)
def test_who_objects_while_the_message_is_claimed_is_heard(reason: str, facts: dict[str, Any]):
    house = House()
    while_claimed(house, lambda: house.knows(**facts))

    outcome = house.send(purpose="marketing")
    again = house.send(purpose="marketing")

    assert house.carrier.taken == []
    assert outcome == again
    assert (outcome.type, outcome.data.reason) == ("message.failed", reason)
    assert (house.claims["a-1"].state, house.claims["a-1"].reason) == ("failed", reason)


def test_who_moves_while_the_message_is_claimed_gets_it_at_the_new_address():
    house = House()
    while_claimed(house, lambda: house.knows(a_person(email="mia@elsewhere.example", first_name="Maria")))

    house.send()

    [message] = house.carrier.taken
    assert (message.to, "Maria" in message.body) == ("mia@elsewhere.example", True)


def test_for_whom_it_becomes_night_while_the_message_is_claimed_it_waits_for_the_morning():
    house = House()
    while_claimed(house, lambda: house.knows(about={"time_zone": Known("Pacific/Auckland", NOON)}))

    outcome = house.send()

    assert isinstance(outcome, MessageDeferred)
    assert (house.carrier.taken, house.claims) == ([], {})


def test_what_another_copy_has_brought_to_an_end_meanwhile_does_not_wait_for_the_morning():
    house = House()

    def meanwhile() -> None:
        house.clock.at += PATIENCE
        house.send()
        house.knows(about={"time_zone": Known("Pacific/Auckland", NOON)})

    house.table.after = [meanwhile]

    with pytest.raises(Contended):
        house.send()

    assert [event.type for event in house.outcomes.events] == ["message.failed"]


def test_who_is_erased_while_the_message_is_claimed_gets_none():
    house = House()
    while_claimed(house, lambda: house.table.within.write([Delete(record_key("c-1"))]))

    outcome = house.send()

    assert (house.carrier.taken, outcome.data.reason) == ([], "customer deleted")


def test_a_customer_who_cannot_be_read_again_leaves_the_action_to_the_queue():
    house = House()
    while_claimed(house, lambda: house.table.failing.append(Busy()))

    with pytest.raises(Busy):
        house.send()
    assert (house.carrier.taken, house.claims) == ([], {})
    house.send()

    assert len(house.carrier.taken) == 1


def test_a_template_that_is_broken_for_what_is_known_now_uses_nothing_up():
    house = House()
    renderer = house.renderer
    compose = renderer.compose
    composed: list[Message] = []

    def second_time_broken(*args: Any) -> Message:
        if composed:
            raise BrokenTemplate("welcome")
        composed.append(compose(*args))
        return composed[0]

    renderer.compose = second_time_broken  # type: ignore[method-assign]
    while_claimed(house, lambda: house.knows(a_person(first_name="Maria")))

    with pytest.raises(BrokenTemplate):
        house.send()

    assert (house.carrier.taken, house.claims) == ([], {})


# Claims


def test_claims_are_kept_as_long_as_a_copy_could_come_back_or_a_cap_asks():
    old = an_action(id="old", not_after=NOON)
    house = House()
    house.send(id=old.id, not_after=old.not_after)

    house.clock.at = NOON + KEPT_AFTER
    house.send(id="in-time", not_after=house.clock.at + DAY)
    kept = set(house.claims)
    house.clock.at += TICK
    house.send(id="later", not_after=house.clock.at + DAY)

    assert kept == {"old", "in-time"}
    assert set(house.claims) == {"in-time", "later"}


def test_a_long_cap_keeps_claims_longer():
    claim = Claim.of(an_action(not_after=NOON), "turn", NOON)
    window = KEPT_AFTER + DAY

    assert Messaging(claims={"a-1": claim}).pruned(NOON + window - TICK, window).claims
    assert not Messaging(claims={"a-1": claim}).pruned(NOON + window, window).claims


def test_only_what_did_not_leave_is_no_send():
    claim = Claim.of(an_action(), "turn", NOON)
    send = Send("email", "service", NOON)

    claims = [claim, claim.sent("p-1"), claim.unknown("lost"), claim.failed("refused")]

    assert [Messaging(claims={"a-1": each}).sends for each in claims] == [(send,), (send,), (send,), ()]


def test_nothing_personal_is_written_or_told():
    house = House()
    house.send(subject={"order_name": "#1001"})
    house.carrier.answers = [Rejected("MessageRejected")]
    house.send(id="a-2")

    stored = house.table.within.get([messaging_key("c-1")])[messaging_key("c-1")].body

    for text in (stored, *house.outcomes.bodies):
        assert not any(secret in text for secret in ("Mia", "mia@", "612"))
