"""E-mail addresses and phone numbers: one person, one key."""

import re
import subprocess
import sys

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.domain import contacts
from perennial.domain.contacts import (
    PROVIDERS,
    email_address,
    international,
    misspelt_domain,
    normal_email,
    normal_phone,
)
from perennial.domain.identity import key_for
from tests.builders import SAME_EVERY_TIME


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ana@example.com", "ana@example.com"),
        (" Ana.Ruiz+shop@Example.COM ", "ana.ruiz+shop@example.com"),
        ("ana@MÜNCHEN.de", "ana@xn--mnchen-3ya.de"),
        ("ana@xn--mnchen-3ya.de", "ana@xn--mnchen-3ya.de"),
        ("用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s"),
        ("ａｎａ＠example.com", "ana@example.com"),
        ("12345678@qq.com", "12345678@qq.com"),
    ],
)
def test_an_address_has_one_way_of_writing(typed: str, kept: str) -> None:
    assert email_address(typed) == kept
    assert normal_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "@", "ana", "ana@", "ana@localhost", "ana@example", "a..b@example.com", ".ana@example.com",
        "ana@-example.com", "ana@exam_ple.com", "ana@1.2.3.4", "ana@example.com.", '"a b"@example.com',
        "ana@shop.invalid", "ana@shop.test", "ana@printer.local", "a@b@example.com", "ana ruiz@example.com",
        "x" * 260 + "@example.com", "ana@" + "x" * 64 + ".com", "n/a",
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(typed: str) -> None:
    assert email_address(typed) is None


def test_dots_and_tags_are_the_provider_s_own_business() -> None:
    assert normal_email("a.na+shop@gmail.com") != normal_email("ana@gmail.com")


LOCALS = st.text("abz09.+-_'!#", min_size=1, max_size=66)
DOMAINS = st.text("abz09.-", min_size=1, max_size=70).map(lambda text: f"{text}.com") | st.sampled_from(
    ("example.com", "xn--mnchen-3ya.de", "a--b.de", "shop.test", "a.onion", "x.c", "x.12")
)


@settings(SAME_EVERY_TIME, max_examples=400)
@given(LOCALS, DOMAINS)
def test_what_the_plain_pattern_takes_the_library_takes_as_well(local: str, domain: str) -> None:
    typed = f"{local}@{domain}"

    if contacts._PLAIN_EMAIL.fullmatch(typed) and domain.rsplit(".", 1)[1] not in contacts._SPECIAL:
        assert validate_email(typed, check_deliverability=False).ascii_email == typed


def test_the_domains_that_nobody_can_be_written_to_are_the_library_s() -> None:
    assert set(SPECIAL_USE_DOMAIN_NAMES) == set(contacts._SPECIAL)


@pytest.mark.parametrize(
    "domain",
    [
        "gmial.com",
        "gmai.com",
        "gmaill.com",
        "gnail.com",
        "gmail.con",
        "gmail.co",
        "hotmial.com",
        "yaho.com",
        "outlok.com",
    ],
)
def test_one_slip_of_a_finger_in_a_large_provider_is_seen(domain: str) -> None:
    assert misspelt_domain(f"ana@{domain}")


@pytest.mark.parametrize(
    "domain",
    [
        *sorted(PROVIDERS),
        "mail.com",
        "ymail.com",
        "email.com",
        "example.com",
        "qq.com",
        "163.com",
        "gmx.de",
        "gamial.org",
    ],
)
def test_a_domain_of_its_own_is_no_slip(domain: str) -> None:
    assert not misspelt_domain(f"ana@{domain}")


# ── phones ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("+34 600 123 456", None, "+34600123456"),
        ("+34600123456", "MX", "+34600123456"),
        ("0034600123456", None, "+34600123456"),
        ("00 34 600-123-456", "US", "+34600123456"),
        ("011 34 600123456", "US", "+34600123456"),
        ("600123456", "ES", "+34600123456"),
        ("+44 (0)7400 123456", None, "+447400123456"),
        ("07400 123456", "GB", "+447400123456"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("+52 55 1234 5678", None, "+525512345678"),
        ("055 1234 5678", "IT", "+3905512345678"),
        ("+３４ 612 345 678", None, "+34612345678"),
        ("+٣٤ ٦١٢ ٣٤٥ ٦٧٨", None, "+34612345678"),
        ("+34/612.345.678", None, "+34612345678"),
    ],
)
def test_a_number_is_the_same_however_it_is_written(typed: str, country: str | None, number: str) -> None:
    assert international(typed, country) == number
    assert normal_phone(typed, country) == number


@pytest.mark.parametrize(
    ("typed", "country"),
    [("600123456", None), ("600123456", "US"), ("555-625-1199", "US"), ("+1", None), ("+999 123456", None), ("", "ES")],
)
def test_a_guess_of_the_country_must_give_a_number_of_that_country(typed: str, country: str | None) -> None:
    assert international(typed, country) is None


@pytest.mark.parametrize(
    ("typed", "digits"),
    [("600 123 456", "600123456"), ("+999 123456", "+999123456"), ("n/a", ""), ("0000000", "+00000")],
)
def test_what_cannot_be_known_is_found_by_its_digits(typed: str, digits: str) -> None:
    assert normal_phone(typed) == digits


def test_a_number_that_somebody_types_into_the_search_is_looked_at_closely() -> None:
    assert key_for("demo", "phone", "+4407400123456") == key_for("demo", "phone", "+44 7400 123456")


@settings(SAME_EVERY_TIME, max_examples=150)
@given(st.text("+0123456789 ()-.x", max_size=24), st.sampled_from((None, "ES", "US", "MX", "CN", "GB")))
def test_what_is_normal_stays_so(typed: str, country: str | None) -> None:
    once = normal_phone(typed, country)

    assert normal_phone(once) == once
    if number := international(typed, country):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number)


def test_a_cold_start_meets_no_library_before_an_address_needs_one() -> None:
    program = """
import sys
from perennial.domain.contacts import email_address, normal_phone
assert email_address("Ana@example.com") and normal_phone("+34600123456")
print(*({"phonenumbers", "email_validator", "babel"} & sys.modules.keys()))
"""
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=paths)

    assert done.stdout.split() == []
