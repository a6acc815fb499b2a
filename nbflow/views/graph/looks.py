"""How nodes read: the icon and word of a state, the line below a name, and the sentence for everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nbflow.views.durations import duration
from nbflow.views.graph.model import Flow, Group, Node, NodeKind
from nbflow.views.graph.overlay import NodeOverlay, Overlay, State
from nbflow.views.graph.wording import cut
from nbflow.views.looks import Look, Tone

STATE_LOOKS: Final[Mapping[State, Look]] = {
    State.DONE: Look("✓", "done", Tone.GOOD),
    State.PASSED: Look("✓", "passed", Tone.GOOD),
    State.RUNNING: Look("►", "running", Tone.ACTIVE),
    State.RETRYING: Look("↻", "retrying", Tone.WAIT),
    State.WAITING: Look("◷", "waiting", Tone.WAIT),
    State.FAILED: Look("✗", "failed", Tone.BAD),
    State.TIMED_OUT: Look("◔", "timed out", Tone.BAD),
    State.CANCELLED: Look("⊘", "cancelled", Tone.QUIET),
    State.NEVER: Look("○", "not reached", Tone.QUIET),
}

_DONE_WORDS: Final[Mapping[NodeKind, str]] = {
    NodeKind.TIMER: "fired",
    NodeKind.WAIT: "received",
    NodeKind.SEND: "sent",
}

KIND_WORDS: Final[Mapping[NodeKind, str]] = {
    NodeKind.START: "start",
    NodeKind.END: "end",
    NodeKind.ACTIVITY: "activity",
    NodeKind.CHILD: "child workflow",
    NodeKind.TIMER: "durable timer",
    NodeKind.WAIT: "wait for event",
    NodeKind.SEND: "send event",
    NodeKind.STATUS: "custom status",
    NodeKind.CONTINUE: "new generation",
    NodeKind.DECISION: "decision",
    NodeKind.LOOP: "loop",
    NodeKind.CALL: "helper",
    NodeKind.RETURN: "end",
    NodeKind.RAISE: "error",
    NodeKind.FORK: "fork",
    NodeKind.JOIN: "join",
    NodeKind.MORE: "more steps",
}

KIND_ICONS: Final[Mapping[NodeKind, str]] = {
    NodeKind.CHILD: "▣",
    NodeKind.TIMER: "◷",
    NodeKind.WAIT: "◇",
    NodeKind.SEND: "→",
    NodeKind.STATUS: "≡",
    NodeKind.CONTINUE: "↺",
    NodeKind.LOOP: "↻",
    NodeKind.RETURN: "■",
    NodeKind.END: "■",
    NodeKind.RAISE: "✗",
    NodeKind.START: "●",
}

_ORDER: Final = (
    State.RUNNING,
    State.RETRYING,
    State.WAITING,
    State.FAILED,
    State.TIMED_OUT,
    State.CANCELLED,
    State.DONE,
)
_BARE: Final = frozenset(
    {
        NodeKind.START,
        NodeKind.END,
        NodeKind.DECISION,
        NodeKind.LOOP,
        NodeKind.STATUS,
        NodeKind.CONTINUE,
        NodeKind.RETURN,
        NodeKind.RAISE,
        NodeKind.FORK,
        NodeKind.JOIN,
    }
)


def state_words(node: Node | Group, stands: NodeOverlay) -> str:
    """Icon, word, how often and how long: ``✓ done · 2.1 s``; of many, ``► 1 running, ✓ 3 · 4 s``."""
    if not stands.rows:
        return ""
    parts: list[str] = []
    for state in _ORDER:
        count = stands.counts.get(state, 0)
        if count:
            look = STATE_LOOKS[state]
            word = look.word
            if state is State.DONE and isinstance(node, Node):
                word = _DONE_WORDS.get(node.kind, word)
            elif isinstance(node, Group):
                word = {State.DONE: "time was up", State.CANCELLED: "in time"}.get(state, word)
            parts.append(f"{look.icon} {word}" if len(stands.rows) == 1 else f"{look.icon} {count} {word}")
    if len(parts) > 1:  # the word of each would not fit
        parts = [
            f"{STATE_LOOKS[state].icon} {stands.counts[state]}"
            for state in _ORDER
            if stands.counts.get(state)
        ]
    text = "  ".join(parts)
    if isinstance(node, Group) or node.kind is NodeKind.SEND:
        return text
    if stands.last is not None and stands.total:
        text += f" · {duration(stands.total)}"
    if stands.attempts > len(stands.rows):
        extra = stands.attempts - len(stands.rows)
        text += f" · {'1 retry' if extra == 1 else f'{extra} retries'}"
    return text


def second_line(node: Node, stands: NodeOverlay | None) -> str:
    """What stands below a node's name: how it stands, or else what it is."""
    if node.kind in _BARE:
        return ""
    words = state_words(node, stands) if stands is not None else ""
    return words or KIND_WORDS[node.kind]


def describe(node: Node, stands: NodeOverlay | None, *, over: bool) -> str:
    """Everything about a node in one sentence: what a tooltip and a screen reader say."""
    label = cut(node.label, 200)
    kind = KIND_WORDS[node.kind]
    parts = [f"{label}, {kind}" if node.kind not in (NodeKind.START, NodeKind.END) else f"{kind} of {label}"]
    if node.kind is NodeKind.END:
        parts = ["end"]
    parts += [part for part in (node.each, node.limit) if part]
    if node.line:
        parts.append(f"line {node.line}")
    text = ", ".join(parts)
    if stands is None:
        return text
    if not stands.rows:
        word = STATE_LOOKS[stands.state].word
        if stands.state is State.NEVER:
            word = "never reached" if over else "not reached yet"
        return f"{text}: {word}"
    text += f": {spoken(node, stands)}"
    if stands.error:
        text += f"; last error: {cut(stands.error, 200)}"
    return text


def spoken(node: Node, stands: NodeOverlay) -> str:
    """How a node with rows stands, in words without icons."""
    parts: list[str] = []
    for state in _ORDER:
        count = stands.counts.get(state, 0)
        if count:
            word = STATE_LOOKS[state].word
            word = _DONE_WORDS.get(node.kind, word) if state is State.DONE else word
            parts.append(word if len(stands.rows) == 1 else f"{count} {word}")
    text = ", ".join(parts)
    if stands.last is not None and stands.total:
        text += f", {duration(stands.total)}"
        if len(stands.rows) > 1:
            text += f" in all, the last {duration(stands.last)}"
    if stands.attempts > len(stands.rows):
        text += f", {stands.attempts} attempts"
    return text


def shown_nodes(flow: Flow) -> tuple[Node, ...]:
    """The nodes that say something: forks and joins are dots."""
    return tuple(node for node in flow.graph.nodes if node.kind not in (NodeKind.FORK, NodeKind.JOIN))


def stands_of(laid: Overlay | None, place: str) -> NodeOverlay | None:
    """How a node stands, or None without a run."""
    return None if laid is None else laid.nodes.get(place)
