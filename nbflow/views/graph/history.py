"""A graph made from a history alone, where there is no code to read: what happened, in the order of time.

What ran side by side stands side by side; what was done several times in a row stands there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from nbflow.views.graph.model import Flow, Group, GroupKind, Leaf, Node, NodeKind, Parallel, Step
from nbflow.views.graph.overlay import ROW_KINDS
from nbflow.views.graph.wiring import wire
from nbflow.views.graph.wording import name_label
from nbflow.views.timeline.rows import Row, RowKind

_MOST_STAGES: Final = 60
_MOST_BRANCHES: Final = 24
NOTE: Final = "made from the history: the code of this run can't be read here"

_Stage = list[Row]


def flow_of_history(name: str, rows: Sequence[Row], *, over: bool) -> Flow:
    """Give the graph of what a run has done so far.

    Args:
        name: Of the workflow.
        rows: The rows of its timeline, in the order in which they began.
        over: Whether there is nothing to come.
    """
    merged = [sum(same, _Stage()) for _, same in groupby(_stages(rows), key=_signature)]
    made = _Made()
    steps = [made.step(stage) for stage in merged[: _MOST_STAGES // 2]]
    rest = merged[_MOST_STAGES // 2 :]
    if len(rest) > _MOST_STAGES // 2:
        skipped = sum(rest[: -_MOST_STAGES // 2], _Stage())
        steps.append(Leaf(made.node(NodeKind.MORE, f"… {len(skipped):,} more steps", skipped)))
        rest = rest[-_MOST_STAGES // 2 :]
    steps += [made.step(stage) for stage in rest]
    graph = wire(name, steps, ends=over)
    return Flow(name=name, steps=tuple(steps), graph=graph, placed=made.placed, note=NOTE)


def _stages(rows: Sequence[Row]) -> list[_Stage]:
    """Rows that were under way at the same time, behind each other."""
    stages: list[_Stage] = []
    ends: datetime | None = None
    for row in rows:
        if row.kind not in ROW_KINDS:
            continue
        if not stages or (ends is not None and row.start >= ends):
            stages.append([])
            ends = None
        stages[-1].append(row)
        if row.end is not None:
            ends = row.end if ends is None else min(ends, row.end)
    return stages


def _signature(stage: _Stage) -> frozenset[tuple[RowKind, str]]:
    return frozenset((row.kind, row.name) for row in stage)


class _Made:
    """The nodes made so far, and whose rows they stand for."""

    def __init__(self) -> None:
        self.placed: dict[str, str] = {}
        self._count = 0
        self._groups = 0

    def node(self, kind: NodeKind, label: str, rows: Sequence[Row]) -> Node:
        """A node for these rows."""
        self._count += 1
        made = Node(
            id=f"n{self._count}",
            kind=kind,
            label=name_label(label),
            name=rows[0].name if kind is not NodeKind.MORE else "",
            repeats=len(rows) > 1,
        )
        self.placed.update((row.key, made.id) for row in rows)
        return made

    def step(self, stage: _Stage) -> Step:
        """What was under way at one time: a node for each kind and name."""
        kinds: dict[tuple[RowKind, str], list[Row]] = {}
        for row in stage:
            kinds.setdefault((row.kind, row.name), []).append(row)
        shown = list(kinds.items())
        leaves = [
            Leaf(self.node(ROW_KINDS[kind], name, rows)) for (kind, name), rows in shown[:_MOST_BRANCHES]
        ]
        if len(shown) > _MOST_BRANCHES:
            others = [row for _, rows in shown[_MOST_BRANCHES:] for row in rows]
            leaves.append(Leaf(self.node(NodeKind.MORE, f"… {len(others):,} more", others)))
        if len(leaves) == 1:
            return leaves[0]
        self._groups += 1
        frame = Group(id=f"g{self._groups}", kind=GroupKind.PARALLEL, label="at the same time")
        return Parallel(frame, tuple((leaf,) for leaf in leaves))
