"""Promises of a table, kept alike by DynamoDB (moto, ministack) and by its twin on SQLite."""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from perennial.aws.table import (
    Absent,
    BadCursor,
    Below,
    Busy,
    Condition,
    Delete,
    Equals,
    Invalid,
    Item,
    Key,
    Lacks,
    Page,
    Put,
    Refused,
    Table,
    Update,
    Write,
)

KIB = 1024
RECORD = Key("C#1", "RECORD")


def an_item(key: Key = RECORD, body: str = '{"stage": "retention"}', **attributes: str | int) -> Item:
    return Item(key, body, attributes or {"version": 1})


def a_due_item(customer: str, due: str, shard: str = "D#0") -> Item:
    return an_item(Key(f"C#{customer}", "RECORD"), due_shard=shard, due=due)


def stored(table: Table, *items: Item) -> None:
    for item in items:
        table.write([Put(item)])


def read(table: Table, key: Key = RECORD) -> Item | None:
    return table.get([key]).get(key)


def all_pages(ask: Callable[[str | None], Page]) -> list[Item]:
    """Everything, page after page."""
    page = ask(None)
    items = [*page.items]
    while page.cursor:
        page = ask(page.cursor)
        items += page.items
    return items


# Reading and writing one item


def test_what_was_put_is_read_back(table: Table) -> None:
    item = an_item(version=7, due="2026-01-01T00:00:00.000Z", due_shard="D#3")

    table.write([Put(item)])

    assert table.get([RECORD]) == {RECORD: item}


@pytest.mark.parametrize(
    "text", ["李雷 Ünïcode 🎁", "e\u0301 is not é", '"quotes" \\ and\nlines', "\u0000", "\U0010fffe"]
)
def test_texts_are_kept_as_they_are(table: Table, text: str) -> None:
    item = Item(Key(f"C#{text}", text), text, {"name": text, text: 1})

    table.write([Put(item)])

    assert read(table, item.key) == item


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 10**38 - 1, -(10**38) + 1])
def test_whole_numbers_keep_every_digit(table: Table, number: int) -> None:
    table.write([Put(an_item(version=number))])

    assert read(table) == an_item(version=number)


@pytest.mark.wrong_in("moto", "takes numbers of any length")
def test_a_number_of_more_than_38_digits_is_invalid(table: Table) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item(version=10**38 + 1))])


def test_a_truth_value_is_no_number(table: Table) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item(version=True))])


def test_an_item_may_have_neither_body_nor_attributes(table: Table) -> None:
    table.write([Put(Item(RECORD))])

    assert read(table) == Item(RECORD, "", {})


def test_an_empty_body_is_none(table: Table) -> None:
    stored(table, Item(RECORD, "", {"version": 1}))

    table.write([Put(Item(RECORD, "{}", {"version": 2}), (Lacks("body"),))])
    table.write([Update(RECORD, remove=("body",))])

    assert read(table) == Item(RECORD, "", {"version": 2})


def test_an_empty_text_is_a_value(table: Table) -> None:
    table.write([Put(an_item(note=""))])

    assert read(table) == an_item(note="")
    with pytest.raises(Refused):
        table.write([Put(an_item(), (Lacks("note"),))])


@pytest.mark.parametrize("size", [599, 600, 5_000, 50_000, 50_001])
def test_a_body_of_any_size_comes_back_as_it_was(table: Table, size: int) -> None:
    body = ('{"a":"2026-03-02T14:48:00Z"}' * size)[:size]

    table.write([Put(an_item(body=body))])

    assert read(table) == an_item(body=body)


def test_put_replaces_the_whole_item(table: Table) -> None:
    stored(table, an_item(version=1, label="new"))

    table.write([Put(an_item(body="", version=2))])

    assert read(table) == an_item(body="", version=2)


def test_only_items_that_exist_are_read(table: Table) -> None:
    stored(table, an_item())

    assert table.get([RECORD, Key("C#1", "PROFILE")]) == {RECORD: an_item()}
    assert table.get([Key("C#2", "RECORD")]) == {}
    assert table.get([]) == {}


def test_a_key_may_be_asked_for_twice(table: Table) -> None:
    stored(table, an_item())

    assert table.get([RECORD, RECORD, Key("C#2", "RECORD")]) == {RECORD: an_item()}


