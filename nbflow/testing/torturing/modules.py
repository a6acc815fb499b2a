"""Modules that a child process can't find by their names, such as those that a test runner loads from a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from nbflow.core.failures import is_author_file

_INSTALLED: Final = {"site-packages", "dist-packages"}


def authors_modules() -> dict[str, str]:
    """The author's modules of this process: their files by name."""
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(file, str) or _INSTALLED & {*Path(file).parts}:
            continue
        if is_author_file(file):
            found[name] = file
    return found


class KnownFiles:
    """Finds modules by their files, where they aren't found otherwise.

    Args:
        files: By name of the module.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The file of a module; what Python's import asks."""
        if name in self._files:
            return spec_from_file_location(name, self._files[name])
        if any(known.startswith(f"{name}.") for known in self._files):
            package = ModuleSpec(name, None, is_package=True)
            package.submodule_search_locations = []
            return package
        return None
