"""Moments that a test holds on to: a commit or a read that stands still, and a crash behind every commit."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from nbflow import ReuseIdPolicy
from nbflow.core.history import HistoryEvent
from nbflow.core.operations import AppendHistory, Operation, PutDefinition, PutInbox
from nbflow.engine.starting import StartRequest
from nbflow.errors import RuntimeClosedError, StoreError
from tests.engine.worlds import PATIENCE, World, always_fails, never_fails, wait_for

Fits = Callable[[Sequence[Operation]], bool]


def appends(operations: Sequence[Operation], instance_id: str, kind: type[HistoryEvent]) -> bool:
    """Whether a commit appends an event of some kind to an instance's history."""
    return any(
        isinstance(o, AppendHistory)
        and o.instance_id == instance_id
        and any(isinstance(event, kind) for event in o.events)
        for o in operations
    )


def posts(operations: Sequence[Operation], instance_id: str, kind: type[HistoryEvent]) -> bool:
    """Whether a commit puts a message of some kind into an instance's inbox."""
    return any(
        isinstance(o, PutInbox) and o.row.instance_id == instance_id and isinstance(o.row.event, kind)
        for o in operations
    )


class Gate:
    """A place at which one thread stops until the test lets it pass.

    Attributes:
        reached: Set once it is there.
        opened: Lets it pass.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def stop(self) -> None:
        """Stop here, the first time."""
        if not self.reached.is_set():
            self.reached.set()
            wait_for(self.opened)

    def wait(self) -> None:
        """Wait until somebody stands here."""
        wait_for(self.reached)

    def open(self) -> None:
        self.opened.set()


@contextmanager
def held_commit(world: World, fits: Fits, error: Exception | None = None) -> Iterator[Gate]:
    """Holds up the first commit that fits, on the store's thread; it fails if there is an error for it."""
    gate = Gate()

    def fault(operations: Sequence[Operation]) -> Exception | None:
        if gate.reached.is_set() or not fits(operations):
            return None
        gate.stop()
        return error

    world.store.fault = fault
    try:
        yield gate
    finally:
        gate.open()
        world.store.fault = never_fails


@contextmanager
def held_commits(world: World, count: int) -> Iterator[list[Gate]]:
    """Holds up the next commits, each at a gate of its own."""
    gates = [Gate() for _ in range(count)]
    left = iter(gates)

    def fault(operations: Sequence[Operation]) -> Exception | None:
        if (gate := next(left, None)) is not None:
            gate.stop()
        return None

    world.store.fault = fault
    try:
        yield gates
    finally:
        for gate in gates:
            gate.open()
        world.store.fault = never_fails


@contextmanager
def held_read(
    world: World, name: str, fits: Callable[..., bool] = lambda *args, **kwargs: True
) -> Iterator[Gate]:
    """Holds up the first read of a kind that fits, behind its answer: what it found is of before."""
    gate, inner = Gate(), getattr(world.store.inner, name)

    def read(*args: Any, **kwargs: Any) -> Any:
        answer = inner(*args, **kwargs)
        if fits(*args, **kwargs):
            gate.stop()
        return answer

    setattr(world.store, name, read)
    try:
        yield gate
    finally:
        gate.open()
        delattr(world.store, name)


class Crash:
    """A fault: so many commits succeed, and from then on none.

    Attributes:
        reached: Set at the first one that fails.
    """

    def __init__(self, after: int) -> None:
        self.left = after
        self.reached = threading.Event()

    def __call__(self, operations: Sequence[Operation]) -> Exception | None:
        if operations and all(isinstance(operation, PutDefinition) for operation in operations):
            return None
        if self.left > 0:
            self.left -= 1
            return None
        self.reached.set()
        return always_fails(operations)


def until_handled(world: World, timeout: float = PATIENCE) -> None:
    """Wait until the inbox is empty."""
    end = time.monotonic() + timeout
    while left := world.inbox():
        assert time.monotonic() < end, f"nobody handles {left}"
        time.sleep(0.005)


def start_soon(
    world: World, workflow: Any, input: Any, id: str, policy: ReuseIdPolicy | None = None
) -> Future[None]:
    """Ask for a run, and come back when the engine has heard of it, be it written or not."""
    request = StartRequest(
        definition=workflow,
        instance_id=id,
        is_fresh=False,
        execution_id=uuid4().hex,
        input=workflow.encode_input(input),
        start_at=None,
        reuse=policy,
        origin=None,
    )
    started = world.runtime.submit(world.runtime.requests.start(request))
    world.runtime.call(_nothing())
    return started


async def _nothing() -> None: ...


def crash_behind_every_commit(
    world: World,
    definitions: Sequence[Any],
    begin: Callable[[int, Callable[[], None]], None],
    is_over: Callable[[int], bool],
    finish: Callable[[int], None],
    *,
    step: int = 1,
    most: int = 60,
) -> int:
    """Plays something again and again, and crashes behind its first commit, its second, and so on to its last.

    Args:
        world: Where; it may not be open.
        definitions: What its runtimes know.
        begin: Sets number n on its way, and says from when on commits count; what it asks for then may not be
            written.
        is_over: Tells whether number n has come to its end.
        finish: Brings number n to its end after the crash, and checks it.
        step: Not behind every commit, but behind each of so many.
        most: So many commits are too many.

    Returns:
        How many commits it takes.
    """
    for n in range(0, most, step):
        world.open(*definitions)
        crash = Crash(n)
        with suppress(StoreError, RuntimeClosedError):
            begin(n, lambda crash=crash: setattr(world.store, "fault", crash))
        while not crash.reached.wait(0.002) and not is_over(n):
            pass
        over = not crash.reached.is_set()
        world.crash()
        world.open(*definitions)
        finish(n)
        world.close()
        if over:
            return n
    raise AssertionError("it never comes to an end")
