"""The quickstart that is installed is the one in the checkout, and the demo runs from it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nbflow.cli import notebook
from tests.demo.conftest import QUICKSTART, ROOT


def test_a_checkout_runs_its_own_notebook() -> None:
    assert notebook.quickstart() == QUICKSTART


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, as `pip install` would put it beside other packages."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_has_the_notebook_and_its_data_as_they_are(unpacked: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        paths = [folder / QUICKSTART.name, *sorted((folder / "data").iterdir())]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    assert files(unpacked / "nbflow" / "quickstart") == files(ROOT / "notebooks")


@pytest.mark.slow
@pytest.mark.kernel
def test_the_demo_runs_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    program = (
        "import sys, nbflow.cli, nbflow.cli.notebook as notebook\n"
        "print(notebook.quickstart(), file=sys.stderr)\n"
        "sys.exit(nbflow.cli.main(['demo', '--within', '100']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == f"{unpacked / 'nbflow' / 'quickstart' / QUICKSTART.name}\n"
    assert done.returncode == 0
    assert (tmp_path / "demo-output" / "00_quickstart.html").exists()
