"""Links in messages: what their tokens permit, and what is no token."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perennial.channels.links import (
    BadLinkKeys,
    LinkKeys,
    Permit,
    Refused,
    Scope,
    SignedLinks,
    UnknownKey,
    newest,
    read,
    read_keys,
    sign,
    unsubscribe_headers,
    with_newer_keys,
)
from tests.messaging import an_action

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = {"1": b"the first key of all"}
PERMIT = Permit("preferences", "demo", "c0ffee", "email", "marketing", NOON)
LINKS = SignedLinks("https://api.example/", lambda: KEYS)


def token_of(link: str) -> str:
    return link.rpartition("/")[2].partition("?")[0]


@pytest.mark.parametrize("scope", ["preferences", "one_click", "confirm"])
def test_a_token_is_read_as_it_was_signed(scope: Scope):
    permit = replace(PERMIT, scope=scope)

    assert read(sign(permit, KEYS), scope, KEYS, NOON) == permit


def test_a_token_holds_nothing_that_ends_a_header_or_a_path():
    assert set(sign(PERMIT, KEYS)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@pytest.mark.parametrize("scope", ["one_click", "confirm"])
def test_a_token_is_good_for_its_own_purpose_only(scope: Scope):
    with pytest.raises(Refused):
        read(sign(PERMIT, KEYS), scope, KEYS, NOON)


@pytest.mark.parametrize(("scope", "days"), [("preferences", 366), ("confirm", 30)])
def test_a_link_works_until_its_last_moment_and_not_a_moment_longer(scope: Scope, days: int):
    token = sign(replace(PERMIT, scope=scope), KEYS)

    assert read(token, scope, KEYS, NOON + days * DAY)
    with pytest.raises(Refused):
        read(token, scope, KEYS, NOON + days * DAY + timedelta(milliseconds=1))


def test_an_old_letter_s_button_works_for_ever():
    assert read(sign(replace(PERMIT, scope="one_click"), KEYS), "one_click", KEYS, NOON + 4000 * DAY)


def test_every_changed_character_of_a_token_is_noticed():
    token = sign(PERMIT, KEYS)

    for at, character in enumerate(token):
        forged = f"{token[:at]}{'A' if character != 'A' else 'B'}{token[at + 1 :]}"
        with pytest.raises(Refused):
            read(forged, "preferences", KEYS, NOON)


def a_rewritten_token(**changes: Any) -> str:
    """Somebody else's permit under the signature of ours."""
    key, body, signature = sign(PERMIT, KEYS).split(".")
    fields = json.loads(base64.urlsafe_b64decode(body + "=="))
    fields[2] = "c0ffed"
    return f"{key}.{base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip('=')}.{signature}"


@pytest.mark.parametrize(
    "nonsense",
    ["", ".", "..", "1..", "a" * 5_000, "1.e30.", "é.é.é", "1.W10.x", "\0", "%00", sign(PERMIT, KEYS) + "x",
     a_rewritten_token(), sign(PERMIT, {"1": b"another house's key"}), sign(PERMIT, {"2": KEYS["1"]})],
)  # fmt: skip
def test_what_is_not_ours_is_refused(nonsense: str):
    with pytest.raises(Refused):
        read(nonsense, "preferences", KEYS, NOON)


def test_a_refusal_says_nothing_of_what_was_asked():
    with pytest.raises(Refused) as refused:
        read(a_rewritten_token(), "preferences", KEYS, NOON)

    assert "c0ffe" not in str(refused.value)


def test_the_tenth_key_is_newer_than_the_ninth():
    assert newest({"9": b"", "10": b"", "1": b""}) == "10"
    assert newest({"20261122": b"", "20260615": b""}) == "20261122"


def a_ring(*books: LinkKeys) -> tuple[Callable[[], LinkKeys], Callable[[], bool]]:
    """Keys as they are known, and how to look for newer ones: each look finds the next book, until there is none."""
    known = list(books)
    return lambda: known[0], lambda: len(known) > 1 and known.pop(0) is not None


