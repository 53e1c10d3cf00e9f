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
    """Changes the policy; sees and replays what is in quarantine; says who is whom; hands data over, and erases."""


LEAST_ROLE: Mapping[str, Role] = {
    "GET /customers": Role.VIEWER,
    "GET /customers/{id}": Role.VIEWER,
    "GET /customers/{id}/timeline": Role.VIEWER,
    "GET /customers/{id}/explain": Role.VIEWER,
    "GET /customers/{id}/messages/{message}/why": Role.VIEWER,
    "GET /policy": Role.VIEWER,
    "PUT /policy": Role.ADMIN,
    "GET /templates": Role.VIEWER,
    "GET /templates/{id}": Role.VIEWER,
    "PUT /templates/{id}": Role.ADMIN,
    "POST /templates/{id}/preview": Role.AGENT,
    "POST /templates/{id}/test": Role.ADMIN,
    "POST /templates/{id}/revert": Role.ADMIN,
    "GET /quarantine": Role.ADMIN,
    "GET /quarantine/summary": Role.VIEWER,
    "GET /quarantine/discarded": Role.ADMIN,
    "GET /quarantine/{id}": Role.AGENT,
    "POST /quarantine/{id}/replay": Role.ADMIN,
    "POST /quarantine/replay": Role.ADMIN,
    "POST /quarantine/{id}/discard": Role.ADMIN,
    "POST /customers/{id}/erase": Role.ADMIN,
    "POST /customers/{id}/export": Role.ADMIN,
    "GET /proposals": Role.AGENT,
    "POST /proposals/{id}/accept": Role.ADMIN,
    "POST /proposals/{id}/reject": Role.ADMIN,
    "POST /customers/{id}/merge": Role.ADMIN,
    "POST /customers/{id}/part": Role.ADMIN,
    "POST /customers/{id}/points": Role.AGENT,
    "GET /imports": Role.ADMIN,
    "POST /imports": Role.ADMIN,
    "GET /imports/{id}": Role.ADMIN,
    "GET /imports/{id}/report": Role.ADMIN,
    "POST /imports/{id}/cancel": Role.ADMIN,
    "GET /privacy/requests": Role.ADMIN,
    "GET /sources": Role.VIEWER,
    "POST /privacy/requests/{id}/confirm": Role.ADMIN,
    "GET /coupons/pools": Role.VIEWER,
    "POST /coupons/pools/{id}": Role.ADMIN,
    "GET /coupons/pools/{id}/codes": Role.ADMIN,
    "GET /holds": Role.VIEWER,
    "POST /holds": Role.ADMIN,
    "GET /holds/{id}/waiting": Role.AGENT,
    "POST /holds/{id}/release": Role.ADMIN,
    "POST /holds/{id}/discard": Role.ADMIN,
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
