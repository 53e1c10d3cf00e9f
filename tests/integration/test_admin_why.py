"""Why did I get this? Play, rule, consent and its proof, hours and caps, text and outcome, in one answer."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from perennial.aws import wiring
from perennial.aws.sender_keys import SenderKeys
from perennial.domain.actions import Action
from perennial.domain.events import MessageSent, parse_event
from perennial.domain.send_time import LEAST_READS
from perennial.domain.values import iso
from tests.builders import a_play, with_plays
from tests.integration.test_admin_api import NOON, Staff
from tests.unit.test_outbox import Carrier

HOUR = timedelta(hours=1)


class SendingStaff(Staff):
    """Staff of a house whose emails leave."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.carrier = Carrier()
        wiring.install(email_provider=self.carrier, sender_keys=SenderKeys(lambda: "{}", self.clock))

    def sign_up_and_be_welcomed(self) -> tuple[str, Action]:
        customer = self.tell("customer.signed_up")
        action = self.asked()
        self.clock.time += HOUR
        outcome = wiring.email_outbox().send(action)
        assert isinstance(outcome, MessageSent), outcome
        self.hear(outcome.but({"customer": customer}).to_json())
        return customer, action

    def asked(self) -> Action:
        bodies = [message.body for message in self.lane.messages if '"decided_at"' in message.body]
        return Action.model_validate_json(bodies[-1])

    def hear(self, *bodies: str) -> None:
        assert wiring.engine().apply([parse_event(body) for body in bodies], self.clock.now()) == {}

    def why(self, customer: str, message: str) -> Any:
        return self.get(f"/customers/{customer}/messages/{message}/why", role="viewer")


@pytest.fixture
def staff() -> Iterator[SendingStaff]:
    wiring.reset()
    yield SendingStaff()
    wiring.reset()


def test_one_answer_has_all_of_it(staff: SendingStaff) -> None:
    agreed: dict[str, Any] = {"purpose": "service", "channel": "email", "granted": True}
    staff.tell("consent.changed", **agreed, text_version="v3", method="checkout")
    customer, action = staff.sign_up_and_be_welcomed()

    why = staff.why(customer, action.id)

    assert (why["play"], why["policy"], why["rule"]["on"]) == ("welcome", 1, "customer.signed_up")
    assert [(each["event"], each["did"]) for each in why["steps"]] == [("customer.signed_up", "sent")]
    assert {name: why["consent"][name] for name in ("granted", "text_version", "method", "source")} == {
        "granted": True,
        "text_version": "v3",
        "method": "checkout",
        "source": "test",
    }
    assert why["checked"][0] == "policy 1"
    assert any(line.startswith("clock Atlantic/Canary 2026-06-15 14:00") for line in why["checked"])
    assert any(line.startswith("cap 0 of 8 in 7d") for line in why["checked"])
    assert (why["template"], why["template_version"], why["provider_id"]) == ("welcome", 0, "provider-1")
    assert [each["type"] for each in why["outcomes"]] == ["message.sent"]


def test_what_was_checked_is_known_though_the_provider_told_of_it_first(staff: SendingStaff) -> None:
    customer = staff.tell("customer.signed_up")
    action = staff.asked()
    wiring.email_outbox().send(action)
    label = staff.carrier.taken[0].label
    told = label and label.sent("email", "provider-1")
    assert told
    staff.hear(told.to_json())

    why = staff.why(customer, action.id)

    assert why["checked"][0] == "policy 1"
    assert why["outcomes"][0]["type"] == "message.sent"


def test_a_message_that_waited_for_its_reader_says_so(staff: SendingStaff) -> None:
    offer = a_play(id="offer", purpose="marketing")
    wiring.policies().activate(with_plays(offer, send_time="learned", caps=[], version=2), 1)
    staff.clock.time += HOUR
    customer = staff.tell("consent.changed", channel="email", granted=True)
    for day in range(LEAST_READS):
        read_at = NOON - (day + 1) * timedelta(days=1) + 5 * HOUR
        staff.tell("message.opened", action=f"m-{day}", channel="email", read_at=iso(read_at))
    staff.tell("product.viewed")
    staff.clock.time = NOON + 5 * HOUR
    staff.tell("customer.updated")

    why = staff.why(customer, staff.asked().id)

    assert [(each["did"], each["reason"]) for each in why["steps"]] == [
        ("held", "send time: 8 of 8 reads from 19:00 on"),
        ("sent", None),
    ]


