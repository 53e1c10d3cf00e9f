"""What the merchant's own systems are told: which things, once each, as the journal has them, and no person."""

import json
from datetime import timedelta
from typing import Any

import pytest

from perennial.domain.actions import ASKED_FOR
from perennial.domain.customer import Label, Stage
from perennial.domain.events import Event
from perennial.domain.journal import Judged, Kin
from perennial.domain.notices import KINDS, Notice, notices
from perennial.policy_document import PolicyRefused, policy_json, policy_yaml, read_policy
from perennial.privacy.trace import Trace
from tests.builders import (
    DAY,
    MS,
    NOON,
    Life,
    a_play,
    a_policy,
    a_ticket_event,
    an_event,
    placed,
    the_policy,
    what_policies_may_name,
    with_plays,
)

CALL = a_play(id="call", on="order.placed", do={"task": "callback"})


def told(*kinds: str, event: Event | None = None, after: timedelta = timedelta(0)) -> list[Notice]:
    entry = Life(with_plays(CALL)).hears(event or placed()).entry
    return list(notices(entry, "c-1", kinds, NOON + after))


def test_a_task_is_told_by_its_own_id() -> None:
    life = Life(with_plays(CALL))
    decision = life.hears(placed())
    [task], [notice] = decision.tasks, notices(decision.entry, "c-1", ("task.created",), NOON)

    assert (notice.id, notice.kind, notice.customer, notice.store) == (task.id, "task.created", "c-1", "demo")
    assert notice.data["task"] == "callback"
    assert notice.data["subject"] == {"order": "o-1"}


def test_a_move_is_told_with_where_from_and_where_to() -> None:
    moves = told("stage.changed", "label.changed")

    assert [move.kind for move in moves] == ["stage.changed", "label.changed"]
    assert (moves[0].data["before"]["stage"], moves[0].data["after"]["stage"]) == ("awareness", "onboarding")
    assert moves[0].data["because_of"] == "order.placed"


def test_what_did_not_move_is_not_told() -> None:
    life = Life(with_plays())
    life.hears(placed())
    entry = life.hears(placed(order="o-2")).entry

    assert entry.before.stage == entry.after.stage
    assert list(notices(entry, "c-1", ("stage.changed",), NOON)) == []


def test_an_event_is_told_as_the_journal_has_it_without_the_person() -> None:
    words = a_ticket_event("opened", text="Mia Lang, Weg 1, is angry", subject="Mia")

    [notice] = told("ticket.opened", "order.placed", event=words)

    assert notice.kind == "ticket.opened"
    assert notice.data["ticket"]["id"] == "t-1"
    assert "customer" not in notice.data
    assert "mia" not in notice.model_dump_json().lower()


def test_the_same_entry_gives_the_same_notices_and_each_kind_its_own_id() -> None:
    entry = Life(with_plays(CALL)).hears(placed()).entry
    once, again = (list(notices(entry, "c-1", KINDS, NOON + day * DAY)) for day in (0, 9))

    assert once == again
    assert len({notice.id for notice in once}) == len(once) == 4  # task, stage, label, event


def test_nothing_is_told_of_a_past_that_is_loaded() -> None:
    history = placed().model_copy(update={"history": True})

    assert told(*KINDS, event=history) == []
    assert told(*KINDS) != []


def test_nothing_is_told_anew_when_a_receiver_has_long_forgotten_it() -> None:
    assert told("task.created", after=ASKED_FOR) != []
    assert told("task.created", after=ASKED_FOR + MS) == []


def test_a_notice_is_plain_json_and_comes_back_from_its_queue_as_it_was() -> None:
    for notice in told(*KINDS, event=placed(total={"amount": "19.90", "currency": "EUR"})):
        assert Notice.model_validate_json(notice.model_dump_json(exclude_defaults=True)) == notice
        assert json.loads(json.dumps(dict(notice.data))) == notice.data


def test_the_policy_that_ships_tells_of_tasks_and_one_without_the_word_too() -> None:
    assert the_policy().tell == ("task.created",)
    assert "tell" not in json.loads(policy_json(the_policy()))


@pytest.mark.parametrize(
    ("tell", "said"),
    [
        (["stage.change"], "unknown kind 'stage.change'"),
        (["timer.due"], "unknown kind 'timer.due'"),
        ("task.created", "tuple"),
        ([7], "string"),
    ],
)
def test_a_policy_that_tells_what_nobody_knows_is_refused_with_its_line(tell: Any, said: str) -> None:
    text = policy_yaml(the_policy()) + f"tell: {json.dumps(tell)}\n"

    with pytest.raises(PolicyRefused, match=said) as refused:
        read_policy(text, 2, what_policies_may_name())

    assert {mistake.line for mistake in refused.value.mistakes} == {text.count("\n")}


def test_a_policy_may_tell_nothing() -> None:
    quiet = a_policy(tell=[])

    assert quiet.tell == ()
    assert json.loads(policy_json(quiet))["tell"] == []


def test_a_merge_is_told_once_for_each_of_the_two() -> None:
    life = Life(with_plays())
    entry = life.hears(placed()).entry
    both = [entry.but({"kin": kin}) for kin in (Kin("took_in", "c-2", {}), Kin("went_to", "c-1", {}))]

    ids = {notice.id for each in both for notice in notices(each, "c-1", ("order.placed",), NOON)}

    assert len(ids) == 2


def test_every_kind_of_event_may_be_told_but_what_says_nothing_of_a_life() -> None:
    assert {"order.placed", "message.failed", "customer.merged", "agent.acted"} < set(KINDS)
    assert not {"timer.due", "policy.changed", "privacy.requested"} & set(KINDS)


def test_who_is_erased_is_found_in_a_notice_that_is_a_dead_letter() -> None:
    [notice] = told("task.created")
    nowhere: Any = None

    assert Trace(nowhere, b"", "demo", frozenset({"c-1"})).is_their_event(notice.to_json())


def test_a_score_is_told_as_people_see_it() -> None:
    entry = Life(with_plays()).hears(placed()).entry
    moved = entry.but({"before": Judged(Stage.ONBOARDING, Label.NEW, "steady", 6543), "after": entry.after})

    [notice] = notices(moved, "c-1", ("band.changed",), NOON)

    assert notice.data["before"] == {"stage": "onboarding", "label": "new", "band": "steady", "score": 65.43}


def test_a_message_that_failed_is_told_with_its_reason() -> None:
    failed = an_event("message.failed", action="a-1", channel="email", reason="expired", play="call")

    [notice] = told("message.failed", event=failed)

    assert (notice.data["action"], notice.data["reason"]) == ("a-1", "expired")
