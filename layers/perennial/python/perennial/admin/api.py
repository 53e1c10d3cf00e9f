"""The admin API over HTTP: its routes, who may use them, and what goes wrong said as a problem.

The HTTP API's authorizer has checked the token before anything here runs; here its claims become a role.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
    OpenAPIResponseValidationMiddleware,
)
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from perennial.admin import problems, tables
from perennial.admin.answers import (
    Answer,
    AskedHold,
    AskedPoints,
    AskedPreview,
    AskedTest,
    CodesAdded,
    CouponPools,
    CustomerPage,
    Discard,
    Discarded,
    DiscardedPage,
    Erasure,
    Export,
    FoundCustomers,
    HeldMessages,
    HoldList,
    HoldMoved,
    HoldShown,
    Kinship,
    Other,
    PointsMoved,
    PolicyChanged,
    Preview,
    PrivacyRequests,
    Proposals,
    QuarantinedPayload,
    QuarantinePage,
    QuarantineSummary,
    ReplayAll,
    Replayed,
    ReplayedAll,
    Revert,
    Sources,
    TemplateChanged,
    Templates,
    TemplateTested,
    Timeline,
    Why,
)
from perennial.admin.desk import Clue, Filter
from perennial.admin.importing import Begun, ImportList, Report, Stands, Wanted
from perennial.admin.problems import Fault, Forbidden, NotFound, Problem, Unanswerable, Unavailable, Unconditional
from perennial.admin.quarantine import Which
from perennial.admin.roles import LEAST_ROLE, role_of
from perennial.aws.coupons import State
from perennial.aws.queues import NotSent
from perennial.aws.table import BadCursor, Busy
from perennial.aws.wiring import (
    coupon_desk,
    desk,
    family_desk,
    hold_desk,
    import_desk,
    points_desk,
    privacy_desk,
    quarantine_desk,
    sources_desk,
    template_desk,
    why_desk,
)
from perennial.domain.actions import Channel
from perennial.domain.customer import Label, Stage
from perennial.domain.explanation import Explanation
from perennial.domain.policy import Name, Policy
from perennial.domain.values import Instant
from perennial.policy_document import policy_as_edited, policy_yaml

MOST_ON_A_PAGE = 200
YAML = "application/yaml"
JSON = "application/json"
CSV = "text/csv"

CustomerId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Our own id of the customer.")]
EntryId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
MessageId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="As the timeline has it.")]
HoldId = Annotated[str, Path(pattern=r"^h-[0-9a-z-]{1,60}$", description="Of a hold, as the list has it.")]
PoolId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$", description="As plays name the pool.")]
TemplateName = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_]{0,59}$", description="Of a template, `layout` or `tasks`.")
]
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
Moved = TypeVar("Moved", HoldShown, HoldMoved)


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
            middlewares=[_guard(name, signature(handler).parameters), *VALIDATION],
            enable_validation=False,
        )
        return route(handler)

    return register


def _guard(name: str, parameters: Mapping[str, Parameter]) -> Callable[..., Response[Any]]:
    """Lets through whose role is high enough, and notes that they came: who in which role, not for whom."""
    least, takes_json = LEAST_ROLE[name], any(map(_is_body, parameters.values()))

    def guard(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        role = role_of(_claims(app.current_event.raw_event))
        allowed = role is not None and role >= least
        told = role.name.lower() if role else "none"
        logger.info("admin request", route=name, role=told, allowed=allowed, id=_own(app.request.path_parameters))
        if not allowed:
            raise Forbidden(f"this needs the role {least.name.lower()}; the token gives {told}")
        _refuse_unknown(app.current_event.query_string_parameters, frozenset(parameters))
        if takes_json:
            _refuse_what_is_no_json(app.current_event)
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


def _is_body(parameter: Parameter) -> bool:
    return any(isinstance(each, Body) for each in getattr(parameter.annotation, "__metadata__", ()))


def _refuse_what_is_no_json(event: APIGatewayProxyEventV2) -> None:
    """Powertools would also take it apart as a form, and fall over those that are none."""
    kind = event.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind not in (JSON, ""):
        raise Unanswerable(f"the body should be {JSON}", [Fault(where="body", message=f"should be {JSON}")])
    _text_of_body()


# Customers


PAGED: Mapping[str, Any] = {
    "Link": {"description": 'Of a table: the next page, `rel="next"`.', "schema": {"type": "string"}}
}
TABLE: Mapping[str, Any] = {CSV: {"schema": {"type": "string"}}}


@ask(
    "GET /customers",
    {
        200: {
            "description": "A page; as a table where `Accept` asks for text/csv.",
            "headers": dict(PAGED),
            "content": {JSON: {"model": FoundCustomers}, **TABLE},
        }
    },
)
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
) -> Response[str]:
    """Find customers: one by email, phone or order, or many by stage, label and band.

    Names and addresses are masked for every role. A list is walked a bounded piece at a time: a page may be short and
    yet have a cursor. Without `store` one is looked up in the default store, and a list shows those of all stores.
    """
    clues = [Clue(kind, value) for kind, value in (("email", email), ("phone", phone), ("order", order)) if value]
    if clues and (len(clues) > 1 or stage or label or band or cursor):
        raise Unanswerable("look up by one of email, phone and order alone, or list by stage, label and band")
    which, as_table = Filter(stage, label, band, store), "csv" in api.current_event.headers.get("accept", "")
    if as_table and not clues:
        return _table(*desk().listed(which, limit, cursor))
    found = desk().find(clues[0], store) if clues else desk().browse(which, limit, cursor)
    return Response(200, JSON, found.model_dump_json())


def _table(text: str, cursor: str | None) -> Response[str]:
    """A table to be saved as a file; where there is more, the address of the next page."""
    event = api.current_event
    headers = {"Content-Disposition": 'attachment; filename="table.csv"', "Cache-Control": "no-store"}
    if cursor:
        asked = {**(event.query_string_parameters or {}), "cursor": cursor}
        headers["Link"] = f'<{event.path}?{urlencode(asked)}>; rel="next"'
    return Response(200, tables.MEDIA_TYPE, text, headers)


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


@ask("GET /customers/{id}/messages/{message}/why")
def why_a_message(id: CustomerId, message: MessageId) -> Why:  # noqa: A002
    """Why a customer got a message: play, rule, consent and its proof, hours and caps at that time, text, outcome."""
    return why_desk().why(id, message)


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
    kind, write = (YAML, policy_yaml) if "yaml" in asked else (JSON, policy_as_edited)
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
    body = PolicyChanged(version=policy.version, warnings=desk().warnings(policy)).model_dump_json()
    return Response(200, JSON, body, {"ETag": f'"{policy.version}"'})


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise Unconditional("read what you change first, and send its ETag as If-Match")
    if not (named := VERSION.fullmatch(if_match.strip())):
        raise problems.Outdated('If-Match names one version, as the ETag gave it: "3"')
    return int(named[1])


def _text_of_body() -> str:
    text, event = api.current_event.body or "", api.current_event
    try:
        return b64decode(text).decode() if event.is_base64_encoded else text
    except UnicodeDecodeError:
        raise Unanswerable("the body is not UTF-8") from None


# Templates

VERSIONED: Mapping[int, OpenAPIResponse] = {
    200: {
        "description": "The document; `ETag` is its version, and 0 the one that came with the product.",
        "headers": {"ETag": {"description": 'The version, quoted: "3"', "schema": {"type": "string"}}},
        "content": {JSON: {"schema": {"type": "object"}}, YAML: {"schema": {"type": "string"}}},
    }
}
TEXT_CHANGED: Mapping[int, OpenAPIResponse] = {
    200: {
        "description": "It is in force from now on; senders that are at work take it up within a minute.",
        "headers": {"ETag": {"description": "Its version, quoted.", "schema": {"type": "string"}}},
        "content": {JSON: {"model": TemplateChanged}},
    }
}


@ask("GET /templates")
def list_templates() -> Templates:
    """All templates, the layout around them and the words of tasks: version, languages, channels, plays."""
    return template_desk().list()


@ask("GET /templates/{id}", VERSIONED)
def read_a_template(
    id: TemplateName,  # noqa: A002
    version: Annotated[int | None, Query(ge=0, le=999_999_999, description="Without: the one in force.")] = None,
) -> Response[str]:
    """A template in all its languages, as JSON, or as YAML where `Accept` asks for it."""
    from perennial.admin.templates import template_yaml

    found = template_desk().read(id, version)
    is_yaml = "yaml" in api.current_event.headers.get("accept", "")
    body = template_yaml(found.document) if is_yaml else json.dumps(found.document, ensure_ascii=False)
    return Response(200, YAML if is_yaml else JSON, body, {"ETag": f'"{found.version}"'})


@ask("PUT /templates/{id}", TEXT_CHANGED)
def change_a_template(
    id: TemplateName,  # noqa: A002
    if_match: Annotated[str | None, Header(alias="If-Match", description="The ETag of the version it changes.")] = None,
) -> Response[str]:
    """Put a template in force, in the place of the version that If-Match names; "0" also for a new one.

    The body is the whole document, YAML or JSON. One that misses a language, names what is not known, is no Jinja or
    costs too many SMS is refused, and all that is wrong is listed.
    """
    return _text_changed(id, template_desk().change(id, _text_of_body(), _version(if_match), _who()))


@ask("POST /templates/{id}/revert", TEXT_CHANGED)
def revert_a_template(
    id: TemplateName,  # noqa: A002
    to: Annotated[Revert, Body()],
    if_match: Annotated[str | None, Header(alias="If-Match", description="The ETag of the version it changes.")] = None,
) -> Response[str]:
    """Put an earlier version of a template in force again, as a new version."""
    return _text_changed(id, template_desk().revert(id, to.version, _version(if_match), _who()))


@ask("POST /templates/{id}/preview")
def preview_a_template(id: TemplateName, asked: Annotated[AskedPreview, Body()]) -> Preview:  # noqa: A002
    """A message as it would leave: to a customer, or to somebody who does not exist; also of a draft."""
    return template_desk().preview(id, asked)


@ask("POST /templates/{id}/test")
def test_a_template(id: TemplateName, asked: Annotated[AskedTest, Body()]) -> TemplateTested:  # noqa: A002
    """Send a template to yourself or to a colleague, marked as a test."""
    return template_desk().test(id, asked, _own_address(asked.channel))


def _text_changed(name: str, changed: TemplateChanged) -> Response[str]:
    logger.info("template changed", template=name, version=changed.version, by=_who())
    return Response(200, JSON, changed.model_dump_json(), {"ETag": f'"{changed.version}"'})


def _own_address(channel: Channel) -> str | None:
    """The caller's email or number, where the token says one that was not left unverified."""
    claims, name = _claims(api.current_event.raw_event), "phone_number" if channel == "sms" else "email"
    is_verified = str(claims.get(f"{name}_verified", "true")).lower() == "true"
    return str(claims[name]) if claims.get(name) and is_verified else None


