"""The graph in a saved page: a picture as data of an image, and a table of its nodes beside it.

What survives on GitHub and in an untrusted notebook: ``<img>`` with its data inside, tables and ``<details>``;
never an inline ``<svg>``. The SVG is an argument, since drawing it is another program's work.
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

_LINE: Final = "1px solid rgba(128, 128, 128, 0.25)"
_LARGEST_SVG: Final = 2_000_000
_MOST_LINES: Final = 300


def html_graph(flow: Flow, laid: Overlay | None = None, *, svg: str | None = None) -> str:
    """Draw the graph as a piece of HTML; every name in it is escaped.

    Args:
        flow: The workflow.
        laid: A run laid over it.
        svg: The picture, as SVG that was made for this; without it there is the table alone.
    """
    return "".join(_page(flow, laid, svg))


def alt_text(flow: Flow, laid: Overlay | None) -> str:
    """Say what is on the picture."""
    nodes = shown_nodes(flow)
    text = f"Graph of the workflow {tame(flow.name)}: {len(nodes)} nodes"
    if laid is None:
        return text
    reached = sum(laid.nodes[node.id].state is not State.NEVER for node in nodes)
    return f"{text}, {reached} of them reached by this run"


def _text(value: str, limit: int = 200) -> str:
    return escape(tame(excerpt(value, limit)))


def _page(flow: Flow, laid: Overlay | None, svg: str | None) -> Iterator[str]:
    yield (
        f'<div style="border: {_LINE}; border-radius: 6px; padding: 12px 16px; max-width: 1100px; '
        'font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45">'
    )
    yield f'<div><strong style="font-size: 15px">{_text(flow.name)}</strong></div>'
    if flow.note:
        yield f'<div style="opacity: 0.75">{_text(flow.note)}</div>'
    drawn = svg is not None and len(svg) <= _LARGEST_SVG
    if svg is not None and drawn:
        data = base64.b64encode(svg.encode("utf-8", "replace")).decode()
        yield f'<img alt="{_text(alt_text(flow, laid))}" style="max-width: 100%; margin: 8px 0px" '
        yield f'src="data:image/svg+xml;base64,{data}">'
    yield f"<details{'' if drawn else ' open'}><summary>Steps</summary>"
    yield from _table(flow, laid)
    yield "</details></div>"


def _table(flow: Flow, laid: Overlay | None) -> Iterator[str]:
    titles = ("Step", "What", *(("How it stands",) if laid is not None else ()), "Line")
    yield '<table style="border-collapse: collapse; margin: 8px 0px; font-size: 13px"><thead><tr>'
    for title in titles:
        yield '<th style="border: none; padding: 3px 12px 3px 0px; text-align: left; font-weight: normal; '
        yield f'opacity: 0.75">{title}</th>'
    yield "</tr></thead><tbody>"
    nodes = shown_nodes(flow)
    for node in nodes[:_MOST_LINES]:
        cell = f'<td style="border: none; border-top: {_LINE}; padding: 3px 12px 3px 0px; text-align: left">'
        yield "<tr>" + "".join(f"{cell}{_text(text)}</td>" for text in cells_of(node, laid)) + "</tr>"
    yield "</tbody></table>"
    if len(nodes) > _MOST_LINES:
        yield f'<div style="opacity: 0.75">… {len(nodes) - _MOST_LINES:,} more</div>'


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