def test_a_link_under_a_key_that_is_newer_than_our_last_look_is_believed_after_another():
    both = {**KEYS, "2": b"the second key of all"}
    token = sign(PERMIT, both)

    assert with_newer_keys(lambda keys: read(token, "preferences", keys, NOON), *a_ring(KEYS, both)) == PERMIT


@pytest.mark.parametrize("books", [(KEYS,), (KEYS, KEYS)])
def test_a_link_under_a_key_of_no_one_s_is_refused_however_often_we_look(books: tuple[LinkKeys, ...]):
    token = sign(PERMIT, {"2": b"the key of somebody else"})

    with pytest.raises(UnknownKey):
        with_newer_keys(lambda keys: read(token, "preferences", keys, NOON), *a_ring(*books))


def test_a_forged_link_under_a_key_that_we_know_is_not_worth_a_look():
    def look() -> bool:
        raise AssertionError("nobody is to look")

    token = sign(PERMIT, {"1": b"the key of somebody else"})

    with pytest.raises(Refused):
        with_newer_keys(lambda keys: read(token, "preferences", keys, NOON), lambda: KEYS, look)


def test_a_new_key_signs_and_the_old_one_is_believed_until_it_is_taken_away():
    both = {**KEYS, "2": b"the second key of all"}

    assert sign(PERMIT, both).startswith("2.")
    assert read(sign(PERMIT, KEYS), "preferences", both, NOON)
    with pytest.raises(Refused):
        read(sign(PERMIT, KEYS), "preferences", {"2": both["2"]}, NOON)


@pytest.mark.parametrize("text", ["", "{}", '{"1": "short"}', '{"A.b": "0123456789abcdef"}', '["0123456789abcdef"]'])
def test_a_secret_without_a_key_that_is_one_is_refused_and_not_quoted(text: str):
    with pytest.raises(BadLinkKeys) as bad:
        read_keys(text)

    assert "0123" not in str(bad.value) + repr(bad.value.__context__ and str(bad.value.__cause__))


def test_the_secret_that_the_template_makes_is_one():
    assert read_keys('{"1": "0123456789abcdef"}') == {"1": b"0123456789abcdef"}


# In messages


def test_a_message_s_links_lead_to_its_own_customer_s_choices():
    action = an_action(purpose="marketing")
    link, button = LINKS.preferences(action, "zh-Hans"), LINKS.one_click(action)

    assert link.startswith("https://api.example/preferences/")
    assert link.endswith("?lang=zh-Hans")
    assert button.startswith("https://api.example/u/")
    permit = read(token_of(button), "one_click", KEYS, NOON)
    assert (permit.customer, permit.store, permit.purpose, permit.channel) == ("c-1", "demo", "marketing", "email")


def test_a_message_made_again_has_the_same_links():
    assert LINKS.one_click(an_action()) == LINKS.one_click(an_action())


def test_a_consent_is_confirmed_as_of_when_it_was_given():
    action = an_action(subject={"consent": "marketing/email", "said_at": "2026-06-01T10:00:00.000Z"})
    link = LINKS.confirm(action, "de")

    assert link is not None
    permit = read(token_of(link), "confirm", KEYS, NOON)
    assert (permit.purpose, permit.at) == ("marketing", datetime(2026, 6, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    "subject",
    [{}, {"consent": "marketing/sms", "said_at": "2026-06-01T10:00:00.000Z"}, {"consent": "marketing/email"}],
)
def test_an_email_confirms_nothing_that_is_not_about_email(subject: dict[str, str]):
    assert LINKS.confirm(an_action(subject=subject), "de") is None


def test_a_mail_has_both_headers_or_none():
    assert unsubscribe_headers(None) == {}
    assert unsubscribe_headers("https://api.example/u/t") == {
        "List-Unsubscribe": "<https://api.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
