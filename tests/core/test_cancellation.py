"""A branch that is cancelled takes back what it asked for; what comes late is ignored."""

import asyncio

import anyio
import pytest

from nbflow import WorkflowContext, workflow
from tests.core.builder import completed, work


def test_a_cancelled_call_is_in_history_and_its_late_result_ignored(drive):
    @workflow
    async def gives_up(ctx: WorkflowContext) -> str:
        task = asyncio.create_task(ctx.call_activity(work, input=1))
        await ctx.create_timer(5)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        await work(2)
        return "went on"

    run = drive(gives_up)
    run.start()
    assert run.fire(2) == ["cancel activity #1", "#3 work(2)"]
    assert not run.state.accepts(completed(1, "late"))
    assert run.execution.feed(completed(1, "late")) == []
    assert run.complete(3) == ['return "went on"']


@pytest.mark.parametrize(
    ("what", "scheduled", "withdrawn"),
    [
        ("activity", ["#2 work(null)"], ["cancel activity #2"]),
        ("timer", ["#2 timer at +60s"], ["cancel timer #2"]),
        ("sleep", ["#2 timer at +60s"], ["cancel timer #2"]),
        ("event", ["#2 wait for 'n'"], ["cancel wait #2"]),
        (
            "event with timeout",
            ["#2 wait for 'n'", "#3 timeout of #2 at +60s"],
            ["cancel wait #2", "cancel timer #3"],
        ),
        (
            "activity with timeout",
            ["#2 work(null) within 60s", "#3 timeout of #2 at +60s"],
            ["cancel timer #3", "cancel activity #2"],
        ),
    ],
)
def test_cancelling_a_branch_withdraws_what_it_waits_for(drive, what, scheduled, withdrawn):
    @workflow
    async def cancels(ctx: WorkflowContext) -> str:
        stop = ctx.wait_for_external_event("stop")

        async def branch() -> None:
            match what:
                case "activity":
                    await work()
                case "timer":
                    await ctx.create_timer(60)
                case "sleep":
                    await asyncio.sleep(60)
                case "event":
                    await ctx.wait_for_external_event("n")
                case "event with timeout":
                    await ctx.wait_for_external_event("n", timeout=60)
                case "activity with timeout":
                    await ctx.call_activity(work, timeout=60)

        task = asyncio.create_task(branch())
        await stop
        task.cancel()
        await asyncio.wait([task])
        return "cancelled" if task.cancelled() else "not"

    run = drive(cancels)
    assert run.start() == ["#1 wait for 'stop'", *scheduled]
    assert run.raise_event("stop") == [*withdrawn, 'return "cancelled"']


def test_cancelling_what_has_ended_changes_nothing(drive):
    @workflow
    async def late(ctx: WorkflowContext) -> list[object]:
        task = ctx.call_activity(work)
        await task
        return [task.cancel(), task.get_result()]

    run = drive(late)
    run.start()
    assert run.complete(1, "x") == ['return [false,"x"]']


def test_shield_keeps_the_call_alive(drive):
    @workflow
    async def shielded(ctx: WorkflowContext) -> list[object]:
        charge = ctx.call_activity(work, input="charge")
        try:
            async with asyncio.timeout(5):
                await asyncio.shield(charge)
        except TimeoutError:
            return ["late", await charge]
        return ["in time"]

    run = drive(shielded)
    run.start()
    assert run.fire(2) == []
    assert run.complete(1, "paid") == ['return ["late","paid"]']


def test_s78_a_cancelled_scope_around_a_task_group_comes_to_rest(drive):
    @workflow
    async def mixed() -> str:
        async def branch() -> None:
            try:
                await work("long")
            finally:
                await work("undo")

        with anyio.move_on_after(5) as scope:
            async with asyncio.TaskGroup() as group:
                group.create_task(branch())
        return "late" if scope.cancelled_caught else "in time"

    run = drive(mixed)
    assert run.start() == ["#1 timer at +5s", '#2 work("long")']
    assert run.fire(1) == ["cancel activity #2", '#3 work("undo")']
    assert run.execution.loop.steps < 100
    # The scope presses on with each event, and that wakes nobody who still has to clean up.
    assert run.raise_event("unrelated") == []
    assert run.raise_event("unrelated") == []
    assert run.complete(3) == ['return "late"']


