"""From an action to the words that leave: the customer's language, the template, the layout around it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.localedata import exists
from babel.numbers import format_currency, format_percent

from perennial.channels import markup
from perennial.channels.catalogue import DEFAULT_LOCALE, Catalogue, Layout
from perennial.channels.compiled import BrokenTemplate, Compiled
from perennial.channels.coupons import coupon_code
from perennial.channels.markup import ink_on, web_address
from perennial.channels.recipient import Recipient
from perennial.channels.wording import first_name, full_name, one_line, word
from perennial.domain.actions import Action, ActionId, Channel, Coupon, Purpose
from perennial.domain.label import Label
from perennial.domain.permission import customer_zones, must_leave_by
from perennial.domain.policy import Policy

WORDS = ("tracking", "carrier", "state", "festival", "variant")
"""Of an action's subject, what templates see under its own name."""
FAMILY_FIRST = ("zh", "ja", "ko")
"""Languages that say the family's name first."""
LONGEST_PREVIEW = 140
"""Characters of what a mail program shows beside the subject."""


class Links(Protocol):
    """Where a customer changes what they get: addresses that only we can make, and that say nothing about anybody."""

    def preferences(self, action: Action, locale: str) -> str:
        """The page on which the customer of this action chooses what to get, in this language."""

    def one_click(self, action: Action) -> str:
        """Where a mail program's own button ends messages of this purpose and channel (RFC 8058)."""

    def confirm(self, action: Action, locale: str) -> str | None:
        """The page on which the consent is confirmed that this message asks about; None where it asks about none."""


Lead = Callable[[Action, str], str]
"""Where a button of this action leads, that is meant to lead to this address."""


def straight(action: Action, address: str) -> str:
    """Nobody hears of a click."""
    return address


@dataclass(frozen=True, slots=True)
class Brand:
    """Who speaks."""

    name: str
    address: str = ""
    shop_url: str = ""
    color: str = "#1f2937"
    """Of buttons, as #rrggbb."""
    logo_url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a provider carries away. Personal data: never log it, and keep it nowhere."""

    action_id: ActionId
    play: str
    purpose: Purpose
    channel: Channel
    template: str
    locale: str
    to: str
    subject: str
    """One line; empty for an SMS."""
    body: str
    """Plain text: all of an SMS, and an email's words for whoever reads them without HTML."""
    expires_in: timedelta
    """After this it would be better not delivered: quiet hours begin, or it is out of place."""
    label: Label | None
    """What the provider is told of it, to say it again with what becomes of it; None for what is no customer's."""
    html: str = ""
    """The same words as a page; empty for an SMS."""
    template_version: int = 0
    """Of the template; 0 is the one that came with the product."""
    one_click: str | None = None
    """Where one POST unsubscribes; None where there is no such place, or nothing to unsubscribe from."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The label, as providers take it."""
        return self.label.written() if self.label else {}


class _Words(NamedTuple):
    """An email's texts, before they are put together."""

    subject: str
    text: str
    greeting: str
    closing: str
    because: tuple[str, ...]
    """Why they get it, and how to stop it; empty where that needs no saying."""
    links: frozenset[str]
    """Addresses that may be followed."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A coupon in words, and its code."""

    text: str
    code: str


class Renderer:
    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        brand: Brand,
        coupon_key: bytes,
        links: Links | None = None,
        lead: Lead = straight,
    ) -> None:
        """catalogue: the texts in force. links: None as long as there is no page to lead to. lead: as buttons do."""
        self._lead = lead
        self._catalogue = catalogue
        self._brand = brand
        self._coupon_key = coupon_key
        self._links = links
        self._compiled: Compiled | None = None

    def compose(self, action: Action, recipient: Recipient, to: str, policy: Policy, now: datetime) -> Message:
        """The message of this action. Raises `BrokenTemplate`."""
        texts = self._texts()
        locale = locale_for(recipient.locale, texts.catalogue.locales(action.template))
        asked = _has_asked(action, recipient)
        letter = _Letter(texts, self._brand, self._links, self._lead, action, locale, recipient.country, asked)
        told = self._coupon(letter, recipient, policy) if action.coupon else None
        context = _context(letter, recipient, told)
        version = texts.catalogue.version(action.template)
        leave_by = _leave_by(action, recipient, policy, now)
        subject, body, html = ("", letter.sms(context), "") if action.channel == "sms" else letter.email(context, told)
        return Message(
            action_id=action.id,
            play=action.play,
            purpose=action.purpose,
            channel=action.channel,
            template=action.template,
            locale=locale,
            to=to,
            subject=subject,
            body=body,
            expires_in=leave_by - now,
            label=Label.of(action, now, version),
            html=html,
            template_version=version,
            one_click=letter.one_click,
        )

    def _texts(self) -> Compiled:
        """Compiled anew when another catalogue is in force."""
        catalogue = self._catalogue()
        if self._compiled is None or self._compiled.catalogue is not catalogue:
            self._compiled = Compiled(catalogue)
        return self._compiled

    def _coupon(self, letter: "_Letter", recipient: Recipient, policy: Policy) -> _Told:
        coupon, locale = letter.action.coupon, letter.locale
        assert coupon is not None
        zone = ZoneInfo(customer_zones(recipient.customer.facts, policy.quiet_hours.default_zone)[0])
        style = style_of(locale, recipient.locale, recipient.country)
        value = _value(coupon, policy.currencies.base, style, letter.layout)
        code = coupon.code or coupon_code(self._coupon_key, letter.action.id)  # a preview draws none
        least = _money(Decimal(coupon.minimum), policy.currencies.base, style) if coupon.minimum else None
        context = {
            "code": code,
            "offer": letter.bound(letter.words(f"layout/{locale}/offers/{coupon.kind}", {"value": value}), least),
            "expires": format_date(coupon.expires_at.astimezone(zone), "long", locale=_babel(style)),
        }
        text = letter.words(f"layout/{locale}/coupon", context)
        if code not in text:
            raise BrokenTemplate(f"layout/{locale}/coupon: hides the code; say {{{{ code }}}}")
        return _Told(text, code)


