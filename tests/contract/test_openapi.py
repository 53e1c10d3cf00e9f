"""docs/openapi.json, the code, the roles and the template speak of the same API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local import openapi, template
from perennial.admin.roles import LEAST_ROLE

DOCUMENT = json.loads(openapi.FILE.read_text(encoding="utf-8"))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_what_the_code_says() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "write it anew: make openapi"


def test_every_route_has_its_least_role_and_no_other_is_there() -> None:
    assert {name: operation["x-least-role"] for name, operation in operations()} == {
        name: role.name.lower() for name, role in LEAST_ROLE.items()
    }


def test_the_template_has_exactly_these_routes_and_guards_each() -> None:
    events = template.read()["Resources"]["AdminApi"]["Properties"]["Events"].values()

    assert sorted(f"{each['Properties']['Method']} {each['Properties']['Path']}" for each in events) == sorted(
        LEAST_ROLE
    )
    assert {each["Properties"]["Auth"]["Authorizer"] for each in events} == {"Staff"}


@pytest.mark.parametrize("name", LEAST_ROLE)
def test_every_refusal_is_a_problem(name: str) -> None:
    responses = dict(operations())[name]["responses"]

    refusals = {status: set(told.get("content", {})) for status, told in responses.items() if status[0] != "2"}
    assert {"403", "422", "503"} <= refusals.keys()
    assert refusals.pop("401") == set()
    assert all(kinds == {"application/problem+json"} for kinds in refusals.values())
    assert ("404" in refusals) == ("{id}" in name)


def test_what_is_referred_to_is_there_and_what_is_there_is_referred_to() -> None:
    used = set(openapi.references(DOCUMENT))

    assert used == DOCUMENT["components"]["schemas"].keys()


def test_each_operation_is_told_in_words() -> None:
    assert all(operation["summary"].endswith(".") for _, operation in operations())
