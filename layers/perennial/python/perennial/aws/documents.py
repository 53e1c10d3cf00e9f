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


def mapping(name: str) -> str | None:
    """A mapping of imports that ships, as YAML text, by its name; None where none has it."""
    files = {file.stem: file for file in (root() / "import").glob("*.yaml")}
    return files[name].read_text(encoding="utf-8") if name in files else None


@cache
def messages() -> dict[str, Any]:
    """Template name -> document (locale -> subject, body, sms), from infra/messages."""
    import yaml  # 10 ms of a cold start, and who sends nothing needs no texts

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted((root() / "messages").glob("*.yaml"))
    return {file.stem: yaml.load(file.read_text(encoding="utf-8"), Loader=loader) for file in files}  # noqa: S506


@cache
def pages() -> dict[str, Any]:
    """Locale -> the words of the pages behind links in messages, from infra/pages."""
    import yaml

    files = sorted((root() / "pages").glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def page_layout() -> str:
    """Every page, as a Jinja template."""
    return (root() / "pages" / "page.html").read_text(encoding="utf-8")


def page_style() -> str:
    return (root() / "pages" / "page.css").read_text(encoding="utf-8")


@cache
def email_layout() -> str:
    """The page around an email's words, as a Jinja template; infra/local/layout.py makes it of email.mjml."""
    return (root() / "messages" / "email.html").read_text(encoding="utf-8")
