"""Two runs of the same code, held against each other: with the same inputs it must have done the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final, cast

import msgspec

from nbflow.core import history as h
from nbflow.core.actions import same_event
from nbflow.core.divergence import describe_event, describe_input
from nbflow.core.explain.report import DiffRow, Divergence
from nbflow.testing.torturing.orders import Histories, Recorded

_SILENT: Final = (h.WorkflowStarted, h.ExecutionSuspended, h.ExecutionResumed)
_ABOVE: Final = 6
_NOTHING: Final = "nothing more"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that was not the same.

    Attributes:
        instance_id: In which run.
        sentence: What it was.
        divergence: Both sides.
    """

    instance_id: str
    sentence: str
    divergence: Divergence


def difference(first: Histories, other: Histories) -> Difference | None:
    """What the second of two runs did otherwise; None if nothing.

    Where inputs came in another order, which is nobody's fault, only the results and the actions as a
    whole are compared.
    """
    others = {one.execution_id: one for one in other.executions}
    found: list[Difference] = []
    for mine in first.executions:
        theirs = others.get(mine.execution_id)
        unlike = _unlike(mine, theirs.events if theirs is not None else [])
        if unlike is None:
            continue
        if (
            theirs is not None
            and unlike.divergence.cause == "other_path"
            and _comes_to_the_same(mine, theirs)
        ):
            continue
        found.append(unlike)
    return found[0] if found else None


def _unlike(mine: Recorded, events: Sequence[h.HistoryEvent]) -> Difference | None:
    rows: list[DiffRow] = []
    for one, two in zip_longest(_heard(mine.events), _heard(events)):
        expected, actual = _words(one), _words(two)
        if one is not None and two is not None and _is_same(one, two):
            rows.append(
                DiffRow(kind="same", expected=expected, actual=expected, seq=one.seq, is_input=_is_input(one))
            )
            continue
        inputs_differ = one is not None and two is not None and _is_input(one) and _is_input(two)
        sentence = (
            f"an input was another, or came in another order: {actual} instead of {expected}"
            if inputs_differ
            else "the code isn't deterministic: with the same inputs it did something else in another process"
        )
        last = rows[-1].seq if rows else 0
        seq = one.seq if one is not None else (last or 0) + 1
        shown = DiffRow(kind="changed", expected=expected, actual=actual, seq=seq, is_first=True)
        divergence = Divergence(
            seq=seq,
            expected=expected,
            actual=actual,
            cause="other_path" if inputs_differ else "not_deterministic",
            sentence=sentence,
            is_certain=not inputs_differ,
            rows=(*rows[-_ABOVE:], shown),
            before=max(0, len(rows) - _ABOVE),
        )
        return Difference(instance_id=mine.instance_id, sentence=sentence, divergence=divergence)
    return None


def _heard(events: Sequence[h.HistoryEvent]) -> list[h.HistoryEvent]:
    return [event for event in events if not isinstance(event, _SILENT)]


def _is_input(event: h.HistoryEvent) -> bool:
    return not isinstance(event, h.ACTION_KINDS)


def _words(event: h.HistoryEvent | None) -> str:
    if event is None:
        return _NOTHING
    return describe_input(event) if _is_input(event) else describe_event(cast("h.ActionEvent", event))


def _is_same(one: h.HistoryEvent, two: h.HistoryEvent) -> bool:
    if _is_input(one) or _is_input(two):
        return type(one) is type(two) and _words(one) == _words(two)
    return same_event(cast("h.ActionEvent", two), cast("h.ActionEvent", one))


def _comes_to_the_same(mine: Recorded, theirs: Recorded) -> bool:
    return _done(mine) == _done(theirs)


def _done(recorded: Recorded) -> tuple[Counter[str], Any]:
    """The actions in any order, and the result as a value."""
    actions = Counter(
        _words(event)
        for event in recorded.events
        if not _is_input(event) and not isinstance(event, h.ExecutionCompleted)
    )
    end = recorded.events[-1]
    if not isinstance(end, h.ExecutionCompleted):
        return actions, None
    return actions, (end.status, msgspec.json.decode(end.output), str(end.failure))
