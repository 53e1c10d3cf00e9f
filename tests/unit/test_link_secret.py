"""The keys of links come from Secrets Manager, and new ones without a deploy."""

from datetime import timedelta

import pytest

from perennial.aws.link_secret import REREAD_AFTER, LinkSecret
from perennial.channels.links import BadLinkKeys
from tests.house import FrozenClock


class Manager:
    """As boto3's client of Secrets Manager."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads: list[str] = []

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 -- boto3's name
        self.reads.append(SecretId)
        return {"SecretString": self.text}


def test_keys_are_read_once_and_again_when_five_minutes_are_over():
    manager, clock = Manager('{"1": "the first key of all"}'), FrozenClock()
    secret = LinkSecret(manager, "links", clock)

    secret.keys()
    manager.text = '{"1": "the first key of all", "2": "the second key of all"}'
    clock.time += REREAD_AFTER - timedelta(milliseconds=1)
    assert secret.keys().keys() == {"1"}
    clock.time += timedelta(milliseconds=1)

    assert secret.keys().keys() == {"1", "2"}
    assert manager.reads == ["links", "links"]


def test_a_secret_that_holds_no_keys_makes_no_links():
    with pytest.raises(BadLinkKeys):
        LinkSecret(Manager("not json"), "links", FrozenClock()).keys()
