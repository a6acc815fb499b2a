"""Short ways to read code in the tests of the graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent

from nbflow.views.graph import Flow, Words, read_flow
from nbflow.views.graph.model import NodeKind

ACTIVITIES = frozenset({"fetch", "store", "charge", "refund", "check"})
WORKFLOWS = frozenset({"child"})


def flow(text: str, *, helpers: Mapping[str, str] | None = None) -> Flow:
    """The flow of a function's text, with these activities and this child workflow known."""
    text = dedent(text).lstrip("\n")
    name = re.search(r"def (\w+)", text)
    assert name is not None
    words = Words(activities=ACTIVITIES, workflows=WORKFLOWS, helpers=helpers or {})
    read = read_flow(text, name[1], names=words, file="Cell In[1]")
    assert read is not None
    return read


def labels(read: Flow, *kinds: NodeKind) -> list[str]:
    """What the nodes of these kinds are called, in order; of all but start, forks and joins by default."""
    dull = (NodeKind.START, NodeKind.FORK, NodeKind.JOIN, NodeKind.END)
    return [
        node.label for node in read.graph.nodes if (node.kind in kinds if kinds else node.kind not in dull)
    ]


def ways(read: Flow) -> set[str]:
    """The edges, as ``a -> b`` with their label and kind."""
    names = {node.id: node.label or node.kind.value for node in read.graph.nodes}
    found: set[str] = set()
    for edge in read.graph.edges:
        label = f" [{edge.label}]" if edge.label else ""
        kind = f" ({edge.kind.value})" if edge.kind.value != "next" else ""
        found.add(f"{names[edge.source]} -> {names[edge.target]}{label}{kind}")
    return found
