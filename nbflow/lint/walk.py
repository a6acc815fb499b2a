"""From a workflow to all code that it runs: its helpers and theirs, each looked at once."""

from __future__ import annotations

import ast
import linecache
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from nbflow.lint.checks import CHECKS
from nbflow.lint.findings import Finding
from nbflow.lint.hits import Hit
from nbflow.lint.meanings import Code, Kind, Text
from nbflow.lint.noqa import is_kept, kept_lines
from nbflow.lint.reading import Reading
from nbflow.lint.rules import RULES
from nbflow.lint.scopes import FUNCTIONS, Layout

MOST_FUNCTIONS: Final = 300
"""So many helpers of one workflow are looked at."""

_MAKING: Final = ("__new__", "__init__", "__post_init__")


def findings_in(workflows: Iterable[Code]) -> list[Finding]:
    """What is found in workflows and in the functions that they call, in the order of the text."""
    found: dict[tuple[str, int, int], Finding] = {}
    seen: set[Hashable] = set()
    for workflow in workflows:
        for finding in _in_workflow(workflow, seen):
            place = (finding.file, finding.line, finding.column)
            if place not in found or finding.code < found[place].code:
                found[place] = finding
    return sorted(found.values())


def _in_workflow(workflow: Code, seen: set[Hashable]) -> Iterator[Finding]:
    pending = deque[tuple[Code, tuple[str, ...]]]([(workflow, ())])
    pending.extend((code, (workflow.name,)) for code in workflow.wrapped)
    seen.discard(workflow.key)  # a helper of another workflow, perhaps: then its input was not looked at
    opened = 0
    while pending and opened < MOST_FUNCTIONS:
        code, via = pending.popleft()
        if code.key in seen:
            continue
        seen.add(code.key)
        opened += 1
        try:
            layout = Layout(code.node)
            reading = Reading(
                layout, code.names, [code.text], code=code, is_workflow=code is workflow and code.takes_input
            )
            yield from _seen(code, reading, via)
            called = list(_called(reading))
        except RecursionError:  # nested deeper than Python can follow
            continue
        way = (*via, _name_of(code))
        for helper in called:
            pending.extend((layer, way) for layer in (helper, *helper.wrapped))


def _called(reading: Reading) -> Iterator[Code]:
    """The author's functions that code names, in its order, and those that make its objects."""
    for node in reading.layout.nodes:
        if isinstance(node, ast.Call):
            made = reading.meaning(node.func)
            if isinstance(made, Kind):
                for name in _MAKING:
                    member = made.of.member(name)
                    if member is not None and member.node not in reading.layout.parents:
                        yield member
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            meaning = reading.meaning(node)
            if isinstance(meaning, Code) and meaning.node not in reading.layout.parents:
                yield meaning


def _seen(code: Code, reading: Reading, via: tuple[str, ...]) -> Iterator[Finding]:
    """What is found in one function, where its author sees it."""
    hits = [
        hit
        for node in reading.layout.nodes
        for check in CHECKS.get(type(node), ())
        for hit in check(node, reading)
    ]
    if not hits:
        return
    kept = kept_lines(code.text.source)
    for hit in hits:
        if not is_kept(hit.code, getattr(hit.node, "lineno", 1), kept):
            yield _finding(hit, code, reading, via)


def _finding(hit: Hit, code: Code, reading: Reading, via: tuple[str, ...]) -> Finding:
    rule = RULES[hit.code]
    line, column = getattr(hit.node, "lineno", 1), getattr(hit.node, "col_offset", 0)
    source, column = _as_seen(code.text, line, column)
    return Finding(
        file=code.text.file,
        label=code.text.label,
        line=line + code.text.shift,
        column=column,
        code=hit.code,
        message=f"{hit.what} {hit.says or rule.says}",
        fix=hit.fix or rule.fix,
        function=_function_of(hit.node, code, reading),
        via=via,
        source=source,
    )


def _as_seen(text: Text, line: int, offset: int) -> tuple[str, int]:
    """A line of the tree as its author sees it, and the column in it, from 1."""
    lines = text.source.split("\n")
    ours = lines[line - 1] if line <= len(lines) else ""
    column = len(ours.encode()[:offset].decode(errors="ignore"))
    number = line + text.shift
    seen_lines = text.seen.split("\n")
    if text.seen and number <= len(seen_lines):
        theirs = seen_lines[number - 1]
    else:
        theirs = linecache.getline(text.file, number).rstrip("\r\n")
    if theirs.strip() != ours.strip():
        return (theirs if text.seen else ours).strip(), 1 if text.seen else column + 1
    shift = (len(theirs) - len(theirs.lstrip())) - (len(ours) - len(ours.lstrip()))
    return theirs.strip(), max(column + shift, 0) + 1


def _function_of(node: ast.AST, code: Code, reading: Reading) -> str:
    """The function that a node stands in: ``fulfil.remind`` for one that is nested."""
    names: list[str] = []
    at: ast.AST | None = reading.layout.parents.get(node)
    while at is not None and at is not code.node:
        if isinstance(at, FUNCTIONS):
            assert isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef))
            names.insert(0, at.name)
        at = reading.layout.parents.get(at)
    return ".".join([_name_of(code), *names])


def _name_of(code: Code) -> str:
    return code.name if code.owner is None else f"{code.owner.name}.{code.name}"
