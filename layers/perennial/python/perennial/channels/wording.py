"""Words that strangers chose, made fit for a message; and what a text costs as an SMS."""

import re

LONGEST_NAME = 40
LONGEST_WORD = 100

_NO_NAME = re.compile(r"[\d:/@<>{}\[\]()\\|#%$&*=+~^_!?\"]|\S\.\S\S")
"""What links, markup and slogans have and first names have not."""

_IDEOGRAPHIC = re.compile(r"[\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3 ]+")
"""Chinese, Japanese and Korean names, as their bearers write them."""

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")


def one_line(text: str) -> str:
    """The text without line breaks, control and direction characters: nothing that could begin a header or a line."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def word(text: str | None) -> str | None:
    """A vendor's word (order name, carrier) as a template may show it; None where there is none."""
    return one_line(text or "")[:LONGEST_WORD].strip() or None


def first_name(text: str | None) -> str | None:
    """The name to greet by, or None where it does not look like one.

    Anybody can sign a stranger up, with a link for a name, and have us mail it.
    """
    name = one_line(text or "")
    return None if not name or len(name) > LONGEST_NAME or _NO_NAME.search(name) else name


def full_name(name: str | None, given: str | None, *, family_first: bool) -> str | None:
    """The whole name, in the order in which the language says it; the given name where that is all there is.

    Shops join a name with the given name in front, whoever bears it.
    """
    whole, given = first_name(name), first_name(given)
    if not whole or not given or not family_first or not (_IDEOGRAPHIC.fullmatch(whole) and whole.startswith(given)):
        return whole or given
    return whole.removeprefix(given).strip() + given


def tidy(text: str) -> str:
    """At most one blank line in a row, none at either end, no blanks at the ends of lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def segments(text: str) -> int:
    """How many SMS the text is billed as (3GPP TS 23.038): 160 or 153 characters in GSM-7, else 70 or 67 in UCS-2."""
    if not outside_gsm(text):
        return _parts(sum(2 if character in _GSM_EXTENDED else 1 for character in text), 160, 153)
    return _parts(len(text.encode("utf-16-be")) // 2, 70, 67)


def outside_gsm(text: str) -> frozenset[str]:
    """The characters for whose sake the text is billed at 70 to the SMS; none, and it is billed at 160."""
    return frozenset(text) - _GSM_BASIC - _GSM_EXTENDED


def _parts(length: int, alone: int, joined: int) -> int:
    return 1 if length <= alone else -(-length // joined)
