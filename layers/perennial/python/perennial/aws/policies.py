"""The policy in force, and how it is changed: every version is kept, a pointer names the active one.

Errors:
    Outdated     somebody else changed the policy since it was read
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from perennial.aws.clock import Clock
from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table
from perennial.domain.policy import Policy

ACTIVE = Key("POLICY", "ACTIVE")
SHIPPED_VERSION = 1
LOOKED_AT_FOR = timedelta(seconds=60)
"""How long an execution environment may go on with the policy it read."""


class Outdated(Exception):
    """The policy is no longer the version that the change was made to: read it again."""

    def __init__(self, active: int) -> None:
        super().__init__(f"the active policy is version {active}")
        self.active = active


class Policies:
    def __init__(self, table: Table, clock: Clock, shipped: Callable[[], Policy]) -> None:
        """shipped: the policy that comes with the product; in force until the first change."""
        self._table = table
        self._clock = clock
        self._shipped = shipped
        self._known: dict[int, Policy] = {}
        self._active: int | None = None
        self._looked_at: datetime | None = None

    def active(self) -> Policy:
        now = self._clock.wall()
        if self._active is None or self._looked_at is None or now - self._looked_at > LOOKED_AT_FOR:
            self._active, self._looked_at = self._pointer() or SHIPPED_VERSION, now
        return self.version(self._active)

    def latest(self) -> Policy:
        """The policy in force as the table has it now, and not as this execution environment last saw it."""
        self._looked_at = None
        return self.active()

    def version(self, number: int) -> Policy:
        """Raises KeyError when there never was such a version."""
        if number not in self._known:
            self._known[number] = self._read(number)
        return self._known[number]

    def activate(self, policy: Policy, over: int) -> None:
        """Make it the policy in force, in the place of version `over`. Raises `Outdated`."""
        from perennial.policy_document import policy_json  # reads YAML too, which who only applies policies need not

        pointer = self._pointer()
        if (pointer or SHIPPED_VERSION) != over or policy.version != over + 1:
            raise Outdated(pointer or SHIPPED_VERSION)
        unchanged = Equals("version", over) if pointer else Absent()
        document = Item(_key(policy.version), policy_json(policy))
        try:
            self._table.write(
                [Put(Item(ACTIVE, "", {"version": policy.version}), (unchanged,)), Put(document, (Absent(),))]
            )
        except Refused as refused:
            raise Outdated(self._pointer() or SHIPPED_VERSION) from refused
        self._known[policy.version] = policy
        self._active, self._looked_at = policy.version, self._clock.wall()

    def _pointer(self) -> int | None:
        item = self._table.get([ACTIVE]).get(ACTIVE)
        return int(item.attributes["version"]) if item else None

    def _read(self, number: int) -> Policy:
        item = self._table.get([_key(number)]).get(_key(number))
        if item is None and number == SHIPPED_VERSION:
            return self._shipped()
        if item is None:
            raise KeyError(f"policy version {number}")
        return Policy.model_validate_json(item.body)


def _key(version: int) -> Key:
    return Key("POLICY", f"V#{version:08d}")
