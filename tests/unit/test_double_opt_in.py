"""Who agreed is asked once more, where the rules want it and nowhere else; and HELP is answered, once."""

import re
from datetime import timedelta
from typing import Any

import pytest

from perennial.channels.links import SignedLinks, read
from perennial.channels.render import Message, Renderer
from perennial.domain.actions import Action
from perennial.domain.events import Event
from tests.builders import HOUR, NOON, an_event
from tests.house import House
from tests.messaging import BRAND, LOCALES, a_person, a_policy, a_recipient, the_catalogue, the_policy

KEYS = {"1": b"a key of sixteen bytes and more"}
MIA = {"id": "mia", "email": "mia@example.com", "phone": "+34600123456", "country": "DE"}
GERMANY = {"regions": [{"countries": ["DE"], "marketing": "confirmed_opt_in"}]}


def agreed(at: Any = NOON, **more: Any) -> Event:
    return an_event("consent.changed", at, **{"customer": MIA, "channel": "email", "granted": True, **more})


def asked_by(consent: dict[str, Any], *events: Event) -> list[Action]:
    """What the default plays ask for where these rules of consent hold."""
    rules = type(the_policy().consent).model_validate(consent)
    house = House(a_policy(consent=rules))
    for event in events:
        assert house.hears(event) == {}
    return [action for action in house.actions if action.play in ("confirm-consent", "help")]


def composed(action: Action, locale: str) -> Message:
    links = SignedLinks("https://api.example", lambda: KEYS)
    renderer = Renderer(the_catalogue, BRAND, b"key", links)
    return renderer.compose(action, a_recipient(a_person(locale=locale)), "mia@example.com", the_policy(), NOON)


def test_a_consent_that_must_be_confirmed_is_asked_about():
    [action] = asked_by(GERMANY, agreed())

    assert (action.template, action.purpose, action.channel) == ("confirm_consent", "transactional", "email")


@pytest.mark.parametrize(
    "event",
    [agreed(confirmed=True), agreed(granted=False), agreed(customer={**MIA, "country": "FR"}), agreed(channel="sms")],
    ids=["confirmed", "withdrawn", "elsewhere", "sms"],
)
def test_nothing_is_asked_about_what_needs_no_confirmation(event: Event):
    assert asked_by(GERMANY, event) == []


def test_the_default_policy_asks_nobody():
    assert asked_by({}, agreed()) == []


def test_whoever_signs_up_somebody_else_again_and_again_has_them_asked_once():
    again = [agreed(NOON + n * HOUR) for n in range(5)]

    assert len(asked_by(GERMANY, *again)) == 1


@pytest.mark.parametrize("locale", LOCALES)
def test_the_question_leads_to_where_it_is_confirmed_and_to_no_advertising(locale: str):
    [action] = asked_by(GERMANY, agreed())
    message = composed(action, locale)

    [link] = re.findall(r"https://api\.example/confirm/\S+", message.body)
    permit = read(link.rpartition("/")[2].partition("?")[0], "confirm", KEYS, NOON)
    assert (permit.customer, permit.purpose, permit.at) == (action.customer, "marketing", NOON)
    assert link.replace("&", "&amp;") in message.html
    assert "preferences" not in message.body


def replied(at: Any, keyword: str | None) -> Event:
    return an_event("message.replied", at, customer=MIA, action="a-1", channel="sms", keyword=keyword)


def test_help_is_answered_once_a_day_whatever_they_have_agreed_to():
    no = [agreed(granted=False, channel="sms", purpose=purpose) for purpose in ("service", "marketing")]
    asking = [replied(NOON + n * HOUR, "help") for n in range(1, 4)]

    [action] = asked_by({}, *no, *asking)

    assert (action.template, action.channel, action.purpose) == ("help", "sms", "transactional")


def test_a_reply_that_asks_for_nothing_is_not_answered():
    assert asked_by({}, replied(NOON + timedelta(hours=1), None)) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_answer_says_who_we_are_and_how_to_stop(locale: str):
    [action] = asked_by({}, replied(NOON, "help"))

    body = composed(action, locale).body
    assert BRAND.name in body
    assert ("TD" if locale == "zh-Hans" else "STOP") in body
