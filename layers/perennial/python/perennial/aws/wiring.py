"""Builds each collaborator once per execution environment: the only process-wide state there is.

What only some functions use is imported by the builder that needs it: a cold start pays for what it imports.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from perennial.aws.clock import Clock, SystemClock
from perennial.aws.queues import Queue
from perennial.aws.settings import Settings
from perennial.aws.table import Table

if TYPE_CHECKING:
    from urllib3 import PoolManager

    from perennial.admin.coupons import CouponDesk
    from perennial.admin.desk import Desk
    from perennial.admin.families import FamilyDesk
    from perennial.admin.holds import HoldDesk
    from perennial.admin.importing import ImportDesk
    from perennial.admin.points import PointsDesk
    from perennial.admin.privacy import PrivacyDesk
    from perennial.admin.quarantine import QuarantineDesk
    from perennial.admin.sources import SourcesDesk
    from perennial.admin.templates import TemplateDesk
    from perennial.admin.why import WhyDesk
    from perennial.aws.api_keys import ApiKeys
    from perennial.aws.bucket import Bucket
    from perennial.aws.dead_letters import DeadLetters
    from perennial.aws.imports import Imports
    from perennial.aws.link_secret import LinkSecret
    from perennial.aws.outside import Outside
    from perennial.aws.policies import Policies
    from perennial.aws.proposals import Proposals
    from perennial.aws.pulses import Pulses
    from perennial.aws.quarantine import Quarantine
    from perennial.aws.reputation import Reputation
    from perennial.aws.secrets import Secrets
    from perennial.aws.sender_keys import SenderKeys, Webhook
    from perennial.aws.store import Store
    from perennial.aws.templates import Templates
    from perennial.aws.visibility import SqsVisibility
    from perennial.channels.catalogue import Catalogue
    from perennial.channels.outbox import Outbox, Outcome
    from perennial.channels.provider import Provider
    from perennial.channels.redirects import Redirects
    from perennial.channels.render import Brand, Renderer
    from perennial.domain.actions import Channel
    from perennial.domain.policy import Policy
    from perennial.engine import Engine
    from perennial.fetching import Fetcher
    from perennial.importing.importer import Importer
    from perennial.ingest import Ingest
    from perennial.notifying import Notifier
    from perennial.pages import Pages
    from perennial.partner_bus import PartnerBus
    from perennial.policy_document import Known
    from perennial.privacy.erasing import Erasing
    from perennial.privacy.places import Place
    from perennial.receipts import Receipts
    from perennial.reconciling import Reconciler
    from perennial.sources.mail import Door as MailDoor
    from perennial.sources.sns import Door
    from perennial.sweep import Sweep
    from perennial.vendor_api import Api
    from perennial.watch import Watch

T = TypeVar("T")

_built: dict[str, Any] = {}


def install(**parts: Any) -> None:
    """Use these instead of what would be built: how the laptop's house and the tests bring their own twins.

    Parts: settings, clock, table, queue_<name>, secrets, api_keys, identity_secret, link_secret, sender_keys,
    email_provider, sms_provider, outside, notices_visibility, dead_letters, places_outside.
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
    """orders, tickets, inactivity, outcomes, fetches, privacy, email, sms or notices."""

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


def link_secret() -> "LinkSecret":
    def build() -> "LinkSecret":
        from perennial.aws.clients import client
        from perennial.aws.link_secret import LinkSecret

        return LinkSecret(client("secretsmanager"), settings().LINKS_KEY_ID, clock())

    return once("link_secret", build)


def sender_keys() -> "SenderKeys":
    def build() -> "SenderKeys":
        from perennial.aws.clients import client
        from perennial.aws.sender_keys import SenderKeys

        manager, secret = client("secretsmanager"), settings().SENDER_KEYS_ID
        return SenderKeys(lambda: str(manager.get_secret_value(SecretId=secret)["SecretString"]), clock())

    return once("sender_keys", build)


def store() -> "Store":
    from perennial.aws.store import Store

    return once("store", lambda: Store(table()))


def policies() -> "Policies":
    def build() -> "Policies":
        from perennial.aws.policies import Policies

        return Policies(table(), clock(), _shipped_policy)

    return once("policies", build)


def templates() -> "Templates":
    def build() -> "Templates":
        from perennial.aws.documents import messages
        from perennial.aws.templates import Templates

        return Templates(table(), clock(), messages)

    return once("templates", build)


def catalogue() -> "Catalogue":
    """The texts in force."""
    return templates().catalogue()


