"""How a run's replay ends: returned, raised, cut off, or other code than its history holds; and whole values."""

from __future__ import annotations

import linecache

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.views.replay.moments import Moment
from nbflow.views.replay.travel import TimeTravel, every_moment
from tests.views.stories_replay import Lived, Order, counting, fulfilled, lived_long


def moments(run: Lived) -> list[Moment]:
    return list(every_moment(run.code, run.history, instance_id=run.instance_id))


def variables(moment: Moment, depth: int = -1) -> dict[str, str]:
    return {local.name: local.text for local in moment.branches[0].frames[depth].variables}


@pytest.mark.parametrize("ending", ["returns", "raises", "continues", "is terminated"])
def test_the_end_of_a_run(ending):
    @workflow
    async def ends(ctx: WorkflowContext) -> str:
        async def inner(item: str) -> str:
            local = item * 2
            answer = await ctx.call_activity("a", input=local)
            if ending == "raises":
                raise LookupError(f"no {answer}")
            return str(answer)

        outer = await inner("tea")
        if ending == "continues":
            ctx.continue_as_new(None)
        return outer

    run = Lived(ends)
    if ending == "is terminated":
        run.take(h.ExecutionTerminated(at=run.now))
    else:
        run.done(1, "soup")
    last = moments(run)[-1]
    match ending:
        case "raises":
            assert (last.state, last.words) == ("failed", "it failed with LookupError: no soup")
            assert [frame.function for frame in last.branches[0].frames] == ["ends", "inner"]
            assert last.branches[0].frames[-1].source == 'raise LookupError(f"no {answer}")'
            found = variables(last)
            assert (found["item"], found["local"], found["answer"]) == ("'tea'", "'teatea'", "'soup'")
        case "returns":
            assert (last.state, last.words) == ("completed", 'it returned "soup"')
            assert variables(last)["local"] == "'teatea'"
        case "continues":
            assert (last.state, last.words) == ("continued", "it continued as new with null")
        case _:
            assert (last.state, last.words) == ("terminated", "it was terminated")
    assert variables(last, depth=0)["ctx"] == "<ctx of ends 'order-42'>"


def test_other_code_than_the_history_holds_is_said_and_not_raised():
    @workflow(name="fulfil")
    async def changed(ctx: WorkflowContext, order: Order) -> None:
        await ctx.call_activity("check_stock", input="coffee")

    run = fulfilled()
    every = list(every_moment(changed, run.history, instance_id="order-42"))
    assert every[1].problem is None
    for moment in every[2:]:
        assert moment.state == "stalled"
        assert moment.problem is not None
        assert moment.problem.expected == 'call of activity check_stock("tea")'
        assert moment.problem.actual == 'call of activity check_stock("coffee")'
        assert moment.problem.seq == 3
        assert (
            linecache.getline(str(moment.problem.file), moment.problem.line or 0).strip().startswith("await")
        )


def test_code_that_uses_what_is_not_there_is_said_and_not_raised():
    @workflow
    async def needs(ctx: WorkflowContext) -> None:
        await ctx.call_activity("a")
        await not_defined_anywhere()  # type: ignore[name-defined] # noqa: F821

    @workflow(name="needs")
    async def had(ctx: WorkflowContext) -> None:
        await ctx.call_activity("a")
        await ctx.call_activity("b")

    run = Lived(had)
    run.done(1)
    travel = TimeTravel(needs, run.history, instance_id="order-42")
    moment = travel.moment(99)
    assert moment.state == "missing"
    assert moment.problem is not None
    assert "run the cell that defines it" in moment.problem.words
    assert travel.moment(3).state == "running"
    travel.close()


def test_a_whole_value_at_any_position():
    run = lived_long(counting, 400)
    travel = TimeTravel(counting, run.history, instance_id=run.instance_id)
    end = len(run.history)
    whole = travel.value(end - 3, 1, 0, "seen")
    assert whole is not None
    assert whole.startswith("[\n    1,\n    2,\n")
    assert whole.endswith("]")
    assert travel.value(8, 1, 0, "seen") == "[1, 2]"
    assert travel.value(end, 1, 0, "seen") == whole, "as it was before the last step"
    assert travel.value(8, 1, 0, "no_such_name") is None
    assert travel.value(8, 2, 0, "seen") is None
    assert travel.value(8, 1, 7, "seen") is None
    travel.close()


def test_a_value_in_the_frames_of_an_error():
    @workflow
    async def fails(ctx: WorkflowContext) -> None:
        basket = list(range(100))
        await ctx.call_activity("a")
        raise LookupError(len(basket))

    run = Lived(fails)
    run.done(1)
    travel = TimeTravel(fails, run.history, instance_id="order-42")
    assert travel.moment(len(run.history)).state == "failed"
    assert str(travel.value(len(run.history), 1, 0, "basket")).startswith("[\n    0,\n")
    travel.close()
