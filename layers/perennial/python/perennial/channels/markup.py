"""The parts of a message: what its words, written once as plain text, become where a mail client shows more than text.

A blank line ends a part. Nothing in a text is markup, so that no value can bring any: whoever shows a part escapes it.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_LABEL = 80
LONGEST_ADDRESS = 2_000

_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_STEP = re.compile(r"\d{1,2}[.)] (?P<step>.+)")
_BUTTON = re.compile(rf"(?P<label>\S.{{0,{LONGEST_LABEL}}}?)\s*[:：]\s*(?P<url>https?://\S+)")


@dataclass(frozen=True, slots=True)
class Run:
    """Some words of a line; with an address they are a link."""

    text: str
    url: str | None = None


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    lines: tuple[Line, ...]
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Steps:
    """A numbered list."""

    lines: tuple[Line, ...]
    kind: str = "steps"


@dataclass(frozen=True, slots=True)
class Button:
    """A line that ends in an address: what to do, and where."""

    label: str
    url: str
    kind: str = "button"


@dataclass(frozen=True, slots=True)
class Voucher:
    """A coupon: the code as it is typed, what stands before it, and what it is good for."""

    before: str
    code: str
    lines: tuple[str, ...]
    kind: str = "voucher"


Part = Paragraph | Steps | Button | Voucher


def web_address(text: str | None) -> str | None:
    """The address, if a browser may be sent there: http or https, a host, and nothing that ends a header or a link."""
    address = (text or "").strip()
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address) or not address.isprintable():
        return None
    try:
        return address if urlsplit(address).hostname else None
    except ValueError:
        return None


def addresses(text: str) -> frozenset[str]:
    """The web addresses that are written in a text."""
    return frozenset(found for each in _ADDRESS.findall(text) if (found := web_address(_bare(each))))


def parts(text: str, links: Collection[str], coupon: str | None = None, code: str | None = None) -> tuple[Part, ...]:
    """What a text consists of. Only `links` become links: an address in the name of an order stays a word.

    coupon, code: the paragraph that tells of one, and its code.
    """
    return tuple(_part(each, links, code if each == coupon else None) for each in text.split("\n\n") if each)


def _part(paragraph: str, links: Collection[str], code: str | None) -> Part:
    lines = paragraph.split("\n")
    if code:
        return _voucher(lines, code)
    if (found := _BUTTON.fullmatch(paragraph)) and found["url"] in links:
        return Button(found["label"], found["url"])
    steps = [_STEP.fullmatch(line) for line in lines]
    if len(steps) > 1 and all(steps):
        return Steps(tuple(_line(step["step"], links) for step in steps if step))
    return Paragraph(tuple(_line(line, links) for line in lines))


def _voucher(lines: list[str], code: str) -> Voucher:
    told = next(line for line in lines if code in line)
    before, _, after = told.partition(code)
    others = [line for line in lines if line is not told]
    return Voucher(before.strip(), code, tuple(each for each in (after.strip(), *others) if each))


def _line(text: str, links: Collection[str]) -> Line:
    return tuple(_runs(text, links))


def _runs(text: str, links: Collection[str]) -> Iterator[Run]:
    end = 0
    for found in _ADDRESS.finditer(text):
        address = _bare(found[0])
        if address in links:
            yield Run(text[end : found.start()])
            yield Run(address, address)
            end = found.start() + len(address)
    yield Run(text[end:])


def _bare(address: str) -> str:
    """Without the punctuation of the sentence that it ends."""
    return address.rstrip(".,;:!?)]。，；：！？）」")


def ink_on(color: str) -> str:
    """Black or white, whichever is read more easily on this color (#rrggbb): by relative luminance, WCAG 2.2."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
