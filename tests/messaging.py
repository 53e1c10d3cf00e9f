"""Builders for what is sent: valid by default, override only what the test is about."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from perennial.aws.documents import default_policy, messages
from perennial.channels.catalogue import Catalogue, read_catalogue
from perennial.channels.recipient import Recipient
from perennial.channels.render import Brand, Renderer
from perennial.domain.actions import Action, Coupon
from perennial.domain.customer import Consent, Customer, Facts, Known
from perennial.domain.events import Person
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.policy_document import Known as References
from perennial.policy_document import read_policy

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
LOCALES = ("en", "zh-Hans", "es", "pt", "de", "fr", "ja")
BRAND = Brand("Lumen & Co", "Calle Mayor 1, Madrid", "https://shop.example")


@cache
def the_catalogue() -> Catalogue:
    return read_catalogue(messages())


@cache
def the_policy() -> Policy:
    catalogue = the_catalogue()
    return read_policy(default_policy(), 1, References(catalogue.channels, catalogue.tasks))


def a_policy(**overrides: Any) -> Policy:
    return the_policy().model_copy(update={"caps": (), **overrides})


def a_renderer(catalogue: Catalogue | None = None, brand: Brand = BRAND) -> Renderer:
    return Renderer(lambda: catalogue or the_catalogue(), brand, b"key")


def an_action(**overrides: Any) -> Action:
    return Action(
        **{
            "id": "a-1",
            "customer": "c-1",
            "store": "demo",
            "play": "welcome",
            "about": "signed-up",
            "channel": "email",
            "template": "welcome",
            "purpose": "service",
            "decided_at": NOON - timedelta(minutes=1),
            "not_after": NOON + timedelta(days=3),
            "policy": 1,
            **overrides,
        }
    )


def a_coupon(**overrides: Any) -> Coupon:
    return Coupon(**{"kind": "percent", "value": "10", "expires_at": NOON + timedelta(days=30), **overrides})


def facts(**overrides: Any) -> Facts:
    consent = {f"marketing/{channel}": Consent(True, NOON) for channel in ("email", "sms")}
    return Facts(**{"reach": {"email", "sms"}, "consent": consent, **overrides})


def a_customer(**overrides: Any) -> Customer:
    return Customer(id="c-1", store="demo", facts=facts(**overrides))


def a_person(**overrides: Any) -> Person:
    return Person(
        **{"email": "mia@example.com", "phone": "+34 612 345 678", "first_name": "Mia", "locale": "en", **overrides}
    )


def a_profile(person: Person | None = None) -> Profile:
    return Profile().told(person or a_person(), NOON)


def a_recipient(person: Person | None = None, cart_url: str | None = None, **overrides: Any) -> Recipient:
    return Recipient(a_customer(**overrides), person or a_person(), cart_url)


def known(**about: str) -> dict[str, Known]:
    return {name: Known(value, NOON) for name, value in about.items()}
