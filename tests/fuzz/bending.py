"""Requests as vendors make them, and what no vendor should: the samples of events/ with anything in any place."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import settings
from hypothesis import strategies as st

from infra.local.samples import Sample, is_form, samples
from perennial.ingest import LARGEST_BODY
from perennial.sources import shopify
from tests.fuzz.canaries import STRAY, Person

PERSONS = tuple(Person(number) for number in range(3))
USUAL = 100
"""Examples of a profile that asks for no more than each test says."""
PLACES = 300
"""In so many of a payload's places something may go wrong: all of a real one, and not each of a hundred copies."""
TOWER = "@tower@"
"""Stands in a payload for more brackets than Python's own JSON writes."""


@dataclass(frozen=True)
class Request:
    """Before it is signed."""

    source: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return "/events/demo" if self.source == "open" else f"/webhooks/{self.source}/demo"

    def but(self, **headers: str) -> "Request":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in named}
        return replace(self, headers={**kept, **named})


def examples(number: int) -> int:
    """So many, or as many times more as HYPOTHESIS_PROFILE says."""
    return number * settings().max_examples // USUAL


@cache
def story() -> tuple[Sample, ...]:
    """The samples, brought to today."""
    return tuple(samples(datetime.now(UTC)))


SOURCES = tuple(sorted({sample.source for sample in story()}))


def told_by(sample: Sample, person: Person, number: int) -> Request:
    """The sample, said of this person, under ids that depend on `number`: another number is another delivery."""
    payload = _renumbered(person.within(deepcopy(sample.payload), sample.source), str(number))
    request = Request(sample.source, sample.headers, b"")
    request = replace(request, body=written(request, payload))
    return request.but(x_shopify_event_id=f"e-{number}") if sample.source == "shopify" else request


