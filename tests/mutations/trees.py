"""Copies of the repository that may be broken."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.mutations.catalogue import Mutation


class DoesNotApply(Exception):
    """The text that a mutation replaces is not in its file exactly once: bring the catalogue up to date."""


def mutant(mutation: Mutation, text: str) -> str:
    """The file's text with the guard taken out. Raises `DoesNotApply`."""
    if (found := text.count(mutation.old)) != 1:
        raise DoesNotApply(f"{mutation.file} has the old text {found} times, and must have it once")
    return text.replace(mutation.old, mutation.new)


@dataclass(frozen=True)
class Tree:
    root: Path

    @contextmanager
    def without(self, mutation: Mutation) -> Iterator[None]:
        """The tree lacks this guard as long as the context lasts. Raises `DoesNotApply`."""
        path = self.root / mutation.path
        whole = path.read_text(encoding="utf-8")
        _put(path, mutant(mutation, whole))
        try:
            yield
        finally:
            _put(path, whole)

    def copied_to(self, root: Path) -> "Tree":
        """With all compiled files, so that each trial need not compile them again."""
        shutil.copytree(self.root, root, symlinks=True)
        return Tree(root)


def plain_copy(source: Path, root: Path) -> Tree:
    """Of a repository: without what is hidden (virtual environments, state) or compiled."""
    shutil.copytree(source, root, symlinks=True, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return Tree(root)


def _put(path: Path, text: str) -> None:
    """Writes it, and forgets what was compiled of it: two texts of one second and one size look alike to Python."""
    path.write_text(text, encoding="utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
