"""An instance as the engine has it in memory: its row, its messages, the turn that is under way.

One instance never has two turns under way, nor one whose commit is not done; what
arrives meanwhile waits in `Instance.messages`. Everything here is used on the
engine's loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Final, TypeAlias

from nbflow.core.history import ExecutionStarted, ExecutionTerminated, HistoryEvent
from nbflow.core.operations import InboxRow, Operation, PutInbox, PutInstance
from nbflow.core.outbox import Descendant, Outgoing
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.transition import CONTROLS, WAKES_SUSPENDED
from nbflow.errors import StoreError

Settle: TypeAlias = Callable[[Exception | None], None]
"""Told once what became of a request: None if all is well."""


MOST_AT_ONCE: Final = 500
"""Messages that one turn takes."""

MOST_OF_A_GENERATION: Final = 50
"""The same of a run that has continued as new, and will do so again: what it leaves over, the next looks at anew."""

_RESTING: Final = (RuntimeStatus.SUSPENDED, RuntimeStatus.STALLED)


class EndedMeanwhileError(Exception):
    """The run that was to be replaced has ended by itself: its ID has become free."""


@dataclass(eq=False, slots=True)
class Message:
    """A message on its way: its row, and what is owed for it.

    Attributes:
        row: What the store would hold.
        birth: For the message that starts a run, the run's row, which is written with it.
        is_fresh: Whether that run's ID was made up just now.
        outgoing: Messages for other instances that are written with it.
        replacement: For the end of a run whose ID is wanted: the start of the run that takes its place in
            the same commit.
        must_keep: Whether the store has to hold it until it is consumed. An activity's result need
            not be held for as long as a turn will take it at once: the activity would run again.
        keep_at: Loop time at which it is written down if no turn has consumed it by then.
        is_written: Whether it is being written by itself: that commit decides what becomes of it.
        stored: Whether the store holds it.
        settle: Told once the message is durable; gets an error if it could not be made so.
    """

    row: InboxRow
    birth: InstanceRecord | None = None
    is_fresh: bool = False
    outgoing: Sequence[Outgoing] = ()
    replacement: Message | None = None
    must_keep: bool = True
    keep_at: float = 0.0
    is_written: bool = False
    stored: bool = False
    settle: Settle | None = None

    @property
    def birth_operations(self) -> list[Operation]:
        """What has to be written before anything else about a run that starts."""
        if self.birth is None:
            return []
        return [
            PutInstance(record=self.birth, is_new=self.is_fresh),
            *(put for out in self.outgoing for put in out.operations),
        ]

    @property
    def keep_operations(self) -> list[Operation]:
        """What makes the message durable, for a message of an instance that has its row."""
        return [] if self.stored or self.replacement is not None else [PutInbox(row=self.row)]

    def settled(self, error: Exception | None = None) -> None:
        """Tell whoever waits for the message's fate, once."""
        settle, self.settle = self.settle, None
        if settle is not None:
            settle(error)


