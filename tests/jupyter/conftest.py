"""Kernels and shells for the tests of the notebook side."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbflow.jupyter.extension import unload
from nbflow.jupyter.shell import Shell
from tests.jupyter.kernels import Kernel

StartKernel = Callable[..., Kernel]


@pytest.fixture
def notebook_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def start_kernel(notebook_folder: Path, jupyter_env: dict[str, str]) -> Iterator[StartKernel]:
    """Starts kernels that share one store; those that a test leaves are shut down."""
    started: list[Kernel] = []

    def start(**environment: str) -> Kernel:
        kernel = Kernel(notebook_folder, {**jupyter_env, **environment})
        started.append(kernel)
        return kernel

    yield start
    for kernel in started:
        kernel.close()


@pytest.fixture
def kernel(start_kernel: StartKernel) -> Kernel:
    kernel = start_kernel()
    loaded = kernel.run("%load_ext nbflow")
    assert loaded.status == "ok", loaded.text
    return kernel


class Notebook:
    """A shell in this process, as a terminal has one: quick, and its output is the test's own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = InteractiveShell(config=config)
        self._capsys = capsys

    def run(self, cell: str) -> str:
        """Run a cell that works, and give what it shows."""
        result = self.shell.run_cell(cell, store_history=True)
        shown = self._capsys.readouterr().out
        assert result.success, shown
        return re.sub(r"^Out\[\d+\]: \n?", "", shown, flags=re.MULTILINE).rstrip("\n")

    def fail(self, cell: str) -> str:
        """Run a cell that fails, and give what it shows."""
        result = self.shell.run_cell(cell, store_history=True)
        shown = self._capsys.readouterr().out
        assert not result.success, shown
        return shown.rstrip("\n")

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]


@pytest.fixture
def bare_notebook(
    notebook_folder: Path,
    jupyter_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Notebook]:
    """A notebook without nbflow, in a folder of its own."""
    monkeypatch.chdir(notebook_folder)
    for name, value in jupyter_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NBFLOW_DB")
    modules = dict(sys.modules)
    notebook = Notebook(capsys)
    yield notebook
    unload(cast("Shell", notebook.shell))
    sys.modules["__main__"] = modules["__main__"]


@pytest.fixture
def notebook(bare_notebook: Notebook) -> Notebook:
    """A notebook with nbflow."""
    bare_notebook.run("%load_ext nbflow")
    return bare_notebook
