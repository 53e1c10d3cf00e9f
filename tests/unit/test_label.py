"""What is written on a message comes back as what it was, and what others wrote is not taken for ours."""

import re
from typing import Any

import pytest

from perennial.domain.label import Label
from tests.builders import NOON
from tests.messaging import an_action

TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


def test_a_label_is_read_as_it_was_written() -> None:
    label = Label.of(an_action(), NOON, 3)

    assert Label.read(label.written()) == label
    assert Label.read(label.written() | {"ses:from-domain": "x"}) == label


def test_all_that_is_written_fits_the_alphabet_of_tags() -> None:
    assert all(TAG.fullmatch(value) for value in Label.of(an_action(), NOON).written().values())


@pytest.mark.parametrize("name", ["action", "customer", "store"])
def test_without_what_tells_whose_it_is_it_is_not_ours(name: str) -> None:
    written = Label.of(an_action(), NOON).written()

    assert Label.read({key: value for key, value in written.items() if key != name}) is None


@pytest.mark.parametrize("odd", [{"action": "a b"}, {"action": ""}, {"purpose": "fun"}, {"customer": ""}])
def test_what_we_could_not_have_written_is_not_ours(odd: dict[str, str]) -> None:
    assert Label.read(Label.of(an_action(), NOON).written() | odd) is None


@pytest.mark.parametrize("at", ["", "x", "-1", "1" * 14, "１２", "1.5"])
def test_a_time_that_is_none_is_left_out(at: str) -> None:
    label = Label.read({"action": "a", "customer": "c", "store": "demo", "at": at})

    assert label == Label(action="a", customer="c", store="demo")
    assert label.sent("email", "p-1") is None


def test_the_outcome_is_told_of_what_the_label_says() -> None:
    action: Any = an_action()

    sent = Label.of(action, NOON).sent("email", "p-1")

    assert sent
    assert (sent.id, sent.time, sent.customer, sent.store) == (f"{action.id}:outcome", NOON, action.customer, "demo")
    assert (sent.data.template, sent.data.purpose, sent.data.provider_id) == (action.template, action.purpose, "p-1")
