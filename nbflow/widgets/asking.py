"""Who answers what a view asks of a run: each is there, with all that it imports, once somebody asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from nbflow.errors import LookNotPossible
from nbflow.widgets.messages import Json
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource

if TYPE_CHECKING:
    from nbflow.widgets.graphing import Graphing
    from nbflow.widgets.offers import Offers
    from nbflow.widgets.replaying import Replaying

Answerer: TypeAlias = Callable[[Json], Json]
"""Takes what was asked and gives the reply's ``ok``; raises NbflowError with a sentence for a person."""

_T = TypeVar("_T")


class Answering:
    """The answerers of one run.

    Args:
        log: The run's history.
        source: The run.
    """

    def __init__(self, log: RunLog, source: CardSource) -> None:
        self._log = log
        self._source = source
        self._lock = threading.Lock()  # never held while something is imported
        self._made: dict[Callable[..., Any], Any] = {}
        self._unwind: Callable[[], None] = _nothing

    def answerer(self, what: str) -> Answerer:
        """Who answers that.

        Raises:
            LookNotPossible: Nobody does: the front end is newer than this kernel.
        """
        match what:
            case "details":
                from nbflow.widgets.details import RowDetails

                return self._once(RowDetails).details
            case "moment":
                return self._replaying().moment
            case "events":
                return self._replaying().events
            case "listing":
                return self._replaying().listing
            case "value":
                return self._replaying().value
            case "graph":
                return self._graphing().graph
            case "fork":
                return self._offers().fork
            case "rewind":
                return self._offers().rewind
            case "compare":
                return self._offers().compare
            case _:
                raise LookNotPossible(
                    f"the kernel's nbflow can't tell {what!r}: restart the kernel to get the newer one"
                )

    def close(self) -> None:
        """Unwind the code of a replay, if there was one; twice is no error."""
        with self._lock:
            unwind, self._unwind = self._unwind, _nothing
        unwind()

    def _replaying(self) -> Replaying:
        from nbflow.widgets.replaying import Replaying

        replaying = self._once(Replaying)
        self._unwind = replaying.close
        return replaying

    def _graphing(self) -> Graphing:
        from nbflow.widgets.graphing import Graphing

        return self._once(Graphing)

    def _offers(self) -> Offers:
        from nbflow.widgets.offers import Offers

        return self._once(Offers)

    def _once(self, kind: Callable[[RunLog, CardSource], _T]) -> _T:
        """The one of its kind."""
        with self._lock:
            found: _T | None = self._made.get(kind)
            if found is None:
                found = self._made[kind] = kind(self._log, self._source)
            return found


def _nothing() -> None:
    pass
