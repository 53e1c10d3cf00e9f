"""People and parcels that do not exist, to show and to check what a template says."""

from datetime import UTC, datetime, timedelta

from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action, Channel, Coupon, Purpose
from perennial.domain.customer import Consent, Customer, Facts
from perennial.domain.events import Person
from perennial.domain.offers import GiftOffer

NOBODY = "example"
EMAIL = "somebody@example.com"
PHONE = "+14155550132"
ADDRESS = "https://shop.example/cart/c/0123456789abcdef"
"""Of a cart."""
PEOPLE = {
    "en": ("Olivia", "Olivia Hart", "GB"),
    "zh": ("小美", "小美 王", "CN"),
    "es": ("Lucía", "Lucía Romero", "ES"),
    "pt": ("Mariana", "Mariana Alves", "BR"),
    "de": ("Anna", "Anna Keller", "DE"),
    "fr": ("Chloé", "Chloé Martin", "FR"),
    "ja": ("美咲", "美咲 佐藤", "JP"),
}
"""Language -> given name, whole name as a shop joins it, country."""
ASKED = {f"marketing/{channel}": Consent(True, datetime(2026, 1, 1, tzinfo=UTC)) for channel in ("email", "sms")}
"""They have asked to hear from us."""
ORDER = {"order_name": "#1001", "tracking": "LX123456789CN", "carrier": "China Post", "state": "delayed"}


def example_action(
    template: str, channel: Channel, purpose: Purpose, now: datetime, offer: GiftOffer | None = None, **subject: str
) -> Action:
    """Of no play: nobody decided it."""
    return Action(
        id=NOBODY,
        customer=NOBODY,
        store=NOBODY,
        play=NOBODY,
        about=NOBODY,
        channel=channel,
        template=template,
        purpose=purpose,
        decided_at=now,
        not_after=now + timedelta(days=1),
        policy=0,
        subject=subject,
        coupon=Coupon(**offer.model_dump(exclude={"expires"}), expires_at=now + offer.expires) if offer else None,
    )


def example_recipient(locale: str, country: str | None = None, cart_url: str | None = None) -> Recipient:
    """Somebody who reads this language, in this country or in the one that it is written for."""
    first, name, home = PEOPLE.get(locale[:2], PEOPLE["en"])
    person = Person(email=EMAIL, phone=PHONE, first_name=first, name=name, locale=locale, country=country or home)
    return Recipient(Customer(id=NOBODY, store=NOBODY, facts=Facts(consent=ASKED)), person, cart_url)


def stranger(locale: str, country: str | None = None) -> Recipient:
    """Somebody of whom nothing is known but the language."""
    return Recipient(Customer(id=NOBODY, store=NOBODY), Person(email=EMAIL, locale=locale, country=country))
