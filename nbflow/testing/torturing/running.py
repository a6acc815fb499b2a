"""In a child process: the run in a store goes on, on the real engine, until it has ended or the process has.

Time is virtual, and skipped whenever everything has settled.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Final, cast

import msgspec

from nbflow.core import history as h
from nbflow.core.divergence import describe_event, describe_input
from nbflow.core.operations import AppendHistory, Operation
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.definitions import ActivityDefinition
from nbflow.definitions.pins import pin_from_json
from nbflow.definitions.versions import Version
from nbflow.engine.clock import VirtualClock
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime import WorkflowRuntime
from nbflow.stores.duckdb import DuckDBStore
from nbflow.testing.torturing.answering import AnsweringExecutor
from nbflow.testing.torturing.orders import (
    DEATH,
    HISTORIES,
    Answer,
    Committed,
    GaveUp,
    Histories,
    News,
    Raised,
    Recorded,
    Rested,
    RunOrder,
)

_STEP: Final = 0.05


class MortalStore(DuckDBStore):
    """A store whose process ends right behind a commit: nothing that depends on it has happened yet.

    Args:
        path: The file.
        dies_after: Commits of history behind which that is; None: never.
        clock: Tells what time it is for the run.
        tell: Takes the news of each commit.
    """

    def __init__(
        self, path: str, *, dies_after: int | None, clock: VirtualClock, tell: Callable[[News], object]
    ) -> None:
        super().__init__(path)
        self._left = dies_after
        self._clock = clock
        self._tell = tell

    def commit(self, operations: Sequence[Operation]) -> int:
        lsn = super().commit(operations)
        appended = [event for one in operations if isinstance(one, AppendHistory) for event in one.events]
        if appended:
            self._tell(Committed(now=self._clock.now(), events=len(appended), what=_in_words(appended)))
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    os.kill(os.getpid(), DEATH)
        return lsn


def run(order: RunOrder, tell: Callable[[News], object]) -> News:
    """Go on with a run; gives the last news of it."""
    clock = VirtualClock(order.now)
    answers = HISTORIES.decode(Path(order.answers).read_bytes()).answers if order.answers else []
    executor = AnsweringExecutor(order.stubs, answers)
    runtime = WorkflowRuntime(
        store=MortalStore(order.store, dies_after=order.dies_after, clock=clock, tell=tell),
        clock=clock,
        executor=executor,
        definitions=[],
        cache_size=1000,
        forward_orphans=False,
    )
    for name in order.stubs:
        runtime.registry.add(ActivityDefinition(_stub, name=name))
    with runtime:
        if not order.answers:
            _check_code(runtime, {*order.needed} - {*order.stubs})
        runtime.call(executor.begin(runtime.skipper.still))
        return _Driving(runtime, clock, executor, order, tell).to_the_end()


class _Driving:
    """Moves a run on: events first, then time."""

    def __init__(
        self,
        runtime: WorkflowRuntime,
        clock: VirtualClock,
        executor: AnsweringExecutor,
        order: RunOrder,
        tell: Callable[[News], object],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._executor = executor
        self._order = order
        self._tell = tell
        self._events = {n: event for n, event in enumerate(order.events) if n not in order.given}

    def to_the_end(self) -> News:
        while True:
            if not self._settles():
                return GaveUp(why=self._runtime.skipper.standstill())
            records = self._runtime.read(_all_records)
            stalled = next((r for r in records if r.stall is not None), None)
            (root,) = (r for r in records if r.instance_id == self._order.instance_id)
            if stalled is None and not root.status.is_terminal and (self._raises(records) or self._skips()):
                continue
            if root.status.is_terminal or stalled is not None:
                self._write(root.status)
            return Rested(
                status=root.status,
                output=root.output,
                failure=str(root.failure) if root.failure is not None else "",
                stall=stalled.stall if stalled is not None else None,
                stalled=stalled.instance_id if stalled is not None else "",
                waits_for=tuple(dict.fromkeys(name for _, name in self._waits(records))),
            )

    def _settles(self) -> bool:
        try:
            self._runtime.skipper.settle(timeout=self._order.timeout)
        except TimeoutError:
            return False
        return True

    def _raises(self, records: Iterable[InstanceRecord]) -> bool:
        """Raise the first event that is given and waited for; tells whether there is one."""
        waits = self._waits(records)
        for index, (name, payload) in self._events.items():
            instance_id = next((run for run, wanted in waits if wanted.casefold() == name.casefold()), None)
            if instance_id is not None:
                del self._events[index]
                self._tell(Raised(index=index))
                self._runtime.client.raise_encoded_event(instance_id, name, payload).result()
                return True
        return False

    def _waits(self, records: Iterable[InstanceRecord]) -> list[tuple[str, str]]:
        """Runs and the names of the events that they wait for."""
        active = [record.instance_id for record in records if not record.status.is_terminal]
        histories = self._runtime.read(lambda store: [(run, store.read_history(run)) for run in active])
        return [
            (run, wait_.name)
            for run, history in histories
            for wait_ in RuntimeState.of(history).waits.values()
        ]

    def _skips(self) -> bool:
        """Let time go on to what is due next; tells whether there is something."""
        began = self._clock.now()
        skip = self._runtime.skipper.skip_until(lambda: self._clock.now() > began)
        end = time.monotonic() + self._order.timeout
        while not skip.done() and time.monotonic() < end:
            wait([skip], _STEP)
        if not skip.done():
            skip.cancel()
            return True  # the next settling says what it waits for
        skip.result()
        return self._clock.now() > began

    def _write(self, status: RuntimeStatus) -> None:
        executions = self._runtime.read(_executions)
        places = self._executor.handed_out
        answers = sorted(_answers(executions), key=lambda a: places.get((a.call, a.attempt), -1))
        whole = Histories(status=status, executions=executions, answers=answers)
        Path(self._order.histories).write_bytes(msgspec.json.encode(whole))


def _check_code(runtime: WorkflowRuntime, names: set[str]) -> None:
    """Make the code that is needed; raises CodeNotRestoredError for what can't be made here."""
    for record in runtime.read(lambda store: store.list_definitions()):
        if record.name in names and record.pin:
            Version(record.code_hash, None, pin_from_json(record.pin), threading.RLock()).made()