def test_more_keys_than_a_call_takes_are_all_read(table: Table) -> None:
    items = [an_item(Key(f"C#{number}", "RECORD")) for number in range(205)]
    for start in range(0, len(items), 100):
        table.write([Put(item) for item in items[start : start + 100]])

    found = table.get([item.key for item in items])

    assert found == {item.key: item for item in items}


def test_delete_removes_the_item(table: Table) -> None:
    stored(table, an_item())

    table.write([Delete(RECORD)])

    assert read(table) is None


def test_deleting_what_is_not_there_is_no_error(table: Table) -> None:
    table.write([Delete(RECORD)])

    assert read(table) is None


def test_writing_nothing_is_no_error(table: Table) -> None:
    table.write([])


# Updates


def test_an_update_changes_what_it_names_and_leaves_the_rest(table: Table) -> None:
    stored(table, an_item(version=1, sent=2, label="new", note="x"))

    table.write(
        [Update(RECORD, set={"version": 2, "stage": "winback"}, add={"sent": 3, "opened": -1}, remove=("note",))]
    )

    assert read(table) == an_item(version=2, stage="winback", sent=5, opened=-1, label="new")


def test_an_update_makes_the_item_when_it_is_not_there(table: Table) -> None:
    table.write([Update(RECORD, add={"sent": 1}, remove=("note",))])

    assert read(table) == Item(RECORD, "", {"sent": 1})


def test_an_update_may_change_the_body(table: Table) -> None:
    stored(table, an_item(version=1))

    table.write([Update(RECORD, set={"body": "{}", "version": 2})])

    assert read(table) == an_item(body="{}", version=2)


@pytest.mark.parametrize("name", ["name", "status", "a.b", "a b", "#a", ":a", "ttl", "größe"])
def test_any_name_serves_for_an_attribute(table: Table, name: str) -> None:
    table.write([Put(Item(RECORD, "", {name: 1}))])

    table.write([Update(RECORD, add={name: 1}, conditions=(Equals(name, 1),))])

    assert read(table) == Item(RECORD, "", {name: 2})


@pytest.mark.parametrize("others", [[], [Put(an_item(Key("C#2", "RECORD")))]], ids=["alone", "in a transaction"])
def test_adding_to_a_text_is_invalid(table: Table, others: list[Write]) -> None:
    stored(table, an_item(sent="two"))

    with pytest.raises(Invalid):
        table.write([Update(RECORD, add={"sent": 1}), *others])

    assert read(table) == an_item(sent="two")
    assert read(table, Key("C#2", "RECORD")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"set": {"n": 1}, "add": {"n": 1}},
        {"add": {"n": 1}, "remove": ("n",)},
        {"remove": ("n", "n")},
        {"set": {"sk": "x"}},
        {"set": {"body": ""}},
    ],
    ids=["nothing", "set and add", "add and remove", "remove twice", "key", "empty body"],
)
def test_an_update_that_no_table_takes_cannot_be_made(changes: Mapping[str, Any]) -> None:
    with pytest.raises(Invalid):
        Update(RECORD, **changes)


@pytest.mark.parametrize("name", ["pk", "sk", "body"])
def test_an_attribute_cannot_have_the_name_of_key_or_body(name: str) -> None:
    with pytest.raises(Invalid):
        Put(Item(RECORD, "", {name: "x"}))


# Conditions: what holds and what is refused, for an item that is there (True) or not (False)


