"""What each function may do to the table and the queues, by its role in template.yaml: on a laptop it is held to that.

ministack knows a role's actions and resources, and not the keys that a statement bounds them to
(`dynamodb:LeadingKeys`): a partition that a role lacks would first be missed in the merchant's account. So the house
asks here before its table or a queue is asked, and the answer is AWS's: in one request every key must be one that the
same statement allows.

Errors:
    Denied    the role lacks a permission: give it that in template.yaml, or do not ask
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Self, assert_never

from infra.local import template
from perennial.aws.queues import Message, Queue
from perennial.aws.table import Delete, Item, Key, Page, Put, Table, Update, Write

TABLE = "CustomersTable"
FUNCTION = "AWS::Serverless::Function"
_AT_WORK: ContextVar[str | None] = ContextVar("function at work", default=None)


class Denied(Exception):
    """The role of the function at work does not allow this; AWS would answer AccessDenied. Says who lacks what."""


class Statement(NamedTuple):
    """What is allowed: actions on resources, these by logical id, as "CustomersTable" or "CustomersTable/index/due"."""

    actions: frozenset[str]
    resources: frozenset[str]
    keys: tuple[str, ...] | None = None
    """What a partition key may look like; None: like anything."""

    def allows(self, action: str, resource: str, partitions: Iterable[str]) -> bool:
        if action not in self.actions or resource not in self.resources:
            return False
        return self.keys is None or all(any(fnmatchcase(each, like) for like in self.keys) for each in partitions)


@contextmanager
def at_work(function: str) -> Iterator[None]:
    """What is asked within is asked by this function of the template. Outside it is the house itself, which may."""
    before = _AT_WORK.set(function)
    try:
        yield
    finally:
        _AT_WORK.reset(before)


class Permissions:
    def __init__(self, roles: Mapping[str, str], statements: Mapping[str, Sequence[Statement]]) -> None:
        """roles: by function; statements: by role."""
        self._roles = roles
        self._statements = statements
        self.denied: list[str] = []
        """What was: also where the function went on as if nothing had happened."""

    @classmethod
    def of_the_template(cls) -> Self:
        """As it is written: what SAM makes of it changes no role."""
        resources = template.read()["Resources"]
        functions = {n: each["Properties"] for n, each in resources.items() if each["Type"] == FUNCTION}
        roles = {name: str(properties["Role"]["Fn::GetAtt"][0]) for name, properties in functions.items()}
        return cls(roles, {role: tuple(_statements(resources[role]["Properties"])) for role in roles.values()})

    def require(self, action: str, resource: str, partitions: Iterable[str] = ()) -> None:
        """Raises `Denied`."""
        function = _AT_WORK.get()
        if function is None:
            return
        role, asked = self._roles[function], frozenset(partitions)
        if not any(each.allows(action, resource, asked) for each in self._statements[role]):
            kinds = sorted({each.partition("#")[0] for each in asked})
            told = f"{role} may not {action} on {resource}" + (f", partitions of {', '.join(kinds)}" if kinds else "")
            self.denied.append(told)
            raise Denied(told)


class GuardedTable:
    """As `Table`, for functions: asks first whether whoever is at work may."""

    def __init__(self, table: Table, permissions: Permissions) -> None:
        self._table = table
        self._permissions = permissions

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        if partitions := {key.pk for key in keys}:
            action = "dynamodb:GetItem" if len(set(keys)) == 1 else "dynamodb:BatchGetItem"
            self._permissions.require(action, TABLE, partitions)
        return self._table.get(keys)

    def write(self, writes: Sequence[Write]) -> None:
        """Of a transaction each write is asked for alone."""
        for write in writes:
            self._permissions.require(_action(write), TABLE, {write.key.pk})
        self._table.write(writes)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        self._permissions.require("dynamodb:Query", TABLE, {pk})
        return self._table.query(pk, prefix=prefix, newest_first=newest_first, limit=limit, cursor=cursor)

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
        self._permissions.require("dynamodb:Query", f"{TABLE}/index/{name}")
        return self._table.index(name, partition, prefix=prefix, upto=upto, limit=limit, cursor=cursor)


class GuardedQueue:
    """As `Queue`, likewise. name: its logical id."""

    def __init__(self, name: str, queue: Queue, permissions: Permissions) -> None:
        self._name = name
        self._queue = queue
        self._permissions = permissions

    def send(self, messages: Iterable[Message]) -> int:
        return self._queue.send(self._allowed(messages))

    def backlog(self) -> int:
        self._permissions.require("sqs:GetQueueAttributes", self._name)
        return self._queue.backlog()

    def _allowed(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Where there is none, nobody is asked."""
        for message in messages:
            self._permissions.require("sqs:SendMessage", self._name)
            yield message


def _action(write: Write) -> str:
    match write:
        case Put():
            return "dynamodb:PutItem"
        case Update():
            return "dynamodb:UpdateItem"
        case Delete():
            return "dynamodb:DeleteItem"
        case _:
            assert_never(write)


def _statements(role: Mapping[str, Any]) -> Iterator[Statement]:
    """Those that hold whatever the merchant chose: what depends on that is about neither table nor queues."""
    written = (each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"])
    for each in written:
        if "Fn::If" not in each:
            keys = each.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
            resources = frozenset(map(_name, _listed(each["Resource"])))
            yield Statement(frozenset(_listed(each["Action"])), resources, tuple(keys) if keys else None)


def _name(resource: Any) -> str:
    """{"Fn::GetAtt": ["OrdersQueue", "Arn"]} -> OrdersQueue; "${CustomersTable.Arn}/index/due" without its marks."""
    match resource:
        case {"Fn::GetAtt": [str(name), _]}:
            return name
        case {"Fn::Sub": str(text)}:
            return text.replace("${CustomersTable.Arn}", TABLE)
        case _:
            return str(resource)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
