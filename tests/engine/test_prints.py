"""What activities and workflows print: kept where it belongs, and shown once."""

import asyncio
import contextvars
import sys
import threading

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import TaskCompleted, TaskFailed
from nbflow.engine.output import MAX_PRINTS
from nbflow.errors import StoreError
from tests.engine.worlds import World, fails_for, never_fails, of_kind, wait_for


def test_an_activity_s_prints_are_in_history_and_on_the_screen(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    @activity
    def talks(name: str) -> None:
        print("hello", name)
        sys.stdout.write("no newline")

    @activity
    async def whispers() -> None:
        print("psst")
        raise ValueError

    @workflow
    async def listens() -> None:
        await talks("world")
        try:
            await whispers()
        except Exception:
            pass

    world.open(listens)
    run = world.start(listens)
    run.result(10)
    assert [event.prints for event in of_kind(run.history(), TaskCompleted)] == ["hello world\nno newline"]
    assert [event.prints for event in of_kind(run.history(), TaskFailed)] == ["psst\n"]
    assert capsys.readouterr().out == "hello world\nno newlinepsst\n"


def test_prints_of_activities_side_by_side_do_not_mix(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    both = threading.Barrier(2, timeout=20)

    @activity
    def talks(name: str) -> None:
        for n in range(20):
            both.wait()
            print(name, n, sep="-")

    @workflow
    async def listens() -> None:
        await asyncio.gather(talks("a"), talks("b"))

    world.open(listens)
    run = world.start(listens)
    run.result(20)
    prints = sorted(event.prints for event in of_kind(run.history(), TaskCompleted))
    assert prints == ["".join(f"{name}-{n}\n" for n in range(20)) for name in "ab"]
    assert sorted(capsys.readouterr().out.splitlines()) == sorted("".join(prints).splitlines())


def test_a_flushed_print_is_shown_while_the_activity_runs(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    has_printed, may_return = threading.Event(), threading.Event()

    @activity
    def progresses() -> None:
        print("50 %", end="", flush=True)
        has_printed.set()
        wait_for(may_return)

    @workflow
    async def watches() -> None:
        await progresses()

    world.open(watches)
    run = world.start(watches)
    wait_for(has_printed)
    assert capsys.readouterr().out == "50 %"
    may_return.set()
    run.result(10)


def test_huge_prints_are_cut_in_history_with_a_note(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    @activity
    def talks() -> None:
        for _ in range(100):
            print("x" * 999)

    @workflow
    async def listens() -> None:
        await talks()

    world.open(listens)
    run = world.start(listens)
    run.result(10)
    [done] = of_kind(run.history(), TaskCompleted)
    assert done.prints.startswith("x" * 999 + "\n")
    assert done.prints.endswith(f"… {100_000 - MAX_PRINTS} more characters")
    assert len(done.prints) < MAX_PRINTS + 100
    assert len(capsys.readouterr().out) == 100_000


def test_prints_go_to_the_cell_that_started_the_run(world: World) -> None:
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="none")
    shown: list[tuple[str, str]] = []

    class Screen:
        def write(self, text: str) -> int:
            shown.append((cell.get(), text))
            return len(text)

        def flush(self) -> None:
            pass

    @activity
    def talks() -> None:
        print("activity")

    @workflow
    async def listens() -> None:
        await talks()
        print("workflow")

    before, sys.stdout = sys.stdout, Screen()
    try:
        world.open(listens, forward_orphans=False)
        context = contextvars.copy_context()
        context.run(cell.set, "cell 7")
        world.client.start_call(listens, "null", origin=context).result(10)
        orphan = world.start(listens)
        orphan.result(10)
    finally:
        world.close()
        sys.stdout = before
    assert shown == [("cell 7", "activity\n"), ("cell 7", "workflow\n"), ("none", "workflow\n")]
    assert cell.get() == "none"


def test_a_screen_that_is_gone_fails_nothing(world: World) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    @activity
    def talks() -> str:
        print("hello")
        return "done"

    @workflow
    async def listens() -> str:
        print("hello")
        return await talks()

    before, sys.stdout = sys.stdout, Gone()
    try:
        world.open(listens)
        run = world.start(listens)
        assert run.result(10) == "done"
        [done] = of_kind(run.history(), TaskCompleted)
        assert done.prints == "hello\n"
    finally:
        world.close()
        sys.stdout = before


@workflow
async def talks_between_waits(ctx: WorkflowContext) -> None:
    print("begin")
    for n in range(3):
        await ctx.wait_for_external_event("go")
        print("got", n)


def test_s70_a_workflow_s_prints_are_shown_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.open(talks_between_waits)
    run = world.start(talks_between_waits, None, "order-42")
    world.until_waiting(run, "go")
    assert capsys.readouterr().out == "begin\n"
    run.raise_event("go")
    world.reopen(talks_between_waits)
    run = world.handle("order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    run.raise_event("go")
    run.result(10)
    assert capsys.readouterr().out == "got 0\ngot 1\ngot 2\n"


@pytest.mark.semantics(67)
def test_s70_what_a_workflow_prints_is_shown_behind_the_commit_and_not_at_all_without(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open(talks_between_waits)
    run = world.start(talks_between_waits, None, "order-42")
    world.until_waiting(run, "go")
    capsys.readouterr()
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError):
        run.raise_event("go")
    assert capsys.readouterr().out == ""
    world.store.fault = never_fails
    run.raise_event("go")
    world.until(run, lambda record, history: len(history) > 4)
    world.until_waiting(run, "go")
    assert capsys.readouterr().out == "got 0\n"


def test_s70_ctx_logger_is_silent_in_replays(world: World, caplog: pytest.LogCaptureFixture) -> None:
    @workflow
    async def logs(ctx: WorkflowContext) -> None:
        ctx.logger.warning("begin")
        await ctx.wait_for_external_event("go")
        ctx.logger.warning("end")

    world.open(logs)
    run = world.start(logs, None, "order-42")
    world.until_waiting(run, "go")
    world.reopen(logs)
    run = world.handle("order-42")
    run.raise_event("go")
    run.result(10)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("nbflow.workflow")]
    assert lines == ["[order-42] begin", "[order-42] end"]