@pytest.mark.parametrize(
    ("condition", "exists", "holds"),
    [
        (Absent(), False, True),
        (Absent(), True, False),
        (Equals("version", 1), True, True),
        (Equals("version", 2), True, False),
        (Equals("version", "1"), True, False),
        (Equals("label", "new"), True, True),
        (Equals("label", "New"), True, False),
        (Equals("missing", 1), True, False),
        (Equals("version", 1), False, False),
        (Equals("body", "{}"), True, True),
        (Lacks("missing"), True, True),
        (Lacks("version"), True, False),
        (Lacks("body"), True, False),
        (Lacks("version"), False, True),
        (Below("version", 2), True, True),
        (Below("version", 1), True, False),
        (Below("version", 2), False, True),
        (Below("missing", 0), True, True),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        lambda condition: Put(an_item(version=9), (condition,)),
        lambda condition: Update(RECORD, set={"version": 9}, conditions=(condition,)),
        lambda condition: Delete(RECORD, (condition,)),
    ],
    ids=["put", "update", "delete"],
)
def test_a_write_is_done_or_refused_by_its_condition(
    table: Table, condition: Condition, exists: bool, holds: bool, write: Callable[[Condition], Write]
) -> None:
    before = an_item(body="{}", version=1, label="new") if exists else None
    stored(table, *filter(None, [before]))

    refused = refusal(table, write(condition))

    if holds:
        assert refused is None
        assert read(table) != before or before is None
    else:
        assert refused is not None
        assert (refused.failed, refused.found) == ((True,), (before,))
        assert read(table) == before


def refusal(table: Table, write: Write) -> Refused | None:
    """Do the write; how it was refused, if it was."""
    try:
        table.write([write])
    except Refused as refused:
        return refused
    return None


def test_all_conditions_of_a_write_must_hold(table: Table) -> None:
    stored(table, an_item(version=1, label="new"))

    table.write([Update(RECORD, set={"version": 2}, conditions=(Equals("version", 1), Equals("label", "new")))])
    with pytest.raises(Refused):
        table.write([Update(RECORD, set={"version": 3}, conditions=(Equals("version", 2), Equals("label", "old")))])

    assert read(table) == an_item(version=2, label="new")


def test_a_repeated_conditional_put_finds_its_own_first_attempt(table: Table) -> None:
    mine = Put(an_item(version=1, writer="me"), (Absent(),))
    table.write([mine])

    with pytest.raises(Refused) as refused:
        table.write([mine])

    assert refused.value.found == (mine.item,)


# Transactions

JOURNAL = Key("C#1", "J#1")


def test_all_writes_are_done_together(table: Table) -> None:
    stored(table, an_item(version=1), an_item(Key("C#1", "WAIT")))

    table.write(
        [
            Put(an_item(version=2), (Equals("version", 1),)),
            Put(an_item(JOURNAL), (Absent(),)),
            Update(Key("C#1", "MESSAGING"), add={"sent": 1}),
            Delete(Key("C#1", "WAIT")),
        ]
    )

    assert [item.key.sk for item in table.query("C#1").items] == ["J#1", "MESSAGING", "RECORD"]
    assert read(table) == an_item(version=2)


def test_one_refusal_undoes_all_and_says_which_and_what_was_found(table: Table) -> None:
    profile = an_item(Key("C#1", "PROFILE"), version=7)
    stored(table, an_item(version=2), an_item(JOURNAL, body='{"actions": []}'), profile)

    with pytest.raises(Refused) as refused:
        table.write(
            [
                Put(an_item(version=2), (Equals("version", 1),)),
                Put(an_item(Key("C#1", "PROFILE"), version=8)),
                Put(an_item(JOURNAL), (Absent(),)),
                Update(Key("C#1", "GONE"), set={"a": 1}, conditions=(Equals("a", 0),)),
            ]
        )

    assert refused.value.failed == (True, False, True, True)
    assert refused.value.found == (an_item(version=2), None, an_item(JOURNAL, body='{"actions": []}'), None)
    assert read(table, Key("C#1", "PROFILE")) == profile


def test_what_was_found_stays_out_of_the_message(table: Table) -> None:
    stored(table, an_item(body='{"name": "Li Lei"}'))

    with pytest.raises(Refused) as refused:
        table.write([Put(an_item(), (Absent(),))])

    assert "Li Lei" not in str(refused.value) + repr(refused.value)


def test_a_hundred_writes_go_together(table: Table) -> None:
    table.write([Put(an_item(Key("C#1", f"J#{number:03}"))) for number in range(100)])

    assert len(table.query("C#1", limit=200).items) == 100


def test_more_than_a_hundred_writes_are_invalid(table: Table) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item(Key("C#1", f"J#{number:03}"))) for number in range(101)])

    assert table.query("C#1").items == ()


def test_two_writes_to_one_item_are_invalid(table: Table) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item()), Update(RECORD, add={"sent": 1})])

    assert read(table) is None


# Limits


