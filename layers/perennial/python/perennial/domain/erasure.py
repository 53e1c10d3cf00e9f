"""Who was erased stays erased: what of the events that still name them is let go, and what begins anew. Pure.

Vendors deliver late and twice, dead letters are redriven, histories imported again: all of that tells of the time
before the erasure, or goes on about things of that time, and is forgotten. A person may come back all the same. By an
act of their own after the erasure (an order, a question, a sign-up, consent) they are a new customer with a new id;
only by being seen, or by being changed in somebody's system, nobody comes back.
"""

from datetime import datetime

from perennial.domain import events as e
from perennial.domain.actions import Channel
from perennial.domain.customer import Facts
from perennial.domain.events import Event


def is_forgotten(event: Event, erased_at: datetime, names_what_was_theirs: bool) -> bool:
    """Does the event tell of what was erased?

    names_what_was_theirs: it names an order or parcel of the time before, whatever its own time is.
    """
    began = _began_at(event)
    return event.time <= erased_at or names_what_was_theirs or (began is not None and began <= erased_at)


def begins_anew(event: Event) -> bool:
    """Does an event that is not forgotten tell of an act of the person's own, by which they are a customer again?

    That an order was paid tells of an order as well as that it was placed: which is heard first does not matter.
    """
    match event:
        case e.OrderPlaced() | e.TicketOpened() | e.CustomerSignedUp():
            return True
        case e.ConsentChanged():
            return event.data.granted
        case _:
            return _began_at(event) is not None


def _began_at(event: Event) -> datetime | None:
    """When the order or ticket began that the event tells of, where it says so."""
    match event.data:
        case e.OrderData():
            return event.data.order.placed_at
        case e.TicketData():
            return event.data.ticket.opened_at
        case _:
            return None


def may_be_written_to(facts: Facts, channel: Channel, erased_at: datetime) -> bool:
    """May an address that was erased be used again? Only by a consent for its channel that is younger.

    The address of who was erased comes back with a new order, a till or an import, and says nothing of being wanted.
    """
    said = (word for key, word in facts.consent.items() if key.endswith(f"/{channel}"))
    return any(word.granted and word.at > erased_at for word in said)
