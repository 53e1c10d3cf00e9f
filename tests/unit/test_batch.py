"""A batch of a lane: what cannot be read or applied comes again, alone, and is told of without quoting anybody."""

from typing import Any

import pytest
from pydantic import ValidationError

from perennial.batch import Failure, read_batch
from perennial.domain.events import Person
from tests.builders import an_event


def records(*bodies: str) -> list[dict[str, Any]]:
    return [{"messageId": f"m-{number}", "body": body} for number, body in enumerate(bodies)]


def test_what_cannot_be_read_comes_again_and_the_rest_is_read() -> None:
    good = an_event("product.used")

    batch = read_batch(records("not json", good.to_json(), '{"type":"product.used"}'))

    assert batch.events == (good,)
    assert batch.messages == ("m-1",)
    assert [failure.message for failure in batch.failures({})] == ["m-0", "m-2"]


def test_what_could_not_be_applied_comes_again_by_its_own_message() -> None:
    one, other = an_event("product.used"), an_event("product.viewed")

    batch = read_batch(records("{}", one.to_json(), other.to_json()))

    assert batch.failures({1: ValueError("about Mia")})[1:] == (Failure("m-2", "product.viewed", "ValueError"),)


def test_a_message_of_several_events_comes_again_as_a_whole() -> None:
    mias, others = [an_event("product.used"), an_event("product.viewed")], an_event("product.used")
    several = "\n".join(event.to_json() for event in mias)

    batch = read_batch(records(several, others.to_json()))

    assert batch.events == (*mias, others)
    assert [failure.message for failure in batch.failures({1: ValueError()})] == ["m-0"]


def test_a_message_of_which_one_event_cannot_be_read_is_not_read_at_all() -> None:
    batch = read_batch(records(an_event("product.used").to_json() + "\nnot json"))

    assert batch.events == ()
    assert [failure.message for failure in batch.failures({})] == ["m-0"]


def an_error_that_quotes(email: str) -> ValidationError:
    with pytest.raises(ValidationError) as wrong:
        Person.model_validate({"email": [email], email: 1})
    return wrong.value


def test_no_failure_quotes_what_was_in_the_message() -> None:
    body = an_event("product.used").to_json().replace('"email":"mia@example.com"', '"mia@example.com":["mia"]')

    batch = read_batch(records(body, an_event("product.used").to_json()))
    told = batch.failures({0: an_error_that_quotes("mia@example.com")})

    assert [failure.message for failure in told] == ["m-0", "m-1"]
    assert told[0].reason == "1 fields do not fit: extra_forbidden"
    assert not [failure for failure in told if "mia" in str(failure)]
