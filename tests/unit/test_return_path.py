"""The address that a mail comes back to: only we can make one, and mail servers do not spoil it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.channels.returns import MarkedReturns
from perennial.domain.label import Label
from perennial.domain.return_path import is_ours, mark, marked
from tests.integration.test_senders import a_message

KEYS = {"1": b"a key of sixteen", "2": b"another of these"}
ACTION, CUSTOMER = "0123456789abcdef" * 2, "c" + "0f" * 12
hexadecimal = st.text("0123456789abcdef", min_size=32, max_size=32)


def made(action: str = ACTION, customer: str = CUSTOMER, store: str = "demo", key: bytes = KEYS["2"]) -> str:
    return mark(action, customer, store, key) or pytest.fail("a mark can be made of our own ids")


@given(hexadecimal, hexadecimal.map(lambda digits: "c" + digits[:24]), st.binary(min_size=16, max_size=32))
def test_what_a_mark_says_is_read_again_and_believed(action: str, customer: str, key: bytes) -> None:
    found = marked(f"To: <{made(action, customer, key=key)}@bounces.shop.example>".encode())

    assert found is not None
    assert (found.action, found.customer) == (action, customer)
    assert is_ours(found, "demo", {"1": key})


def test_it_fits_a_local_part_and_names_nobody() -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,64}", made())


def test_a_server_that_writes_it_in_capitals_does_not_spoil_it() -> None:
    found = marked(made().upper().encode())

    assert found is not None
    assert is_ours(found, "demo", KEYS)


def test_one_sealed_with_an_older_key_is_believed_as_long_as_that_is_kept() -> None:
    found = marked(made(key=KEYS["1"]).encode())

    assert found is not None
    assert is_ours(found, "demo", KEYS)
    assert not is_ours(found, "demo", {"2": KEYS["2"]})
    assert not is_ours(found, "demo", {})


@given(st.integers(3, 62), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_mark_that_was_changed_anywhere_is_not_ours(place: int, letter: str) -> None:
    genuine = made()
    forged = genuine[:place] + letter + genuine[place + 1 :]
    found = marked(forged.encode())

    assert found is not None
    assert is_ours(found, "demo", KEYS) == (forged == genuine)


def test_a_mark_of_one_store_says_nothing_of_another() -> None:
    found = marked(made(store="demo").encode())

    assert found is not None
    assert not is_ours(found, "other", KEYS)


@pytest.mark.parametrize("text", ["", "b1-", "b1-" + "a" * 60, "b1-" + "a" * 62, "xb1-" + "a" * 61, "b1-" + "1" * 61])
def test_what_is_no_mark_is_not_read_as_one(text: str) -> None:
    assert marked(text.encode()) is None


@pytest.mark.parametrize(
    ("action", "customer"), [("a-1", CUSTOMER), (ACTION, "c-1"), (ACTION, "c" + "0F" * 12), ("", "")]
)
def test_ids_of_another_make_have_no_mark(action: str, customer: str) -> None:
    assert mark(action, customer, "demo", KEYS["1"]) is None


def test_each_email_to_a_customer_has_an_address_of_its_own_sealed_with_the_newest_key() -> None:
    returns = MarkedReturns("bounces.shop.example", lambda: {"9": KEYS["1"], "10": KEYS["2"]})

    back = returns(a_message(label=Label(action=ACTION, customer=CUSTOMER, store="demo")))

    assert back is not None
    assert back.address == f"{made(key=KEYS['2'])}@bounces.shop.example"
    assert back.headers == {"X-Perennial-Mark": back.mark, "X-Perennial-Store": "demo"}


def test_what_staff_send_to_themselves_has_none() -> None:
    assert MarkedReturns("bounces.shop.example", lambda: KEYS)(a_message(label=None)) is None