@dataclass(frozen=True, slots=True)
class _Letter:
    """One message in the making: its texts, in the language and country of whoever reads it."""

    texts: Compiled
    brand: Brand
    links: Links | None
    lead: Lead
    action: Action
    locale: str
    country: str | None
    has_asked: bool

    @property
    def layout(self) -> Layout:
        return self.texts.catalogue.layout[self.locale]

    @property
    def one_click(self) -> str | None:
        stoppable = self.links is not None and self.action.channel == "email" and self.action.purpose != "transactional"
        return self.links.one_click(self.action) if self.links and stoppable else None

    def words(self, name: str, context: Mapping[str, Any]) -> str:
        return self.texts.words(name, context)

    def bound(self, offer: str, least: str | None) -> str:
        """The offer with its conditions: one that hid them would promise too much. Raises `BrokenTemplate`."""
        coupon = self.action.coupon
        if coupon and (coupon.products or coupon.collections):
            offer = self.words(f"layout/{self.locale}/conditions/some", {"offer": offer, "value": ""})
        if least:
            offer = self.words(f"layout/{self.locale}/conditions/minimum", {"offer": offer, "value": least})
        return offer

    def sms(self, context: Mapping[str, Any]) -> str:
        text = self.words(self.texts.catalogue.wording(self.action.template, self.locale, self.country, "sms"), context)
        return one_line(self.words(f"layout/{self.locale}/sms", {**context, "text": text}))

    def email(self, context: Mapping[str, Any], coupon: _Told | None) -> tuple[str, str, str]:
        """(subject, text, HTML)"""
        words = self._email_words(context)
        choose = self._choose()
        return words.subject, self._as_text(words, choose, context), self._as_html(words, choose, coupon)

    def _email_words(self, context: Mapping[str, Any]) -> _Words:
        catalogue, template, locale = self.texts.catalogue, self.action.template, self.locale
        subject = catalogue.wording(template, locale, self.country, "subject")
        body = catalogue.wording(template, locale, self.country, "body")
        named = {context["shop_url"], context["cart"]["url"], context["confirm_url"]}
        return _Words(
            subject=one_line(self.words(subject, context)),
            text=self.words(body, context),
            greeting=self.words(f"layout/{locale}/greeting", context),
            closing=f"{self.words(f'layout/{locale}/closing', context)}\n{self.brand.name}",
            because=self._because(context),
            links=self.texts.addresses(body) | {each for each in named if each},
        )

    def _because(self, context: Mapping[str, Any]) -> tuple[str, ...]:
        purpose = self.action.purpose
        if purpose == "transactional" or (purpose == "service" and self.links is None):
            return ()
        reason = "marketing" if purpose == "marketing" and self.has_asked else "service"
        because = self.words(f"layout/{self.locale}/because/{reason}", context)
        return (because,) if self.links else (because, self.words(f"layout/{self.locale}/reply", context))

    def _choose(self) -> markup.Button | None:
        """The link to the page on which the customer chooses."""
        if self.links is None or self.action.purpose == "transactional":
            return None
        label = self.words(f"layout/{self.locale}/choose", {})
        return markup.Button(label, self.links.preferences(self.action, self.locale))

    def _as_text(self, words: _Words, choose: markup.Button | None, context: Mapping[str, Any]) -> str:
        signed = "\n".join(line for line in (words.closing, self.brand.address) if line)
        stop = [*words.because, *([f"{choose.label}: {choose.url}"] if choose else [])]
        footer = ["\n".join(["--", *stop])] if stop else []
        return "\n\n".join([words.greeting, words.text, signed, *footer])

    def _as_html(self, words: _Words, choose: markup.Button | None, coupon: _Told | None) -> str:
        told = (coupon.text, coupon.code) if coupon else (None, None)
        return self.texts.html(
            {
                "lang": self.locale,
                "subject": words.subject,
                "preview": words.text.split("\n\n")[0].replace("\n", " ")[:LONGEST_PREVIEW],
                "brand": _face(self.brand),
                "greeting": words.greeting,
                "parts": [self._led(part) for part in markup.parts(words.text, words.links, *told)],
                "closing": words.closing.split("\n"),
                "footer": [line for line in (self.brand.address, *words.because) if line],
                "choose": choose,
            }
        )

    def _led(self, part: markup.Part) -> markup.Part:
        """Buttons alone: where an address stands to be read, it is the one that is led to."""
        return replace(part, url=self.lead(self.action, part.url)) if isinstance(part, markup.Button) else part