@dataclass(eq=False, slots=True)
class Instance:
    """One instance.

    Attributes:
        instance_id: Whose.
        is_held: Whether it waits for its owner's word since the store was opened.
        record: Its row as it was committed last, or as it is about to be for a run that starts.
        is_known: Whether the row was looked for: without a record there is no such instance then.
        messages: What waits for a turn, in order of delivery.
        turn: The messages of the turn that is under way; None if there is none.
        is_warm: Whether the live execution is in memory. Taken out of it only between turns.
        payloads: Bytes of the payloads that this has had, as far as they were counted.
        family: Its nearest descendants that have not ended, once they are read for a message that may end
            them too.
        history: The history for the next turn of an execution that is not in memory, once it is read.
        unreadable: Why its history can't be read.
        is_unreadable: Whether it could not be when it was wanted last.
        is_loading: Whether row and history are being read.
        is_starting: Whether its start, which is for later, is being written: until then there is no such run.
        is_resting: Whether a turn that could not be written waits before it is tried again.
        failures: How many commits failed since the last that succeeded.
        retry: Whether to try a stalled run again.
        adopts: The version of its code that the next try is to go on with; None: the pinned one.
        recorded_source: For a stalled run, the text of the pinned one as the store keeps it.
        is_trying: Whether the turn under way is such a try.
        trying: Who waits for the outcome of the one that is under way.
        keeping: Whether the engine looks again once messages are to be written down.
        awaited: How many requests wait for its row.
    """

    instance_id: str
    is_held: bool = False
    record: InstanceRecord | None = None
    is_known: bool = False
    messages: list[Message] = field(default_factory=list[Message])
    turn: list[Message] | None = None
    is_warm: bool = False
    payloads: int = 0
    history: list[HistoryEvent] | None = None
    unreadable: StoreError | None = None
    is_unreadable: bool = False
    family: list[Descendant] | None = None
    is_loading: bool = False
    is_starting: bool = False
    is_resting: bool = False
    failures: int = 0
    retry: bool = False
    adopts: str | None = None
    recorded_source: str | None = None
    is_trying: bool = False
    trying: Sequence[Settle] = ()
    keeping: bool = False
    awaited: int = 0
    _tried: list[Settle] | None = None

    @property
    def tried(self) -> list[Settle]:
        """Who waits for the outcome of the next try."""
        if self._tried is None:
            self._tried = []
        return self._tried

    @property
    def is_busy(self) -> bool:
        """Whether no turn can begin now."""
        return self.turn is not None or self.is_loading or self.is_starting or self.is_resting

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done for it."""
        return not (self.is_busy or self.messages or self.retry or self.awaited)

    @property
    def is_undecided(self) -> bool:
        """Whether a stalled run is tried again, so that its status is about to be told anew."""
        return self.retry or self.is_trying

    @property
    def is_loaded(self) -> bool:
        """Whether all is there that a turn needs."""
        return self.is_warm or self.history is not None or self.unreadable is not None

    @property
    def may_end_family(self) -> bool:
        """Whether the next turn is to end it together with its descendants."""
        if not (self.messages and self.has((ExecutionTerminated,))):
            return False
        events = (message.row.event for message in self._upcoming())
        return any(isinstance(event, ExecutionTerminated) and event.recursive for event in events)

    @property
    def may_do_without_code(self) -> bool:
        """Whether there is something in the next turn that needs no code."""
        return any(isinstance(message.row.event, CONTROLS) for message in self._upcoming())

    @property
    def takes_messages(self) -> bool:
        """Whether what arrives is taken soon, as far as is known; if not, it is kept for as long as its owner likes."""
        rests = self.record is not None and self.record.status in _RESTING
        return not (rests or self.is_held)

    @property
    def begins(self) -> bool:
        """Whether a run has begun here, or is about to, that may not be in the store yet."""
        is_active = self.record is not None and not self.record.status.is_terminal
        return is_active or self.has((ExecutionStarted,))

    def has(self, kinds: tuple[type, ...]) -> bool:
        """Whether a message of one of these kinds waits."""
        return any(isinstance(message.row.event, kinds) for message in self.messages)

    def is_ready(self) -> bool:
        """Whether there is something for a turn to do."""
        if self.record is None or self.record.status.is_terminal:
            return False
        if self.is_held:
            return self.has((ExecutionTerminated,))
        match self.record.status:
            case RuntimeStatus.SUSPENDED:
                return self.retry or self.has(WAKES_SUSPENDED)
            case RuntimeStatus.STALLED:
                return self.retry or any(map(self._may_help, self.messages))
            case _:
                return self.retry or not all(map(self._waits_for_the_end, self.messages))

    def _may_help(self, message: Message) -> bool:
        """Whether a stalled run can take a message; not again, if its history can't be read."""
        in_vain = self.is_unreadable and message.stored
        return isinstance(message.row.event, CONTROLS) and not in_vain

    def _waits_for_the_end(self, message: Message) -> bool:
        """Whether a message is the start of another run, which no turn of this one can take."""
        execution_id = self.record.execution_id if self.record is not None else None
        return isinstance(message.row.event, ExecutionStarted) and message.row.execution_id != execution_id

    def _window(self) -> int | None:
        """How many messages the next turn looks at; None: all, since what it waits for may be the last."""
        record = self.record
        if record is None or not self.takes_messages:
            return None
        return MOST_AT_ONCE if record.generation == 0 else MOST_OF_A_GENERATION

    def _upcoming(self) -> Iterable[Message]:
        """What the next turn looks at."""
        own = (message for message in self.messages if not self._waits_for_the_end(message))
        return islice(own, self._window())

    def begin_turn(self, *, controls_only: bool) -> list[Message]:
        """Take the messages of a turn: those that it looks at, or what of them needs no code."""
        turn: list[Message] = []
        rest: list[Message] = []
        window = self._window()
        left = len(self.messages) if window is None else window
        looked_at = 0
        for message in self.messages:
            if left <= 0:
                break
            looked_at += 1
            if self._waits_for_the_end(message):
                rest.append(message)
                continue
            left -= 1
            waits = controls_only and not isinstance(message.row.event, CONTROLS)
            (rest if waits else turn).append(message)
        self.messages[:looked_at] = rest
        self.turn = turn
        self.is_trying, self.retry = self.retry, False
        if self.is_trying:
            self.trying, self._tried = self._tried or (), None
        return turn

    def refuse_replacement(self, error: StoreError) -> None:
        """Tell those who want the run under way replaced that it can't be, since it can't be ended."""
        wishes = [message for message in self.turn or () if message.replacement is not None]
        self.turn = [message for message in self.turn or () if message.replacement is None]
        for message in wishes:
            message.settled(error)

    def end_turn(self, rest: Sequence[Message], *, in_vain: bool = False) -> list[Settle]:
        """Put back what the turn didn't consume, in front of what came meanwhile.

        Args:
            rest: The messages.
            in_vain: Whether the turn could not be written and is to be taken again.

        Returns:
            Who waits for the outcome of the try, if the turn was one.
        """
        starts = [*takewhile(self._waits_for_the_end, self.messages)]
        for start in starts:
            self.messages.remove(start)
        self.messages[:0] = [*starts, *rest]  # starts are always first
        self.turn = None
        if not self.is_trying:
            return []
        self.is_trying, self.retry = False, self.retry or in_vain
        if not self.retry:
            self.adopts = None
        tried, self.trying = [*self.trying], ()
        return tried

    def give_up_try(self) -> list[Settle]:
        """Try the run no more; gives who waits for the outcome."""
        self.retry, self.adopts = False, None
        tried, self.trying, self._tried = [*self.trying, *(self._tried or ())], (), None
        return tried

    def forget(self) -> None:
        """Have the row read again: what is known of it may be wrong."""
        self.record, self.is_known = None, False
        self.history, self.unreadable, self.family = None, None, None