# Coupons


@ask("GET /coupons/pools")
def list_coupon_pools() -> CouponPools:
    """The pools of imported coupon codes, and how many codes are left in each."""
    return coupon_desk().all()


@ask("POST /coupons/pools/{id}")
def add_coupon_codes(id: PoolId) -> CodesAdded:  # noqa: A002
    """Add codes to a pool; the first make the pool.

    The body is a CSV table with a column `code`, at most 5,000 lines a request. A code that was in the pool before is
    passed over: none goes out twice. With a line that is no code nothing is added.
    """
    added = coupon_desk().add(id, _text_of_body(), _who())
    logger.info("coupon codes added", pool=id, added=added.added, by=_who())
    return added


@ask(
    "GET /coupons/pools/{id}/codes", {200: {"description": "A table.", "headers": dict(PAGED), "content": dict(TABLE)}}
)
def list_coupon_codes(
    id: PoolId,  # noqa: A002
    state: Annotated[State, Query(description="Those that nobody has, or those that an action drew.")],
    limit: Limit = 50,
    cursor: From = None,
) -> Response[str]:
    """The codes of a pool as a CSV table: code, state, and the action that drew it.

    A code is money: who reads them is noted.
    """
    logger.info("coupon codes read", pool=id, by=_who())
    return _table(*coupon_desk().codes(id, state, limit, cursor))


