"""What goes between a torture and its child processes: one JSON object a line, orders in, news out."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus, Stall

DEATH: Final = getattr(signal, "SIGKILL", signal.SIGTERM)
"""What ends a process behind a commit: it can't be caught, and nothing is put in order before."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an attempt of an activity in the first run, for the runs after it.

    Attributes:
        call: The idempotency key of the call.
        attempt: Which attempt of it.
        name: The activity.
        input: What it was called with.
        event: What came of it.
    """

    call: str
    attempt: int
    name: str
    input: str
    event: h.TaskCompleted | h.TaskFailed


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The history of one execution.

    Attributes:
        instance_id: Whose.
        execution_id: Which execution.
        name: Its workflow.
        events: From the first.
    """

    instance_id: str
    execution_id: str
    name: str
    events: list[h.HistoryEvent]


class Histories(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run came to, as a file.

    Attributes:
        status: Of the run itself.
        executions: Of the run and of its children, by the time of their beginning.
        answers: What activities answered, in that order.
    """

    status: RuntimeStatus
    executions: list[Recorded]
    answers: list[Answer]


class RunOrder(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """Go on with the run in a store until it has ended, or until the process dies.

    Attributes:
        store: The store's file.
        modules: Files of modules, by name.
        instance_id: The run.
        now: What time it is.
        events: Those to raise, in order: name and payload.
        given: Which of them were raised before.
        needed: Names of workflows and activities that must be there before anything runs.
        stubs: What activities answer that don't run: JSON by name.
        answers: The file with the answers of before; empty in the first run.
        histories: The file to write, once it has ended.
        dies_after: Commits of history behind which the process is ended; None: it isn't.
        timeout: Seconds of real time for each thing that is waited for.
    """

    store: str
    modules: dict[str, str]
    instance_id: str
    now: datetime
    events: list[tuple[str, str]]
    given: list[int]
    needed: list[str]
    stubs: dict[str, str]
    answers: str
    histories: str
    dies_after: int | None
    timeout: float


class ReplayOrder(msgspec.Struct, frozen=True, kw_only=True, tag="replay"):
    """Replay recorded histories against the code that a store keeps.

    Attributes:
        store: The store's file: the code is there.
        modules: Files of modules, by name.
        histories: The files with the histories.
        noise: Decides on addresses and on the moments of the garbage collector.
        prefixes: How many beginnings of each history are replayed beside the whole.
        only: The execution that is replayed; None: all.
    """

    store: str
    modules: dict[str, str]
    histories: list[str]
    noise: int
    prefixes: int
    only: str | None = None


class Raised(msgspec.Struct, frozen=True, kw_only=True, tag="raised"):
    """An event is about to be raised.

    Attributes:
        index: Which of those in the order.
    """

    index: int


class Committed(msgspec.Struct, frozen=True, kw_only=True, tag="committed"):
    """Something was written.

    Attributes:
        now: At what time of the run.
        events: How many events of history.
        what: The last that came from outside, in words.
    """

    now: datetime
    events: int
    what: str


class Rested(msgspec.Struct, frozen=True, kw_only=True, tag="rested"):
    """The run has ended, or nothing moves it on.

    Attributes:
        status: Its status.
        output: What it returned, as JSON.
        failure: What it raised, in words.
        stall: Why it, or a child of it, can't go on.
        stalled: Who that is.
        waits_for: Names of events that it or a child waits for.
    """

    status: RuntimeStatus
    output: str | None = None
    failure: str = ""
    stall: Stall | None = None
    stalled: str = ""
    waits_for: tuple[str, ...] = ()


class GaveUp(msgspec.Struct, frozen=True, kw_only=True, tag="gave up"):
    """It takes too long.

    Attributes:
        why: In words.
    """

    why: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True, tag="replayed"):
    """Everything fits.

    Attributes:
        count: How many replays that were.
    """

    count: int


class Diverged(msgspec.Struct, frozen=True, kw_only=True, tag="diverged"):
    """A replay doesn't fit.

    Attributes:
        instance_id: Whose history.
        execution_id: Of which execution.
        name: Its workflow.
        stall: The report.
        hint: What the lint says of the code near the line, if anything.
        count: How many replays did fit before it.
    """

    instance_id: str
    execution_id: str
    name: str
    stall: Stall
    hint: str
    count: int


class Broke(msgspec.Struct, frozen=True, kw_only=True, tag="broke"):
    """The process could not do what it was told.

    Attributes:
        error: Why, in a line.
    """

    error: str


Order: TypeAlias = RunOrder | ReplayOrder
News: TypeAlias = Raised | Committed | Rested | GaveUp | Replayed | Diverged | Broke

ORDERS: Final = msgspec.json.Decoder[Order](Order)
NEWS: Final = msgspec.json.Decoder[News](News)
HISTORIES: Final = msgspec.json.Decoder(Histories)
