"""Unloading: the code of an evicted execution is unwound on purpose, and nothing that it does counts."""

import asyncio
import contextlib
import gc
import weakref
from typing import Any

import anyio
import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.divergence import ExecutionStalledError
from nbflow.errors import Evicted
from tests.core.builder import Run, completed, plain_calls, refund, work

log: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def what_was_there_before_is_not_collected():
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_is_left():
    log.clear()
    yield
    gc.collect()  # what was left would run now: `no_plain_calls` looks, and a warning is an error


@workflow
async def finally_calls() -> None:
    try:
        await work(1)
    finally:
        log.append("finally")
        await refund(1)
        log.append("refunded")


@workflow
async def except_calls() -> None:
    try:
        await work(1)
    except Exception:
        log.append("swallowed")
    finally:
        log.append("finally")


@workflow
async def everything_is_asked_for(ctx: WorkflowContext) -> None:
    try:
        await work(1)
    finally:
        for ask in (
            lambda: refund(1),
            lambda: ctx.call_activity(refund, input=1),
            lambda: ctx.create_timer(1),
            lambda: ctx.wait_for_external_event("n"),
            lambda: ctx.set_custom_status("gone"),
            lambda: asyncio.get_running_loop().call_later(1, print),
        ):
            try:
                ask()
            except Evicted:
                log.append("evicted")


@workflow
async def nested_groups() -> None:
    async def branch(name: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work(name))
                group.create_task(leaf(name))
        finally:
            log.append(f"branch {name}")
            await refund(name)

    async def leaf(name: str) -> None:
        try:
            await work(f"leaf {name}")
        finally:
            log.append(f"leaf {name}")
            refund(name)

    try:
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(branch(name))
    finally:
        log.append("main")
        await refund("main")


@workflow
async def anyio_groups() -> None:
    async def leaf(name: str) -> None:
        try:
            await work(f"leaf {name}")
        finally:
            log.append(f"leaf {name}")
            with anyio.CancelScope(shield=True):
                await refund(name)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(leaf, "a")
            with anyio.move_on_after(60):
                await leaf("b")
    finally:
        log.append("main")
        await refund("main")


async def numbers(name: str):
    try:
        for i in range(10):
            await work(f"{name}{i}")
            yield i
    finally:
        log.append(f"closed {name}")
        await refund(name)


@workflow
async def inside_a_generator() -> None:
    async for _ in numbers("a"):
        pass


@workflow
async def beside_a_generator() -> None:
    generator = numbers("a")
    await anext(generator)
    await work("beside")


@workflow
async def inside_a_context_manager() -> None:
    @contextlib.asynccontextmanager
    async def held():
        await work("acquire")
        try:
            yield
        finally:
            log.append("released")
            await refund("release")

    async with held(), contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(lambda: refund("pushed"))
        await work("held")


@workflow
async def retries_for_ever() -> None:
    while True:
        try:
            await work(1)
            break
        except BaseException:
            continue


@workflow
async def retries_for_ever_in_branches() -> None:
    async def branch() -> None:
        while True:
            try:
                await asyncio.create_task(leaf())
            except BaseException:
                continue

    async def leaf() -> None:
        await work(1)

    await asyncio.gather(branch(), branch())


@workflow
async def never_lets_go(ctx: WorkflowContext) -> None:
    wait = ctx.wait_for_external_event("n")
    while not wait.done():
        try:
            await asyncio.shield(wait)
        except BaseException:
            continue


@workflow
async def rests_a_little_while_it_goes() -> None:
    try:
        await work(1)
    finally:
        for _ in range(20):
            await asyncio.sleep(0)
        log.append("rested")


ALL = [
    finally_calls,
    except_calls,
    everything_is_asked_for,
    nested_groups,
    anyio_groups,
    inside_a_generator,
    beside_a_generator,
    inside_a_context_manager,
    retries_for_ever,
    retries_for_ever_in_branches,
    never_lets_go,
    rests_a_little_while_it_goes,
]


@pytest.mark.parametrize("code", ALL, ids=lambda code: code.name)
def test_s76_an_evicted_execution_does_nothing_more(code):
    run = Run(code)
    run.start()
    for i in sorted(run.state.tasks)[:1]:
        run.complete(i)
    if run.execution.is_finished:
        run = Run(code)
        run.start()
    before, noted = list(run.history), list[object]()
    run.execution.noting = noted.append
    run.execution.evict()
    assert (run.history, noted) == (before, [])
    run.execution.evict()  # once more is no harm


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (finally_calls, ["finally"]),
        (except_calls, ["finally"]),
        (everything_is_asked_for, ["evicted"] * 6),
        (nested_groups, ["leaf b", "branch b", "leaf a", "branch a", "main"]),
        (anyio_groups, ["leaf a", "leaf b", "main"]),
        (inside_a_generator, ["closed a"]),
        (inside_a_context_manager, []),
        (rests_a_little_while_it_goes, []),
    ],
    ids=lambda item: getattr(item, "name", ""),
)
def test_s76_finally_blocks_run_as_plain_python(code, told):
    run = Run(code)
    run.start()
    run.execution.evict()
    assert sorted(log) == sorted(told)


