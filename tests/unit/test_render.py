"""From an action to words: every template in every language, and what strangers may not do with them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perennial.aws.documents import messages
from perennial.channels.catalogue import read_catalogue
from perennial.channels.checking import STATES
from perennial.channels.compiled import BrokenTemplate
from perennial.channels.coupons import coupon_code
from perennial.channels.recipient import e164
from perennial.channels.render import Brand, Message, Renderer, locale_for
from perennial.channels.wording import LONGEST_WORD, first_name, one_line, outside_gsm, segments, tidy, word
from tests.messaging import (
    BRAND,
    LOCALES,
    NOON,
    a_coupon,
    a_person,
    a_policy,
    a_recipient,
    a_renderer,
    an_action,
    known,
    the_catalogue,
    the_policy,
)

TEXTS = [(template, channel) for template, channels in the_catalogue().channels.items() for channel in sorted(channels)]
FULL = {
    "order": "820982911946154508",
    "order_name": "#1001",
    "cart": "cart-1",
    "ticket": "t-1",
    "tracking": "LX123456789CN",
    "carrier": "China Post",
    "state": "customs_hold",
    "product": "p-1",
}


def composed(renderer: Renderer | None = None, **overrides: Any) -> Message:
    """The message of an action; `person`, `cart_url` and `known` make the recipient, `policy` is taken as it is."""
    about = overrides.pop("known", {})
    policy = overrides.pop("policy", a_policy())
    recipient = a_recipient(overrides.pop("person", None), overrides.pop("cart_url", None), about=about)
    action = an_action(**overrides)
    return (renderer or a_renderer()).compose(action, recipient, "to@example.com", policy, NOON)


# Every template in every language


def assert_reads_well(message: Message) -> None:
    assert not re.search(r"[{}]|%}|None|Undefined|\n{3}|[ \t]\n| {2}| [,.:!?，。：！]|，，|。。", message.body), (
        message.body
    )
    assert not re.search(r"[{}\n]|None| {2}", message.subject), message.subject
    assert message.body.strip() == message.body


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("template", "channel"), TEXTS)
def test_every_template_reads_well_with_all_there_is_to_know(template: str, channel: str, locale: str):
    message = composed(
        template=template,
        channel=channel,
        purpose="marketing",
        subject=FULL,
        coupon=a_coupon(),
        cart_url="https://shop.example/cart/1",
        person=a_person(locale=locale),
    )

    assert_reads_well(message)
    assert message.locale == locale
    assert bool(message.subject) == (channel == "email")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("template", "channel"), TEXTS)
def test_every_template_reads_well_with_nothing_known(template: str, channel: str, locale: str):
    nobody = a_person(locale=locale, first_name=None)

    message = composed(a_renderer(brand=Brand("Lumen")), template=template, channel=channel, person=nobody)

    assert_reads_well(message)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("template", [template for template, channel in TEXTS if channel == "sms"])
def test_no_sms_costs_more_than_two(template: str, state: str, locale: str):
    subject = {**FULL, "state": state}

    message = composed(template=template, channel="sms", subject=subject, person=a_person(locale=locale))

    assert segments(message.body) <= 2


LONG = {**FULL, "order_name": "#EU-2026-0100123", "tracking": "00340434161094042557", "carrier": "Correos Express"}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("template", [template for template, channel in TEXTS if channel == "sms"])
def test_no_sms_of_a_long_name_costs_more_than_two(template: str, state: str, locale: str):
    speaker = a_renderer(brand=Brand("Maison Beaulieu Paris", shop_url="https://www.maison-beaulieu.example/fr"))

    said = composed(
        speaker,
        template=template,
        channel="sms",
        purpose="service",
        subject=LONG | {"state": state},
        person=a_person(locale=locale),
    )

    assert segments(said.body) <= 2


@pytest.mark.parametrize("locale", LOCALES)
def test_a_delay_notice_says_what_happened(locale: str):
    told = [
        composed(template="delay_notice", channel=channel, subject={"state": state}, person=a_person(locale=locale))
        for state in STATES
        for channel in ("email", "sms")
    ]

    assert len({message.subject for message in told if message.subject}) == len(STATES)
    assert len({message.body for message in told}) == len(told)


@pytest.mark.parametrize("state", ["exception", "delayed", None])
def test_a_parcel_in_a_trouble_without_words_of_its_own_is_late(state: str | None):
    subject = {"state": state} if state else {}

    assert composed(template="delay_notice", subject=subject).subject == "Your parcel is running late"


@pytest.mark.parametrize("template", [template for template, channel in TEXTS if channel == "sms"])
@pytest.mark.parametrize("locale", ["en", "es", "de", "fr"])
@pytest.mark.parametrize("state", STATES)
def test_no_letter_outside_the_alphabet_of_sms_doubles_a_price_where_the_language_can_do_without(
    template: str, locale: str, state: str
):
    subject = {**FULL, "state": state}

    message = composed(template=template, channel="sms", subject=subject, person=a_person(locale=locale))

    assert (outside_gsm(message.body), segments(message.body)) == (frozenset(), 1)


@pytest.mark.parametrize("locale", LOCALES)
def test_only_marketing_says_how_to_stop_it(locale: str):
    marketing, service = (
        composed(purpose=purpose, person=a_person(locale=locale)) for purpose in ("marketing", "service")
    )

    assert re.search("reply|回复|respond|antworten|répond|返信", marketing.body.rsplit("--", 1)[1])
    assert "--" not in service.body


def test_a_cart_leads_back_to_itself_and_else_to_the_shop():
    there = composed(template="abandoned_cart", cart_url="https://shop.example/cart/1")
    gone = composed(template="abandoned_cart")

    assert "https://shop.example/cart/1" in there.body
    assert BRAND.shop_url in gone.body


def test_a_variant_of_a_test_can_have_its_own_words():
    documents = {**messages(), "welcome": dict.fromkeys(LOCALES, VARIANTS)}

    message = composed(a_renderer(read_catalogue(documents)), subject={"variant": "b"})

    assert message.subject == "bold"


VARIANTS = {"subject": "{% if variant == 'b' %}bold{% else %}plain{% endif %}", "body": "-"}


def test_a_message_is_better_not_delivered_after_the_hours_in_which_it_may_leave():
    assert composed(person=a_person(phone=None)).expires_in == timedelta(hours=8)
    assert composed().expires_in == timedelta(hours=6)  # her phone is Spanish
    assert composed(not_after=NOON + timedelta(hours=1)).expires_in == timedelta(hours=1)


# Coupons


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Good for 10% off.\nUse it by July 15, 2026."),
        ("zh-Hans", "优惠内容：立减 10%\n有效期至：2026年7月15日"),
        ("es", "Vale por un 10\xa0% de descuento.\nVálido hasta el 15 de julio de 2026."),
    ],
)
def test_a_coupon_is_told_as_the_language_tells_it(locale: str, said: str):
    message = composed(template="apology", coupon=a_coupon(), person=a_person(locale=locale))

    assert said in message.body
    assert coupon_code(b"key", "a-1") in message.body


@pytest.mark.parametrize(
    ("coupon", "said"),
    [
        ({"kind": "percent", "value": "12.5"}, "12.5% off"),
        ({"kind": "amount", "value": "5.00"}, "5.00 off"),
        ({"kind": "gift", "value": "a travel kit"}, "a travel kit"),
        ({"kind": "trial", "value": "14 days"}, "14 days for free"),
    ],
)
def test_a_coupon_says_what_it_is_worth(coupon: dict[str, str], said: str):
    assert f"{said}.\nUse it by" in composed(template="apology", coupon=a_coupon(**coupon)).body


def test_an_amount_is_in_the_base_currency():
    policy = a_policy(currencies=the_policy().currencies.model_copy(update={"base": "GBP"}))

    message = composed(template="apology", coupon=a_coupon(kind="amount", value="5"), policy=policy)

    assert "£5.00 off" in message.body


def test_a_coupon_expires_on_the_customers_own_calendar():
    coupon = a_coupon(expires_at=NOON.replace(hour=22))

    assert "by June 15" in composed(template="apology", coupon=coupon).body
    assert "by June 16" in composed(template="apology", coupon=coupon, known=known(time_zone="Asia/Tokyo")).body


@pytest.mark.parametrize(
    ("locale", "country", "said"),
    [
        ("en", "US", "July 15, 2026"),
        ("en", "GB", "15 July 2026"),
        ("en-AU", "US", "15 July 2026"),  # what they read says more than where they live
        ("en", "JP", "July 15, 2026"),  # nobody has written down how English is written there
        ("pt-PT", None, "15 de julho de 2026"),
        ("zh-Hans-SG", "SG", "2026年7月15日"),
        ("zh-Hans", None, "2026年7月15日"),
        ("en", "ZZ", "July 15, 2026"),
    ],
)
def test_a_day_is_written_as_in_the_country_of_its_reader(locale: str, country: str | None, said: str):
    told = composed(template="apology", coupon=a_coupon(), person=a_person(locale=locale, country=country))

    assert said in told.body


def test_an_amount_is_written_as_in_the_country_of_its_reader():
    coupon = a_coupon(kind="amount", value="5")

    def told(country: str) -> str:
        return composed(template="apology", coupon=coupon, person=a_person(locale="es", country=country)).body

    assert "5,00\xa0US$" in told("ES")
    assert "USD5.00" in told("MX")


@pytest.mark.parametrize("play", [play for play in the_policy().plays if play.do.coupon], ids=lambda play: play.id)
def test_what_the_default_policy_gives_has_a_name_in_every_language(play: Any):
    offer = play.do.coupon
    if offer.kind in ("gift", "trial"):
        assert all(offer.value in the_catalogue().layout[locale].gifts for locale in LOCALES if locale != "en")


def test_a_coupon_without_a_number_is_a_broken_template():
    with pytest.raises(BrokenTemplate, match="'ten'"):
        composed(template="apology", coupon=a_coupon(value="ten"))


def test_a_code_is_the_same_for_the_same_action_and_key_only():
    code = coupon_code(b"key", "a-1")

    assert re.fullmatch("[23456789BCDFGHJKMNPQRSTVWXYZ]{10}", code)
    assert code == coupon_code(b"key", "a-1")
    assert code != coupon_code(b"key", "a-2")
    assert code != coupon_code(b"other", "a-1")


# Languages


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("en-GB", "en"),
        ("es-MX", "es"),
        ("es_419", "es"),
        ("zh-CN", "zh-Hans"),
        ("zh_Hans_CN", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("pt-BR", "pt"),
        ("pt-PT", "pt"),
        ("de-AT", "de"),
        ("fr-CA", "fr"),
        ("ja-JP", "ja"),
        ("ko-KR", "en"),
        ("xx-YY", "en"),
        ("nonsense", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_nearest_language_is_taken(asked: str | None, given: str):
    assert locale_for(asked, LOCALES) == given


def test_the_script_decides_where_a_language_has_two():
    assert locale_for("zh-TW", ("en", "zh-Hans", "zh-Hant")) == "zh-Hant"
    assert locale_for("zh-SG", ("en", "zh-Hant", "zh-Hans")) == "zh-Hans"


def test_a_profile_without_language_leaves_it_to_the_record():
    assert composed(person=a_person(locale=None), known=known(locale="es-ES")).locale == "es"


# What strangers chose


def test_a_name_with_a_line_break_makes_no_header_and_no_line():
    name = "Mia\r\nBcc: all@example.com"
    documents = {**messages(), "welcome": dict.fromkeys(LOCALES, GREETING)}
    renderer = a_renderer(read_catalogue(documents))

    message = composed(renderer, person=a_person(first_name=name), subject={"order_name": name})

    assert message.subject == "Hi Mia Bcc: all@example.com"
    assert "Hi Mia Bcc: all@example.com\n" in message.body


GREETING = {"subject": "Hi\n{{ order.name }}", "body": "Hi {{ order.name }}"}


@pytest.mark.parametrize("name", ["Mia", "José María", "O’Neil", "Anne-Marie", "小美", "J. R.", "आरती"])
def test_names_are_greeted(name: str):
    assert first_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["evil.com", "http://x", "Win 500 EUR", "a@b", "<b>Mia</b>", "{{ brand }}", "x" * 41, "  ", "Click here!", None],
)
def test_what_looks_like_no_name_is_not_greeted(name: str | None):
    assert first_name(name) is None


def test_a_name_is_never_run_as_a_template():
    message = composed(subject={"order_name": "{{ brand.name }}"}, template="dispatched")

    assert "{{ brand.name }}" in message.subject


def test_direction_and_control_characters_are_taken_out():
    assert one_line("#10\u202e01\x00\u2028x") == "#1001 x"


def test_a_vendor_s_word_fills_no_message():
    assert word("#" + "9" * 5_000) == "#" + "9" * (LONGEST_WORD - 1)


def test_an_sms_is_one_line_however_its_text_is_written():
    texts = {"subject": "-", "body": "-", "sms": "One line\nand another."}
    documents = {**messages(), "dispatched": dict.fromkeys(LOCALES, texts)}

    message = composed(a_renderer(read_catalogue(documents)), channel="sms", template="dispatched")

    assert "One line and another." in message.body
    assert message.body.splitlines() == [message.body]


# Broken texts


@pytest.mark.parametrize(
    "body",
    [
        "{{ custmer.first_name }}",
        "{{ customer.age }}",
        "{% if %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ brand.update({}) }}",
    ],
    ids=["misspelled", "unknown field", "syntax", "out of the sandbox", "changes what it was given"],
)
def test_a_broken_text_is_told_by_name(body: str):
    documents = {**messages(), "welcome": {locale: {"subject": "-", "body": body} for locale in LOCALES}}

    with pytest.raises(BrokenTemplate, match="welcome/en/body"):
        composed(a_renderer(read_catalogue(documents)))


def test_a_template_that_does_not_exist_is_told_by_name():
    with pytest.raises(BrokenTemplate, match="nothing/en/subject"):
        composed(template="nothing")


@pytest.mark.parametrize(
    "broken",
    [
        {"welcome": {"es": VARIANTS}},
        {"welcome": {**dict.fromkeys(LOCALES, VARIANTS), "es": {**VARIANTS, "sms": "-"}}},
        {"welcome": {locale: {**VARIANTS, "html": "-"} for locale in LOCALES}},
        {"tasks": {"callback": {"es": {"title": "-", "steps": ["-"]}}}},
        {"layout": {}},
        {name: {"es": texts["es"]} for name, texts in messages().items() if name != "tasks"} | {"tasks": {}},
    ],
    ids=[
        "its English is missing",
        "an SMS in one language only",
        "an unknown field",
        "a task's English",
        "no layout",
        "no English",
    ],
)
def test_an_incomplete_catalogue_is_refused(broken: dict[str, Any]):
    with pytest.raises(ValidationError):
        read_catalogue({**messages(), **broken})


def test_every_task_of_the_default_policy_has_its_texts():
    asked = {play.do.task for play in the_policy().plays if play.do.task}

    assert asked <= the_catalogue().tasks.keys()


# Small measures


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("中" * 70, 1),
        ("中" * 71, 2),
        ("中" * 134, 2),
        ("中" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("á", 1),
    ],
)
def test_an_sms_is_billed_by_its_alphabet(text: str, count: int):
    assert segments(text) == count


def test_tidying_leaves_one_blank_line_at_most():
    assert tidy("\n\na  \n\n\n\nb\n") == "a\n\nb"


@pytest.mark.parametrize(
    ("phone", "country", "number"),
    [
        ("+34 612 345 678", None, "+34612345678"),
        ("612 345 678", "ES", "+34612345678"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("612 345 678", None, None),
        ("12", "ES", None),
        ("call me", "ES", None),
        (None, "ES", None),
    ],
)
def test_a_phone_number_is_dialled_as_the_world_dials_it(phone: str | None, country: str | None, number: str | None):
    assert e164(phone, country) == number
