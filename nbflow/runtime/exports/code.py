"""Where a workflow's code lives, so that a test can find it again: in a module, a script or a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from nbflow.definitions import WorkflowDefinition
from nbflow.errors import ExportError


class ModuleCode(msgspec.Struct, frozen=True, kw_only=True):
    """Code that ``from module import attribute`` finds."""

    module: str
    attribute: str


class FileCode(msgspec.Struct, frozen=True, kw_only=True):
    """Code in a notebook or a script, which nobody imports."""

    path: Path


Code: TypeAlias = ModuleCode | FileCode


def notebook_of(environment: Mapping[str, str], namespace: Mapping[str, Any]) -> Path | None:
    """The notebook that a kernel belongs to, as Jupyter Server (``JPY_SESSION_NAME``) and VS Code tell it.

    Args:
        environment: The process's environment variables.
        namespace: The notebook's variables.
    """
    for name in (environment.get("JPY_SESSION_NAME"), namespace.get("__vsc_ipynb_file__")):
        if isinstance(name, str) and name.endswith(".ipynb"):
            return Path(name)
    return None


def code_of(definition: WorkflowDefinition[Any, Any]) -> Code | None:
    """Where the code of a workflow lives that this process has; None if it is in no file that can be named."""
    module = definition.__module__
    if module != "__main__":
        return ModuleCode(module=module, attribute=_attribute(definition, module))
    namespace: Mapping[str, Any] = definition.function.__globals__
    notebook = notebook_of(os.environ, namespace)
    script = namespace.get("__file__")
    found = notebook if notebook is not None else Path(script) if isinstance(script, str) else None
    return FileCode(path=found.resolve()) if found is not None and found.is_file() else None


def code_for(definition: WorkflowDefinition[Any, Any] | None, told: str | Path | None) -> Code | None:
    """Where a workflow's code lives: as it was told, or as far as it is known.

    Raises:
        ExportError: There is no such file.
    """
    if told is None:
        return code_of(definition) if definition is not None else None
    path = Path(told).expanduser()
    if not path.is_file():
        raise ExportError(f"there is no file {told}: name the notebook or module that has the workflow")
    return FileCode(path=path.resolve())


def _attribute(definition: WorkflowDefinition[Any, Any], module: str) -> str:
    """The name under which a module has a definition."""
    held = vars(sys.modules[module]) if module in sys.modules else {}
    names = [name for name, value in held.items() if value is definition]
    return names[0] if names else definition.function.__name__
