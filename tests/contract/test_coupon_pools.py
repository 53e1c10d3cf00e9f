"""A code goes to one action, in every table that there is."""

import pytest

from perennial.aws.coupons import AT_ONCE, Count, Pools
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