def _face(brand: Brand) -> dict[str, str]:
    logo = web_address(brand.logo_url) or ""
    return {"name": brand.name, "color": brand.color, "ink": ink_on(brand.color), "logo": logo}


def _has_asked(action: Action, recipient: Recipient) -> bool:
    """Whether they ever said yes to this: where the policy wants no yes, nobody is told that they did."""
    said = recipient.customer.facts.consent.get(f"{action.purpose}/{action.channel}")
    return said is not None and said.granted


def _leave_by(action: Action, recipient: Recipient, policy: Policy, now: datetime) -> datetime:
    facts, hours = recipient.customer.facts, policy.quiet_hours
    return must_leave_by(facts, action.purpose, hours, now, action.not_after, action.channel, recipient.phone_zones)


def _context(letter: _Letter, recipient: Recipient, coupon: _Told | None) -> dict[str, Any]:
    """All that a template may name; what is not known is None."""
    brand, subject, person = letter.brand, letter.action.subject, recipient.person
    shop = web_address(brand.shop_url)
    family_first = _babel(letter.locale).language in FAMILY_FIRST
    return {
        **{name: word(subject.get(name)) for name in WORDS},
        "customer": {
            "first_name": first_name(person.first_name),
            "name": full_name(person.name, person.first_name, family_first=family_first),
        },
        "brand": {"name": brand.name, "address": brand.address},
        "shop_url": shop,
        "confirm_url": letter.links.confirm(letter.action, letter.locale) if letter.links else None,
        "order": {"name": word(subject.get("order_name"))},
        "cart": {"url": web_address(recipient.cart_url) or shop},
        "coupon": coupon and coupon.text,
        "purpose": letter.action.purpose,
    }


def _value(coupon: Coupon, currency: str, locale: str, layout: Layout) -> str:
    """What the coupon is worth, as the locale writes it. Raises `BrokenTemplate` where a number is none."""
    if coupon.kind in ("gift", "trial"):
        return layout.gifts.get(coupon.value, coupon.value)
    try:
        value = Decimal(coupon.value)
    except InvalidOperation as error:
        raise BrokenTemplate(f"a coupon of {coupon.kind} is worth a number, not {coupon.value!r}") from error
    if coupon.kind == "percent":
        return format_percent(value / 100, locale=_babel(locale), decimal_quantization=False)
    return _money(value, currency, locale)


def _money(amount: Decimal, currency: str, locale: str) -> str:
    return format_currency(amount, currency, locale=_babel(locale))


def locale_for(asked: str | None, offered: tuple[str, ...]) -> str:
    """The offered locale that is nearest to what the customer reads.

    The language decides, then the script. Traditional Chinese gets simplified: most of its readers can read that, and
    few of them the English they would get otherwise.
    """
    try:
        wanted = Locale.parse((asked or "").replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return DEFAULT_LOCALE
    near = [each for each in offered if _babel(each).language == wanted.language]
    return min(near, key=lambda each: _distance(each, wanted), default=DEFAULT_LOCALE)


def style_of(locale: str, asked: str | None, country: str | None) -> str:
    """The locale by which dates and amounts are written: of the country whose language they read, or they live in.

    15 July 2026 in London is July 15, 2026 in New York, in the same words.
    """
    own = _babel(locale)
    if own.territory:
        return locale
    asked_in = [part for part in (asked or "").replace("-", "_").split("_")[1:] if len(part) in (2, 3)]
    styles = ("_".join(filter(None, (own.language, own.script, where))) for where in (*asked_in, country) if where)
    return next(filter(exists, styles), locale)


def _distance(offered: str, wanted: Locale) -> tuple[bool, bool, bool]:
    """Another script is further away than another country, and that further than a language for all countries."""
    each = _babel(offered)
    is_abroad = each.territory not in (None, wanted.territory)
    return each.script != wanted.script, is_abroad, each.territory != wanted.territory


@lru_cache(maxsize=100)
def _babel(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))
