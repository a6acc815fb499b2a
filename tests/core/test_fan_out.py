"""Many at once: gather, TaskGroup, when_all, as_completed, bounded parallelism."""

import asyncio

import pytest

from nbflow import when_all, workflow
from nbflow.errors import NotReplayableError, TaskFailedError
from tests.core.builder import completed, failed, work


@workflow
async def gathered(n: int) -> list[object]:
    return list(await asyncio.gather(*[work(i) for i in range(n)]))


@workflow
async def all_of(n: int) -> list[object]:
    return await when_all([work(i) for i in range(n)])


@pytest.mark.parametrize("code", [gathered, all_of], ids=["gather", "when_all"])
def test_s54_results_come_in_argument_order(drive, code):
    run = drive(code)
    assert run.start(3) == ["#1 work(0)", "#2 work(1)", "#3 work(2)"]
    assert run.complete(3, "c") == []
    assert run.complete(1, "a") == []
    assert run.complete(2, "b") == ['return ["a","b","c"]']


@pytest.mark.parametrize("code", [gathered, all_of], ids=["gather", "when_all"])
def test_s54_nothing_to_wait_for_ends_at_once(drive, code):
    assert drive(code).start(0) == ["return []"]


def test_s54_when_all_waits_for_all_and_raises_the_first_failure_in_argument_order(drive):
    @workflow
    async def careful() -> str:
        try:
            await when_all([work(0), work(1), work(2)])
        except TaskFailedError as error:
            return error.details.message
        return "none"

    run = drive(careful)
    run.start()
    assert run.fail(3, ValueError("third")) == []
    assert run.fail(2, ValueError("second")) == []
    assert run.complete(1) == ['return "second"']


def test_s54_gather_raises_at_the_first_failure_and_the_others_live_on(drive):
    @workflow
    async def hasty() -> list[object]:
        other = work("slow")
        try:
            await asyncio.gather(work("bad"), other)
        except TaskFailedError as error:
            return [error.task_name, other.done(), await other]
        return []

    run = drive(hasty)
    assert run.start() == ['#1 work("slow")', '#2 work("bad")']
    assert run.fail(2) == []
    assert run.complete(1, "at last") == ['return ["work",false,"at last"]']


@pytest.mark.semantics(54)
def test_gather_can_return_failures(drive):
    @workflow
    async def lenient() -> list[str]:
        found = await asyncio.gather(work(1), work(2), return_exceptions=True)
        return [str(item) for item in found]

    run = drive(lenient)
    run.start()
    run.fail(1, ValueError("no"))
    assert run.complete(2, "yes") == ['return ["work failed: ValueError: no","yes"]']


def test_s54_a_task_group_takes_activity_calls_as_they_are(drive):
    @workflow
    async def grouped(n: int) -> list[object]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(i)) for i in range(n)]
        return [task.result() for task in tasks]

    run = drive(grouped)
    assert run.start(2) == ["#1 work(0)", "#2 work(1)"]
    assert run.complete(2, "b") == []
    assert run.complete(1, "a") == ['return ["a","b"]']


def test_s54_a_failing_branch_of_a_task_group_withdraws_the_others(drive):
    @workflow
    async def grouped() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                for item in "abc":
                    group.create_task(work(item))
        except ExceptionGroup as errors:
            return f"{len(errors.exceptions)} failed"
        return "fine"

    run = drive(grouped)
    run.start()
    assert run.turn(failed(2)) == ["cancel activity #1", "cancel activity #3", 'return "1 failed"']
    assert not run.state.accepts(completed(1)), "a late result is ignored"


@pytest.mark.semantics(53)
def test_cleanup_in_a_withdrawn_branch_is_durable(drive):
    @workflow
    async def compensated() -> str:
        async def branch(item: str) -> None:
            try:
                await work(item)
            finally:
                await work(f"undo {item}")

        try:
            async with asyncio.TaskGroup() as group:
                for item in "ab":
                    group.create_task(branch(item))
                group.create_task(work("fails"))
        except* TaskFailedError:
            pass
        return "undone"

    run = drive(compensated)
    # The group takes the activity itself as a branch, so it is called while the others have yet to start.
    assert run.start() == ['#1 work("fails")', '#2 work("a")', '#3 work("b")']
    assert run.fail(1) == [
        "cancel activity #2",
        "cancel activity #3",
        '#4 work("undo a")',
        '#5 work("undo b")',
    ]
    run.complete(5)
    assert run.complete(4) == ['return "undone"']


