"""What the lint finds: below a cell that defines a workflow, and as a table, ``%wf lint``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nbflow.definitions import WorkflowDefinition
from nbflow.jupyter.actions import Request
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.shell import Shell
from nbflow.jupyter.tables import Table
from nbflow.jupyter.words import fill_in

if TYPE_CHECKING:
    from nbflow.lint import Finding

_MOST_LINES: Final = 12
_RULE: Final = re.compile(r"NBF\d+", re.IGNORECASE)
_MAGIC: Final = re.compile(r"\s*%%(workflow|activity|time|capture)\b.*")


def lines_below(session: NbFlow, definition: WorkflowDefinition[Any, Any]) -> list[str]:
    """What is said below the cell that defines a workflow, a line for each finding.

    Whatever happens in here, the workflow is defined.
    """
    try:
        found = findings_of(session, definition)
    except Exception as error:  # reading an author's code must not keep it from being defined
        return [f"{definition.name} could not be checked for determinism: {type(error).__name__}: {error}"]
    own = definition.listing.file if definition.listing is not None else ""
    lines = [f"{_place(finding, own)}: {finding}" for finding in found[:_MOST_LINES]]
    if len(found) > _MOST_LINES:
        lines.append(f"{len(found) - _MOST_LINES} more: type %wf lint {definition.name}")
    return lines


def findings_of(session: NbFlow, definition: WorkflowDefinition[Any, Any]) -> list[Finding]:
    """What is found in a workflow of the notebook."""
    from nbflow.lint import check
    from nbflow.lint.live import Places

    def label_of(file: str) -> str:
        cell = session.shell.compile.format_code_name(file)
        return "" if cell is None else " ".join(cell)

    return check(definition, Places(cell_of=partial(_cell_of, session.shell), label_of=label_of))


def lint(session: NbFlow, request: Request) -> Table | str:
    """The findings of all workflows, or of one; or a rule in full.

    Raises:
        CommandError: There is no such workflow or rule.
    """
    word = fill_in(request.line, session.evaluate).strip()
    if _RULE.fullmatch(word):
        return explained(word)
    names = session.known.workflow_names()
    if word and word not in names:
        raise CommandError(
            f"no workflow {word!r} is known{did_you_mean(word, names)} - type %wf lint for all, or %wf lint NBF001 "
            "for a rule"
        )
    rows: list[tuple[Any, ...]] = []
    for name in [word] if word else names:
        definition = session.known.workflow(name)
        for finding in findings_of(session, definition) if definition is not None else ():
            place = f"{finding.label or finding.file} line {finding.line}"
            rows.append((name, place, finding.code, finding.says, finding.fix))
    of = word or (f"{len(names)} workflow{'' if len(names) == 1 else 's'}")
    return Table(
        ("workflow", "where", "rule", "what", "instead"),
        rows,
        empty=f"nothing found in {of}",
        note="%wf lint NBF001 tells about a rule; the comment `noqa: NBF001` at the end of a line keeps it.",
    )


def explained(code: str) -> str:
    """A rule in full; raises CommandError if there is none of that code."""
    from nbflow.lint import RULES, explain

    text = explain(code)
    if text is None:
        raise CommandError(f"there is no rule {code!r}: they are {', '.join(RULES)}")
    return text


def is_rule(word: str) -> bool:
    """Whether a word looks like the code of a rule."""
    return _RULE.fullmatch(word) is not None


def _place(finding: Finding, own: str) -> str:
    where = f"line {finding.line}"
    return where if finding.file == own else f"{finding.label or finding.file} {where}"


def _cell_of(shell: Shell, name: str) -> str:
    """The newest cell that gives a variable its value at top level."""
    cells: list[str] = shell.history_manager.input_hist_raw
    for number in range(len(cells) - 1, 0, -1):
        if name in cells[number] and name in _names_of(shell, cells[number]):
            return f"Cell In[{number}]"
    return ""


def _names_of(shell: Shell, cell: str) -> set[str]:
    """The names that a cell's top level gives a value to."""
    try:
        tree = ast.parse(shell.transform_cell(_MAGIC.sub("", cell, count=1)))
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return set(_stored(tree))


def _stored(tree: ast.Module) -> Iterator[str]:
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
