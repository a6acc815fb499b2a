"""A run laid over a graph: which rows belong to which node, and how each node stands.

A row finds its node by the place of its call, where that is known (a replay tells it), else by its kind
and name, in the order of the code. Nothing here depends on the present time: the picture changes
when a row does, and only then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from nbflow.core.state import RuntimeStatus
from nbflow.views.graph.model import Flow, Group, GroupKind, Node, NodeKind
from nbflow.views.graph.reached import Evidence, reached
from nbflow.views.timeline.rows import Row, RowKind, RowStatus

CallSites: TypeAlias = Mapping[int, tuple[str, int]]
"""Scheduling id -> file and line of the call."""


class State(StrEnum):
    """How a node stands."""

    NEVER = "never"
    PASSED = "passed"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    DONE = "done"


class NodeOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """How one node stands.

    Attributes:
        state: That of a row that goes on; if there is none, of the last.
        rows: Keys of its rows, in the order in which they began.
        counts: How many of its rows are in each state.
        total: How long those that have ended took together.
        last: How long the last of them took.
        attempts: Attempts of all its rows together.
        error: Of the last row that failed, in one line.
    """

    state: State
    rows: tuple[str, ...] = ()
    counts: Mapping[State, int] = {}
    total: timedelta = timedelta(0)
    last: timedelta | None = None
    attempts: int = 0
    error: str = ""


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """A run, as it lies over a graph.

    Attributes:
        nodes: By the id of the node, or of a frame that is a time limit.
        taken: The edges, by their place in the graph, that were certainly gone along.
        over: Whether the run has come to its end.
        left_over: Keys of rows that have no node.
    """

    nodes: Mapping[str, NodeOverlay]
    taken: frozenset[int]
    over: bool
    left_over: tuple[str, ...] = ()


_STATES: Final[Mapping[RowStatus, State]] = {
    RowStatus.RUNNING: State.RUNNING,
    RowStatus.WAITING: State.WAITING,
    RowStatus.RETRYING: State.RETRYING,
    RowStatus.KEPT: State.WAITING,
    RowStatus.COMPLETED: State.DONE,
    RowStatus.FAILED: State.FAILED,
    RowStatus.TIMED_OUT: State.TIMED_OUT,
    RowStatus.CANCELLED: State.CANCELLED,
    RowStatus.LEFT_OPEN: State.CANCELLED,
}
_PRESSING: Final = (State.RUNNING, State.RETRYING, State.WAITING)

ROW_KINDS: Final[Mapping[RowKind, NodeKind]] = {
    RowKind.ACTIVITY: NodeKind.ACTIVITY,
    RowKind.CHILD: NodeKind.CHILD,
    RowKind.TIMER: NodeKind.TIMER,
    RowKind.WAIT: NodeKind.WAIT,
    RowKind.SENT: NodeKind.SEND,
}
"""Which kind of node a row belongs to. An event that came unasked has none."""

ROWFUL: Final = frozenset({*ROW_KINDS.values(), NodeKind.MORE})
"""Kinds of nodes that leave rows in the timeline whenever they are reached."""

_Place: TypeAlias = Node | Group


def overlay(
    flow: Flow,
    rows: Sequence[Row],
    call_sites: CallSites | None = None,
    *,
    status: RuntimeStatus | None = None,
) -> Overlay:
    """Lay a run over the graph of its workflow.

    Args:
        flow: The workflow.
        rows: The rows of the run's timeline, in the order in which they began.
        call_sites: Where each of them was called; without it names and order decide.
        status: Of the run; None: it is not known whether it has begun or ended.
    """
    found, known = _matched(flow, rows, call_sites or {})
    nodes = {place: _stands(of_place) for place, of_place in found.items() if of_place}
    visited, taken = reached(flow.graph, _evidence(flow, nodes, begun=bool(rows), status=status))
    for node in flow.graph.nodes:
        if node.id not in nodes:
            state = State.PASSED if node.id in visited else State.NEVER
            nodes[node.id] = NodeOverlay(state=state)
    left_over = tuple(row.key for row in rows if row.key not in known and row.kind is not RowKind.ARRIVAL)
    over = status is not None and status.is_terminal
    return Overlay(nodes=nodes, taken=taken, over=over, left_over=left_over)


def _evidence(
    flow: Flow, nodes: Mapping[str, NodeOverlay], *, begun: bool, status: RuntimeStatus | None
) -> Evidence:
    ids = {node.id for node in flow.graph.nodes}
    late = {State.FAILED, State.TIMED_OUT}
    groups_late = {
        place for place, stands in nodes.items() if place not in ids and stands.state is State.DONE
    }
    raised = {place for place, stands in nodes.items() if place in ids and late & stands.counts.keys()}
    raised |= {node.id for node in flow.graph.nodes if node.group in groups_late}
    return Evidence(
        placed=frozenset(ids & nodes.keys()),
        done=frozenset(place for place, stands in nodes.items() if stands.counts.get(State.DONE)),
        raised=frozenset(raised),
        silent=frozenset(node.id for node in flow.graph.nodes if node.kind not in ROWFUL),
        begun=begun or (status is not None and status is not RuntimeStatus.PENDING),
        completed=status is RuntimeStatus.COMPLETED,
        failed=status is RuntimeStatus.FAILED,
    )


# -- whose row is it --------------------------------------------------------------------------


def _matched(flow: Flow, rows: Sequence[Row], sites: CallSites) -> tuple[dict[str, list[Row]], set[str]]:
    """Give the rows of each place, and the keys of those that belong to any: timers of limits are part of a call."""
    places: list[_Place] = [*flow.graph.nodes]
    places += [group for group in flow.graph.groups if group.kind is GroupKind.TIMEOUT]
    limited = {node.id for node in flow.graph.nodes if node.limit and node.kind is not NodeKind.TIMER}
    by_line, by_name = _by_line(places), _by_name(places)
    found: dict[str, list[Row]] = {place.id: [] for place in places}
    known: set[str] = set()
    for row in rows:
        place_id = flow.placed.get(row.key)
        if place_id is None and row.kind in ROW_KINDS:
            candidates = _by_site(row, sites, by_line) or _by_order(row, by_name)
            place_id = _least(candidates, found)
        if row.kind is RowKind.TIMER and (place_id in limited or (place_id is None and limited)):
            known.add(row.key)
        elif place_id is not None:
            known.add(row.key)
            found[place_id].append(row)
    return found, known


def _by_site(
    row: Row, sites: CallSites, by_line: Mapping[tuple[NodeKind, str, int], list[_Place]]
) -> list[_Place]:
    site = sites.get(row.id) if row.id is not None else None
    candidates = by_line.get((ROW_KINDS[row.kind], *site), []) if site is not None else []
    if len(candidates) > 1 and row.kind is not RowKind.TIMER:
        named: list[_Place] = [one for one in candidates if isinstance(one, Node) and _is_named(one, row)]
        return named or candidates
    return candidates


def _by_line(places: Sequence[_Place]) -> dict[tuple[NodeKind, str, int], list[_Place]]:
    """Places by the lines that their calls cover; of several on one line the shortest come first."""
    lines: dict[tuple[NodeKind, str, int], list[_Place]] = {}
    for place in sorted(places, key=lambda one: one.end_line - one.line):
        kinds = _kinds_of(place)
        for line in range(place.line, min(place.end_line, place.line + 200) + 1):
            for kind in kinds:
                lines.setdefault((kind, place.file, line), []).append(place)
    return lines


def _kinds_of(place: _Place) -> tuple[NodeKind, ...]:
    if isinstance(place, Group):
        return (NodeKind.TIMER,)
    if place.kind is NodeKind.CALL:  # a call that could not be told from its text
        return (NodeKind.ACTIVITY, NodeKind.CHILD)
    return (place.kind, NodeKind.TIMER) if place.limit else (place.kind,)


def _by_name(places: Sequence[_Place]) -> dict[tuple[NodeKind, str], list[_Place]]:
    names: dict[tuple[NodeKind, str], list[_Place]] = {}
    for place in places:
        match place:
            case Group():
                names.setdefault((NodeKind.TIMER, "timer"), []).append(place)
            case Node(kind=NodeKind.CALL, name=name):
                for kind in (NodeKind.ACTIVITY, NodeKind.CHILD):
                    names.setdefault((kind, name.casefold()), []).append(place)
            case Node(kind=kind, name=name):
                names.setdefault((kind, name.casefold()), []).append(place)
    return names


def _by_order(row: Row, by_name: Mapping[tuple[NodeKind, str], list[_Place]]) -> list[_Place]:
    kind = ROW_KINDS[row.kind]
    return by_name.get((kind, row.name.casefold())) or by_name.get((kind, ""), [])


def _is_named(node: Node, row: Row) -> bool:
    return node.name.casefold() == row.name.casefold()


def _least(candidates: Sequence[_Place], found: Mapping[str, list[Row]]) -> str | None:
    """The place with the fewest rows, of those that may have one more; else the last."""
    free = [
        place
        for place in candidates
        if not found[place.id] or place.repeats or (isinstance(place, Node) and place.each)
    ]
    if free:
        return min(free, key=lambda place: len(found[place.id])).id
    return candidates[-1].id if candidates else None


# -- how does it stand ------------------------------------------------------------------------


def _stands(rows: Sequence[Row]) -> NodeOverlay:
    counts: dict[State, int] = {}
    for row in rows:
        state = _STATES[row.status]
        counts[state] = counts.get(state, 0) + 1
    state = next((one for one in _PRESSING if counts.get(one)), None)
    if state is None:
        state = _STATES[rows[-1].status]
    took = [row.end - row.start for row in rows if row.end is not None]
    failures = [row.failure for row in rows if row.failure is not None]
    return NodeOverlay(
        state=state,
        rows=tuple(row.key for row in rows),
        counts=counts,
        total=sum(took, timedelta(0)),
        last=took[-1] if took else None,
        attempts=sum(len(row.attempts) for row in rows),
        error=str(failures[-1]) if failures else "",
    )
