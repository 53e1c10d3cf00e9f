"""What people do by the admin's API: they change the policy, and replay what lies in quarantine."""

from collections.abc import Callable

from perennial.aws import wiring
from perennial.aws.policies import Outdated
from tests.campaign.functions import Fleet
from tests.campaign.policies import variant
from tests.campaign.turns import Result, Turns

AT_ONCE = 10
"""Execution environments of the admin's API."""


class Staff:
    def __init__(self, turns: Turns, fleet: Fleet) -> None:
        self._turns = turns
        self._fleet = fleet
        self._begun: list[str] = []
        """Entries whose replay nobody has seen the end of."""

    def change_policy(self, name: str) -> None:
        self._do("change policy", lambda: _activate(name))

    def replay_newest(self) -> None:
        self._do("replay quarantine", self._replay_newest)

    def finish(self) -> None:
        """Replay once more what was answered with an error: its events may be out, and the entry still there."""
        for entry in list(dict.fromkeys(self._begun)):
            self._do("replay quarantine", lambda entry=entry: self._replay(entry))  # type: ignore[misc]

    def _do(self, deed: str, work: Callable[[], None]) -> None:
        environment = self._fleet.take("admin", AT_ONCE)
        if environment is None:
            return

        def done(result: Result) -> None:
            self._fleet.give_back(environment, crashed=result.crashed)

        self._turns.start(f"admin/{deed}", environment, work, done)

    def _replay_newest(self) -> None:
        for entry in wiring.quarantine().list(limit=1).entries:
            self._replay(entry.id)

    def _replay(self, entry: str) -> None:
        self._begun.append(entry)
        wiring.ingest().replay(entry)
        self._begun.remove(entry)


def _activate(name: str) -> None:
    policies = wiring.policies()
    over = policies.latest().version
    try:
        policies.activate(variant(name).model_copy(update={"version": over + 1}), over)
    except Outdated:
        return  # somebody else was faster: they would look again
