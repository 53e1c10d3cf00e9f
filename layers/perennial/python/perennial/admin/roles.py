"""Who may do what: roles out of a token's claims, and the least role of each route."""

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    """Sees customers; whatever names a person is masked."""
    AGENT = 2
    """Works with customers: sees who they are and what they wrote."""
    ADMIN = 3
    """Changes the policy; sees and replays what is in quarantine."""


LEAST_ROLE: Mapping[str, Role] = {
    "GET /customers": Role.VIEWER,
    "GET /customers/{id}": Role.VIEWER,
    "GET /customers/{id}/timeline": Role.VIEWER,
    "GET /customers/{id}/explain": Role.VIEWER,
    "GET /policy": Role.VIEWER,
    "PUT /policy": Role.ADMIN,
    "GET /quarantine": Role.ADMIN,
    "POST /quarantine/{id}/replay": Role.ADMIN,
}
"""The one list of what there is and for whom; the routes of api.py are looked up here."""

CLAIMS = ("roles", "cognito:groups")
_WORD = re.compile(r"[^\s,\[\]\"']+")


def role_of(claims: Mapping[str, Any]) -> Role | None:
    """The highest role that these claims give, None when they give none.

    An HTTP API hands a list on as "[admin agent]"; other issuers write "admin,agent", "admin agent" or JSON.
    """
    named = {word for claim in CLAIMS for word in _words(claims.get(claim))}
    return max((role for role in Role if role.name.lower() in named), default=None)


def _words(claim: Any) -> Iterator[str]:
    for text in claim if isinstance(claim, list) else [claim]:
        if isinstance(text, str):
            yield from _WORD.findall(text)
