"""What API Gateway hands over, as a door wants it."""

from typing import Any

from perennial.aws.requests import read_request
from perennial.sources import URL


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "pathParameters": {"source": "twilio", "store": "demo"},
        "rawPath": "/webhooks/twilio/demo",
        "rawQueryString": "",
        "headers": {"host": "someone.example", "x-a": "1"},
        "requestContext": {"domainName": "abc.execute-api.example.com"},
        "body": "Body=%E2%9C%93",
        "isBase64Encoded": False,
    }
    return event | changes


def test_the_bytes_are_those_that_were_sent() -> None:
    assert read_request(an_event(), "").body == b"Body=%E2%9C%93"
    assert read_request(an_event(body="Qm9keT3/", isBase64Encoded=True), "").body == b"Body=\xff"
    assert read_request(an_event(body=None), "").body == b""


def test_a_route_without_a_source_is_the_open_event_api_s() -> None:
    request = read_request(an_event(pathParameters={"store": "demo"}), "")

    assert (request.source, request.store) == ("open", "demo")


def test_the_address_called_is_the_api_s_own_whatever_host_the_sender_claims() -> None:
    asked = an_event(rawQueryString="action=a1&x=%20")

    assert read_request(an_event(), "").headers[URL] == "https://abc.execute-api.example.com/webhooks/twilio/demo"
    assert read_request(asked, "").headers[URL].endswith("/webhooks/twilio/demo?action=a1&x=%20")


def test_where_something_stands_before_the_api_its_address_was_called() -> None:
    for public in ("https://hooks.example.com", "https://hooks.example.com/"):
        assert read_request(an_event(), public).headers[URL] == "https://hooks.example.com/webhooks/twilio/demo"


def test_no_sender_says_which_address_it_called() -> None:
    claimed = an_event(headers={"x-a": "1", URL: "https://elsewhere.example"})

    assert read_request(claimed, "").headers == {"x-a": "1", URL: read_request(an_event(), "").headers[URL]}
