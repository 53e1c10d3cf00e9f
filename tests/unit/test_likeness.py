"""What speaks for two being one: told by kinds, never by words."""

from datetime import date
from typing import Any

import pytest

from perennial.domain.events import Person
from perennial.domain.likeness import LEAST_SCORE, SHARED, likeness, same_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Wang Xiaoming", "Xiaoming Wang"),
        ("Xiao Ming Wang", "WANG Xiaoming"),
        ("Xiao-Ming, Wang", "wang xiao ming"),
        ("Lü Yùn", "Yun Lu"),
        ("García Lucía", "Lucia Garcia"),
        ("王小明", "王小明"),
        ("José", "JOSE"),
    ],
)
def test_a_name_is_the_same_in_either_order_and_without_its_accents(one: str, other: str):
    assert same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("Wang Wei", "Wang Wen"), ("Wang Wei", "Wei"), ("", ""), ("12", "12"), ("An Na Li", "Na An Li")]
)
def test_other_names_are_not(one: str, other: str):
    assert not same_name(one, other)


def test_what_agrees_raises_the_score_and_what_does_not_lowers_it():
    ana = Person(name="Ana Ruiz", birthday=date(1990, 5, 1), address="Calle Sol 1, 2º")
    twin = ana.but({"address": "calle sol 1 2º"})

    alone = likeness(Person(), Person(), ["phone"])
    alike = likeness(ana, twin, ["phone"])
    unlike = likeness(ana, Person(name="Bo Kern", birthday=date(1961, 2, 3)), ["phone"])

    assert (alone.score, alone.agree, alone.disagree) == (SHARED["phone"], (), ())
    assert alike == (90, ("name", "birthday", "address"), ())
    assert unlike == (0, (), ("name", "birthday"))


def test_two_ids_of_one_vendor_speak_against_it():
    one, other = (Person(ids={"shopify": number}) for number in ("1", "2"))

    assert likeness(one, other, ["email"]).disagree == ("id",)


@pytest.mark.parametrize(("kinds", "asked"), [(["device"], False), (["phone"], True), (["device", "order"], True)])
def test_a_device_alone_is_not_worth_a_question(kinds: Any, asked: bool):
    assert (likeness(Person(), Person(), kinds).score >= LEAST_SCORE) is asked


def test_a_score_is_never_over_a_hundred():
    assert likeness(Person(), Person(), SHARED).score == 100
