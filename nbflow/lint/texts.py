"""What can be read: a definition, a module's text, the cells of a notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from nbflow.definitions import WorkflowDefinition
from nbflow.lint.findings import Finding
from nbflow.lint.live import Places, code_of
from nbflow.lint.meanings import Text
from nbflow.lint.static import ModuleNames
from nbflow.lint.walk import findings_in

_NOWHERE: Final = Places()


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of a notebook, as Python.

    Attributes:
        text: What is compiled of it, with the cell's line numbers.
        seen: The cell as its author sees it.
        label: What a person calls it: ``cell 3``.
        kinds: What its magic makes of its functions, by name.
        trouble: Why nothing can be compiled of it: the line, and the reason.
    """

    text: str
    seen: str
    label: str
    kinds: Mapping[str, Literal["workflow", "activity"]] = {}
    trouble: tuple[int, str] | None = None


def check(definition: WorkflowDefinition[Any, Any], places: Places = _NOWHERE) -> list[Finding]:
    """Read a workflow and the functions that it calls, by the values that their names have.

    Args:
        definition: The workflow.
        places: Where the code stands, for the findings.
    """
    listing = definition.listing
    if listing is None:
        return []
    is_cell = listing.first_line == 1 and listing.text != definition.source
    code = code_of(
        definition.function,
        places,
        source=definition.source,
        seen=listing.text if is_cell else "",
        label=listing.label,
    )
    return [] if code is None else findings_in([code])


def check_source(text: str, filename: str = "<text>") -> list[Finding]:
    """Read all workflows of a module's text, and the functions of it that they call.

    A text that is no Python is one finding, with the code NBF000.
    """
    return check_cells([Cell(text=text, seen=text, label="")], filename)


def check_cells(cells: Sequence[Cell], filename: str = "<cells>") -> list[Finding]:
    """Read all workflows of a notebook's cells, which share their names, and the functions that they call."""
    trees: list[ast.Module] = []
    texts: list[Text] = []
    kinds: dict[str, str] = {}
    broken: list[Finding] = []
    for number, cell in enumerate(cells):
        tree = _tree_of(cell)
        if isinstance(tree, Finding):
            broken.append(msgspec.structs.replace(tree, file=f"{filename}\0{number}"))
            continue
        trees.append(tree)
        # the cell's number keeps apart what stands on the same line of two cells
        texts.append(Text(source=cell.text, file=f"{filename}\0{number}", label=cell.label, seen=cell.seen))
        kinds.update(cell.kinds)
    try:
        found = findings_in(ModuleNames(trees, texts, kinds).workflows())
    except RecursionError:  # nested deeper than Python can follow
        found = []
    return [
        msgspec.structs.replace(finding, file=filename) for finding in sorted([*broken, *found], key=_order)
    ]


def _order(finding: Finding) -> tuple[int, int, int, str]:
    number = int(finding.file.rpartition("\0")[2])
    return (number, finding.line, finding.column, finding.code)


def _tree_of(cell: Cell) -> ast.Module | Finding:
    """A cell's tree, or what is said of one that is no Python."""
    line, column = 1, 1
    if cell.trouble is not None:
        line, reason = cell.trouble
    else:
        try:
            return ast.parse(cell.text)
        except SyntaxError as error:
            line, column, reason = error.lineno or 1, error.offset or 1, error.msg
        except (ValueError, RecursionError, MemoryError) as error:
            reason = str(error) or type(error).__name__
    return Finding(
        file="",
        line=line,
        column=max(column, 1),
        code="NBF000",
        message=f"this can't be read: {reason}",
        fix="correct it, and look again",
        function="",
        label=cell.label,
    )
