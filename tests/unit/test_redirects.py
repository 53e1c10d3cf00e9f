"""A button leads where our own message led and nowhere else, and a click is heard of once a day."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.redirect import app
from perennial.aws import wiring
from perennial.channels import links, redirects
from perennial.channels.links import Permit, Refused
from perennial.channels.redirects import (
    AT_ONCE,
    COUNTED_FOR,
    LONGEST_ADDRESS,
    Redirects,
    SignedRedirects,
    Way,
    read,
    sign,
)
from perennial.channels.render import Renderer
from perennial.domain.events import MessageClicked
from perennial.domain.journal import entry_key
from perennial.domain.label import Label
from tests.integration.test_senders import CONTEXT
from tests.messaging import BRAND, NOON, a_policy, a_recipient, an_action, the_catalogue
from tests.unit.test_links import a_ring
from tests.unit.test_outbox import Clock, Outcomes

KEYS = {"1": b"a key of enough letters"}
CART = "https://shop.example/cart/7?key=8"
DAY = timedelta(days=1)
SENT = an_action().decided_at


def a_way(address: str = CART, at: datetime | None = SENT) -> Way:
    return Way(Label.of(an_action(), at or SENT), address)


@dataclass
class Visits:
    """Somebody who follows buttons."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    clock: Clock = field(default_factory=Clock)

    def follow(self, token: str, method: str = "GET", **headers: str) -> redirects.Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Redirects(lambda: KEYS, self.outcomes, self.clock).follow(token, method, sent)


@pytest.fixture
def visits() -> Visits:
    return Visits()


def test_a_click_leads_to_the_page_and_is_told_of_its_message(visits: Visits) -> None:
    answer = visits.follow(sign(a_way(), KEYS))

    assert (answer.status, answer.headers["location"]) == (302, CART)
    assert answer.headers["cache-control"] == "no-store"
    [event] = visits.outcomes.events
    assert isinstance(event, MessageClicked)
    assert (event.customer, event.store, event.data.action, event.data.play) == ("c-1", "demo", "a-1", "welcome")


def test_a_link_that_is_clicked_again_on_the_same_day_is_the_same_click(visits: Visits) -> None:
    token = sign(a_way(), KEYS)

    for _ in range(3):
        visits.follow(token)
        visits.clock.at += timedelta(hours=3)
    assert len({entry_key(event) for event in visits.outcomes.events}) == 1
    visits.follow(sign(a_way("https://shop.example/other"), KEYS))
    visits.clock.at += DAY
    visits.follow(token)

    assert len({entry_key(event) for event in visits.outcomes.events}) == 3
    assert all(SENT <= event.time <= visits.clock.at for event in visits.outcomes.events)


@pytest.mark.parametrize(("later", "is_read"), [(AT_ONCE, True), (AT_ONCE - timedelta(milliseconds=1), False)])
def test_a_click_tells_when_somebody_read_but_not_one_that_a_scanner_may_have_made(
    visits: Visits, later: timedelta, is_read: bool
) -> None:
    visits.clock.at = SENT + later
    visits.follow(sign(a_way(), KEYS))

    [event] = visits.outcomes.events
    assert isinstance(event, MessageClicked)
    assert event.data.read_at == (visits.clock.at if is_read else None)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"sec_purpose": "prefetch;prerender"}),
        ("GET", {"purpose": "prefetch"}),
        ("GET", {"x_moz": "prefetch"}),
    ],
)
def test_to_look_ahead_is_no_click(visits: Visits, method: str, headers: dict[str, str]) -> None:
    assert visits.follow(sign(a_way(), KEYS), method, **headers).status == 302
    assert visits.outcomes.bodies == []


@pytest.mark.parametrize(("later", "told"), [(COUNTED_FOR, 1), (COUNTED_FOR + timedelta(seconds=1), 0)])
def test_an_old_link_still_leads_and_tells_nothing(visits: Visits, later: timedelta, told: int) -> None:
    visits.clock.at = SENT + later

    assert visits.follow(sign(a_way(), KEYS)).status == 302
    assert len(visits.outcomes.bodies) == told


