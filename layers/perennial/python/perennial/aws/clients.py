"""Clients of AWS services, tuned for a short-lived function: what is slow by default, and what waits too long."""

from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from perennial.aws.wiring import once

TUNED = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
    # Together a third of a call's CPU: the requests are built by our own tested code, and a composed user agent
    # is only read by AWS's statistics.
    parameter_validation=False,
    user_agent="perennial",
)


class _Models(Loader):  # type: ignore[misc]  # botocore ships no types
    """Botocore's models of the services that we use.

    Botocore looks through the folders of all its 450 services to see whether there is the one that it was asked for:
    a quarter of what a cold start takes to build its first client.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        return ["dynamodb", "pinpoint-sms-voice-v2", "s3", "secretsmanager", "sesv2", "sqs"]


def client(service: str, **overrides: Any) -> Any:
    """A client of `service`; `overrides` are fields of botocore's `Config`, such as `retries` or `read_timeout`.

    A bare botocore session, because boto3 on top of it costs a cold start 20 to 45 ms and adds only resources.
    Region, credentials and endpoint come from the environment as AWS documents (`AWS_ENDPOINT_URL` for emulators).
    """
    session = once("aws_session", _session)
    return session.create_client(service, config=TUNED.merge(Config(**overrides)))


def _session() -> Any:
    session = botocore.session.get_session()
    session.register_component("data_loader", _Models())
    return session
