"""Promises of the clients that aws/clients.py makes."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from perennial.aws import wiring
from perennial.aws.clients import client


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    wiring.reset()
    yield
    wiring.reset()


def test_a_client_gives_up_within_seconds() -> None:
    config = client("dynamodb").meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries["total_max_attempts"] == 3


def test_a_sending_client_can_be_told_never_to_try_twice() -> None:
    config = client("sesv2", retries={"total_max_attempts": 1}).meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 1


def test_the_endpoint_of_an_emulator_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")

    assert client("sqs").meta.endpoint_url == "http://127.0.0.1:4566"


def test_a_cold_start_does_not_pay_for_boto3() -> None:
    imports = "import perennial.aws.clients, perennial.aws.dynamo_table, perennial.aws.queues, sys; print(*sys.modules)"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    child = subprocess.run([sys.executable, "-c", imports], env=paths, capture_output=True, text=True, check=True)
    imported = child.stdout.split()

    assert "botocore.session" in imported
    assert not {"boto3", "s3transfer", "sqlite3"} & set(imported)
