"""Whatever comes in through the doors of the running house: answered at once, never 5xx, nothing lost, nothing told."""

import base64
import gzip
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.signing import signed
from infra.local.state import Keys
from perennial.ingest import LARGEST_BODY, MOST_PARTS
from perennial.sources.open_events import MEDIA_TYPES
from tests.fuzz.bending import PERSONS, SOURCES, Request, astray, bent, examples, story, told_by
from tests.fuzz.canaries import PERSONAL, STRAY, Person, leaks
from tests.fuzz.running import ANSWERS_WITHIN, Answer, RunningHouse
from tests.fuzz.sending import deliver, signature

ERASABLE = ("PROFILE", "CONSENT#", "CONTENT#", "CHUNK#")
"""How the sort keys of items begin that may name people; the last are what quarantine keeps as it came."""


def allowed(request: Request) -> set[int]:
    """The answers that docs/events.md has for such a request, signed as it should be."""
    if len(request.body) > LARGEST_BODY:
        return {413}
    if request.source != "open":
        return {200}
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if not is_text(request.body):
        return {401}
    return {200, 413} if kind.partition(";")[0].strip().lower() in {"", *MEDIA_TYPES} else {415}


def is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def accounted(answer: Answer) -> int:
    """How many parts of a delivery are told of; events that one part gave count together."""
    told = answer.json
    return bool(told["accepted"]) + len(told["quarantined"]) + len(told["ignored"])


# ── signed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_a_trusted_sender_sends_is_answered_and_dealt_with(house: RunningHouse, source: str) -> None:
    @settings(max_examples=examples(120), suppress_health_check=list(HealthCheck))
    @given(request=bent(source))
    def storm(request: Request) -> None:
        answer = deliver(house, request)

        assert answer.status in allowed(request), answer.body[:500]
        assert answer.status != 200 or accounted(answer) or request.body.strip() == b"[]"

    storm()

    assert house.settles() == {}


ORDERS = {"X-Shopify-Topic": "orders/create"}
ORDER = {"id": 1, "email": "ana@example.com", "total_price": "10.00", "currency": "USD"}


def an_order(**fields: object) -> Request:
    return Request("shopify", ORDERS, json.dumps({**ORDER, **fields}, ensure_ascii=False).encode())


def a_viewing(number: int = 0, **customer: object) -> dict[str, object]:
    data = {"customer": {"id": "c", **customer}}
    return {"id": f"e-{number}", "source": "s", "type": "product.viewed", "data": data}


def events(*events: object) -> Request:
    return Request("open", {}, json.dumps(events).encode())


