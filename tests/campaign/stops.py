"""Staff at the emergency stop: they stop, look, let go and give up, at any time, twice, two of them at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.office import Heard, Office
from tests.campaign.watch import Watch


@dataclass
class Stops:
    office: Office
    watch: Watch
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Holds that staff were told of, as they were shown last, in the order in which they heard of them."""
    shown: dict[str, int] = field(default_factory=dict)
    """Hold -> how much waits under it, by the answer that was heard last."""

    def stop(self, reach: str) -> None:
        name, _, value = reach.partition(" ")
        asked = {"because": "wrong prices", **({name: value} if name else {})}
        self.office.ask("stop", "POST", "/holds", self._told, document=asked, answered=self.watch.stop_was_answered)

    def look(self) -> None:
        """At everything that is stopped, and at what waits under the latest."""
        self.office.ask("look at stops", "GET", "/holds", self._listed)
        if self.holds:
            self._look_at(list(self.holds)[-1])

    def release(self, which: str) -> None:
        self._move("release", which)

    def discard(self, which: str) -> None:
        self._move("discard", which)

    def release_all(self) -> None:
        for hold in list(self.watch.in_force):
            self._ask("release", hold)

    def count(self) -> None:
        """Look at what waits under whatever is stopped, and was."""
        for hold in self.watch.stops:
            self._look_at(hold)

    def _move(self, deed: str, which: str) -> None:
        """Of what is in force, as far as staff know: the oldest, or the newest."""
        known = [hold for hold, shown in self.holds.items() if not shown["released_at"]]
        if known:
            self._ask(deed, known[0] if which == "oldest" else known[-1])

    def _ask(self, deed: str, hold: str) -> None:
        def heard(told: dict[str, Any]) -> None:
            self._told(told["hold"])
            self.watch.move_was_answered(hold, deed)
            if told["more"]:
                self._ask(deed, hold)

        self._post(deed, hold, heard)

    def _post(self, deed: str, hold: str, heard: Heard) -> None:
        self.office.ask(deed, "POST", f"/holds/{{id}}/{deed}", heard, parameters={"id": hold})

    def _look_at(self, hold: str) -> None:
        def heard(told: dict[str, Any]) -> None:
            self.shown[hold] = told["count"]
            self._told(told["hold"])

        self.office.ask("look", "GET", "/holds/{id}/waiting", heard, parameters={"id": hold})

    def _listed(self, told: Mapping[str, Any]) -> None:
        for hold in (*told["past"], *told["in_force"]):
            self._told(hold)

    def _told(self, hold: dict[str, Any]) -> None:
        known = self.holds.get(hold["id"], {})
        if not known.get("released_at"):  # what is heard late may be of before
            self.holds[hold["id"]] = hold
