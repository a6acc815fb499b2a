"""The replay view's questions: a moment of the run, a page of its events, its source, a whole value."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import LookNotPossible
from nbflow.views.replay.messages import events_message, listing_message, moment_message
from nbflow.views.replay.narrative import Narrator
from nbflow.views.replay.travel import TimeTravel
from nbflow.widgets.messages import Json
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource

_MOST_EVENTS: Final = 1_000
"""Rows of the event table that one page may have."""


class Replaying:
    """Answers ``moment``, ``events``, ``listing`` and ``value``.

    The run's code is replayed from its history, without any effect, on the thread that asks; one
    execution is kept for the next step. A look that never comes back keeps its execution: the next look
    gets another.

    Args:
        log: The run's history.
        source: The run.
    """

    def __init__(self, log: RunLog, source: CardSource) -> None:
        self._log = log
        self._source = source
        self._lock = threading.Lock()
        self._code: WorkflowDefinition[Any, Any] | None = None
        self._execution_id = ""
        self._narrator = Narrator()
        self._travel: TimeTravel | None = None

    def moment(self, args: Json) -> Json:
        """Give the code at position ``seq``.

        Raises:
            LookNotPossible: The code isn't there.
            NbflowError: The run can't be read.
        """
        with self._travelling() as travel:
            moment = travel.moment(_whole(args, "seq", travel.length))
            return {**moment_message(moment), "execution": self._execution_id}

    def value(self, args: Json) -> Json:
        """Give the whole of the variable ``name`` in frame ``frame`` of branch ``branch`` at position ``seq``.

        Raises:
            LookNotPossible: It isn't there any more, or the code isn't.
            NbflowError: The run can't be read.
        """
        with self._travelling() as travel:
            seq = _whole(args, "seq", travel.length)
            name = args.get("name")
            branch, depth = _whole(args, "branch", 0), _whole(args, "frame", 0)
            text = travel.value(seq, branch, depth, name if isinstance(name, str) else "")
        if text is None:
            raise LookNotPossible("this value is gone: the code behind it is another one now")
        return {"text": text}

    def events(self, args: Json) -> Json:
        """Give ``count`` rows of the event table from row ``start`` (0 is the first).

        Raises:
            NbflowError: The run can't be read.
        """
        record, history = self._log.read()
        self._begin(record.execution_id, len(history))
        with self._lock:
            for event in history[len(self._narrator.notes) :]:
                self._narrator.apply(event)
            start = max(_whole(args, "start", 0), 0)
            count = min(_whole(args, "count", _MOST_EVENTS), _MOST_EVENTS)
            return {**events_message(self._narrator, start, count), "execution": self._execution_id}

    def listing(self, args: Json) -> Json:
        """Give the workflow's source.

        Raises:
            LookNotPossible: The code isn't there, or has no text.
            NbflowError: The run can't be read.
        """
        self._code = self._source.definition()
        code = self._present()
        listing = code.listing
        if listing is None:
            raise LookNotPossible(f"there is no source text of {code.name}: its steps are shown without it")
        return listing_message(listing, code.name)

    def close(self) -> None:
        """Unwind the execution that is kept; twice is no error."""
        with self._lock:
            travel, self._travel = self._travel, None
        if travel is not None:
            travel.close()

    # -- the execution that is kept --------------------------------------------------------------

    @contextmanager
    def _travelling(self) -> Generator[TimeTravel]:
        """Have the run's time travel for a while, and for oneself."""
        record, history = self._log.read()
        self._begin(record.execution_id, len(history))
        with self._lock:
            travel, self._travel = self._travel, None
        if self._code is None:
            self._code = self._source.definition()
        code = self._present()
        if travel is None or travel.code is not code:
            if travel is not None:
                travel.close()
            travel = self._new_travel(code, history, record.instance_id)
        travel.grow(history)
        yield travel
        with self._lock:
            if self._travel is None and record.execution_id == self._execution_id:
                self._travel = travel
                return
        travel.close()

    def _new_travel(
        self, code: WorkflowDefinition[Any, Any], history: Sequence[HistoryEvent], instance_id: str
    ) -> TimeTravel:
        context = self._source.quiet_context()
        return TimeTravel(code, history, instance_id=instance_id, context=context, clock=time.perf_counter)

    def _present(self) -> WorkflowDefinition[Any, Any]:
        if self._code is None:
            raise no_code(self._source, self._log.read()[0].name)
        return self._code

    def _begin(self, execution_id: str, length: int) -> None:
        """Forget an execution that is over: the run continued as new, or was begun again."""
        with self._lock:
            if execution_id == self._execution_id and length >= len(self._narrator.notes):
                return
            self._execution_id, self._narrator, self._code = execution_id, Narrator(), None
        self.close()


def no_code(source: CardSource, name: str) -> LookNotPossible:
    """The sentence about a workflow whose code isn't there, or only in another version."""
    if source.kind_of(name) != "workflow":
        return LookNotPossible(
            f"the code of {name} isn't here: run the cell that defines it, then look again"
        )
    return LookNotPossible(
        f"the version of {name} that this run was started with isn't here: run the cell that defines that version, "
        "then look again"
    )


def _whole(args: Json, name: str, otherwise: int) -> int:
    """A number of the front end's, if it is one."""
    value = args.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
