"""Counts what a botocore session calls, by botocore's own hooks, and adds up what DynamoDB says that it consumed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import botocore.session

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})
READ_UNIT = 4096
PAGE = 1024 * 1024
"""Bytes: of a read unit, and what one call of Scan reads at most."""
COLLECTION = 3
"""Bytes that a list or a map takes itself."""


@dataclass
class Counted:
    calls: Counter[str] = field(default_factory=Counter)
    """Operation -> how often it was called."""
    write_units: float = 0
    index_units: float = 0
    """Of the write units, those for indexes."""
    read_units: float = 0
    """But for scans."""
    items_scanned: int = 0

    @property
    def sends(self) -> int:
        """Calls that put messages on queues."""
        return self.calls["SendMessage"] + self.calls["SendMessageBatch"]

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(
            self.calls + other.calls,
            self.write_units + other.write_units,
            self.index_units + other.index_units,
            self.read_units + other.read_units,
            self.items_scanned + other.items_scanned,
        )


class Meter:
    """Write units are as DynamoDB tells them. Read units are worked out from what came back, for ministack says 1
    whatever the size, and nothing of a batch; a batch is taken to be read consistently."""

    def __init__(self, session: botocore.session.Session) -> None:
        """Counts for the clients that the session makes from now on."""
        self._counted = Counted()
        hooks = session.get_component("event_emitter")
        hooks.register("provide-client-params.dynamodb", self._ask)
        hooks.register("after-call", self._count)
        hooks.register_first("after-call.dynamodb", self._note)  # before the resource API makes objects of attributes

    def take(self) -> Counted:
        """What was counted since this was last asked."""
        counted, self._counted = self._counted, Counted()
        return counted

    def _ask(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        if model.name in WRITES:
            params["ReturnConsumedCapacity"] = "INDEXES"
        if model.name == "GetItem":
            context["price"] = 1.0 if params.get("ConsistentRead") else 0.5
        if model.name == "BatchGetItem":
            context["keys"] = sum(len(table["Keys"]) for table in params["RequestItems"].values())

    def _count(self, model: Any, **_: object) -> None:
        self._counted += Counted(Counter([model.name]))

    def _note(self, parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: object) -> None:
        if model.name == "GetItem":
            self._counted += Counted(read_units=context["price"] * _read_units(parsed.get("Item", {})))
        elif model.name == "BatchGetItem":
            found = [item for items in parsed["Responses"].values() for item in items]
            missing = context["keys"] - len(found)
            self._counted += Counted(read_units=sum(map(_read_units, found)) + missing * _read_units({}))
        elif model.name == "Scan":
            self._counted += Counted(items_scanned=parsed["ScannedCount"])
        elif model.name in WRITES and "ConsumedCapacity" in parsed:
            self._counted += _written(parsed["ConsumedCapacity"])


def _written(told: Any) -> Counted:
    """As one call says it: of a transaction, table by table."""
    consumed: list[Mapping[str, Any]] = told if isinstance(told, list) else [told]
    indexes = (index for each in consumed for index in each.get("GlobalSecondaryIndexes", {}).values())
    return Counted(
        write_units=sum(each["CapacityUnits"] for each in consumed),
        index_units=sum(index["CapacityUnits"] for index in indexes),
    )


def _read_units(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Of one item that was asked for; it costs when it is not there, too."""
    return max(1, ceil(size_of(item) / READ_UNIT))


def size_of(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item as DynamoDB holds it.

    docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _size_of_value(value) for name, value in attributes.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "B":
            return len(held)
        case "N":
            return (len(held.strip("-0.").replace(".", "")) + 1) // 2 + 1
        case "M":
            return COLLECTION + size_of(held) + len(held)
        case "L":
            return COLLECTION + sum(map(_size_of_value, held)) + len(held)
        case _:  # BOOL, NULL
            return 1
