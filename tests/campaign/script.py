"""What happened in a run, line by line, for people to read."""

from collections.abc import Callable
from datetime import datetime

from tests.campaign.agenda import Agenda

WIDTH = 150
QUIET_PLACES = frozenset({"read", "index", "clock", "secrets", "backlog"})
"""Calls that change nothing; told only where something went wrong with them."""


class Script:
    """Lines with number and time. Kept only when somebody will read them."""

    def __init__(self, agenda: Agenda, *, is_kept: bool, is_full: bool = False) -> None:
        self._agenda = agenda
        self._is_kept = is_kept
        self._is_full = is_full
        self.lines: list[str] = []

    def said(self, who: str, what: Callable[[], str]) -> None:
        if self._is_kept:
            line = f"{len(self.lines) + 1:4}  {_at(self._agenda.now)}  {who:26}  {what()}"
            self.lines.append(line if len(line) <= WIDTH or self._is_full else f"{line[: WIDTH - 3]}...")

    def called(self, who: str, place: str, what: Callable[[], str]) -> None:
        """A call that went well."""
        if self._is_kept and (self._is_full or place not in QUIET_PLACES):
            self.said(who, what)


def _at(now: datetime) -> str:
    return f"{now:%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}"
