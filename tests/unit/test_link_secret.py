"""The keys of links come from Secrets Manager, and new ones without a deploy."""

from datetime import timedelta

import pytest

from perennial.aws.link_secret import REFRESH_AT_MOST_EVERY, REREAD_AFTER, LinkSecret
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


def test_a_key_that_was_just_added_is_found_by_whoever_looks_again():
    manager = Manager('{"1": "the first key of all"}')
    secret = LinkSecret(manager, "links", FrozenClock())
    secret.keys()

    manager.text = '{"1": "the first key of all", "2": "the second key of all"}'

    assert secret.refresh()
    assert secret.keys().keys() == {"1", "2"}
    assert len(manager.reads) == 2


def test_made_up_links_do_not_make_us_read_the_secret_all_the_time():
    manager, clock = Manager('{"1": "the first key of all"}'), FrozenClock()
    secret = LinkSecret(manager, "links", clock)

    assert [secret.refresh() for _ in range(3)] == [True, False, False]
    clock.time += REFRESH_AT_MOST_EVERY - timedelta(milliseconds=1)
    assert not secret.refresh()
    clock.time += timedelta(milliseconds=1)

    assert secret.refresh()
    assert len(manager.reads) == 2


def test_a_secret_that_holds_no_keys_makes_no_links():
    with pytest.raises(BadLinkKeys):
        LinkSecret(Manager("not json"), "links", FrozenClock()).keys()
