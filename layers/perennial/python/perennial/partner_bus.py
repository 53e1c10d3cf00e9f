"""The back door: what a vendor's own bus brings is read and kept as if it had come over HTTPS."""

from dataclasses import dataclass

from perennial.ingest import Ingest, Reply
from perennial.sources import shopify_bus


@dataclass(frozen=True, slots=True)
class PartnerBus:
    ingest: Ingest

    def take(self, message: str) -> Reply:
        """Raises `NotUnderstood` for what is no delivery (the queue keeps it among its dead letters), and what the
        queues or the table raise: then the message comes again, and the engine knows what it had before."""
        store, headers, body = shopify_bus.unwrapped(message)
        reading = self.ingest.understood("shopify", store, headers, [body])
        self.ingest.keep("shopify", store, headers, reading)
        self.ingest.heard("shopify", store, self.ingest.clock.now())
        return reading.reply()
