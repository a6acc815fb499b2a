"""The graph of a workflow: a diagram made from its code, with a run laid over it.

Read it in this order: `model` (what a graph consists of), `names` (which call is what), `scope` (where the reader
is), `calls`, `nesting` and `reader` (from the text to nested steps), `wiring` (to nodes and edges), `history` (a graph without
code), `overlay` and `reached` (a run laid over it), `looks` and `wording` (how nodes read), and the printers
`dot`, `text` and `html`.
"""

from nbflow.views.graph.dot import dot_of
from nbflow.views.graph.history import flow_of_history
from nbflow.views.graph.html import html_graph
from nbflow.views.graph.model import Flow
from nbflow.views.graph.names import Namespace, Words
from nbflow.views.graph.overlay import Overlay, overlay
from nbflow.views.graph.reader import read_flow
from nbflow.views.graph.text import text_graph

__all__ = [
    "Flow",
    "Namespace",
    "Overlay",
    "Words",
    "dot_of",
    "flow_of_history",
    "html_graph",
    "overlay",
    "read_flow",
    "text_graph",
]
