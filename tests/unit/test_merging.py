"""Two records into one: who survives, who belongs to whom, and what waits."""

from typing import Any

import pytest

from perennial.domain.customer import Facts, Wait
from perennial.domain.merging import Claimant, gone, joined, leaving, remaining, shelf_of, survivor
from tests.builders import DAY, HOUR, NOON, a_customer, a_play, an_event, with_plays

MERGED = an_event("customer.merged", other="c2", customer={})
POLICY = with_plays(a_play(id="later", on="order.placed", after="3d"))


def a_wait(about: str = "o-1", **changes: Any) -> Wait:
    return Wait(**{"play": "later", "about": about, "since": NOON, "due": NOON + 3 * DAY, **changes})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Claimant(False, True, NOON, "b"), Claimant(True, False, NOON - DAY, "a")),
        (Claimant(False, False, NOON, "b"), Claimant(False, True, NOON - DAY, "a")),
        (Claimant(False, False, NOON, "b"), Claimant(False, False, NOON + HOUR, "a")),
        (Claimant(False, True, NOON, "a"), Claimant(False, True, NOON, "b")),
    ],
    ids=["still there before deleted", "known before anonymous", "older before younger", "the smaller id"],
)
def test_whose_id_stays_does_not_depend_on_who_is_named_first(one: Claimant, other: Claimant):
    assert survivor(one, other) == survivor(other, one) == one.id


def test_who_leaves_takes_along_whoever_was_merged_into_them_before():
    members = {"b": "a", "c": "b", "d": "c", "e": "a"}

    assert leaving(members, "b") == {"c": "b", "d": "c"}
    assert remaining(members, "b") == {"e": "a"}
    assert leaving(members, "d") == {}
    assert remaining(members, "d") == {"b": "a", "c": "b", "e": "a"}


def test_both_have_what_both_were_waiting_for_and_it_stays_whose_it_was():
    one = a_customer(waits=(a_wait("o-1"), a_wait("o-2")))
    other = a_customer(id="c2", waits=(a_wait("o-2"), a_wait("o-3"), a_wait("o-4", of="c3")))

    waits = joined(one, other, Facts(), MERGED, POLICY, NOON).record.waits

    assert [(wait.about, wait.of) for wait in waits] == [("o-1", None), ("o-2", None), ("o-3", "c2"), ("o-4", "c3")]


def test_what_both_wait_for_comes_at_the_earlier_hour():
    one = a_customer(waits=(a_wait(due=NOON + 3 * DAY),))
    other = a_customer(id="c2", waits=(a_wait(due=NOON + DAY),))

    (wait,) = joined(one, other, Facts(), MERGED, POLICY, NOON).record.waits

    assert (wait.due, wait.of) == (NOON + DAY, "c2")


def test_what_is_due_already_waits_for_its_timer():
    other = a_customer(id="c2", waits=(a_wait(due=NOON - HOUR),))

    done = joined(a_customer(), other, Facts(), MERGED, POLICY, NOON)

    assert (done.record.due_at, done.entry.actions) == (NOON - HOUR, ())


def test_when_a_play_fired_for_either_counts_for_both():
    one, other = a_customer(fired={"later": (NOON,)}), a_customer(id="c2", fired={"later": (NOON - DAY, NOON)})

    assert joined(one, other, Facts(), MERGED, POLICY, NOON).record.fired == {"later": (NOON - DAY, NOON)}


def test_of_who_was_merged_nothing_is_left_but_where_to_look_and_a_version_that_grew():
    left = gone(a_customer(version=4, waits=(a_wait(),)), "c2")

    assert left.model_dump(exclude_defaults=True) == {"id": "c1", "store": "demo", "version": 5, "merged_into": "c2"}


def test_each_attempt_that_may_differ_has_a_shelf_of_its_own():
    one, other = a_customer(version=3), a_customer(id="c2", version=7)

    shelves = {
        shelf_of(MERGED, one, other),
        shelf_of(MERGED, one.but({"version": 4}), other),
        shelf_of(MERGED, one, other.but({"version": 8})),
        shelf_of(an_event("customer.merged", other="c2"), one, other),
    }

    assert len(shelves) == 4
    assert shelf_of(MERGED, one, other) in shelves
