"""A graph as DOT, for Graphviz.

Node and group ids are those of the model, and become ids in the SVG; kind and state are classes there, so that
the card colours the picture by its own variables. The colours in the DOT are for pictures without a style
sheet: nodes have a ground of their own, lines and words outside of them a grey that can be read on
white and on black. Every name is text: cut, tamed, and quoted once more here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

import graphviz

from nbflow.views.excerpts import cells
from nbflow.views.graph.looks import KIND_ICONS, second_line, stands_of, state_words
from nbflow.views.graph.model import Edge, EdgeKind, Flow, Group, GroupKind, Node, NodeKind
from nbflow.views.graph.overlay import Overlay, State
from nbflow.views.graph.wording import cut

_FONT: Final = "Helvetica"
_GREY: Final = "#6b7785"
_INK: Final = "#1f2328"
_MUTED: Final = "#57606a"

_COLOURS: Final[Mapping[State, tuple[str, str]]] = {
    State.NEVER: ("#f6f8fa", "#9aa4af"),
    State.PASSED: ("#eef7f0", "#2c974b"),
    State.DONE: ("#e3f5e8", "#2c974b"),
    State.RUNNING: ("#e1edfb", "#2a76d2"),
    State.RETRYING: ("#fbf1d9", "#b07a00"),
    State.WAITING: ("#fbf1d9", "#b07a00"),
    State.FAILED: ("#fce6e6", "#d1383d"),
    State.TIMED_OUT: ("#fce6e6", "#d1383d"),
    State.CANCELLED: ("#eef0f2", "#818b98"),
}
"""Ground and line of a node."""

_PILLS: Final = frozenset({NodeKind.START, NodeKind.END, NodeKind.RETURN, NodeKind.RAISE, NodeKind.CONTINUE})
_HEXAGONS: Final = frozenset({NodeKind.DECISION})


def dot_of(flow: Flow, laid: Overlay | None = None) -> str:
    """Give the DOT text of a workflow, with a run laid over it if there is one."""
    graph = graphviz.Digraph(
        name="flow",
        graph_attr={
            "rankdir": "TB",
            "compound": "true",
            "bgcolor": "transparent",
            "nodesep": "0.32",
            "ranksep": "0.34",
            "pad": "0.08",
            "fontname": _FONT,
            "fontsize": "10",
            "fontcolor": _GREY,
        },
        node_attr={
            "fontname": _FONT,
            "fontsize": "12",
            "fontcolor": _INK,
            "margin": "0.14,0.07",
            "height": "0.3",
        },
        edge_attr={
            "fontname": _FONT,
            "fontsize": "10",
            "fontcolor": _GREY,
            "color": _GREY,
            "arrowsize": "0.65",
            "arrowhead": "normal",
        },
    )
    framed = {group.id: group for group in flow.graph.groups if _is_framed(group, flow)}
    drawn = _drawn_in(flow, framed)
    inside: dict[str | None, list[Node | Group]] = {}
    for thing in (*flow.graph.nodes, *framed.values()):
        inside.setdefault(drawn[thing.group if isinstance(thing, Node) else thing.parent], []).append(thing)
    _fill(graph, inside, laid, None)
    for place, edge in enumerate(flow.graph.edges):
        _edge(graph, edge, laid is not None and place in laid.taken, laid is not None, framed, drawn)
    return str(graph.source)


def _is_framed(group: Group, flow: Flow) -> bool:
    """Frames that say nothing are left out: those of a try around a single thing, of forks without a label."""
    if group.kind is not GroupKind.TRY:
        return True
    nodes = [node for node in flow.graph.nodes if node.group == group.id]
    inner = [other for other in flow.graph.groups if other.parent == group.id]
    return len(nodes) + len(inner) > 1


def _drawn_in(flow: Flow, framed: Mapping[str, Group]) -> dict[str | None, str | None]:
    """For every group, the innermost frame that is drawn around its nodes."""
    found: dict[str | None, str | None] = {None: None}
    for group in flow.graph.groups:
        found[group.id] = group.id if group.id in framed else found[group.parent]
    return found


def _fill(
    graph: graphviz.Digraph,
    inside: Mapping[str | None, list[Node | Group]],
    laid: Overlay | None,
    frame: str | None,
) -> None:
    """Draw what is directly inside of a frame: its nodes, then the frames in it."""
    for thing in inside.get(frame, ()):
        if isinstance(thing, Node):
            graph.node(thing.id, **_node(thing, laid))
        else:
            with graph.subgraph(name=f"cluster_{thing.id}") as inner:
                inner.attr(**_frame(thing, laid))
                _fill(inner, inside, laid, thing.id)


def _frame(group: Group, laid: Overlay | None) -> dict[str, str]:
    label = "" if group.kind is GroupKind.PARALLEL else cut(group.label, 44)  # its fork says it
    stands = stands_of(laid, group.id)
    words = state_words(group, stands) if stands is not None else ""
    if words:
        label = f"{label}  {words}"
    return {
        "id": group.id,
        "class": f"nbf-frame nbf-f-{group.kind.value}",
        "label": _plain(label),
        "labeljust": "l",
        "style": "rounded,dashed" if group.kind in (GroupKind.TRY, GroupKind.TIMEOUT) else "rounded",
        "color": "#9aa4af",
        "penwidth": "0.8",
        "margin": "10",
        "fontname": _FONT,
        "fontsize": "10",
        "fontcolor": _GREY,
    }


def _node(node: Node, laid: Overlay | None) -> dict[str, str]:
    stands = stands_of(laid, node.id)
    state = stands.state if stands is not None else State.NEVER
    ground, line = _COLOURS[state]
    attributes = {"id": node.id, "class": f"nbf-node nbf-k-{node.kind.value} nbf-s-{state.name.lower()}"}
    if node.kind is NodeKind.JOIN:
        return {**attributes, "shape": "point", "width": "0.07", "color": _GREY, "label": ""}
    if node.kind is NodeKind.FORK:
        words = {"shape": "plain", "fontsize": "10", "fontcolor": _GREY, "margin": "0", "height": "0.2"}
        return {**attributes, **words, "label": _plain(cut(node.label, 44))}
    lines = list(_lines(node, second_line(node, stands)))
    never = laid is not None and state is State.NEVER
    style = "filled" if node.kind in _HEXAGONS else "rounded,filled"
    if never:
        style += ",dashed"
    attributes |= {
        "shape": "hexagon" if node.kind in _HEXAGONS else "box",
        "style": style,
        "fillcolor": ground,
        "color": line,
        "penwidth": "1.6" if state in (State.RUNNING, State.FAILED, State.WAITING, State.RETRYING) else "1",
        "label": _label(lines),
    }
    if node.kind is NodeKind.CHILD or node.each:
        attributes["peripheries"] = "2"
    if node.kind in _PILLS:
        attributes["margin"] = "0.16,0.04"
    width = _width(lines)
    if width:
        attributes["width"] = f"{width:.2f}"
    return attributes


def _lines(node: Node, second: str) -> Iterator[tuple[str, int, str]]:
    """The lines of a node: text, size and colour."""
    icon = KIND_ICONS.get(node.kind, "")
    label = cut(node.label, 40) or KIND_ICONS.get(node.kind, "?")
    yield (f"{icon} {label}" if icon else label, 12 if node.kind not in _HEXAGONS else 11, _INK)
    if node.each:
        yield (cut(node.each, 52), 10, _MUTED)
    if node.limit:
        yield (cut(node.limit, 40), 10, _MUTED)
    if second:
        yield (second, 10, _MUTED)


def _label(lines: list[tuple[str, int, str]]) -> str:
    """An HTML-like label; every text in it is escaped."""
    parts = [
        f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{_escaped(text)}</FONT>' for text, size, colour in lines
    ]
    return f"<{'<BR/>'.join(parts)}>"


def _width(lines: list[tuple[str, int, str]]) -> float:
    """Inches that a node needs at least: Graphviz takes every letter that it has no measure of for a space."""
    widest = 0.0
    for text, size, _colour in lines:
        odd = sum(0 if letter.isascii() else max(cells(letter), 1) for letter in text)
        if odd:
            plain = sum(letter.isascii() for letter in text)
            widest = max(widest, (plain * 0.53 + odd * 0.62) * size / 72 + 0.24)
    return widest


def _escaped(text: str) -> str:
    return escape(text, quote=True).replace("&#x27;", "&#39;")


def _plain(text: str) -> str:
    """A label that is no HTML whatever it looks like, and has no escapes of Graphviz's."""
    return graphviz.nohtml(graphviz.escape(text))


