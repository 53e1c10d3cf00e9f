"""The timeline of one customer, newest first: one journal, or several where others were merged into them."""

from collections.abc import Sequence

from perennial.aws.table import BadCursor, Item, Page, Table

JOURNAL = "J#"
_PIECE = 1_000
"""Entries that are read at once of each journal."""


def story(table: Table, everyone: Sequence[str], limit: int, cursor: str | None) -> Page:
    """A page of entries. Raises `BadCursor` for a cursor that this story did not give."""
    if len(everyone) == 1:
        return table.query(f"C#{everyone[0]}", prefix=JOURNAL, newest_first=True, limit=limit, cursor=cursor)
    if cursor is not None and not cursor.startswith(JOURNAL):
        raise BadCursor("the cursor is of another list")
    older = [item for each in everyone for item in _journal(table, each) if cursor is None or _place(item) < cursor]
    newest = sorted(older, key=_place, reverse=True)
    return Page(tuple(newest[:limit]), _place(newest[limit - 1]) if len(newest) > limit else None)


def _place(item: Item) -> str:
    """Where it stands: by its time, then by whose it is, for both who were merged have an entry of that."""
    return f"{item.key.sk} {item.key.pk}"


def _journal(table: Table, customer: str) -> list[Item]:
    """All of it: those who were merged have short ones (`merging.LONGEST_LIVES`)."""
    found: list[Item] = []
    cursor: str | None = None
    while True:
        page = table.query(f"C#{customer}", prefix=JOURNAL, newest_first=True, limit=_PIECE, cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
