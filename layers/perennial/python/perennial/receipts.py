"""What SES and AWS SMS tell of our messages, through a topic onto a queue: read and kept as if it came over HTTPS.

A mail that SES received is told over the same topic: one that comes back to the address that ours was sent from.
"""

from dataclasses import dataclass

from perennial.aws.reputation import Reputation
from perennial.ingest import Ingest, Note, Reading, Reply
from perennial.sources import mail
from perennial.sources.amazon_mail import mail_in

SOURCE = "sns"


@dataclass(frozen=True, slots=True)
class Receipts:
    ingest: Ingest
    store: str
    """Whose it is where no label on the message says it: of messages that somebody else in the account sent."""
    reputation: Reputation
    returned: mail.Door

    def take(self, message: str) -> Reply:
        """Raises what the queues or the table raise: then it comes again, and the engine knows what it had before."""
        told = message.encode()
        came_back = mail_in(told)
        if came_back is None:
            return self._kept(SOURCE, self.store, told)
        store = self.returned.store_of(came_back, self.store)
        return self._kept(mail.SOURCE, store, came_back) if store else NOBODYS

    def _kept(self, source: str, store: str, told: bytes) -> Reply:
        reading = self.ingest.understood(source, store, {}, [told])
        self.ingest.keep(source, store, {}, reading)
        self.reputation.note(reading.events)
        return reading.reply()


NOBODYS = Reading(ignored=[Note(0, mail.NOT_OURS, b"")]).reply()
"""Anybody may write to the address: what bears no mark of ours is kept nowhere."""
