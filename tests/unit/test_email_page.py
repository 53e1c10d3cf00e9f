"""An email's page: the same words as its text, whatever anybody put into them, and links only to where we mean."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest

from perennial.aws.documents import messages
from perennial.channels.catalogue import read_catalogue
from perennial.channels.render import Brand, Message, Renderer
from perennial.domain.actions import Action
from perennial.domain.customer import Consent
from tests.messaging import (
    BRAND,
    LOCALES,
    NOON,
    a_coupon,
    a_person,
    a_policy,
    a_recipient,
    an_action,
    the_catalogue,
)
from tests.unit.test_render import FULL, TEXTS

EMAILS = [template for template, channel in TEXTS if channel == "email"]
SNEAKY = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class OurLinks:
    """Addresses that name what they are for."""

    def preferences(self, action: Action, locale: str) -> str:
        return f"https://hooks.example/preferences/{action.customer}?lang={locale}"

    def one_click(self, action: Action) -> str:
        return f"https://hooks.example/u/{action.purpose}"

    def confirm(self, action: Action, locale: str) -> str | None:
        return f"https://hooks.example/confirm/{action.id}" if "consent" in action.subject else None


class Page(HTMLParser):
    """What a browser makes of it: the words, the links, and whether all that was opened is closed."""

    VOID = frozenset({"meta", "br", "img", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self.tags, self._open = "", list[str](), set[str](), list[str]()
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self._open):
            self.words += data


def composed(*, brand: Brand = BRAND, links: Any = None, catalogue: Any = None, **overrides: Any) -> Message:
    recipient = a_recipient(overrides.pop("person", None), overrides.pop("cart_url", None))
    renderer = Renderer(lambda: catalogue or the_catalogue(), brand, b"key", links)
    return renderer.compose(an_action(**overrides), recipient, "to@example.com", a_policy(), NOON)


def without_layout(text: str) -> str:
    """All but blanks, numbers of steps and addresses that became buttons."""
    return re.sub(r"\s|^\d\.|https?://\S+|[:：]", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", EMAILS)
def test_the_page_says_what_the_text_says(template: str, locale: str) -> None:
    message = composed(
        template=template,
        subject=FULL,
        coupon=a_coupon(),
        cart_url="https://shop.example/cart/1",
        person=a_person(locale=locale, name="Mia Keller"),
    )
    page = Page(message.html)

    assert f'<html lang="{locale}"' in message.html
    said = without_layout(page.words)
    for paragraph in message.body.split("\n\n"):
        assert all(without_layout(line) in said for line in paragraph.split("\n")), paragraph
    assert page.words.count("{{") == page.words.count("None") == 0


@pytest.mark.parametrize("field", ["order_name", "tracking", "carrier"])
def test_what_a_stranger_wrote_is_shown_and_never_run(field: str) -> None:
    message = composed(template="out_for_delivery", subject=FULL | {field: SNEAKY})
    page = Page(message.html)

    assert SNEAKY in page.words
    assert not {"script"} & page.tags


def test_a_brand_is_shown_and_never_run() -> None:
    message = composed(brand=Brand(SNEAKY, SNEAKY, "https://shop.example"), template="welcome")

    assert not {"script", "img"} & Page(message.html).tags
    assert "<script" not in message.html


@pytest.mark.parametrize("name", ["{{7*7}}", "{% if 1 %}x{% endif %}", "${7*7}", "{{ brand.__class__ }}"])
def test_a_word_is_never_read_as_a_template(name: str) -> None:
    message = composed(template="dispatched", subject=FULL | {"order_name": name})

    assert name in message.subject
    assert name in message.body
    assert name in Page(message.html).words


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://shop.example/\r\nBcc: x@example.com"]
)
def test_a_cart_leads_to_the_web_or_to_the_shop(url: str) -> None:
    message = composed(template="abandoned_cart", cart_url=url)

    assert BRAND.shop_url in Page(message.html).links
    assert url not in message.html + message.body


def test_no_value_becomes_a_link() -> None:
    message = composed(template="dispatched", subject=FULL | {"carrier": "https://evil.example/x"})

    assert not [link for link in Page(message.html).links if "evil" in link]


def test_an_address_that_the_author_wrote_is_a_link() -> None:
    texts = {"subject": "-", "body": "Read this: https://help.example/start"}
    catalogue = read_catalogue({**messages(), "welcome": dict.fromkeys(LOCALES, texts)})

    assert Page(composed(catalogue=catalogue).html).links == ["https://help.example/start"]


def test_a_country_hears_its_own_words_where_it_has_some() -> None:
    portugal, brazil = (
        composed(template="thank_you", person=a_person(locale=f"pt-{country}", country=country))
        for country in ("PT", "BR")
    )

    assert (portugal.locale, brazil.locale) == ("pt", "pt")
    assert "encomenda" in portugal.subject
    assert "pedido" in brazil.subject


def test_what_a_country_leaves_out_it_hears_like_everybody() -> None:
    quebec, france = (
        composed(template="thank_you", person=a_person(locale=f"fr-{country}", country=country))
        for country in ("CA", "FR")
    )

    assert quebec.subject == france.subject
    assert "courriel" in quebec.body
    assert "courriel" not in france.body


@pytest.mark.parametrize(
    ("locale", "name", "first", "greeting"),
    [
        ("ja", "美咲 佐藤", "美咲", "佐藤美咲様"),
        ("ja", "Mia Keller", "Mia", "Mia Keller様"),
        ("ja", None, None, "お客様"),
        ("de", "Mia Keller", "Mia", "Guten Tag Mia Keller!"),
        ("de", None, "Mia", "Guten Tag Mia!"),
        ("de", "https://evil.example", None, "Guten Tag!"),
        ("zh-Hans", "小美 王", "小美", "小美，您好！"),
    ],
)
def test_people_are_greeted_as_their_language_does(
    locale: str, name: str | None, first: str | None, greeting: str
) -> None:
    message = composed(person=a_person(locale=locale, name=name, first_name=first))

    assert message.body.startswith(f"{greeting}\n")


# How to stop it


@pytest.mark.parametrize("purpose", ["service", "marketing"])
def test_what_can_be_stopped_says_how_and_where(purpose: str) -> None:
    message = composed(links=OurLinks(), purpose=purpose, person=a_person(locale="de"))
    page = "https://hooks.example/preferences/c-1?lang=de"

    assert message.body.endswith(f"Abmelden oder auswählen, was Sie bekommen: {page}")
    assert page in Page(message.html).links
    assert message.one_click == f"https://hooks.example/u/{purpose}"


@pytest.mark.parametrize(
    ("consent", "because"),
    [
        ({"marketing/email": Consent(True, NOON)}, "because you asked to hear from us."),
        ({"marketing/email": Consent(False, NOON)}, "because you bought from us or signed up."),
        ({"marketing/sms": Consent(True, NOON)}, "because you bought from us or signed up."),
        ({}, "because you bought from us or signed up."),
    ],
)
def test_nobody_is_told_to_have_asked_for_what_they_never_asked_for(consent: dict[str, Consent], because: str) -> None:
    renderer = Renderer(the_catalogue, BRAND, b"key", OurLinks())

    message = renderer.compose(
        an_action(purpose="marketing"), a_recipient(consent=consent), "to@example.com", a_policy(), NOON
    )

    assert because in message.body
    assert because in Page(message.html).words


def test_what_cannot_be_stopped_offers_nothing() -> None:
    message = composed(links=OurLinks(), purpose="transactional")

    assert message.one_click is None
    assert "hooks.example" not in message.body + message.html
    assert "--" not in message.body


def test_an_sms_has_no_page_and_nothing_to_click() -> None:
    message = composed(links=OurLinks(), channel="sms", template="dispatched")

    assert (message.html, message.subject, message.one_click) == ("", "", None)


# How it looks


def test_a_logo_stands_in_the_place_of_the_name() -> None:
    html = composed(brand=Brand("Lumen", logo_url="https://shop.example/logo.png", color="#ffd400")).html

    assert 'src="https://shop.example/logo.png"' in html
    assert 'alt="Lumen"' in html


def test_a_logo_from_elsewhere_than_the_web_is_none() -> None:
    assert "img" not in Page(composed(brand=Brand("Lumen", logo_url="javascript:alert(1)")).html).tags


def test_buttons_have_the_brand_s_color() -> None:
    html = composed(brand=Brand("Lumen", shop_url="https://shop.example", color="#ffd400")).html

    assert "background:#ffd400" in html
    assert "color:#000000" in html


def test_a_mail_program_shows_the_first_words_beside_the_subject() -> None:
    assert ">It is lovely to have you with us.</div>" in composed().html


def test_a_page_is_small_enough_not_to_be_cut() -> None:
    """Gmail shows 102 kB."""
    longest = max(
        len(composed(template=template, subject=FULL, coupon=a_coupon(), person=a_person(locale=locale)).html.encode())
        for template in EMAILS
        for locale in LOCALES
    )

    assert longest < 30_000


# Which text it was


def test_a_message_says_which_version_of_its_text_it_is() -> None:
    catalogue = read_catalogue(messages(), {"welcome": 3, "layout": 7})

    assert composed(catalogue=catalogue).template_version == 3
    assert composed().template_version == 0


def test_a_change_of_texts_is_spoken_at_once_and_compiled_once() -> None:
    plain = {locale: {"subject": "Changed", "body": "-"} for locale in LOCALES}
    catalogues = [the_catalogue(), the_catalogue(), read_catalogue({**messages(), "welcome": plain})]
    renderer = Renderer(lambda: catalogues.pop(0), BRAND, b"key")

    said = [renderer.compose(an_action(), a_recipient(), "to", a_policy(), NOON).subject for _ in range(3)]

    assert said == ["Welcome to Lumen & Co", "Welcome to Lumen & Co", "Changed"]


# Those who hear a page, and those who read other characters than ours


@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_says_its_language_and_no_table_of_it_is_read_out_as_one(locale: str) -> None:
    page = composed(template="apology", coupon=a_coupon(), person=a_person(locale=locale)).html

    assert f'<html lang="{locale}"' in page
    assert re.findall(r"<table(?![^>]*role=.presentation)", page) == []
    assert re.findall(r"<img(?![^>]*alt=.[^\"])", page) == []


def test_characters_that_two_languages_share_are_drawn_as_each_draws_them() -> None:
    japanese, chinese = (composed(person=a_person(locale=locale)).html for locale in ("ja", "zh-Hans"))

    assert ("Yu Gothic" in japanese, "YaHei" in japanese) == (True, False)
    assert ("Yu Gothic" in chinese, "YaHei" in chinese) == (False, True)