# The emergency stop


@ask("GET /holds")
def list_holds() -> HoldList:
    """Which messages are stopped, since when and by whom; and the latest that were."""
    return hold_desk().all()


@ask("POST /holds")
def stop_messages(asked: Annotated[AskedHold, Body()]) -> HoldShown:
    """Stop all messages, or those of a play, a channel, a purpose or a country, from the next one on.

    They wait until somebody releases or discards them. To stop the same again changes nothing.
    """
    return _noted("stopped", hold_desk().stop(asked, _who()))


@ask("GET /holds/{id}/waiting")
def what_a_hold_stops(id: HoldId) -> HeldMessages:  # noqa: A002
    """How many messages wait under a hold, of which plays and channels, a few of them, and what was done so far."""
    return hold_desk().waiting(id)


@ask("POST /holds/{id}/release")
def release_a_hold(id: HoldId) -> HoldMoved:  # noqa: A002
    """Lift a hold. What waits is judged anew, and leaves if it still may; at most 500 a request."""
    return _noted("released", hold_desk().release(id, _who()))


@ask("POST /holds/{id}/discard")
def discard_what_a_hold_stops(id: HoldId) -> HoldMoved:  # noqa: A002
    """Give up what waits, at most 500 a request. The hold stays in force until it is released."""
    return _noted("discarded", hold_desk().discard(id, _who()))


