"""The graph in a saved page: a picture as data of an image, and a table of its nodes beside it.

Never an inline ``<svg>``, which GitHub removes. The SVG is an argument, since drawing it is another program's work.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from typing import Final

from nbflow.views.excerpts import excerpt, tame
from nbflow.views.graph.looks import KIND_WORDS, STATE_LOOKS, shown_nodes, spoken, stands_of
from nbflow.views.graph.model import Flow, Node
from nbflow.views.graph.overlay import Overlay, State
from nbflow.views.markup import faint, frame, table, text, title

_LARGEST_SVG: Final = 2_000_000
_MOST_LINES: Final = 300


def html_graph(flow: Flow, laid: Overlay | None = None, *, svg: str | None = None) -> str:
    """Draw the graph as a piece of HTML; every name in it is escaped.

    Args:
        flow: The workflow.
        laid: A run laid over it.
        svg: The picture, as SVG that was made for this; without it there is the table alone.
    """
    return frame(_page(flow, laid, svg))


def alt_text(flow: Flow, laid: Overlay | None) -> str:
    """Say what is on the picture."""
    nodes = shown_nodes(flow)
    said = f"Graph of the workflow {tame(flow.name)}: {len(nodes)} nodes"
    if laid is None:
        return said
    reached = sum(laid.nodes[node.id].state is not State.NEVER for node in nodes)
    return f"{said}, {reached} of them reached by this run"


def _page(flow: Flow, laid: Overlay | None, svg: str | None) -> Iterator[str]:
    yield f"<div>{title(flow.name)}</div>"
    if flow.note:
        yield faint(text(flow.note), "div")
    drawn = svg is not None and len(svg) <= _LARGEST_SVG
    if svg is not None and drawn:
        data = base64.b64encode(svg.encode("utf-8", "replace")).decode()
        yield f'<img alt="{escape(excerpt(alt_text(flow, laid), 300))}" style="max-width: 100%; margin: 8px 0px" '
        yield f'src="data:image/svg+xml;base64,{data}">'
    yield f"<details{'' if drawn else ' open'}><summary>Steps</summary>"
    titles = ("Step", "What", *(("How it stands",) if laid is not None else ()), "Line")
    nodes = shown_nodes(flow)
    yield from table(titles, (list(map(text, cells_of(node, laid))) for node in nodes[:_MOST_LINES]))
    if len(nodes) > _MOST_LINES:
        yield faint(f"… {len(nodes) - _MOST_LINES:,} more", "div")
    yield "</details>"


def cells_of(node: Node, laid: Overlay | None) -> tuple[str, ...]:
    """A node as a line of the table: its name, what it is, how it stands, where it is."""
    what = ", ".join(part for part in (KIND_WORDS[node.kind], node.each, node.limit) if part)
    line = str(node.line) if node.line else ""
    if laid is None:
        return (node.label, what, line)
    stands = stands_of(laid, node.id)
    if stands is None:
        return (node.label, what, "", line)
    look = STATE_LOOKS[stands.state]
    word = spoken(node, stands) if stands.rows else look.word
    if stands.state is State.NEVER and laid.over:
        word = "never reached"
    return (node.label, what, f"{look.icon} {word}", line)
