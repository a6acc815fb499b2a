"""A history retold: what each event did, what caused it, and why each turn was taken.

Pure: it reads events and runs no code. A `Narrator` takes them one by one, so that a history that grows is
retold from where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.state import RuntimeState
from nbflow.views.replay.words import Scheduling, Words, action_words, clock, input_words

Sort: TypeAlias = Literal["turn", "input", "action"]

_MOST_TOLD: Final = 3
_WAKES: Final = ": wakes the workflow"
_UNHEARD: Final = ": the code hears nothing of it"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One event, retold.

    Attributes:
        seq: Its position.
        at: When it happened.
        sort: Whether it came from outside, was asked for by the code, or begins a turn.
        kind: What it is, in a word or two.
        about: What it concerns.
        value: Its payload, cut.
        did: What it did, in a sentence.
        turn: The turn it belongs to; 0 before the first.
        step: The event that it followed from within the turn; itself, if that came from outside.
        cause: The event that caused it: what scheduled a result, what made the code act.
        is_bad: Whether it tells of a failure.
    """

    seq: int
    at: datetime
    sort: Sort
    kind: str
    about: str
    value: str
    did: str
    turn: int
    step: int
    cause: int | None = None
    is_bad: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Some messages that the workflow took in together.

    Attributes:
        number: From 1.
        first: The position at which it begins.
        last: Its last position.
        at: When it was taken.
        sentence: Why it was taken, and what came of it.
    """

    number: int
    first: int
    last: int
    at: datetime
    sentence: str


class _TurnDraft:
    def __init__(self, number: int, first: int, at: datetime) -> None:
        self.number, self.first, self.last, self.at = number, first, first, at
        self.inputs: list[str] = []
        self.actions: list[str] = []


class Narrator:
    """Retells a history, event by event.

    Attributes:
        notes: One for each event so far.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._state = RuntimeState()
        self._scheduled: dict[int, tuple[Scheduling, int]] = {}
        self._turns: list[_TurnDraft] = []
        self._phrases: dict[int, str] = {}
        self._step = 0

    def apply(self, event: h.HistoryEvent) -> None:
        """Take in the next event."""
        seq = len(self.notes) + 1
        if isinstance(event, h.WorkflowStarted) or not self._turns:
            self._turns.append(_TurnDraft(len(self._turns) + 1, seq, event.at))
        turn = self._turns[-1]
        turn.last = seq
        match event:
            case h.WorkflowStarted():
                self._step = seq
                note = self._turn_note(event, seq, turn)
            case (
                h.ExecutionForked()
                | h.ExecutionStarted()
                | h.TaskCompleted()
                | h.TaskFailed()
                | h.TimerFired()
                | h.ChildWorkflowCompleted()
                | h.ChildWorkflowFailed()
                | h.EventRaised()
                | h.ExecutionSuspended()
                | h.ExecutionResumed()
                | h.ExecutionTerminated()
            ):
                self._step = seq
                note = self._input_note(event, seq, turn)
            case _:
                note = self._action_note(event, seq, turn)
        self.notes.append(note)
        self._state.apply(event)

    def turn(self, number: int) -> Turn:
        """A turn, by its number."""
        draft = self._turns[number - 1]
        return Turn(
            number=draft.number, first=draft.first, last=draft.last, at=draft.at, sentence=_sentence(draft)
        )

    def turns(self) -> tuple[Turn, ...]:
        """All turns so far."""
        return tuple(self.turn(number) for number in range(1, len(self._turns) + 1))

    def why(self, seq: int) -> str:
        """Why the workflow was awake at a position, in a sentence."""
        if not self.notes or seq < 1:
            return "It has not begun yet."
        note = self.notes[min(seq, len(self.notes)) - 1]
        if note.sort == "turn":
            draft = self._turns[note.turn - 1]
            return f"Turn {draft.number} was taken for {_listed(draft.inputs) or 'nothing that is recorded'}."
        source = self.notes[max(note.step, 1) - 1]
        phrase = self._phrases.get(source.seq)
        if phrase is None:
            return "Its history begins here."
        if source.kind in ("paused", "resumed", "forked", "rewound"):
            return f"It did not wake: {phrase} runs no code."
        return f"It woke for {phrase}, at {clock(source.at)}."

    # -- notes -----------------------------------------------------------------------------------

    def _turn_note(self, event: h.WorkflowStarted, seq: int, turn: _TurnDraft) -> Note:
        return Note(
            seq=seq,
            at=event.at,
            sort="turn",
            kind="turn",
            about=f"turn {turn.number}",
            value="",
            did=f"turn {turn.number} begins: the workflow's clock shows {clock(event.at)}",
            turn=turn.number,
            step=seq,
        )

    def _input_note(self, event: h.InputEvent | h.ExecutionForked, seq: int, turn: _TurnDraft) -> Note:
        i: int | None = getattr(event, "scheduled_id", None)
        scheduled, cause = self._found(i)
        words = input_words(event, scheduled, self._served(scheduled))
        turn.inputs.append(words.phrase)
        self._phrases[seq] = words.phrase
        return Note(
            seq=seq,
            at=event.at,
            sort="input",
            kind=words.kind,
            about=words.about,
            value=words.value,
            did=f"{words.phrase}{self._effect(event)}",
            turn=turn.number,
            step=seq,
            cause=cause,
            is_bad=words.is_bad,
        )

    def _effect(self, event: h.InputEvent | h.ExecutionForked) -> str:
        """What an input brought about."""
        match event:
            case h.ExecutionForked():
                return ": from here on its history is its own"
            case h.ExecutionStarted():
                return ": the workflow's code runs for the first time"
            case h.ExecutionSuspended():
                return ": nothing goes on until it is over"
            case h.ExecutionResumed():
                return ": the run goes on"
            case h.ExecutionTerminated():
                return ": its code is not asked"
            case h.EventRaised(name=name):
                wait = next(
                    (w for w in self._state.waits.values() if w.name.casefold() == name.casefold()), None
                )
                if wait is None:
                    return " arrives: nobody waits for it yet, and it is kept"
                return f" arrives for wait #{wait.id}{_WAKES}"
            case _ if not self._state.accepts(event):
                return " arrives late: nobody waits for it any more"
            case h.TimerFired():
                timer = self._state.timers[event.scheduled_id]
                return _UNHEARD if timer.purpose == "retry" else f" has come{_WAKES}"
            case _:
                return f" arrives{_WAKES}"

    def _action_note(self, event: h.ActionEvent, seq: int, turn: _TurnDraft) -> Note:
        i: int | None = getattr(event, "scheduled_id", None)
        scheduled, _ = self._found(i)
        own = event if isinstance(event, h.TimerCreated) else scheduled
        words = action_words(event, scheduled, self._served(own))
        did = words.phrase
        match event:
            case (
                h.TaskScheduled(id=i)
                | h.TimerCreated(id=i)
                | h.ChildWorkflowCreated(id=i)
                | h.EventSent(id=i)
            ):
                self._scheduled[i] = event, seq
            case h.EventWaitCreated(id=i, name=name):
                self._scheduled[i] = event, seq
                if any(kept.name.casefold() == name.casefold() for kept in self._state.buffered):
                    did += ", and takes the one that was kept"
            case _:
                pass
        if isinstance(event, h.TimerCreated) and event.purpose == "retry":
            self._not_heard_of("activity failure", "child failure")
        elif isinstance(event, h.EventRejected):
            self._not_heard_of("event")
        turn.actions.append(words.phrase)
        return self._noted(event, seq, turn, words, did)

    def _noted(self, event: h.ActionEvent, seq: int, turn: _TurnDraft, words: Words, did: str) -> Note:
        return Note(
            seq=seq,
            at=event.at,
            sort="action",
            kind=words.kind,
            about=words.about,
            value=words.value,
            did=did,
            turn=turn.number,
            step=self._step,
            cause=self._step or None,
            is_bad=words.is_bad,
        )

    def _not_heard_of(self, *kinds: str) -> None:
        """What came was dealt with before it reached the workflow's code."""
        if self._step and self.notes[self._step - 1].kind in kinds:
            note = self.notes[self._step - 1]
            did = note.did.removesuffix(_WAKES).removesuffix(_UNHEARD)
            self.notes[self._step - 1] = msgspec.structs.replace(note, did=f"{did}{_UNHEARD}")

    def _found(self, i: int | None) -> tuple[Scheduling | None, int | None]:
        return (None, None) if i is None else self._scheduled.get(i, (None, None))

    def _served(self, timer: Scheduling | None) -> Scheduling | None:
        return self._found(timer.for_id)[0] if isinstance(timer, h.TimerCreated) else None


