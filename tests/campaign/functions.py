"""The real handlers, and the execution environments that they run in: each with a memory and a clock of its own."""

import io
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from functions.admin_api import app as admin_api
from functions.apply import app as apply
from functions.notify import app as notify
from functions.preferences import app as preferences
from functions.privacy import app as privacy
from functions.receipts import app as receipts
from functions.redirect import app as redirect
from functions.send_email import app as send_email
from functions.send_sms import app as send_sms
from functions.sweep import app as sweep
from functions.watch import app as watch
from functions.webhooks import app as webhooks
from perennial.aws import wiring
from perennial.aws.clock import Clock
from perennial.aws.documents import messages
from perennial.aws.policies import Policies
from perennial.aws.settings import Settings
from perennial.aws.table import Table
from perennial.channels.catalogue import Catalogue, read_catalogue
from perennial.channels.links import LinkKeys, SignedLinks
from perennial.channels.redirects import SignedRedirects
from perennial.channels.render import Brand, Renderer
from perennial.domain.policy import Policy
from tests.campaign.circumstances import Circumstances
from tests.campaign.turns import Environment
from tests.campaign.weather import Weather

Handler = Callable[[dict[str, Any]], Any]

IDENTITY_SECRET = b"the key of identities"
MOST_SKEW = timedelta(minutes=5)
LAMBDA = SimpleNamespace(
    function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
)
_APPS = {
    "webhooks": webhooks,
    "orders": apply,
    "tickets": apply,
    "inactivity": apply,
    "outcomes": apply,
    "sweep": sweep,
    "email": send_email,
    "sms": send_sms,
    "notices": notify,
    "receipts": receipts,
    "privacy": privacy,
    "admin": admin_api,
    "preferences": preferences,
    "redirect": redirect,
    "watch": watch,
}
"""Function -> its code. Each lane is a function of its own, with the same code."""

SETTINGS = Settings(
    TABLE_NAME="customers",
    ORDERS_QUEUE_URL="orders",
    TICKETS_QUEUE_URL="tickets",
    INACTIVITY_QUEUE_URL="inactivity",
    OUTCOMES_QUEUE_URL="outcomes",
    EMAIL_QUEUE_URL="email",
    SMS_QUEUE_URL="sms",
    NOTICES_QUEUE_URL="notices",
    FETCHES_QUEUE_URL="fetches",
    BULK_QUEUE_URL="bulk",
    PARTS_QUEUE_URL="parts",
    IMPORTS_BUCKET="imports",
    PRIVACY_QUEUE_URL="privacy",
    WEBHOOK_SECRETS_ID="webhooks",
    API_KEYS_ID="keys",
    SENDER_KEYS_ID="sender-keys",
    IDENTITY_KEY_ID="identity",
    LINKS_KEY_ID="links",
    LINKS_URL="https://links.demo.example",
    TRACK_CLICKS=True,
    EMAIL_FROM="shop@demo.example",
    BRAND_NAME="Demo",
    SHOP_URL="https://demo.example",
)


def handlers(log: io.StringIO) -> Mapping[str, Handler]:
    """Function -> its handler; what they log goes to `log`."""
    for app in set(_APPS.values()):
        app.logger.registered_handler.stream = log
    return {name: lambda event, app=app: app.handler(event, LAMBDA) for name, app in _APPS.items()}  # type: ignore[misc]


@cache
def catalogue() -> Catalogue:
    return read_catalogue(messages())


@cache
def renderer() -> Renderer:
    """Made once for all environments: it holds compiled templates and nothing of what was sent."""
    brand = Brand(SETTINGS.BRAND_NAME, "", SETTINGS.SHOP_URL)
    redirects = SignedRedirects(SETTINGS.LINKS_URL, _link_keys)
    return Renderer(catalogue, brand, IDENTITY_SECRET, SignedLinks(SETTINGS.LINKS_URL, _link_keys), redirects.over_us)


def _link_keys() -> LinkKeys:
    """Those of the environment that asks."""
    return wiring.link_secret().keys()


class WatchedPolicies(Policies):
    """The policies as an environment knows them; and which it judged by last."""

    def __init__(self, table: Table, clock: Clock, shipped: Policy) -> None:
        super().__init__(table, clock, lambda: shipped)
        self.in_use = shipped

    def active(self) -> Policy:
        self.in_use = super().active()
        return self.in_use


class Fleet:
    """Execution environments: kept warm, held by one invocation at a time, gone when they crash."""

    def __init__(
        self,
        circumstances: Circumstances,
        parts: Callable[[Environment], dict[str, Any]],
    ) -> None:
        """`parts`: what stands for AWS in an environment."""
        self._c = circumstances
        self._parts = parts
        self._made: Counter[str] = Counter()
        self._idle: dict[str, list[Environment]] = {}
        self._busy: Counter[str] = Counter()

    def take(self, function: str, most: int) -> Environment | None:
        """One that is idle, else a new one; None when as many as may be are at work."""
        if self._busy[function] >= most:
            return None
        self._busy[function] += 1
        idle = self._idle.get(function)
        return idle.pop() if idle else self._new(function)

    def give_back(self, environment: Environment, *, crashed: bool = False) -> None:
        self._busy[environment.function] -= 1
        if not crashed and not self._c.happens(f"{environment.name}!", "environment", "environment: started anew"):
            self._idle.setdefault(environment.function, []).append(environment)

    def retire(self) -> None:
        """Forget those that are idle; who is at work goes on."""
        self._idle.clear()

    def _new(self, function: str) -> Environment:
        self._made[function] += 1
        environment = Environment(function, self._made[function])
        environment.skew = self._skew(environment)
        environment.parts = self._parts(environment)
        return environment

    def _skew(self, environment: Environment) -> timedelta:
        odds = _skewed(self._c.weather)
        return (self._c.lasts(f"{environment.name} skew", odds, "clock: skewed") or 0.0) * MOST_SKEW


def _skewed(weather: Weather) -> Callable[[float], float | None]:
    """A share of the most skew, fast or slow, in weathers that know of it."""

    def odds(number: float) -> float | None:
        return number * 4 - 1 if number < 0.5 and weather.happenings["skew"](0.0) else None

    return odds
