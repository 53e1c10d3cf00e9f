"""A policy as people write it: YAML in, a `Policy` out, or every mistake with its path and line.

YAML 1.1 takes `on:` for true and `20:00` for 1200; this reader knows the scalars of YAML 1.2 only.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from perennial.domain.conditions import Condition
from perennial.domain.customer import Stage
from perennial.domain.policy import BandEntered, Play, Policy

MAX_BYTES = 350_000
"""The document is one item of the table; the item's limit is 400 KB."""
Path = tuple[str | int, ...]


class Mistake(NamedTuple):
    path: str
    line: int
    message: str
    """What is wrong, and what is known instead."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.message}"


class PolicyRefused(Exception):
    """The document is no policy. Show `mistakes` to whoever wrote it; the policy in force stays in force."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class Known(NamedTuple):
    """What the policy may refer to."""

    templates: Mapping[str, frozenset[str]]
    """Template -> the channels that it has a text for."""
    tasks: Collection[str]


def read_policy(text: str, version: int, known: Known) -> Policy:
    """The policy of this YAML (or JSON) text. Raises `PolicyRefused` with every mistake."""
    if len(text.encode()) > MAX_BYTES:
        raise PolicyRefused([Mistake("", 1, f"is larger than {MAX_BYTES // 1000} kB")])
    data, lines, doubled = _parse(text)
    if not isinstance(data, dict):
        raise PolicyRefused([Mistake("", 1, "a policy is a mapping of sections: name, currencies, labels, ...")])
    data.pop("version", None)
    try:
        policy = Policy.model_validate({**data, "version": version})
    except ValidationError as error:
        raise PolicyRefused(doubled + [_mistake(each, lines) for each in error.errors(include_url=False)]) from None
    mistakes = doubled + [Mistake(_text(path), _line(path, lines), said) for path, said in _references(policy, known)]
    if mistakes:
        raise PolicyRefused(sorted(mistakes, key=lambda mistake: mistake.line))
    return policy


def shipped_policy(text: str, version: int) -> Policy:
    """The policy that ships with the product: our own tests have looked for its mistakes."""
    return Policy.model_validate({**yaml.load(text, Loader=_Reader), "version": version})  # noqa: S506


def policy_json(policy: Policy) -> str:
    """The policy as it is stored: JSON that `Policy.model_validate_json` reads without a YAML parser."""
    return policy.model_dump_json(by_alias=True, exclude_defaults=True)


# Reading


class _Reader(yaml.SafeLoader):
    """YAML 1.2 scalars: null, true, false, whole and decimal numbers; all else is text."""


_Reader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"~|null|", ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", r"true|false", list("tf")),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9]\d{0,17})", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"[-+]?\d{1,17}\.\d{1,17}", list("-+0123456789")),
):
    _Reader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)


def _parse(text: str) -> tuple[Any, dict[Path, int], list[Mistake]]:
    """The data, the line of each path, and the keys that were written twice."""
    lines: dict[Path, int] = {}
    doubled: list[Mistake] = []
    try:
        reader = _Reader(text)
        node = reader.get_single_node()
        data = reader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PolicyRefused([Mistake("", mark.line + 1 if mark else 1, f"is not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyRefused([Mistake("", 1, f"is not YAML: {str(error).splitlines()[0]}")]) from None
    for path, line, is_double in _walk(node, ()):
        lines.setdefault(path, line)
        if is_double:
            doubled.append(Mistake(_text(path), line, "is written twice"))
    return data, lines, doubled


def _walk(node: yaml.Node | None, path: Path) -> Iterator[tuple[Path, int, bool]]:
    if node is None:
        return
    yield path, node.start_mark.line + 1, False
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1, key.value in seen
            seen.add(key.value)
            yield from _walk(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index))


def _mistake(error: Any, lines: Mapping[Path, int]) -> Mistake:
    path = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not known here"
    elif error["type"] == "missing":
        message = "is missing"
    return Mistake(_text(path), _line(path, lines), message)


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of the path, or of the nearest thing around it that is written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _text(path: Path) -> str:
    return ".".join(map(str, path))


# What one part of a policy says of another


def _references(policy: Policy, known: Known) -> Iterator[tuple[Path, str]]:
    yield from _conditions(policy)
    bands = list(policy.score.bands)
    for section in ("labels", "stages"):
        for index, rule in enumerate(getattr(policy, section)):
            for band in rule.band:
                if band not in bands:
                    yield (section, index, "band"), _unknown("band", band, bands)
    yield from _last_rules(policy)
    seen: set[str] = set()
    for index, play in enumerate(policy.plays):
        if play.id in seen:
            yield ("plays", index, "id"), f"there are two plays {play.id!r}"
        seen.add(play.id)
        yield from _play_references(index, play, bands, known)
    for stage in Stage:
        for section in ("authority", "scripts"):
            if stage not in getattr(policy, section):
                yield (section,), f"says nothing of stage {stage.value!r}"


def _play_references(index: int, play: Play, bands: list[str], known: Known) -> Iterator[tuple[Path, str]]:
    if isinstance(play.on, BandEntered) and play.on.band not in bands:
        yield ("plays", index, "on", "band"), _unknown("band", play.on.band, bands)
    for channel, template in play.do.channels:
        path: Path = ("plays", index, "do", channel)
        if template not in known.templates:
            yield path, _unknown("template", template, known.templates)
        elif channel not in known.templates[template]:
            yield path, f"template {template!r} has no text for {channel}; it has {_list(known.templates[template])}"
    if play.do.task and play.do.task not in known.tasks:
        yield ("plays", index, "do", "task"), _unknown("task", play.do.task, known.tasks)


def _last_rules(policy: Policy) -> Iterator[tuple[Path, str]]:
    """Somebody must always have a label and a stage: the last rule of each holds for everybody."""
    label, stage = policy.labels[-1], policy.stages[-1]
    if label.if_ or label.within or label.after or label.late or label.band:
        yield ("labels", len(policy.labels) - 1), "the last label is for everybody else: it has no condition"
    if stage.if_ or stage.within or stage.after or stage.late or stage.band or stage.labels:
        yield ("stages", len(policy.stages) - 1), "the last stage is for everybody else: it has no condition"


def _conditions(policy: Policy) -> Iterator[tuple[Path, str]]:
    """Compiles each condition once: what does not compile is a mistake."""
    for section in ("labels", "stages", "plays"):
        for index, each in enumerate(getattr(policy, section)):
            yield from _compiled((section, index, "if"), lambda each=each: each.condition)
    for stage, scripts in policy.scripts.items():
        for index, script in enumerate(scripts):
            yield from _compiled(("scripts", stage.value, index, "if"), lambda script=script: script.condition)


def _compiled(path: Path, compile_it: Callable[[], Condition | None]) -> Iterator[tuple[Path, str]]:
    try:
        compile_it()
    except ValueError as error:
        yield path, str(error)


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    return f"unknown {kind} {name!r}; known are {_list(known)}"


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"

