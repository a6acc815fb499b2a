"""Which lines of a workflow's source were changed since a run was started, and what a source still calls."""

from __future__ import annotations

import ast
import textwrap
import tokenize
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from nbflow.core.explain.report import CodeText, LineChange, Suspect

_MOST_LINES: Final = 5_000
_MOST_CHANGES: Final = 5
_MOST_CHARACTERS: Final = 160


def changed_lines(was: str, present: CodeText, near: int | None) -> tuple[LineChange, ...]:
    """What differs between two versions, the change nearest to a line first; comments and blank lines don't count.

    Args:
        was: The source then.
        present: The source now.
        near: A line of the present file.
    """
    old, new = _lines(was), _lines(present.text)
    if max(len(old), len(new)) > _MOST_LINES:
        return ()
    found = [*_changes(old, new, present.first_line)]
    if near is not None:
        # What was changed at the line or above it comes before what was changed below.
        found.sort(key=lambda change: (change.line > near, abs(change.line - near)))
    return tuple(
        LineChange(line=one.line, was=_cut(one.was), now=_cut(one.now)) for one in found[:_MOST_CHANGES]
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that mean something, with their numbers; decorators are no part of the code."""
    lines = [*enumerate(textwrap.dedent(text.expandtabs(4)).splitlines())]
    head = next((n for n, line in lines if line.startswith(("def ", "async def "))), 0)
    comments = _comments([line for _, line in lines])
    bare = [(number, line[: comments.get(number)].rstrip()) for number, line in lines[head:]]
    return [(number, line) for number, line in bare if line]


def _comments(lines: list[str]) -> dict[int, int]:
    """In which column of which line a comment begins."""
    found: dict[int, int] = {}
    try:
        for token in tokenize.generate_tokens(iter([f"{line}\n" for line in lines]).__next__):
            if token.type == tokenize.COMMENT:
                found[token.start[0] - 1] = token.start[1]
    except (tokenize.TokenError, SyntaxError):
        pass  # what was found until then
    return found


def _changes(old: list[tuple[int, str]], new: list[tuple[int, str]], first: int) -> Iterator[LineChange]:
    matcher = SequenceMatcher(None, [line for _, line in old], [line for _, line in new], autojunk=False)
    for tag, i0, i1, j0, j1 in matcher.get_opcodes():
        if tag == "equal" or not new:
            continue
        if i1 - i0 == j1 - j0:
            for (_, was), (number, now) in zip(old[i0:i1], new[j0:j1], strict=True):
                yield LineChange(line=first + number, was=was.strip(), now=now.strip())
            continue
        number = new[min(j0, len(new) - 1)][0]
        yield LineChange(line=first + number, was=_joined(old[i0:i1]), now=_joined(new[j0:j1]))


def _joined(lines: list[tuple[int, str]]) -> str:
    return "; ".join(line.strip() for _, line in lines)


def calls_below(present: CodeText, name: str, line: int) -> bool:
    """Whether the source names something below a line: a call that is still to come."""
    tree = _tree(present.text)
    if tree is None:
        return False
    at = line - present.first_line + 1
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=found) | ast.Attribute(attr=found) | ast.Constant(value=found):
                if found == name and node.lineno > at:
                    return True
            case _:
                pass
    return False


def nearest(
    suspects: tuple[Suspect, ...], present: CodeText | None, place: tuple[str, int] | None
) -> Suspect | None:
    """The suspect that is the likeliest: nearest at or above the line, in the same function before any other."""
    if place is None or present is None:
        return suspects[0] if len(suspects) == 1 else None
    file, line = place
    here = [one for one in suspects if (one.file or present.file) == file]
    above = [one for one in here if one.line <= line]
    first, last = _function_at(present, line) if file == present.file else (0, line)
    inside = [one for one in above if first <= one.line <= last]
    if inside or above:
        return max(inside or above, key=lambda one: one.line)
    return min(here or suspects, key=lambda one: one.line, default=None)


def _function_at(present: CodeText, line: int) -> tuple[int, int]:
    """First and last line of the innermost function around a line."""
    tree, at = _tree(present.text), line - present.first_line + 1
    found = (1, at)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            end = node.end_lineno or node.lineno
            if node.lineno <= at <= end and node.lineno >= found[0]:
                found = node.lineno, end
    return found[0] + present.first_line - 1, found[1] + present.first_line - 1


def _tree(text: str) -> ast.AST | None:
    """The syntax tree of a source; of a cell that is a body, with its lines where they are."""
    text = textwrap.dedent(text)
    if text.startswith("%%"):
        text = "#" + text
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