@pytest.mark.wrong_in("moto", "measures the request and not the item")
def test_an_item_of_nearly_400_kib_is_stored(table: Table) -> None:
    table.write([Put(an_item(body="x" * 399 * KIB))])

    assert read(table) == an_item(body="x" * 399 * KIB)


@pytest.mark.parametrize("others", [[], [Put(an_item(JOURNAL))]], ids=["alone", "in a transaction"])
@pytest.mark.parametrize(
    "write",
    [
        Put(an_item(body="x" * 400 * KIB)),
        Put(an_item(body="é" * 200 * KIB)),
        Put(an_item(body="x" * 300 * KIB, more="x" * 100 * KIB)),
    ],
    ids=["body", "in bytes", "all together"],
)
def test_an_item_of_more_than_400_kib_is_invalid(table: Table, write: Write, others: list[Write]) -> None:
    with pytest.raises(Invalid):
        table.write([write, *others])

    assert read(table) is None


def test_an_update_may_not_let_an_item_grow_past_400_kib(table: Table) -> None:
    stored(table, an_item(body="x" * 300 * KIB))

    with pytest.raises(Invalid):
        table.write([Update(RECORD, set={"more": "x" * 101 * KIB})])


@pytest.mark.wrong_in("moto", "takes transactions of any size")
def test_a_transaction_of_more_than_4_mib_is_invalid(table: Table) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item(Key("C#1", f"J#{number}"), body="x" * 390 * KIB)) for number in range(11)])


@pytest.mark.parametrize("key", [Key("", "RECORD"), Key("C#1", ""), Key("C#1", "x" * 1025), Key("x" * 2049, "RECORD")])
def test_a_key_that_is_empty_or_too_long_is_invalid(table: Table, key: Key) -> None:
    with pytest.raises(Invalid):
        table.write([Put(an_item(key))])


@pytest.mark.parametrize("key", [Key("", "RECORD"), Key("C#1", "")])
def test_an_empty_key_cannot_be_asked_for(table: Table, key: Key) -> None:
    with pytest.raises(Invalid):
        table.get([key])


@pytest.mark.parametrize(
    "wrong",
    [
        {"due": ""},
        pytest.param({"due": 5}, marks=pytest.mark.wrong_in("moto", "does not look at the type of an index's key")),
        pytest.param({"directory": 1}, marks=pytest.mark.wrong_in("moto", "does not look at the type, as above")),
    ],
    ids=str,
)
@pytest.mark.parametrize("others", [[], [Put(an_item(JOURNAL))]], ids=["alone", "in a transaction"])
def test_the_keys_of_an_index_are_texts(table: Table, wrong: Mapping[str, str | int], others: list[Write]) -> None:
    with pytest.raises(Invalid):
        table.write([Put(Item(RECORD, "{}", wrong)), *others])


# Queries


def test_a_partition_is_read_in_the_order_of_sort_keys(table: Table) -> None:
    names = ["RECORD", "J#2", "J#10", "Z", "a", "é", "名", "\uffee", "🎁"]
    stored(table, *(an_item(Key("C#1", name)) for name in names), an_item(Key("C#10", "RECORD")))

    found = [item.key.sk for item in table.query("C#1").items]

    assert found == sorted(names, key=str.encode)


def test_newest_first_turns_the_order_round(table: Table) -> None:
    stored(table, *(an_item(Key("C#1", f"J#{number}")) for number in range(3)))

    found = [item.key.sk for item in table.query("C#1", newest_first=True).items]

    assert found == ["J#2", "J#1", "J#0"]


