"""The graph in a terminal: an outline of the workflow, indented as its code is, with how each step stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from nbflow.views.excerpts import fit, tame
from nbflow.views.graph.looks import KIND_ICONS, STATE_LOOKS, second_line, stands_of, state_words
from nbflow.views.graph.model import (
    Box,
    Branch,
    Choice,
    Flow,
    Group,
    Jump,
    Leaf,
    Loop,
    Node,
    Parallel,
    Spawn,
    Step,
    Try,
)
from nbflow.views.graph.overlay import Overlay, State

_INDENT: Final = "  "
_DEEPEST: Final = 16


def text_graph(flow: Flow, laid: Overlay | None = None, *, width: int = 100) -> str:
    """Draw the outline in lines of at most ``width`` cells (at least 60), without a final newline."""
    width = max(width, 60)
    lines = [f"● {tame(flow.name)}"]
    if flow.note:
        lines.append(f"  ({flow.note})")
    lines += [f"{_INDENT}{line}" for line in _Outline(laid).block(flow.steps, 0)]
    if not flow.steps:
        lines.append(f"{_INDENT}nothing to draw: it calls nothing and waits for nothing")
    if laid is not None and laid.left_over:
        lines.append(f"{_INDENT}… and {len(laid.left_over):,} rows that belong to no step of this code")
    return "\n".join(fit(line, width).rstrip() for line in lines)


class _Outline:
    def __init__(self, laid: Overlay | None) -> None:
        self._laid = laid

    def block(self, steps: Sequence[Step], depth: int) -> Iterator[str]:
        """The lines of steps behind each other."""
        for step in steps:
            yield from self._step(step, min(depth, _DEEPEST))

    def _step(self, step: Step, depth: int) -> Iterator[str]:
        indent = _INDENT * depth
        match step:
            case Leaf(node=node):
                yield indent + self._line(node)
            case Choice(node=node, branches=branches):
                yield indent + self._line(node)
                for branch in branches:
                    yield from self._branch(f"{branch.label}:", branch, depth + 1)
            case Loop():
                yield from self.block(step.before, depth)
                yield indent + self._line(step.head)
                yield from self.block(step.body, depth + 1)
                yield from self.block(step.after, depth)
            case Parallel(group=group, branches=branches):
                yield f"{indent}∥ {tame(group.label)}"
                for place, branch in enumerate(branches):
                    first, *others = [*self.block(branch, 0)]
                    corner = "└ " if place == len(branches) - 1 else "├ "
                    yield f"{indent}{corner}{first}"
                    bar = "  " if place == len(branches) - 1 else "│ "
                    yield from (f"{indent}{bar}{line}" for line in others)
            case Box(group=group, steps=inner):
                yield indent + self._frame(group)
                yield from self.block(inner, depth + 1)
            case Try():
                yield from self._try(step, depth)
            case Spawn(steps=inner):
                yield f"{indent}⇢ started, and not waited for:"
                yield from self.block(inner, depth + 1)
            case Jump(to=to, node=node):
                yield indent + (self._line(node) if node is not None else f"← {to}")
            case _:
                assert_never(step)

    def _branch(self, label: str, branch: Branch, depth: int) -> Iterator[str]:
        indent = _INDENT * depth
        if not branch.steps:
            yield f"{indent}{tame(label)} go on"
            return
        yield f"{indent}{tame(label)}"
        yield from self.block(branch.steps, depth + 1)

    def _try(self, step: Try, depth: int) -> Iterator[str]:
        indent = _INDENT * depth
        yield f"{indent}try"
        yield from self.block(step.steps, depth + 1)
        for handler in step.handlers:
            yield from self._branch(f"on {handler.label}:", handler, depth)
        yield from self.block(step.otherwise, depth)
        if step.final:
            yield f"{indent}finally"
            yield from self.block(step.final, depth + 1)

    def _line(self, node: Node) -> str:
        stands = stands_of(self._laid, node.id)
        icon = KIND_ICONS.get(node.kind, "·")
        if stands is not None:
            icon = STATE_LOOKS[stands.state].icon
        parts = [
            tame(node.label),
            node.each,
            node.limit,
            second_line(node, stands).partition(" ")[2]
            if stands and stands.rows
            else second_line(node, stands),
        ]
        text = " · ".join(part for part in parts if part)
        if stands is not None and stands.state is State.NEVER and self._laid is not None and self._laid.over:
            text += " · never reached"
        return f"{icon} {text}"

    def _frame(self, group: Group) -> str:
        stands = stands_of(self._laid, group.id)
        words = state_words(group, stands) if stands is not None else ""
        return f"▾ {tame(group.label)}{'  ' + words if words else ''}"
