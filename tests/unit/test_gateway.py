"""The laptop's HTTP API has API Gateway's manners: events, tokens, limits; and is reachable from this machine only."""

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from infra.local.blueprint import Route
from infra.local.http import LOOPBACK, MAX_BODY, Endpoint, Gateway, Request, Response, Server
from infra.local.tokens import VALID_FOR, Invalid, Signer

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SIGNER = Signer("the house's key")
ROUTES = (
    Route("POST", "/webhooks/{source}/{store}", "Webhooks", authorized=False),
    Route("GET", "/customers", "AdminApi", authorized=True),
    Route("GET", "/customers/{id}", "AdminApi", authorized=True),
)


def a_gateway(result: Any = None, seen: list[tuple[str, Any]] | None = None, now: datetime = NOW) -> Gateway:
    def invoke(function: str, event: dict[str, Any]) -> Any:
        if seen is not None:
            seen.append((function, event))
        if isinstance(result, Exception):
            raise result
        return result

    return Gateway(ROUTES, invoke, SIGNER, lambda: now, own={})


def a_request(
    method: str = "POST",
    target: str = "/webhooks/shopify/demo",
    body: bytes = b"{}",
    **headers: str,
) -> Request:
    return Request(method, target, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def event_for(request: Request) -> dict[str, Any]:
    seen: list[tuple[str, Any]] = []
    a_gateway(seen=seen).answer(request)
    event: dict[str, Any] = seen[0][1]
    return event


def test_a_function_gets_its_route_its_parameters_and_its_headers() -> None:
    event = event_for(a_request(target="/webhooks/shopify/my%20shop?a=1&b=2&a=3", content_type="application/json"))

    assert event["routeKey"] == "POST /webhooks/{source}/{store}"
    assert event["pathParameters"] == {"source": "shopify", "store": "my shop"}
    assert event["queryStringParameters"] == {"a": "1,3", "b": "2"}
    assert event["headers"] == {"content-type": "application/json"}
    assert event["version"] == "2.0"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "text/plain", "application/xml"]
)
def test_text_arrives_as_text(kind: str) -> None:
    event = event_for(a_request(body="é".encode(), content_type=kind))

    assert (event["body"], event["isBase64Encoded"]) == ("é", False)


@pytest.mark.parametrize("headers", [{}, {"content_type": "application/x-www-form-urlencoded"}])
def test_a_form_and_a_body_without_a_type_arrive_in_base64(headers: dict[str, str]) -> None:
    event = event_for(a_request(body=b"webhook_id=7", **headers))

    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"webhook_id=7").decode(), True)


def test_no_byte_of_a_body_is_lost_even_if_its_type_lies() -> None:
    event = event_for(a_request(body=b"\xff\xfe", content_type="application/json"))

    assert base64.b64decode(event["body"]) == b"\xff\xfe"


def test_an_empty_body_is_left_out() -> None:
    assert "body" not in event_for(a_request(body=b""))


def test_what_no_route_is_for_is_not_found() -> None:
    assert a_gateway().answer(a_request("GET", "/webhooks/shopify/demo")).status == 404
    assert a_gateway().answer(a_request("POST", "/webhooks/shopify/demo/more")).status == 404


def test_a_valid_token_s_claims_arrive_as_texts() -> None:
    token = SIGNER.token({"sub": "me", "cognito:groups": ["admin", "agent"]}, NOW)

    event = event_for(a_request("GET", "/customers/7", authorization=f"Bearer {token}"))

    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert claims["cognito:groups"] == "[admin agent]"
    assert claims["sub"] == "me"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer not.a.token",
        "Bearer é.é.é",
        f"Basic {SIGNER.token({}, NOW)}",
        f"Bearer {Signer('another key').token({}, NOW)}",
        f"Bearer {SIGNER.token({}, NOW - VALID_FOR)}",
        f"Bearer {SIGNER.token({'aud': 'another house'}, NOW)}",
        f"Bearer {SIGNER.token({}, NOW)[:-2]}",
    ],
    ids=["none", "empty", "nonsense", "not ascii", "another scheme", "forged", "ended", "for another house", "cut"],
)
def test_without_a_valid_token_a_guarded_route_is_closed(authorization: str) -> None:
    seen: list[tuple[str, Any]] = []

    answer = a_gateway(seen=seen).answer(a_request("GET", "/customers/7", authorization=authorization))

    assert answer.status == 401
    assert not seen


def test_a_token_holds_until_the_instant_it_ends() -> None:
    token = SIGNER.token({}, NOW)

    assert SIGNER.read(token, NOW + VALID_FOR - timedelta(seconds=1))
    with pytest.raises(Invalid):
        SIGNER.read(token, NOW + VALID_FOR)


def test_a_function_s_answer_is_passed_on() -> None:
    result = {"statusCode": 207, "headers": {"ETag": '"3"'}, "body": "aGk=", "isBase64Encoded": True}

    answer = a_gateway(result).answer(a_request())

    assert (answer.status, answer.headers["etag"], answer.body) == (207, '"3"', b"hi")


def test_a_function_that_raises_is_answered_500_without_its_words() -> None:
    answer = a_gateway(RuntimeError("ana@example.com")).answer(a_request())

    assert (answer.status, answer.body) == (500, b'{"message": "Internal Server Error"}')


@contextmanager
def served(answer: Endpoint) -> Iterator[http.client.HTTPConnection]:
    server = Server(0, answer)
    Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        with closing(http.client.HTTPConnection(LOOPBACK, server.server_address[1], timeout=5)) as connection:
            yield connection
    finally:
        server.shutdown()
        server.server_close()


def echo(request: Request) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(dict(request.headers)).encode())


def test_the_server_listens_on_loopback_only() -> None:
    server = Server(0, echo)

    with closing(server.socket):
        assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_body_over_the_gateway_s_limit_is_refused_before_it_is_read() -> None:
    with served(echo) as connection:
        connection.putrequest("POST", "/webhooks/shopify/demo")
        connection.putheader("content-length", str(MAX_BODY + 1))
        connection.endheaders()

        assert connection.getresponse().status == 413


def test_a_body_of_unknown_length_is_refused() -> None:
    with served(echo) as connection:
        connection.putrequest("POST", "/webhooks/shopify/demo")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()

        assert connection.getresponse().status == 411


def test_header_names_arrive_in_lower_case_and_repeated_ones_joined() -> None:
    with served(echo) as connection:
        connection.putrequest("POST", "/x")
        connection.putheader("X-Shopify-Topic", "a")
        connection.putheader("x-shopify-topic", "b")
        connection.endheaders()

        assert json.loads(connection.getresponse().read())["x-shopify-topic"] == "a,b"


def test_a_stream_arrives_piece_by_piece_to_its_end() -> None:
    with served(lambda _: Response(200, {}, iter([b"one\n", b"two\n"]))) as connection:
        connection.request("POST", "/_house/clock")

        assert connection.getresponse().read() == b"one\ntwo\n"
