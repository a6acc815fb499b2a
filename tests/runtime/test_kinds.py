"""Every kind of run that the engine knows, in every view of it: a picture or a sentence, and never a failure of ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.state import StallReason
from nbflow.errors import LookNotPossible, NbflowError
from nbflow.runtime import RunSource, WorkflowHandle
from nbflow.widgets.conversation import Conversation
from tests.engine.worlds import PATIENCE, World

VIEWS = ("timeline", "inbox", "graph", "replay")


@activity
async def add(one: int, other: int) -> int:
    return one + other


@activity
async def breaks() -> None:
    raise ValueError("broken")


@workflow
async def asks(ctx: WorkflowContext) -> str:
    found = await add(1, 2)
    return f"{found} {await ctx.wait_for_external_event('approval')}"


@workflow
async def fails(ctx: WorkflowContext) -> None:
    await breaks()


@workflow
async def goes_on(ctx: WorkflowContext, number: int) -> int:
    await add(number, 1)
    if number < 3:
        ctx.continue_as_new(number + 1)
    return number


@workflow
async def leaf(ctx: WorkflowContext, number: int) -> int:
    return await add(number, 1)


@workflow
async def parent(ctx: WorkflowContext, count: int) -> int:
    return sum(await asyncio.gather(*(leaf(number) for number in range(count))))


@workflow
def yields(ctx: WorkflowContext, count: int) -> Any:
    total = 0
    for number in range(count):
        total = yield add(total, number)
    return total


class Prints:
    def __repr__(self) -> str:
        print("a repr")
        return "prints"


class Raises:
    def __repr__(self) -> str:
        raise SystemExit(1)


class NoText:
    def __repr__(self) -> str:
        return 5  # type: ignore[return-value]


@workflow
async def holds(ctx: WorkflowContext) -> int:
    values = [Prints(), Raises(), NoText()]
    first, second, third = values
    return await add(len(values), len([first, second, third]))


def without_source() -> Any:
    place: dict[str, Any] = {}
    code = "async def nameless(ctx):\n    value = 1\n    return await ctx.wait_for_external_event('go')\n"
    exec(compile(code, "<string>", "exec"), place)
    return workflow(place["nameless"])


nameless = without_source()


def other_asks() -> Any:
    """Code under the name of `asks` that its runs don't get along with."""

    @workflow(name="asks")
    async def asks_otherwise(ctx: WorkflowContext) -> str:
        return str(await ctx.wait_for_external_event("something else"))

    return asks_otherwise


def ended(world: World, code: Any, input: Any = None) -> WorkflowHandle:
    run = world.start(code, input)
    world.until(run, lambda record, _: record.status.is_terminal)
    return run


def waits(world: World, code: Any = asks, event: str = "approval") -> WorkflowHandle:
    run = world.start(code)
    world.until_waiting(run, event)
    return run


def suspended(world: World) -> WorkflowHandle:
    run = waits(world)
    run.suspend()
    world.until_status(run, "SUSPENDED")
    return run


def terminated(world: World) -> WorkflowHandle:
    run = waits(world)
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    return run


def put_off(world: World) -> WorkflowHandle:
    return world.start(asks, start_at=datetime.now(UTC) + timedelta(hours=1))


def child(world: World) -> WorkflowHandle:
    run = ended(world, parent, 2)
    return world.client.list_workflows(parent=run.instance_id)[0].instance_id


def without_code(world: World) -> WorkflowHandle:
    run = waits(world)
    world.reopen(add)
    return run


def changed(world: World) -> WorkflowHandle:
    run = waits(world)
    world.reopen(add, other_asks())
    world.handle(run).raise_event("approval", True)
    world.until_status(run, "STALLED")
    return run


def diverged(world: World) -> WorkflowHandle:
    run = changed(world)
    with pytest.raises(NbflowError, match="no longer matches its history"):
        world.handle(run).resume()
    return run


