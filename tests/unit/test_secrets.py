"""Webhook secrets: two may be active, and a rotation needs no deploy."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from perennial.aws.secrets import BadSecrets, SecretsManagerSecrets, read_secrets


@dataclass
class MovingClock:
    time: datetime = datetime(2026, 6, 15, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    wall = now


class FakeSecretsManager:
    def __init__(self, **book: list[str]) -> None:
        self.book = {f"{source}/demo": secrets for source, secrets in book.items()}
        self.reads = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803  # as AWS names it
        assert SecretId == "webhooks"
        self.reads += 1
        return {"SecretString": json.dumps(self.book)}


@pytest.fixture
def manager() -> FakeSecretsManager:
    return FakeSecretsManager(shopify=["current-secret", "previous-secret"])


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def secrets(manager: FakeSecretsManager, clock: MovingClock) -> SecretsManagerSecrets:
    return SecretsManagerSecrets(manager, "webhooks", clock)


def test_secrets_are_told_by_source_and_store(secrets: SecretsManagerSecrets) -> None:
    assert secrets.of("shopify", "demo") == ("current-secret", "previous-secret")
    assert secrets.of("shopify", "other") == ()


@pytest.mark.parametrize(("seconds", "reads"), [(299, 1), (300, 2)])
def test_they_are_read_again_after_five_minutes(
    secrets: SecretsManagerSecrets, manager: FakeSecretsManager, clock: MovingClock, seconds: int, reads: int
) -> None:
    secrets.of("shopify", "demo")
    clock.time += timedelta(seconds=seconds)
    secrets.of("shopify", "demo")

    assert manager.reads == reads


@pytest.mark.parametrize(("seconds", "refreshed"), [(29, False), (30, True)])
def test_a_refresh_is_bounded_however_many_ask(
    secrets: SecretsManagerSecrets, manager: FakeSecretsManager, clock: MovingClock, seconds: int, refreshed: bool
) -> None:
    secrets.of("shopify", "demo")
    clock.time += timedelta(seconds=seconds)

    assert secrets.refresh() is refreshed
    assert secrets.refresh() is False
    assert manager.reads == 1 + refreshed


def test_a_refresh_finds_the_rotated_secret(
    secrets: SecretsManagerSecrets, manager: FakeSecretsManager, clock: MovingClock
) -> None:
    secrets.of("shopify", "demo")
    manager.book = {"shopify/demo": ["rotated-secret", "current-secret"]}
    clock.time += timedelta(seconds=30)

    secrets.refresh()

    assert secrets.of("shopify", "demo") == ("rotated-secret", "current-secret")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"shopify/demo": "current-secret"}',
        '{"shopify/demo": []}',
        '{"shopify/demo": [""]}',
        '{"shopify/demo": ["short"]}',
        '{"shopify/demo": ["one-secret", "two-secrets", "three-secrets"]}',
        '{"shopify": ["current-secret"]}',
    ],
)
def test_a_wrong_book_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadSecrets) as told:
        read_secrets(text)

    assert "secret-" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_an_empty_book_lets_nobody_in() -> None:
    assert read_secrets("{}") == {}