def _stub() -> None:
    raise AssertionError("an activity with a stub is answered for, and never runs")


def _all_records(store: HistoryStore) -> list[InstanceRecord]:
    return store.list_instances(InstanceFilter())


def _executions(store: HistoryStore) -> list[Recorded]:
    return [
        Recorded(
            instance_id=record.instance_id,
            execution_id=execution_id,
            name=record.name,
            events=store.read_history(record.instance_id, execution_id),
        )
        for record in _all_records(store)
        for execution_id in store.list_executions(record.instance_id)
    ]


def _answers(executions: Iterable[Recorded]) -> list[Answer]:
    found: list[Answer] = []
    for recorded in executions:
        calls = {event.id: event for event in recorded.events if isinstance(event, h.TaskScheduled)}
        for event in recorded.events:
            if isinstance(event, (h.TaskCompleted, h.TaskFailed)):
                call = calls[event.scheduled_id]
                found.append(
                    Answer(
                        call=f"{recorded.instance_id}:{recorded.execution_id}:{call.task_id}",
                        attempt=call.attempt,
                        name=call.name,
                        input=call.input,
                        event=event,
                    )
                )
    return found


def _in_words(events: Sequence[h.HistoryEvent]) -> str:
    inputs = [e for e in events if not isinstance(e, (*h.ACTION_KINDS, h.WorkflowStarted))]
    if inputs:
        return describe_input(inputs[-1])
    return describe_event(cast("h.ActionEvent", events[-1])) if events else ""
