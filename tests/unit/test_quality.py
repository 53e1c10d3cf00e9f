"""What comes in is cleaned, what cannot be is refused, and both are told without a value."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from babel.numbers import get_currency_precision, list_currencies
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.admin.views import happening
from perennial.domain.events import NOBODY, Event, Person, event_adapter, impersonal
from perennial.domain.quality import (
    DECIMALS,
    FIRST_BIRTHDAY,
    LARGEST_TOTAL,
    LARGEST_TOTAL_OF_SMALL_UNITS,
    PLACEHOLDERS,
    Impossible,
    cleaned,
    cleaned_person,
    decimals_of,
)
from tests.builders import (
    DAY,
    MS,
    NOON,
    SAME_EVERY_TIME,
    Life,
    a_cart,
    a_ticket_event,
    an_event,
    an_order_event,
    placed,
)

TODAY = NOON.date()


def person(**words: Any) -> Person:
    return cleaned_person(Person(**words), TODAY)


def money(amount: str, currency: str = "EUR") -> dict[str, Any]:
    return {"total": {"amount": amount, "currency": currency}}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ana   Ruiz ", "Ana Ruiz"),
        ("Ana\x00 Ru\u200biz\u202e", "Ana Ruiz"),
        ("Ana\tRuiz\n", "Ana Ruiz"),
        ("Jose\u0301", "José"),
        ("王　小明", "王 小明"),
        ("欧阳娜娜", "欧阳娜娜"),
        ("ANA RUIZ", "ANA RUIZ"),
        ("O’Brien-Ñandú Jr.", "O’Brien-Ñandú Jr."),
        ("نازنین‌زهرا", "نازنین‌زهرا"),
        ("Christopher Null", "Christopher Null"),
        ("Na", "Na"),
    ],
)
def test_a_name_loses_what_nobody_sees_and_stays_a_name(typed: str, kept: str) -> None:
    tidy = person(name=typed)

    assert tidy.name == kept
    assert tidy.cleaned == (() if typed == kept else ("name.normalised",))


@pytest.mark.parametrize("nothing", [*sorted(PLACEHOLDERS), "NULL", "N/A", "Null Null", "- -", "   ", "\u200b"])
@pytest.mark.parametrize("field", ["name", "first_name", "address"])
def test_what_stands_for_nothing_is_nothing(field: str, nothing: str) -> None:
    tidy = person(**{field: nothing})

    assert (getattr(tidy, field), tidy.cleaned) == (None, (f"{field}.dropped",))


def test_letters_and_accents_put_together_make_no_text_longer_than_it_may_be() -> None:
    """U+FB2C becomes three characters in normal form C."""
    tidy = person(name="\ufb2c" * 500)

    assert tidy.name is not None
    assert len(tidy.name) == 500


def test_an_email_is_written_as_mail_servers_take_it() -> None:
    tidy = person(email=" Ana@Example.COM ")

    assert (tidy.email, tidy.cleaned) == ("ana@example.com", ("email.normalised",))


def test_what_is_no_email_is_dropped_and_told() -> None:
    tidy = person(email="ana at example.com", name="Ana")

    assert (tidy.email, tidy.name, tidy.cleaned) == (None, "Ana", ("email.dropped",))


def test_a_misspelt_provider_is_flagged_and_kept() -> None:
    tidy = person(email="ana@gmial.com")

    assert (tidy.email, tidy.cleaned) == ("ana@gmial.com", ("email.misspelt",))


@pytest.mark.parametrize("typed", ["+34 600 123 456", "0034600123456", "600123456", "600 12 34 56"])
def test_a_phone_is_one_number_however_it_was_typed_in_its_country(typed: str) -> None:
    tidy = person(phone=typed, country="ES")

    assert (tidy.phone, tidy.cleaned) == ("+34600123456", ("phone.normalised",))


def test_a_phone_of_no_known_country_is_kept_as_its_digits_and_told() -> None:
    tidy = person(phone="600 123 456")

    assert (tidy.phone, tidy.cleaned) == ("600123456", ("phone.unclear",))


@pytest.mark.parametrize("nothing", ["n/a", "-", "000000000", "0", "12345", "9" * 16])
def test_what_is_no_phone_is_dropped(nothing: str) -> None:
    tidy = person(phone=nothing, country="ES")

    assert (tidy.phone, tidy.cleaned) == (None, ("phone.dropped",))


@pytest.mark.parametrize(
    ("birthday", "is_kept"),
    [
        (TODAY, True),
        (TODAY + DAY, False),
        (FIRST_BIRTHDAY, True),
        (date(1899, 12, 31), False),
    ],
)
def test_an_impossible_birthday_is_dropped_and_loses_no_event(birthday: date, is_kept: bool) -> None:
    tidy = person(birthday=birthday, name="Ana")

    assert (tidy.birthday is not None, tidy.name) == (is_kept, "Ana")
    assert tidy.cleaned == (() if is_kept else ("birthday.dropped",))


def test_what_is_clean_is_the_same_object() -> None:
    clean = Person(email="ana@example.com", phone="+34600123456", name="Ana Ruiz", address="Calle 1", country="ES")
    event = an_event("customer.updated", customer=clean.model_dump(exclude_defaults=True))

    assert cleaned_person(clean, TODAY) is clean
    assert cleaned(event) is event


@settings(SAME_EVERY_TIME, max_examples=150)
@given(
    st.fixed_dictionaries(
        {
            "email": st.sampled_from(("Ana@EXAMPLE.com", "ana@gmial.com", "ana@münchen.de", "x"))
            | st.text(max_size=40),
            "phone": st.sampled_from(("600 123 456", "+52 1 55 1234 5678", "2012,000000", "+1000000;٠", "0,0123456"))
            | st.text(max_size=40),
            "name": st.text(max_size=20),
            "birthday": st.none() | st.dates(),
            "country": st.sampled_from((None, "ES", "MX", "US", "ZZ")),
        }
    )
)
def test_cleaning_twice_is_cleaning_once_and_what_is_cleaned_is_valid(words: dict[str, Any]) -> None:
    once = person(**words)

    assert cleaned_person(once, TODAY) is once
    assert Person.model_validate_json(once.model_dump_json()) == once


# ── on the timeline ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_cleaned_is_told_by_field_and_kind_and_never_by_value() -> None:
    event = an_event("customer.updated", customer={"email": "Ana@Example.com", "name": "N/A", "phone": "600"})

    told = impersonal(cleaned(event))

    assert told.data.customer.cleaned == ("email.normalised", "name.dropped", "phone.dropped")
    assert "ana" not in told.to_json().lower()


def test_staff_see_on_the_timeline_what_was_cleaned_and_nothing_where_nothing_was() -> None:
    odd = an_event("customer.updated", customer={"id": "mia", "name": " Mia "})
    clean = an_event("customer.updated", customer={"id": "mia", "name": "Mia"})

    shown = [happening(Life().hears(cleaned(event)).entry, {}, told_to="c1").data for event in (odd, clean)]

    assert shown == [{"cleaned": ["name.normalised"]}, {}]


def test_notes_of_earlier_cleaning_stay_when_an_event_comes_out_of_quarantine() -> None:
    tidy = person(name=" Ana ")

    assert cleaned_person(tidy.but({"phone": "-"}), TODAY).cleaned == ("name.normalised", "phone.dropped")


def test_an_event_of_nobody_stays_as_it_is() -> None:
    event = an_event("product.viewed", customer={})
    nobody = event.but({"data": event.data.but({"customer": NOBODY})})

    assert cleaned(nobody, NOON) is nobody


# ── dates and amounts ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (placed(NOON, placed_at=NOON + MS), "order.placed_at"),
        (a_ticket_event("opened", opened_at=NOON + MS), "ticket.opened_at"),
    ],
    ids=["order", "ticket"],
)
def test_what_began_in_the_future_is_refused(event: Event, field: str) -> None:
    with pytest.raises(Impossible, match=rf"{field}: more than a day ahead"):
        cleaned(event, NOON)

    assert cleaned(event, NOON + MS) is event
    assert cleaned(event) is event


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (lambda total: placed(**total), "order.total"),
        (lambda total: a_cart(**total), "cart.total"),
        (lambda total: an_event("order.refunded", order={"id": "1"}, refund={"id": "r", **total}), "refund.total"),
    ],
    ids=["order", "cart", "refund"],
)
def test_an_amount_that_nobody_pays_is_refused(kind: Any, field: str) -> None:
    most, more = kind(money(str(LARGEST_TOTAL))), kind(money(f"{LARGEST_TOTAL}.01"))

    assert cleaned(most) is most
    with pytest.raises(Impossible, match=rf"{field}: more than 1,000,000,000 EUR"):
        cleaned(more)


def test_sums_in_small_units_are_long() -> None:
    most = placed(**money(str(LARGEST_TOTAL_OF_SMALL_UNITS), "VND"))

    assert cleaned(most) is most
    with pytest.raises(Impossible, match=r"order\.total"):
        cleaned(placed(**money(str(LARGEST_TOTAL_OF_SMALL_UNITS + 1), "VND")))


@pytest.mark.parametrize(
    ("amount", "currency", "is_possible"),
    [
        ("19.99", "EUR", True),
        ("19.9900", "EUR", True),
        ("19.999", "EUR", False),
        ("1998", "JPY", True),
        ("1998.0", "JPY", True),
        ("1998.5", "JPY", False),
        ("1.234", "KWD", True),
        ("1.2345", "KWD", False),
        ("1E+2", "JPY", True),
        ("0", "JPY", True),
    ],
)
def test_an_amount_has_no_more_decimals_than_its_currency(amount: str, currency: str, is_possible: bool) -> None:
    event = an_order_event("placed", **money(amount, currency))

    if is_possible:
        assert cleaned(event) is event
    else:
        with pytest.raises(Impossible, match=rf"order\.total: {currency} has {decimals_of(currency)} decimals"):
            cleaned(event)


def test_the_decimals_are_no_fewer_than_people_use() -> None:
    in_use = {currency for currency in list_currencies() if get_currency_precision(currency) <= 3}

    assert {each for each in in_use if decimals_of(each) < get_currency_precision(each)} == set()
    assert DECIMALS.keys() <= in_use


def test_an_amount_below_nothing_is_refused_by_the_event_itself() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        event_adapter.validate_python(placed().model_dump() | {"data": {"order": {"id": "1", **money("-0.01")}}})


def test_zero_is_an_amount() -> None:
    assert cleaned(placed(**money("0"))).data.order.total.amount == Decimal(0)