def test_as_completed_over_calls_gives_them_as_they_come(drive):
    @workflow
    async def racing() -> list[object]:
        return [await next_one for next_one in asyncio.as_completed([work(1), work(2), work(3)])]

    run = drive(racing)
    run.start()
    run.complete(2, "b")
    run.complete(3, "c")
    assert run.complete(1, "a") == ['return ["b","c","a"]']


def test_s74_as_completed_over_bare_coroutines_is_refused(drive):
    async def step(item: int) -> object:
        return await work(item)

    @workflow
    async def racing() -> str:
        steps = [step(1), step(2)]
        try:
            for next_one in asyncio.as_completed(steps):
                await next_one
        except NotReplayableError as error:
            return str(error)
        finally:
            for unused in steps:
                unused.close()
        return "accepted"

    run = drive(racing)
    (line,) = run.start()
    assert "make tasks of them first" in line
    assert "as_completed([asyncio.create_task(c) for c in …])" in line


def test_as_completed_over_tasks_is_fine(drive):
    async def step(item: int) -> object:
        return await work(item)

    @workflow
    async def racing() -> list[object]:
        tasks = [asyncio.create_task(step(i)) for i in range(3)]
        return [await next_one for next_one in asyncio.as_completed(tasks)]

    run = drive(racing)
    assert run.start() == ["#1 work(0)", "#2 work(1)", "#3 work(2)"]
    run.complete(3, "c")
    run.complete(1, "a")
    assert run.complete(2, "b") == ['return ["c","a","b"]']


def test_wait_for_the_first_leaves_the_others_running(drive):
    @workflow
    async def first() -> list[object]:
        done, pending = await asyncio.wait([work(1), work(2)], return_when=asyncio.FIRST_COMPLETED)
        return [done.pop().result(), len(pending)]

    run = drive(first)
    run.start()
    assert run.complete(2, "b") == ['return ["b",1]']


def test_s55_a_semaphore_bounds_what_runs_at_once(drive):
    @workflow
    async def bounded(n: int) -> list[object]:
        room = asyncio.Semaphore(2)

        async def one(i: int) -> object:
            async with room:
                return await work(i)

        return list(await asyncio.gather(*[one(i) for i in range(n)]))

    run = drive(bounded)
    assert run.start(4) == ["#1 work(0)", "#2 work(1)"]
    assert run.complete(2, "b") == ["#3 work(2)"]
    assert run.complete(3, "c") == ["#4 work(3)"]
    assert run.complete(4, "d") == []
    assert run.complete(1, "a") == ['return ["a","b","c","d"]']


@pytest.mark.semantics(54)
def test_nested_groups(drive):
    @workflow
    async def nested() -> list[object]:
        async def inner(name: str) -> list[object]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(f"{name}{i}")) for i in range(2)]
            return [task.result() for task in tasks]

        async with asyncio.TaskGroup() as group:
            both = [group.create_task(inner(name)) for name in "ab"]
        return [task.result() for task in both]

    run = drive(nested)
    assert run.start() == ['#1 work("a0")', '#2 work("a1")', '#3 work("b0")', '#4 work("b1")']
    run.turn(completed(1, 1), completed(3, 3))
    assert run.turn(completed(4, 4), completed(2, 2)) == ["return [[1,2],[3,4]]"]


@pytest.mark.semantics(17, 54)
def test_a_thousand_at_once(drive):
    run = drive(gathered, prefixes=False)
    assert len(run.start(1000)) == 1000
    lines = run.turn(*[completed(i, i) for i in range(1000, 0, -1)])
    assert lines == [f"return {list(range(1, 1001))}".replace(", ", ",")]


def test_s74_tasks_of_many_workflows_do_not_collide_in_asyncios_own_set():
    # Equal numbers hash alike; in the one set of all tasks of the process that would be quadratic.
    from tests.core.builder import Run

    runs = [Run(gathered, instance_id=f"run-{i}") for i in range(5)]
    for run in runs:
        run.start(2)
    tasks = [task for run in runs for task in run.execution.branches()]
    assert len({hash(task) for task in tasks}) < len(tasks)
    assert not set(tasks) & asyncio.all_tasks(tasks[0].get_loop())
    for run in runs:
        run.execution.evict()
