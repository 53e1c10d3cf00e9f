"""What stands in the reports that mail servers write: taken apart by the standard library, within bounds.

Its parser goes down into each part that says what it is, looks for each boundary in each line, and takes the words
after a type apart in quadratic time. So only the beginning of a mail is read, and one with too many or too long types
is not read at all.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from typing import NamedTuple

from perennial.sources import NotUnderstood

LARGEST_READ = 96 * 1024
"""Bytes. What a server says comes first, and what it was sent comes last."""
MOST_TYPES = 20
LONGEST_TYPE = 1_000
LONGEST_FIELD = 2_000

_TYPE = re.compile(rb"^content-type[ \t]*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_INTERNATIONAL = re.compile(rb"message/global-delivery-status", re.IGNORECASE)
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([245])\d\d(?![\d.])")
_UNSPECIFIC = re.compile(r"\d\.0\.0")
_NOT_THE_ADDRESS = re.compile(r"5\.(1\.[78]|2\.[234]|4\.[3567]|[3567]\.\d+)")
"""Refused for good (RFC 3463), and not because of whom it was for: for its sender, a full mailbox, its size, a server
that has no room or sends in circles, what it says, or whom it comes from. Another mail may arrive."""


class Fate(NamedTuple):
    """What became of a mail for one of those it reached."""

    action: str
    """failed, delayed, delivered, relayed or expanded."""
    status: str
    """Such as 5.1.1; where the server gave none, its class and zeros: 5.0.0. Empty where it gave no class either."""

    @property
    def is_for_good(self) -> bool:
        return self.status.startswith("5")

    @property
    def is_for_the_address(self) -> bool:
        return self.is_for_good and not _NOT_THE_ADDRESS.fullmatch(self.status)


def opened(body: bytes) -> Mail:
    """The mail, as far as it is read. Raises `NotUnderstood` for one that would take too long."""
    head = body[:LARGEST_READ].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    types = [len(found[1]) for found in _TYPE.finditer(head)]
    if len(types) > MOST_TYPES or max(types, default=0) > LONGEST_TYPE:
        raise NotUnderstood(f"a mail of more than {MOST_TYPES} parts, or with types longer than {LONGEST_TYPE}")
    return message_from_bytes(_INTERNATIONAL.sub(b"message/delivery-status", head))  # RFC 6533 differs in its alphabet


def report_type(mail: Mail) -> str | None:
    """Such as "delivery-status"; None for what is no report (RFC 6522)."""
    if mail.get_content_type() != "multipart/report":
        return None
    told = mail.get_param("report-type")
    return told.strip().lower() if isinstance(told, str) else next(_reported(mail), None)


def _reported(mail: Mail) -> Iterator[str]:
    """By its parts, where it does not say it."""
    return (part.get_content_subtype() for part in _parts(mail) if part.get_content_maintype() == "message")


def delivery_fates(mail: Mail) -> tuple[Fate, ...]:
    """One for each recipient that the report tells of."""
    blocks = (block for part in _parts(mail, "message/delivery-status") for block in _blocks(part))
    return tuple(_fate(block) for block in blocks if "action" in block)


def feedback_type(mail: Mail) -> str | None:
    """abuse, fraud, not-spam, ...; None where the report does not say."""
    blocks = (block for part in _parts(mail, "message/feedback-report") for block in _blocks(part))
    return next((told for block in blocks if (told := field(block, "feedback-type").lower())), None)


def field(block: Mail, name: str) -> str:
    """In one line; empty where there is none."""
    return " ".join(str(block.get(name, ""))[:LONGEST_FIELD].split())


def _parts(mail: Mail, kind: str | None = None) -> Iterator[Mail]:
    """Of the report itself: what it quotes is not looked into."""
    parts = mail.get_payload()
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mail) and kind in (None, part.get_content_type()):
            yield part


def _blocks(part: Mail) -> Iterator[Mail]:
    """The groups of fields that a part consists of."""
    blocks = part.get_payload()
    return (block for block in blocks if isinstance(block, Mail)) if isinstance(blocks, list) else iter(())


def _fate(block: Mail) -> Fate:
    return Fate(field(block, "action").lower().partition(" ")[0], _status(block))


def _status(block: Mail) -> str:
    """The finest that the server gave: many say 5.0.0 and put the code into the words of the other server."""
    told, words = _found(_STATUS, field(block, "status")), field(block, "diagnostic-code")
    if told and not _UNSPECIFIC.fullmatch(told):
        return told
    reply = _REPLY.search(words)
    return _found(_STATUS, words) or told or (f"{reply[1]}.0.0" if reply else "")


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
