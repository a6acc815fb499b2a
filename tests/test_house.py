"""The house rules of CONTRIBUTING.md that a machine can check."""

import ast
import inspect
import math
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nbflow"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted(p for p in PACKAGE.rglob("*") if p.suffix in {".py", ".js", ".css", ".sql"})

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
SUPPRESSIONS_PER_1000_LINES = 2

SUPPRESSION = re.compile(r"#\s*(?:type:\s*ignore|pyright:|noqa\b|ruff:\s*(?:noqa|disable))")
# With the code of what it suppresses; a mode for a whole file, such as `pyright: basic`, has none.
SUPPRESSION_WITH_CODE = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]|(?:type|pyright):\s*ignore\[\w|(?:ruff:\s*\w+)[:\[]\s*[A-Z])"
)


def where(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True)


def test_imports_run_downwards() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("core/__init__.py", "import time", "nbflow.core is not allowed to import time"),
        ("core/__init__.py", "import nbflow.runtime", "nbflow.core is not allowed to import nbflow.runtime"),
        (
            "engine/__init__.py",
            "import nbflow.stores",
            "nbflow.engine is not allowed to import nbflow.stores",
        ),
        ("views/__init__.py", "import subprocess", "nbflow.views is not allowed to import subprocess"),
        ("helpers.py", "", "- nbflow.helpers"),
    ],
)
def test_an_import_that_runs_upwards_is_found(tmp_path: Path, module: str, line: str, complaint: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "nbflow", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "nbflow" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert complaint in done.stdout


def test_no_file_has_two_jobs() -> None:
    lengths = {where(path): len(path.read_text().splitlines()) for path in SOURCES}
    too_long = {name: length for name, length in lengths.items() if length > MAX_FILE_LINES}
    assert not too_long, f"over {MAX_FILE_LINES} lines: find the second job, and split"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_has_two_jobs() -> None:
    too_long = {
        f"{where(path, node.lineno)} {node.name}": length
        for path in MODULES
        for node in functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert not too_long, f"over {MAX_FUNCTION_LINES} lines: find the second job, and split"


def suppressions() -> list[tuple[str, str]]:
    return [
        (where(path, number), line.strip())
        for path in MODULES
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if SUPPRESSION.search(line)
    ]


def test_suppressions_are_few() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in MODULES)
    found = suppressions()
    allowed = math.ceil(lines * SUPPRESSIONS_PER_1000_LINES / 1000)
    assert len(found) <= allowed, f"{len(found)} in {lines} lines, {allowed} allowed: {found}"


def test_each_suppression_has_its_code() -> None:
    assert [entry for entry in suppressions() if not SUPPRESSION_WITH_CODE.search(entry[1])] == []


@pytest.mark.parametrize(
    "line", ["x = y  # type: ignore", "# pyright: basic", "x  # noqa", "x  # pyright: ignore"]
)
def test_a_suppression_without_a_code_is_seen(line: str) -> None:
    assert SUPPRESSION.search(line)
    assert not SUPPRESSION_WITH_CODE.search(line)


def test_every_module_says_what_it_is() -> None:
    silent = [where(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_no_module_is_a_drawer_for_anything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [where(path) for path in MODULES if drawers & set(path.stem.split("_"))] == []


def test_what_is_exported_is_documented() -> None:
    import nbflow

    silent: list[str] = []
    for name in nbflow.__all__:
        exported = getattr(nbflow, name)
        if isinstance(exported, type) or inspect.isfunction(exported):
            silent += [name] if not inspect.getdoc(exported) else []
        if isinstance(exported, type):
            silent += [
                f"{name}.{attribute}"
                for attribute, member in inspect.getmembers(exported)
                if not attribute.startswith("_")
                and (inspect.isroutine(member) or isinstance(member, property))
                and str(getattr(getattr(member, "fget", member), "__module__", "")).startswith("nbflow")
                and not inspect.getdoc(member)
            ]
    assert silent == []


def test_every_dependency_and_every_ignored_rule_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    config = tomllib.loads(text)
    project, ruff, pytest_options = (
        config["project"],
        config["tool"]["ruff"],
        config["tool"]["pytest"]["ini_options"],
    )
    needs_reason = [
        *project["dependencies"],
        *(requirement for extra in project["optional-dependencies"].values() for requirement in extra),
        *ruff["lint"]["ignore"],
        *ruff["extend-exclude"],
        *(warning for warning in pytest_options["filterwarnings"] if warning != "error"),
    ]
    unexplained = [
        entry
        for entry in needs_reason
        if not re.search(
            rf"^\s*(?:\w+ = \[)?['\"]{re.escape(entry)}['\"],?\s*#\s*\S", text, flags=re.MULTILINE
        )
    ]
    assert unexplained == []
