"""Calls in words, for scripts: what was written, sent and read, without who it is about."""

import hashlib
import re
from collections.abc import Sequence

from perennial.aws.queues import Message
from perennial.aws.table import Key, Put, Write

_TYPE = re.compile(r'"type":"([a-z._]+)"')
_NOTICE = re.compile(r'"kind":"([a-z._]+)".*?(?:"to":"([a-z]+)")?}$')
_ACTION = re.compile(r'"id":"([0-9a-f]{32})".*?"template":"([a-z_]+)"')


def digest(text: str) -> str:
    """A short name of a text."""
    return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()


def of_reads(keys: Sequence[Key]) -> str:
    return f"reads {', '.join(map(of_key, keys)) or 'nothing'}"


def of_writes(writes: Sequence[Write]) -> str:
    return f"writes {', '.join(map(_of_write, writes))}"


def of_messages(queue: str, messages: Sequence[Message]) -> str:
    return f"sends to {queue}: {', '.join(of_body(message.body) for message in messages)}"


def of_body(body: str) -> str:
    """The type of an event, the template of an action, and the name that its turn will have."""
    if action := _ACTION.search(body):
        return f"{action[2]} {action[1][:6]} ({digest(body)})"
    if notice := _NOTICE.search(body):
        return f"notice of {notice[1]} for {notice[2] or 'all'} ({digest(body)})"
    kind = _TYPE.search(body)
    return f"{kind[1] if kind else '?'} ({digest(body)})"


def of_key(key: Key) -> str:
    """C#c1234567890/J#2026-06-15T12:00:00.000Z#0123... as c1234/J#01234."""
    pk, sk = key.pk.split("#"), key.sk.split("#")
    if key.pk.startswith("C#"):
        return f"{pk[1][:5]}/{sk[0]}{'#' + sk[-1][:6] if len(sk) > 1 else ''}"
    return f"{pk[0]}#{'#'.join(part[:8] for part in pk[1:])}/{sk[0]}"


def _of_write(write: Write) -> str:
    if not isinstance(write, Put):
        return f"{type(write).__name__} {of_key(write.key)}"
    version = write.item.attributes.get("version")
    kind = _TYPE.search(write.item.body) if write.key.sk.startswith("J#") else None
    return of_key(write.key) + (f" {kind[1]}" if kind else "") + (f" v{version}" if version else "")
