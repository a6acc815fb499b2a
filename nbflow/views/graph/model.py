"""What a workflow's graph consists of: the steps as they are nested, and the nodes and edges between them.

`Flow` holds both. The steps are the code's own structure: a reader makes them, the outline prints them.
The nodes, edges and groups are what is drawn; `wiring` makes them from the steps. Node and group
ids are counted in the order of the code, so that the same code has the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec


class NodeKind(StrEnum):
    """What a node stands for."""

    START = "start"
    END = "end"
    ACTIVITY = "activity"
    CHILD = "child"
    TIMER = "timer"
    WAIT = "wait"
    SEND = "send"
    STATUS = "status"
    CONTINUE = "continue"
    DECISION = "decision"
    LOOP = "loop"
    CALL = "call"
    RETURN = "return"
    RAISE = "raise"
    FORK = "fork"
    JOIN = "join"
    MORE = "more"


class GroupKind(StrEnum):
    """What a frame around nodes stands for."""

    PARALLEL = "parallel"
    MANY = "many"
    LOOP = "loop"
    TIMEOUT = "timeout"
    HELPER = "helper"
    TRY = "try"


class EdgeKind(StrEnum):
    """How one gets along an edge."""

    NEXT = "next"
    BACK = "back"
    ERROR = "error"
    SPAWN = "spawn"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One box of the graph.

    Attributes:
        id: Stable for the same code.
        kind: What it stands for.
        label: What it is called, as it stands in the code or the registry.
        name: What its rows of the timeline are called; empty where the code doesn't tell.
        file: Where it stands.
        line: The line of it in the file, from 1; 0: nowhere.
        end_line: The last line of it.
        each: Over what one call stands for many: ``for each name in names``.
        limit: Its time limit, in words.
        repeats: Whether it may happen more than once in a run.
        group: The innermost frame that it is in.
    """

    id: str
    kind: NodeKind
    label: str
    name: str = ""
    file: str = ""
    line: int = 0
    end_line: int = 0
    each: str = ""
    limit: str = ""
    repeats: bool = False
    group: str | None = None


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A way from one node to another; ``tail_group``: it leaves from the frame around its source."""

    source: str
    target: str
    label: str = ""
    kind: EdgeKind = EdgeKind.NEXT
    tail_group: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A frame around nodes; ``parent`` is the next larger one. The rest is as with nodes."""

    id: str
    kind: GroupKind
    label: str
    file: str = ""
    line: int = 0
    end_line: int = 0
    repeats: bool = False
    parent: str | None = None


class Leaf(msgspec.Struct, frozen=True, tag=True):
    """One node that does something and goes on."""

    node: Node


class Branch(msgspec.Struct, frozen=True):
    """One way out of a decision, or one handler: what leads there, and what is done there."""

    label: str
    steps: tuple[Step, ...]


class Choice(msgspec.Struct, frozen=True, tag=True):
    """Exactly one of the branches is taken; one without steps goes right on."""

    node: Node
    branches: tuple[Branch, ...]


class Loop(msgspec.Struct, frozen=True, tag=True):
    """A loop: ``before`` is done ahead of each test of ``head``; ``endless`` has no other way out than a jump."""

    group: Group
    head: Node
    body: tuple[Step, ...]
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    endless: bool = False


class Parallel(msgspec.Struct, frozen=True, tag=True):
    """Branches that go on side by side."""

    group: Group
    branches: tuple[tuple[Step, ...], ...]


class Box(msgspec.Struct, frozen=True, tag=True):
    """Steps that belong together: a helper's, those under a time limit, those done for each item.

    ``leaves`` is the label of a second way out: the time is up and the flow goes on behind the box.
    """

    group: Group
    steps: tuple[Step, ...]
    leaves: str = ""


class Try(msgspec.Struct, frozen=True, tag=True):
    """Steps with handlers; ``otherwise`` follows on success, ``final`` in any case."""

    group: Group
    steps: tuple[Step, ...]
    handlers: tuple[Branch, ...] = ()
    otherwise: tuple[Step, ...] = ()
    final: tuple[Step, ...] = ()


class Spawn(msgspec.Struct, frozen=True, tag=True):
    """Something that is started and that nobody waits for here."""

    steps: tuple[Step, ...]


class Jump(msgspec.Struct, frozen=True, tag=True):
    """The flow doesn't go on here. Without a node: the end of a helper, or a break or continue."""

    to: str
    node: Node | None = None


Step: TypeAlias = Leaf | Choice | Loop | Parallel | Box | Try | Spawn | Jump


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn. A group stands behind its parent."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow as a diagram.

    Attributes:
        name: Of the workflow.
        steps: Its steps, nested as in its code.
        graph: The same as nodes, edges and frames.
        placed: Which node a timeline's row belongs to, by the row's key: known only where the
            graph was made from a history.
        note: Where the graph comes from, if it isn't the code.
    """

    name: str
    steps: tuple[Step, ...]
    graph: Graph
    placed: Mapping[str, str] = {}
    note: str = ""
