"""What plays cost: the coupons of theirs that were redeemed, and the points that they gave.

A code is never kept: what stays of it is a mark, the same for whoever types it. The message that carried a code leaves
its mark with the customer, an order that was paid with a code leaves the same mark, and where both are known the play
is charged with what the code took off. Whichever of the two is heard first, the entry that makes both known says so;
and one that makes it untrue, as when the order is cancelled, says so below zero. So the sum over the journal is what
the plays of this customer cost, in whatever order things were told.

Of a code that somebody else redeemed, or one before the last `RECENT_COUPONS`, nobody is charged; the mark is in both
journals all the same, for whoever looks at all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from perennial.domain.customer import Facts, Given, Order
from perennial.domain.events import Event, PointsEarned
from perennial.domain.fold import Folded
from perennial.domain.journal import Cost
from perennial.domain.policy import Policy
from perennial.domain.settled import Recalled

Charge = tuple[str, str, str]
"""Play, mark of the code, order."""


def costs(
    before: Facts, folded: Folded, recalled: Iterable[Recalled], event: Event, policy: Policy
) -> tuple[Cost, ...]:
    """What this event adds to what the customer's plays cost, in the base currency."""
    after = folded.facts
    if isinstance(event, PointsEarned):
        return tuple(_of_points(event, policy))
    if not after.coupons or (after.orders is before.orders and after.coupons is before.coupons):
        return ()
    was = _charged(before.coupons, (*before.orders.values(), *_orders(recalled)))
    charged = _charged({**before.coupons, **after.coupons}, (*after.orders.values(), *_orders(folded.settled)))
    return tuple(_told(was, charged))


def _of_points(event: PointsEarned, policy: Policy) -> Iterator[Cost]:
    play, worth = event.data.play, policy.currencies.point
    if play and worth:
        yield Cost.made_of(play=play, amount=worth * event.data.points, coupon=None, order=None)


def _orders(left: Iterable[object]) -> Iterator[Order]:
    return (each for each in left if isinstance(each, Order))


def _charged(given: Mapping[str, Given], orders: Iterable[Order]) -> dict[Charge, Decimal]:
    """What each code took off that is known to be a play's, of the orders that count."""
    return {
        (given[mark].play, mark, order.id): off
        for order in orders
        if order.counts and order.terms
        for mark, off in order.terms.coupons.items()
        if mark in given
    }


def _told(was: Mapping[Charge, Decimal], charged: Mapping[Charge, Decimal]) -> Iterator[Cost]:
    for charge in sorted({*was, *charged}):
        play, mark, order = charge
        if change := charged.get(charge, Decimal(0)) - was.get(charge, Decimal(0)):
            yield Cost.made_of(play=play, amount=change, coupon=mark, order=order)