def known_to_policies() -> "Known":
    from perennial.policy_document import Known

    return Known(catalogue().channels, frozenset(catalogue().tasks))


def quarantine() -> "Quarantine":
    from perennial.aws.quarantine import Quarantine

    return once("quarantine", lambda: Quarantine(table()))


def proposals() -> "Proposals":
    from perennial.aws.proposals import Proposals

    return once("proposals", lambda: Proposals(table()))


def secrets() -> "Secrets":
    def build() -> "Secrets":
        from perennial.aws.clients import client
        from perennial.aws.secrets import SecretsManagerSecrets

        return SecretsManagerSecrets(client("secretsmanager"), settings().WEBHOOK_SECRETS_ID, clock())

    return once("secrets", build)


def ingest() -> "Ingest":
    def build() -> "Ingest":
        from perennial.ingest import FETCHES, SOURCES, Ingest, Lane

        lanes: tuple[Lane, ...] = ("orders", "tickets", "outcomes", "privacy")
        queues = {lane: queue(lane) for lane in (*lanes, FETCHES)}
        doors = SOURCES.also("sns", sns_door).also("mail", mail_door)
        return Ingest(secrets(), queues, quarantine(), clock(), doors, pulses().heard, reputation().note)

    return once("ingest", build)


def sns_door() -> "Door":
    def build() -> "Door":
        from perennial.aws.sns import AmazonSns
        from perennial.sources.sns import Door

        return Door(once("sns", AmazonSns))

    return once("sns_door", build)


def mail_door() -> "MailDoor":
    def build() -> "MailDoor":
        from perennial.sources.mail import Door

        return Door(lambda: link_secret().keys(), lambda: link_secret().refresh())

    return once("mail_door", build)


def reputation() -> "Reputation":
    from perennial.aws.reputation import Reputation

    return once("reputation", lambda: Reputation(table()))


def receipts() -> "Receipts":
    def build() -> "Receipts":
        from perennial.receipts import Receipts

        return Receipts(ingest(), settings().DEFAULT_STORE, reputation(), mail_door())

    return once("receipts", build)


def partner_bus() -> "PartnerBus":
    from perennial.partner_bus import PartnerBus

    return once("partner_bus", lambda: PartnerBus(ingest()))


def api_keys() -> "ApiKeys":
    def build() -> "ApiKeys":
        from perennial.aws.api_keys import SecretsManagerApiKeys
        from perennial.aws.clients import client

        return SecretsManagerApiKeys(client("secretsmanager"), settings().API_KEYS_ID, clock())

    return once("api_keys", build)


def vendor_api(source: str, store: str) -> "Api | None":
    """None where the merchant gave no key."""
    from perennial.aws.vendors import api

    key = api_keys().of(source, store)
    return api(key) if key else None


def fetcher() -> "Fetcher":
    def build() -> "Fetcher":
        from perennial.fetching import Fetcher
        from perennial.sources import bigcommerce

        return Fetcher({"bigcommerce": bigcommerce}, vendor_api, ingest())

    return once("fetcher", build)


def reconciler() -> "Reconciler":
    def build() -> "Reconciler":
        from perennial.aws.bookmarks import TableBookmarks
        from perennial.aws.journals import TableJournals
        from perennial.reconciling import Reconciler

        journals = TableJournals(store(), identity_secret())
        return Reconciler(api_keys(), vendor_api, TableBookmarks(table()), journals, ingest(), clock())

    return once("reconciler", build)


def engine() -> "Engine":
    def build() -> "Engine":
        from perennial.addressing import Addressing
        from perennial.engine import Engine
        from perennial.families import Families
        from perennial.marking import Marking
        from perennial.matching import Matching
        from perennial.telling import Telling

        secret, active = identity_secret(), policies().active
        addressing = Addressing(store(), secret, _keep)
        channels: dict[Channel, Queue] = {"email": queue("email"), "sms": queue("sms")}
        families = Families(store(), active, policies().version, Marking(secret))
        matching = Matching(store(), proposals(), queue("orders"))
        telling = Telling(queue("notices"), active)
        return Engine(
            store(), channels, active, addressing, secret, _release, families, matching, telling, queue("outcomes")
        )

    return once("engine", build)


def dead_letters() -> "Mapping[str, DeadLetters]":
    """By a name that people understand."""

    def build() -> "Mapping[str, DeadLetters]":
        from perennial.aws.clients import client
        from perennial.aws.dead_letters import SqsDeadLetters

        sqs, beside = once("sqs", lambda: client("sqs")), settings().PRIVACY_QUEUE_URL.rpartition("/")[0]
        return {name: SqsDeadLetters(sqs, f"{beside}/{name}") for name in settings().DEAD_LETTERS.split(",")}

    return once("dead_letters", build)