def test_s76_a_generator_that_someone_holds_is_closed(drive):
    run = Run(beside_a_generator)
    run.start()
    run.complete(1)
    run.execution.evict()
    assert log == ["closed a"]


def test_s76_a_context_manager_is_left():
    run = Run(inside_a_context_manager)
    run.start()
    run.complete(1)
    run.execution.evict()
    assert log == ["released"]


def test_s76_an_evicted_execution_leaves_memory():
    class Heavy:
        pass

    kept: list[weakref.ref[Any]] = []

    @workflow
    async def heavy() -> None:
        thing = Heavy()
        kept.append(weakref.ref(thing))
        async with asyncio.TaskGroup() as group:
            group.create_task(work(1))
            group.create_task(work(2))
        del thing

    run = Run(heavy)
    run.start()
    run.execution.evict()
    del run
    gc.collect()
    assert kept[0]() is None


def test_s76_code_that_can_not_be_unwound_is_kept_and_never_woken_again():
    woken: list[str] = []

    @workflow
    async def stubborn() -> None:
        while True:
            try:
                await work(1)
            except BaseException as error:
                woken.append(type(error).__name__)

    run = Run(stubborn)
    run.start()
    run.execution.evict()
    times = len(woken)
    assert times > 0
    del run
    gc.collect()
    assert len(woken) == times
    assert plain_calls == []


def test_s76_what_is_left_when_the_run_ends_is_unwound():
    async def branch() -> None:
        try:
            await work("long")
        finally:
            log.append("branch ends")
            await refund("long")

    @workflow
    async def returns() -> str:
        task = asyncio.create_task(branch())
        await asyncio.sleep(0)
        return "done" if not task.done() else ""

    run = Run(returns)
    assert run.start() == ['#1 work("long")', 'marker not_started ["work"]', 'return "done"']
    assert log == ["branch ends"]


def test_s76_a_stalled_execution_is_unwound():
    run = Run(finally_calls)
    run.start()

    @workflow(name="finally_calls")
    async def changed() -> None:
        try:
            await refund(1)
        finally:
            log.append("left")

    run.diverge(changed)
    assert log == ["left"]
    log.clear()
    run.close()


def test_s76_unwinding_sees_the_branchs_own_context():
    import contextvars

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[object] = []

    async def branch() -> None:
        variable.set("branch")
        try:
            await work(1)
        finally:
            task = asyncio.current_task()
            seen.extend([variable.get(), task.get_name() if task else None])

    @workflow
    async def outer() -> None:
        await asyncio.create_task(branch(), name="inner")

    run = Run(outer)
    run.start()
    run.execution.evict()
    assert seen == ["branch", "inner"]


def test_s76_a_generator_that_is_dropped_is_closed_durably(drive):
    @workflow
    async def drops() -> str:
        async for _ in numbers("a"):
            break
        await work("next")
        return "done"

    run = drive(drops)
    run.start()
    assert run.complete(1) == ['#2 work("next")', '#3 refund("a")']
    assert log == ["closed a"]
    run.turn(completed(3))
    assert run.complete(2) == ['return "done"']


def test_s74_a_generator_in_a_cycle_is_not_closed_at_the_garbage_collectors_moment():
    class Holder:
        pass

    def leave_behind(generator: Any) -> None:
        holder = Holder()
        holder.me, holder.generator = holder, generator

    def make(collects: bool):
        @workflow(name="cycles")
        async def cycles() -> str:
            generator = numbers("a")
            await anext(generator)
            leave_behind(generator)
            del generator
            if collects:
                gc.collect()
            await work("next")
            return "done"

        return cycles

    gc.disable()
    try:
        run = Run(make(collects=False))
        run.start()
        assert run.complete(1) == ['#2 work("next")']
        run.cold(make(collects=True)).evict()
        assert run.complete(2) == ['return "done"']
        run.close()
    finally:
        gc.enable()


def test_warm_generators_do_not_pile_up(drive):
    async def one():
        yield 1

    @workflow
    async def many() -> None:
        for i in range(100):
            async for _ in one():
                pass
            if i == 50:
                await work(1)
        await work(2)

    run = drive(many)
    run.start()
    run.complete(1)
    assert len(run.execution.loop._generators) < 5


@pytest.mark.semantics(76)
def test_a_refused_action_of_an_evicted_execution_raises_at_the_call():
    run = Run(finally_calls)
    run.start()
    run.execution.evict()
    from nbflow.core import actions as a

    with pytest.raises(Evicted):
        run.execution.emit(a.SetCustomStatus(value="1"))


def test_an_execution_that_ended_can_not_be_fed_back_to_life():
    run = Run(finally_calls)
    run.start()
    run.fail(1)
    assert run.complete(2) != []
    assert run.execution.is_finished
    assert run.execution.branches() == []
    assert run.execution.feed(completed(1, "late")) == []


@pytest.mark.semantics(76)
def test_stall_inside_a_generator_is_unwound_too():
    @workflow
    async def broken() -> None:
        async for _ in numbers("a"):
            undefined_name()  # noqa: F821

    run = Run(broken)
    run.start()
    with pytest.raises(ExecutionStalledError):
        run.complete(1)
    assert log == ["closed a"]
