"""Events are read by the model of their own type, and no more models are made for it than types have come."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from perennial.domain.events import NOBODY, BaseEvent, Event, ProductViewed, event_adapter, impersonal, parse_event
from tests.builders import a_ticket_event, an_event, placed


def with_its_type_last(event: Event) -> str:
    said: dict[str, Any] = from_json(event.to_json())
    return to_json({**{name: value for name, value in said.items() if name != "type"}, "type": event.type}).decode()


@pytest.mark.parametrize("event", [placed(name="#1"), an_event("product.viewed"), a_ticket_event("opened", text="?")])
def test_where_the_type_stands_in_the_json_makes_no_difference(event: Event):
    assert parse_event(with_its_type_last(event)) == parse_event(event.to_json()) == event


def test_text_and_bytes_are_read_alike():
    event = an_event("product.viewed", product="Fußball")

    assert parse_event(event.to_json()) == parse_event(event.to_json().encode()) == event


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "7", '"product.viewed"', "{}", '{"type":null}', '{"type":["product.viewed"]}',
        '{"type":"product.eaten"}', '{"type":"product.viewed"', '{"type":"product.viewed"}', b'{"type":"order.paid\xff',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_as_one_thing(body: str | bytes):
    with pytest.raises(ValidationError):
        parse_event(body)


def test_of_two_types_in_one_json_neither_is_believed():
    body = an_event("product.viewed").to_json()

    with pytest.raises(ValidationError):
        parse_event(body[:-1] + ',"type":"product.used"}')


def test_a_refusal_does_not_quote_what_was_said():
    said = an_event("product.viewed").to_json().replace("mia@example.com", "m" * 400)

    for body in (said, said.replace('"type":"product.viewed",', "")[:-1] + ',"type":"product.viewed"}'):
        with pytest.raises(ValidationError) as refused:
            parse_event(body)
        assert "mmm" not in str(refused.value)


def test_an_event_that_was_read_already_is_taken_as_it_is():
    event = an_event("product.viewed")

    assert event_adapter.validate_python(event) is event


def test_who_is_not_named_is_nobody():
    event = parse_event(
        '{"type":"product.viewed","id":"e","source":"s","store":"demo","time":"2026-06-15T12:00:00Z","data":{}}'
    )

    assert isinstance(event, ProductViewed)
    assert event.data.customer is NOBODY
    assert impersonal(event) is event


READ_AND_DECIDE = """
import sys

from perennial.aws.documents import default_policy
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, impersonal, parse_event
from perennial.domain.journal import Entry
from perennial.policy_document import shipped_policy

event = parse_event(sys.argv[1])
entry = decide(Customer(id="c1", store="demo"), event, shipped_policy(default_policy(), 1), event.time).entry
written = entry.model_dump_json(exclude_defaults=True)
assert Entry.model_validate_json(written).event == impersonal(event)
print(*(each.__name__ for each in Event.__args__ if each.__pydantic_complete__))
"""


@pytest.mark.parametrize("written", [BaseEvent.to_json, with_its_type_last])
def test_the_first_event_has_the_model_of_its_own_type_made_and_no_other(written: Callable[[Event], str]):
    """Those of all types would take a cold start longer than any other of its steps."""
    program = [sys.executable, "-c", READ_AND_DECIDE, written(an_event("product.viewed"))]
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}

    done = subprocess.run(program, capture_output=True, text=True, check=True, env=paths)

    assert done.stdout.split() == ["ProductViewed"]