def test_a_prefix_leaves_out_what_does_not_start_with_it(table: Table) -> None:
    names = ["J", "J!", "J#", "J#1", "J#🎁", "J#\U0010fffe", "J$", "K", "j#1"]
    stored(table, *(an_item(Key("C#1", name)) for name in names))

    found = [item.key.sk for item in table.query("C#1", prefix="J#").items]

    assert found == ["J#", "J#1", "J#🎁", "J#\U0010fffe"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_hold_everything_once(table: Table, newest_first: bool) -> None:
    items = [an_item(Key("C#1", f"J#{number:02}")) for number in range(10)]
    stored(table, *items, an_item())

    def ask(cursor: str | None) -> Page:
        return table.query("C#1", prefix="J#", newest_first=newest_first, limit=3, cursor=cursor)

    assert len(ask(None).items) == 3
    assert all_pages(ask) == (items[::-1] if newest_first else items)


@pytest.mark.wrong_in("moto", "looks whether more follows, which is allowed, but hides the case from tests")
def test_a_full_last_page_leads_to_an_empty_one(table: Table) -> None:
    stored(table, an_item())

    page = table.query("C#1", limit=1)

    assert page.cursor
    assert table.query("C#1", limit=1, cursor=page.cursor) == Page((), None)


def test_a_page_that_is_not_full_has_no_cursor(table: Table) -> None:
    stored(table, an_item())

    assert table.query("C#1", limit=2) == Page((an_item(),), None)
    assert table.query("C#2") == Page((), None)


def test_a_page_ends_at_1_mib(table: Table) -> None:
    items = [an_item(Key("C#1", f"J#{number}"), body="x" * 300 * KIB) for number in range(7)]
    stored(table, *items)

    assert len(table.query("C#1").items) in (3, 4)
    assert all_pages(lambda cursor: table.query("C#1", cursor=cursor)) == items


@pytest.mark.wrong_in("moto", "leaves this check to botocore, where it is switched off")
@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_item(table: Table, limit: int) -> None:
    with pytest.raises(Invalid):
        table.query("C#1", limit=limit)


def a_cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "?",
        "x",
        "ÿ",
        "W10",
        base64.urlsafe_b64encode(b"[" * 9999).decode(),
        base64.urlsafe_b64encode(b'{"J#1": 1}').decode(),
        a_cursor("J#\ud800"),
        a_cursor("J#" + "x" * 1023),
        a_cursor(),
        a_cursor(1),
        a_cursor(""),
        a_cursor("RECORD"),
        a_cursor("J#1", "x", "y"),
    ],
)
def test_a_cursor_from_elsewhere_is_refused(table: Table, cursor: str) -> None:
    with pytest.raises(BadCursor):
        table.query("C#1", prefix="J#", cursor=cursor)


@pytest.mark.parametrize(
    "cursor",
    [
        a_cursor("J#1"),
        a_cursor("2027", "C#1", "RECORD"),
        a_cursor("19", "C#1", "RECORD"),
        a_cursor("2025", "", "RECORD"),
    ],
)
def test_a_cursor_from_outside_an_index_read_is_refused(table: Table, cursor: str) -> None:
    with pytest.raises(BadCursor):
        table.index("due", "D#0", prefix="20", upto="2026", cursor=cursor)


def test_a_cursor_cannot_lead_into_another_partition(table: Table) -> None:
    stored(table, an_item(Key("C#1", "J#1")), an_item(Key("C#1", "J#2")), an_item(Key("C#2", "J#2")))
    cursor = table.query("C#1", limit=1).cursor

    assert [item.key for item in table.query("C#2", cursor=cursor).items] == [Key("C#2", "J#2")]


# Indexes


def test_an_index_holds_only_items_with_both_of_its_attributes(table: Table) -> None:
    stored(
        table,
        a_due_item("1", "2026-01-02"),
        an_item(Key("C#2", "RECORD"), due_shard="D#0"),
        an_item(Key("C#3", "RECORD"), due="2026-01-01"),
        a_due_item("4", "2026-01-01", shard="D#1"),
    )

    assert [item.key.pk for item in table.index("due", "D#0").items] == ["C#1"]


def test_entries_of_an_index_carry_keys_only(table: Table) -> None:
    stored(table, an_item(due_shard="D#0", due="2026", version=1, directory="x", directory_rank="y"))

    assert table.index("due", "D#0").items == (Item(RECORD, "", {"due_shard": "D#0", "due": "2026"}),)
    assert table.index("directory", "x").items == (Item(RECORD, "", {"directory": "x", "directory_rank": "y"}),)


def test_an_index_is_read_in_the_order_of_rank(table: Table) -> None:
    stored(table, *(a_due_item(str(number), f"2026-01-{31 - number}") for number in range(5)))

    assert [item.key.pk for item in table.index("due", "D#0").items] == ["C#4", "C#3", "C#2", "C#1", "C#0"]


