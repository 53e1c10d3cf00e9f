"""Whatever staff, strangers and tools ask of the running house's admin API: answered as docs/openapi.json says."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation.stateful import APIStateMachine

from infra.local import openapi
from infra.local.http import LOOPBACK
from infra.local.tokens import VALID_FOR, Signer
from perennial.admin.roles import LEAST_ROLE, Role
from tests.fuzz.bending import PLACES, Request, examples, places
from tests.fuzz.canaries import PERSONAL, STRAY, leaks
from tests.fuzz.running import ANSWERS_WITHIN, RunningHouse
from tests.fuzz.sending import deliver

TIMELESS = list(HealthCheck)
"""Nothing is too slow to be drawn on a busy machine."""

Case = schemathesis.Case[Any]


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with what each answer is good for: OpenAPI's links, for the walks below."""
    whose = {"id": "$response.body#/customers/0/id"}
    links: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
        "/customers": {
            "page": ("customer_page", whose),
            "timeline": ("customer_timeline", whose),
            "explanation": ("explain_customer", whose),
            "next": ("find_customers", {"cursor": "$response.body#/cursor"}),
        },
        "/customers/{id}/timeline": {
            "next": ("customer_timeline", {"id": "$request.path.id", "cursor": "$response.body#/cursor"}),
            "then": ("explain_customer", {"id": "$request.path.id", "at": "$response.body#/entries/0/decided_at"}),
        },
        "/policy": {"change": ("change_the_policy", {"header.If-Match": "$response.header.ETag"})},
        "/quarantine": {
            "again": ("replay_quarantined", {"id": "$response.body#/entries/0/id"}),
            "next": ("list_quarantine", {"cursor": "$response.body#/cursor"}),
        },
    }
    for path, named in links.items():
        document["paths"][path]["get"]["responses"]["200"]["links"] = {
            name: {"operationId": operation, "parameters": said} for name, (operation, said) in named.items()
        }
    return document


def the_document(*, every_bound: bool) -> Any:
    """As schemathesis reads it; with or without the cases that it makes of each bound in the schemas, one by one."""
    schema = schemathesis.openapi.from_dict(linked(json.loads(openapi.FILE.read_text(encoding="utf-8"))))
    schema.config.phases.coverage.enabled = every_bound
    schema.config.generation.with_security_parameters = False  # whose token it is, each test says
    checks = schema.config.checks
    for check, status in ((checks.negative_data_rejection, "412"), (checks.missing_required_header, "428")):
        check.expected_statuses = [*check.expected_statuses, status]
    checks.positive_data_acceptance.enabled = False  # no schema says which cursors are ours, which policies make sense
    checks.unsupported_method.enabled = False  # wants 405; API Gateway, and so the laptop's, knows no such route: 404
    return schema


DOCUMENT = the_document(every_bound=False)
IN_DEPTH = the_document(every_bound=True)
if examples(1) == 1:
    IN_DEPTH = IN_DEPTH.exclude(operation_id="change_the_policy")  # it alone has 1,200 bounds


def call(house: RunningHouse, case: Case, token: str) -> schemathesis.Response:
    """Raises `requests.Timeout` when nothing is answered for too long."""
    bearer = {"Authorization": f"Bearer {token}"}
    return case.call(f"http://{LOOPBACK}:{house.port}", headers=bearer, timeout=ANSWERS_WITHIN)


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@IN_DEPTH.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=examples(15), suppress_health_check=TIMELESS)
def test_whatever_an_admin_asks_is_answered_as_documented(case: Case, played_house: RunningHouse) -> None:
    response = call(played_house, case, played_house.token())

    case.validate_response(response)


PARTICULAR = ("POST /templates/{id}/test",)
"""Routes that refuse even the highest role what is not theirs to do: to write to a customer on trial."""


@pytest.mark.parametrize("role", ["nobody", "viewer", "agent", "admin"])
@DOCUMENT.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=examples(5), suppress_health_check=TIMELESS)
def test_who_may_not_ask_is_refused_whatever_they_ask(case: Case, role: str, played_house: RunningHouse) -> None:
    token = played_house.token(role)

    response = call(played_house, case, token)

    case.validate_response(response)
    is_high_enough = role != "nobody" and Role[role.upper()] >= LEAST_ROLE[case.operation.label]
    if is_high_enough:
        assert response.status_code != 403 or case.operation.label in PARTICULAR
    else:
        assert response.status_code in (403, 404), "a path that no route matches is nobody's"


def forgeries(house: RunningHouse) -> dict[str, str]:
    """Values of the header Authorization that nobody should be let in with."""
    now, token = datetime.now(UTC), house.token()
    head, claims, proof = token.split(".")
    none = "eyJhbGciOiJub25lIn0"
    return {
        "none": "",
        "no scheme": token,
        "another scheme": f"Basic {token}",
        "another key": f"Bearer {Signer('another').token({'cognito:groups': ['admin']}, now)}",
        "ended": f"Bearer {Signer(house.state.keys().tokens).token({'cognito:groups': ['admin']}, now - VALID_FOR)}",
        "unsigned": f"Bearer {none}.{claims}.",
        "signed by nobody": f"Bearer {none}.{claims}.{proof}",
        "cut": f"Bearer {token[:-1]}",
        "more": f"Bearer {head}.{claims}.{proof}.{proof}",
        "two": f"Bearer {token}, Bearer {token}",
        "nonsense": f"Bearer {STRAY[0]}.\xff.{'=' * 9_000}",
    }


