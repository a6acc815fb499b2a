"""Workflow shapes: what people write with asyncio and anyio, and what could go another way the next time.

Each comes with the world that it lives in: what its activities answer, and the events that somebody raises.
Imported by child processes on other interpreters, so it needs nothing but nbflow and anyio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio

from nbflow import RetryPolicy, WorkflowContext, activity, when_all, workflow
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import TaskFailedError

PATIENT = RetryPolicy(2, 4, backoff_coefficient=2, max_retry_interval=10)


@activity
def fetch(item: Any = None) -> Any: ...
@activity
def undo(item: Any = None) -> Any: ...
@activity
def flaky(item: Any = None) -> Any: ...
@activity
def broken(item: Any = None) -> Any: ...


def answer(name: str, item: Any, attempt: int) -> Any:
    """What the world's activities return; an exception is what they raise."""
    if name == "broken" or (name == "flaky" and attempt < 3):
        return ConnectionError(f"{name} {item}")
    return item


@dataclass(frozen=True)
class Shape:
    """A workflow and its world.

    Attributes:
        events: Raised in this order, at any time.
    """

    code: WorkflowDefinition[Any, Any]
    events: tuple[tuple[str, Any], ...] = ()
    answer: Callable[[str, Any, int], Any] = answer

    @property
    def name(self) -> str:
        return self.code.name


SHAPES: dict[str, Shape] = {}


def shape(*events: tuple[str, Any]) -> Callable[[Any], Any]:
    """Takes a workflow function into the collection."""

    def take(function: Any) -> Any:
        code = workflow(function)
        SHAPES[code.name] = Shape(code, events)
        return code

    return take


async def two_steps(name: Any) -> list[Any]:
    return [await fetch(f"{name} first"), await fetch(f"{name} second")]


async def careful(name: Any) -> Any:
    """A branch that cleans up, durably, whatever happens."""
    try:
        return await fetch(name)
    finally:
        await undo(f"{name} early")
        await undo(f"{name} late")


# -- one after the other, and many at once ----------------------------------------------------------


@shape()
async def sequential() -> int:
    total = 0
    for i in range(5):
        total += await fetch(i)
    return total


@shape()
async def gather() -> list[Any]:
    return list(await asyncio.gather(*[two_steps(i) for i in range(4)]))


@shape()
async def gather_with_failures() -> list[str]:
    results = await asyncio.gather(fetch(1), broken(2), two_steps(3), broken(4), return_exceptions=True)
    return [type(result).__name__ for result in results]


@shape()
async def all_of_them() -> str:
    try:
        await when_all([fetch(1), broken(2), asyncio.create_task(two_steps(3)), broken(4)])
    except TaskFailedError as error:
        return error.details.message
    return ""


@shape()
async def as_completed_over_tasks() -> list[Any]:
    tasks = [asyncio.create_task(two_steps(i)) for i in range(4)]
    found = []
    for next_one in asyncio.as_completed(tasks):
        found.append(await next_one)
        await fetch(f"{len(found)} done")
    return found


@shape()
async def bounded_by_waiting_for_the_first() -> list[Any]:
    """Bounded parallelism, as Dapr's when_any loop has it; goes over sets of tasks."""
    todo, running, found = list(range(7)), set[Any](), list[Any]()
    while todo or running:
        while todo and len(running) < 3:
            running.add(asyncio.create_task(two_steps(todo.pop(0))))
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            found.append(await fetch(task.result()))
    return found


@shape()
async def bounded_by_a_semaphore() -> list[Any]:
    room = asyncio.Semaphore(2)

    async def one(i: int) -> Any:
        async with room:
            return await two_steps(i)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(i)) for i in range(5)]
    return [task.result() for task in tasks]


# -- groups that fail -------------------------------------------------------------------------------


@shape()
async def group_whose_branch_fails() -> str:
    try:
        async with asyncio.TaskGroup() as group:
            for i in range(8):  # the abort goes over a set of tasks
                group.create_task(careful(i))
            group.create_task(broken("one"))
            group.create_task(broken("other"))
    except ExceptionGroup as errors:
        return f"{len(errors.exceptions)} failed"
    return "fine"


@shape()
async def nested_groups() -> list[Any]:
    async def inner(name: str) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(careful(f"{name}{i}")) for i in range(3)]
            if name == "b":
                group.create_task(broken(name))
        return [task.result() for task in tasks]

    results = await asyncio.gather(*[inner(name) for name in "abc"], return_exceptions=True)
    return [str(result) for result in results]


