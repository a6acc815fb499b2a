"""History and code side by side: which entries of the two are the same, changed, moved, or on one side only.

Inputs are the anchors: an action that stands before a result on one side and behind it on the other has
moved. What is scheduled is compared by name and input, never by number: one call more shifts all numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any, Final

from nbflow.core import history as h
from nbflow.core.explain.exploring import SILENT, Done, Explored, clocks_of
from nbflow.core.explain.report import RowKind

MOST_ENTRIES: Final = 250
"""Entries of the history beyond the mismatch that are compared."""


class Entry:
    """Something that happened, on one side.

    Attributes:
        event: What, as history holds it.
        key: The same for the same thing, wherever it stands.
        name: The same for the same kind of thing of the same name.
        clock: The workflow's time.
        place: File and line of the code that did it, where that is known.
        about: What a result or a cancellation is of.
        is_input: Whether it came from outside.
    """

    def __init__(
        self, event: h.HistoryEvent, names: dict[int, str], clock: datetime, done: Done | None
    ) -> None:
        self.event = event
        self.clock = clock
        self.place = done.place if done is not None else None
        self.is_input = not isinstance(event, h.ACTION_KINDS)
        self.about = names.get(getattr(event, "scheduled_id", 0), "")
        self.name, self.key = _keys(event, names, clock)

    @property
    def ahead(self) -> timedelta:
        """How far ahead a timer was set."""
        assert isinstance(self.event, h.TimerCreated), "only timers are set ahead"
        return self.event.fire_at - self.clock


class Pair:
    """A row of the alignment; at least one side is there.

    Attributes:
        kind: How the sides compare.
        expected: In the history.
        actual: In what the code did.
        twin: For what has moved: the entry of the other side.
    """

    def __init__(
        self, kind: RowKind, expected: Entry | None, actual: Entry | None, twin: Entry | None = None
    ) -> None:
        self.kind: RowKind = kind
        self.expected = expected
        self.actual = actual
        self.twin = twin


def recorded_side(history: Sequence[h.HistoryEvent], explored: Explored) -> list[Entry]:
    """The history from the first mismatch on."""
    clocks, names = clocks_of(history), _names(history)
    first = explored.position + 1 + explored.matched
    events = [n for n in range(first, len(history)) if not isinstance(history[n], SILENT)]
    return [Entry(history[n], names, clocks[n], None) for n in events[:MOST_ENTRIES]]


def code_side(history: Sequence[h.HistoryEvent], explored: Explored) -> list[Entry]:
    """What the code did from the first mismatch on."""
    recorded = _names(history)
    names = recorded | _names([one.event for one in explored.code if isinstance(one, Done)])
    clock = clocks_of(history)[explored.position]
    entries: list[Entry] = []
    for one in explored.code:
        if isinstance(one, Done):
            entries.append(Entry(one.event, names, one.clock, one))
        else:
            entries.append(Entry(one, recorded, clock, None))
    return entries


def align(history: Sequence[Entry], code: Sequence[Entry], *, is_whole: bool, inserted: bool) -> list[Pair]:
    """Lay both sides next to each other.

    Args:
        history: From the first mismatch on.
        code: Likewise.
        is_whole: Whether the code came to its end: what is left of the history is not done then.
        inserted: Whether the first thing that the code did stands by itself, and replaces nothing.
    """
    same = [*_anchored(history, code)]
    mine = {i for i, _ in same}
    theirs = {j for _, j in same}
    moved: dict[int, int] = {}
    for j, entry in enumerate(code):
        if j not in theirs:
            i = next(
                (i for i, e in enumerate(history) if i not in mine and i not in moved and e.key == entry.key),
                None,
            )
            if i is not None:
                moved[i] = j
    return [*_rows(history, code, same, moved, is_whole=is_whole, inserted=inserted)]


def _anchored(history: Sequence[Entry], code: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """The entries that are the same, in order on both sides: inputs first, then what lies between them."""
    given = [i for i, entry in enumerate(history) if entry.is_input]
    taken = [j for j, entry in enumerate(code) if entry.is_input]
    anchors = [
        (given[i], taken[j])
        for i, j in _common([history[i].key for i in given], [code[j].key for j in taken])
    ]
    i0 = j0 = 0
    for i, j in [*anchors, (len(history), len(code))]:
        between = _common([e.key for e in history[i0:i]], [e.key for e in code[j0:j]])
        yield from ((i0 + one, j0 + other) for one, other in between)
        if i < len(history) or j < len(code):
            yield i, j
        i0, j0 = i + 1, j + 1


def _common(one: Sequence[Any], other: Sequence[Any]) -> Iterator[tuple[int, int]]:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    for i, j, size in matcher.get_matching_blocks():
        yield from ((i + by, j + by) for by in range(size))


def _rows(
    history: Sequence[Entry],
    code: Sequence[Entry],
    same: Sequence[tuple[int, int]],
    moved: dict[int, int],
    *,
    is_whole: bool,
    inserted: bool,
) -> Iterator[Pair]:
    places = set(moved.values())
    i0 = j0 = 0
    for i, j in [*same, (len(history), len(code))]:
        is_tail = i == len(history)
        yield from _gap(
            [(history[n], code[moved[n]] if n in moved else None) for n in range(i0, i)],
            [(code[n], _origin(history, moved, n) if n in places else None) for n in range(j0, j)],
            leftover="unreached" if is_tail and not is_whole else "removed",
            lone=inserted and j0 == 0,
        )
        if not is_tail:
            yield Pair("same", history[i], code[j])
        i0, j0 = i + 1, j + 1


def _origin(history: Sequence[Entry], moved: dict[int, int], place: int) -> Entry:
    return history[next(i for i, j in moved.items() if j == place)]


_Side = list[tuple[Entry, "Entry | None"]]


def _gap(history: _Side, code: _Side, *, leftover: RowKind, lone: bool) -> Iterator[Pair]:
    """What lies between two entries that are the same: pairs of one name are changed, and what is left stands alone."""
    loose = dict(
        _common(
            [entry.name if twin is None else i for i, (entry, twin) in enumerate(history)],
            [entry.name if twin is None else (i,) for i, (entry, twin) in enumerate(code)],
        )
    )
    if (
        0 not in loose
        and 0 not in loose.values()
        and history
        and code
        and not lone
        and _replaces(history[0], code[0])
    ):
        loose[0] = 0
    at = 1 if lone and code and 0 not in loose.values() else 0
    yield from (_alone(one) for one in code[:at])
    for i, (entry, twin) in enumerate(history):
        j = loose.get(i)
        if j is None:
            yield Pair("moved" if twin is not None else leftover, entry, None, twin)
            continue
        yield from (_alone(one) for one in code[at:j])
        yield Pair("changed", entry, code[j][0])
        at = j + 1
    yield from (_alone(one) for one in code[at:])


def _alone(side: tuple[Entry, Entry | None]) -> Pair:
    entry, twin = side
    return Pair("added" if twin is None else "moved", None, entry, twin)


def _replaces(one: tuple[Entry, Entry | None], other: tuple[Entry, Entry | None]) -> bool:
    """Whether the first of both sides stand for each other: neither is an input, nor found elsewhere."""
    return not (one[1] or other[1] or one[0].is_input or other[0].is_input)


# -- keys ---------------------------------------------------------------------------------------------


def _names(events: Sequence[h.HistoryEvent]) -> dict[int, str]:
    """What is scheduled, by number."""
    names: dict[int, str] = {}
    for event in events:
        match event:
            case h.TaskScheduled(id=i, name=name) | h.ChildWorkflowCreated(id=i, name=name):
                names[i] = name
            case h.TimerCreated(id=i, purpose=purpose):
                names[i] = "timer" if purpose == "timer" else f"{purpose} timer"
            case h.EventWaitCreated(id=i, name=name):
                names[i] = f"the wait for {name!r}"
            case _:
                pass
    return names


def _keys(event: h.HistoryEvent, names: dict[int, str], clock: datetime) -> tuple[Any, Any]:
    kind = type(event).__name__
    match event:
        case h.TaskScheduled(name=name, input=data, attempt=attempt, timeout=timeout):
            return (kind, name), (kind, name, data, attempt, timeout)
        case h.ChildWorkflowCreated(name=name, input=data, attempt=attempt, instance_id=child):
            return (kind, name), (kind, name, data, attempt, child)
        case h.TimerCreated(purpose=purpose, fire_at=fire_at):
            return (kind, purpose), (kind, purpose, fire_at - clock)
        case h.EventWaitCreated(name=name, schema=schema):
            return (kind, name), (kind, name, schema)
        case h.EventSent(name=name, instance_id=target, payload=payload):
            return (kind, name), (kind, name, target, payload)
        case h.CustomStatusSet(value=value):
            return (kind,), (kind, value)
        case h.Marker(name=name, value=value):
            return (kind, name), (kind, name, value)
        case h.ContinuedAsNew(new_input=data, save_events=save):
            return (kind,), (kind, data, save)
        case h.ExecutionCompleted(status=status, output=output, failure=failure):
            return (kind, status), (kind, status, output, str(failure))
        case h.TaskCancelled() | h.TimerCancelled() | h.EventWaitCancelled() | h.EventRejected():
            name = names.get(event.scheduled_id, "")
            return (kind, name), (kind, name)
        case _:
            return (kind, event.seq), (kind, event.seq)