def _noted(did: str, answer: Moved) -> Moved:
    hold = answer.hold if isinstance(answer, HoldMoved) else answer
    logger.info("emergency stop", did=did, hold=hold.id, by=_who())
    return answer


# Quarantine


@ask("GET /quarantine")
def list_quarantine(
    source: Annotated[str | None, Query(max_length=60)] = None,
    store: StoreName = None,
    reason: Annotated[str | None, Query(max_length=500, description="Or how it begins.")] = None,
    older_than_days: Annotated[int | None, Query(ge=0, le=30)] = None,
    strays: Annotated[
        bool | None, Query(description="true: only what waits for whose it is; false: only the rest.")
    ] = None,
    limit: Limit = 50,
    cursor: From = None,
) -> QuarantinePage:
    """What was authentic and could not be understood, newest first; kept 30 days.

    A filter is applied to a bounded piece of the list: a page may be short, or empty, and yet have a cursor.
    """
    age = None if older_than_days is None else timedelta(days=older_than_days)
    return quarantine_desk().list(Which(source, store, reason, age, strays), limit, cursor)


@ask("GET /quarantine/summary")
def count_quarantine() -> QuarantineSummary:
    """How much is in quarantine, by source, store and reason, and since when."""
    return quarantine_desk().summary()


@ask("GET /quarantine/discarded")
def list_discarded(limit: Limit = 50, cursor: From = None) -> DiscardedPage:
    """What staff gave up, newest first: who, when and why; kept 400 days, without the payload."""
    return quarantine_desk().discarded(limit, cursor)


@ask("GET /quarantine/{id}")
def look_at_quarantined(id: EntryId) -> QuarantinedPayload:  # noqa: A002
    """One entry with what was received; for agents its shape, without what anybody typed."""
    return quarantine_desk().look(id, api.context["role"])


@ask("POST /quarantine/replay")
def replay_all_quarantined(which: Annotated[ReplayAll, Body()]) -> ReplayedAll:
    """Try all entries of a source, store or reason again with today's code, a hundred at a time.

    What stays, stays where it is; go on by `cursor` until it is null.
    """
    return quarantine_desk().replay_all(Which(which.source, which.store, which.reason), which.cursor)


@ask("POST /quarantine/{id}/discard")
def discard_quarantined(id: EntryId, word: Annotated[Discard, Body()]) -> Discarded:  # noqa: A002
    """Give an entry up, and say why: the payload goes, the word stays."""
    return quarantine_desk().discard(id, word.because, _who())


@ask("POST /quarantine/{id}/replay")
def replay_quarantined(id: EntryId) -> Replayed:  # noqa: A002
    """Try an entry again with today's code. What is understood goes out, and the entry away."""
    return quarantine_desk().replay(id)


# Who is the same person


@ask("GET /proposals")
def list_proposals(limit: Limit = 50, cursor: From = None) -> Proposals:
    """Customers who may be one person, and wait for somebody to say so.

    A score orders them; what speaks for it is told by its kinds.
    """
    return family_desk().waiting(limit, cursor)


@ask("POST /proposals/{id}/accept")
def accept_proposal(id: EntryId) -> Answer:  # noqa: A002
    """They are one: the merge is on its way. It can be undone."""
    return family_desk().accept(id, _who())


@ask("POST /proposals/{id}/reject")
def reject_proposal(id: EntryId) -> Answer:  # noqa: A002
    """They are two. It is not asked again, unless other kinds of evidence come up."""
    return family_desk().reject(id, _who())


@ask("POST /customers/{id}/merge")
def merge_customers(id: CustomerId, word: Annotated[Other, Body()]) -> Kinship:  # noqa: A002
    """Make two customers one, without a proposal. Who was known first survives; it can be undone."""
    return family_desk().merge(id, word.other, _who())


@ask("POST /customers/{id}/part")
def part_customers(id: CustomerId, word: Annotated[Other, Body()]) -> Kinship:  # noqa: A002
    """Take somebody out of the customer they were merged into: both are as if they had never met."""
    return family_desk().part(id, word.other, _who())


# Loyalty points