@shape()
async def shielded() -> list[str]:
    charge = asyncio.create_task(two_steps("charge"))
    told = []
    for seconds in (1, 2, 300):
        try:
            async with asyncio.timeout(seconds):
                told.append(str(await asyncio.shield(charge)))
                break
        except TimeoutError:
            await undo(f"late by {seconds}")
            told.append("late")
    return told


# -- time -------------------------------------------------------------------------------------------


@shape(("go", 1), ("stop", 2))
async def timeout_around_a_wait(ctx: WorkflowContext) -> list[Any]:
    got = []
    for name in ("go", "stop"):
        try:
            async with asyncio.timeout(5):
                got.append(await ctx.wait_for_external_event(name))
        except TimeoutError:
            got.append(await fetch(f"no {name}"))
    return got


@shape()
async def wait_for_coroutines() -> list[Any]:
    """The shape of S75: how soon `wait_for` starts a coroutine is the interpreter's choice."""
    return list(
        await asyncio.gather(
            asyncio.wait_for(two_steps("a"), 5),
            two_steps("b"),
            asyncio.wait_for(careful("c"), 1),
            return_exceptions=True,
        )
    )[1:2]


@shape()
async def wait_for_calls() -> list[str]:
    results = await asyncio.gather(
        asyncio.wait_for(fetch("a"), 5),
        asyncio.wait_for(fetch("b"), 5),
        asyncio.wait_for(flaky("c"), 1),
        return_exceptions=True,
    )
    return [type(result).__name__ for result in results]


@shape()
async def timeouts_in_timeouts() -> list[str]:
    told = []
    for outer, inner in ((2, 4), (4, 2), (3, 3)):
        try:
            async with asyncio.timeout(outer):
                try:
                    async with asyncio.timeout(inner):
                        told.append(str(await careful(f"{outer} {inner}")))
                except TimeoutError:
                    told.append("inner")
                    await fetch("after the inner")
        except TimeoutError:
            told.append("outer")
    return told


@shape(("approve", True), ("cancel", None), ("APPROVE", "not a bool"), ("approve", False))
async def events_against_timers(ctx: WorkflowContext) -> list[Any]:
    told: list[Any] = []

    async def approval(timeout: float) -> None:
        try:
            told.append(await ctx.wait_for_external_event("approve", timeout=timeout, data_type=bool))
        except TimeoutError:
            told.append(await fetch(f"nobody within {timeout}"))

    cancelled = ctx.wait_for_external_event("cancel", timeout=30)
    reminder = ctx.create_timer(3)
    async with asyncio.TaskGroup() as group:
        group.create_task(approval(4))
        group.create_task(approval(8))
        group.create_task(approval(40))
    told.append(reminder.done())
    done, _ = await asyncio.wait([cancelled, reminder], return_when=asyncio.FIRST_COMPLETED)
    return [*told, len(done), cancelled.cancel()]


@shape()
async def retries_with_jitter(ctx: WorkflowContext) -> list[Any]:
    async def one(i: int) -> Any:
        await ctx.create_timer(ctx.random().uniform(0, 3))
        policy = RetryPolicy(ctx.random().uniform(0.5, 2), 3, retry_timeout=12)
        try:
            return await ctx.call_activity(flaky, input=i, retry_policy=policy, timeout=2.5)
        except TaskFailedError as error:
            return [error.details.type, str(ctx.new_guid())]

    return list(await asyncio.gather(*[one(i) for i in range(4)]))


@shape(("pause", 1))
async def monitor(ctx: WorkflowContext) -> list[float]:
    started = ctx.current_utc_datetime
    times = []
    for i in range(4):
        ctx.set_custom_status({"round": i})
        await ctx.call_activity(flaky, input=i, retry_policy=PATIENT)
        await asyncio.sleep(7)
        times.append((ctx.current_utc_datetime - started).total_seconds())
    await ctx.wait_for_external_event("pause")
    return [len(times)]


# -- primitives -------------------------------------------------------------------------------------


@shape()
async def producers_and_consumers() -> list[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue(2)
    found = []

    async def produce(name: str) -> None:
        for i in range(3):
            await queue.put(await fetch(f"{name}{i}"))

    async def consume(name: str) -> None:
        while True:
            item = await queue.get()
            found.append(await fetch(f"{name} has {item}"))
            queue.task_done()

    consumers = [asyncio.create_task(consume(name)) for name in "xy"]
    await asyncio.gather(produce("a"), produce("b"))
    await queue.join()
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)
    return found


