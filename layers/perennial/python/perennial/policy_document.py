"""A policy as people write it: YAML in, a `Policy` out, or every mistake with its path and line.

YAML 1.1 takes `on:` for true and `20:00` for 1200; this reader knows the scalars of YAML 1.2 only.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perennial.domain.conditions import EVENT_FIELDS, FACT_FIELDS, TIMED_FIELDS, Condition, Scalar
from perennial.domain.customer import Stage
from perennial.domain.festivals import ANY, run_out
from perennial.domain.policy import LONGEST_CONDITION, Policy

MAX_BYTES = 200_000
"""The document is one item of the table, of at most 400 KB; as JSON it may be half as long again as it is as YAML."""
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
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise PolicyRefused([Mistake("", 1, f"is larger than {MAX_BYTES // 1000} kB")])
    data, lines, doubled = read_yaml(text)
    if not isinstance(data, dict):
        raise PolicyRefused([Mistake("", 1, "a policy is a mapping of sections: name, currencies, labels, ...")])
    mistakes = doubled + [_mistake(path, said, lines) for path, said in _references(data, known)]
    try:
        policy = Policy.model_validate({**data, "version": version})
    except ValidationError as error:
        mistakes += mistakes_of(error, lines)
    if mistakes:
        raise PolicyRefused(sorted(mistakes, key=lambda mistake: mistake.line))
    return policy


def shipped_policy(text: str, version: int) -> Policy:
    """The policy that ships with the product: our own tests have looked for its mistakes."""
    return Policy.model_validate({**yaml.load(text, Loader=_ShippedReader), "version": version})  # noqa: S506


def warnings(policy: Policy, today: date) -> tuple[str, ...]:
    """What is allowed and yet worth a second look."""
    gone = "has no day left: write those of the coming years, or take it out"
    return tuple(f"festival {festival!r} {gone}" for festival in run_out(policy.festivals, today))


def policy_json(policy: Policy) -> str:
    """The policy as it is stored: JSON that `Policy.model_validate_json` reads without a YAML parser."""
    return policy.model_dump_json(by_alias=True, exclude_defaults=True)


def policy_yaml(policy: Policy) -> str:
    """The policy as people edit it. Comments are not kept: they belong to the text that it was read from."""
    return yaml.dump(_as_edited(policy), Dumper=_Writer, allow_unicode=True, sort_keys=False, width=120)


def policy_as_edited(policy: Policy) -> str:
    """The same as JSON."""
    return json.dumps(_as_edited(policy), ensure_ascii=False)


def _as_edited(policy: Policy) -> dict[str, Any]:
    """Without what is as by default, but for the sections that say to whom and when nothing leaves."""
    told = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    told |= policy.model_dump(mode="json", by_alias=True, include=_ALWAYS_TOLD, exclude_none=True)
    return {name: told[name] for name in type(policy).model_fields if name in told}


_ALWAYS_TOLD = {"quiet_hours", "send_time", "consent"}
"""Who reads "quiet_hours: {}" takes it for none, and who reads nothing of consent for no rule."""


# Reading


class _Reader(yaml.SafeLoader):
    """YAML 1.2 scalars: null, true, false, whole and decimal numbers; all else is text."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuses what a policy has no use for: a few aliases of aliases can stand for millions of nodes."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the reader's own calls out
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            unknown = "anchors, aliases and tags are not known here"
            raise yaml.MarkedYAMLError(problem=unknown, problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode):
            node.value = _whole(node)
        return node


def _whole(node: yaml.ScalarNode) -> str:
    """JSON writes what lies beyond U+FFFF as two halves, and YAML reads these as two characters that none are."""
    value = str(node.value)
    if value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value):
        return value
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise yaml.MarkedYAMLError(problem="half a character", problem_mark=node.start_mark) from None


_Reader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"~|null|", ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", r"true|false", list("tf")),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9]\d{0,17})", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"[-+]?\d{1,17}\.\d{1,17}", list("-+0123456789")),
):
    _Reader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first)
PlainYaml = _Reader
"""For every document that a merchant writes."""


class _ShippedReader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """`_Reader` without its refusals, in C: a cold start waits for it, and this takes 3 ms of its 17."""

    yaml_implicit_resolvers = _Reader.yaml_implicit_resolvers


class _Writer(yaml.SafeDumper):
    """Writes for `_Reader`: quotes what that would take for something else than text, and nothing else."""

    yaml_implicit_resolvers = _Reader.yaml_implicit_resolvers


def read_yaml(text: str) -> tuple[Any, dict[Path, int], list[Mistake]]:
    """The data, the line of each path, and the keys that were written twice. Raises `PolicyRefused`."""
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
            doubled.append(Mistake(".".join(map(str, path)), line, "is written twice"))
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


def mistakes_of(error: ValidationError, lines: Mapping[Path, int], within: Path = ()) -> list[Mistake]:
    """What pydantic found wrong, with the line of each; `within` is where in the model the document stands."""
    found = [(each["loc"], _said(each)) for each in error.errors(include_url=False)]
    depth = len(within)
    return [_mistake(path[depth:] if path[:depth] == within else path, said, lines) for path, said in found]


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of the path, or of the nearest thing around it that is written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _mistake(path: Path, said: str, lines: Mapping[Path, int]) -> Mistake:
    """pydantic's path without the words that are its own: of what was written, and at most the last that is missing."""
    here: Path = ()
    for part in path:
        if (*here, part) in lines or (part == path[-1] and part != "[key]"):
            here = (*here, part)
    return Mistake(".".join(map(str, here)), line_of(here, lines), said)


def _said(error: ErrorDetails) -> str:
    known = {"extra_forbidden": "is not known here", "missing": "is missing"}
    return known.get(error["type"], error["msg"].removeprefix("Value error, "))


