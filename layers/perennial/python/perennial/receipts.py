"""What SES and AWS SMS tell of our messages, through a topic onto a queue: read and kept as if it came over HTTPS."""

from dataclasses import dataclass

from perennial.aws.reputation import Reputation
from perennial.ingest import Ingest, Reply

SOURCE = "sns"


@dataclass(frozen=True, slots=True)
class Receipts:
    ingest: Ingest
    store: str
    """Whose it is where no label on the message says it: of messages that somebody else in the account sent."""
    reputation: Reputation

    def take(self, message: str) -> Reply:
        """Raises what the queues or the table raise: then it comes again, and the engine knows what it had before."""
        reading = self.ingest.understood(SOURCE, self.store, {}, [message.encode()])
        self.ingest.keep(SOURCE, self.store, {}, reading)
        self.reputation.note(reading.events)
        return reading.reply()
