"""The environment, parsed once. Field names are the variable names in template.yaml."""

import os
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)

    TABLE_NAME: Name
    ORDERS_QUEUE_URL: Name
    TICKETS_QUEUE_URL: Name
    INACTIVITY_QUEUE_URL: Name
    OUTCOMES_QUEUE_URL: Name
    EMAIL_QUEUE_URL: Name
    SMS_QUEUE_URL: Name
    NOTICES_QUEUE_URL: Name
    FETCHES_QUEUE_URL: Name
    PRIVACY_QUEUE_URL: Name
    DEAD_LETTERS: str = ""
    """Names of the queues of all dead letters, joined by commas: who erases looks for people there, and alone has them.
    They stand beside PRIVACY_QUEUE_URL."""
    BULK_QUEUE_URL: Name
    PARTS_QUEUE_URL: Name
    IMPORTS_BUCKET: Name
    WEBHOOK_SECRETS_ID: Name
    """Secrets Manager: {"shopify/demo": ["current", "previous"], ...}; one or two secrets per source and store."""
    API_KEYS_ID: Name
    """Secrets Manager: keys to the APIs of vendors that must be asked, as aws/api_keys.py shows."""
    IDENTITY_KEY_ID: Name
    """Secrets Manager: the key under which emails, phones and vendor ids are hashed. Never changes."""
    LINKS_KEY_ID: Name
    """Secrets Manager: {"1": "key"}; signs the links in messages, as channels/links.py shows."""
    LINKS_URL: str = ""
    """Where links in messages lead: our API, as customers' browsers reach it. Empty, messages have none."""
    SENDER_KEYS_ID: Name
    """Secrets Manager: what senders need at shops, Twilio and mail servers, as aws/sender_keys.py shows."""
    EMAIL_FROM: Name
    EMAIL_BY: Literal["ses", "smtp"] = "ses"
    SMTP_RETURN_PATH: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?$", max_length=180)] = ""
    """By a mail server: the domain that mails come back to which cannot be delivered. Empty, nobody is told of them."""
    SMS_BY: Literal["aws", "twilio"] = "aws"
    EMAILS_PER_SECOND: Annotated[float, Field(ge=0)] = 0
    """What the provider takes; 0: as many as there are."""
    EMAIL_SENDERS: Annotated[int, Field(ge=1)] = 1
    """How many run at once at most, and share that rate."""
    SMS_PER_SECOND: Annotated[float, Field(ge=0)] = 0
    SMS_SENDERS: Annotated[int, Field(ge=1)] = 1
    TRACK_CLICKS: bool = False
    """Buttons of emails lead over us; where LINKS_URL is known."""
    DRY_RUN: bool = False
    """Decide, judge and render as ever, and send nothing."""
    EMAIL_REPLY_TO: str = ""
    """Where answers to emails go; empty, to the sender."""
    EMAIL_CONFIGURATION_SET: str = ""
    SMS_ORIGINATION_IDENTITY: str = ""
    SMS_CONFIGURATION_SET: str = ""
    BRAND_NAME: Name
    BRAND_ADDRESS: str = ""
    BRAND_COLOR: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#1f2937"
    BRAND_LOGO_URL: str = ""
    SHOP_URL: str = ""
    PUBLIC_URL: str = ""
    """Where webhooks' senders reach us when that is not the API's own domain; some sign the address they called."""
    DEFAULT_STORE: Name = "demo"
    """The store that the admin API looks in when a request names none."""

    @classmethod
    def from_environ(cls) -> Self:
        return cls.model_validate(dict(os.environ))
