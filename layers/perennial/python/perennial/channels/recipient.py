"""Whom a message is for: the impersonal record and the erasable profile, brought together for as long as it takes."""

from dataclasses import dataclass

import phonenumbers
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

from perennial.domain.actions import Channel
from perennial.domain.customer import Customer, Send
from perennial.domain.events import Person
from perennial.domain.holds import Hold
from perennial.domain.relays import is_relay


@dataclass(frozen=True, slots=True)
class Recipient:
    customer: Customer
    person: Person
    cart_url: str | None = None
    """Where the customer finds the cart again that the message is about."""
    sends: tuple[Send, ...] = ()
    """What left, or may have left, for those who are the same person by another name."""
    holds: tuple[Hold, ...] = ()
    """What staff had stopped when all this was read."""

    def address(self, channel: Channel) -> str | None:
        """Where to send it: an email address as it was given, or a number in E.164. None where it cannot be used.

        At an address that a marketplace made up, nobody is written to.
        """
        if channel == "email":
            email = self.person.email
            return None if email and is_relay(email.strip().lower()) else email
        return e164(self.person.phone, self.country)

    @property
    def phone_zones(self) -> tuple[str, ...]:
        """Where the number is from; none where there is no usable one, or it tells nothing."""
        number = e164(self.person.phone, self.country)
        found = time_zones_for_number(phonenumbers.parse(number)) if number else ()
        return tuple(zone for zone in found if zone != UNKNOWN_TIMEZONE)

    @property
    def locale(self) -> str | None:
        known = self.customer.facts.about.get("locale")
        return self.person.locale or (known.value if known else None)

    @property
    def country(self) -> str | None:
        known = self.customer.facts.about.get("country")
        return self.person.country or (known.value if known else None)


def e164(phone: str | None, country: str | None) -> str | None:
    """The number as the world dials it; one without country code is read as dialled in `country`."""
    try:
        number = phonenumbers.parse(phone or "", country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
