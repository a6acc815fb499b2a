"""One activity after the other, and what the recorded input and result look like."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from nbflow import WorkflowContext, activity, workflow
from nbflow.core import history as h
from tests.core.builder import completed, failed, work


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True)
class Order:
    sku: str
    qty: int
    size: Size = Size.SMALL


@activity
def check_stock(order: Order) -> bool: ...


@activity
def charge(order: Order, cents: int, currency: str = "EUR") -> datetime: ...


def test_s10_each_result_leads_to_the_next_call(drive):
    @workflow
    async def fulfil(order: Order) -> str:
        if not await check_stock(order):
            return "sold out"
        paid = await charge(order, cents=1200)
        return f"{order.sku} {paid:%Y-%m-%d}"

    run = drive(fulfil)
    order = '{"sku":"tea","qty":2,"size":"large"}'
    assert run.start(Order("tea", 2, Size.LARGE)) == [f"#1 check_stock({order})"]
    assert run.complete(1, True) == [f'#2 charge({{"order":{order},"cents":1200,"currency":"EUR"}})']
    assert run.complete(2, "2026-02-03T00:00:00Z") == ['return "tea 2026-02-03"']


def test_s10_local_variables_are_restored_by_a_replay(drive):
    @workflow
    async def total(n: int) -> list[int]:
        seen: list[int] = []
        while len(seen) < n:
            seen.append(await work(len(seen)))
        return seen

    run = drive(total)
    run.start(3)
    run.complete(1, 10)
    run.complete(2, 20)
    cold = run.cold()
    assert cold.branches()[0].get_coro().cr_await.cr_frame.f_locals["seen"] == [10, 20]
    cold.evict()
    assert run.complete(3, 30) == ["return [10,20,30]"]


def test_s77_a_result_is_decoded_json_and_never_shared(drive):
    @workflow
    async def change() -> list[int]:
        first = work(1)
        got = await first
        got.append(99)
        return got

    run = drive(change)
    run.start()
    assert run.complete(1, [1]) == ["return [1,99]"]


def test_a_task_can_be_awaited_again_and_inspected(drive):
    @workflow
    async def reuse(ctx: WorkflowContext) -> list[object]:
        task = ctx.call_activity(work, input=1)
        before = task.is_complete
        one = await task
        return [
            before,
            one,
            await task,
            task.is_complete,
            task.is_failed,
            task.get_result(),
            task.get_exception(),
        ]

    run = drive(reuse)
    run.start()
    assert run.complete(1, "x") == ['return [false,"x","x",true,false,"x",null]']


def test_both_ways_to_call_give_the_same_history(drive):
    @workflow
    async def plain(order: Order) -> None:
        await charge(order, 1)

    @workflow
    async def dapr(ctx: WorkflowContext, order: Order) -> None:
        await ctx.call_activity(charge, input={"order": order, "cents": 1})

    assert drive(plain).start(Order("a", 1)) == drive(dapr).start(Order("a", 1))


def test_an_activity_can_be_called_by_name(drive):
    @workflow
    async def named(ctx: WorkflowContext) -> object:
        return await ctx.call_activity("elsewhere", input={"a": 1})

    run = drive(named)
    assert run.start() == ['#1 elsewhere({"a":1})']
    assert run.complete(1, [1, None]) == ["return [1,null]"]


def test_references_name_the_activities_that_the_code_called(drive):
    @workflow
    async def two() -> None:
        await work(1)
        await check_stock(Order("a", 1))

    run = drive(two)
    run.start()
    run.complete(1)
    assert list(run.execution.references) == ["work", "check_stock"]
    assert run.execution.references["work"] is work


def test_s71_a_result_in_the_same_turn_as_its_call_is_handled(drive):
    @workflow
    async def one() -> object:
        return await work(1)

    run = drive(one)
    run.start()
    assert run.turn(completed(1, 5)) == ["return 5"]


def test_s71_a_second_result_is_not_accepted(drive):
    @workflow
    async def two() -> object:
        return [await work(1), await work(2)]

    run = drive(two)
    run.start()
    assert run.state.accepts(completed(1, 1))
    run.complete(1, 1)
    assert not run.state.accepts(completed(1, 1))
    assert not run.state.accepts(failed(1))
    assert run.state.accepts(completed(2, 1))
    # And a live execution that is fed one all the same takes no notice.
    assert run.execution.feed(completed(1, "again")) == []
    assert run.complete(2, 2) == ["return [1,2]"]


def test_an_unknown_input_is_taken_as_it_is(drive):
    @workflow
    async def plain(value) -> object:
        return value

    assert drive(plain).start({"a": [1, None, "x"]}) == ['return {"a":[1,null,"x"]}']


def test_a_run_without_activities_ends_at_once(drive):
    @workflow
    async def nothing() -> None:
        return None

    run = drive(nothing)
    assert run.start() == ["return null"]
    assert [type(event) for event in run.history] == [
        h.WorkflowStarted,
        h.ExecutionStarted,
        h.ExecutionCompleted,
    ]