def test_s78_a_scope_cancelled_around_a_gather_comes_to_rest(drive):
    @workflow
    async def mixed() -> str:
        async def branch() -> None:
            try:
                await work("long")
            finally:
                await work("undo")

        with anyio.move_on_after(5) as scope:
            await asyncio.gather(branch())
        return "late" if scope.cancelled_caught else "in time"

    run = drive(mixed)
    run.start()
    assert run.fire(1) == ["cancel activity #2", '#3 work("undo")']
    assert run.complete(3) == ['return "late"']


@pytest.mark.semantics(78)
def test_anyio_cancels_what_has_yet_to_start(drive):
    @workflow
    async def eager() -> str:
        async def branch() -> None:
            await work("never wanted")

        async with anyio.create_task_group() as group:
            group.start_soon(branch)
            group.cancel_scope.cancel()
        return "out"

    # In plain anyio, too, the branch begins, and is cancelled where it first waits.
    assert drive(eager).start() == ['#1 work("never wanted")', "cancel activity #1", 'return "out"']


@pytest.mark.semantics(78)
def test_anyio_cancels_the_task_that_cancels(drive):
    @workflow
    async def own() -> str:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await work("never wanted")
        return "out"

    assert drive(own).start() == ['#1 work("never wanted")', "cancel activity #1", 'return "out"']


@pytest.mark.semantics(78)
@pytest.mark.parametrize("waits", ["sleep", "event", "checkpoint", "lock"])
def test_anyio_primitives_in_a_cancelled_scope_come_out_at_once(drive, waits):
    @workflow
    async def own() -> str:
        lock = anyio.Lock()
        with anyio.CancelScope() as scope:
            scope.cancel()
            match waits:
                case "sleep":
                    await anyio.sleep(5)
                case "event":
                    await anyio.Event().wait()
                case "checkpoint":
                    await anyio.lowlevel.checkpoint()
                case "lock":
                    await lock.acquire()
            return "went on"
        return "out"

    run = drive(own)
    timer = ["#1 timer at +5s", "cancel timer #1"] if waits == "sleep" else []
    assert run.start() == [*timer, 'return "out"']
    assert run.execution.loop.steps < 100


@pytest.mark.semantics(78)
def test_anyio_cancels_at_every_checkpoint_of_a_cancelled_scope(drive):
    @workflow
    async def stubborn() -> int:
        swallowed = 0
        with anyio.CancelScope() as scope:
            scope.cancel()
            for _ in range(3):
                try:
                    await anyio.lowlevel.checkpoint()
                except asyncio.CancelledError:
                    swallowed += 1
        return swallowed

    assert drive(stubborn).start() == ["return 3"]


@pytest.mark.semantics(78)
def test_anyio_cancels_cleanup_that_is_not_shielded(drive):
    @workflow
    async def cleans() -> str:
        with anyio.move_on_after(5):
            try:
                await work("long")
            finally:
                try:
                    await work("undo")
                finally:
                    with anyio.CancelScope(shield=True):
                        await work("really undo")
        return "out"

    run = drive(cleans)
    run.start()
    assert run.fire(1) == [
        "cancel activity #2",
        '#3 work("undo")',
        "cancel activity #3",
        '#4 work("really undo")',
    ]
    assert run.raise_event("unrelated") == []
    assert run.complete(4) == ['return "out"']


@pytest.mark.semantics(78)
def test_anyio_swallowed_cancellation_is_delivered_again_with_the_next_event(drive):
    @workflow
    async def stubborn(ctx: WorkflowContext) -> int:
        swallowed = 0
        with anyio.move_on_after(5):
            while swallowed < 3:
                try:
                    await ctx.wait_for_external_event("n")
                except asyncio.CancelledError:
                    swallowed += 1
        return swallowed

    run = drive(stubborn)
    run.start()
    assert run.fire(1) == ["cancel wait #2", "#3 wait for 'n'"]
    assert run.raise_event("unrelated") == ["cancel wait #3", "#4 wait for 'n'"]
    assert run.raise_event("unrelated") == ["cancel wait #4", "return 3"]


