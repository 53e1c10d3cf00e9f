"""What ends a wait: a play's `unless` that happened, for the same order, cart or ticket where the wait is about one."""

from collections.abc import Iterable
from typing import NamedTuple

from perennial.domain.customer import Facts, Order, Ticket, Wait
from perennial.domain.happenings import ORDER_STATES
from perennial.domain.settled import Settled
from perennial.domain.summary import is_activated

_STATE = dict(ORDER_STATES)


class Course(NamedTuple):
    """How things stand with a customer's orders and tickets, those that left the record with this event included."""

    facts: Facts
    settled: tuple[Settled, ...] = ()

    def order_of(self, wait: Wait) -> Order | None:
        """The order that the wait is about: by its id, or by its parcel."""
        about = wait.event
        if (ref := about.get("order")) is not None:
            return self.facts.orders.get(str(ref)) or next((each for each in self._orders() if each.id == ref), None)
        if (tracking := about.get("tracking")) is not None:
            return next((each for each in self._orders() if tracking in each.parcels), None)
        return None

    def has_happened(self, kind: str, wait: Wait) -> bool:
        """Did it: to the wait's own order, cart or ticket; to any, since the wait began, where it is about none."""
        about = wait.event
        match kind:
            case "product.activated" | "order.refunded" if "order" in about or "tracking" in about:
                return self._own_order_has(kind, wait)
            case "product.activated":
                return is_activated(self.facts)
            case "order.placed":
                return any(_is_next(order, wait) for order in self._orders())
            case "order.paid" | "order.shipped" | "order.delivered" | "order.cancelled" | "order.returned":
                return self._reached(_STATE[kind], wait)
            case "ticket.resolved" | "ticket.reopened":
                return any(_is_at(kind, ticket, wait) for ticket in self._tickets())
            case _:
                latest = self.facts.latest.get(kind)
                return latest is not None and latest > wait.since

    def _own_order_has(self, kind: str, wait: Wait) -> bool:
        order = self.order_of(wait)
        if kind == "order.refunded":
            return bool(order and order.refund_count)
        return bool(self.facts.activated_at or (order and order.activated_at))

    def _reached(self, state: str, wait: Wait) -> bool:
        if "order" in wait.event or "tracking" in wait.event:
            order = self.order_of(wait)
            return order is not None and getattr(order, state) is not None
        return any((at := getattr(order, state)) is not None and at >= wait.since for order in self._orders())

    def _orders(self) -> Iterable[Order]:
        left = (each for each in self.settled if isinstance(each, Order))
        return (*self.facts.orders.values(), *self.facts.strays.values(), *left)

    def _tickets(self) -> Iterable[Ticket]:
        return (*self.facts.tickets.values(), *(each for each in self.settled if isinstance(each, Ticket)))


def _is_next(order: Order, wait: Wait) -> bool:
    """Is it the order that the wait hoped for: made of its cart; or any later one, where neither names another cart."""
    if order.placed_at is None:
        return False
    cart = wait.event.get("cart")
    if cart and order.cart:
        return order.cart == cart
    return order.placed_at >= wait.since if cart else order.placed_at > wait.since


def _is_at(kind: str, ticket: Ticket, wait: Wait) -> bool:
    at = ticket.resolved_at if kind == "ticket.resolved" else ticket.reopened_at
    if at is None or ticket.is_open is (kind == "ticket.resolved"):
        return False
    return ticket.id == wait.event["ticket"] if "ticket" in wait.event else at > wait.since