def narrate(history: Iterable[h.HistoryEvent]) -> tuple[Note, ...]:
    """Retell a history: a note for each event."""
    return tuple(_told(history).notes)


def turns(history: Iterable[h.HistoryEvent]) -> tuple[Turn, ...]:
    """The turns of a history, each with a sentence."""
    return _told(history).turns()


def why(history: Sequence[h.HistoryEvent], seq: int) -> str:
    """Why the workflow was awake at a position, in a sentence."""
    return _told(history).why(seq)


def _told(history: Iterable[h.HistoryEvent]) -> Narrator:
    narrator = Narrator()
    for event in history:
        narrator.apply(event)
    return narrator


def _sentence(turn: _TurnDraft) -> str:
    before = turn.first - 1
    first = turn.number == 1
    begun = f"woken by {_listed(turn.inputs)}" if turn.inputs else "woken by nothing that is recorded"
    if first and turn.inputs:
        begun = f"begins with {_listed(turn.inputs)}"
    replayed = (
        "" if not before else f"; {before:,} event{'s' if before > 1 else ''} before it come from history"
    )
    count = len(turn.actions)
    if not count:
        return f"Turn {turn.number}: {begun}{replayed}; nothing new"
    things = "thing" if count == 1 else "things"
    return f"Turn {turn.number}: {begun}{replayed}; {count:,} new {things}: {_listed(turn.actions)}"


def _listed(phrases: list[str]) -> str:
    if len(phrases) > _MOST_TOLD + 1:
        return f"{', '.join(phrases[:_MOST_TOLD])} and {len(phrases) - _MOST_TOLD:,} more"
    return ", ".join(phrases)
