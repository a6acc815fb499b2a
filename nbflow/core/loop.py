"""The deterministic asyncio loop that workflow code runs on.

Plain asyncio code is durable because this loop makes its order repeatable: the
same events, fed in the same order, run the same steps in the same order, in any
process and at any time. Four things make it so (semantics S73 to S78):

* *Nothing runs by itself.* The loop is drained by its owner, after each event,
  until nothing is ready; time moves only when its owner moves it.
* *Numbers, not addresses.* asyncio keeps tasks in sets. Tasks and futures of
  this loop hash by a number of the loop, so sets of them iterate alike.
* *Later is durable.* ``call_at`` becomes a durable timer, so `asyncio.sleep`,
  `asyncio.timeout` and anyio's deadlines all survive.
* *What can't repeat is refused.* Threads, sockets, files and subprocesses raise
  `NotReplayableError`.

The loop lives in the thread of whoever drains it, and only while it is drained.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from itertools import takewhile
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack, cast
from weakref import WeakValueDictionary

from nbflow.core.callers import (
    NUMBERED,
    WAITS,
    calling_frame,
    check_no_set_of_coroutines,
    check_waits,
    gathering_of,
)
from nbflow.core.cancellations import Cancellations
from nbflow.core.futures import (
    REDELIVERY,
    LoopOverrunError,
    LoopOwner,
    Redelivery,
    WorkflowFuture,
    WorkflowHandle,
    WorkflowTask,
)
from nbflow.core.refusals import ReplayableLoop
from nbflow.core.unwinding import close_generator, is_collected, unwind
from nbflow.errors import Evicted, NotReplayableError

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

LOOP_RULES: Final = 1
"""Version of the order in which this loop runs things; stored histories name it (S75)."""

MAX_STEPS: Final = 2_000_000
"""Steps that one drain may take before it counts as a loop that never rests."""

MAX_MADE: Final = 100_000
"""Tasks and futures that count as progress: more than a history may hold are no sign of any."""

_SOME: Final = 1_000  # callbacks that have run are in the queue until there are so many
MAX_REFUSALS: Final = 1_000
"""How often code may swallow `Evicted` before it gets its way, which is to wait for ever."""


class WorkflowLoop(ReplayableLoop):
    """An event loop without threads, selectors or a clock of its own.

    Args:
        owner: Tells the time and makes durable timers.

    Attributes:
        frozen: True once the code that it ran has been unwound.
        steps: How many callbacks it has run, and how many tasks it has unwound.
        is_looked_at: True while somebody looks at the values of its code.
        ignored: How much of what code asked for was refused or dropped, since the loop was frozen.
    """

    def __init__(self, owner: LoopOwner) -> None:
        self.owner = owner
        self.frozen = False
        self.steps = 0
        self.is_looked_at = False
        self.ignored = 0
        self._numbers = 0
        self._gatherings: int = 0
        self._refusals: int = 0
        # One of thousands, most at rest: what is empty is nothing at all.
        self._ready: list[asyncio.Handle] | None = None
        self._redelivering = False
        self._again: list[asyncio.Handle] | None = None
        self._resting: list[asyncio.Handle] | None = None
        self._cancellations: Cancellations | None = None
        self._first: WorkflowTask[Any] | None = None
        self._others: dict[int, WorkflowTask[Any]] | None = None
        self._generators: WeakValueDictionary[int, Any] | None = None
        self._dropped: list[Any] | None = None
        self._running = False

    @property
    def progress(self) -> int:
        """What grows for as long as the code gets on; asked for by another thread."""
        return self.steps + min(self._numbers, MAX_MADE)

    def next_number(self) -> int:
        """Count the tasks and futures of this loop."""
        self._numbers += 1
        return self._numbers

    # -- what asyncio and anyio call --------------------------------------------------------

    def time(self) -> float:
        return self.owner.loop_time()

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self.frozen:
            self.ignored += 1
            return asyncio.Handle(callback, args, self, context)
        if not self._running and isinstance(asyncio._get_running_loop(), WorkflowLoop):
            raise NotReplayableError(
                "this belongs to another run: an event, a lock or a future that two runs share can't be replayed; "
                "raise an event for the other run, or put it in an activity"
            )
        if getattr(callback, "__name__", "") == REDELIVERY:
            handle = Redelivery(callback, args, self, context)
            if self._redelivering:
                self._again = _with(self._again, handle)
                return handle
        else:
            handle = asyncio.Handle(callback, args, self, context)
        self._ready = _with(self._ready, handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = WorkflowHandle(when, callback, args, self, context)
        if when <= self.time():
            self.call_soon(handle.run)
        elif when != math.inf:  # for ever, as anyio.sleep_forever() has it, needs no timer
            handle.timer = self.owner.create_loop_timer(when, handle.fire)
        return handle

    def create_future(self) -> WorkflowFuture[Any]:
        caller = calling_frame(1)
        if caller.f_code.co_name in WAITS:
            check_waits(caller, self)
        return WorkflowFuture(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        context: Context | None = None,
        **_options: Any,
    ) -> WorkflowTask[_T]:
        """Make a task of a coroutine, or of a `DurableTask`, which a TaskGroup would refuse otherwise."""
        if isinstance(coro, asyncio.Future):
            coro = _await(cast("asyncio.Future[_T]", coro))
        else:
            try:
                check_no_set_of_coroutines(calling_frame(1))
            except NotReplayableError:
                coro.close()
                raise
        if self.frozen:
            coro.close()
            self.refuse()
        task = WorkflowTask(cast("Coroutine[Any, Any, _T]", coro), loop=self, name=name, context=context)
        if self._first is None and self._others is None:
            self._first = task
        elif self._others is None:
            self._others = {task.number: task}
        else:
            self._others[task.number] = task
        task.add_done_callback(_forget, context=task.variables)  # else it is a copy, for each task
        return task

    def get_debug(self) -> bool:
        """Say no. Each future asks this when it is made: those of asyncio.gather get their number here."""
        caller = calling_frame(1)
        if caller.f_code.co_filename not in NUMBERED and (gathering := gathering_of(caller)) is not None:
            self._gatherings -= 1  # below zero, so that the numbers of tasks go on as they are
            gathering.number = self._gatherings
        return False

    def is_running(self) -> bool:
        return self._running

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what a callback raised; what a branch raises reaches the author where it is awaited."""
        error = context.get("exception")
        if "handle" in context and isinstance(error, Exception):
            self.owner.callback_failed(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: `WorkflowHandle.cancel` has done all there is, where asyncio's loops count."""

    # -- what the execution calls -----------------------------------------------------------

    def drain(self, until: Callable[[], bool]) -> None:
        """Run what is ready until nothing is, or until ``until()`` says that it is enough.

        Raises:
            LoopOverrunError: The code never comes to rest.
        """
        limit = self.steps + MAX_STEPS
        if self._cancellations is not None:
            self._cancellations.begin()
        ready, position = self._ready or [], 0
        self._ready = ready
        before = self._enter()
        try:
            if self._resting:
                ready.extend(self._resting)
                self._resting = None
            while position < len(ready) and not until():
                handle = ready[position]
                position += 1
                if position == _SOME:
                    ready[:position], position = (), 0
                self.steps += 1
                if self.steps > limit:
                    raise LoopOverrunError(_coroutine_of(handle))
                if not handle.cancelled():
                    self._step(handle, ready)
        finally:
            del ready[:position]
            self._ready = ready or None
            self._leave(before)

    def collect_cancellation(self, task: WorkflowTask[Any], msg: Any) -> bool:
        """Keep one of anyio's cancellations until the present step ends, then deliver them by number."""
        if self._cancellations is None:
            self._cancellations = Cancellations()
        self._cancellations.collect(task, msg)
        return True

    def pending_tasks(self, after: int = 0) -> list[WorkflowTask[Any]]:
        """Tasks that are not done, oldest first: the branches of the workflow; those numbered above ``after``."""
        newest = takewhile(lambda task: task.number > after, reversed(self._tasks()))
        return [task for task in newest if not task.done()][::-1]

    def refuse(self) -> None:
        """Raise `Evicted`: the code is being unwound, and nothing that it does counts.

        Code that catches even that, in a loop, would never give control back; in the end this
        returns, and what the code asked for is something that never comes.
        """
        self._refusals += 1
        self.ignored += 1
        if self._refusals < MAX_REFUSALS:
            raise Evicted

    @contextmanager
    def looked_at(self) -> Generator[None]:
        """Enter the loop while its code rests, frozen: what a repr does in here changes nothing."""
        kept = self.frozen, self._numbers, self._gatherings, self._refusals
        self.frozen = self.is_looked_at = True
        try:
            with self._entered():
                yield
        finally:
            self.is_looked_at = False
            self.frozen, self._numbers, self._gatherings, self._refusals = kept

    def freeze(self) -> None:
        """Unwind every coroutine and async generator that is left, inside this loop (S76).

        Their ``finally`` blocks run as plain Python; whatever they ask of the workflow
        raises `Evicted`. Afterwards nothing is left to the garbage collector.
        """
        self.frozen = True
        if self._ready is not None:
            self._ready.clear()
        self._ready = self._resting = None
        with self._entered():
            for task in reversed(self._tasks()):
                if not task.done():
                    self._unwind(task)
            begun = list(self._generators.values()) if self._generators is not None else []
            dropped, self._dropped = self._dropped, None
            for generator in [*reversed(begun), *(dropped or ())]:
                close_generator(generator)
        self._first = self._others = self._dropped = None

    def _unwind(self, task: WorkflowTask[Any]) -> None:
        self.steps += 1
        asyncio.tasks._enter_task(self, task)
        try:
            task.variables.run(unwind, task.get_coro())
        finally:
            asyncio.tasks._leave_task(self, task)

    def _step(self, handle: asyncio.Handle, ready: list[asyncio.Handle]) -> None:
        self._redelivering = isinstance(handle, Redelivery)
        try:
            handle._run()
        except SystemExit:
            pass  # the task that raised it has it as its outcome; the process isn't the workflow's to end
        delivered = self._cancellations.deliver() if self._cancellations else False
        if self._redelivering:
            # One that brought nothing new rests, and would bring nothing new until other code has run.
            self._redelivering = False
            again, self._again = self._again or (), None
            if delivered:
                ready.extend(again)
            else:
                self._resting = [*(self._resting or ()), *again] or None
        elif self._resting:
            ready.extend(self._resting)
            self._resting = None

    def _tasks(self) -> list[WorkflowTask[Any]]:
        """Those that were not forgotten, oldest first."""
        first = [self._first] if self._first is not None else []
        return [*first, *self._others.values()] if self._others is not None else first

    def forget(self, task: WorkflowTask[Any]) -> None:
        """Let go of a task that is done."""
        if task is self._first:
            self._first = None
        elif self._others is not None:
            self._others.pop(task.number, None)
            self._others = self._others or None

    @contextmanager
    def _entered(self) -> Generator[None]:
        before = self._enter()
        try:
            yield
        finally:
            self._leave(before)

    def _enter(self) -> tuple[Any, Any]:
        """Become the running loop; gives what was before."""
        before = sys.get_asyncgen_hooks(), asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        sys.set_asyncgen_hooks(self._generator_started, self._generator_dropped)
        self._running = True
        return before

    def _leave(self, before: tuple[Any, Any]) -> None:
        hooks, loop = before
        self._running = False
        sys.set_asyncgen_hooks(*hooks)
        asyncio._set_running_loop(loop)

    def _generator_started(self, generator: Any) -> None:
        self._generators = self._generators or WeakValueDictionary()
        self._generators[self.next_number()] = generator

    def _generator_dropped(self, generator: Any) -> None:
        # Dropped by its last reference in a step of ours: closed as asyncio does it, which repeats.
        # Found by the garbage collector, at a moment that doesn't repeat: kept until `freeze`.
        if asyncio._get_running_loop() is self and not self.frozen and not is_collected(generator):
            self.create_task(generator.aclose())
        else:
            self._dropped = _with(self._dropped, generator)


async def _await(future: asyncio.Future[_T]) -> _T:
    return await future


def _with(handles: list[_T] | None, handle: _T) -> list[_T]:
    if handles is None:
        return [handle]
    handles.append(handle)
    return handles


def _forget(task: asyncio.Future[Any]) -> None:
    cast("WorkflowTask[Any]", task).workflow_loop.forget(cast("WorkflowTask[Any]", task))


def _coroutine_of(handle: asyncio.Handle) -> Any:
    task: object = getattr(handle._callback, "__self__", None)
    return cast("WorkflowTask[Any]", task).get_coro() if isinstance(task, WorkflowTask) else None
