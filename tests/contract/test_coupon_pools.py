"""A code goes to one action, in every table that there is."""

from datetime import timedelta

import pytest

from perennial.aws.asked import Asked
from perennial.aws.coupons import AT_ONCE, Code, Count, Pools
from perennial.aws.reputation import Received, Reputation
from perennial.aws.table import Table
from perennial.channels.coupons import PoolEmpty
from perennial.domain.events import MessageBounced, MessageData, MessageSent
from tests.messaging import NOON


def test_codes_are_drawn_once_and_never_come_back(table: Table) -> None:
    pools = Pools(table)
    assert pools.add("vip", ["A2C4E6", "B3D5F7"], "ada", NOON) == 2

    drawn = {action: pools.draw("vip", action) for action in ("a-1", "a-2", "a-1")}

    assert sorted(drawn.values()) == ["A2C4E6", "B3D5F7"]
    assert pools.add("vip", ["A2C4E6", "C4E6G8"], "ada", NOON) == 1
    assert pools.left("vip") == Count(1, is_complete=True)
    assert pools.draw("vip", "a-3") == "C4E6G8"
    with pytest.raises(PoolEmpty):
        pools.draw("vip", "a-4")


def test_as_many_codes_as_one_transaction_takes_are_added_together(table: Table) -> None:
    assert Pools(table).add("vip", [f"CODE{number}" for number in range(AT_ONCE)], "ada", NOON) == AT_ONCE


def test_how_emails_were_received_is_counted(table: Table) -> None:
    reputation, data = Reputation(table), MessageData(action="a-1", channel="email")
    told = [MessageSent(id=f"s{number}", source="ses", store="demo", time=NOON, data=data) for number in range(20)]
    bounced = MessageBounced(id="b", source="ses", store="demo", time=NOON, data=data)

    reputation.note([*told, bounced, bounced])

    assert reputation.since(NOON.date(), NOON.date()) == Received(sent=20, bounced=1, complained=0)


def test_a_code_that_was_put_back_is_drawn_by_another_and_put_back_once(table: Table) -> None:
    pools = Pools(table)
    pools.add("vip", ["A2C4E6"], "ada", NOON)
    pools.draw("vip", "a-1")

    for _ in range(2):
        pools.put_back("vip", "a-1")

    assert pools.codes("vip", "free", 10).codes == (Code("A2C4E6", "free", None),)
    assert pools.draw("vip", "a-2") == "A2C4E6"
    pools.put_back("vip", "a-1")
    assert pools.codes("vip", "drawn", 10).codes == (Code("A2C4E6", "drawn", "a-2"),)
    assert pools.left("vip") == Count(0, is_complete=True)


def test_of_staff_who_ask_twice_the_first_time_holds(table: Table) -> None:
    asked = Asked(table)

    first = asked.first("k-1", "five points", NOON)

    assert asked.first("k-1", "six points", NOON + timedelta(days=1)) == first
    assert asked.first("k-2", "six points", NOON).said == "six points"