def test_whoever_clicks_gets_the_page_also_while_no_click_can_be_noted(visits: Visits) -> None:
    visits.outcomes.broken = True

    assert visits.follow(sign(a_way(), KEYS)).status == 302


def test_whoever_clicks_gets_the_page_also_when_the_queue_gives_no_answer(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_messages: object) -> int:
        raise ReadTimeoutError(endpoint_url="https://sqs")

    monkeypatch.setattr(visits.outcomes, "send", silent)

    assert visits.follow(sign(a_way(), KEYS)).status == 302


def test_a_button_under_a_key_that_was_added_since_leads_there_at_once(visits: Visits) -> None:
    both = {**KEYS, "2": b"another key of enough letters"}
    keys, refresh = a_ring(KEYS, both)
    redirects = Redirects(keys, visits.outcomes, visits.clock, refresh)

    assert redirects.follow(sign(a_way(), both), "GET", {}).status == 302


def forged() -> list[str]:
    token = sign(a_way(), KEYS)
    name, body, signature = token.split(".")
    elsewhere = sign(a_way("https://evil.example/"), {"1": b"another key, not ours"}).split(".")[1]
    permit = Permit("one_click", "demo", "c-1", "email", "marketing", NOON)
    return [
        "",
        "..",
        "https://evil.example/",
        f"{name}.{elsewhere}.{signature}",
        sign(a_way(), {"2": KEYS["1"]}),
        token[:-1],
        f"{token}x",
        token + "é",
        links.sign(permit, KEYS),
        f"{name}.{body}.",
    ]


@pytest.mark.parametrize("token", forged())
def test_a_link_that_is_not_ours_leads_nowhere(visits: Visits, token: str) -> None:
    answer = visits.follow(token)

    assert (answer.status, "location" in answer.headers) == (404, False)
    assert visits.outcomes.bodies == []


def test_a_button_s_token_opens_no_page_of_choices() -> None:
    with pytest.raises(links.Refused):
        links.read(sign(a_way(), KEYS), "preferences", KEYS, NOON)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://a.example\r\nset-cookie: x", "//evil.example", ""])
def test_even_a_signed_address_is_one_that_a_browser_may_be_sent_to(address: str) -> None:
    with pytest.raises(Refused):
        read(sign(a_way(address), KEYS), KEYS)


# In messages


def composed(**action: Any) -> Any:
    lead = SignedRedirects("https://hooks.example/", lambda: KEYS).over_us
    renderer = Renderer(the_catalogue, BRAND, b"key", None, lead)
    told = {"template": "abandoned_cart", "subject": {"cart": "7"}, **action}
    return renderer.compose(an_action(**told), a_recipient(cart_url=CART), "mia@example.com", a_policy(), NOON)


def test_a_button_leads_over_us_and_what_is_read_as_text_does_not() -> None:
    message = composed()

    token = message.html.partition("https://hooks.example/r/")[2].partition('"')[0]
    assert read(token, KEYS).address == CART
    assert CART in message.body
    assert "hooks.example" not in message.body


def test_a_message_made_again_has_the_same_links() -> None:
    assert composed().html == composed().html


def test_an_address_that_is_too_long_is_led_to_directly() -> None:
    over_us = SignedRedirects("https://hooks.example", lambda: KEYS).over_us
    long = "https://shop.example/" + "x" * LONGEST_ADDRESS

    assert over_us(an_action(), long) == long


# Behind the route


def test_the_function_answers_as_a_browser_wants_it(visits: Visits) -> None:
    wiring.install(redirects=Redirects(lambda: KEYS, visits.outcomes, visits.clock))
    event = {
        "requestContext": {"http": {"method": "GET"}},
        "pathParameters": {"token": sign(a_way(), KEYS)},
        "headers": {"user-agent": "a browser"},
    }

    answer = app.handler(json.loads(json.dumps(event)), CONTEXT)

    wiring.reset()
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, CART)
