"""The guards, each as a change of text that takes it out and the tests that must notice."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

GUARDS = Path(__file__).parent / "guards"
ROOT = Path(__file__).parents[2]
PACKAGE = Path("layers/perennial/python")
LONGEST = 60.0


class Mutation(BaseModel):
    """One guard taken out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]{3,60}$")
    guard: str = Field(pattern=r"^[A-Z].*[^.]$", max_length=160)
    """What is promised as long as the guard is there: a sentence."""
    file: str
    """From the root of the tree, or from where the package `perennial` is."""
    old: str = Field(min_length=1)
    """Stands in the file exactly once."""
    new: str
    tests: tuple[str, ...] = Field(min_length=1)
    """Of these, by pytest's name from tests/ on, the first that notices is told."""
    may_loop: bool = False
    """Without this guard the code may legitimately never end: running out of time is noticing."""
    seconds: float = Field(default=LONGEST, gt=0)
    """Time limit."""

    @property
    def path(self) -> Path:
        """From the root of the tree."""
        return PACKAGE / self.file if self.file.startswith("perennial/") else Path(self.file)

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"tests/{test}" for test in self.tests)


class Area(BaseModel):
    """One file of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    mutation: tuple[Mutation, ...] = Field(min_length=1)


def areas() -> dict[str, Area]:
    """Name of the file -> what is in it, in the order of names. Raises pydantic's `ValidationError`."""
    files = sorted(GUARDS.glob("*.toml"))
    return {file.stem: Area.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) for file in files}


def every(catalogue: Mapping[str, Area]) -> list[Mutation]:
    return [mutation for area in catalogue.values() for mutation in area.mutation]


def named(ids: Sequence[str], known: Sequence[Mutation]) -> list[Mutation]:
    """Those of these ids, or all where none is named. Raises `LookupError` for an id that there is not."""
    by_id = {mutation.id: mutation for mutation in known}
    if unknown := set(ids) - by_id.keys():
        raise LookupError(f"no such mutation: {', '.join(sorted(unknown))}")
    return [by_id[each] for each in ids] if ids else list(known)
