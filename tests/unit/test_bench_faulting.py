"""How a life with a fault is judged against one without."""

from collections import Counter

from tests.bench.faulting import Came, Verdict, verdict_on

FAULTLESS = Came("record", Counter(welcome=1, dispatched=1))


def test_a_life_that_came_to_the_same_has_no_fault_left() -> None:
    assert verdict_on(FAULTLESS, Came("record", Counter(welcome=1, dispatched=1))) == Verdict(lives=1)


def test_another_record_is_a_wrong_one() -> None:
    assert verdict_on(FAULTLESS, FAULTLESS._replace(record="counted twice")) == Verdict(lives=1, records=1)


def test_a_message_that_nobody_asked_for_is_lost() -> None:
    assert verdict_on(FAULTLESS, FAULTLESS._replace(messages=Counter(welcome=1))) == Verdict(lives=1, lost=1)


def test_a_second_message_by_another_action_is_one_too_many() -> None:
    came = FAULTLESS._replace(messages=Counter(welcome=2, dispatched=1))

    assert verdict_on(FAULTLESS, came) == Verdict(lives=1, extra=1)
