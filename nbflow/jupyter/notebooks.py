"""The cells of a saved notebook as Python: what would be compiled of them, and nothing is run."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from IPython.core.inputtransformer2 import TransformerManager

from nbflow.jupyter.cells import body_form, plain_form
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.headers import CellKind, parse_header
from nbflow.lint import Cell

_OVER_PYTHON: Final = ("time", "timeit", "capture", "prun")
"""Cell magics that run the cell below them as it is."""


class NotebookError(ValueError):
    """A file is no notebook."""


def cells_of(data: bytes) -> list[Cell]:
    """The code cells of a notebook, labelled ``cell 3`` by their place in it, text cells counted.

    Raises:
        NotebookError: It is no notebook of the present format.
    """
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"it is no JSON ({error})") from None
    found = cast("dict[str, Any]", notebook).get("cells") if isinstance(notebook, dict) else None
    if not isinstance(found, list):
        raise NotebookError("it has no cells: is it a notebook of format 4?")
    cells = cast("list[Any]", found)
    return [
        _cell(text, f"cell {number}")
        for number, cell in enumerate(cells, start=1)
        if isinstance(cell, dict) and (text := _code(cast("dict[str, Any]", cell))) is not None
    ]


def _code(cell: dict[str, Any]) -> str | None:
    """The text of a code cell."""
    source = cell.get("source")
    if cell.get("cell_type") != "code":
        return None
    if isinstance(source, list):
        return "".join(str(line) for line in cast("list[Any]", source))
    return str(source or "")


def _cell(text: str, label: str) -> Cell:
    stripped = text.lstrip()
    above = text[: len(text) - len(stripped)].count("\n")
    magic, _, below = stripped.partition("\n")
    name, _, line = magic.removeprefix("%%").partition(" ")
    if not magic.startswith("%%"):
        return _plain(text, text, label)
    match name.strip():
        case "workflow" | "activity" as kind:
            try:
                return _defining(kind, line, below, Cell(text="", seen=text, label=label), above + 1)
            except SyntaxError as error:
                return Cell(text="", seen=text, label=label, trouble=(error.lineno or 1, error.msg))
            except CommandError as error:
                return Cell(text="", seen=text, label=label, trouble=(above + 1, str(error)))
        case name if name in _OVER_PYTHON:
            return _plain("\n" * (above + 1) + below, text, label)
        case _:
            return Cell(text="", seen=text, label=label)


def _plain(code: str, seen: str, label: str) -> Cell:
    return Cell(text=_as_python(code), seen=seen, label=label)


def _defining(kind: CellKind, line: str, below: str, cell: Cell, magic_line: int) -> Cell:
    header = parse_header(line, kind)
    python = _as_python(below)
    if header.name is None:
        source = plain_form(kind, python, line=magic_line, filename=cell.label)
    else:
        source = body_form(kind, header, python, line=magic_line, filename=cell.label)
    return Cell(text=source.text, seen=cell.seen, label=cell.label, kinds=dict.fromkeys(source.names, kind))


def _as_python(text: str) -> str:
    """IPython's own syntax turned into Python; the lines stay where they are."""
    lines = text.split("\n")
    blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if blank == len(lines):
        return ""
    transformed = TransformerManager().transform_cell("\n".join(lines[blank:]))
    return "\n" * blank + transformed
