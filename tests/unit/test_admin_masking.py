"""Whoever may not know who a customer is sees enough to recognise and too little to contact."""

from datetime import date

import pytest

from perennial.admin.masking import masked
from perennial.domain.events import Person


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("ana@example.com", "a***@e***.com"),
        ("a@b.co.uk", "a***@b***.uk"),
        ("ana@localhost", "***"),
        ("Ana <ana@shop.example>", "A***@s***.example>"),
        ("no address", "***"),
        ("@example.com", "***"),
        ("张@例子.中国", "张***@例***.中国"),
    ],
)
def test_of_an_email_only_the_ends_are_shown(email: str, shown: str) -> None:
    assert masked(Person(email=email)).email == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+86 138 1234 5678", "+86*****678"),
        ("612345678", "612*****678"),
        ("61234567", "***"),
        ("+34 6123", "***"),
        ("call me", "***"),
    ],
)
def test_of_a_phone_only_the_ends_are_shown_and_of_a_short_one_nothing(phone: str, shown: str) -> None:
    assert masked(Person(phone=phone)).phone == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Jia Sun", "J. S."), ("ana", "A."), ("王小明", "王."), ("Ana de la Cruz Ruiz", "A. D. L."), ("  ", "***")],
)
def test_of_a_name_the_initials_are_shown(name: str, shown: str) -> None:
    assert masked(Person(name=name, first_name=name)).name == shown
    assert masked(Person(name=name, first_name=name)).first_name == shown


def test_ids_birthday_and_home_are_hidden_and_language_and_place_are_not() -> None:
    person = Person(
        id="own-7",
        ids={"shopify": "6940095564"},
        birthday=date(1990, 5, 17),
        address="Calle Mayor 1",
        locale="es",
        time_zone="Europe/Madrid",
        country="ES",
    )

    assert masked(person) == Person(locale="es", time_zone="Europe/Madrid", country="ES")


def test_who_told_nothing_of_themselves_stays_nobody() -> None:
    assert masked(Person()) == Person()
