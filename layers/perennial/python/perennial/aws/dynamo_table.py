"""The table on DynamoDB: requests marshalled by hand, bodies packed, conditions in the write, and what it answers."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws import cursors
from perennial.aws.packing import packed, unpacked
from perennial.aws.table import (
    BODY,
    HIGHEST,
    INDEXES,
    Absent,
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
    TableError,
    Update,
    Write,
)

KEYS_PER_CALL = 100
PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds to wait at most before asking again for keys that DynamoDB left unread for want of capacity."""
CONFLICT_PAUSES = (0.02, 0.05)
"""Seconds to wait at most for another transaction to end. It takes milliseconds; an event delivered again, minutes."""

BUSY_ERRORS = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
BUSY_REASONS = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

PACKED_FROM = 600
PACKED_TO = 50_000
"""Bytes of a body from which on, and up to which, it is stored packed: each kilobyte of an item costs two write units
in a transaction, packing takes 50 µs and leaves a fifth. What comes near the limit of an item is left to DynamoDB."""

Request = dict[str, Any]


class DynamoTable:
    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """`client` is a low-level DynamoDB client, see aws/clients.py."""
        self._client = client
        self._name = name
        self._sleep = sleep

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """As `Table.get`. Raises `Busy` when keys are still unread after `PAUSES`."""
        distinct = list(dict.fromkeys(keys))
        with _meaning_of_errors():
            if len(distinct) == 1:
                return self._get_one(distinct[0])
            found: dict[Key, Item] = {}
            for start in range(0, len(distinct), KEYS_PER_CALL):
                found |= self._get_batch(distinct[start : start + KEYS_PER_CALL])
            return found

    def write(self, writes: Sequence[Write]) -> None:
        """As `Table.write`. Raises `Busy` when other transactions are still in the way after `CONFLICT_PAUSES`.

        A lone write is no transaction and costs half.

        A write whose answer was lost is repeated by the SDK, and a lone conditional one is then refused by its own
        first attempt: `Refused.found` tells.
        """
        requests = [self._request(write) for write in writes]
        with _meaning_of_errors():
            match requests:
                case []:
                    return
                case [(operation, request)]:
                    self._operations[operation](**request)
                case _:
                    self._transact([{operation: request} for operation, request in requests])

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        request: Request = {"ScanIndexForward": not newest_first, "Limit": limit, "ConsistentRead": True}
        if cursor is not None:
            request["ExclusiveStartKey"] = _marshal_key(Key(pk, cursors.read_item(cursor, prefix)))
        condition = _key_condition(("pk", pk), "sk", prefix)
        items, last = self._page(request | condition)
        return Page(items, cursors.after_item(_key(last)) if last else None)

    def index(
        self,
        name: str,
        partition: str,
        *,
        prefix: str = "",
        upto: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        if upto is not None and prefix > upto:
            return Page((), None)
        of_partition, of_rank = INDEXES[name]
        request: Request = {"IndexName": name, "Limit": limit}
        if cursor is not None:
            rank, key = cursors.read_entry(cursor, prefix, upto)
            request["ExclusiveStartKey"] = _marshal(Item(key, attributes={of_partition: partition, of_rank: rank}))
        condition = _key_condition((of_partition, partition), of_rank, prefix, upto)
        items, last = self._page(request | condition)
        return Page(items, cursors.after_entry(last[of_rank]["S"], _key(last)) if last else None)

    def _transact(self, transaction: Sequence[Request]) -> None:
        """The SDK repeats what was not answered, and leaves what met another transaction to us."""
        for pause in (*CONFLICT_PAUSES, None):
            try:
                self._client.transact_write_items(TransactItems=transaction)
            except ClientError as error:
                if pause is None or not _met_another(error):
                    raise
                self._sleep(random.uniform(0, pause))  # noqa: S311 -- as below
            else:
                return

    @property
    def _operations(self) -> Mapping[str, Callable[..., Any]]:
        client = self._client
        return {"Put": client.put_item, "Update": client.update_item, "Delete": client.delete_item}

    def _get_one(self, key: Key) -> dict[Key, Item]:
        reply = self._client.get_item(TableName=self._name, Key=_marshal_key(key), ConsistentRead=True)
        return {key: _item(reply["Item"])} if "Item" in reply else {}

    def _get_batch(self, keys: Sequence[Key]) -> dict[Key, Item]:
        wanted = [_marshal_key(key) for key in keys]
        found: list[Item] = []
        for pause in (0.0, *PAUSES):
            self._sleep(random.uniform(0, pause))  # noqa: S311 -- spreads callers out; no secret
            reply = self._client.batch_get_item(RequestItems={self._name: {"Keys": wanted, "ConsistentRead": True}})
            found += map(_item, reply["Responses"].get(self._name, ()))
            wanted = reply.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not wanted:
                return {item.key: item for item in found}
        raise Busy(f"{len(wanted)} of {len(keys)} keys were still unread after {len(PAUSES) + 1} calls")

    def _request(self, write: Write) -> tuple[str, Request]:
        """The operation's name in a transaction, and its parameters, which are those of the lone call too."""
        terms = _Terms()
        request: Request = {"TableName": self._name}
        match write:
            case Put():
                operation = "Put"
                request["Item"] = _marshal(write.item)
            case Update():
                operation = "Update"
                request |= {"Key": _marshal_key(write.key), "UpdateExpression": _changes(write, terms)}
            case Delete():
                operation = "Delete"
                request["Key"] = _marshal_key(write.key)
        if write.conditions:
            request["ConditionExpression"] = " AND ".join(_clause(condition, terms) for condition in write.conditions)
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return operation, request | terms.request()

    def _page(self, request: Request) -> tuple[tuple[Item, ...], Request | None]:
        with _meaning_of_errors():
            reply = self._client.query(TableName=self._name, **request)
        return tuple(map(_item, reply["Items"])), reply.get("LastEvaluatedKey")


class _Terms:
    """Placeholders for the names and values in an expression, so that no attribute's name is a reserved word."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Request] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#{len(self._names)}")

    def value(self, value: str | int) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = _marshal_value(value)
        return placeholder

    def request(self) -> Request:
        """The two parameters that explain the placeholders; DynamoDB refuses them when empty."""
        names = {placeholder: attribute for attribute, placeholder in self._names.items()}
        explained = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}
        return {parameter: terms for parameter, terms in explained.items() if terms}


def _changes(update: Update, terms: _Terms) -> str:
    clauses = {
        "SET": [f"{terms.name(attribute)} = {terms.value(value)}" for attribute, value in update.set.items()],
        "ADD": [f"{terms.name(attribute)} {terms.value(value)}" for attribute, value in update.add.items()],
        "REMOVE": [terms.name(attribute) for attribute in update.remove],
    }
    return " ".join(f"{verb} {', '.join(changes)}" for verb, changes in clauses.items() if changes)


def _clause(condition: Condition, terms: _Terms) -> str:
    match condition:
        case Absent():
            return "attribute_not_exists(pk)"
        case Lacks():
            return f"attribute_not_exists({terms.name(condition.attribute)})"
        case Equals():
            return f"{terms.name(condition.attribute)} = {terms.value(condition.value)}"
        case Below():
            name = terms.name(condition.attribute)
            return f"(attribute_not_exists({name}) OR {name} < {terms.value(condition.limit)})"


def _key_condition(partition: tuple[str, str], rank: str, prefix: str, upto: str | None = None) -> Request:
    """The parameters of a query in one partition, given as (name, value), for a range of the attribute `rank`."""
    terms = _Terms()
    clauses = [f"{terms.name(partition[0])} = {terms.value(partition[1])}"]
    if prefix and upto is None:
        clauses.append(f"begins_with({terms.name(rank)}, {terms.value(prefix)})")
    elif prefix and upto is not None:
        last = min(upto, prefix + HIGHEST)
        clauses.append(f"{terms.name(rank)} BETWEEN {terms.value(prefix)} AND {terms.value(last)}")
    elif upto is not None:
        clauses.append(f"{terms.name(rank)} <= {terms.value(upto)}")
    return {"KeyConditionExpression": " AND ".join(clauses), **terms.request()}


def _marshal(item: Item) -> Request:
    marshalled = {name: _marshal_value(value) for name, value in item.attributes.items()}
    if item.body:
        marshalled[BODY] = _marshal_body(item.body)
    return marshalled | _marshal_key(item.key)


def _marshal_body(body: str) -> Request:
    plain = body.encode()
    return {"B": packed(plain)} if PACKED_FROM <= len(plain) <= PACKED_TO else {"S": body}


def packed_size(body: str) -> int:
    """Bytes that the body takes in an item."""
    ((_, stored),) = _marshal_body(body).items()
    return len(stored if isinstance(stored, bytes) else stored.encode())


def _body(marshalled: Request) -> str:
    return unpacked(marshalled["B"]).decode() if "B" in marshalled else str(marshalled["S"])


def _marshal_key(key: Key) -> Request:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _marshal_value(value: str | int) -> Request:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _item(marshalled: Request) -> Item:
    values = {name: _value(value) for name, value in marshalled.items() if name not in ("pk", "sk", BODY)}
    return Item(_key(marshalled), _body(marshalled.get(BODY, {"S": ""})), values)


def _key(marshalled: Request) -> Key:
    return Key(marshalled["pk"]["S"], marshalled["sk"]["S"])


def _value(marshalled: Request) -> str | int:
    text: str = marshalled["S"] if "S" in marshalled else marshalled["N"]
    return text if "S" in marshalled else int(text)


@contextmanager
def _meaning_of_errors() -> Iterator[None]:
    """Says what DynamoDB refused in the words of aws/table.py; what they have no word for passes unchanged."""
    try:
        yield
    except ClientError as error:
        if meaning := _meaning(error):
            raise meaning from error
        raise


def _meaning(error: ClientError) -> TableError | None:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    match code:
        case "ConditionalCheckFailedException":
            return Refused([True], [_found(error.response)])
        case "TransactionCanceledException":
            return _meaning_of_reasons(error.response["CancellationReasons"])
        case "ValidationException":
            return Invalid(message)
    return Busy(code) if code in BUSY_ERRORS else None


def _met_another(error: ClientError) -> bool:
    """Whether another transaction on the same items is all that was wrong with this one."""
    codes = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
    return "TransactionConflict" in codes and codes <= {"None", "TransactionConflict"}


def _meaning_of_reasons(reasons: Sequence[Request]) -> TableError:
    """`reasons` come in the order of the writes. One refusal outweighs all else: deciding again is due anyway."""
    codes = [reason.get("Code", "None") for reason in reasons]
    failed = [code == "ConditionalCheckFailed" for code in codes]
    if any(failed):
        return Refused(failed, [_found(reason) for reason in reasons])
    if BUSY_REASONS.issuperset(codes):
        return Busy(", ".join(codes))
    return Invalid(", ".join(f"{reason.get('Code')}: {reason.get('Message')}" for reason in reasons))


def _found(reason: Request) -> Item | None:
    return _item(reason["Item"]) if reason.get("Item") else None
