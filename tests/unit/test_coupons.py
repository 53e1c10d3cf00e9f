"""Each action has one code, each code one action; and no message promises a code that the shop does not take."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.coupons import AT_ONCE, LOOKED_AT, Count, Pools
from perennial.aws.table import Busy
from perennial.channels.coupons import SOLD_OUT, Coupons, Issuer, PoolEmpty, coupon_code
from perennial.channels.ledger import Ledger
from perennial.channels.outbox import Outbox
from perennial.channels.provider import Throttled, Unavailable
from perennial.domain.actions import Action, Coupon
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent
from tests.messaging import NOON, a_coupon, a_person, an_action
from tests.unit.test_outbox import TICK, FaultyTable, House, while_claimed

CODES = ("A2C4E6", "B3D5F7", "C4E6G8")
REST = timedelta(minutes=2)


@pytest.fixture
def pools() -> Pools:
    return Pools(SqliteTable(Database()))


def filled(pools: Pools, *codes: str) -> Pools:
    pools.add("vip", codes or CODES, "ada", NOON)
    return pools


# Pools


def test_an_action_that_comes_again_gets_the_code_that_it_drew(pools: Pools) -> None:
    drawn = filled(pools).draw("vip", "a-1")

    assert {pools.draw("vip", "a-1") for _ in range(5)} == {drawn}
    assert pools.left("vip") == Count(2, is_complete=True)


def test_no_two_actions_get_the_same_code(pools: Pools) -> None:
    filled(pools)

    assert {pools.draw("vip", f"a-{number}") for number in range(3)} == set(CODES)


def test_fifty_senders_at_once_draw_one_code_for_each_action(pools: Pools) -> None:
    codes = [f"CODE{number:03d}" for number in range(40)]
    filled(pools, *codes)

    def draw(number: int) -> tuple[str, str | None]:
        action = f"a-{number % 20}"
        try:
            return action, pools.draw("vip", action)
        except Busy:
            return action, None

    with ThreadPoolExecutor(50) as together:
        drawn = [each for each in together.map(draw, range(200)) if each[1]]

    of_actions = dict(drawn)
    assert len(set(drawn)) == len(of_actions) == len(set(of_actions.values()))
    assert pools.left("vip").left == 40 - len(of_actions)


def test_a_code_that_was_drawn_between_the_look_and_the_draw_is_not_drawn_again() -> None:
    table = FaultyTable(SqliteTable(Database()))
    quicker = filled(Pools(table.within), "ONLY1")
    table.before.append(lambda: taken.append(quicker.draw("vip", "a-1")))
    taken: list[str] = []

    with pytest.raises(PoolEmpty):
        Pools(table).draw("vip", "a-2")

    assert taken == ["ONLY1"]


def test_an_action_of_which_a_copy_drew_between_the_look_and_the_draw_keeps_that_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picks = iter((0, 1))  # each would take another
    monkeypatch.setattr("perennial.aws.coupons.secrets.choice", lambda codes: codes[next(picks)])
    table = FaultyTable(SqliteTable(Database()))
    quicker = filled(Pools(table.within), "ONE", "TWO")
    table.before.append(lambda: taken.append(quicker.draw("vip", "a-1")))
    taken: list[str] = []

    assert [Pools(table).draw("vip", "a-1")] == taken
    assert quicker.left("vip").left == 1


def test_an_empty_pool_says_so_but_not_to_an_action_that_drew_the_last(pools: Pools) -> None:
    filled(pools, "LAST1").draw("vip", "a-1")

    with pytest.raises(PoolEmpty):
        pools.draw("vip", "a-2")
    assert pools.draw("vip", "a-1") == "LAST1"


def test_a_code_never_comes_back_however_often_it_is_added(pools: Pools) -> None:
    filled(pools, "ONLY1").draw("vip", "a-1")

    assert pools.add("vip", ["ONLY1", "NEW22", "NEW22"], "ada", NOON) == 1
    assert pools.draw("vip", "a-2") == "NEW22"
    with pytest.raises(PoolEmpty):
        pools.draw("vip", "a-3")


def test_many_codes_are_added_in_pieces_and_counted_as_far_as_is_asked(pools: Pools) -> None:
    codes = [f"CODE{number:03d}" for number in range(AT_ONCE + 20)]

    assert pools.add("vip", [*codes, *codes], "ada", NOON) == len(codes)
    assert pools.left("vip") == Count(len(codes), is_complete=True)
    assert pools.left("vip", at_most=10) == Count(10, is_complete=False)
    assert len(codes) > LOOKED_AT
    assert [pool.name for pool in pools.all()] == ["vip"]


# Codes of actions


@dataclass
class Shop:
    """An issuer that can be out of order, or have too much to do."""

    issued: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False
    throttled: bool = False

    def issue(self, code: str, coupon: Coupon) -> None:
        if self.broken:
            raise Unavailable("not now")
        if self.throttled:
            raise Throttled("woocommerce answered 503", REST)
        self.issued.append((code, coupon.value))


def coupons(pools: Pools, shop: Issuer | None = None) -> Coupons:
    return Coupons(b"key", pools, lambda store: shop if store == "demo" else None)


def code_of(action: Action) -> str | None:
    return action.coupon and action.coupon.code


def test_a_generated_code_is_made_good_in_the_shop_of_its_store(pools: Pools) -> None:
    shop = Shop()

    drawn = coupons(pools, shop).drawn(an_action(coupon=a_coupon()))

    assert code_of(drawn) == coupon_code(b"key", "a-1")
    assert shop.issued == [(coupon_code(b"key", "a-1"), "10")]
    coupons(pools, shop).drawn(an_action(store="other", coupon=a_coupon()))
    assert len(shop.issued) == 1


@pytest.mark.parametrize("coupon", [a_coupon(kind="gift", value="a small gift"), a_coupon(pool="vip")])
def test_what_no_shop_works_out_is_not_asked_of_one(pools: Pools, coupon: Coupon) -> None:
    shop = Shop()

    coupons(filled(pools), shop).drawn(an_action(coupon=coupon))

    assert shop.issued == []


def test_an_action_without_a_coupon_draws_nothing(pools: Pools) -> None:
    action = an_action()

    assert coupons(pools).drawn(action) is action


# Messages that carry one


class Gift(House):
    """A house whose actions carry coupons."""

    def __init__(self, shop: Issuer | None = None) -> None:
        super().__init__()
        self.pools = Pools(self.table.within)
        self.coupons = coupons(self.pools, shop)

    @property
    def outbox(self) -> Outbox:
        ledger, drawn = Ledger(self.table), self.coupons.drawn
        return Outbox(ledger, self.renderer, self.carrier, self.outcomes, lambda: self.policy, self.clock, drawn=drawn)

    def send(self, **action: Any) -> Any:
        told = {"template": "apology", "coupon": a_coupon(pool="vip"), **action}
        return super().send(**told)


def test_the_message_carries_the_code_that_was_drawn() -> None:
    house = Gift()
    filled(house.pools, "ONLY1")

    house.send()

    assert "ONLY1" in house.carrier.taken[0].body


def test_nobody_is_promised_a_code_that_is_not_there() -> None:
    house = Gift()

    house.send()
    house.send()

    assert house.carrier.taken == []
    assert {(type(event), event.data.reason) for event in house.outcomes.events} == {(MessageFailed, SOLD_OUT)}


def test_a_message_made_again_carries_the_same_code() -> None:
    house = Gift()
    filled(house.pools)
    house.carrier.answers.append(Unavailable("throttled"))

    with pytest.raises(Unavailable):
        house.send()
    house.send()

    assert house.carrier.taken[0].body == house.carrier.taken[1].body
    assert house.pools.left("vip").left == 2


def test_while_the_shop_cannot_take_the_code_nothing_leaves_and_nothing_is_used_up() -> None:
    shop = Shop(broken=True)
    house = Gift(shop)

    with pytest.raises(Unavailable):
        house.send(coupon=a_coupon())
    assert (house.carrier.taken, house.claims, house.outcomes.bodies) == ([], {}, [])
    shop.broken = False
    house.send(coupon=a_coupon())

    assert isinstance(house.outcomes.events[0], MessageSent)
    assert shop.issued[0][0] in house.carrier.taken[0].body


def test_while_the_shop_has_too_much_to_do_the_message_waits_on_the_due_index_and_uses_nothing_up() -> None:
    shop = Shop(throttled=True)
    house = Gift(shop)

    for _ in range(100):
        waits = house.send(coupon=a_coupon())
        assert isinstance(waits, MessageDeferred)
        assert waits.data.reason == "throttled: woocommerce answered 503"
        assert (house.carrier.taken, house.claims) == ([], {})
        house.clock.at = waits.data.until
    shop.throttled = False

    assert isinstance(house.send(coupon=a_coupon()), MessageSent)
    assert len(house.carrier.taken) == 1


def test_what_waits_for_the_shop_until_it_is_out_of_place_expires() -> None:
    house = Gift(Shop(throttled=True))

    outcome = house.send(coupon=a_coupon(), not_after=NOON + REST - TICK)
    again = house.send(coupon=a_coupon(), not_after=NOON + REST - TICK)

    assert (outcome.data.reason, house.claims["a-1"].state) == ("expired", "failed")
    assert again == outcome


def test_who_moves_while_the_shop_begins_to_have_too_much_to_do_waits_and_is_free_to_be_written_to() -> None:
    shop = Shop()
    house = Gift(shop)

    def moves() -> None:
        shop.throttled = True
        house.knows(a_person(email="mia@elsewhere.example"))

    while_claimed(house, moves)
    waits = house.send(coupon=a_coupon())

    assert isinstance(waits, MessageDeferred)
    assert (house.carrier.taken, house.claims) == ([], {})


def test_neither_journal_nor_queue_hears_the_code() -> None:
    house = Gift()
    filled(house.pools, "ONLY1")

    house.send()

    assert "ONLY1" not in "".join(house.outcomes.bodies)
