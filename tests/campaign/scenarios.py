"""Short lives in fair weather but for one crash: each call is a place to die at, once before it and once after.

Each ends in few calls, and has something to lose in most of them: something parked, a message, a timer, a claim.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tests.campaign import vendors as v
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


def _plan(*steps: Step) -> Plan:
    return Plan(0, "busy", steps, NOON, max(step.at for step in steps) + 10 * MINUTE, 2 * DAY)


SCENARIOS: Mapping[str, Plan] = {
    "waits for its order": _plan(*_waits_for_its_order()),
    "leaves a cart": _plan(*_leaves_a_cart()),
    "asks for help": _plan(*_asks_for_help()),
}
