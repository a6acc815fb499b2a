"""What is behind a row, for the card that asks: where rows are many, they don't bring it along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nbflow.core.history import HistoryEvent
from nbflow.errors import LookNotPossible
from nbflow.views.timeline import header, served_until
from nbflow.views.timeline.details import details_of
from nbflow.views.timeline.fold import TimelineFold
from nbflow.widgets.messages import Json, details_message
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource

_LIMIT: Final = 20_000
"""Characters of one value: who asks for a single row can be given more of it."""


class RowDetails:
    """Answers ``details``; folds the run's history once, then only what came since.

    Args:
        log: The run's history.
        source: The run.
    """

    def __init__(self, log: RunLog, source: CardSource) -> None:
        self._log = log
        self._source = source
        self._execution_id = ""
        self._fold = TimelineFold()

    def details(self, args: Json) -> Json:
        """Give what is behind the row of that ``key``.

        Raises:
            LookNotPossible: The run has no such row.
            NbflowError: It can't be read.
        """
        record, history = self._log.read()
        fold = self._folded(record.execution_id, history)
        key = args.get("key")
        if not isinstance(key, str) or not fold.has(key):
            raise LookNotPossible("this row is gone: the run has begun anew")
        row = fold.row(key)
        until = served_until(header(record, fold, now=self._source.now()), self._source.opened_at)
        served = until is not None and row.end is not None and row.end <= until
        return details_message(details_of(row, limit=_LIMIT, served=served))

    def _folded(self, execution_id: str, history: Sequence[HistoryEvent]) -> TimelineFold:
        if execution_id != self._execution_id or self._fold.length > len(history):
            self._execution_id, self._fold = execution_id, TimelineFold()
        for event in history[self._fold.length :]:
            self._fold.apply(event)
        return self._fold
