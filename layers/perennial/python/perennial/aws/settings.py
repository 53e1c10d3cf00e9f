"""The environment, parsed once. Field names are the variable names in template.yaml."""

import os
from typing import Annotated, Self

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
    WEBHOOK_SECRETS_ID: Name
    """Secrets Manager: {"shopify/demo": ["current", "previous"], ...}; one or two secrets per source and store."""
    IDENTITY_KEY_ID: Name
    """Secrets Manager: the key under which emails, phones and vendor ids are hashed. Never changes."""
    EMAIL_FROM: Name
    EMAIL_CONFIGURATION_SET: str = ""
    SMS_ORIGINATION_IDENTITY: str = ""
    SMS_CONFIGURATION_SET: str = ""
    BRAND_NAME: Name
    BRAND_ADDRESS: str = ""
    SHOP_URL: str = ""
    DEFAULT_STORE: Name = "demo"
    """The store that the admin API looks in when a request names none."""

    @classmethod
    def from_environ(cls) -> Self:
        return cls.model_validate(dict(os.environ))
