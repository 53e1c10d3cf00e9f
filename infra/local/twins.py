"""What stands in for AWS on a laptop, installed where the functions look for the real thing."""

import base64
import hmac
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from infra.local.blueprint import Blueprint
from infra.local.bouncing import DOMAIN, Bouncing, Publish, unheard
from infra.local.mailbox import InMailbox, Mailbox
from infra.local.receiver import OnLoopback, webhook
from infra.local.smtp import Smtp
from infra.local.state import STORE, Keys
from perennial.aws import wiring
from perennial.aws.api_keys import Book
from perennial.aws.bucket import NoBucket
from perennial.aws.clock import Clock
from perennial.aws.dead_letters import DeadLetters
from perennial.aws.queues import Queue
from perennial.aws.sender_keys import SenderKeys, Webhook
from perennial.aws.settings import Settings
from perennial.aws.table import Table
from perennial.channels.links import LinkKeys
from perennial.channels.pacing import at_once
from perennial.channels.provider import Provider
from perennial.channels.returns import MarkedReturns


class NoBucketHere:
    """As `Bucket`, of a house that has none: nobody can upload anything to a laptop."""

    def upload_url(self, import_id: str) -> str:
        raise NoBucket("a laptop has no bucket: import there with `make import FILE=... MAP=...`")

    def upload(self, import_id: str) -> BinaryIO:
        raise LookupError(import_id)

    def forget_upload(self, import_id: str) -> None:
        return

    def shelf(self, import_id: str) -> "EmptyShelf":
        return EmptyShelf()


class EmptyShelf:
    """As `Shelf`: what `make import` keeps lies in its own folder."""

    def put(self, name: str, content: bytes) -> None:
        raise LookupError(name)

    def get(self, name: str) -> bytes | None:
        return None

    def delete(self, name: str) -> None:
        return


QUEUES = (
    "orders", "tickets", "inactivity", "outcomes", "fetches", "email", "sms", "notices", "privacy", "bulk", "parts",
)  # fmt: skip
"""As `wiring.queue` names them."""
NO_BUCKET = NoBucketHere()
NO_DEAD_LETTERS: Mapping[str, DeadLetters] = {}
NO_WEBHOOKS: Mapping[str, Webhook] = {}


NO_API_KEYS = Book({})
"""The laptop's shop is a folder of samples: there is nobody to be asked."""


class KeptSecrets:
    """As `Secrets`: those that the house made for its one store."""

    def __init__(self, webhooks: Mapping[str, tuple[str, ...]]) -> None:
        self._webhooks = webhooks

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return self._webhooks.get(source, ()) if store == STORE else ()

    def refresh(self) -> bool:
        """They never change while the house runs."""
        return False


class LeftToTheQueue:
    """As `Visibility`, of a queue that brings back soon what failed: on a laptop somebody waits for it."""

    def hide(self, receipt: str, span: timedelta) -> None:
        return


class KeptSenderKeys(SenderKeys):
    """A laptop's own: nobody elsewhere is asked for anything, and nobody elsewhere is told."""

    def __init__(self, clock: Clock, webhooks: Mapping[str, Webhook]) -> None:
        super().__init__(lambda: "{}", clock)
        self._webhooks = webhooks

    def webhooks(self) -> Mapping[str, Webhook]:
        return self._webhooks


class KeptLinkSecret:
    """As `LinkSecret`: made of what the house keeps, so that links in old messages go on working."""

    def __init__(self, keys: Keys) -> None:
        self._keys: LinkKeys = {"1": hmac.digest(keys.identity.encode(), b"links", "sha256")}

    def keys(self) -> LinkKeys:
        return self._keys

    def refresh(self) -> bool:
        return False


def settings_of(blueprint: Blueprint) -> Settings:
    """The environment that the template gives to its functions, with local names."""
    environments = [function.environment for function in blueprint.functions.values()]
    return Settings.model_validate({name: value for each in environments for name, value in each.items()})


def install(
    settings: Settings,
    table: Table,
    queues: Mapping[str, Queue],
    clock: Clock,
    keys: Keys,
    mail: Path,
    dead_letters: Mapping[str, DeadLetters] = NO_DEAD_LETTERS,
    webhooks: Mapping[str, Webhook] = NO_WEBHOOKS,
    publish: Publish = unheard,
) -> None:
    """Let everything that `wiring` builds from now on stand on these. `queues` by their names in `QUEUES`.

    publish: to topics, what comes of emails to some addresses (infra/local/bouncing.py).
    """
    mailbox, links = Mailbox(mail, clock), KeptLinkSecret(keys)
    wiring.install(
        settings=settings,
        table=table,
        clock=clock,
        secrets=KeptSecrets(keys.webhooks),
        api_keys=NO_API_KEYS,
        identity_secret=keys.identity.encode(),
        link_secret=links,
        sender_keys=KeptSenderKeys(clock, webhooks),
        outside=OnLoopback(),
        notices_visibility=LeftToTheQueue(),
        email_provider=Bouncing(
            _email_provider(settings, mailbox, clock), MarkedReturns(DOMAIN, links.keys), publish, clock
        ),
        sms_provider=mailbox,
        email_pace=at_once,
        sms_pace=at_once,
        dead_letters=dead_letters,
        bucket=NO_BUCKET,
        places_outside=(InMailbox(mail),),
        **{f"queue_{name}": queues[name] for name in QUEUES},
    )


def told(keys: Keys, own: str) -> Mapping[str, Webhook]:
    """Who wants to be told: what listens at WEBHOOK_URL, or else the house itself, at `own`. Raises ValueError."""
    return {"laptop": webhook(os.environ.get("WEBHOOK_URL") or own, telling_secret(keys))}


def telling_secret(keys: Keys) -> str:
    """Made of what the house keeps, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(hmac.digest(keys.identity.encode(), b"notices", "sha256")).decode()


def queue_names(settings: Settings) -> dict[str, str]:
    """Name in `QUEUES` -> the queue's own."""
    return {name: getattr(settings, f"{name.upper()}_QUEUE_URL") for name in QUEUES}


def _email_provider(settings: Settings, mailbox: Mailbox, clock: Clock) -> Provider:
    """With SMTP_URL in the environment email goes there too."""
    url = os.environ.get("SMTP_URL")
    return Smtp(url, settings.EMAIL_FROM, mailbox, clock) if url else mailbox
