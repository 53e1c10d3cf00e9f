"""`make quarantine`: what the running house could not understand, and what to do with it, by its admin API."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.local.client import Client
from infra.local.state import State

LISTED = 20
_WIDTH = 70


@dataclass(frozen=True)
class Wish:
    """What to do; nothing of it: to show what there is."""

    show: str | None = None
    replay: str | None = None
    discard: str | None = None
    because: str | None = None
    source: str | None = None
    reason: str | None = None
    """Or how it begins; with it or with `source` all that fit are tried again."""


def main(state: State, wish: Wish) -> int:
    """Raises `NotRunning` where no house runs, and `Refused` where it does not do it."""
    client = Client(state.stack())
    for line in _done(client, wish):
        print(line)
    return 0


def _done(client: Client, wish: Wish) -> Iterable[str]:
    if wish.show:
        return [client.get(f"/quarantine/{wish.show}")["payload"]]
    if wish.replay:
        return [_told(client.ask(f"/quarantine/{wish.replay}/replay"))]
    if wish.discard:
        given_up = client.ask(f"/quarantine/{wish.discard}/discard", {"because": wish.because})
        return [f"given up: {given_up['entry']['id']}"]
    if wish.source or wish.reason:
        return [_all_told(client, {"source": wish.source, "reason": wish.reason})]
    return _overview(client)


def _overview(client: Client) -> Iterable[str]:
    groups = client.get("/quarantine/summary")["groups"]
    if not groups:
        return ["Nothing is in quarantine."]
    entries = client.get("/quarantine", strays="false", limit=str(LISTED))["entries"]
    return [*_groups("Not understood", groups, strays=False), *_groups("Waits", groups, strays=True), *_newest(entries)]


def _groups(title: str, groups: Iterable[Any], *, strays: bool) -> list[str]:
    lines = [_group(each) for each in groups if each["is_stray"] is strays]
    return [f"{title}:", *lines, ""] if lines else []


def _group(group: Any) -> str:
    whose = f"{group['source']}/{group['store']}"
    return f"{group['count']:>7}  {whose:<18} since {group['oldest'][:16]}  {group['reason'][:_WIDTH]}"


def _newest(entries: Iterable[Any]) -> list[str]:
    lines = [f"  {each['id']}  {each['received_at'][:16]}  {each['reason'][:_WIDTH]}" for each in entries]
    return ["The newest:", *lines] if lines else []


def _told(replayed: Any) -> str:
    if reasons := "; ".join(each["reason"] for each in replayed["quarantined"]):
        return f"still not understood: {reasons}"
    return f"understood: {replayed['accepted']} events are on their way"


def _all_told(client: Client, which: dict[str, str | None]) -> str:
    told: Counter[str] = Counter()
    cursor: str | None = None
    while True:
        answer = client.ask("/quarantine/replay", {**which, "cursor": cursor})
        told.update({name: answer[name] for name in ("tried", "accepted", "left")})
        if (cursor := answer["cursor"]) is None:
            left = f"{told['left']} entries are still not understood"
            return f"tried {told['tried']}: {told['accepted']} events are on their way, {left}"
