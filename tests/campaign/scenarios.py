"""Short lives in fair weather but for one crash: each call is a place to die at, once before it and once after.

Each ends in few calls, and has something to lose in most of them: something parked, a message, a timer, a claim.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from tests.campaign import vendors as v
from tests.campaign.erasures import Wish
from tests.campaign.families import Said
from tests.campaign.listening import Listener
from tests.campaign.people import EVERYBODY
from tests.campaign.plan import DAY, HOUR, MINUTE, SECOND, Act, Plan, Step, Teller

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
WHO = EVERYBODY[0]
TELL = Teller(WHO, 0)
ORDER = 0


def _waits_for_its_order() -> Iterator[Step]:
    """A refund whose customer nobody knows; staff try it again in vain; then the order comes and thanks are said."""
    yield TELL.shopify("refund", NOON, "refunds/create", v.refund(WHO, ORDER, NOON))
    yield Act(NOON + MINUTE, "replay quarantine", "newest")
    later = NOON + 2 * MINUTE
    yield TELL.shopify("placed", later, "orders/create", v.order(WHO, ORDER, NOON - HOUR))
    yield TELL.shopify("paid", later, "orders/paid", v.order(WHO, ORDER, NOON, financial_status="paid"))


def _leaves_a_cart() -> Iterator[Step]:
    """Says yes, leaves a cart, is reminded by a timer, and says no while the message is on its way."""
    yes, no = v.consent(True, NOON), v.consent(False, NOON + 4 * HOUR + SECOND)
    yield TELL.shopify("signed-up", NOON, "customers/create", v.account(WHO, NOON, consent=yes))
    yield TELL.shopify("cart", NOON + SECOND, "checkouts/create", v.checkout(WHO, 0, NOON))
    word = {"customer_id": WHO.shopify, "email_address": WHO.email, "email_marketing_consent": no}
    then = NOON + 4 * HOUR + 30 * SECOND
    yield TELL.shopify("no", then, "customers_email_marketing_consent/update", word)


def _asks_for_help() -> Iterator[Step]:
    """A stranger with two names asks, by night, and is answered; an apology waits for the morning."""
    night = NOON.replace(hour=23)
    yield TELL.zendesk("opened", night, "ticket.created", v.ticket(WHO, 0, night))
    yield TELL.zendesk("user", night + SECOND, "user.created", v.user(WHO))
    agent = v.ticket(WHO, 0, night, "999")
    solved = night + 20 * MINUTE
    yield TELL.zendesk("solved", solved, "ticket.status_changed", agent, previous="OPEN", current="SOLVED")
    bounced = v.event("message.bounced", WHO, action="news-1", channel="email")
    yield TELL.open_api("bounced", solved + MINUTE, bounced)


def _is_two_and_then_one() -> Iterator[Step]:
    """A stranger asks the help desk, who turns out to have a customer's address; staff make them one, and two again."""
    yield TELL.shopify("signed-up", NOON, "customers/create", v.account(WHO, NOON))
    yield TELL.zendesk("opened", NOON + SECOND, "ticket.created", v.ticket(WHO, 0, NOON))
    yield TELL.zendesk("user", NOON + MINUTE, "user.created", v.user(WHO))
    yield Said(NOON + 5 * MINUTE, "accept proposal", WHO.email)
    yield TELL.zendesk("more", NOON + 9 * MINUTE, "ticket.created", v.ticket(WHO, 1, NOON + 9 * MINUTE))
    yield Said(NOON + 20 * MINUTE, "part", WHO.email)


def _is_forgotten() -> Iterator[Step]:
    """Signs up, is erased by staff, is told of once more by a shop that is late, and orders again."""
    signed_up = TELL.shopify("signed-up", NOON, "customers/create", v.account(WHO, NOON))
    yield signed_up
    yield Wish(NOON + MINUTE, WHO.email)
    yield replace(signed_up, at=NOON + 10 * MINUTE)
    later = NOON + HOUR
    yield TELL.shopify("placed", later, "orders/create", v.order(WHO, ORDER, later))


def _plan(*steps: Step, listeners: tuple[Listener, ...] = ()) -> Plan:
    ends = max(step.at for step in steps) + 10 * MINUTE
    return Plan(0, "busy", steps, NOON, ends, 2 * DAY, listeners=listeners)


SCENARIOS: Mapping[str, Plan] = {
    "waits for its order": _plan(*_waits_for_its_order()),
    "leaves a cart": _plan(*_leaves_a_cart()),
    "asks for help": _plan(*_asks_for_help()),
    "is two and then one": _plan(*_is_two_and_then_one(), listeners=(Listener("desk"),)),
    "is forgotten": _plan(*_is_forgotten()),
}
