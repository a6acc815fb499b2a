"""The source of what cells have defined: Python finds that of functions by itself, and that of classes not."""

from __future__ import annotations

import ast
from typing import Any

from nbflow.definitions.pins import Text, source_of_value
from nbflow.jupyter.shell import Shell

_OURS = ("%%workflow", "%%activity")


class CellSources:
    """Finds source texts in a notebook's cells.

    Args:
        shell: The notebook's shell.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def __call__(self, value: Any, /) -> Text | None:
        """The source of a function or class; None if it can't be had."""
        found = source_of_value(value)
        if found is not None or not isinstance(value, type):
            return found
        cells = self._shell.history_manager.input_hist_raw
        for number in range(len(cells) - 1, 0, -1):
            found = self._class_in(cells[number], number, value)
            if found is not None:
                return found
        return None

    def _class_in(self, raw: str, number: int, kind: type[Any]) -> Text | None:
        """A class as the newest cell that defines one of that name has it."""
        if f"class {kind.__name__}" not in raw:
            return None
        text = self._as_python(raw)
        try:
            tree = ast.parse(text)
        except SyntaxError:
            return None
        for node in reversed(tree.body):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                lines = text.splitlines(keepends=True)[first - 1 : node.end_lineno]
                source = "".join(lines).rstrip("\n") + "\n"
                return Text(source=source, file=f"Cell In[{number}]", first_line=first)
        return None

    def _as_python(self, raw: str) -> str:
        """A cell with IPython's own syntax turned into Python; its lines stay where they are."""
        above, _, below = raw.lstrip("\n").partition("\n")
        if above.startswith(_OURS):
            skipped = "\n" * (raw[: len(raw) - len(raw.lstrip("\n"))].count("\n") + 1)
            return skipped + self._shell.transform_cell(below)
        return self._shell.transform_cell(raw)