def test_a_message_that_was_not_sent_says_why_not(staff: SendingStaff) -> None:
    customer = staff.tell("customer.signed_up")
    action = staff.asked()
    staff.tell("consent.changed", purpose="service", channel="email", granted=False, method="STOP")
    outcome = wiring.email_outbox().send(action)
    assert outcome is not None
    staff.hear(outcome.but({"customer": customer}).to_json())

    why = staff.why(customer, action.id)

    assert [(each["type"], each["reason"]) for each in why["outcomes"]] == [("message.failed", "consent withdrawn")]
    assert (why["checked"], why["provider_id"]) == ([], None)


def test_a_stop_and_its_end_are_on_the_way_that_is_told(staff: SendingStaff) -> None:
    customer = staff.tell("customer.signed_up")
    status, hold, _ = staff.ask("POST", "/holds", body='{"because": "typo"}', content_type="application/json")
    assert status == 200
    held = wiring.email_outbox().send(staff.asked())
    assert held is not None
    staff.hear(held.but({"customer": customer}).to_json())
    assert staff.carrier.taken == []

    staff.clock.time += HOUR
    assert staff.ask("POST", f"/holds/{hold['id']}/release", content_type="application/json")[0] == 200
    sent = wiring.email_outbox().send(staff.asked())
    assert sent is not None
    staff.hear(sent.but({"customer": customer}).to_json())

    outcomes = staff.why(customer, staff.asked().id)["outcomes"]
    assert [(each["type"], each["reason"]) for each in outcomes] == [
        ("message.deferred", f"emergency stop {hold['id']}"),
        ("message.sent", None),
    ]
    assert len(staff.carrier.taken) == 1


def test_of_what_was_said_at_one_instant_the_confirmation_is_the_proof(staff: SendingStaff) -> None:
    agreed: dict[str, Any] = {"purpose": "service", "channel": "email", "granted": True}
    for form in ("checkout", "footer", "till", "app"):
        staff.tell("consent.changed", **agreed, method=form)
    staff.tell("consent.changed", **agreed, confirmed=True, method="confirmed by link")
    staff.tell("consent.changed", **agreed, method="survey")
    customer, action = staff.sign_up_and_be_welcomed()

    proof = staff.why(customer, action.id)["consent"]

    assert (proof["method"], proof["confirmed"]) == ("confirmed by link", True)


def test_staff_see_whether_a_consent_was_confirmed(staff: SendingStaff) -> None:
    customer = staff.tell("consent.changed", channel="email", granted=True)
    staff.tell("consent.changed", channel="sms", granted=True, confirmed=True)

    words = staff.get(f"/customers/{customer}")["consent"]

    assert {each["channel"]: each["confirmed"] for each in words} == {"email": False, "sms": True}


def test_consent_that_was_said_after_it_left_is_no_proof_of_it(staff: SendingStaff) -> None:
    customer, action = staff.sign_up_and_be_welcomed()
    staff.clock.time += HOUR
    staff.tell("consent.changed", purpose="service", channel="email", granted=True, method="later")

    assert staff.why(customer, action.id)["consent"] is None


def test_nobody_is_named_in_the_answer(staff: SendingStaff) -> None:
    customer, action = staff.sign_up_and_be_welcomed()

    text = json.dumps(staff.why(customer, action.id))

    assert not any(word in text for word in ("ana@example.com", "Ana", "612 345 678", "612345678"))


def test_a_message_that_never_was_is_not_found(staff: SendingStaff) -> None:
    customer, action = staff.sign_up_and_be_welcomed()

    assert staff.ask("GET", f"/customers/{customer}/messages/nothing/why")[0] == 404
    assert staff.ask("GET", f"/customers/nobody/messages/{action.id}/why")[0] == 404
    assert staff.clock.now() > NOON
