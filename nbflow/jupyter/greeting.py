"""What ``%load_ext nbflow`` and ``%wf db`` say: where the history is, and which runs wait for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbflow.errors import StoreError
from nbflow.jupyter.location import shorten, siblings
from nbflow.jupyter.peek import count_active
from nbflow.jupyter.session import NbFlow
from nbflow.runtime.wiring import RELAXED
from nbflow.views.durations import moment

_MOST_RUNS: Final = 3
_MOST_SIBLINGS: Final = 5


def greeting(session: NbFlow) -> str:
    """One line on the open history, and one on each history beside it in which runs wait."""
    if not session.runtime.is_trusted:
        return "\n".join([f"nbflow: history in {session.place} · {_distrust(session)}", *_beside(session)])
    runs = session.first_waiting(_MOST_RUNS)
    others = session.count_waiting() - len(runs)
    parts = [f"nbflow: history in {session.place}"]
    if session.is_virtual:
        parts.append(f"virtual time {moment(session.runtime.clock.now())} stands still: %wf skip 1d")
    if session.runtime.durability == "relaxed":
        parts.append(RELAXED)
    parts += [str(run) for run in runs] or ["no run waits"]
    if others > 0:
        parts.append(f"{others} more: %wf ps")
    return "\n".join([" · ".join([*parts, "%wf help"]), *_beside(session)])


def _distrust(session: NbFlow) -> str:
    """Why nothing of the open history runs."""
    try:
        count = session.count_waiting()
    except StoreError:  # somebody has written a row that can't be read
        count = 0
    runs = (
        "no run waits"
        if count == 0
        else "1 run waits for that"
        if count == 1
        else f"{count} runs wait for that"
    )
    return (
        f"it is not trusted, and nothing of it runs: {session.runtime.why_not_trusted} · {runs} · %wf trust"
    )


def trouble(session: NbFlow) -> str:
    """One line on a history that can't be opened, with the next command."""
    return f"nbflow: {session.trouble}; `%wf db` tries again"


def _beside(session: NbFlow) -> Iterator[str]:
    for path in siblings(session.path)[:_MOST_SIBLINGS]:
        count = count_active(path)
        if count:
            runs = "1 run waits" if count == 1 else f"{count} runs wait"
            place = shorten(str(path))
            yield f"{runs} in {place}: %wf db {place}"
