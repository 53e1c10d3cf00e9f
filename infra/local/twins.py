"""What stands in for AWS on a laptop, installed where the functions look for the real thing."""

import os
from collections.abc import Mapping
from pathlib import Path

from infra.local.blueprint import Blueprint
from infra.local.mailbox import Mailbox
from infra.local.smtp import Smtp
from infra.local.state import STORE, Keys
from perennial.aws import wiring
from perennial.aws.clock import Clock
from perennial.aws.queues import Queue
from perennial.aws.settings import Settings
from perennial.aws.table import Table
from perennial.channels.provider import Provider

QUEUES = ("orders", "tickets", "inactivity", "outcomes", "email", "sms")
"""As `wiring.queue` names them."""


class KeptSecrets:
    """As `Secrets`: those that the house made for its one store."""

    def __init__(self, webhooks: Mapping[str, tuple[str, ...]]) -> None:
        self._webhooks = webhooks

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return self._webhooks.get(source, ()) if store == STORE else ()

    def refresh(self) -> bool:
        """They never change while the house runs."""
        return False


def settings_of(blueprint: Blueprint) -> Settings:
    """The environment that the template gives to its functions, with local names."""
    environments = [function.environment for function in blueprint.functions.values()]
    return Settings.model_validate({name: value for each in environments for name, value in each.items()})


def install(
    settings: Settings, table: Table, queues: Mapping[str, Queue], clock: Clock, keys: Keys, mail: Path
) -> None:
    """Let everything that `wiring` builds from now on stand on these. `queues` by their names in `QUEUES`."""
    mailbox = Mailbox(mail, clock)
    wiring.install(
        settings=settings,
        table=table,
        clock=clock,
        secrets=KeptSecrets(keys.webhooks),
        identity_secret=keys.identity.encode(),
        email_provider=_email_provider(settings, mailbox),
        sms_provider=mailbox,
        **{f"queue_{name}": queues[name] for name in QUEUES},
    )


def queue_names(settings: Settings) -> dict[str, str]:
    """Name in `QUEUES` -> the queue's own."""
    return {name: getattr(settings, f"{name.upper()}_QUEUE_URL") for name in QUEUES}


def _email_provider(settings: Settings, mailbox: Mailbox) -> Provider:
    """With SMTP_URL in the environment email goes there too."""
    url = os.environ.get("SMTP_URL")
    return Smtp(url, settings.EMAIL_FROM, mailbox) if url else mailbox