def pulses() -> "Pulses":
    from perennial.aws.pulses import Pulses

    return once("pulses", lambda: Pulses(table()))


def watch() -> "Watch":
    def build() -> "Watch":
        from perennial.aws.coupons import Pools
        from perennial.aws.holds import Holds
        from perennial.deliverability import Guard
        from perennial.privacy.requests import Requests
        from perennial.watch import Watch

        guard, requests = Guard(reputation(), Holds(table())), Requests(table())
        return Watch(table(), pulses(), quarantine(), requests, queue("privacy"), Pools(table()), guard)

    return once("watch", build)


def erasing() -> "Erasing":
    def build() -> "Erasing":
        from perennial.aws.holds import Holds
        from perennial.privacy.erasing import Erasing
        from perennial.privacy.places import AmongDeadLetters, AmongHeld, AmongProposals, InQuarantine
        from perennial.privacy.requests import Requests

        outside = once("places_outside", _uploads)
        letters = [AmongDeadLetters(name, each) for name, each in dead_letters().items()]
        among = (InQuarantine(quarantine()), AmongProposals(table()), AmongHeld(Holds(table())))
        places: list[Place] = [*among, *letters, *outside]
        return Erasing(store(), Requests(table()), places, queue("privacy"), identity_secret())

    return once("erasing", build)


def sweep() -> "Sweep":
    from perennial.sweep import Sweep

    return once("sweep", lambda: Sweep(table(), queue("inactivity")))


def email_outbox() -> "Outbox":
    from perennial.channels.outbox import counted_elsewhere

    count = _counted if settings().EMAIL_BY == "smtp" else counted_elsewhere
    return once("email_outbox", lambda: _outbox(_email_provider(), _email_pace(), count))


def sms_outbox() -> "Outbox":
    from perennial.channels.outbox import counted_elsewhere

    return once("sms_outbox", lambda: _outbox(_sms_provider(), _sms_pace(), counted_elsewhere))


def notifier() -> "Notifier":
    def build() -> "Notifier":
        from perennial.notifying import Notifier

        def webhooks() -> "Mapping[str, Webhook]":
            return {} if settings().DRY_RUN else sender_keys().webhooks()

        out = once("outside", _outside)
        visibility = once("notices_visibility", _notices_visibility)
        return Notifier(webhooks, out, queue("notices"), visibility, settings().LINKS_URL, clock())

    return once("notifier", build)


def _outside() -> "Outside":
    from ssl import create_default_context

    from perennial.aws.outside import Outside

    return Outside(create_default_context())


def _notices_visibility() -> "SqsVisibility":
    from perennial.aws.clients import client
    from perennial.aws.visibility import SqsVisibility

    return SqsVisibility(once("sqs", lambda: client("sqs")), settings().NOTICES_QUEUE_URL)


def desk() -> "Desk":
    def build() -> "Desk":
        from perennial.admin.desk import Desk

        return Desk(
            store(),
            policies(),
            catalogue,
            known_to_policies,
            identity_secret(),
            settings().DEFAULT_STORE,
            clock(),
        )

    return once("desk", build)


def template_desk() -> "TemplateDesk":
    def build() -> "TemplateDesk":
        from perennial.admin.templates import TemplateDesk
        from perennial.channels.ledger import Ledger

        return TemplateDesk(
            templates(),
            policies(),
            renderer_of,
            lambda channel: _sms_provider() if channel == "sms" else _email_provider(),
            Ledger(table()),
            store(),
            identity_secret(),
            settings().DEFAULT_STORE,
            settings().EMAIL_FROM,
            clock(),
        )

    return once("template_desk", build)


def why_desk() -> "WhyDesk":
    from perennial.admin.why import WhyDesk

    return once("why_desk", lambda: WhyDesk(store(), policies()))


def hold_desk() -> "HoldDesk":
    def build() -> "HoldDesk":
        from perennial.admin.holds import HoldDesk
        from perennial.aws.holds import Holds

        return HoldDesk(Holds(table()), policies(), {"email": queue("email"), "sms": queue("sms")}, clock())

    return once("hold_desk", build)


def coupon_desk() -> "CouponDesk":
    def build() -> "CouponDesk":
        from perennial.admin.coupons import CouponDesk
        from perennial.aws.coupons import Pools

        return CouponDesk(Pools(table()), clock())

    return once("coupon_desk", build)


