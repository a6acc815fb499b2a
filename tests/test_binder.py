"""Binder's steps, run in a clean environment: Binder itself can't be had here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"


def dependencies() -> list[str]:
    return re.findall(r"^  - (\S+)$", (BINDER / "environment.yml").read_text(), flags=re.MULTILINE)


def test_the_environment_names_a_python_that_nbflow_runs_on() -> None:
    assert "python=3.12" in dependencies()
    assert "pip" in dependencies()


def test_binder_finds_its_files() -> None:
    # Once there is a folder `binder/`, Binder reads these nowhere else.
    assert sorted(path.name for path in BINDER.iterdir()) == ["environment.yml", "postBuild"]
    assert os.access(BINDER / "postBuild", os.X_OK)
    assert (BINDER / "postBuild").read_text().startswith("#!")


def python_of_the_environment() -> str:
    """The Python that environment.yml names, where it is found; else the one that runs the tests."""
    version = next(name.removeprefix("python=") for name in dependencies() if name.startswith("python="))
    candidates = [str(ROOT / f".venv-{version}" / "bin" / "python"), f"python{version}"]
    candidates += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in candidates:
        try:
            done = subprocess.run([candidate, "--version"], capture_output=True, text=True)
        except OSError:
            continue
        if done.stdout.startswith(f"Python {version}."):
            return candidate
    return sys.executable


def copy_checkout(target: Path) -> None:
    """Copies what a clone would have: tracked files, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: git can't list its files")
def test_post_build_gives_an_environment_with_nbflow_and_jupyterlab(tmp_path: Path) -> None:
    checkout, environment = tmp_path / "checkout", tmp_path / "environment"
    copy_checkout(checkout)
    python = python_of_the_environment()
    print("built with", subprocess.run([python, "--version"], capture_output=True, text=True).stdout.strip())
    subprocess.run([python, "-m", "venv", str(environment)], check=True)
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NBFLOW_"))
    }
    variables |= {
        "PATH": os.pathsep.join([str(environment / "bin"), os.environ["PATH"]]),
        "VIRTUAL_ENV": str(environment),
    }

    def run(*command: str, cwd: Path) -> str:
        done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(str(checkout / "binder" / "postBuild"), cwd=checkout)

    elsewhere = tmp_path / "elsewhere"  # not the checkout: `import nbflow` must find the installed one
    elsewhere.mkdir()
    installed = Path(run("python", "-c", "import nbflow; print(nbflow.__file__)", cwd=elsewhere).strip())
    assert installed.is_relative_to(environment)
    assert re.match(r"\d+\.\d+", run("jupyter", "lab", "--version", cwd=elsewhere))
    shipped = {
        path.relative_to(ROOT / "nbflow")
        for path in (ROOT / "nbflow").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith((".pyc", ".duckdb"))
    }
    assert [path for path in sorted(shipped) if not (installed.parent / path).exists()] == []
