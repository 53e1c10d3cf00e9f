"""The pages behind links: what a look shows, what a press does, and that no link tells who is a customer."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from perennial.aws import documents
from perennial.aws.store import record_key
from perennial.channels.links import LinkKeys, Permit, Scope, sign
from perennial.channels.render import Brand
from perennial.domain.customer import Facts
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.pages import Call, Page, Pages, Pieces, read_call
from perennial.preferences import Preferences
from tests.builders import HOUR, NOON, a_play, a_policy, an_event, with_plays
from tests.house import House
from tests.messaging import LOCALES
from tests.unit.test_links import a_ring

KEYS: LinkKeys = {"1": b"a key of sixteen bytes and more"}
TEXTS = {locale: Pieces.model_validate(each) for locale, each in documents.pages().items()}
ONE_CLICK = b"List-Unsubscribe=One-Click"
MIA = {"id": "mia", "email": "mia@example.com", "phone": "+34600123456", "locale": "es-ES", "name": "Mia <b>Ruiz</b>"}


class Door:
    """A house with one customer, and the pages in front of it."""

    def __init__(self, *events: Event, policy: Policy | None = None, brand: str = "Lumen & Co") -> None:
        self.house = House(policy)
        self.signed_up = an_event("customer.signed_up", NOON, customer=MIA)
        assert self.house.hears(self.signed_up, *events) == {}
        self.house.clock.time = NOON + HOUR
        preferences = Preferences(
            self.house.store, self.house.engine, self.house.lane, lambda: self.house.policy, self.house.clock
        )
        layout, style = documents.page_layout(), documents.page_style()
        self.pages = Pages(preferences, lambda: KEYS, TEXTS, layout, style, Brand(brand), self.house.clock)

    @property
    def facts(self) -> Facts:
        return self.house.record(self.signed_up).facts

    def permit(self, scope: Scope, **changes: Any) -> Permit:
        customer = self.house.record(self.signed_up).id
        return replace(Permit(scope, "demo", customer, "email", "marketing", NOON), **changes)

    def looks(self, scope: Scope = "preferences", lang: str | None = None, **changes: Any) -> Page:
        return self.pages.answer(Call(scope, False, sign(self.permit(scope, **changes), KEYS), lang=lang))

    def presses(self, scope: Scope, body: bytes = b"", **changes: Any) -> Page:
        return self.pages.answer(Call(scope, True, sign(self.permit(scope, **changes), KEYS), body))

    def chooses(self, *topics: str, do: str = "save", **changes: Any) -> Page:
        form = urlencode([*(("topic", each) for each in topics), ("do", do)])
        return self.presses("preferences", form.encode(), **changes)

    def said(self) -> dict[str, bool]:
        return {key: word.granted for key, word in self.facts.consent.items()}

    def ticked(self) -> list[str]:
        return re.findall(r'value="(\w+/\w+)" checked', self.looks().html)

    def proofs(self) -> list[str]:
        customer = self.house.record(self.signed_up).id
        return [item.body for item in self.house.table.query(f"C#{customer}", prefix="CONSENT#").items]


def consent(granted: bool = True, at: Any = NOON, **more: Any) -> Event:
    return an_event("consent.changed", at, **{"channel": "email", "granted": granted, **more})


# The preference page


def test_the_page_shows_what_is_sent_now_and_changes_nothing():
    door = Door(consent())
    before = door.house.written(door.signed_up)

    assert door.ticked() == ["marketing/email", "service/email", "service/sms"]
    assert door.house.written(door.signed_up) == before


def test_what_is_chosen_is_in_the_record_before_the_page_says_so():
    door = Door(consent())

    page = door.chooses("marketing/sms", "service/email")

    assert page.status == 200
    assert TEXTS["es"].saved in page.html
    assert door.ticked() == ["marketing/sms", "service/email"]
    assert door.said() == {"marketing/email": False, "marketing/sms": True, "service/sms": False}


def test_what_stays_as_it_was_is_not_said_again():
    door = Door(consent())

    door.chooses("marketing/email", "service/email", "service/sms")

    assert len(door.proofs()) == 1


def test_everything_can_be_stopped_for_channels_too_that_we_do_not_know_yet():
    door = Door(consent())

    door.chooses(do="nothing")

    topics = ("marketing/email", "marketing/sms", "service/email", "service/sms")
    assert door.said() == dict.fromkeys(topics, False)
    assert door.ticked() == []


def test_pressed_twice_it_counts_once():
    door = Door(consent())

    door.chooses(do="nothing")
    count = len(door.proofs())
    door.chooses(do="nothing")

    assert len(door.proofs()) == count


def test_the_proof_says_when_where_and_which_wording():
    door = Door()

    door.chooses("marketing/email")

    [proof] = [each for each in door.proofs() if '"granted":true' in each]
    assert f"es/{TEXTS['es'].version}" in proof
    assert "preference page" in proof
    assert '"source":"preferences"' in proof


def test_a_yes_from_a_letter_s_own_link_confirms_that_address_and_no_other():
    door = Door()

    door.chooses("marketing/email", "marketing/sms", "service/email", "service/sms")

    assert door.facts.confirmed.keys() == {"marketing/email"}


def test_a_choice_is_the_last_word_even_if_another_s_clock_is_ahead():
    door = Door(consent(at=NOON + 5 * HOUR))

    door.chooses()

    assert door.said()["marketing/email"] is False


def stop_that_names_no_time() -> list[Event]:
    """It counts from the end of its hour."""
    end = NOON + 2 * HOUR - timedelta(milliseconds=1)
    return [consent(False, end, channel="sms", purpose=each) for each in ("marketing", "service")]


def test_a_yes_does_not_overrule_a_stop_that_still_holds_and_the_page_says_so():
    door = Door(*stop_that_names_no_time())

    page = door.chooses("marketing/email", "marketing/sms")

    assert door.ticked() == ["marketing/email"]
    assert TEXTS["es"].partly in page.html
    assert TEXTS["es"].saved not in page.html


def test_a_stop_holds_that_is_said_again_after_a_yes_within_the_hour():
    door = Door(*stop_that_names_no_time())
    door.chooses("service/email", "service/sms")

    assert door.house.hears(*stop_that_names_no_time()) == {}

    assert door.ticked() == ["service/email"]


def test_where_a_yes_needs_another_word_the_page_says_so():
    door = Door(policy=a_policy(consent={"marketing": "confirmed_opt_in"}))

    page = door.chooses("marketing/email", "marketing/sms", "service/email", "service/sms")

    assert "marketing/sms" not in door.ticked()
    assert TEXTS["es"].partly in page.html


def test_where_a_no_is_good_for_every_channel_what_stays_ticked_stays():
    rules = {"no_means": "every channel"}
    door = Door(consent(), consent(channel="sms"), policy=a_policy(consent=rules))

    door.chooses("marketing/sms", "service/email", "service/sms")

    assert door.ticked() == ["marketing/sms", "service/email", "service/sms"]


def test_a_yes_that_another_channel_s_no_has_silenced_does_not_wake_when_its_box_was_left_empty():
    agreed, stopped = consent(), consent(False, NOON + timedelta(minutes=1), channel="sms")
    door = Door(agreed, stopped, policy=a_policy(consent={"no_means": "every channel"}))
    assert "marketing/email" not in door.ticked()
    door.house.clock.time = NOON + 2 * HOUR

    door.chooses("marketing/sms", "service/email", "service/sms")

    assert door.ticked() == ["marketing/sms", "service/email", "service/sms"]


@pytest.mark.parametrize(
    "body", [b"", b"do=both", b"do=save&do=nothing", b"do=save&topic=transactional/email", b"\xff"]
)
def test_a_form_that_is_not_ours_changes_nothing(body: bytes):
    door = Door(consent())

    page = door.presses("preferences", body)

    assert page.status == 400
    assert f'class="note reply" role="alert">{TEXTS["es"].reply}' in page.html
    assert door.said() == {"marketing/email": True}


def test_only_the_ends_of_addresses_are_shown_and_no_name():
    html = Door().looks().html

    assert "m***@e***.com" in html
    assert "+34*****456" in html
    assert not re.search("mia@|600123|Ruiz", html)


def test_the_page_speaks_the_customer_s_language_or_the_one_that_is_asked_for():
    door = Door()

    assert '<html lang="es">' in door.looks().html
    assert '<html lang="ja">' in door.looks(lang="ja").html
    assert '<html lang="en">' in door.looks(lang='"><script>').html


def test_a_customer_who_was_merged_chooses_for_whom_they_are_now():
    door = Door(consent())
    twin = an_event("customer.signed_up", NOON, customer={"id": "twin", "email": "twin@example.com"})
    door.house.hears(twin)
    link = door.permit("preferences", customer=door.house.record(twin).id)
    merged = an_event("customer.merged", NOON + HOUR, customer={}, other=link.customer)
    door.house.hears(merged.but({"customer": door.permit("preferences").customer}))

    page = door.pages.answer(Call("preferences", True, sign(link, KEYS), b"do=nothing"))

    assert page.status == 200
    [root] = {each.customer.id: each for each in door.house.store.roots([link.customer]).values()}.values()
    assert not root.customer.facts.consent["marketing/email"].granted
    assert root.customer.members


# One click


@pytest.mark.parametrize(
    "body", [ONE_CLICK, b'--x\r\ncontent-disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--']
)
def test_a_post_unsubscribes_at_once(body: bytes):
    door = Door(consent())

    page = door.presses("one_click", body)

    assert page.status == 200
    assert not {"location", "set-cookie"} & page.headers.keys()
    assert door.said() == {"marketing/email": False}


def test_a_look_does_not_unsubscribe_but_asks():
    door = Door(consent())

    page = door.looks("one_click")

    assert "<button>" in page.html
    assert 'value="One-Click"' in page.html
    assert door.said() == {"marketing/email": True}


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=", b"One-Click"])
def test_a_post_without_the_words_of_the_standard_asks_too(body: bytes):
    door = Door(consent())

    assert door.presses("one_click", body).status == 400
    assert door.said() == {"marketing/email": True}


def test_whoever_wants_no_service_letters_wants_no_advertising():
    door = Door(consent())

    door.presses("one_click", ONE_CLICK, purpose="service")

    assert door.said() == {"marketing/email": False, "service/email": False}


def test_the_question_names_all_that_a_press_will_end():
    door = Door(consent())
    offers, help_with_orders = (TEXTS["es"].topics[each].title for each in ("marketing", "service"))

    assert help_with_orders not in door.looks("one_click").html
    assert f"{offers} + {help_with_orders}" in door.looks("one_click", purpose="service").html


def test_a_click_again_writes_nothing():
    door = Door(consent())
    door.presses("one_click", ONE_CLICK)
    count = len(door.proofs())

    assert door.presses("one_click", ONE_CLICK).status == 200
    assert len(door.proofs()) == count


def test_an_old_letter_s_button_means_no_after_a_new_yes_too():
    door = Door(consent())
    door.presses("one_click", ONE_CLICK)
    door.house.hears(consent(at=NOON + 2 * HOUR))
    door.house.clock.time = NOON + 3 * HOUR

    door.presses("one_click", ONE_CLICK)

    assert door.said() == {"marketing/email": False}


@pytest.mark.parametrize("page", ["one_click", "preferences"])
def test_who_stops_it_once_more_has_the_last_word_over_a_yes_that_is_heard_of_later(page: Scope):
    door = Door(consent(granted=False))

    door.presses(page, ONE_CLICK if page == "one_click" else b"do=nothing")
    door.house.hears(consent(at=NOON + HOUR / 2))

    assert door.said()["marketing/email"] is False


def test_who_has_unsubscribed_may_look_at_all_choices():
    page = Door().presses("one_click", ONE_CLICK)

    assert re.search(r'href="\.\./preferences/[\w.-]+\?lang=es"', page.html)


# Double opt-in


DOUBLE = a_policy(consent={"marketing": "confirmed_opt_in"})


def test_a_consent_counts_when_its_button_is_pressed_and_not_when_its_link_is_followed():
    door = Door(consent(), policy=DOUBLE)

    assert "<button>" in door.looks("confirm").html
    assert "marketing/email" not in door.ticked()
    page = door.presses("confirm")

    assert TEXTS["es"].confirmed.title in page.html
    assert "marketing/email" in door.ticked()


def test_a_confirmation_link_used_again_does_not_bring_back_what_was_withdrawn():
    door = Door(consent(), policy=DOUBLE)
    door.presses("confirm")
    door.presses("one_click", ONE_CLICK)

    page = door.presses("confirm")

    assert TEXTS["es"].void.title in page.html
    assert "marketing/email" not in door.ticked()


def test_a_withdrawal_that_is_heard_of_later_but_was_said_after_the_consent_holds():
    door = Door(consent(), policy=DOUBLE)
    door.presses("confirm")

    door.house.hears(consent(False, NOON + timedelta(minutes=1)))

    assert "marketing/email" not in door.ticked()


# What is refused


def refusals(door: Door) -> list[Page]:
    signed = sign(door.permit("preferences"), KEYS)
    strangers = {"customer": "c" + "0" * 24}
    return [
        door.pages.answer(Call("preferences", False, signed[:-1])),
        door.pages.answer(Call("one_click", False, signed)),
        door.looks(at=NOON - timedelta(days=400)),
        door.looks(**strangers),
        door.looks(store="another"),
        door.presses("one_click", ONE_CLICK, store="another"),
        door.presses("preferences", b"do=nothing", **strangers),
    ]


def test_forged_expired_and_strangers_links_and_those_of_another_store_all_look_the_same():
    door = Door(consent())

    pages = refusals(door)

    assert {page.status for page in pages} == {404}
    assert len({page.html for page in pages}) == 1
    assert door.said() == {"marketing/email": True}


def test_of_whom_the_shop_deleted_or_who_was_erased_the_page_says_as_little():
    deleted = Door(an_event("customer.deleted", NOON, customer=MIA))
    page = deleted.looks()

    assert (page.status, page.html) == (404, refusals(Door())[0].html)


def test_a_letter_under_a_key_that_was_added_since_is_taken_at_once():
    door = Door(consent())
    both = {**KEYS, "2": b"another key of sixteen bytes"}
    door.pages._keys, door.pages._refresh = a_ring(KEYS, both)

    page = door.pages.answer(Call("one_click", True, sign(door.permit("one_click"), both), ONE_CLICK))

    assert page.status == 200
    assert door.said()["marketing/email"] is False


def test_what_could_not_be_written_down_is_not_said_to_be():
    door = Door(consent())

    def refused(writes: object) -> None:
        raise RuntimeError("out of reach")

    door.house.table.before = refused

    page = door.presses("one_click", ONE_CLICK)

    assert page.status == 503
    assert TEXTS["es"].later.title in page.html


def test_what_a_choice_asks_for_leaves_though_no_queue_took_it_at_once():
    door = Door(policy=with_plays(a_play(on="consent.changed")))
    emails = door.house.channels["email"]
    emails.broken = True
    page = door.chooses("marketing/email")
    emails.broken = False

    door.house.settles()

    assert page.status == 503
    assert {json.loads(each.body)["play"] for each in emails.sent} == {"a-play"}


def test_without_a_lane_who_wants_less_is_heard_and_who_wants_more_tries_again():
    door = Door(consent())
    door.house.lane.broken = True

    assert door.presses("one_click", ONE_CLICK).status == 200
    assert door.said() == {"marketing/email": False}
    assert door.chooses("marketing/email", "marketing/sms").status == 503
    assert door.said()["marketing/email"] is False


# How it is made


def test_a_page_runs_nothing_and_tells_nobody_of_its_address():
    headers = Door().looks().headers
    policy = headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert "unsafe" not in policy


def test_the_page_s_style_is_the_one_that_may_be_shown():
    page = Door().looks()
    [style] = re.findall("<style>(.*?)</style>", page.html, re.DOTALL)

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


def test_no_page_needs_a_script():
    door = Door(consent())

    pages = [door.looks(), door.looks("one_click"), door.looks("confirm"), *refusals(door)]

    assert not any(re.search(r"<script|javascript:|\son\w+=", page.html) for page in pages)


def test_a_brand_s_name_is_text_whatever_it_holds():
    html = Door(brand="<b>{{7*7}}{topic}</b>").looks().html

    assert "<b>" not in html
    assert "{{7*7}}{topic}" in html


def test_every_language_of_the_messages_has_its_pages():
    assert set(TEXTS) == set(LOCALES)
    assert len({pieces.version for pieces in TEXTS.values()}) == len(TEXTS)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_can_be_filled(locale: str):
    door = Door(consent())

    pages = [door.looks(scope, locale) for scope in ("preferences", "one_click", "confirm")]

    assert all(page.status == 200 and not re.search(r"\{\w+\}", page.html) for page in pages)


def test_a_form_in_base64_and_the_link_s_language_are_read():
    call = read_call(
        {
            "routeKey": "POST /u/{token}",
            "headers": {"accept-language": "de-AT,de;q=0.9"},
            "pathParameters": {"token": "t"},
            "queryStringParameters": {"lang": "fr"},
            "requestContext": {"http": {"method": "POST"}},
            "isBase64Encoded": True,
            "body": "TGlzdC1VbnN1YnNjcmliZT1PbmUtQ2xpY2s=",
        }
    )

    assert call == Call("one_click", True, "t", ONE_CLICK, "fr", "de-AT")


def test_a_link_that_is_refused_speaks_the_browser_s_language():
    page = Door().pages.answer(Call("preferences", False, "forged", accepts="de-AT"))

    assert '<html lang="de">' in page.html
    assert TEXTS["de"].gone.title in page.html


def test_the_record_of_a_choice_holds_no_personal_data():
    door = Door(consent())
    door.chooses(do="nothing")

    item = door.house.table.get([key := record_key(door.permit("preferences").customer)])[key]
    assert not re.search("mia@|Ruiz|600123", item.body)
