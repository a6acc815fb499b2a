"""What of a graph a run has passed, as far as its rows tell.

Nodes with rows were reached for certain. Of the others (decisions, loops, ends) it is concluded: a node
that every way to a reached one leads over was passed; and a node that is done leads on, so that its
only way out that can have been taken was taken. What can't be told is left open: an edge counts as
taken only if no other would explain the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from nbflow.views.graph.model import Edge, EdgeKind, Graph, NodeKind

_ENDS = frozenset({NodeKind.END, NodeKind.RETURN})


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows tell of the nodes.

    Attributes:
        placed: Nodes that have rows.
        done: Those that have come to a good end at least once.
        raised: Those that have failed, or were late, at least once.
        silent: Nodes that leave no rows when they are passed.
        begun: Whether the run has begun.
        completed: Whether it has ended without an error.
        failed: Whether it has ended with one.
    """

    placed: AbstractSet[str]
    done: AbstractSet[str]
    raised: AbstractSet[str]
    silent: AbstractSet[str]
    begun: bool = True
    completed: bool = False
    failed: bool = False


def reached(graph: Graph, evidence: Evidence) -> tuple[frozenset[str], frozenset[int]]:
    """Give the ids of the nodes that were passed, and the places of the edges that were taken."""
    if not evidence.begun:
        return frozenset(), frozenset()
    ways = _Ways(graph, evidence)
    ways.conclude()
    return frozenset(ways.visited), ways.taken()


class _Ways:
    """The edges of a graph, by their ends, and what is known to have been passed."""

    def __init__(self, graph: Graph, evidence: Evidence) -> None:
        self._graph, self._evidence = graph, evidence
        self._out: dict[str, list[Edge]] = {node.id: [] for node in graph.nodes}
        self._in: dict[str, list[Edge]] = {node.id: [] for node in graph.nodes}
        for edge in graph.edges:
            self._out[edge.source].append(edge)
            self._in[edge.target].append(edge)
        self._kinds = {node.id: node.kind for node in graph.nodes}
        self._members = _members(graph)
        self.visited: set[str] = {"start", *evidence.placed}

    def conclude(self) -> None:
        """Find the nodes that must have been passed."""
        before = self._dominators()
        for node in list(self.visited):
            self.visited |= before.get(node, set())
        self._follow()
        if self._evidence.completed:
            ends = {node for node, kind in self._kinds.items() if kind in _ENDS}
            again = {node for node, kind in self._kinds.items() if kind is NodeKind.CONTINUE}
            if not (ends | again) & self.visited:
                possible = {end for end in ends if any(self._may_lead(edge) for edge in self._in[end])}
                only = ends if len(ends) == 1 else possible if len(possible) == 1 else set[str]()
                for end in only:
                    self.visited |= {end, *before.get(end, ())}

    def _dominators(self) -> Mapping[str, set[str]]:
        """For each node those that every way from the start leads over."""
        order = list(self._out)
        number = {node: place for place, node in enumerate(order)}
        whole = (1 << len(order)) - 1
        found = [whole] * len(order)
        found[number["start"]] = 1 << number["start"]
        changed = True
        while changed:
            changed = False
            for node in order:
                edges = self._in[node]
                if node == "start" or not edges:
                    continue
                common = whole
                for edge in edges:
                    common &= found[number[edge.source]]
                common |= 1 << number[node]
                if common != found[number[node]]:
                    found[number[node]], changed = common, True
        return {
            node: {other for other in order if found[number[node]] >> number[other] & 1}
            for node in self.visited | {one for one, kind in self._kinds.items() if kind in _ENDS}
            if found[number[node]] != whole
        }

    def _follow(self) -> None:
        """Add the nodes that those that are done must have led to."""
        pending = list(self.visited)
        while pending:
            node = pending.pop()
            targets = self._targets(node)
            if self._kinds[node] is not NodeKind.FORK and len(targets) != 1:
                continue
            for target in targets - self.visited:
                if self._kinds[target] is NodeKind.JOIN and not self._is_over(target.removesuffix("join")):
                    continue
                self.visited.add(target)
                pending.append(target)

    def _targets(self, node: str) -> set[str]:
        """Where one can have gone from a node that was passed: not to those that would have rows and have none."""
        return {edge.target for edge in self._out[node] if self._may_lead(edge) and self._may_be(edge.target)}

    def _may_be(self, node: str) -> bool:
        """Whether a node can have been passed; of the ends, one only, and only once the run is over."""
        if node in self.visited or node not in self._evidence.silent:
            return node in self.visited
        match self._kinds[node]:
            case NodeKind.END | NodeKind.RETURN if not self._out[node]:
                is_open = not any(self._kinds[one] in _ENDS for one in self.visited)
                return self._evidence.completed and is_open
            case NodeKind.RAISE if not self._out[node]:
                return self._evidence.failed
            case _:
                return True

    def _may_lead(self, edge: Edge) -> bool:
        """Whether the way along an edge was open, as far as its source tells."""
        if edge.source not in self.visited:
            return False
        if edge.kind is EdgeKind.ERROR:
            if edge.target in self._evidence.silent and self._evidence.failed:
                return False
            inside = self._members.get(edge.tail_group or "", {edge.source})
            return bool(inside & self._evidence.raised)
        return edge.source in self._evidence.silent or edge.source in self._evidence.done

    def _is_over(self, group: str) -> bool:
        members = self._members.get(group, set()) & self._evidence.placed
        return members <= self._evidence.done or self._evidence.completed

    def taken(self) -> frozenset[int]:
        """The places of the edges that were gone along for certain."""
        found: set[int] = set()
        for place, edge in enumerate(self._graph.edges):
            if edge.source not in self.visited or edge.target not in self.visited:
                continue
            others = [one for one in self._in[edge.target] if self._may_be(one.source)]
            is_only_way_in = len(others) == 1
            is_only_way_on = self._may_lead(edge) and len(self._targets(edge.source)) == 1
            if is_only_way_in or is_only_way_on:
                found.add(place)
        return frozenset(found)


def _members(graph: Graph) -> dict[str, set[str]]:
    """The nodes in each frame, those of the frames in it among them."""
    parents = {group.id: group.parent for group in graph.groups}
    found: dict[str, set[str]] = {group.id: set() for group in graph.groups}
    for node in graph.nodes:
        group = node.group
        while group is not None:
            found[group].add(node.id)
            group = parents[group]
    return found
