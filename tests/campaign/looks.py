"""The quarter-hourly look at the house, in so far as somebody waits for it: who was erased is looked for once more."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.campaign.circumstances import Circumstances
from tests.campaign.functions import Fleet, Handler
from tests.campaign.turns import Result, Turns

EVERY = timedelta(minutes=15)
AT_ONCE = 2


class Looks:
    def __init__(
        self,
        circumstances: Circumstances,
        turns: Turns,
        fleet: Fleet,
        handler: Handler,
        wanted: Callable[[], datetime | None],
    ) -> None:
        """wanted: when the next second look is due."""
        self._c = circumstances
        self._turns = turns
        self._fleet = fleet
        self._handler = handler
        self._wanted = wanted
        self._is_set = False

    def remind(self) -> None:
        """Something may have been erased: look when its time has come."""
        wanted = self._wanted()
        if wanted and not self._is_set:
            self._is_set = True
            self._c.agenda.at(max(wanted, self._c.agenda.now) + EVERY, self._look)

    def _look(self) -> None:
        self._is_set = False
        environment = self._fleet.take("watch", AT_ONCE)
        if environment is None:
            self._c.agenda.after(EVERY.total_seconds(), self.remind)
            return

        def done(result: Result) -> None:
            self._fleet.give_back(environment, crashed=result.crashed)
            self._c.agenda.after(EVERY.total_seconds(), self.remind)

        self._turns.start(f"watch/{self._c.agenda.now:%m-%dT%H:%M}", environment, lambda: self._handler({}), done)
