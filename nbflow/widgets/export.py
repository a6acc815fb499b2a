"""A run as a page of its own: the card with everything that it may ask, for a browser without a kernel.

Whatever the views would ask of a kernel is asked here, once, by the same answerers: each moment of
the replay, each row's details, the graph. The replies travel compressed in the page, and the
card finds them there. Values are in that data and nowhere in the page's code.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from html import escape
from typing import Final

import msgspec

from nbflow.errors import NbflowError
from nbflow.views.excerpts import tame
from nbflow.views.replay.messages import moment_message
from nbflow.views.replay.moments import Moment, Problem
from nbflow.views.timeline.html import html_timeline
from nbflow.widgets import page
from nbflow.widgets.asking import Answerer, Answering
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.messages import Json
from nbflow.widgets.rowlist import rows_of
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource
from nbflow.widgets.still import StillSource

_POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
_MOST_BYTES: Final = 60_000_000
"""Of replies, before they are compressed: a page that holds more would not open in reasonable time."""

Tell = Callable[[int, int], object]


def export_page(
    source: CardSource, *, opens: Json | None = None, tell: Tell = lambda _done, _of: None
) -> str:
    """Give the page of a run, as it is now.

    Args:
        source: The run.
        opens: The view that it opens with, as the card's ``opens``.
        tell: Is told how many of how many events are in it by now; what it raises ends the work.

    Raises:
        NbflowError: The run can't be read.
    """
    still = StillSource(source)
    record, history = still.snapshot()
    log = RunLog(still)
    answering = Answering(log, still)
    feed = CardFeed(still, send=_drop, keep=_drop)
    try:
        snapshot, drawn = feed.begin()
        replies = _replies(answering, snapshot, len(history), tell)
    finally:
        feed.close()
        log.close()
        answering.close()
    data = msgspec.json.encode({"snapshot": snapshot, "opens": opens or {}, "replies": replies})
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode("ascii")
    title = f"{record.instance_id} of {record.name}"
    return _page(title, html_timeline(drawn), packed)


def _drop(_message: Json) -> None:
    pass


def _replies(answering: Answering, snapshot: Json, length: int, tell: Tell) -> Json:
    keys = [row["key"] for row in rows_of(snapshot) if "details" not in row]
    graph = _asked(answering.answerer("graph"), {})
    graph.pop("dot", None)  # the program that draws it doesn't come along: a table is shown
    details = answering.answerer("details")
    return {
        "details": {key: _asked(details, {"key": key}) for key in keys},
        "moment": _moments(answering.answerer("moment"), length, tell),
        "events": _events(answering.answerer("events"), length),
        "listing": _asked(answering.answerer("listing"), {}),
        "graph": graph,
    }


def _moments(answerer: Answerer, length: int, tell: Tell) -> Json:
    """The moment of each step, by its first position; as many as a page can hold."""
    moments: Json = {}
    seq = size = 0
    has_parted = False
    while seq <= length:
        if size > _MOST_BYTES:
            moments[str(seq)] = _beyond(seq, length)
            break
        moments[str(seq)] = moment = _asked(answerer, {"seq": seq})
        problem = moment.get("problem")
        if problem is not None:
            if has_parted:
                problem["parting"] = None  # said once: it is the same at every moment from there on
            has_parted = has_parted or problem["parting"] is not None
        size += len(msgspec.json.encode(moment))
        seq = max(moment.get("last", length), seq) + 1
        tell(min(seq, length), length)
    return moments


def _beyond(seq: int, length: int) -> Json:
    """What stands for the moments that a page has no room for."""
    words = f"this page holds the replay up to event {seq - 1:,}: open the run in its notebook for the rest"
    problem = Problem(words=words, is_missing=True)
    return moment_message(Moment(seq=seq, first=seq, last=length, state="missing", problem=problem))


def _events(answerer: Answerer, length: int) -> Json:
    """All pages of the event table as one."""
    whole: Json = {"total": length, "events": [], "turns": {}}
    while len(whole["events"]) < length:
        page = answerer({"start": len(whole["events"]), "count": length})
        if not page["events"]:
            break
        whole["events"] += page["events"]
        whole["turns"] |= page["turns"]
    return whole


def _asked(answerer: Answerer, args: Json) -> Json:
    try:
        return answerer(args)
    except NbflowError as error:
        return {"error": str(error)}


def _page(title: str, twin: str, packed: str) -> str:
    heading = escape(tame(title))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{heading}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 16px; font-family: system-ui, sans-serif; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e6edf3; }} }}
{page.styles()}
</style>
<body>
<main id="card">{twin}</main>
<script id="data" type="text/plain">{packed}</script>
<script type="module">
{page.frozen_module()}
thaw(document.getElementById("card"), document.getElementById("data").textContent);
</script>
</body>
</html>
"""
