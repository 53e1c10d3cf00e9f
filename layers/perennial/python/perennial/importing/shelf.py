"""Where an import keeps what it needs while it runs: a folder on a laptop, a bucket in the cloud."""

from typing import Protocol

PLAN = "plan.json"


class Shelf(Protocol):
    def put(self, name: str, content: bytes) -> None:
        """All of it or nothing; what was there is replaced."""

    def get(self, name: str) -> bytes | None:
        """None where there is nothing."""

    def delete(self, name: str) -> None:
        """Also where there is nothing."""


def part_name(part: int) -> str:
    return f"part-{part:06d}.jsonl"


def report_name(part: int) -> str:
    return f"report-{part:06d}.jsonl"
