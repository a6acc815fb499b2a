"""A mismatch of code and history, explained: a second replay that goes on, a diff, and the likely cause."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from typing import Final, cast

import msgspec

from nbflow.core import history as h
from nbflow.core.divergence import describe_event, describe_input
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.explain.aligning import Entry, Pair, align, code_side, recorded_side
from nbflow.core.explain.causes import Cause, cause_of, part_of
from nbflow.core.explain.changes import calls_below, changed_lines, nearest
from nbflow.core.explain.exploring import SILENT, Done, Explored, explore
from nbflow.core.explain.payloads import looks_like
from nbflow.core.explain.report import (
    NO_EVIDENCE,
    CodeText,
    DiffRow,
    Divergence,
    Evidence,
    LineChange,
)
from nbflow.core.state import Stall, StallReason

MOST_ROWS: Final = 40
"""Rows of a report."""

_ABOVE: Final = 6
"""Of them, those above the mismatch."""

_LONGEST: Final = 200


def explain(
    stall: Stall,
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None = None,
    evidence: Evidence = NO_EVIDENCE,
    begun: Callable[[Execution], None] = lambda execution: None,
) -> Stall:
    """Give a report of a mismatch with its explanation; any other report as it is.

    The code is replayed once more, without any effect, and goes on beyond the mismatch.

    Args:
        stall: What `replay` said.
        code: The workflow.
        history: The events of one execution, from the first.
        instance_id: The run.
        context: The context variables that the code starts with: where its prints go.
        evidence: What else is known of the code.
        begun: Told of the execution before it is fed.
    """
    if stall.reason is not StallReason.DIVERGED or stall.seq is None or stall.actual is None:
        return stall
    variables = context.copy() if context is not None else None
    explored = explore(code, history, instance_id=instance_id, context=variables, begun=begun)
    divergence = _divergence(stall, history, explored, evidence)
    message = (
        f"{stall.message}; {'cause' if divergence.is_certain else 'likely cause'}: {divergence.sentence}"
    )
    return msgspec.structs.replace(stall, message=message, divergence=divergence)


def _divergence(
    stall: Stall, history: Sequence[h.HistoryEvent], explored: Explored | None, evidence: Evidence
) -> Divergence:
    place = (stall.file, stall.line) if stall.file is not None and stall.line is not None else None
    assert stall.seq is not None, "a mismatch has a position"
    report = Divergence(
        seq=stall.seq,
        expected=stall.expected or "",
        actual=stall.actual or "",
        file=stall.file,
        line=stall.line,
        source=_source(place, evidence.present),
    )
    if explored is None:
        shape: Cause = ("not_deterministic", "")
    else:
        pairs, first, shape = _compared(history, explored, evidence.present, place)
        rows = [*_rows(history, explored, pairs, first)]
        report = msgspec.structs.replace(report, **_window(rows))
    changes: tuple[LineChange, ...] = ()
    if evidence.recorded is not None and evidence.present is not None and not evidence.is_same:
        changes = changed_lines(evidence.recorded, evidence.present, stall.line)
    if report.line is None and changes and evidence.present is not None:
        # Code that returns is nowhere any more: what was changed is all there is to point at.
        file, line = evidence.present.file, changes[0].line
        source = _source((file, line), evidence.present)
        report = msgspec.structs.replace(report, file=file, line=line, source=source)
    (kind, sentence), is_certain = _judged(stall, explored, shape, changes, evidence, place)
    return msgspec.structs.replace(
        report, cause=kind, sentence=sentence, is_certain=is_certain, changes=changes
    )


# -- the cause ----------------------------------------------------------------------------------------


def _judged(
    stall: Stall,
    explored: Explored | None,
    shape: Cause,
    changes: tuple[LineChange, ...],
    evidence: Evidence,
    place: tuple[str, int] | None,
) -> tuple[Cause, bool]:
    """Weigh the shape of the mismatch against what else is known."""
    suspect = nearest(evidence.suspects, evidence.present, place)
    blamed = f"; line {suspect.line}: {suspect.what}: {suspect.fix}" if suspect is not None else ""
    again = _second(stall, explored)
    if again is not None:
        hint = blamed or _look_alike(explored)
        return (
            "not_deterministic",
            f"the code isn't deterministic: replayed twice in a row, {again}{hint}",
        ), True
    kind, sentence = shape
    if changes:
        return (kind, f"{sentence} ({changes[0]})"), False
    if evidence.uses:
        return (kind, f"{sentence} (the code uses what is another now: {', '.join(evidence.uses)})"), False
    if evidence.interpreter:
        return ("interpreter", f"{sentence}, and {evidence.interpreter}"), False
    if suspect is not None and not changes:
        return ("not_deterministic", f"the code isn't deterministic{blamed}; {sentence}"), False
    if evidence.is_same:
        what = (
            "the code is the one that the run was started with, so that it isn't deterministic or reads what has "
            "changed since (the clock, a random number, a global, a function of another cell)"
        )
        return ("reads_outside", f"{what}; {sentence}"), False
    return shape, False


def _second(stall: Stall, explored: Explored | None) -> str | None:
    """What the code did in one replay and not in the other; None if it did the same."""
    if explored is None:
        return f"it did {stall.actual} and then what history holds"
    first = next(iter(explored.code), None)
    did = describe_event(first.event) if isinstance(first, Done) else None
    if did is None and not explored.ended:
        did = "it waits" if stall.actual == "it waits" else stall.actual
    if did is None or did == stall.actual:
        return None
    return f"it did {stall.actual} and then {did}"


def _look_alike(explored: Explored | None) -> str:
    first = next(iter(explored.code), None) if explored is not None else None
    event = first.event if isinstance(first, Done) else None
    text = ""
    match event:
        case h.TaskScheduled(input=text) | h.ChildWorkflowCreated(input=text):
            pass
        case h.EventSent(payload=text) | h.CustomStatusSet(value=text) | h.ExecutionCompleted(output=text):
            pass
        case h.TimerCreated(purpose="timer"):
            return "; a timer that is set by the clock is likely: use ctx.current_utc_datetime"
        case _:
            pass
    found = looks_like(text)
    fixes = {
        "a new UUID": "ctx.new_guid()",
        "a random number": "ctx.random()",
        "the time of the clock": "ctx.current_utc_datetime",
    }
    return f"; the value looks like {found}: use {fixes[found]}" if found else ""


# -- both sides ---------------------------------------------------------------------------------------


def _compared(
    history: Sequence[h.HistoryEvent],
    explored: Explored,
    present: CodeText | None,
    place: tuple[str, int] | None,
) -> tuple[list[Pair], Pair | None, Cause]:
    """Lay both sides next to each other, and read the first mismatch and the cause off them."""
    theirs, mine = recorded_side(history, explored), code_side(history, explored)
    # What is recorded in the step that differs comes before anything that is recorded later.
    expected = theirs[0] if theirs and not theirs[0].is_input else None
    actual = mine[0] if mine and not mine[0].is_input else None
    is_whole = explored.ended or not explored.waits_for_unknown
    inserted = _is_inserted(expected, actual, present, place)
    pairs = align(theirs, mine, is_whole=is_whole, inserted=inserted)
    if pairs and pairs[0].kind == "same" and actual is not None:
        pairs[0].kind = "changed"  # alike in everything but its number
    own = (one for one in pairs if one.actual is actual or actual is None)
    cause = cause_of(expected, actual, pairs, waits_for_unknown=explored.waits_for_unknown)
    return pairs, next(own, None), cause


def _is_inserted(
    expected: Entry | None, actual: Entry | None, present: CodeText | None, place: tuple[str, int] | None
) -> bool:
    """Whether the code still comes to what history holds here, behind what it did instead."""
    if expected is None or actual is None or present is None or place is None or place[0] != present.file:
        return False
    name: str | None = getattr(expected.event, "name", None)
    if isinstance(expected.event, h.TimerCreated):
        name = "create_timer"
    return name is not None and expected.name != actual.name and calls_below(present, name, place[1])


def _rows(
    history: Sequence[h.HistoryEvent], explored: Explored, pairs: Sequence[Pair], first: Pair | None
) -> Iterator[DiffRow]:
    """The rows of the report, from the beginning of the history on."""
    for event in history[: explored.position + 1 + explored.matched]:
        if not isinstance(event, SILENT):
            words = _cut(_words(event))
            yield DiffRow(
                kind="same",
                seq=event.seq,
                expected=words,
                actual=words,
                is_input=not isinstance(event, h.ACTION_KINDS),
            )
    for pair in pairs:
        yield _row(pair, is_first=pair is first)


def _row(pair: Pair, *, is_first: bool) -> DiffRow:
    expected, actual = pair.expected, pair.actual
    note = ""
    if pair.kind == "changed" and expected is not None and actual is not None:
        note = "another number" if expected.key == actual.key else part_of(expected, actual)
    elif pair.kind == "moved" and pair.twin is not None:
        note = f"in history at event {pair.twin.event.seq}" if expected is None else "done at another place"
    elif pair.kind == "unreached":
        note = "not come to yet"
    one = expected or actual
    return DiffRow(
        kind=pair.kind,
        seq=expected.event.seq if expected is not None else None,
        expected=_cut(_words(expected.event)) if expected is not None else "",
        actual=_cut(_words(actual.event)) if actual is not None else "",
        line=actual.place[1] if actual is not None and actual.place is not None else None,
        note=note,
        is_input=one is not None and one.is_input,
        is_first=is_first,
    )


def _words(event: h.HistoryEvent) -> str:
    if isinstance(event, h.ACTION_KINDS):
        return describe_event(cast("h.ActionEvent", event))
    return describe_input(event)


def _window(rows: Sequence[DiffRow]) -> dict[str, object]:
    """So many rows around the first mismatch, and how many are left out."""
    first = next((n for n, row in enumerate(rows) if row.is_first), len(rows))
    begin = max(first - _ABOVE, 0)
    end = min(begin + MOST_ROWS, len(rows))
    return {"rows": tuple(rows[begin:end]), "before": begin, "after": len(rows) - end}


def _source(place: tuple[str, int] | None, present: CodeText | None) -> str:
    if place is None:
        return ""
    file, line = place
    text = linecache.getline(file, line).strip()
    if not text and present is not None and present.file == file:
        lines = present.text.splitlines()
        at = line - present.first_line
        text = lines[at].strip() if 0 <= at < len(lines) else ""
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
