"""Promises about the shape of the repository: which room may know what."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "perennial" / "python" / "perennial"
HANDLERS = sorted(ROOT.glob("functions/*/app.py"))
DOMAIN = sorted(PACKAGE.glob("domain/**/*.py"))
SOURCES = sorted(PACKAGE.glob("sources/**/*.py"))
OUTSIDE_AWS = [each for each in sorted(PACKAGE.rglob("*.py")) if each.parent.name != "aws"] + HANDLERS
TIMELESS = [each for each in sorted(PACKAGE.rglob("*.py")) if each.name != "clock.py"] + HANDLERS

IMPURE = {
    "asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal",
    "smtplib", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
"""Of the standard library: what reaches the world, or gives another answer each time."""
DOMAIN_MAY_USE = {"babel", "cel", "email_validator", "holidays", "phonenumbers", "pydantic", "pydantic_core", "yaml"}
SOURCES_MAY_USE = {"cryptography", "pydantic", "pydantic_core", "standardwebhooks"}
CLOCKS = {(owner, name) for owner in ("datetime", "date") for name in ("now", "utcnow", "today")}
CLOCKS |= {("time", "time"), ("time", "time_ns")}


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def impure(names: set[str]) -> set[str]:
    """To take a URL apart reaches nothing."""
    return {name for name in names if name.split(".")[0] in IMPURE and not name.startswith("urllib.parse.")}


def third_party(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"perennial"}


def of_perennial(names: set[str]) -> set[str]:
    """The rooms of the package that are entered: {"domain", "aws", ...}."""
    return {name.split(".")[1] for name in names if name.startswith("perennial.")}


def clock_readings(tree: ast.AST) -> Iterator[str]:
    """`datetime.now`, `date.today`, `time.time` and the like; not `clock().now()`, which is how one asks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in CLOCKS:
                yield f"{owner}.{node.attr}"


def names(path: Path) -> str:
    return str(path.relative_to(ROOT)).removeprefix("layers/perennial/python/")


@pytest.mark.parametrize("path", DOMAIN, ids=names)
def test_the_domain_is_pure(path: Path) -> None:
    imported = set(imports(path))

    assert impure(imported) == set()
    assert third_party(imported) <= DOMAIN_MAY_USE
    assert of_perennial(imported) <= {"domain"}


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_sources_are_pure_and_know_only_the_domain(path: Path) -> None:
    imported = set(imports(path))

    assert impure(imported) == set()
    assert third_party(imported) <= SOURCES_MAY_USE
    assert of_perennial(imported) <= {"domain", "sources"}


@pytest.mark.parametrize("path", OUTSIDE_AWS, ids=names)
def test_only_aws_knows_aws_and_the_environment(path: Path) -> None:
    imported = set(imports(path))

    assert third_party(imported) & {"boto3", "botocore"} == set()
    assert [name for name in imported if name.startswith(("os.environ", "os.getenv"))] == []
    assert "os.environ" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TIMELESS, ids=names)
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    assert list(clock_readings(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("code", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time_ns()"])
def test_a_reading_of_the_clock_is_seen(code: str) -> None:
    assert list(clock_readings(ast.parse(code))) != []


def test_asking_the_clock_is_no_reading_of_it() -> None:
    assert list(clock_readings(ast.parse("clock().now()\nself._clock.now()\ndatetime.fromisoformat(text)"))) == []


@pytest.mark.parametrize("path", HANDLERS, ids=names)
def test_handlers_only_translate(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    statements = {type(node) for node in ast.walk(ast.parse(text))}

    assert len(text.splitlines()) <= 30
    assert statements & {ast.Try, ast.For, ast.While, ast.ClassDef} == set()


def test_nothing_happens_when_a_module_is_imported() -> None:
    modules = [names(each).removesuffix(".py").replace("/", ".") for each in sorted(PACKAGE.rglob("*.py"))]
    code = f"""
import socket, sys
sys.path[:0] = [{str(PACKAGE.parent)!r}]
def refuse(*_): raise AssertionError("a socket while importing")
socket.socket.connect = refuse
for name in {modules!r}: __import__(name.removesuffix(".__init__"))
from perennial.aws import wiring
assert wiring._built == {{}}, "something was built while importing"
"""
    finished = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr[-2000:]


def test_the_layer_ships_the_package_and_its_documents(tmp_path: Path) -> None:
    make = ["make", "-s", "-f", str(ROOT / "layers/perennial/Makefile"), "build-PerennialLayer"]

    subprocess.run([*make, f"ARTIFACTS_DIR={tmp_path}"], check=True, cwd=tmp_path)

    shipped = {each.relative_to(tmp_path / "python/perennial") for each in tmp_path.rglob("*") if each.is_file()}
    written = {each.relative_to(PACKAGE) for kind in ("*.py", "*.txt") for each in PACKAGE.rglob(kind)}
    documents = {
        Path("data") / each.relative_to(ROOT / "infra")
        for folder in ("policy", "messages", "pages", "import")
        for each in (ROOT / "infra" / folder).rglob("*")
        if each.is_file()
    }
    assert shipped == written | documents | {Path("py.typed")}
    assert documents
