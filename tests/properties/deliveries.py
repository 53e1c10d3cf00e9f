"""What vendors might send: the samples of events/ with anything in any place, any JSON, any bytes, any headers."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from perennial.ingest import SOURCES
from perennial.sources import freshdesk, intercom, shopify, zendesk

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = sorted([*EVENTS.glob("*/*.json"), *EVENTS.glob("apart/*/*.json")])
Holder = dict[str, Any] | list[Any]


class Request(NamedTuple):
    source: str
    headers: Mapping[str, str]
    body: bytes


def raw(json: str) -> str:
    """What stands in the body as it is here, and not as text: JSON that no Python value makes."""
    return f"<<raw {json} raw>>"


_RAW = re.compile(r'"<<raw (.*?) raw>>"')

# Anything

odd_words = st.sampled_from(
    (
        "", " ", "0", "-1", "-0.0", "1e999", "9e999999999", "NaN", "Infinity", "1,50", "USD", "usd", "null", "true",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-01", "2026-02-30T00:00:00Z",
        "2026-06-01T12:00", "\0", "1780000000", "../../etc/passwd", "<script>", "{{7*7}}", "\ud800",
        "\udfff\ud800", "ǅ", "😀", "١٢٣", "Ａ@ｂ.c", "x" * 301, "ñ" * 20_001, "a@" * 200 + "b.c",
        "zen:event-type:", "-" * 100, "1" * 400,
    )
)  # fmt: skip
odd_numbers = st.sampled_from(
    (
        0, -1, 2**31, 2**63, 2**64, 10**30, -(10**400), 1.5, -0.0, 1e308, 1e-320, 5e15, raw("NaN"), raw("-Infinity"),
        raw("1e999"), raw("0e999999999"), raw("9" * 4_400), raw("1E400"), raw("-0"), raw("01"), raw("{'a':1}"),
    )
)  # fmt: skip
towers = st.sampled_from((20, 200, 100_000)).map(lambda depth: raw("[" * depth + "]" * depth))
scalars = st.one_of(st.none(), st.booleans(), odd_numbers, odd_words, st.integers(), st.floats(), st.text(max_size=20))
anything: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


# Anything in any place of a sample


def places(value: Any) -> Iterator[tuple[Holder, Any]]:
    """(container, key) of everything within."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


SOURCES_WITH_SAMPLES = [[*paths] for _, paths in groupby(SAMPLES, key=lambda path: path.parent.name)]


@cache
def sample(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


WAYS = ("gone", "null", "odd", "tower", "wrapped", "swapped", "as text") + ("of its kind",) * 5
"""What is of its kind is taken for what it is by more of the code."""


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """The body with one thing in it gone, replaced, wrapped, or where another belongs."""
    body = deepcopy(body)
    found = list(places(body))
    holder, key = draw(st.sampled_from(found))
    way = draw(
        st.sampled_from(("gone", "null", "odd", "tower", "wrapped", "swapped", "as text") + ("of its kind",) * 5)
    )
    match way:
        case "gone":
            del holder[key]
        case "swapped":
            other, name = draw(st.sampled_from(found))
            holder[key], other[name] = deepcopy(other[name]), deepcopy(holder[key])
        case _:
            holder[key] = draw(REPLACED[way](holder[key]))
    return body


REPLACED: Mapping[str, Callable[[Any], st.SearchStrategy[Any]]] = {
    "null": lambda value: st.none(),
    "odd": lambda value: scalars,
    "of its kind": lambda value: odd_words if isinstance(value, str) else scalars,
    "tower": lambda value: towers,
    "wrapped": lambda value: st.sampled_from(([value], {"": value}, [value, value], [[]], {})),
    "as text": lambda value: st.just(value if isinstance(value, str) else json.dumps(value)),
}


@st.composite
def spoilt_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """Mostly as they are; else cut short, with something before or behind them, or one byte wrong."""
    at = draw(st.integers(0, len(body)))
    junk = draw(st.sampled_from((b"\xff", b"\x00", b"}", b"\xef\xbb\xbf", b"\x1f\x8b", b" ", b"\xed\xa0\x80")))
    ways = (body,) * 12 + (body[:at], junk + body, body + junk, body[:at] + junk + body[at + 1 :])
    chosen: bytes = draw(st.sampled_from(ways))
    return chosen


def written(value: Any, is_ascii: bool) -> bytes:
    """As JSON, with all that Python's writer allows and no vendor's should."""
    text = json.dumps(value, ensure_ascii=is_ascii)
    return _RAW.sub(r"\1", text).encode("utf-8", "surrogatepass")


odd_headers = st.sampled_from(
    (
        "",
        " ",
        "x" * 5_000,
        "ñ中😀",
        "2026-06-15T12:00:00",
        "0001-01-01T00:00:00+14:00",
        "orders/create",
        "a\r\nb: c",
        "\0",
    )
)


@st.composite
def spoilt_headers(draw: st.DrawFn, headers: dict[str, str]) -> dict[str, str]:
    """Mostly as they are; else one is gone or odd."""
    name = draw(st.sampled_from(sorted(headers)))
    if draw(st.integers(0, 5)):
        return headers
    if draw(st.booleans()):
        return {each: value for each, value in headers.items() if each != name}
    return {**headers, name: draw(odd_headers)}


@st.composite
def spoilt_samples(draw: st.DrawFn) -> Request:
    path = draw(st.sampled_from(draw(st.sampled_from(SOURCES_WITH_SAMPLES))))
    told = sample(path)
    body = told["body"]
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        body = draw(spoilt(body)) if isinstance(body, dict | list) and body else body
    raw = draw(spoilt_bytes(written(body, draw(st.booleans()))))
    return Request(path.parent.name, draw(spoilt_headers(dict(told["headers"]))), raw)


def with_each_place_odd(path: Path, odd: Sequence[Any]) -> Iterator[Request]:
    """The sample's body with one of these in the place of everything within, one after the other."""
    told = deepcopy(sample(path))
    for holder, key in list(places(told["body"])):
        was = holder[key]
        for value in odd:
            holder[key] = value
            yield Request(path.parent.name, told["headers"], written(told["body"], is_ascii=True))
        holder[key] = was


# Any JSON and any bytes

KINDS = [*(f"zen:event-type:{kind}" for kind in zendesk.TYPES), "order.placed", "survey.answered", "x"]
SAID = {"type": KINDS, "topic": sorted(intercom.TOPICS), "event": sorted(freshdesk.APP_EVENTS)}
"""Where vendors say in the body what happened."""


@st.composite
def any_requests(draw: st.DrawFn) -> Request:
    source, body = draw(st.sampled_from(sorted(SOURCES))), draw(anything)
    if isinstance(body, dict) and draw(st.booleans()):
        body = {"id": "1", **{name: draw(st.sampled_from(kinds)) for name, kinds in SAID.items()}, **body}
    headers = {"X-Shopify-Topic": draw(st.sampled_from(sorted(shopify.TOPICS)))}
    return Request(source, headers, draw(spoilt_bytes(written(body, draw(st.booleans()))) | st.binary(max_size=200)))
