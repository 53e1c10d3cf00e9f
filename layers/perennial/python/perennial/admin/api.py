"""The admin API over HTTP: its routes, who may use them, and what goes wrong said as a problem.

The HTTP API's authorizer has checked the token before anything here runs; here its claims become a role.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Annotated, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
    OpenAPIResponseValidationMiddleware,
)
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse

from perennial.admin import problems
from perennial.admin.answers import CustomerPage, FoundCustomers, PolicyChanged, QuarantinePage, Replayed, Timeline
from perennial.admin.desk import Clue, Filter
from perennial.admin.problems import Fault, Forbidden, NotFound, Problem, Unanswerable, Unavailable, Unconditional
from perennial.admin.roles import LEAST_ROLE, role_of
from perennial.aws.table import BadCursor, Busy
from perennial.aws.wiring import desk
from perennial.domain.customer import Label, Stage
from perennial.domain.explanation import Explanation
from perennial.domain.policy import Name, Policy
from perennial.domain.values import Instant
from perennial.policy_document import policy_json, policy_yaml

MOST_ON_A_PAGE = 200
YAML = "application/yaml"
JSON = "application/json"

CustomerId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Our own id of the customer.")]
EntryId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
StoreName = Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The shop's slug.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)]
From = Annotated[str | None, Query(max_length=4000, description="`cursor` of the page before.")]
OWN_ID = re.compile(r"c[0-9a-f]{24}|[0-9a-f]{32}")
VERSION = re.compile(r'"(\d{1,9})"')

VALIDATION = (
    OpenAPIRequestValidationMiddleware(),  # type: ignore[no-untyped-call]
    OpenAPIResponseValidationMiddleware(has_response_validation_error=True),
)
"""Powertools' own, which it would put in front of the guard: who may not ask is not told what is wrong with it."""

logger = Logger(child=True)
api = APIGatewayHttpResolver(enable_validation=True, response_validation_error_http_code=500)

Handler = Callable[..., Any]


def ask(name: str, answer: Mapping[int, OpenAPIResponse] | None = None) -> Callable[[Handler], Handler]:
    """Register a route of `LEAST_ROLE` with its guard. `answer` documents what the return type cannot say."""

    def register(handler: Handler) -> Handler:
        method, path = name.split(" ")
        summary, _, description = (handler.__doc__ or "").partition("\n\n")
        route = api.route(
            path.replace("{", "<").replace("}", ">"),
            method=method,
            summary=summary,
            description=" ".join(description.split()) or None,
            operation_id=handler.__name__,
            responses=dict(answer) if answer else None,
            middlewares=[_guard(name, frozenset(signature(handler).parameters)), *VALIDATION],
            enable_validation=False,
        )
        return route(handler)

    return register


