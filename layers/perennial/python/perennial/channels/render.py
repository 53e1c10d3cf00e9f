"""From an action to the words that leave: the customer's language, the template, the layout around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_percent
from jinja2 import DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perennial.channels.catalogue import DEFAULT_LOCALE, Catalogue
from perennial.channels.coupons import coupon_code
from perennial.channels.recipient import Recipient
from perennial.channels.wording import first_name, one_line, tidy, word
from perennial.domain.actions import Action, ActionId, Channel, Coupon, Purpose
from perennial.domain.permission import customer_zones, must_leave_by
from perennial.domain.policy import Policy

WORDS = ("tracking", "carrier", "state", "variant")
"""Of an action's subject, what templates see under its own name."""


class BrokenTemplate(Exception):
    """A text cannot be rendered: mend it in infra/messages, then redrive the dead letters. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Brand:
    """Who speaks."""

    name: str
    address: str = ""
    shop_url: str = ""


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
    expires_in: timedelta
    """After this it would be better not delivered: quiet hours begin, or it is out of place."""


class Renderer:
    def __init__(self, catalogue: Catalogue, brand: Brand, coupon_key: bytes) -> None:
        self._catalogue = catalogue
        self._brand = brand
        self._coupon_key = coupon_key
        # No autoescaping: all of it is plain text. Compiled when first used, and kept by the environment.
        self._jinja = ImmutableSandboxedEnvironment(
            loader=DictLoader(dict(_sources(catalogue))),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )

    def compose(self, action: Action, recipient: Recipient, to: str, policy: Policy, now: datetime) -> Message:
        """The message of this action. Raises `BrokenTemplate`."""
        locale = locale_for(recipient.locale, self._catalogue.locales)
        context = self._context(action, recipient, policy, locale)
        facts, hours = recipient.customer.facts, policy.quiet_hours
        leave_by = must_leave_by(facts, action.purpose, hours, now, action.not_after)
        subject, body = self._written(action, locale, context)
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
        )

    def _written(self, action: Action, locale: str, context: Mapping[str, Any]) -> tuple[str, str]:
        """(subject, body)"""
        if action.channel == "sms":
            text = self._render(f"{action.template}/{locale}/sms", context)
            return "", one_line(self._render(f"layout/{locale}/sms", {**context, "text": text}))
        subject = self._render(f"{action.template}/{locale}/subject", context)
        text = self._render(f"{action.template}/{locale}/body", context)
        return one_line(subject), self._render(f"layout/{locale}/email", {**context, "text": text})

    def _context(self, action: Action, recipient: Recipient, policy: Policy, locale: str) -> dict[str, Any]:
        """All that a template may name; what is not known is None."""
        brand, subject = self._brand, action.subject
        return {
            **{name: word(subject.get(name)) for name in WORDS},
            "customer": {"first_name": first_name(recipient.person.first_name)},
            "brand": {"name": brand.name, "address": brand.address},
            "shop_url": brand.shop_url,
            "order": {"name": word(subject.get("order_name"))},
            "cart": {"url": recipient.cart_url or brand.shop_url},
            "coupon": action.coupon and self._coupon(action.coupon, action, recipient, policy, locale),
            "purpose": action.purpose,
        }

    def _coupon(self, coupon: Coupon, action: Action, recipient: Recipient, policy: Policy, locale: str) -> str:
        zone = ZoneInfo(customer_zones(recipient.customer.facts, policy.quiet_hours.default_zone)[0])
        value = self._value(coupon, policy.currencies.base, locale)
        context = {
            "code": coupon_code(self._coupon_key, action.id),
            "offer": self._render(f"layout/{locale}/offers/{coupon.kind}", {"value": value}),
            "expires": format_date(coupon.expires_at.astimezone(zone), "long", locale=_babel(locale)),
        }
        return self._render(f"layout/{locale}/coupon", context)

    def _value(self, coupon: Coupon, currency: str, locale: str) -> str:
        """What the coupon is worth, as the locale writes it. Raises `BrokenTemplate` where a number is none."""
        if coupon.kind in ("gift", "trial"):
            return self._catalogue.layout[locale].gifts.get(coupon.value, coupon.value)
        try:
            value = Decimal(coupon.value)
        except InvalidOperation as error:
            raise BrokenTemplate(f"a coupon of {coupon.kind} is worth a number, not {coupon.value!r}") from error
        if coupon.kind == "percent":
            return format_percent(value / 100, locale=_babel(locale), decimal_quantization=False)
        return format_currency(value, currency, locale=_babel(locale))

    def _render(self, name: str, context: Mapping[str, Any]) -> str:
        try:
            return tidy(self._jinja.get_template(name).render(context))
        except TemplateError as error:
            raise BrokenTemplate(f"{name}: {type(error).__name__}: {error.message}") from error


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
    return min(near, key=lambda each: _babel(each).script != wanted.script, default=DEFAULT_LOCALE)


@lru_cache(maxsize=100)
def _babel(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))


def _sources(catalogue: Catalogue) -> dict[str, str]:
    """Template name, locale and field -> text."""
    sources = {
        f"{name}/{locale}/{field}": text
        for name, texts in [*catalogue.templates.items(), ("layout", catalogue.layout)]
        for locale, fields in texts.items()
        for field, text in fields
        if isinstance(text, str)
    }
    offers = {
        f"layout/{locale}/offers/{kind}": text
        for locale, layout in catalogue.layout.items()
        for kind, text in layout.offers.items()
    }
    return sources | offers