EXTREMES = {
    "a tower of brackets": (Request("open", {}, b"[" * LARGEST_BODY), 200),
    "a tower of braces": (Request("zendesk", {}, b'{"id":' * (LARGEST_BODY // 6)), 200),
    "a number of a million digits": (Request("aftership", {}, b'{"msg": %s}' % (b"9" * (LARGEST_BODY - 10))), 200),
    "one field a hundred thousand times": (Request("shopify", ORDERS, b"{%s1}" % (b'"id":1,' * 100_000)), 200),
    "as many events as a batch may have": (events(*map(a_viewing, range(MOST_PARTS))), 200),
    "an event more than a batch may have": (events(*map(a_viewing, range(MOST_PARTS + 1))), 413),
    "half a million of nothing": (Request("open", {}, b"[%s0]" % (b"0," * 500_000)), 413),
    "ninety thousand parcels": (an_order(fulfillments=[{"id": 1}] * 90_000), 200),
    "500 items in 500 parcels": (
        an_order(line_items=[{"title": "x" * 500}] * 500, fulfillments=[{"id": 1}] * 500),
        200,
    ),
    "what grows on its way to a queue": (an_order(line_items=[{"title": "\ufffe" * 500}] * 500), 200),
    "somebody whom two hundred know": (events(a_viewing(ids={f"v{number}": "1" for number in range(200)})), 200),
    "a bomb": (Request("open", {"content-encoding": "gzip"}, gzip.compress(b"0" * 10**8, mtime=0)), 401),
    "nothing": (Request("open", {}, b""), 200),
}


@pytest.mark.parametrize("extreme", EXTREMES)
def test_no_size_makes_it_slow_or_fail(house: RunningHouse, extreme: str) -> None:
    request, status = EXTREMES[extreme]

    began = time.monotonic()
    answer = deliver(house, request)

    assert answer.status == status, answer.body[:500]
    assert time.monotonic() - began < ANSWERS_WITHIN
    assert len(answer.body) < LARGEST_BODY
    assert house.settles() == {}


# ── not signed ───────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def forged(draw: st.DrawFn, keys: Keys) -> tuple[Request, dict[str, str], str]:
    """A request, the headers that are to prove it, and the path: one of the three is not as it should be."""
    source = draw(st.sampled_from(SOURCES))
    request, stranger = draw(bent(source)), draw(st.sampled_from(sorted(set(SOURCES) - {source})))
    secret, path = keys.webhooks[source][0], request.path
    match draw(st.sampled_from(["unsigned", "another's secret", "of another body", "garbage", "of another store"])):
        case "unsigned":
            return request, {}, path
        case "another's secret":
            return request, signature(request, "whsec_" + b64(keys.webhooks[stranger][0])), path
        case "of another body" if (proof := of_another_body(request, secret)) != signature(request, secret):
            return request, proof, path
        case "garbage":
            proof = signature(request, secret)
            return request, {name: draw(GARBAGE) for name in proof}, path
    store = draw(st.sampled_from(["other", "DEMO", "demo%00", "%2e%2e", "d%C3%A9mo", "%ff", "demo%0a", STRAY[0]]))
    return request, signature(request, secret), path.replace("demo", store)


def of_another_body(request: Request, secret: str) -> dict[str, str]:
    """The same as of its own where the vendor signs nothing and only shows a key."""
    return signature(replace(request, body=request.body + b" "), secret)


GARBAGE = st.sampled_from(["", " ", "A" * 44, "v1,", "=" * 9, "\xe9\xff", "0", "99999999999", "x" * 9_000, STRAY[0]])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_whatever_is_not_signed_is_refused_and_leaves_nothing(house: RunningHouse) -> None:
    keys, before = house.state.keys(), house.items()

    @settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
    @given(delivery=forged(keys))
    def storm(delivery: tuple[Request, dict[str, str], str]) -> None:
        request, proof, path = delivery

        answer = house.ask("POST", path, request.body, {**request.headers, **proof})

        assert answer.status == (413 if len(request.body) > LARGEST_BODY else 401), answer.body[:500]

    storm()

    assert house.items() == before
    assert house.settles() == {}


@pytest.mark.parametrize("minutes", [-6, 6, -(10**6), 10**6])
@pytest.mark.parametrize("source", ["open", "zendesk"])
def test_a_recording_is_refused(house: RunningHouse, source: str, minutes: int) -> None:
    request = next(told_by(sample, PERSONS[0], 1) for sample in story() if sample.source == source)
    secret, then = house.state.keys().webhooks[source][0], datetime.now(UTC) + timedelta(minutes=minutes)

    answer = house.ask("POST", request.path, request.body, signed(source, request.body, {}, secret, then))

    assert answer.status == 401


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_in_quarantine_can_be_tried_again(house: RunningHouse) -> None:
    kept = [entry["id"] for entry in house.staff("GET", "/quarantine?limit=200").json["entries"]]

    answers = [house.staff("POST", f"/quarantine/{entry}/replay") for entry in kept]

    assert {answer.status for answer in answers} <= {200, 404}  # one may let another go
    assert house.settles() == {}


def test_the_house_still_does_its_work(house: RunningHouse) -> None:
    data = {"customer": {"email": "after@example.com"}, "order": {"id": "after"}}
    event = {"id": "after", "source": "fuzz", "type": "order.placed", "data": data}

    answer = deliver(house, Request("open", {}, json.dumps(event).encode()))

    assert answer.json == {"accepted": 1, "quarantined": [], "ignored": []}
    assert house.settles() == {}
    assert len(house.staff("GET", "/customers?email=after@example.com").json["customers"]) == 1


def test_nobody_is_named_where_it_cannot_be_erased(house: RunningHouse) -> None:
    """In all that the tests of this file did, in the whole story of the samples, and in a month after it."""
    for person, sample in product(PERSONS, story()):
        assert deliver(house, told_by(sample, person, person.number)).status == 200
    deliver(house, an_order(id=9, email=Person(9).email))  # in the story each has complained, and gets no mail
    house.passes("30d")
    assert house.settles() == {}

    erasable = {key: text for key, text in house.items() if key.sk.startswith(ERASABLE)}
    kept = {key: text for key, text in house.items() if key not in erasable}

    named = {key.sk.partition("#")[0] for key, text in erasable.items() if leaks([text], PERSONAL)}
    assert {"PROFILE", "CONTENT"} <= named, "the canaries are where they may be, and would be seen elsewhere"
    assert leaks(house.mail(), PERSONAL), "senders have been at work"
    assert leaks(kept.values(), PERSONAL) == []
    assert leaks([f"{key.pk} {key.sk}" for key in [*kept, *erasable]], PERSONAL) == []


def test_nothing_that_was_sent_is_told_by_log_or_queue_name(house: RunningHouse) -> None:
    firsts = [next(each for each in story() if each.source == source) for source in SOURCES]

    for request in (request for sample in firsts for request in astray(sample)):
        assert leaks([deliver(house, request).body.decode()], (*PERSONAL, *STRAY)) == []
    assert house.settles() == {}

    assert "webhook answered" in house.logged()
    assert len(house.groups()) > 1
    assert leaks([*house.says().splitlines(), *house.groups()], (*PERSONAL, *STRAY)) == []
    assert leaks(house.logged().splitlines(), house.secrets()) == []