@pytest.mark.parametrize("name", LEAST_ROLE)
def test_without_a_token_of_ours_every_door_is_shut(played_house: RunningHouse, name: str) -> None:
    method, path = name.split(" ")
    forged = forgeries(played_house)

    answers = {
        kind: played_house.ask(method, path.replace("{id}", "c1"), b"", {"authorization": value})
        for kind, value in forged.items()
    }

    assert {kind: answer.status for kind, answer in answers.items()} == dict.fromkeys(forged, 401)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "HEAD"])
@pytest.mark.parametrize("path", ["/customers", "/customers/c1/timeline", "/policy", "/customers/", "/", "/%2e%2e/x"])
def test_what_the_document_does_not_have_is_not_there(played_house: RunningHouse, method: str, path: str) -> None:
    assert played_house.staff(method, path).status == 404


# ── one thing after the other ────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_answered_can_be_asked_about(played_house: RunningHouse) -> None:
    Machine: type[APIStateMachine] = DOCUMENT.as_state_machine()  # noqa: N806  a class

    class Walk(Machine):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            bearer = {"Authorization": f"Bearer {played_house.token()}"}
            return {"base_url": f"http://{LOOPBACK}:{played_house.port}", "headers": bearer, "timeout": ANSWERS_WITHIN}

    Walk.run(settings=settings(max_examples=examples(10), stateful_step_count=6, suppress_health_check=TIMELESS))

    assert played_house.settles() == {}


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────

ODD_RULES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, 0, -1, 1, 0.5, 1e-9, 1e9, 10**30, True, "", "x", "1s", "0s", "30d", "36500d", "999999d", [], {}, "00:00",
        "24:00", "customer.orders > 0", "1 / customer.orders > 0", "event.total > 0.0", "customer.score > 'x'", "true",
        "size('') == 0", "email", "marketing", "1 per 1s", "100 per 36500d", "order.placed", "America/New_York",
        "critical", "tutorial", "100%",
    ]
)  # fmt: skip


@st.composite
def bent_policies(draw: st.DrawFn, policy: dict[str, Any]) -> str:
    """The policy with up to three things in it that somebody may have meant."""
    bent = deepcopy(policy)
    for _ in range(draw(st.integers(1, 3))):
        found = list(islice(places(bent), 10 * PLACES))
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        if draw(st.booleans()):
            holder[key] = draw(ODD_RULES)
        else:
            del holder[key]
    return json.dumps(bent)


def test_a_policy_that_is_accepted_can_be_lived_by(played_house: RunningHouse) -> None:
    shipped = played_house.staff("GET", "/policy").json
    deliver(played_house, a_day(0))
    played_house.settles()
    someone = played_house.staff("GET", "/customers?email=ruled@example.com").json["customers"][0]["id"]

    @settings(max_examples=examples(40), suppress_health_check=TIMELESS)
    @given(policy=bent_policies(shipped), number=st.integers(1, 10**9))
    def storm(policy: str, number: int) -> None:
        if put(played_house, policy) == 200:
            assert deliver(played_house, a_day(number)).json["quarantined"] == []
            played_house.passes("1d")
            assert played_house.settles() == {}, policy
            for path in ("", "/timeline", "/explain"):
                assert played_house.staff("GET", f"/customers/{someone}{path}").status == 200, policy

    try:
        storm()
    finally:
        assert put(played_house, json.dumps(shipped)) == 200


def a_day(number: int) -> Request:
    """What happens to one customer in a day: a bit of everything that rules look at."""
    order = {"order": {"id": f"o-{number}", "total": {"amount": "30.00", "currency": "EUR"}}}
    happened: dict[str, dict[str, Any]] = {
        "consent.changed": {"channel": "email", "granted": True},
        "product.viewed": {},
        "cart.abandoned": {"cart": {"id": f"c-{number}"}},
        "order.placed": order,
        "order.delivered": order,
        "ticket.opened": {"ticket": {"id": f"t-{number}", "intent": "complaint", "sentiment": -0.5}},
        "survey.answered": {"survey": "csat", "score": 2},
    }
    who = {"email": "ruled@example.com", "birthday": "1990-02-28", "time_zone": "Asia/Tokyo"}
    told = [
        {"id": f"{kind}-{number}", "source": "fuzz", "type": kind, "data": {"customer": who, **data}}
        for kind, data in happened.items()
    ]
    return Request("open", {}, json.dumps(told).encode())


def put(house: RunningHouse, policy: str) -> int:
    """Put this policy in force, whatever the version; the status."""
    tag = house.staff("GET", "/policy").headers["ETag"]
    answer = house.staff("PUT", "/policy", body=policy.encode(), if_match=tag)
    assert answer.status in (200, 422), answer.body[:500]
    return answer.status


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_that_was_asked_is_told_by_the_log(played_house: RunningHouse) -> None:
    for word in (*PERSONAL, *STRAY, f"{PERSONAL[0]}@example.com", f"+1{PERSONAL[1]}1"):
        asked = urlencode(dict.fromkeys(("email", "phone", "order", "cursor", "at", word), word))
        for path in (f"/customers?{asked}", f"/customers/{quote(word)}?{asked}", f"/{quote(word)}"):
            played_house.staff("GET", path, user_agent=word, accept=word, x_odd=word)
        played_house.staff("POST", f"/quarantine/{quote(word)}/replay", body=word.encode())
        played_house.staff("PUT", "/policy", body=f"name: {word}".encode(), if_match=f'"{word}"')

    assert "admin request" in played_house.logged()
    assert leaks(played_house.says().splitlines(), (*PERSONAL, *STRAY)) == []
    assert leaks(played_house.logged().splitlines(), played_house.secrets()) == []
