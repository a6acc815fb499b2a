"""From nested steps to nodes and edges: who comes after whom.

Every piece is wired with the loose ends that lead to it, and gives the loose ends that lead on. So
there is no node where branches meet again: both ends simply lead to what comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from nbflow.views.graph.model import (
    Box,
    Branch,
    Choice,
    Edge,
    EdgeKind,
    Graph,
    Group,
    GroupKind,
    Jump,
    Leaf,
    Loop,
    Node,
    NodeKind,
    Parallel,
    Spawn,
    Step,
    Try,
)


class Loose(msgspec.Struct, frozen=True):
    """An edge that has no target yet."""

    source: str
    label: str = ""
    kind: EdgeKind = EdgeKind.NEXT
    group: str | None = None


def wire(name: str, steps: Sequence[Step], *, file: str = "", line: int = 0, ends: bool = True) -> Graph:
    """Give the nodes and edges of a workflow's steps, from its start to its ends.

    Args:
        name: Of the workflow.
        steps: Its steps.
        file: Where it stands.
        line: The line where it begins.
        ends: Whether there is an end behind the last of them.
    """
    wiring = _Wiring()
    start = Node(id="start", kind=NodeKind.START, label=name, file=file, line=line)
    loose = wiring.block(steps, wiring.place(start, []))
    if loose and ends:
        wiring.place(Node(id="end", kind=NodeKind.END, label="end"), loose)
    wiring.close_circle()
    return Graph(nodes=tuple(wiring.nodes), edges=tuple(wiring.edges), groups=tuple(wiring.groups))


class _Wiring:
    """What has been wired so far, and where jumps lead to from here."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.groups: list[Group] = []
        self._inside: list[str] = []
        self._breaks: list[list[Loose]] = []
        self._continues: list[list[Loose]] = []
        self._returns: list[list[Loose]] = []
        self._catches: list[list[Loose]] = []

    def place(self, node: Node, entries: Sequence[Loose]) -> list[Loose]:
        """Put down a node behind these loose ends; gives its own."""
        group = self._inside[-1] if self._inside else None
        self.nodes.append(msgspec.structs.replace(node, group=group))
        self._connect(entries, node.id)
        return [Loose(node.id)]

    def _connect(self, entries: Sequence[Loose], target: str) -> None:
        for end in dict.fromkeys(entries):
            self.edges.append(
                Edge(source=end.source, target=target, label=end.label, kind=end.kind, tail_group=end.group)
            )

    def close_circle(self) -> None:
        """Lead what continues as new back to the start."""
        for node in self.nodes:
            if node.kind is NodeKind.CONTINUE:
                self.edges.append(Edge(source=node.id, target="start", kind=EdgeKind.BACK))

    def block(self, steps: Sequence[Step], entries: list[Loose]) -> list[Loose]:
        """Wire steps one behind the other."""
        for step in steps:
            entries = self._step(step, entries)
        return entries

    def _step(self, step: Step, entries: list[Loose]) -> list[Loose]:
        match step:
            case Leaf(node=node):
                return self.place(node, entries)
            case Choice():
                return self._choice(step, entries)
            case Loop():
                return self._loop(step, entries)
            case Parallel():
                return self._parallel(step, entries)
            case Box():
                return self._box(step, entries)
            case Try():
                return self._try(step, entries)
            case Spawn(steps=steps):
                self.block(steps, [msgspec.structs.replace(end, kind=EdgeKind.SPAWN) for end in entries])
                return entries
            case Jump():
                return self._jump(step, entries)
            case _:
                assert_never(step)

    def _choice(self, step: Choice, entries: list[Loose]) -> list[Loose]:
        self.place(step.node, entries)
        ends: list[Loose] = []
        for branch in step.branches:
            ends += self.block(branch.steps, [Loose(step.node.id, branch.label)])
        return ends

    def _enter(self, group: Group) -> None:
        parent = self._inside[-1] if self._inside else None
        self.groups.append(msgspec.structs.replace(group, parent=parent))
        self._inside.append(group.id)

    def _loop(self, step: Loop, entries: list[Loose]) -> list[Loose]:
        self._enter(step.group)
        first = len(self.nodes)
        head = self.place(step.head, self.block(step.before, entries))
        top = self.nodes[first].id
        self._breaks.append([])
        self._continues.append([])
        ends = self.block(step.body, [Loose(step.head.id, "" if step.endless else "next")])
        ends += self._continues.pop()
        self._connect([msgspec.structs.replace(end, kind=EdgeKind.BACK) for end in ends], top)
        self._inside.pop()
        breaks = self._breaks.pop()
        done = [] if step.endless else [Loose(end.source, "done") for end in head]
        return [*self.block(step.after, done), *breaks]

    def _parallel(self, step: Parallel, entries: list[Loose]) -> list[Loose]:
        self._enter(step.group)
        fork = self.place(_point(step.group, NodeKind.FORK), entries)
        ends: list[Loose] = []
        for branch in step.branches:
            ends += self.block(branch, fork)
        if ends:
            ends = self.place(_point(step.group, NodeKind.JOIN), ends)
        self._inside.pop()
        return ends

    def _box(self, step: Box, entries: list[Loose]) -> list[Loose]:
        self._enter(step.group)
        first = len(self.nodes)
        if step.group.kind is GroupKind.HELPER:
            self._returns.append([])
            ends = self.block(step.steps, entries)
            ends += self._returns.pop()
        else:
            ends = self.block(step.steps, entries)
        self._inside.pop()
        if step.leaves and len(self.nodes) > first:
            last = self.nodes[-1].id
            ends.append(Loose(last, step.leaves, EdgeKind.ERROR, step.group.id))
        return ends

    def _try(self, step: Try, entries: list[Loose]) -> list[Loose]:
        if step.handlers:
            self._enter(step.group)
        if step.final:
            self._returns.append([])
        first = len(self.nodes)
        self._catches.append([])
        ends = self.block(step.steps, entries)
        raised = self._catches.pop()
        body = self.nodes[first:]
        if step.handlers:
            self._inside.pop()
        elif self._catches:
            self._catches[-1] += raised
        ends = self.block(step.otherwise, ends)
        for place, handler in enumerate(step.handlers):
            ends += self._handler(step, handler, body, raised if place == 0 else [])
        if not step.final:
            return ends
        returned = self._returns.pop()
        last = self.block(step.final, [*ends, *returned])
        if ends or not self._returns:
            return last
        self._returns[-1] += last
        return []

    def _handler(self, step: Try, handler: Branch, body: list[Node], raised: list[Loose]) -> list[Loose]:
        """An error may come from anywhere in the body: its edge leaves from the frame."""
        sources = [node for node in body if node.kind not in (NodeKind.RETURN, NodeKind.RAISE)]
        entries = [msgspec.structs.replace(end, label=handler.label, kind=EdgeKind.ERROR) for end in raised]
        if sources:
            entries.append(Loose(sources[-1].id, handler.label, EdgeKind.ERROR, step.group.id))
        return self.block(handler.steps, entries)

    def _jump(self, step: Jump, entries: list[Loose]) -> list[Loose]:
        if step.node is not None:
            entries = self.place(step.node, entries)
        match step.to:
            case "break" if self._breaks:
                self._breaks[-1] += entries
            case "continue" if self._continues:
                self._continues[-1] += entries
            case "return" if self._returns:
                self._returns[-1] += entries
            case "raise" if self._catches:
                self._catches[-1] += entries
            case _:
                pass
        return []


def _point(group: Group, kind: NodeKind) -> Node:
    label = group.label if kind is NodeKind.FORK else ""
    return Node(id=f"{group.id}{kind.value}", kind=kind, label=label, line=group.line, file=group.file)