def _edge(
    graph: graphviz.Digraph,
    edge: Edge,
    taken: bool,
    has_run: bool,
    framed: Mapping[str, Group],
    drawn: Mapping[str | None, str | None],
) -> None:
    state = "taken" if taken else "open"
    attributes = {"class": f"nbf-edge nbf-e-{edge.kind.value} nbf-{state}"}
    if edge.label:
        attributes["label"] = _plain(f" {cut(edge.label, 26)} ")
    match edge.kind:
        case EdgeKind.ERROR:
            attributes["style"] = "dashed"
        case EdgeKind.SPAWN:
            attributes["style"] = "dotted"
        case EdgeKind.BACK | EdgeKind.NEXT:
            pass
    if taken:
        attributes |= {"color": "#2c974b", "penwidth": "1.6"}
    elif has_run:
        attributes["color"] = "#9aa4af"
    if edge.kind is EdgeKind.BACK:  # said the other way round, so that what comes first stands on top
        if edge.tail_group in framed:
            attributes["lhead"] = f"cluster_{edge.tail_group}"
        graph.edge(edge.target, edge.source, dir="back", **attributes)
        return
    if edge.tail_group in framed:
        attributes["ltail"] = f"cluster_{edge.tail_group}"
    graph.edge(edge.source, edge.target, **attributes)