def points_desk() -> "PointsDesk":
    def build() -> "PointsDesk":
        from perennial.admin.points import PointsDesk
        from perennial.aws.asked import Asked

        return PointsDesk(store(), policies(), Asked(table()), queue("outcomes"), clock())

    return once("points_desk", build)


def quarantine_desk() -> "QuarantineDesk":
    def build() -> "QuarantineDesk":
        from perennial.admin.quarantine import QuarantineDesk

        return QuarantineDesk(quarantine(), ingest().replay, clock())

    return once("quarantine_desk", build)


def family_desk() -> "FamilyDesk":
    def build() -> "FamilyDesk":
        from perennial.admin.families import FamilyDesk

        return FamilyDesk(store(), proposals(), queue("orders"), desk().lines, clock())

    return once("family_desk", build)


def sources_desk() -> "SourcesDesk":
    from perennial.admin.sources import SourcesDesk

    return once("sources_desk", lambda: SourcesDesk(pulses(), clock()))


def imports() -> "Imports":
    from perennial.aws.imports import Imports

    return once("imports", lambda: Imports(table()))


def bucket() -> "Bucket":
    def build() -> "Bucket":
        from perennial.aws.bucket import S3Bucket
        from perennial.aws.clients import client

        return S3Bucket(client("s3", read_timeout=30), settings().IMPORTS_BUCKET)

    return once("bucket", build)


def importer() -> "Importer":
    def build() -> "Importer":
        from perennial.importing.importer import Importer

        return Importer(imports(), bucket(), queue("parts"), queue("bulk"), identity_secret())

    return once("importer", build)


def import_desk() -> "ImportDesk":
    def build() -> "ImportDesk":
        from perennial.admin.importing import ImportDesk
        from perennial.aws.documents import mapping

        return ImportDesk(imports(), bucket(), mapping, settings().DEFAULT_STORE, clock())

    return once("import_desk", build)


def privacy_desk() -> "PrivacyDesk":
    def build() -> "PrivacyDesk":
        from perennial.admin.privacy import PrivacyDesk
        from perennial.privacy.exporting import Exporting
        from perennial.privacy.requests import Requests

        exporting = Exporting(store(), quarantine(), identity_secret())
        return PrivacyDesk(store(), Requests(table()), exporting, queue("privacy"), policies().active, clock())

    return once("privacy_desk", build)


def _uploads() -> "tuple[Place, ...]":
    from perennial.aws.clients import client
    from perennial.aws.uploads import S3Uploads
    from perennial.privacy.places import AmongUploads

    return (AmongUploads(S3Uploads(client("s3"), settings().IMPORTS_BUCKET), imports()),)


def _shipped_policy() -> "Policy":
    from perennial.aws.documents import default_policy
    from perennial.aws.policies import SHIPPED_VERSION
    from perennial.policy_document import shipped_policy

    return shipped_policy(default_policy(), SHIPPED_VERSION)


def _keep(event: Any, reason: str, until: Any) -> str | None:
    return ingest().keep_event(event, reason, until)


def _release(entry: str) -> object:
    return ingest().replay(entry)


def _email_pace() -> "Callable[[], None]":
    return once("email_pace", lambda: _pace(settings().EMAILS_PER_SECOND, settings().EMAIL_SENDERS))


def _sms_pace() -> "Callable[[], None]":
    return once("sms_pace", lambda: _pace(settings().SMS_PER_SECOND, settings().SMS_SENDERS))


def _pace(per_second: float, senders: int) -> "Callable[[], None]":
    from perennial.channels.pacing import Pace, at_once

    return Pace(per_second, senders) if per_second and not settings().DRY_RUN else at_once


def _outbox(provider: "Provider", pace: "Callable[[], None]", count: "Callable[[Outcome], None]") -> "Outbox":
    from perennial.aws.coupons import Pools
    from perennial.aws.shops import issuers
    from perennial.channels.announcing import Announcing
    from perennial.channels.coupons import Coupons
    from perennial.channels.erased import ErasedAddresses
    from perennial.channels.ledger import Ledger
    from perennial.channels.outbox import Outbox, as_it_is, nothing_drawn

    renderer = once("renderer", lambda: renderer_of(catalogue))
    erased = ErasedAddresses(store(), identity_secret()).erased_at
    coupons = Coupons(identity_secret(), Pools(table()), issuers(_https(), sender_keys(), clock()))
    drawn = as_it_is if settings().DRY_RUN else coupons.drawn
    put_back = nothing_drawn if settings().DRY_RUN else coupons.put_back
    ledger, outcomes, heard = Ledger(table()), queue("outcomes"), Announcing(provider, _announce)
    return Outbox(ledger, renderer, heard, outcomes, policies().active, clock(), erased, drawn, pace, put_back, count)


