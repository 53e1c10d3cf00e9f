"""How bodies are packed: smaller, the same again, and readable for as long as there are any."""

import zlib

import pytest

from perennial.aws import packing
from perennial.aws.packing import packed, unpacked
from tests.bench.lives import a_typical_customer
from tests.bench.rules import shipped


def test_what_was_packed_is_the_same_again() -> None:
    for body in (b"", b"{}", "李雷 🎁".encode(), bytes(range(256)) * 200):
        assert unpacked(packed(body)) == body


def test_a_typical_record_takes_a_quarter_of_its_size() -> None:
    customer, _ = a_typical_customer(shipped())
    body = customer.model_dump_json(exclude_defaults=True).encode()

    stored = packed(body)

    assert len(stored) * 4 < len(body)
    assert len(stored) < 0.85 * len(zlib.compress(body)), "what the words are for"


@pytest.mark.parametrize(
    "stored", ["78bbe9afaf9783372730db0d984d0560310f0061ac0f93", "78bbe910e1df83372730db0d984d0560310f0061ac0f93"]
)
def test_the_words_never_change(stored: str) -> None:
    """What lies in merchants' tables was packed with them. Better words are a file beside them."""
    assert unpacked(bytes.fromhex(stored)) == b'{"id":"c0","store":"demo","facts":{"orders":{}}}'


def test_what_a_later_release_packed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_WORDS", b"other words")
    stored = packed(b"{}")

    with pytest.raises(ValueError, match="this release"):
        unpacked(stored)