@pytest.mark.semantics(74)
def test_nested_scopes_leave_in_the_order_in_which_they_were_made(drive):
    @workflow
    async def nested() -> list[str]:
        order: list[str] = []

        async def branch(name: str) -> None:
            with anyio.CancelScope():
                try:
                    await work(name)
                finally:
                    order.append(name)

        async with anyio.create_task_group() as group:
            for name in "abcdefgh":
                group.start_soon(branch, name)
            await work("stop")
            group.cancel_scope.cancel()
        return order

    run = drive(nested)
    assert run.start()[0] == '#1 work("stop")'
    lines = run.complete(1)
    assert lines[:-1] == [f"cancel activity #{i}" for i in range(2, 10)]
    assert run.output == list("abcdefgh")


@pytest.mark.semantics(74)
def test_a_scope_says_nothing_of_addresses(drive):
    @workflow
    async def told() -> str:
        with anyio.move_on_after(5):
            try:
                await work(1)
            except asyncio.CancelledError as error:
                return str(error)
        return ""

    run = drive(told)
    run.start()
    assert run.fire(1) == ["cancel activity #2", 'return "Cancelled via cancel scope (deadline exceeded)"']


@pytest.mark.semantics(78)
def test_asyncio_timeout_around_an_anyio_scope(drive):
    @workflow
    async def mixed() -> str:
        try:
            async with asyncio.timeout(10):
                with anyio.move_on_after(5):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(slow())
                return "inner"
        except TimeoutError:
            return "outer"

    async def slow() -> None:
        try:
            await work("long")
        finally:
            await work("undo")

    inner, outer = drive(mixed), drive(mixed)
    assert inner.start() == ["#1 timer at +10s", "#2 timer at +5s", '#3 work("long")']
    assert inner.fire(2) == ["cancel activity #3", '#4 work("undo")']
    inner.raise_event("unrelated")
    assert inner.complete(4) == ["cancel timer #1", 'return "inner"']
    outer.start()
    outer.fire(2)
    # The outer time is up while the inner scope still waits for its branch to clean up.
    outer.fire(1)
    assert outer.complete(4) == ['return "outer"']


def test_s73_a_turn_without_messages_does_nothing_to_a_cancelled_scope(drive):
    # How messages are batched into turns must not change what happens: the beginning of a turn runs no code.
    @workflow
    async def cleans() -> str:
        with anyio.move_on_after(5):
            async with asyncio.TaskGroup() as group:
                group.create_task(undoes())
            return "in time"
        return "late"

    async def undoes() -> None:
        while True:
            try:
                await work("long")
            finally:
                await work("undo")

    run = drive(cleans)
    run.start()
    run.fire(1)
    steps = run.execution.loop.steps
    assert run.turn() == []
    assert run.execution.loop.steps == steps


def test_start_soon_with_an_activity_says_what_it_wants(drive):
    @workflow
    async def hasty() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(work, 1)

    (*_, line) = drive(hasty).start()
    assert "ExceptionGroup" in line or "TypeError" in line


def test_counting_of_cancellations_is_exact(drive):
    @workflow
    async def counted(ctx: WorkflowContext) -> list[int]:
        task = asyncio.current_task()
        assert task is not None
        counts = []
        with anyio.move_on_after(5):
            async with asyncio.TaskGroup() as group:
                group.create_task(slow())
        counts.append(task.cancelling())
        async with asyncio.timeout(5):
            await work("after")
        counts.append(task.cancelling())
        return counts

    async def slow() -> None:
        try:
            await work("long")
        finally:
            await work("undo")

    run = drive(counted)
    run.start()
    run.fire(1)
    run.raise_event("unrelated")
    run.raise_event("unrelated")
    run.complete(3)
    assert run.complete(5)[-1] == "return [0,0]"