@ask(
    "POST /customers/{id}/points",
    {202: {"description": "It is on its way.", "content": {JSON: {"model": PointsMoved}}}},
)
def adjust_points(
    id: CustomerId,  # noqa: A002
    word: Annotated[AskedPoints, Body()],
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[A-Za-z0-9_-]{8,64}$",
            description="Yours, for this change: asked again under it within 30 days, it is the same change.",
        ),
    ],
) -> Response[str]:
    """Give loyalty points, or take some back.

    Agents together move in a day, for one customer, what the policy's authority table lets go at the customer's stage;
    admins more. Asked again under the same key it is answered as the first time.
    """
    moved = points_desk().adjust(id, word, key, _who(), api.context["role"])
    logger.info("points adjusted", change=moved.id, by=_who())
    return Response(202, JSON, moved.model_dump_json())


# Sources


@ask("GET /sources")
def list_sources() -> Sources:
    """Who sends events, when each was heard last, and whether that is unusually long ago for this hour of the week."""
    return sources_desk().all()


# People's data


@ask("POST /customers/{id}/export")
def export_customer(id: CustomerId, cursor: From = None) -> Export:  # noqa: A002
    """Everything that is kept of a person, to be handed over to them."""
    return privacy_desk().export(id, cursor)


@ask(
    "POST /customers/{id}/erase",
    {202: {"description": "It is on its way, or done already.", "content": {JSON: {"model": Erasure}}}},
)
def erase_customer(id: CustomerId) -> Response[str]:  # noqa: A002
    """Erase a person, for good: their items, and what names them anywhere else.

    Whatever still comes about the time before is let go, and their addresses are not written to again before they
    agree to it anew.
    """
    return Response(202, JSON, privacy_desk().erase(id, _who()).model_dump_json())


@ask("GET /privacy/requests")
def list_privacy_requests(limit: Limit = 50, cursor: From = None) -> PrivacyRequests:
    """What was asked about people's data, by vendors and by staff, and what became of it; newest first."""
    return privacy_desk().asked(limit, cursor)


@ask(
    "POST /privacy/requests/{id}/confirm",
    {202: {"description": "It is on its way.", "content": {JSON: {"model": Erasure}}}},
)
def confirm_privacy_request(id: EntryId) -> Response[str]:  # noqa: A002
    """Let a whole shop be erased, as its vendor asked when the app was uninstalled."""
    return Response(202, JSON, privacy_desk().confirm(id, _who()).model_dump_json())


# Imports


@ask("POST /imports", {201: {"description": "Send the file there.", "content": {JSON: {"model": Begun}}}})
def begin_import(wanted: Annotated[Wanted, Body()]) -> Response[str]:
    """Begin an import of history: say how its columns are to be read, and get the address to PUT the file to.

    It starts when the file has arrived. Nobody is sent anything by it, now or later.
    """
    return Response(201, JSON, import_desk().begin(wanted, api.context["role"]).model_dump_json())


@ask("GET /imports")
def list_imports(limit: Limit = 50, cursor: From = None) -> ImportList:
    """All imports and how far they are, newest first."""
    return import_desk().list(limit, cursor)


@ask("GET /imports/{id}")
def import_progress(id: EntryId) -> Stands:  # noqa: A002
    """How far an import is, and what became of its rows so far."""
    return import_desk().stands(id)


@ask("GET /imports/{id}/report")
def import_report(id: EntryId, limit: Limit = 50, cursor: From = None) -> Report:  # noqa: A002
    """The rows that gave nothing, by the line of the file, and why. It quotes no row; kept seven days."""
    return import_desk().report(id, limit, cursor)


@ask("POST /imports/{id}/cancel")
def cancel_import(id: EntryId) -> Stands:  # noqa: A002
    """Stop an import. What is loaded stays, and importing the file again adds what is missing."""
    return import_desk().cancel(id)


def _who() -> str:
    """The token's subject: an id of the identity provider's own."""
    return str(_claims(api.current_event.raw_event).get("sub", "somebody"))[:128]


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


def _not_taken(_: NotSent) -> Response[str]:
    return _told(Unavailable("the queue did not take all of it; ask again in a moment"))


def _nothing_here(_: NotFoundError) -> Response[str]:
    return _told(NotFound("there is nothing here"))


api.exception_handler_manager.update_exception_handlers(
    {
        Problem: _told,
        RequestValidationError: _misshapen,
        BadCursor: _lost,
        Busy: _busy,
        NotSent: _not_taken,
        NotFoundError: _nothing_here,
    }
)