def written(request: Request, payload: Any, *, is_ascii: bool = False) -> bytes:
    """As this vendor writes: JSON, or a form, where what is no object becomes one field without a value."""
    if is_form(request.headers):
        return urlencode(payload if isinstance(payload, dict) else {str(payload): ""}, errors="replace").encode()
    return json.dumps(payload, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


def payload_of(request: Request) -> Any:
    """What was written."""
    return dict(parse_qsl(request.body.decode())) if is_form(request.headers) else json.loads(request.body)


def _renumbered(payload: Any, number: str) -> Any:
    """With another id of the event itself; orders and tickets stay those that they are."""
    if isinstance(payload, list):
        return [_renumbered(each, number) for each in payload]
    named = {name: f"{payload[name]}-{number}" for name in ("id", "event_id") if isinstance(payload.get(name), str)}
    return {**payload, **named}


# What somebody may write where something else belongs

STRAYS = st.sampled_from([f"{STRAY[0]} Ruiz", f"{STRAY[0]}@example.com", int(f"{STRAY[1]}7"), f"+1{STRAY[1]}7"])
SCALARS = st.sampled_from(
    [
        None, True, False, 0, -1, 2**53 + 1, 10**30, -0.0, 1e-320, 1e308, "", " ", "-1", "1e999", "NaN", "USD", "\x00",
        "\ud800", "\ufffe\uffff", "ﬀ İ ß", "'\"<script>{{7*7}}", "=1+1", "xx-YY", "America", "../../etc/passwd",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-15T12:00:00", "2026-13-45", "12:00",
    ]
)  # fmt: skip
LARGE = st.sampled_from(["x" * 100_000, "\ufffe" * 30_000, "💥" * 50_000, [0] * 3_000, dict.fromkeys("abcdefgh")])
ANYTHING = st.one_of(
    STRAYS,
    SCALARS,
    st.recursive(
        SCALARS | STRAYS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    LARGE,
    st.just(TOWER),
)
Holder = Any
"""A dict or a list of a payload, in which there is something at a key."""


def _delete(draw: st.DrawFn, holder: Holder, key: Any) -> None:
    del holder[key]


def _replace(draw: st.DrawFn, holder: Holder, key: Any) -> None:
    holder[key] = deepcopy(draw(ANYTHING))  # what is sampled is shared, and may be bent next


def _repeat(draw: st.DrawFn, holder: Holder, key: Any) -> None:
    """Lists of hundreds; texts, and whatever else, as lists of themselves; up to twice what a body may hold."""
    many = holder[key] if isinstance(holder[key], list) else [holder[key]]
    times = min(draw(st.sampled_from([2, 30, 600])), 2 * LARGEST_BODY // len(json.dumps(many)))
    holder[key] = [deepcopy(each) for _ in range(times) for each in many]


def _wrap(draw: st.DrawFn, holder: Holder, key: Any) -> None:
    holder[key] = {draw(st.sampled_from([STRAY[0], f"{STRAY[0]}@example.com", "id", ""])): holder[key]}


def _misspell(draw: st.DrawFn, holder: Holder, key: Any) -> None:
    if isinstance(holder, dict):
        holder[draw(st.sampled_from([STRAY[0], f"{key}x", str(key).upper()]))] = holder.pop(key)


BENDS: tuple[Callable[[st.DrawFn, Holder, Any], None], ...] = (_delete, _replace, _replace, _repeat, _wrap, _misspell)


def places(value: Any) -> Iterator[tuple[Holder, Any]]:
    """Everything within: what holds it, and its key there."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@st.composite
def bent(draw: st.DrawFn, source: str) -> Request:
    """A request of this source with up to four things wrong in its payload, and perhaps its bytes and its headers."""
    sample = draw(st.sampled_from([each for each in story() if each.source == source]))
    request = told_by(sample, draw(st.sampled_from(PERSONS)), draw(st.integers(0, 10**9)))
    payload = payload_of(request)
    for _ in range(draw(st.integers(0, 4))):
        if found := list(islice(places(payload), PLACES)):
            draw(st.sampled_from(BENDS))(draw, *found[draw(st.integers(0, len(found) - 1))])
    body = written(request, payload, is_ascii=draw(st.booleans()))
    damage, dress = draw(st.sampled_from(DAMAGES)), draw(st.sampled_from(DRESSES))
    raised = body.replace(f'"{TOWER}"'.encode(), b"[" * 9_000, 9)
    return dress(draw, replace(request, body=damage(draw, raised)))


def astray(sample: Sample) -> Iterator[Request]:
    """The sample with a stray word in the place of each of its fields' names, and of each value."""
    request = told_by(sample, PERSONS[0], 0)
    for number in range(len(list(places(payload_of(request))))):
        for stray in (_stray_name, _stray_value):
            payload = payload_of(request)
            stray(*next(islice(places(payload), number, None)))
            yield replace(request, body=written(request, payload, is_ascii=True))


def _stray_name(holder: Holder, key: Any) -> None:
    if isinstance(holder, dict):
        holder[STRAY[0]] = holder.pop(key)


def _stray_value(holder: Holder, key: Any) -> None:
    holder[key] = STRAY[0] if isinstance(holder[key], str) else {STRAY[0]: int(STRAY[1])}


# What may happen to the bytes


def _as_they_are(draw: st.DrawFn, body: bytes) -> bytes:
    return body


def _cut(draw: st.DrawFn, body: bytes) -> bytes:
    return body[: draw(st.integers(0, len(body)))]


def _no_text(draw: st.DrawFn, body: bytes) -> bytes:
    at = draw(st.integers(0, len(body)))
    return body[:at] + draw(st.sampled_from([b"\xff", b"\xc3(", b"\x00", b"\xed\xa0\x80"])) + body[at:]


def _twice(draw: st.DrawFn, body: bytes) -> bytes:
    """A field that is there already, said first with something else."""
    name = draw(st.sampled_from(["id", "type", "customer", "email", "data", "msg"]))
    return b'{"%s": %s, ' % (name.encode(), json.dumps(draw(SCALARS)).encode()) + body[1:]


def _marked(draw: st.DrawFn, body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def _in_another_alphabet(draw: st.DrawFn, body: bytes) -> bytes:
    return body.decode("utf-8", "replace").encode(
        draw(st.sampled_from(["utf-16", "utf-32", "utf-7", "cp500"])), "replace"
    )


def _zipped(draw: st.DrawFn, body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _padded(draw: st.DrawFn, body: bytes) -> bytes:
    """With blanks to just what is allowed, or to a byte more."""
    return body.ljust(LARGEST_BODY + draw(st.integers(0, 1)))


DAMAGES: tuple[Callable[[st.DrawFn, bytes], bytes], ...] = (
    *[_as_they_are] * 12, _cut, _no_text, _twice, _marked, _in_another_alphabet, _zipped, _padded,
)  # fmt: skip


# What may happen to the headers

TOPICS = (*shopify.TOPICS, *shopify.IGNORED, *shopify.FOR_A_PERSON, STRAY[0], "")


def _plain(draw: st.DrawFn, request: Request) -> Request:
    return request


def _of_another_type(draw: st.DrawFn, request: Request) -> Request:
    kinds = ["text/plain", "application/x-www-form-urlencoded", "application/json;charset=latin-1", "x", ""]
    return request.but(content_type=draw(st.sampled_from(kinds)), content_encoding="gzip")


def _of_another_topic(draw: st.DrawFn, request: Request) -> Request:
    return request.but(x_shopify_topic=draw(st.sampled_from(TOPICS)))


def _at_an_odd_time(draw: st.DrawFn, request: Request) -> Request:
    times = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-15", STRAY[0], "٣"]
    return request.but(x_shopify_triggered_at=draw(st.sampled_from(times)).encode().decode("latin-1"))


def _of_great_length(draw: st.DrawFn, request: Request) -> Request:
    name = draw(st.sampled_from(["x_shopify_event_id", "as_webhook_version", "user_agent", "x_odd"]))
    return request.but(**{name: STRAY[0] * draw(st.sampled_from([30, 1_000, 9_000]))})


DRESSES: tuple[Callable[[st.DrawFn, Request], Request], ...] = (
    *[_plain] * 8, _of_another_type, _of_another_topic, _at_an_odd_time, _of_great_length,
)  # fmt: skip
