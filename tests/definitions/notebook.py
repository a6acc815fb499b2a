"""A notebook's namespace without a kernel: cells are run in a module of their own that counts as ``__main__``."""

import ast
import itertools
import linecache
from typing import Any

from nbflow.definitions import STARTER_NAME, WorkflowDefinition
from nbflow.definitions.pins import Pin, Text, pin_from_json, source_of_value
from nbflow.definitions.versions import Version

_NUMBERS = itertools.count(1)

IMPORTS = """\
import asyncio
from dataclasses import dataclass
from nbflow import RetryPolicy, WorkflowContext, activity, workflow
"""


class Notebook:
    """Cells that share a namespace, as a kernel's do."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__", STARTER_NAME: lambda *given: None}
        self._cells: list[tuple[str, str]] = []
        self.run(IMPORTS)

    def run(self, cell: str) -> None:
        """Run a cell."""
        file = f"/tmp/ipykernel_1/{next(_NUMBERS)}.py"
        linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
        self._cells.insert(0, (file, cell))
        exec(compile(cell, file, "exec"), self.namespace)

    def workflow(self, name: str = "order") -> WorkflowDefinition[Any, Any]:
        """A workflow of the notebook, looked at anew."""
        definition = self.namespace[name]
        definition.sources = self._sources
        definition.capture_again()
        return definition

    def pin(self, name: str = "order") -> Pin:
        """The pin of a workflow that has one, as a store gives it back."""
        definition = self.workflow(name)
        assert definition.pin is not None, definition.problems
        return pin_from_json(definition.pin.to_json())

    def again(self, name: str = "order") -> WorkflowDefinition[Any, Any]:
        """A workflow made of its pin."""
        import threading

        definition = self.workflow(name)
        return Version(definition.code_hash, None, self.pin(name), threading.RLock()).made()

    def _sources(self, value: Any, /) -> Text | None:
        found = source_of_value(value)
        for file, cell in self._cells if found is None else ():
            for node in ast.parse(cell).body:
                if isinstance(node, ast.ClassDef) and node.name == value.__name__:
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    lines = cell.splitlines(keepends=True)[first - 1 : node.end_lineno]
                    return Text(source="".join(lines), file=file, first_line=first)
        return found
