"""`make clock`: moves the running house's clock and says what happened on the way."""

import json
from pathlib import Path

from infra.local.client import Client
from infra.local.report import Progress, columns
from infra.local.state import Stack


def move(stack: Stack, by: str) -> int:
    """Moves it by "3d" or the like. Raises `Refused` and `NotRunning`."""
    mail, before = Path(stack.mail), set(_messages(stack))
    progress, at, stops = Progress(), "", 0
    for stop in Client(stack).move_clock(by):
        at, stops = stop["at"], stop["stop"]
        progress.at(stops, at)
    sent = [json.loads((mail / name).read_text(encoding="utf-8")) for name in sorted(set(_messages(stack)) - before)]
    print(f"The clock stands at {at}, after {stops:,} stops. {len(sent):,} messages were sent.")
    if sent:
        told = ("sent_at", "channel", "template", "locale")
        print(columns(told, ([message[name] for name in told] for message in sent)))
    return 0


def _messages(stack: Stack) -> list[str]:
    """File names; they begin with the time, by the house's clock."""
    return [file.name for file in Path(stack.mail).glob("[!.]*.json")]
