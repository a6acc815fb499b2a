"""What asyncio and anyio offer, each in a small workflow, with the verdict that docs/asyncio.md gives.

The workflows are in `asyncio_waiting`, `asyncio_tasks`, `asyncio_primitives`, `asyncio_refused`, `anyio_constructs` and `anyio_refused`. They are
imported by child processes on other interpreters, so they need nothing but nbflow and anyio.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from nbflow import activity, workflow
from nbflow.core import history as h
from nbflow.core.replay import replay
from tests.core.shapes import Shape, fetch
from tests.core.world import World, fired

Verdict = Literal["replayable", "replayable with a caveat", "refused"]
Library = Literal["asyncio", "anyio"]

MODULES: Final = (
    "asyncio_waiting",
    "asyncio_tasks",
    "asyncio_primitives",
    "asyncio_refused",
    "anyio_constructs",
    "anyio_refused",
)
CONSTRUCTS: dict[str, Construct] = {}


@activity
def slow(item: Any = None) -> Any: ...


@dataclass(frozen=True)
class Construct:
    """Something that a workflow may use, or not.

    Attributes:
        name: As the table has it.
        result: What its workflow returns, in the order of `Orderly`.
        says: What the error says, if it is refused.
        error: The error's class.
        since: The first Python that has it.
        other_order_on: The Python on which it takes its steps in another order.
    """

    name: str
    verdict: Verdict
    shape: Shape
    result: Any = None
    says: str = ""
    error: str = ""
    since: tuple[int, int] = (3, 11)
    other_order_on: str = ""

    @property
    def library(self) -> Library:
        return "anyio" if ".anyio_" in self.shape.code.function.__module__ else "asyncio"

    @property
    def is_here(self) -> bool:
        """Whether this interpreter has it."""
        return sys.version_info >= self.since


def replayable(
    name: str,
    result: Any,
    *,
    events: tuple[tuple[str, Any], ...] = (),
    caveat: bool = False,
    since: tuple[int, int] = (3, 11),
    other_order_on: str = "",
) -> Callable[[Any], Any]:
    """Takes a workflow function into the collection, for what it shows."""

    def take(function: Any) -> Any:
        shape = Shape(workflow(function), events)
        verdict: Verdict = "replayable with a caveat" if caveat else "replayable"
        _keep(Construct(name, verdict, shape, result=result, since=since, other_order_on=other_order_on))
        return function

    return take


def refused(
    name: str, says: str, *, error: str = "NotReplayableError", since: tuple[int, int] = (3, 11)
) -> Callable[[Any], Any]:
    """Takes a workflow function whose line marked ``# here`` is refused."""

    def take(function: Any) -> Any:
        _keep(Construct(name, "refused", Shape(workflow(function)), says=says, error=error, since=since))
        return function

    return take


def _keep(construct: Construct) -> None:
    assert construct.name not in CONSTRUCTS, f"two workflows show {construct.name}"
    CONSTRUCTS[construct.name] = construct


class Orderly(World):
    """A world in which one thing happens at a time: calls are answered in their order, then come
    events, then timers; only then `slow` calls are answered."""

    def turn(self, messages: Any = None) -> None:
        self.take(h.WorkflowStarted(at=self.now))
        for message in messages or self._next():
            self.take(message)
            self.handled.append(message)

    def _next(self) -> Iterator[h.InputEvent]:
        quick = [task for task in self.state.tasks.values() if task.name != "slow"]
        timers = sorted(self.state.timers.values(), key=lambda timer: (timer.fire_at, timer.id))
        if quick:
            yield self.result(quick[0])
        elif self.events:
            yield self.events.pop(0)
        elif timers:
            self.now = max(self.now, timers[0].fire_at)
            yield fired(timers[0])
        elif self.state.tasks:
            yield self.result(next(iter(self.state.tasks.values())))


def load() -> dict[str, Construct]:
    """All of them, by name."""
    for module in MODULES:
        import_module(f"tests.core.{module}")
    return CONSTRUCTS


def check_replayable(construct: Construct) -> None:
    """It gives what it ought to; every beginning of its history replays; and a warm run is a cold one."""
    history = Orderly(construct.shape, 0).play()
    end = history[-1]
    assert isinstance(end, h.ExecutionCompleted)
    assert end.failure is None, end.failure.stack_trace
    assert msgspec.json.decode(end.output or "") == construct.result
    check_replays(construct.shape, history)
    assert Orderly(construct.shape, 0, evict=1).play() == history
    for seed in range(1, 5):
        assert World(construct.shape, seed, evict=1).play() == World(construct.shape, seed).play()


def check_replays(shape: Shape, history: list[h.HistoryEvent]) -> None:
    """Every beginning of a history replays."""
    for length in range(1, len(history) + 1):
        replay(shape.code, history[:length], instance_id=f"{shape.name}-0", prefix=True).evict()


def check_refused(construct: Construct) -> None:
    """It fails the run with an error that says what to do, and where; and it can be caught."""
    history = Orderly(construct.shape, 0).play()
    check_replays(construct.shape, history)
    end = history[-1]
    assert isinstance(end, h.ExecutionCompleted)
    assert end.failure is not None, f"{construct.name} was not refused"
    assert (end.status, end.failure.type) == ("FAILED", construct.error), end.failure.stack_trace
    assert construct.says in end.failure.message
    attempt = construct.shape.code.function
    assert end.failure.frames[-1].text.endswith("# here"), end.failure.stack_trace
    assert end.failure.frames[-1].file == str(Path(attempt.__code__.co_filename))

    async def catches() -> list[Any]:
        told = []
        try:
            await attempt()
        except Exception as error:
            told += [type(error).__name__, construct.says in str(error)]
        return [*told, await fetch("went on")]

    check_replayable(
        replace(construct, shape=Shape(workflow(catches)), result=[construct.error, True, "went on"])
    )
