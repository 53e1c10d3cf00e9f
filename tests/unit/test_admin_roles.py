"""Roles come out of a token's claims, in whatever form an issuer and API Gateway write them."""

from typing import Any

import pytest

from perennial.admin.roles import LEAST_ROLE, Role, role_of


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("admin", Role.ADMIN),
        ("[admin agent]", Role.ADMIN),
        ("[viewer]", Role.VIEWER),
        ("agent viewer", Role.AGENT),
        ("viewer,agent", Role.AGENT),
        ('["viewer","admin"]', Role.ADMIN),
        (["agent", "sales"], Role.AGENT),
        ("", None),
        ("[]", None),
        ("sales", None),
        ("administrator", None),
        ("not-admin", None),
        ("Admin", None),
        (None, None),
        (3, None),
        ([["admin"]], None),
    ],
)
@pytest.mark.parametrize("name", ["roles", "cognito:groups"])
def test_the_highest_role_that_is_named_counts(name: str, claim: Any, role: Role | None) -> None:
    assert role_of({name: claim}) is role


def test_both_claims_are_read() -> None:
    assert role_of({"roles": "viewer", "cognito:groups": "[agent]"}) is Role.AGENT


def test_no_other_claim_gives_a_role() -> None:
    assert role_of({"scope": "admin", "custom:roles": "admin", "name": "admin"}) is None


def test_only_admins_change_anything() -> None:
    within_their_authority = {"POST /customers/{id}/points"}
    changes_nothing = {"POST /templates/{id}/preview"}
    changing = {name for name in LEAST_ROLE if not name.startswith("GET ")} - changes_nothing - within_their_authority

    assert {LEAST_ROLE[name] for name in changing} == {Role.ADMIN}
