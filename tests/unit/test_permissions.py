"""What a role allows, weighed as AWS weighs it: action, resource, and each key of a request within one statement."""

import pytest

from infra.local.database import Database
from infra.local.permissions import TABLE, Denied, GuardedQueue, GuardedTable, Permissions, Statement, at_work
from infra.local.sqlite_table import SqliteTable
from perennial.aws.queues import Message
from perennial.aws.table import Delete, Item, Key, Put, Update
from tests.house import ListQueue

READS = frozenset({"dynamodb:GetItem", "dynamodb:BatchGetItem"})
ALLOWED = (
    Statement(READS, frozenset({TABLE}), ("C#*", "POLICY")),
    Statement(READS, frozenset({TABLE}), ("Q#*",)),
    Statement(frozenset({"dynamodb:PutItem"}), frozenset({TABLE}), ("Q#*",)),
    Statement(frozenset({"dynamodb:Query"}), frozenset({f"{TABLE}/index/due"})),
    Statement(frozenset({"sqs:SendMessage"}), frozenset({"EmailQueue"})),
)
ENTRY = Put(Item(Key("Q#1", "ENTRY"), "{}"))


@pytest.fixture
def permissions() -> Permissions:
    return Permissions({"Watch": "WatchRole"}, {"WatchRole": ALLOWED})


@pytest.fixture
def table(permissions: Permissions) -> GuardedTable:
    return GuardedTable(SqliteTable(Database()), permissions)


def test_what_its_role_allows_a_function_does(table: GuardedTable) -> None:
    with at_work("Watch"):
        table.write([ENTRY])
        found = table.get([ENTRY.key])
        table.get([Key("C#1", "RECORD"), Key("POLICY", "ACTIVE")])
        due = table.index("due", "due#00")

    assert list(found) == [ENTRY.key]
    assert due.items == ()


@pytest.mark.parametrize("key", [Key("CX", "RECORD"), Key("POLICY#2", "ACTIVE"), Key("HOLDS", "HOLD#1")])
def test_a_partition_that_no_statement_names_is_denied(table: GuardedTable, key: Key) -> None:
    with at_work("Watch"), pytest.raises(Denied, match=key.pk.partition("#")[0]):
        table.get([key])


def test_the_keys_of_one_request_are_allowed_by_one_statement_or_not_at_all(table: GuardedTable) -> None:
    with at_work("Watch"), pytest.raises(Denied):
        table.get([Key("C#1", "RECORD"), Key("Q#1", "ENTRY")])


@pytest.mark.parametrize("write", [Update(ENTRY.key, set={"n": 1}), Delete(ENTRY.key), Put(Item(Key("C#1", "RECORD")))])
def test_each_write_of_a_transaction_needs_its_own_permission_and_without_it_nothing_is_written(
    table: GuardedTable, write: Update | Delete | Put
) -> None:
    first = Put(Item(Key("Q#2", "ENTRY"), "{}"))

    with at_work("Watch"), pytest.raises(Denied):
        table.write([first, write])

    assert table.get([first.key]) == {}


def test_to_read_a_partition_or_another_index_is_something_else_than_to_read_the_index(table: GuardedTable) -> None:
    with at_work("Watch"):
        with pytest.raises(Denied, match="Query"):
            table.query("Q#1")
        with pytest.raises(Denied, match="directory"):
            table.index("directory", "retention#1")


def test_a_queue_is_for_those_who_may(permissions: Permissions) -> None:
    kept = ListQueue()
    emails, orders = (GuardedQueue(name, kept, permissions) for name in ("EmailQueue", "OrdersQueue"))

    with at_work("Watch"):
        assert emails.send([Message("{}")]) == 1
        assert orders.send([]) == 0  # no call is made
        with pytest.raises(Denied, match="OrdersQueue"):
            orders.send([Message("{}")])
        with pytest.raises(Denied, match="GetQueueAttributes"):
            emails.backlog()

    assert len(kept.sent) == 1


def test_the_house_itself_may_everything_again_when_the_function_is_done(table: GuardedTable) -> None:
    with at_work("Watch"), pytest.raises(Denied):
        table.query("Q#1")

    assert table.query("Q#1").items == ()


def test_who_goes_on_as_if_nothing_had_happened_is_found_out(table: GuardedTable, permissions: Permissions) -> None:
    with at_work("Watch"), pytest.raises(Denied):
        table.get([Key("I#email#0123", "I")])

    assert permissions.denied == ["WatchRole may not dynamodb:GetItem on CustomersTable, partitions of I"]


def test_the_template_says_it_of_every_function() -> None:
    permissions = Permissions.of_the_template()

    with at_work("Sweep"):
        permissions.require("dynamodb:Query", f"{TABLE}/index/due")
        permissions.require("sqs:SendMessage", "InactivityQueue")
        with pytest.raises(Denied, match="SweepRole"):
            permissions.require("dynamodb:GetItem", TABLE, {"C#1"})