def test_an_entry_moves_with_its_item(table: Table) -> None:
    stored(table, a_due_item("1", "2026-01-01"))
    key = Key("C#1", "RECORD")

    table.write([Update(key, set={"due": "2026-02-01"})])
    assert [item.attributes["due"] for item in table.index("due", "D#0").items] == ["2026-02-01"]

    table.write([Put(a_due_item("1", "2026-03-01", shard="D#1"))])
    assert table.index("due", "D#0").items == ()
    assert [item.attributes["due"] for item in table.index("due", "D#1").items] == ["2026-03-01"]

    table.write([Update(key, remove=("due",))])
    assert table.index("due", "D#1").items == ()


def test_an_entry_goes_with_its_item(table: Table) -> None:
    stored(table, a_due_item("1", "2026-01-01"))

    table.write([Delete(Key("C#1", "RECORD"))])

    assert table.index("due", "D#0").items == ()


@pytest.mark.parametrize(
    ("prefix", "upto", "found"),
    [
        ("", None, ["2025-12-31", "2026-01-01", "2026-01-02", "2026-02"]),
        ("", "2026-01-01", ["2025-12-31", "2026-01-01"]),
        ("", "2026-01-00", ["2025-12-31"]),
        ("2026-01", None, ["2026-01-01", "2026-01-02"]),
        ("2026-01", "2026-01-01", ["2026-01-01"]),
        ("2026-01", "2027", ["2026-01-01", "2026-01-02"]),
        ("2026-01", "2025", []),
        ("2026-01", "2026-0", []),
        ("2027", None, []),
    ],
)
def test_prefix_and_upto_bound_an_index_read(table: Table, prefix: str, upto: str | None, found: list[str]) -> None:
    dues = ["2025-12-31", "2026-01-01", "2026-01-02", "2026-02"]
    stored(table, *(a_due_item(due, due) for due in dues))

    page = table.index("due", "D#0", prefix=prefix, upto=upto)

    assert [item.attributes["due"] for item in page.items] == found
    assert page.cursor is None


@pytest.mark.parametrize("bounds", [{}, {"upto": "2026"}, {"prefix": "20"}, {"prefix": "20", "upto": "2026"}], ids=str)
def test_pages_of_an_index_hold_every_entry_once(table: Table, bounds: Mapping[str, str]) -> None:
    stored(table, *(a_due_item(str(number), "2026" if number < 6 else "2025") for number in range(10)))

    found = all_pages(lambda cursor: table.index("due", "D#0", limit=3, cursor=cursor, **bounds))

    assert [item.attributes["due"] for item in found] == ["2025"] * 4 + ["2026"] * 6
    assert {item.key.pk for item in found} == {f"C#{number}" for number in range(10)}


def test_an_index_read_goes_on_after_what_was_removed_meanwhile(table: Table) -> None:
    stored(table, *(a_due_item(str(number), f"2026-01-0{number}") for number in range(1, 5)))
    page = table.index("due", "D#0", limit=2)

    table.write([Update(item.key, remove=("due",)) for item in page.items])

    rest = table.index("due", "D#0", cursor=page.cursor)
    assert [item.attributes["due"] for item in rest.items] == ["2026-01-03", "2026-01-04"]


# Many writers


@pytest.mark.parametrize("several", ["sqlite_table", "ministack_table"])  # moto's transactions are not thread-safe
def test_no_increment_is_lost_between_eight_writers(several: str, request: pytest.FixtureRequest) -> None:
    table: Table = request.getfixturevalue(several)
    stored(table, an_item(version=0))

    def increment(writer: int) -> None:
        for number in range(5):
            while not incremented(table, f"{writer}-{number}"):
                pass

    writers = [threading.Thread(target=increment, args=(writer,)) for writer in range(8)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()

    assert read(table) == an_item(version=40)
    assert len(table.query("C#1", prefix="J#").items) == 40


def incremented(table: Table, event: str) -> bool:
    """One attempt to count up the record and note the event, on the version that was read."""
    record = table.get([RECORD])[RECORD]
    version = int(record.attributes["version"])
    try:
        table.write(
            [
                Put(an_item(version=version + 1), (Equals("version", version),)),
                Put(an_item(Key("C#1", f"J#{event}")), (Absent(),)),
            ]
        )
    except (Refused, Busy):
        return False
    return True
