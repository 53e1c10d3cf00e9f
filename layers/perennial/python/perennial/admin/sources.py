"""Answers which sources there are, when each was heard last, and whether that is unusual. Knows no HTTP."""

from dataclasses import dataclass

from perennial.admin import answers
from perennial.aws.clock import Clock
from perennial.aws.pulses import Pulses
from perennial.gaps import Heard, begun, silence


@dataclass(frozen=True)
class SourcesDesk:
    pulses: Pulses
    clock: Clock

    def all(self) -> answers.Sources:
        repairs = self.pulses.repairs()
        shown = (self._shown(heard, repairs.get((heard.source, heard.store), 0)) for heard in self.pulses.all())
        return answers.Sources(sources=tuple(shown))

    def _shown(self, heard: Heard, repaired: int) -> answers.Source:
        now = self.clock.now()
        stands = silence(self.pulses.rhythm(heard) or begun(heard, now), heard, now)
        return answers.Source(
            source=heard.source,
            store=heard.store,
            heard_at=heard.last,
            usually_every=stands.usually_every,
            is_silent=stands.is_silent,
            silent_minutes=stands.minutes,
            missing=stands.missing,
            repaired=repaired,
        )