# What one part of a policy says of another. Read from the document as written, so that one mistake hides no other.


def _references(data: Any, known: Known) -> Iterator[tuple[Path, str]]:
    yield from _conditions(data)
    bands = _at(data, "score", "bands")
    bands = tuple(map(str, bands)) if isinstance(bands, dict) else ()
    yield from _rules(data, bands)
    yield from _last_rules(data)
    yield from _celebrations(data)
    yield from _plays(data, bands, known)
    yield from _points(data)
    for section in ("authority", "scripts"):
        said = _at(data, section)
        if isinstance(said, dict):
            yield from (((section,), f"says nothing of stage {stage.value!r}") for stage in Stage if stage not in said)


def _conditions(data: Any) -> Iterator[tuple[Path, str]]:
    """Compiles each condition once: what does not compile is a mistake."""
    facts = FACT_FIELDS
    for section in ("labels", "stages"):
        for index, rule in _entries(data, section):
            yield from _compiled((section, index, "if"), rule, facts, {})
    for index, play in _entries(data, "plays"):
        yield from _compiled(("plays", index, "if"), play, {**facts, **TIMED_FIELDS}, EVENT_FIELDS)
    for stage in Stage:
        for index, script in _entries(data, "scripts", stage.value):
            yield from _compiled(("scripts", stage.value, index, "if"), script, {**facts, **TIMED_FIELDS}, {})


def _compiled(
    path: Path, holder: Mapping[str, Any], customer: Mapping[str, Scalar], event: Mapping[str, Scalar]
) -> Iterator[tuple[Path, str]]:
    source = holder.get("if")
    if isinstance(source, str) and len(source) <= LONGEST_CONDITION:
        try:
            Condition(source, customer, event)
        except ValueError as error:
            yield path, str(error)


def _rules(data: Any, bands: Collection[str]) -> Iterator[tuple[Path, str]]:
    for section in ("labels", "stages"):
        for index, rule in _entries(data, section):
            named = rule.get("band", [])
            for band in named if isinstance(named, list) else [named]:
                if bands and isinstance(band, str) and band not in bands:
                    yield (section, index, "band"), _unknown("band", band, bands)


def _last_rules(data: Any) -> Iterator[tuple[Path, str]]:
    """Somebody must always have a label and a stage: the last rule of each holds for everybody."""
    for section, own in (("labels", "label"), ("stages", "stage")):
        rules = list(_entries(data, section))
        if rules and any(said for name, said in rules[-1][1].items() if name != own):
            yield (section, rules[-1][0]), f"the last {own} is for everybody else: it has no condition"


def _plays(data: Any, bands: Collection[str], known: Known) -> Iterator[tuple[Path, str]]:
    seen: set[Any] = set()
    for index, play in _entries(data, "plays"):
        name = play.get("id")
        if isinstance(name, str) and name in seen:
            yield ("plays", index, "id"), f"there are two plays {name!r}"
        seen.add(str(name))
        band = _at(play, "on", "band")
        if bands and isinstance(band, str) and band not in bands:
            yield ("plays", index, "on", "band"), _unknown("band", band, bands)
        yield from ((("plays", index, "on", "festival"), wrong) for wrong in _festivals(play, data))
        yield from ((("plays", index, "do", part), wrong) for part, wrong in _doing(play, known))


def _celebrations(data: Any) -> Iterator[tuple[Path, str]]:
    """Each festival has a name of its own, and none is called what stands for all of them."""
    seen: set[str] = set()
    for index, festival in _entries(data, "festivals"):
        name = str(festival.get("id"))
        if name in seen:
            yield ("festivals", index, "id"), f"there are two festivals {name!r}"
        if name == ANY:
            yield ("festivals", index, "id"), f"{ANY!r} means all of them: call it something else"
        seen.add(name)


def _festivals(play: Mapping[str, Any], data: Any) -> Iterator[str]:
    named, known = _at(play, "on", "festival"), [str(each.get("id")) for _, each in _entries(data, "festivals")]
    for name in named if isinstance(named, list) else [named]:
        if isinstance(name, str) and name not in (*known, *(known and [ANY])):
            yield _unknown("festival", name, known)


def _doing(play: Mapping[str, Any], known: Known) -> Iterator[tuple[str, str]]:
    for channel in ("email", "sms"):
        template = _at(play, "do", channel)
        if not isinstance(template, str):
            continue
        if template not in known.templates:
            yield channel, _unknown("template", template, known.templates)
        elif channel not in known.templates[template]:
            yield channel, f"template {template!r} has no text for {channel}; it has {_list(known.templates[template])}"
    task = _at(play, "do", "task")
    if isinstance(task, str) and task not in known.tasks:
        yield "task", _unknown("task", task, known.tasks)


def _points(data: Any) -> Iterator[tuple[Path, str]]:
    """A play that gives points at stages at which none may be given would never give any."""
    authority = _at(data, "authority")
    for index, play in _entries(data, "plays"):
        asked = play.get("stage", [])
        stages = (asked if isinstance(asked, list) else [asked]) or [*Stage]
        allowed = (_at(authority, str(stage), "points") for stage in stages)
        if _at(play, "do", "points") and isinstance(authority, dict) and not any(allowed):
            yield ("plays", index, "do", "points"), "the authority table allows no points at its stages"


def _at(data: Any, *path: str) -> Any:
    """What is written at this path of mappings, or None."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _entries(data: Any, *path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings in the list at this path, with their place."""
    listed = _at(data, *path)
    every = enumerate(listed) if isinstance(listed, list) else ()
    return ((index, each) for index, each in every if isinstance(each, dict))


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    return f"unknown {kind} {name!r}; known are {_list(known)}"


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
