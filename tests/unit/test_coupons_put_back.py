"""A code that was drawn for a message that never left goes back to its pool; one that may have left never does."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.coupons import Pools
from perennial.aws.table import Busy
from perennial.channels.coupons import PoolEmpty
from perennial.channels.ledger import Ledger
from perennial.channels.outbox import Outbox
from perennial.channels.provider import OutcomeUnknown, Rejected, Unavailable
from perennial.domain.actions import Action, coupon_mark
from tests.builders import HOUR
from tests.messaging import NOON, a_coupon, an_action
from tests.unit.test_coupons import Gift, filled
from tests.unit.test_outbox import FaultyTable


class Giving(Gift):
    """A house that puts codes back."""

    @property
    def outbox(self) -> Outbox:
        return Outbox(
            Ledger(self.table),
            self.renderer,
            self.carrier,
            self.outcomes,
            lambda: self.policy,
            self.clock,
            drawn=self.coupons.drawn,
            put_back=self.coupons.put_back,
        )

    @property
    def left(self) -> int:
        return self.pools.left("vip").left


def a_house() -> Giving:
    house = Giving()
    filled(house.pools, "ONLY1")
    return house


# What becomes of the code


def test_a_message_that_the_provider_refuses_leaves_its_code_to_another() -> None:
    house = a_house()
    house.carrier.answers.append(Rejected("bad address"))

    house.send()

    assert house.left == 1
    house.send(id="a-2")
    assert "ONLY1" in house.carrier.taken[1].body


def test_a_message_that_may_not_leave_once_it_is_claimed_leaves_its_code() -> None:
    house = a_house()
    house.table.before.append(lambda: house.knows(suppressed={"email": ("bounced", NOON)}))

    house.send()

    assert (house.carrier.taken, house.left) == ([], 1)


def test_what_waited_with_a_code_and_expired_leaves_it() -> None:
    house = a_house()
    house.carrier.answers.append(Unavailable("throttled"))
    with pytest.raises(Unavailable):
        house.send()
    assert house.left == 0

    house.clock.at = NOON + 1000 * HOUR
    house.send()

    assert house.left == 1


def test_a_code_that_may_have_left_is_never_another_s() -> None:
    house = a_house()
    house.carrier.answers.append(OutcomeUnknown("no answer"))

    for _ in range(3):
        house.send()

    assert house.left == 0
    with pytest.raises(PoolEmpty):
        house.pools.draw("vip", "a-2")


def test_a_code_that_left_is_never_another_s_however_often_its_action_comes_back() -> None:
    house = a_house()

    for _ in range(3):
        house.send()

    assert house.left == 0


def test_who_dies_before_the_code_is_back_is_followed_by_a_copy_that_puts_it_back() -> None:
    house = a_house()
    house.carrier.answers.append(Rejected("bad address"))
    dying = Outbox(
        Ledger(house.table), house.renderer, house.carrier, house.outcomes, lambda: house.policy, house.clock,
        drawn=house.coupons.drawn, put_back=busy,
    )  # fmt: skip
    with pytest.raises(Busy):
        dying.send(an_action(template="apology", coupon=a_coupon(pool="vip")))
    assert house.left == 0

    house.send()

    assert house.left == 1
    assert len(house.carrier.taken) == 1


def busy(action: Action) -> None:
    raise Busy("later")


def test_whose_claim_was_given_up_as_unknown_meanwhile_puts_nothing_back() -> None:
    house = a_house()
    house.carrier.answers.append(Rejected("bad address"))
    house.table.after.append(lambda: house.died_sending(coupon=a_coupon(pool="vip")))  # another's claim, in our place

    house.send()

    assert house.left == 0


# Pools


def test_a_code_goes_back_once_and_only_if_the_action_still_has_it() -> None:
    pools = filled(Pools(SqliteTable(Database())), "ONLY1")
    pools.draw("vip", "a-1")

    pools.put_back("vip", "a-1")
    assert pools.draw("vip", "a-2") == "ONLY1"
    pools.put_back("vip", "a-1")
    pools.put_back("vip", "never-drew")

    assert pools.left("vip").left == 0


def test_what_was_drawn_anew_between_the_look_and_the_putting_back_is_left_alone() -> None:
    table = FaultyTable(SqliteTable(Database()))
    pools = filled(Pools(table.within), "ONE", "TWO")
    first = pools.draw("vip", "a-1")
    other = next(code for code in ("ONE", "TWO") if code != first)

    def drawn_anew() -> None:
        """The code is another's by now, and the action has the other one."""
        pools.put_back("vip", "a-1")
        while pools.draw("vip", "a-1") != other:
            pools.put_back("vip", "a-1")
        assert pools.draw("vip", "a-2") == first

    table.before.append(drawn_anew)
    Pools(table).put_back("vip", "a-1")

    assert pools.left("vip").left == 0


def test_drawing_and_putting_back_at_once_gives_no_code_to_two() -> None:
    pools = filled(Pools(SqliteTable(Database())), *(f"CODE{number:02}" for number in range(8)))
    chance = Random(7)

    def at_work(number: int) -> None:
        try:
            pools.draw("vip", f"a-{number % 12}")
            if chance.random() < 0.5:
                pools.put_back("vip", f"a-{number % 12}")
        except (Busy, PoolEmpty):
            return

    with ThreadPoolExecutor(20) as together:
        list(together.map(at_work, range(300)))

    drawn = [code.code for code in pools.codes("vip", "drawn", 100).codes]
    free = [code.code for code in pools.codes("vip", "free", 100).codes]
    assert sorted(drawn + free) == [f"CODE{number:02}" for number in range(8)]


# The mark that the outcome bears


def test_an_outcome_bears_the_mark_of_a_code_that_may_have_left_and_of_no_other() -> None:
    sent, unknown, refused = a_house(), a_house(), a_house()
    unknown.carrier.answers.append(OutcomeUnknown("no answer"))
    refused.carrier.answers.append(Rejected("bad address"))
    for house in (sent, unknown, refused):
        house.send()

    marks = [house.outcomes.events[0].data.coupon for house in (sent, unknown, refused)]

    assert marks == [coupon_mark("only1 "), coupon_mark("ONLY1"), None]


def test_a_provider_that_tells_first_tells_the_mark_too() -> None:
    house = a_house()
    house.send()

    label = house.carrier.taken[0].label
    told = label and label.sent("email", "provider-1")

    assert told
    assert told.data.coupon == coupon_mark("ONLY1")
