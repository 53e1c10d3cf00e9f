"""The proof that guards are needed is itself proved: on a small tree, with guards that are and are not missed."""

import ast
import py_compile
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from perennial.ingest import SOURCES
from tests.mutations.catalogue import ROOT, Area, Mutation, areas, every, named
from tests.mutations.findings import Finding, Verdict, found, last_seconds, page_of
from tests.mutations.running import Deadline, NotGreen, findings
from tests.mutations.trees import DoesNotApply, Tree, mutant, plain_copy
from tests.mutations.trials import Ending, Trial

ALL = every(areas())


# The catalogue


def test_every_mutation_has_a_name_and_a_place_of_its_own() -> None:
    assert [name for name, times in Counter(each.id for each in ALL).items() if times > 1] == []
    assert len({(each.file, each.old, each.new) for each in ALL}) == len(ALL) >= 40


def test_the_signature_of_each_source_is_taken_out() -> None:
    assert {f"signature-{source.replace('_', '-')}" for source in SOURCES} <= {mutation.id for mutation in ALL}


@cache
def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_guard_is_where_the_catalogue_says() -> None:
    """Raises `DoesNotApply` for the first that is not."""
    for mutation in ALL:
        assert mutant(mutation, text_of(mutation.path)) != text_of(mutation.path), mutation.id


def test_every_mutant_is_a_program_that_makes_sense(tmp_path: Path) -> None:
    """One that names what there is not would be noticed for that, and not for the guard it lacks."""
    for mutation in ALL:
        if mutation.path.suffix == ".py":
            (tmp_path / f"{mutation.id}.py").write_text(mutant(mutation, text_of(mutation.path)), encoding="utf-8")
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet"]
    check += ["--target-version=py311", "--select=E9,F821,F822,F823", "--output-format=concise", str(tmp_path)]

    said = subprocess.run(check, capture_output=True, text=True, check=False)

    assert said.stdout == ""


@cache
def functions_of(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(text_of(path)))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_to_notice_is_there() -> None:
    named_tests = {test.partition("[")[0].partition("::")[::2] for mutation in ALL for test in mutation.tests}

    lacking = [
        f"{path}::{name}" for path, name in named_tests if name and name not in functions_of(Path("tests") / path)
    ]

    assert lacking == []


def a_mutation(**overrides: Any) -> Mutation:
    """Of the small tree below."""
    written = {
        "id": "at-least-nothing",
        "guard": "An amount is nothing at the least",
        "file": "shop.py",
        "old": "max(0, amount)",
        "new": "amount",
        "tests": ["test_shop.py::test_an_amount_is_not_below_nothing"],
    }
    return Mutation.model_validate(written | overrides)


def test_a_mutation_is_asked_for_by_its_name() -> None:
    known = [a_mutation(id="one"), a_mutation(id="other")]

    assert named(["other"], known) == [known[1]]
    assert named([], known) == known
    with pytest.raises(LookupError, match="nothing"):
        named(["nothing"], known)


@pytest.mark.parametrize("wrong", [{"guard": "no sentence"}, {"guard": "A sentence."}, {"tests": []}, {"why": "-"}])
def test_what_is_no_mutation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_mutation(**wrong)


# A tree that may be broken


