"""Moments and notes as plain JSON: what the card asks for, and what an exported page holds.

Lists instead of objects, where there are many: the order of their members stands in the docstrings.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from nbflow.definitions import Listing
from nbflow.views.divergence.messages import divergence_message
from nbflow.views.excerpts import tame
from nbflow.views.replay.moments import Branch, Call, Frame, Local, Moment, Problem
from nbflow.views.replay.narrative import Narrator, Note

Json: TypeAlias = dict[str, Any]

_CELL: Final = re.compile(r"ipykernel_\d+[/\\]|^<ipython-input-|^Cell In")
_FOLDERS: Final = re.compile(r".*[/\\]")


def file_label(file: str) -> str:
    """What a person calls a file: its name, or that it is a cell."""
    return "a cell" if _CELL.search(file) else tame(_FOLDERS.sub("", file))


def moment_message(moment: Moment) -> Json:
    """A moment; all positions of a step have the same but for ``seq``."""
    return {
        "seq": moment.seq,
        "first": moment.first,
        "last": moment.last,
        "state": moment.state,
        "words": moment.words,
        "branches": [_branch(branch) for branch in moment.branches],
        "ended": list(moment.ended),
        "calls": [_call(call) for call in moment.calls],
        "problem": None if moment.problem is None else _problem(moment.problem),
        "more": moment.more,
    }


def _branch(branch: Branch) -> Json:
    return {
        "number": branch.number,
        "name": branch.name,
        "waits": branch.waits,
        "ids": list(branch.ids),
        "isNew": branch.is_new,
        "frames": [_frame(frame) for frame in branch.frames],
    }


def _frame(frame: Frame) -> Json:
    return {
        "function": tame(frame.function),
        "file": file_label(frame.file),
        "line": frame.line,
        "source": frame.source,
        "isOwn": frame.is_own,
        "locals": [_local(local) for local in frame.variables],
    }


def _local(local: Local) -> list[Any]:
    """Name, value, whether there is more of it, change, value before."""
    return [tame(local.name), local.text, local.is_cut, local.change, local.was]


def _call(call: Call) -> list[Any]:
    """Position of the action, line, whether that is one of the listing, file."""
    return [call.seq, call.line, call.is_own, file_label(call.file)]


def _problem(problem: Problem) -> Json:
    parting = problem.divergence
    return {
        "words": problem.words,
        "seq": problem.seq,
        "expected": None if problem.expected is None else tame(problem.expected),
        "actual": None if problem.actual is None else tame(problem.actual),
        "line": problem.line,
        "parting": None if parting is None else divergence_message(parting, problem.instance_id),
    }


def events_message(narrator: Narrator, start: int, count: int) -> Json:
    """A page of the event table: the notes from a place on (0 is the first), and the turns that they belong to."""
    notes = narrator.notes[start : start + count]
    numbers = sorted({note.turn for note in notes})
    turns = {str(number): narrator.turn(number) for number in numbers}
    return {
        "total": len(narrator.notes),
        "start": start,
        "events": [_note(note) for note in notes],
        "turns": {number: [turn.first, turn.last, turn.sentence] for number, turn in turns.items()},
    }


def _note(note: Note) -> list[Any]:
    """Position, time, sort, kind, about, value, what it did, turn, step, cause, whether it is bad."""
    return [
        note.seq,
        int(note.at.timestamp() * 1000),
        note.sort,
        note.kind,
        note.about,
        note.value,
        note.did,
        note.turn,
        note.step,
        note.cause,
        note.is_bad,
    ]


def listing_message(listing: Listing, name: str) -> Json:
    """The workflow's source, line by line."""
    lines = listing.text.rstrip("\n").split("\n")
    return {
        "name": tame(name),
        "label": listing.label or file_label(listing.file),
        "first": listing.first_line,
        "lines": [tame(line.expandtabs(4)) for line in lines],
    }
