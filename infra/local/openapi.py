"""Writes docs/openapi.json, the admin API as its code declares it: python -m infra.local.openapi"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from infra.local import template
from perennial.admin import problems
from perennial.admin.api import YAML, api
from perennial.admin.problems import ProblemBody
from perennial.admin.roles import LEAST_ROLE

FILE = template.ROOT / "docs" / "openapi.json"
ABOUT = (
    "What staff and their console may see and change. A bearer token of your identity provider says who asks; its "
    "`roles` or `cognito:groups` say in which role: viewer, agent or admin. A refusal is a problem after RFC 9457."
)
REFUSALS = {
    "401": "No valid token.",
    "403": "The token's role is too low.",
    "404": "There is no such thing.",
    "422": "The request makes no sense; `errors` say why.",
    "503": "The table is busy; ask again in a moment.",
}
CONDITIONAL = {
    "412": "It has another version by now.",
    "428": "If-Match is missing.",
}
_REF = "#/components/schemas/"
CHANGES: Mapping[str, dict[str, str] | None] = {
    "PUT /policy": {"$ref": _REF + "Policy"},
    "PUT /templates/{id}": {"type": "object"},
    "POST /templates/{id}/revert": None,
}
"""Route that wants If-Match -> the document that is its body; None: the handler declares its body itself."""


def document() -> dict[str, Any]:
    """The OpenAPI document: what Powertools reads from the code, with our roles and problems."""
    text = api.get_openapi_json_schema(
        title="Perennial admin API",
        version="1",
        description=ABOUT,
        security_schemes={"staff": HTTPBearer(bearerFormat="JWT")},
        security=[{"staff": []}],
    )
    made: dict[str, Any] = json.loads(text)
    made.pop("servers", None)
    made["components"]["schemas"] |= _problem_schemas()
    for name, least in LEAST_ROLE.items():
        method, path = name.split(" ")
        operation = made["paths"][path][method.lower()]
        operation["x-least-role"] = least.name.lower()
        operation["responses"] = _responses(method, path, operation["responses"])
        if f"{method} {path}" in CHANGES:
            _tell_of_change(operation, CHANGES[f"{method} {path}"])
    _drop_unused(made["components"]["schemas"], made["paths"])
    return made


def _problem_schemas() -> dict[str, Any]:
    schema = ProblemBody.model_json_schema(ref_template=_REF + "{model}", mode="serialization")
    return {**schema.pop("$defs"), "ProblemBody": schema}


def _responses(method: str, path: str, said: dict[str, Any]) -> dict[str, Any]:
    refusals = dict(REFUSALS if "{id}" in path else {code: why for code, why in REFUSALS.items() if code != "404"})
    if f"{method} {path}" in CHANGES:
        refusals |= CONDITIONAL
    problem = {problems.MEDIA_TYPE: {"schema": {"$ref": _REF + "ProblemBody"}}}
    told = {code: {"description": why, "content": problem} for code, why in sorted(refusals.items())}
    told["401"].pop("content")  # the gateway's own answer
    return {**{code: answer for code, answer in said.items() if str(code).startswith("2")}, **told}


def _tell_of_change(operation: dict[str, Any], document: dict[str, str] | None) -> None:
    """The handler reads body and If-Match itself, so that mistakes have lines and a missing version its own answer."""
    header = next(each for each in operation["parameters"] if each["in"] == "header")
    header |= {"name": "If-Match", "required": True, "schema": {"type": "string"}}
    if document is None:
        return
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": document},
            YAML: {"schema": {"type": "string", "description": "The same document, with comments where you like."}},
        },
    }


def _drop_unused(schemas: dict[str, Any], paths: Any) -> None:
    """Powertools describes validation errors of its own, which we never answer."""
    used, more = set[str](), set(references(paths))
    while more:
        used |= more
        more = {name for each in more for name in references(schemas[each])} - used
    for name in schemas.keys() - used:
        del schemas[name]


def references(node: Any) -> Iterator[str]:
    """Names of the schemas that this part of a document refers to."""
    match node:
        case {"$ref": str(ref)}:
            yield ref.removeprefix(_REF)
        case dict():
            yield from (name for each in node.values() for name in references(each))
        case list():
            yield from (name for each in node for name in references(each))


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write(file: Path = FILE) -> None:
    file.write_text(text(), encoding="utf-8")
    print(f"{file} is as the code says")


if __name__ == "__main__":
    write()
