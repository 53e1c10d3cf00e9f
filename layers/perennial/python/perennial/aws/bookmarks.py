"""How far we have read in the API of a vendor: one item for each list, `R#<vendor>#<store>#<list>` / `CURSOR`."""

from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table
from perennial.reconciling import Overtaken


class TableBookmarks:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, name: str) -> tuple[str, int]:
        item = self._table.get([_key(name)]).get(_key(name))
        return (item.body, int(item.attributes["version"])) if item else ("", 0)

    def write(self, name: str, text: str, version: int) -> int:
        unchanged = Equals("version", version) if version else Absent()
        try:
            self._table.write([Put(Item(_key(name), text, {"version": version + 1}), (unchanged,))])
        except Refused as refused:
            raise Overtaken(f"another run has moved the cursor of {name}") from refused
        return version + 1


def _key(name: str) -> Key:
    return Key(f"R#{name}", "CURSOR")
