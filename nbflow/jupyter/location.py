"""Where a notebook's history is.

Beside the notebook, in a folder of its own: ``.nbflow/<notebook name>.duckdb``.
``NBFLOW_DB``, and before it ``%config NbFlow.db`` or ``%wf db PATH``, name another
place. Which notebook a kernel belongs to is known from Jupyter Server
(``JPY_SESSION_NAME``) and VS Code (``__vsc_ipynb_file__``); elsewhere the working
directory stands in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nbflow.errors import StoreUnavailableError
from nbflow.runtime.exports.code import notebook_of

MEMORY: Final = ":memory:"
FOLDER: Final = ".nbflow"
SUFFIX: Final = ".duckdb"
_DEFAULT_STEM: Final = "history"


def locate(chosen: str, environment: Mapping[str, str], namespace: Mapping[str, Any], folder: Path) -> str:
    """The path of the store, or ``:memory:``.

    Args:
        chosen: What ``%config`` or ``%wf db`` names; empty if they don't.
        environment: The process's environment variables.
        namespace: The notebook's variables.
        folder: The working directory.
    """
    named = chosen or environment.get("NBFLOW_DB", "")
    if named == MEMORY:
        return MEMORY
    if named:
        return str(folder / Path(named).expanduser())
    notebook = notebook_of(environment, namespace)
    if notebook is None:
        return str(folder / FOLDER / f"{_DEFAULT_STEM}{SUFFIX}")
    beside = folder / notebook.parent
    return str((beside if beside.is_dir() else folder) / FOLDER / f"{notebook.stem}{SUFFIX}")


def prepare(path: str) -> None:
    """Make the store's own folder, for the owner alone and ignored by git; other folders must be there.

    Raises:
        StoreUnavailableError: The folder can't be made.
    """
    if path == MEMORY:
        return
    folder = Path(path).parent
    if folder.name != FOLDER:
        return
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise StoreUnavailableError(
            f"{shorten(str(folder))} can't be made ({error.strerror}): type %wf db PATH with a place that can be "
            f"written, or %wf db {MEMORY}"
        ) from error


def shorten(path: str) -> str:
    """A path as a person would write it: from the working directory, or from home, where it is below one."""
    if path == MEMORY:
        return "memory (nothing is kept)"
    for base, prefix in ((os.getcwd(), ""), (os.path.expanduser("~"), "~/")):
        if path.startswith(base.rstrip(os.sep) + os.sep):
            return prefix + path[len(base.rstrip(os.sep)) + 1 :]
    return path


def siblings(path: str) -> list[Path]:
    """Other stores in the store's own folder, the one used last first."""
    folder = Path(path).parent
    if path == MEMORY or folder.name != FOLDER:
        return []
    try:
        others = [other for other in folder.glob(f"*{SUFFIX}") if other != Path(path)]
        return sorted(others, key=lambda other: other.stat().st_mtime, reverse=True)
    except OSError:
        return []