def _guard(name: str, parameters: frozenset[str]) -> Callable[..., Response[Any]]:
    """Lets through whose role is high enough, and notes that they came: who in which role, not for whom."""
    least = LEAST_ROLE[name]

    def guard(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        role = role_of(_claims(app.current_event.raw_event))
        allowed = role is not None and role >= least
        told = role.name.lower() if role else "none"
        logger.info("admin request", route=name, role=told, allowed=allowed, id=_own(app.request.path_parameters))
        if not allowed:
            raise Forbidden(f"this needs the role {least.name.lower()}; the token gives {told}")
        _refuse_unknown(app.current_event.query_string_parameters, parameters)
        app.context["role"] = role
        return next_middleware(app)

    return guard


def _claims(event: Mapping[str, Any]) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims") or {}
    return claims


def _own(path: Mapping[str, Any]) -> str | None:
    """The id in the path, if it is one that we made: people also put addresses and numbers there."""
    named = str(path.get("id", ""))
    return named if OWN_ID.fullmatch(named) else None


def _refuse_unknown(query: Mapping[str, str] | None, known: frozenset[str]) -> None:
    """A misspelt filter that is passed over would show everybody."""
    if set(query or {}) - known:
        raise Unanswerable("a query parameter is not known here", [Fault(where="query", message="is not known")])


# Customers


@ask("GET /customers")
def find_customers(
    email: Annotated[str | None, Query(min_length=3, max_length=320)] = None,
    phone: Annotated[str | None, Query(min_length=3, max_length=40)] = None,
    order: Annotated[str | None, Query(min_length=1, max_length=200, description="Its id, or its name.")] = None,
    stage: Annotated[Stage | None, Query()] = None,
    label: Annotated[Label | None, Query()] = None,
    band: Annotated[Name | None, Query()] = None,
    store: StoreName = None,
    limit: Limit = 50,
    cursor: From = None,
) -> FoundCustomers:
    """Find customers: one by email, phone or order, or many by stage, label and band.

    Names and addresses are masked for every role. A list is walked a bounded piece at a time: a page may be short and
    yet have a cursor. Without `store` one is looked up in the default store, and a list shows those of all stores.
    """
    clues = [Clue(kind, value) for kind, value in (("email", email), ("phone", phone), ("order", order)) if value]
    if not clues:
        return desk().browse(Filter(stage, label, band, store), limit, cursor)
    if len(clues) > 1 or stage or label or band or cursor:
        raise Unanswerable("look up by one of email, phone and order alone, or list by stage, label and band")
    return desk().find(clues[0], store)


@ask("GET /customers/{id}")
def customer_page(id: CustomerId) -> CustomerPage:  # noqa: A002  the route's own word
    """Everything about a customer that whoever talks with them wants to see.

    The profile is masked for viewers.
    """
    return desk().page(id, api.context["role"])


@ask("GET /customers/{id}/timeline")
def customer_timeline(id: CustomerId, limit: Limit = 50, cursor: From = None) -> Timeline:  # noqa: A002
    """What happened and what came of it, newest first.

    What people wrote is shown to agents, while it is kept.
    """
    return desk().timeline(id, api.context["role"], limit, cursor)


@ask("GET /customers/{id}/explain")
def explain_customer(
    id: CustomerId,  # noqa: A002
    at: Annotated[Instant | None, Query(description="A past instant with its zone; without: now.")] = None,
) -> Explanation:
    """Why the customer has this stage, label and score; now, or as it was at a past instant.

    A past instant is worked out from the journal, by the policy of that time.
    """
    return desk().explain(id, at)


# The policy


@ask(
    "GET /policy",
    {
        200: {
            "description": "The policy in force; `ETag` is its version.",
            "headers": {"ETag": {"description": 'The version, quoted: "3"', "schema": {"type": "string"}}},
            "content": {JSON: {"model": Policy}, YAML: {"schema": {"type": "string"}}},
        }
    },
)
def read_the_policy() -> Response[str]:
    """The policy in force, as JSON, or as YAML where `Accept` asks for it."""
    policy = desk().policy()
    asked = api.current_event.headers.get("accept", "")
    kind, write = (YAML, policy_yaml) if "yaml" in asked else (JSON, policy_json)
    return Response(200, kind, write(policy), {"ETag": f'"{policy.version}"'})


@ask(
    "PUT /policy",
    {
        200: {
            "description": "It is in force from now on.",
            "headers": {"ETag": {"description": "Its version, quoted.", "schema": {"type": "string"}}},
            "content": {JSON: {"model": PolicyChanged}},
        }
    },
)
def change_the_policy(
    if_match: Annotated[str | None, Header(alias="If-Match", description="The ETag of the version it changes.")] = None,
) -> Response[str]:
    """Put a policy in force, in the place of the version that If-Match names.

    The body is the whole document, YAML or JSON. One with mistakes is refused, and all of them are listed.
    """
    policy = desk().change_policy(_text_of_body(), _version(if_match))
    body = PolicyChanged(version=policy.version).model_dump_json()
    return Response(200, JSON, body, {"ETag": f'"{policy.version}"'})


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise Unconditional("read the policy first, and send its ETag as If-Match")
    if not (named := VERSION.fullmatch(if_match.strip())):
        raise problems.Outdated('If-Match names one version, as the ETag gave it: "3"')
    return int(named[1])


def _text_of_body() -> str:
    text, event = api.current_event.body or "", api.current_event
    try:
        return b64decode(text).decode() if event.is_base64_encoded else text
    except UnicodeDecodeError:
        raise Unanswerable("the body is not UTF-8") from None


# Quarantine


@ask("GET /quarantine")
def list_quarantine(limit: Limit = 50, cursor: From = None) -> QuarantinePage:
    """What was authentic and could not be understood, newest first; kept 30 days."""
    return desk().quarantined(limit, cursor)


@ask("POST /quarantine/{id}/replay")
def replay_quarantined(id: EntryId) -> Replayed:  # noqa: A002
    """Try an entry again with today's code. What is understood goes out, and the entry away."""
    return desk().replay(id)


# What goes wrong


def _told(problem: Problem) -> Response[str]:
    return Response(problem.status, problems.MEDIA_TYPE, problem.body.model_dump_json(exclude_none=True))


def _misshapen(error: RequestValidationError) -> Response[str]:
    """Where and what, never the input itself."""
    faults = [Fault(where=".".join(map(str, each["loc"])), message=each["msg"]) for each in error.errors()]
    return _told(Unanswerable("the request does not fit", faults))


def _lost(_: BadCursor) -> Response[str]:
    return _told(Unanswerable("start again without a cursor", [Fault(where="query.cursor", message="is not ours")]))


def _busy(_: Busy) -> Response[str]:
    return _told(Unavailable("the table is busy; ask again in a moment"))


def _nothing_here(_: NotFoundError) -> Response[str]:
    return _told(NotFound("there is nothing here"))


api.exception_handler_manager.update_exception_handlers(
    {
        Problem: _told,
        RequestValidationError: _misshapen,
        BadCursor: _lost,
        Busy: _busy,
        NotFoundError: _nothing_here,
    }
)