def _counted(outcome: "Outcome") -> None:
    """SES tells of what left by receipts; of what a mail server took, only we know."""
    reputation().note([outcome])


def _announce(limit: str) -> None:
    from aws_lambda_powertools import Logger

    from perennial.channels.announcing import USED_UP

    Logger(child=True).warning(USED_UP, limit=limit)


def _https() -> "PoolManager":
    """The connections of senders: whom they call proves who it is."""

    def build() -> "PoolManager":
        from urllib3 import PoolManager

        return PoolManager(cert_reqs="CERT_REQUIRED")

    return once("https", build)


def renderer_of(texts: "Callable[[], Catalogue]") -> "Renderer":
    """One that speaks for the brand, with these texts."""
    from perennial.channels.links import SignedLinks
    from perennial.channels.redirects import SignedRedirects
    from perennial.channels.render import Renderer, straight

    url = settings().LINKS_URL
    links = SignedLinks(url, lambda: link_secret().keys()) if url else None
    over_us = SignedRedirects(url, lambda: link_secret().keys()).over_us
    lead = over_us if url and settings().TRACK_CLICKS else straight
    return Renderer(texts, _brand(), identity_secret(), links, lead)


def _brand() -> "Brand":
    from perennial.channels.render import Brand

    told = settings()
    return Brand(told.BRAND_NAME, told.BRAND_ADDRESS, told.SHOP_URL, told.BRAND_COLOR, told.BRAND_LOGO_URL)


def pages() -> "Pages":
    def build() -> "Pages":
        from perennial.aws import documents
        from perennial.pages import Pages, Pieces
        from perennial.preferences import Preferences

        texts = {locale: Pieces.model_validate(each) for locale, each in documents.pages().items()}
        preferences = Preferences(store(), engine(), queue("outcomes"), policies().active, clock())
        return Pages(
            preferences,
            lambda: link_secret().keys(),
            texts,
            documents.page_layout(),
            documents.page_style(),
            _brand(),
            clock(),
            lambda: link_secret().refresh(),
        )

    return once("pages", build)


def _email_provider() -> "Provider":
    return once("email_provider", lambda: _unless_dry(_by_smtp if settings().EMAIL_BY == "smtp" else _by_ses))


def _sms_provider() -> "Provider":
    return once("sms_provider", lambda: _unless_dry(_by_twilio if settings().SMS_BY == "twilio" else _by_aws_sms))


def _unless_dry(build: "Callable[[], Provider]") -> "Provider":
    from perennial.channels.provider import DryRun

    return DryRun() if settings().DRY_RUN else build()


def redirects() -> "Redirects":
    from perennial.channels.redirects import Redirects

    def build() -> "Redirects":
        keys, refresh = lambda: link_secret().keys(), lambda: link_secret().refresh()
        return Redirects(keys, queue("outcomes"), clock(), refresh)

    return once("redirects", build)


def _by_ses() -> "Provider":
    from perennial.aws.clients import client
    from perennial.aws.ses import Ses

    once_only = client("sesv2", retries={"total_max_attempts": 1}, read_timeout=10)
    told = settings()
    return Ses(once_only, told.EMAIL_FROM, told.EMAIL_REPLY_TO, told.EMAIL_CONFIGURATION_SET)


def _by_smtp() -> "Provider":
    from perennial.aws.sender_keys import SmtpServer
    from perennial.aws.smtp import Smtp, connection
    from perennial.channels.returns import MarkedReturns, nowhere

    connect = connection(lambda: sender_keys().of("smtp", SmtpServer))
    told = settings()
    returns = MarkedReturns(told.SMTP_RETURN_PATH, lambda: link_secret().keys()) if told.SMTP_RETURN_PATH else nowhere
    return Smtp(connect, told.EMAIL_FROM, told.EMAIL_REPLY_TO, clock(), returns)


def _by_aws_sms() -> "Provider":
    from perennial.aws.clients import client
    from perennial.aws.sms import Sms

    once_only = client("pinpoint-sms-voice-v2", retries={"total_max_attempts": 1}, read_timeout=10)
    return Sms(once_only, settings().SMS_ORIGINATION_IDENTITY, settings().SMS_CONFIGURATION_SET)


def _by_twilio() -> "Provider":
    from perennial.aws.sender_keys import TwilioKey
    from perennial.aws.twilio import Twilio

    return Twilio(_https(), lambda: sender_keys().of("twilio", TwilioKey), settings().LINKS_URL)
