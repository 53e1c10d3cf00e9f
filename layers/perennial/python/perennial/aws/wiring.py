"""Builds each collaborator once per execution environment: the only process-wide state there is.

What only some functions use is imported by the builder that needs it: a cold start pays for what it imports.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from perennial.aws.clock import Clock, SystemClock
from perennial.aws.queues import Queue
from perennial.aws.settings import Settings
from perennial.aws.table import Table

if TYPE_CHECKING:
    from perennial.admin.desk import Desk
    from perennial.aws.policies import Policies
    from perennial.aws.quarantine import Quarantine
    from perennial.aws.secrets import Secrets
    from perennial.aws.store import Store
    from perennial.channels.catalogue import Catalogue
    from perennial.channels.outbox import Outbox
    from perennial.channels.provider import Provider
    from perennial.domain.actions import Channel
    from perennial.domain.policy import Policy
    from perennial.engine import Engine
    from perennial.ingest import Ingest
    from perennial.policy_document import Known
    from perennial.sweep import Sweep

T = TypeVar("T")

_built: dict[str, Any] = {}


def install(**parts: Any) -> None:
    """Use these instead of what would be built: how the laptop's house and the tests bring their own twins.

    Parts: settings, clock, table, queue_<name>, secrets, identity_secret, email_provider, sms_provider.
    """
    _built.update(parts)


def reset() -> None:
    """Forget everything that was built or installed."""
    _built.clear()


def once(name: str, build: Callable[[], T]) -> T:
    if name not in _built:
        _built[name] = build()
    return _built[name]  # type: ignore[no-any-return]


def settings() -> Settings:
    return once("settings", Settings.from_environ)


def clock() -> Clock:
    return once("clock", SystemClock)


def table() -> Table:
    def build() -> Table:
        from perennial.aws.clients import client
        from perennial.aws.dynamo_table import DynamoTable

        return DynamoTable(client("dynamodb"), settings().TABLE_NAME)

    return once("table", build)


def queue(name: str) -> Queue:
    """orders, tickets, inactivity, outcomes, email or sms."""

    def build() -> Queue:
        from perennial.aws.clients import client
        from perennial.aws.queues import SqsQueue

        return SqsQueue(once("sqs", lambda: client("sqs")), getattr(settings(), f"{name.upper()}_QUEUE_URL"))

    return once(f"queue_{name}", build)


def identity_secret() -> bytes:
    def build() -> bytes:
        from perennial.aws.clients import client

        reply = client("secretsmanager").get_secret_value(SecretId=settings().IDENTITY_KEY_ID)
        return str(reply["SecretString"]).encode()

    return once("identity_secret", build)


def store() -> "Store":
    from perennial.aws.store import Store

    return once("store", lambda: Store(table()))


def policies() -> "Policies":
    def build() -> "Policies":
        from perennial.aws.policies import Policies

        return Policies(table(), clock(), _shipped_policy)

    return once("policies", build)


def catalogue() -> "Catalogue":
    def build() -> "Catalogue":
        from perennial.aws.documents import messages
        from perennial.channels.catalogue import read_catalogue

        return read_catalogue(messages())

    return once("catalogue", build)


def known_to_policies() -> "Known":
    from perennial.policy_document import Known

    return Known(catalogue().channels, frozenset(catalogue().tasks))


def quarantine() -> "Quarantine":
    from perennial.aws.quarantine import Quarantine

    return once("quarantine", lambda: Quarantine(table()))


def secrets() -> "Secrets":
    def build() -> "Secrets":
        from perennial.aws.clients import client
        from perennial.aws.secrets import SecretsManagerSecrets

        return SecretsManagerSecrets(client("secretsmanager"), settings().WEBHOOK_SECRETS_ID, clock())

    return once("secrets", build)


def ingest() -> "Ingest":
    def build() -> "Ingest":
        from perennial.ingest import Ingest, Lane

        lanes: tuple[Lane, ...] = ("orders", "tickets", "outcomes")
        return Ingest(secrets(), {lane: queue(lane) for lane in lanes}, quarantine(), clock())

    return once("ingest", build)


def engine() -> "Engine":
    def build() -> "Engine":
        from perennial.addressing import Addressing
        from perennial.engine import Engine

        addressing = Addressing(store(), identity_secret(), _keep)
        channels: dict[Channel, Queue] = {"email": queue("email"), "sms": queue("sms")}
        return Engine(store(), channels, policies().active, addressing, identity_secret(), _release)

    return once("engine", build)


def sweep() -> "Sweep":
    from perennial.sweep import Sweep

    return once("sweep", lambda: Sweep(table(), queue("inactivity")))


def email_outbox() -> "Outbox":
    return once("email_outbox", lambda: _outbox(_email_provider()))


def sms_outbox() -> "Outbox":
    return once("sms_outbox", lambda: _outbox(_sms_provider()))


def desk() -> "Desk":
    def build() -> "Desk":
        from perennial.admin.desk import Desk

        return Desk(
            store(),
            policies(),
            quarantine(),
            ingest().replay,
            catalogue,
            known_to_policies,
            identity_secret(),
            settings().DEFAULT_STORE,
            clock(),
        )

    return once("desk", build)


def _shipped_policy() -> "Policy":
    from perennial.aws.documents import default_policy
    from perennial.aws.policies import SHIPPED_VERSION
    from perennial.policy_document import shipped_policy

    return shipped_policy(default_policy(), SHIPPED_VERSION)


def _keep(event: Any, reason: str, until: Any) -> str | None:
    return ingest().keep_event(event, reason, until)


def _release(entry: str) -> object:
    return ingest().replay(entry)


def _outbox(provider: "Provider") -> "Outbox":
    from perennial.channels.ledger import Ledger
    from perennial.channels.outbox import Outbox
    from perennial.channels.render import Brand, Renderer

    brand = Brand(settings().BRAND_NAME, settings().BRAND_ADDRESS, settings().SHOP_URL)
    renderer = once("renderer", lambda: Renderer(catalogue(), brand, identity_secret()))
    return Outbox(Ledger(table()), renderer, provider, queue("outcomes"), policies().active, clock())


def _email_provider() -> "Provider":
    def build() -> "Provider":
        from perennial.aws.clients import client
        from perennial.aws.ses import Ses

        once_only = client("sesv2", retries={"total_max_attempts": 1}, read_timeout=10)
        return Ses(once_only, settings().EMAIL_FROM, configuration_set=settings().EMAIL_CONFIGURATION_SET)

    return once("email_provider", build)


def _sms_provider() -> "Provider":
    def build() -> "Provider":
        from perennial.aws.clients import client
        from perennial.aws.sms import Sms

        once_only = client("pinpoint-sms-voice-v2", retries={"total_max_attempts": 1}, read_timeout=10)
        return Sms(once_only, settings().SMS_ORIGINATION_IDENTITY, settings().SMS_CONFIGURATION_SET)

    return once("sms_provider", build)
