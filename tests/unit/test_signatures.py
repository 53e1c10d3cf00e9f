"""Signatures are compared in constant time, by what the standard library has for it and by nothing else."""

import hmac
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.ingest import SOURCES
from perennial.sources import Forged, Source
from perennial.sources.signatures import require_signature

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "whsec_" + "c2VjcmV0IG9mIHNldmVudGVlbiBieXRlcw=="
OTHER = "whsec_" + "YW5vdGhlciBzZWNyZXQgYWx0b2dldGhlcg=="
BODY = b"{}"


def deliver(name: str, source: Source, secret: str = SECRET) -> None:
    headers = {key.lower(): value for key, value in signed(name, BODY, {}, secret, NOW).items()}
    source.verify(headers, BODY, (SECRET,), (NOW,))


def deciding(monkeypatch: pytest.MonkeyPatch, verdict: bool) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: verdict)


@pytest.mark.parametrize(("name", "source"), SOURCES.items(), ids=SOURCES.keys())
def test_the_constant_time_comparison_decides_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, name: str, source: Source
) -> None:
    deliver(name, source)
    with pytest.raises(Forged):
        deliver(name, source, OTHER)

    deciding(monkeypatch, True)
    deliver(name, source, OTHER)

    deciding(monkeypatch, False)
    with pytest.raises(Forged):
        deliver(name, source)


def test_every_pair_is_compared_also_after_one_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time taken would tell which of the secrets signed."""
    compared: list[tuple[Any, Any]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)

    require_signature(["a", "b"], [b"a", b"c"])

    assert compared == [(b"a", b"a"), (b"a", b"c"), (b"b", b"a"), (b"b", b"c")]