SHOP = """
def net(amount: int) -> int:
    return max(0, amount)


def doubled(amount: int) -> int:
    return amount * 2
"""
TESTS = """
from perennial import shop


def test_an_amount_is_not_below_nothing():
    assert shop.net(-1) == 0


def test_nothing_much():
    assert shop.net(1) == 1


def test_an_amount_is_doubled():
    assert shop.doubled(2) == 4
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for path, text in {
        "layers/perennial/python/perennial/__init__.py": "",
        "layers/perennial/python/perennial/shop.py": SHOP,
        "tests/test_shop.py": TESTS,
        "pyproject.toml": "",
        ".venv/lib/tool.py": "",
    }.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    return Tree(tmp_path / "tree")


def in_the_shop(**overrides: Any) -> Mutation:
    return a_mutation(file="perennial/shop.py", **overrides)


def test_a_tree_lacks_its_guard_for_a_while_and_is_whole_again(tree: Tree) -> None:
    path = tree.root / in_the_shop().path

    with tree.without(in_the_shop()):
        assert "return amount\n" in path.read_text()

    assert path.read_text() == SHOP


def test_a_tree_is_whole_again_also_when_a_trial_fails(tree: Tree) -> None:
    with pytest.raises(ZeroDivisionError), tree.without(in_the_shop()):
        raise ZeroDivisionError

    assert (tree.root / in_the_shop().path).read_text() == SHOP


def test_what_was_compiled_of_the_whole_file_is_not_taken_for_the_mutant(tree: Tree) -> None:
    """Python knows a compiled file by the size and the second of its source, and both may be the same."""
    path = tree.root / in_the_shop().path
    compiled = Path(py_compile.compile(str(path), doraise=True) or "")

    with tree.without(in_the_shop()):
        assert not compiled.exists()
        py_compile.compile(str(path), doraise=True)

    assert not compiled.exists()


@pytest.mark.parametrize("old", ["is no more", "amount: int"], ids=["not there", "there twice"])
def test_what_is_not_there_exactly_once_does_not_apply(tree: Tree, old: str) -> None:
    with pytest.raises(DoesNotApply), tree.without(in_the_shop(old=old)):
        pass


def test_a_copy_has_the_code_and_no_virtual_environments(tree: Tree, tmp_path: Path) -> None:
    copy = plain_copy(tree.root, tmp_path / "copy")

    assert (copy.root / "tests" / "test_shop.py").read_text() == TESTS
    assert not (copy.root / ".venv").exists()


# What is found


def all_found(tree: Tree, folder: Path, *asked: Mutation, deadline: float = float("inf")) -> list[Finding]:
    folder.mkdir()
    return list(findings(asked, tree.root, folder, Deadline(deadline), {}))


FOR_EVER = "sum(0 for _ in iter(int, 1))"
COMES_TO: dict[str, tuple[Verdict, str, dict[str, Any]]] = {
    "noticed": (Verdict.KILLED, "test_shop.py::test_an_amount_is_not_below_nothing", {}),
    "first-of-many": (Verdict.KILLED, "test_shop.py::test_an_amount_is_not_below_nothing", {"tests": ["test_shop.py"]}),
    "survivor": (Verdict.SURVIVED, "::test_nothing_much", {"tests": ["test_shop.py::test_nothing_much"]}),
    "misspelt": (Verdict.SENSELESS, "NameError", {"new": "amonut"}),
    "no-syntax": (Verdict.SENSELESS, "CollectError", {"new": "max(0, amount"}),
    "gone": (Verdict.DOES_NOT_APPLY, "0 times", {"old": "no more"}),
    "late": (Verdict.LATE, "nothing within 3 s", {"new": FOR_EVER, "seconds": 3}),
    "may-be-late": (Verdict.KILLED, "its time", {"new": FOR_EVER, "seconds": 3, "may_loop": True}),
    "died": (Verdict.SENSELESS, "died", {"new": "__import__('os')._exit(0)"}),
}


def test_each_mutation_comes_to_a_verdict_and_says_by_what(tree: Tree, tmp_path: Path) -> None:
    asked = [in_the_shop(id=name, **changes) for name, (_, _, changes) in COMES_TO.items()]

    told = all_found(tree, tmp_path / "work", *asked)

    assert {each.mutation.id: each.verdict for each in told} == {name: come[0] for name, come in COMES_TO.items()}
    assert [each.by for each in told if COMES_TO[each.mutation.id][1] not in each.by] == []


def test_tests_that_fail_with_all_guards_in_place_prove_nothing(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "tests" / "test_shop.py").write_text(TESTS.replace("== 0", "== 1"))

    with pytest.raises(NotGreen, match="test_an_amount_is_not_below_nothing"):
        all_found(tree, tmp_path / "work", in_the_shop())


def test_after_the_deadline_nothing_is_begun(tree: Tree, tmp_path: Path) -> None:
    assert all_found(tree, tmp_path / "work", in_the_shop(), deadline=0.0) == []


def test_a_test_of_something_else_than_the_tree_proves_nothing(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "tests" / "test_shop.py").write_text("def test_an_amount_is_not_below_nothing():\n    pass\n")

    with pytest.raises(NotGreen, match="died"):
        all_found(tree, tmp_path / "work", in_the_shop())


# The page


def killed(seconds: float) -> Finding:
    return found(a_mutation(), Trial(Ending(1, "tests/test_shop.py::test_x[a|b]", "AssertionError", True), seconds))


def test_the_page_tells_by_what_each_guard_is_held_and_keeps_the_times(tmp_path: Path) -> None:
    page = tmp_path / "mutations.md"

    page.write_text(page_of("# Mutations\n", [Area(title="Shop", mutation=(a_mutation(),))], [killed(1.23)], {}))

    assert "| An amount is nothing at the least | `shop.py` | `test_shop.py::test_x[a\\|b]` | 1.2 |" in page.read_text()
    assert last_seconds(page) == {"at-least-nothing": 1.2}


def test_where_there_is_no_page_nothing_was_timed(tmp_path: Path) -> None:
    assert last_seconds(tmp_path / "nothing.md") == {}


# The command


@pytest.fixture
def command(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command on the small tree, with these mutations for its catalogue."""
    from tests.mutations import __main__ as module

    def run(*asked: str, catalogue: tuple[Mutation, ...]) -> int:
        monkeypatch.setattr(module, "areas", lambda: {"shop": Area(title="Shop", mutation=catalogue)})
        monkeypatch.setattr(module, "ROOT", tree.root)
        monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
        return module.main(asked)

    return run


SURVIVOR = {"id": "survivor", "tests": ["test_shop.py::test_nothing_much"]}


def test_when_every_guard_is_missed_the_command_succeeds_and_writes_its_page(
    command: Callable[..., int], tmp_path: Path
) -> None:
    assert command(catalogue=(in_the_shop(),)) == 0

    assert "An amount is nothing at the least" in (tmp_path / "page.md").read_text()


def test_a_guard_that_nobody_misses_fails_the_command(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(catalogue=(in_the_shop(), in_the_shop(**SURVIVOR))) == 1

    said = capsys.readouterr()
    assert "SURVIVED: survivor" in said.err
    assert "1 of 2 killed" in said.out


def test_a_part_of_the_catalogue_leaves_the_page_as_it_was(command: Callable[..., int], tmp_path: Path) -> None:
    assert command("at-least-nothing", catalogue=(in_the_shop(), in_the_shop(**SURVIVOR))) == 0

    assert not (tmp_path / "page.md").exists()


def test_within_a_time_the_quickest_are_tried_and_the_rest_is_counted(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text('```json\n{"seconds": {"survivor": 9999, "at-least-nothing": 0.1}}\n```')

    assert command("--within", "60", catalogue=(in_the_shop(**SURVIVOR), in_the_shop())) == 0

    said = capsys.readouterr().out
    assert "1 of 1 killed" in said
    assert "1 more" in said