KINDS: dict[str, Callable[[World], Any]] = {
    "put off": put_off,
    "waiting": waits,
    "suspended": suspended,
    "terminated": terminated,
    "completed": lambda world: ended(world, leaf, 1),
    "failed": lambda world: ended(world, fails),
    "continued as new": lambda world: ended(world, goes_on, 0),
    "a generator": lambda world: ended(world, yields, 3),
    "a parent": lambda world: ended(world, parent, 30),
    "a child": child,
    "without source": lambda world: waits(world, nameless, "go"),
    "with reprs": lambda world: ended(world, holds),
    "without code": without_code,
    "with other code": changed,
    "diverged": diverged,
}


class Talk:
    """A card's conversation with a run, in which each question is waited for."""

    def __init__(self, source: RunSource) -> None:
        self._replies: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self.conversation = Conversation(source, send=self._take, keep=lambda _message: None)
        self.snapshot = self.conversation.open()

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            if message["type"] == "reply" and "taken" not in message:
                self._replies[message["id"]] = message
            self._changed.notify_all()

    def ask(self, what: str, **args: Any) -> dict[str, Any]:
        with self._changed:
            ask_id = str(len(self._replies))
        self.conversation.receive({"type": "ask", "id": ask_id, "what": what, **args})
        with self._changed:
            assert self._changed.wait_for(lambda: ask_id in self._replies, PATIENCE)
            return self._replies[ask_id]


def made(world: World, kind: str) -> RunSource:
    world.open(asks, fails, goes_on, parent, yields, holds, nameless)
    run = KINDS[kind](world)
    return RunSource(world.runtime, run if isinstance(run, str) else run.instance_id)


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_is_there_or_says_why_not(
    quick_world: World, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = made(quick_world, kind)
    run = quick_world.handle(source.instance_id)
    for view in VIEWS:
        if view == "replay" and kind in ("without code", "with other code"):
            with pytest.raises(LookNotPossible, match="isn't here: run the cell that defines"):
                run.replay()
            continue
        picture = getattr(run, view)()
        assert len(picture.html) > 100
        assert len(picture.text) > 10
    assert run.export(tmp_path / "run.html") > 50_000
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_question_of_the_card_is_answered_or_it_says_why_not(
    quick_world: World, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    talk = Talk(made(quick_world, kind))
    length = talk.snapshot["length"]
    replies = [talk.ask("listing"), talk.ask("graph"), talk.ask("events", start=0, count=200)]
    replies += [talk.ask("moment", seq=seq) for seq in range(-1, length + 2)]
    replies += [talk.ask("details", key=row["key"]) for row in talk.snapshot["rows"]]
    for seq in range(length + 1):
        replies += [talk.ask("value", seq=seq, branch=1, frame=frame, name="ctx") for frame in (-1, 0, 7)]
    replies += [talk.ask("moment", seq="x"), talk.ask("value", seq=None, branch="1", frame=None, name=3)]
    talk.conversation.close()
    assert [error for reply in replies if "failed" in (error := reply.get("error", ""))] == []
    assert capfd.readouterr() == ("", "")


def test_a_replay_of_code_that_parts_from_its_history_shows_where(quick_world: World) -> None:
    quick_world.open(asks)
    run = quick_world.handle(diverged(quick_world))
    record, _ = RunSource(quick_world.runtime, run.instance_id).snapshot()
    assert record.stall is not None
    assert record.stall.reason is StallReason.DIVERGED
    text = run.replay().text
    assert "something else" in text
    assert "no longer matches its history" in text


def test_another_version_of_the_code_is_not_called_missing(quick_world: World) -> None:
    quick_world.open(asks)
    run = quick_world.handle(changed(quick_world))
    with pytest.raises(
        LookNotPossible, match="the version of asks that this run was started with isn't here"
    ):
        run.replay()


def test_a_stalled_run_can_be_tried_again_from_its_card(quick_world: World) -> None:
    quick_world.open(asks)
    run = changed(quick_world)
    source = RunSource(quick_world.runtime, run.instance_id)
    talk = Talk(source)
    assert ["resume", "Try again", ""] in [list(one) for one in talk.snapshot["run"]["commands"]]
    with pytest.raises(NbflowError, match="no longer matches its history"):
        source.command("resume").result(PATIENCE)
