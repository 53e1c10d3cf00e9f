"""Finds the documents that ship with the code: in the package when deployed, under infra/ in the repository."""

from functools import cache
from pathlib import Path
from typing import Any

_PACKAGED = Path(__file__).parents[1] / "data"
_REPOSITORY = Path(__file__).parents[5] / "infra" if len(Path(__file__).parents) > 5 else _PACKAGED


def root() -> Path:
    return _PACKAGED if _PACKAGED.is_dir() else _REPOSITORY


@cache
def default_policy() -> str:
    """The policy that ships with the product, as YAML text."""
    return (root() / "policy" / "default.yaml").read_text(encoding="utf-8")


@cache
def messages() -> dict[str, Any]:
    """Template name -> document (locale -> subject, body, sms), from infra/messages."""
    import yaml  # 10 ms of a cold start, and who sends nothing needs no texts

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted((root() / "messages").glob("*.yaml"))
    return {file.stem: yaml.load(file.read_text(encoding="utf-8"), Loader=loader) for file in files}  # noqa: S506