@shape()
async def locks_events_conditions() -> list[Any]:
    lock, opened, condition, order = asyncio.Lock(), asyncio.Event(), asyncio.Condition(), list[Any]()

    async def one(i: int) -> None:
        await opened.wait()
        async with lock:
            order.append(await fetch(i))
        async with condition:
            condition.notify_all()

    async def opens() -> None:
        await fetch("key")
        opened.set()

    async with asyncio.TaskGroup() as group:
        for i in range(4):
            group.create_task(one(i))
        group.create_task(opens())
        async with condition:
            await condition.wait_for(lambda: len(order) >= 3)
            await fetch(f"{len(order)} through")
    return order


@shape()
async def generators_that_are_left() -> list[Any]:
    async def pages(name: str) -> Any:
        try:
            for i in range(5):
                yield await fetch(f"{name}{i}")
        finally:
            await undo(name)

    async def first_two(name: str) -> list[Any]:
        found = []
        async for page in pages(name):
            found.append(page)
            if len(found) == 2:
                break
        return found

    found = list(await asyncio.gather(first_two("a"), first_two("b")))
    await fetch("something else")
    return found


# -- anyio ------------------------------------------------------------------------------------------


@shape()
async def anyio_group() -> str:
    async with anyio.create_task_group() as group:
        for i in range(4):
            group.start_soon(two_steps, i)
        with anyio.CancelScope(shield=True):
            await fetch("inside")
    return "done"


@shape()
async def anyio_group_whose_branch_fails() -> str:
    async def fails() -> None:
        await fetch("before")
        raise LookupError("no")

    async def cleans(i: int) -> None:
        try:
            await two_steps(i)
        finally:
            with anyio.CancelScope(shield=True):
                await undo(i)

    try:
        async with anyio.create_task_group() as group:
            for i in range(6):
                group.start_soon(cleans, i)
            group.start_soon(fails)
    except* LookupError:
        await undo("all")
    return "done"


@shape()
async def anyio_deadlines() -> list[Any]:
    told: list[Any] = []
    with anyio.move_on_after(3) as scope:
        told.append(await two_steps("a"))
    told.append(scope.cancelled_caught)
    try:
        with anyio.fail_after(2):
            told.append(await careful("b"))
    except TimeoutError:
        told.append(await fetch("late"))
    await anyio.sleep(1)
    return told


@shape()
async def scopes_in_scopes() -> list[str]:
    """anyio keeps child scopes in a set, by address: a cancellation visits them in any order."""
    order: list[str] = []

    async def branch(name: str) -> None:
        with anyio.CancelScope():
            with anyio.CancelScope():
                try:
                    await two_steps(name)
                finally:
                    order.append(name)
                    with anyio.CancelScope(shield=True):
                        await undo(name)

    with anyio.move_on_after(3):
        async with anyio.create_task_group() as group:
            for name in "abcdefgh":
                group.start_soon(branch, name)
            with anyio.CancelScope():
                await branch("main")
    return order


@shape(("unrelated", 1), ("unrelated", 2))
async def cancelled_scope_around_a_task_group() -> str:
    """The trap of S78: the group can't leave before its branch has cleaned up, and anyio presses on."""
    with anyio.move_on_after(2) as scope:
        async with asyncio.TaskGroup() as group:
            group.create_task(careful("a"))
            group.create_task(careful("b"))
    with anyio.move_on_after(2):
        await asyncio.gather(careful("c"), careful("d"))
    return "late" if scope.cancelled_caught else "in time"


@shape()
async def anyio_streams() -> list[Any]:
    send, receive = anyio.create_memory_object_stream[Any](1)
    found = []

    async def feeds(name: str, stream: Any) -> None:
        async with stream:
            for i in range(3):
                await stream.send(await fetch(f"{name}{i}"))

    limiter = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as group, receive:
        for name in "ab":
            group.start_soon(feeds, name, send.clone())
        send.close()
        async for item in receive:
            async with limiter:
                found.append(await fetch(f"got {item}"))
    return found


@shape()
async def anyio_start() -> list[str]:
    async def service(name: str, *, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        await fetch(f"{name} starts")
        task_status.started(name)
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await undo(f"{name} stops")

    async with anyio.create_task_group() as group:
        names = [await group.start(service, name) for name in "ab"]
        await two_steps("work")
        group.cancel_scope.cancel()
    return names
