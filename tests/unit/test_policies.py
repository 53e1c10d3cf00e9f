"""The policy in force: a pointer that moves by one version at a time, whoever moves it at once."""

from collections.abc import Sequence

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.policies import Outdated, Policies
from perennial.aws.table import Write
from perennial.domain.policy import Policy
from tests.builders import the_policy
from tests.house import BreakableTable, FrozenClock


def renamed(name: str, version: int) -> Policy:
    return the_policy().model_copy(update={"name": name, "version": version})


@pytest.mark.parametrize("over", [1, 2], ids=["the first change", "a later one"])
def test_of_two_changes_at_one_moment_the_first_wins(over: int) -> None:
    table = BreakableTable(SqliteTable(Database()))
    mine, theirs = (Policies(table, FrozenClock(), the_policy) for _ in range(2))
    for version in range(1, over):
        mine.activate(renamed("before", version + 1), version)

    def they_are_faster(_: Sequence[Write]) -> None:
        table.before = lambda writes: None
        theirs.activate(renamed("theirs", over + 1), over)

    table.before = they_are_faster

    with pytest.raises(Outdated) as outdated:
        mine.activate(renamed("mine", over + 1), over)

    assert outdated.value.active == over + 1
    assert mine.latest().name == "theirs"
