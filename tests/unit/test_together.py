"""How commits share transactions: as many as the table takes in one, and no more than should hang together."""

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.identities import Identity
from perennial.aws.store import (
    TOGETHER,
    TRANSACTION_CHARACTERS,
    TRANSACTION_WRITES,
    Commit,
    Loaded,
    Marks,
    Store,
    content_item,
    identity_key,
    together,
)
from tests.builders import NOON, a_customer

ORDER = Identity(identity_key("order", "0" * 32))


def a_commit(customer: str, *, texts: int = 0, characters: int = 0, links: tuple[Identity, ...] = ()) -> Commit:
    """Of a new customer: a record, so many texts of so many characters in all, and links."""
    new = a_customer(id=customer)
    body = "🎁" * (characters // max(texts, 1))
    items = tuple(content_item(customer, f"text-{number}", body, NOON) for number in range(texts))
    return Commit(Loaded(new, is_new=True), new, {}, None, Marks(), links=links, items=items)


def shared(*commits: Commit) -> list[list[str]]:
    """Which customers share a transaction. Each of them is one that the table takes."""
    joint = list(together(commits))
    for each in joint:
        Store(SqliteTable(Database())).commit(each)
    return [[commit.customer for commit in each] for each in joint]


def test_a_few_customers_share_a_transaction_in_their_order() -> None:
    customers = [f"c{number}" for number in range(TOGETHER + 2)]

    assert shared(*map(a_commit, customers)) == [customers[:TOGETHER], customers[TOGETHER:]]


def test_nobody_takes_no_transaction() -> None:
    assert shared() == []


@pytest.mark.parametrize(("texts", "joint"), [(0, [["c1", "c2"]]), (1, [["c1"], ["c2"]])])
def test_a_transaction_has_so_many_writes_at_most(texts: int, joint: list[list[str]]) -> None:
    most = a_commit("c1", texts=TRANSACTION_WRITES - 2)

    assert shared(most, a_commit("c2", texts=texts)) == joint


def test_a_transaction_is_as_large_as_the_table_takes() -> None:
    half = TRANSACTION_CHARACTERS // 2
    commits = [a_commit(f"c{number}", texts=5, characters=half - 1_000) for number in range(3)]

    assert shared(*commits) == [["c0", "c1"], ["c2"]]


def test_a_transaction_has_no_key_twice() -> None:
    one, other, third = a_commit("c1", links=(ORDER,)), a_commit("c2", links=(ORDER,)), a_commit("c3")

    assert shared(one, other, third) == [["c1"], ["c2", "c3"]]
