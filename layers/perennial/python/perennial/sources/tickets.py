"""What help desks have in common: tags that tell what the customer wants, and what people wrote without its markup."""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from typing import Literal

from perennial.sources.payloads import LONGEST_TEXT

By = Literal["customer", "agent", "bot"]
"""Who did it."""

Desk = Literal["zendesk", "freshdesk", "gorgias", "intercom"]

INTENTS: Mapping[str, str] = {
    "complaint": "complaint",
    "return": "return",
    "returns": "return",
    "refund": "return",
    "exchange": "return",
    "delay": "delay",
    "late": "delay",
    "shipping": "delay",
    "delivery": "delay",
    "wismo": "delay",
    "how_to": "how-to",
    "how-to": "how-to",
    "setup": "how-to",
    "product_question": "before-purchase",
    "before_purchase": "before-purchase",
    "presales": "before-purchase",
}
"""Ticket tag -> what the customer wants. The first line that a ticket carries wins: the sharpest stands first."""

LONGEST_MARKUP = 4 * LONGEST_TEXT
"""Characters of HTML that are looked at. What stands behind them would be cut from the text anyway, nearly always."""

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"  # a comment
    r"|<[!?][^>]*>?"  # a declaration, and what mail programs write between
    r"|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
"""Each branch ends at the next bracket or takes the rest, so that the time grows with the length and no faster.

`html.parser` takes a minute for 80,000 characters of "<a <a <a ", which any stranger may mail to a help desk.
"""
_BLOCKS = frozenset({"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3"}) | {
    "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_UNSEEN = frozenset({"script", "style", "head", "title", "template"})
_QUOTES = frozenset({"blockquote"})
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


def ticket_id(desk: Desk, number: str) -> str:
    """A ticket's id among those of all help desks of a shop: each counts its tickets from one."""
    return f"{desk}:{number}"


def intent_of(tags: Iterable[str]) -> str | None:
    carried = {tag.lower() for tag in tags}
    return next((intent for tag, intent in INTENTS.items() if tag in carried), None)


def written_in(html: str | None) -> str | None:
    """What somebody wrote, a line for each block, without markup and without the earlier messages that it quotes.

    None where nothing is left. A message that is nothing but a quotation is kept whole. Plain text passes.
    """
    if html is None:
        return None
    pieces = list(_pieces(html[:LONGEST_MARKUP]))
    own = "".join(words for words, is_quoted in pieces if not is_quoted)
    return _tidied(own) or _tidied("".join(words for words, _ in pieces))


def _pieces(html: str) -> Iterator[tuple[str, bool]]:
    """(words that are seen, whether they are quoted), in their order."""
    unseen = quoted = at = 0
    for tag in _TAG.finditer(html):
        if not unseen:
            yield unescape(html[at : tag.start()]), quoted > 0
        at, name, step = tag.end(), (tag["name"] or "").lower(), -1 if tag["end"] else 1
        unseen = max(0, unseen + step * (name in _UNSEEN))
        quoted = max(0, quoted + step * (name in _QUOTES))
        if name in _BLOCKS:
            yield "\n", False
    if not unseen:
        yield unescape(html[at:]), quoted > 0


def _tidied(words: str) -> str | None:
    return _LINES.sub("\n", _SPACES.sub(" ", words)).strip()[:LONGEST_TEXT] or None
