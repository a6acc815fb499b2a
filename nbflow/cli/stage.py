"""The folder in which the demo plays, and the environment of its kernels.

The folder is the demo's own: what an earlier demo left there is replaced, anything
else is left alone. Kernels get Jupyter and IPython folders that are gone afterwards,
and no variable by which a user sets these programs, or nbflow, up.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from nbflow.cli.complaints import CommandError
from nbflow.jupyter.location import FOLDER

_MARK: Final = ".nbflow-demo"
_FOREIGN: Final = ("NBFLOW_", "JUPYTER_", "JUPYTERLAB_", "JPY_", "IPYTHON", "PYTHONSTARTUP")


class Stage:
    """A folder with a copy of the notebook's data.

    Args:
        folder: Made if it isn't there.
        notebook: The notebook; the folder ``data`` beside it is copied.
        home: A folder for everything that kernels keep for their user.

    Raises:
        CommandError: The folder has other things in it, or can't be written.
    """

    def __init__(self, folder: Path, notebook: Path, home: Path) -> None:
        self.folder = folder.absolute()
        self.notebook = self.folder / notebook.name
        self.proof = self.folder / "audit.log"
        self._home = home
        try:
            self._clear()
            if (data := notebook.parent / "data").is_dir():
                shutil.copytree(data, self.folder / "data")
        except OSError as error:
            raise CommandError(f"{error.filename or folder} can't be written: {error.strerror}") from None

    def _clear(self) -> None:
        mark = self.folder / _MARK
        if self.folder.is_dir() and any(self.folder.iterdir()) and not mark.exists():
            raise CommandError(
                f"{self.folder} has other things in it: type nbflow demo --out with a new folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        mark.write_text("nbflow demo replaces what is in this folder\n", encoding="utf-8")
        for name in ("data", "published", FOLDER):
            if (self.folder / name).is_dir():
                shutil.rmtree(self.folder / name)
        for path in (self.notebook, self.notebook.with_suffix(".html"), self.proof):
            path.unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a kernel."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {
            **kept,
            "IPYTHONDIR": str(self._home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self._home / "jupyter-config"),
            "JUPYTER_DATA_DIR": str(self._home / "jupyter-data"),
            "JUPYTER_RUNTIME_DIR": str(self._home / "jupyter-runtime"),
            "JUPYTER_NO_CONFIG": "1",
            "JPY_SESSION_NAME": str(self.notebook),  # as Jupyter Server says it: the history is put beside it
            "NBFLOW_KEY_FILE": str(self._home / "nbflow.key"),
            "NBFLOW_PROOF": str(self.proof),
        }
