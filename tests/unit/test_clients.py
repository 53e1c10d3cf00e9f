"""Promises of the clients that aws/clients.py makes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


def test_there_is_a_client_of_each_service_that_we_use() -> None:
    used = set(re.findall(r'client\(\s*"([a-z0-9-]+)"', Path(wiring.__file__).read_text(encoding="utf-8")))

    assert {client(service).meta.service_model.service_name for service in used} == used
    assert used == {"dynamodb", "pinpoint-sms-voice-v2", "s3", "secretsmanager", "sesv2", "sqs"}


def test_a_cold_start_does_not_look_through_the_services_that_we_do_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_into = list[str]()
    of_the_system = os.listdir

    def listdir(path: str) -> list[str]:
        looked_into.append(Path(path).name)
        return of_the_system(path)

    monkeypatch.setattr(os, "listdir", listdir)

    client("sqs")

    assert {"ec2", "s3"}.isdisjoint(looked_into)
    assert "sqs" in looked_into


def imported_by(code: str) -> set[str]:
    """What a fresh process has imported after this."""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    return set(subprocess.run(told, env=paths, capture_output=True, text=True, check=True).stdout.split())


def test_a_cold_start_does_not_pay_for_boto3() -> None:
    imported = imported_by("import perennial.aws.clients, perennial.aws.dynamo_table, perennial.aws.queues")

    assert "botocore.session" in imported
    assert not {"boto3", "s3transfer", "sqlite3"} & imported


def test_who_only_applies_a_policy_does_not_pay_for_reading_yaml() -> None:
    imported = imported_by("import functions.apply.app, perennial.engine, perennial.aws.policies")

    assert "perennial.domain.decide" in imported
    assert not {"yaml", "jinja2", "phonenumbers", "babel", "concurrent.futures"} & imported
