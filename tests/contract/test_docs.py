"""Promises about what is written: each link leads somewhere, and each file that is named is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "perennial" / "python" / "perennial"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("events/**/*.md"))]
FROM = (ROOT, PACKAGE, PACKAGE / "domain", ROOT / "docs", ROOT / "infra")
"""Where a name may start, besides the page's own folder: architecture and decisions name rooms of the package."""

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_FILE = r"(?:[a-z_0-9][a-z_0-9.]*/)+[a-z_0-9.-]+\.(?:py|ya?ml|md|json|toml|txt)"
_FOLDER = r"[a-z_0-9]+/(?:[a-z_0-9]+/)*"
_NAMED = re.compile(f"`({_FILE}|{_FOLDER})`")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = _HEADING.findall(_FENCED.sub("", read(page)))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCED.sub("", read(page))):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            yield link


def named(page: Path) -> Iterator[str]:
    """Files and folders of ours that it names in passing."""
    yield from _NAMED.findall(_FENCED.sub("", read(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not list(dead_links(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    missing = [name for name in named(page) if not any((base / name).exists() for base in (page.parent, *FROM))]

    assert not missing
