"""What the card's graph view asks for: the picture of the run's workflow, with the run laid over it.

The workflow is read once for each version of its code. The picture is drawn anew only when the rows
have changed it; who has it already is told so. One is drawn at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.definitions import WorkflowDefinition
from nbflow.definitions.source import source_of, text_hash
from nbflow.errors import NbflowError
from nbflow.views.graph import Flow, Namespace, Overlay, dot_of, flow_of_history, overlay, read_flow
from nbflow.views.graph.html import alt_text, cells_of
from nbflow.views.graph.looks import STATE_LOOKS, describe, shown_nodes, stands_of
from nbflow.views.graph.model import Node
from nbflow.views.graph.overlay import State
from nbflow.views.replay.travel import call_sites
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.rows import Row
from nbflow.widgets.drawing import draw_svg, viz_js
from nbflow.widgets.messages import Json
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource

_MOST_ROWS: Final = 50
"""Keys of rows that a node brings along, the last ones."""

_REPLAYED_EACH_TIME: Final = 2_000
"""Events up to which a live run is replayed for every new row, to see where it was called."""


def flow_of(definition: WorkflowDefinition[Any, Any] | None) -> Flow | None:
    """Read a workflow's code; None where it can't be read."""
    if definition is None or not definition.source:
        return None
    code = definition.function.__code__
    return read_flow(
        definition.source,
        definition.name,
        names=Namespace(definition.function, text_of=source_of),
        file=code.co_filename,
        first_line=code.co_firstlineno,
        function=definition.function.__name__,
    )


class Graphing:
    """Answers what the graph view asks.

    Args:
        log: The run.
        source: Where it comes from.
    """

    def __init__(self, log: RunLog, source: CardSource) -> None:
        self._log, self._source = log, source
        self._lock = threading.Lock()
        self._execution = ""
        self._fold = TimelineFold()
        self._flow: Flow | None = None
        self._definition: WorkflowDefinition[Any, Any] | None = None
        self._sites: Mapping[int, tuple[str, int]] = {}
        self._replayed = 0
        self._drawn: tuple[str, Json] | None = None

    def graph(self, args: Json) -> Json:
        """The picture: ``{"have": HASH}`` gives ``{"same": True}`` if it hasn't changed since.

        With ``{"viz": True}`` the program that draws in the browser, as text.

        Raises:
            NbflowError: The run can't be read.
        """
        if args.get("viz"):
            return _viz()
        with self._lock:
            flow, laid = self._now()
            dot = dot_of(flow, laid)
            picture = text_hash(dot)
            if args.get("have") == picture:
                return {"same": True, "hash": picture}
            if self._drawn is None or self._drawn[0] != picture:
                self._drawn = (picture, _picture(flow, laid, dot))
            return {"hash": picture, **self._drawn[1]}

    def laid(self) -> tuple[Flow, Overlay, str | None]:
        """The workflow, the run over it, and their picture as SVG, where this machine can draw one.

        Raises:
            NbflowError: The run can't be read.
        """
        with self._lock:
            flow, laid = self._now()
            titles = {
                node.id: describe(node, stands_of(laid, node.id), over=laid.over)
                for node in shown_nodes(flow)
            }
            return flow, laid, draw_svg(dot_of(flow, laid), titles=titles)

    def _now(self) -> tuple[Flow, Overlay]:
        record, history = self._log.read()
        if record.execution_id != self._execution:
            self._begin(record)
        for event in history[self._fold.length :]:
            self._fold.apply(event)
        rows = self._fold.rows()
        flow = self._flow
        if flow is None:
            flow = flow_of_history(record.name, rows, over=record.status.is_terminal)
        else:
            self._see_calls(record, history, rows)
        return flow, overlay(flow, rows, self._sites, status=record.status)

    def _begin(self, record: InstanceRecord) -> None:
        self._execution, self._fold = record.execution_id, TimelineFold()
        self._definition = self._source.definition()
        self._flow = flow_of(self._definition)
        self._sites, self._replayed = {}, 0

    def _see_calls(
        self, record: InstanceRecord, history: Sequence[HistoryEvent], rows: Sequence[Row]
    ) -> None:
        """Replay the run where there are calls whose place isn't known; seldom, if it is long."""
        if self._definition is None or all(row.id is None or row.id in self._sites for row in rows):
            return
        grown = len(history) - self._replayed
        is_due = len(history) <= _REPLAYED_EACH_TIME or grown * 5 > len(history) or record.status.is_terminal
        if not is_due or not grown:
            return
        self._replayed = len(history)
        try:
            self._sites = call_sites(
                self._definition,
                history,
                instance_id=record.instance_id,
                context=self._source.quiet_context(),
            )
        except NbflowError:
            pass  # names and order have to do


def _picture(flow: Flow, laid: Overlay, dot: str) -> Json:
    nodes = shown_nodes(flow)
    words = {node.id: describe(node, stands_of(laid, node.id), over=laid.over) for node in nodes}
    svg = draw_svg(dot, titles=words)
    picture: Json = {
        "title": alt_text(flow, laid),
        "note": flow.note,
        "nodes": [_node(node, laid, words[node.id]) for node in nodes],
        "legend": _legend(nodes, laid),
    }
    if svg is not None:
        return {**picture, "svg": svg}
    return {**picture, "dot": dot} if viz_js() is not None else {**picture, "table": True}


def _node(node: Node, laid: Overlay, words: str) -> Json:
    stands = stands_of(laid, node.id)
    state = stands.state if stands is not None else State.NEVER
    return {
        "id": node.id,
        "line": node.line,
        "label": node.label,
        "state": state.value,
        "words": words,
        "cells": list(cells_of(node, laid)),
        "rows": list(stands.rows[-_MOST_ROWS:]) if stands is not None else [],
    }


def _legend(nodes: Sequence[Node], laid: Overlay) -> list[list[str]]:
    found = {stands.state for node in nodes if (stands := stands_of(laid, node.id)) is not None}
    return [[look.icon, look.word, look.tone.value] for state, look in STATE_LOOKS.items() if state in found]


def _viz() -> Json:
    path = viz_js()
    if path is None:
        return {"viz": None}
    try:
        return {"viz": path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):
        return {"viz": None}
