"""Whom a message is for: the impersonal record and the erasable profile, brought together for as long as it takes."""

from dataclasses import dataclass

import phonenumbers

from perennial.domain.actions import Channel
from perennial.domain.customer import Customer
from perennial.domain.events import Person


@dataclass(frozen=True, slots=True)
class Recipient:
    customer: Customer
    person: Person
    cart_url: str | None = None
    """Where the customer finds the cart again that the message is about."""

    def address(self, channel: Channel) -> str | None:
        """Where to send it: an email address as it was given, or a number in E.164. None where it cannot be used."""
        if channel == "email":
            return self.person.email
        return e164(self.person.phone, self._country)

    @property
    def locale(self) -> str | None:
        known = self.customer.facts.about.get("locale")
        return self.person.locale or (known.value if known else None)

    @property
    def _country(self) -> str | None:
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
