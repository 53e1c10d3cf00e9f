"""What all parts of a run share: the time, the seed's decisions and odds, the count of faults, and the script."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.campaign.agenda import Agenda
from tests.campaign.chance import Chance, Decision
from tests.campaign.script import Script
from tests.campaign.weather import Weather


@dataclass
class Circumstances:
    agenda: Agenda
    chance: Chance
    weather: Weather
    script: Script
    faults: Counter[str] = field(default_factory=Counter)
    """Kind of fault -> how often it happened."""

    def happens(self, name: str, place: str, fault: str = "") -> str | None:
        """Does one of the weather's happenings of this place take place? Counted as `fault`, where that is given."""
        kind = self.chance.of(name, self.weather.happenings[place])
        if kind and fault:
            self.faults[fault] += 1
        return kind

    def lasts(self, name: str, odds: Callable[[float], float | None], fault: str = "") -> float | None:
        """How many seconds, or how much of something; None where it does not happen."""
        amount: Decision | None = self.chance.of(name, odds)
        if amount is not None and fault:
            self.faults[fault] += 1
        return None if amount is None else float(amount)

    def said(self, who: str, what: Callable[[], str]) -> None:
        self.script.said(who, what)
