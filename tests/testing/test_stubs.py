"""Stubs: what stands in for an activity, and what it can't get away with."""

import asyncio
from dataclasses import dataclass
from typing import Any
from unittest.mock import AsyncMock, Mock, call, create_autospec

import pytest

from nbflow import (
    RetryPolicy,
    WorkflowActivityContext,
    WorkflowContext,
    WorkflowFailedError,
    activity,
    workflow,
)
from nbflow.testing import NoStubError, WorkflowTestEnvironment, WorkflowTestError
from tests.testing.orders import Order, Receipt, charge, check_stock, fulfil, monitor, remind

TEA = Order("tea", 1200)


def in_environment(stub: Any, **options: Any) -> WorkflowTestEnvironment:
    return WorkflowTestEnvironment(fulfil, stubs={charge: stub}, **options)


async def bank(order: Order, cents: int) -> Receipt:
    await asyncio.sleep(0)
    return Receipt(f"async {order.sku}")


class Bank:
    async def __call__(self, order: Order, cents: int) -> Receipt:
        return Receipt(f"object {cents}")


@pytest.mark.parametrize(
    ("stub", "number"),
    [
        (lambda order, cents: Receipt(f"def {order.sku} {cents}"), "def tea 1200"),
        (lambda **given: Receipt(" ".join(given)), "order cents"),
        (bank, "async tea"),
        (Bank(), "object 1200"),
        (Mock(return_value=Receipt("mock")), "mock"),
        (AsyncMock(return_value=Receipt("async mock")), "async mock"),
        (create_autospec(charge.fn, return_value=Receipt("spec")), "spec"),
        (create_autospec(bank, return_value=Receipt("async spec")), "async spec"),
    ],
    ids=["def", "kwargs", "async def", "async object", "Mock", "AsyncMock", "autospec", "async autospec"],
)
def test_anything_that_can_be_called_is_a_stub(stub: Any, number: str) -> None:
    with in_environment(stub) as env:
        assert env.run(fulfil, TEA) == number


def test_a_mock_sees_the_arguments_by_name_and_rebuilt() -> None:
    mock = Mock(return_value=Receipt("R-1"))
    with in_environment(mock) as env:
        env.run(fulfil, TEA)
    mock.assert_called_once_with(order=TEA, cents=1200)


def test_a_stub_fails_by_raising_and_is_tried_again() -> None:
    mock = Mock(side_effect=[ConnectionError("down"), ConnectionError("down"), Receipt("R-3")])
    with in_environment(mock) as env:
        began = env.now
        assert env.run(fulfil, TEA) == "R-3"
        assert (env.now - began).total_seconds() == 60 + 120
        assert mock.call_args_list == [call(order=TEA, cents=1200)] * 3


def test_the_workflow_sees_the_stub_s_error() -> None:
    with in_environment(Mock(side_effect=ConnectionError("down"))) as env:
        assert env.run(fulfil, TEA) == "not charged: down"


def test_a_stub_that_returns_what_the_activity_may_not_is_found_out() -> None:
    @workflow
    async def pay(order: Order) -> str:
        return (await charge(order, 1)).number

    with (
        WorkflowTestEnvironment(pay, stubs={charge: lambda order, cents: {"number": 7}}) as env,
        pytest.raises(WorkflowFailedError, match=r"what the stub of charge returned.*number"),
    ):
        env.run(pay, TEA)


def test_a_stub_may_return_what_json_makes_of_a_result() -> None:
    with in_environment(lambda order, cents: {"number": "R-7"}) as env:
        assert env.run(fulfil, TEA) == "R-7"


def test_a_stub_that_can_t_take_the_arguments_is_refused_at_once() -> None:
    with pytest.raises(
        WorkflowTestError, match=r"the stub of charge can't take its arguments \(order, cents\)"
    ):
        in_environment(lambda o, c: Receipt("R-1"))
    with pytest.raises(WorkflowTestError, match="write lambda: Receipt"):
        in_environment(Receipt("R-1"))


def test_an_activity_can_be_named() -> None:
    with WorkflowTestEnvironment(fulfil, stubs={"charge": lambda order, cents: Receipt("R-1")}) as env:
        assert env.run(fulfil, TEA) == "R-1"
        assert env.calls("charge") == env.calls(charge) == [{"order": TEA, "cents": 1200}]


def test_a_name_that_is_mistyped_is_an_error() -> None:
    with pytest.raises(WorkflowTestError, match="no activity 'chrage' is known: did you mean 'charge'"):
        WorkflowTestEnvironment(fulfil, stubs={"chrage": Mock()})
    with (
        in_environment(Mock()) as env,
        pytest.raises(WorkflowTestError, match="'post' is known; there are: charge"),
    ):
        env.calls("post")


def test_an_activity_that_is_called_by_name_only_is_stubbed_by_its_definition() -> None:
    @activity
    def weigh(kilos: float) -> str:
        raise AssertionError("the real one")

    @workflow
    async def send(ctx: WorkflowContext) -> Any:
        return await ctx.call_activity("weigh", input=2.5)

    with WorkflowTestEnvironment(send, stubs={weigh: lambda kilos: f"{kilos} kg"}) as env:
        assert env.run(send) == "2.5 kg"


def test_activities_without_a_stub_run_for_real() -> None:
    with in_environment(lambda order, cents: Receipt("R-1")) as env:
        assert env.run(fulfil, Order("sold out", 1)) == "sold out"
        assert env.calls(check_stock) == [{"sku": "sold out"}]
        assert env.calls(charge) == []


def test_a_strict_environment_refuses_what_has_no_stub() -> None:
    with in_environment(lambda order, cents: Receipt("R-1"), strict=True) as env:
        with pytest.raises(NoStubError, match="called without a stub: check_stock; add it to stubs"):
            env.run(fulfil, TEA)
        with pytest.raises(NoStubError, match="check_stock"):
            env.skip(days=1)


@pytest.mark.asyncio
async def test_a_strict_environment_tells_who_awaits_a_run_as_well() -> None:
    async with in_environment(lambda order, cents: Receipt("R-1"), strict=True) as env:
        with pytest.raises(NoStubError, match="check_stock"):
            await env.start(fulfil, TEA)


def test_a_stub_can_be_put_in_later() -> None:
    with in_environment(Mock(side_effect=ConnectionError("down"))) as env:
        assert env.run(fulfil, TEA) == "not charged: down"
        env.stub(charge, lambda order, cents: Receipt("back"))
        assert env.run(fulfil, TEA) == "back"


def test_starting_another_workflow_does_not_bring_the_real_activity_back() -> None:
    @workflow
    async def also_pays(order: Order) -> str:
        return (await charge(order, 5)).number

    with in_environment(lambda order, cents: Receipt(f"stub {cents}")) as env:
        assert env.run(also_pays, TEA) == "stub 5"


def test_a_stub_gets_the_call_s_context_if_it_asks_for_it() -> None:
    def stub(ctx: WorkflowActivityContext, order: Order, cents: int) -> Receipt:
        return Receipt(f"{ctx.instance_id} {ctx.workflow_name} {ctx.attempt}")

    with in_environment(stub) as env:
        assert env.run(fulfil, TEA, id="order-42") == "order-42 fulfil 1"


def test_every_attempt_is_a_call() -> None:
    @activity(retry_policy=RetryPolicy(first_retry_interval=1, max_number_of_attempts=3))
    def post(to: str, copies: int = 1) -> None: ...

    @workflow
    async def letters() -> None:
        await post("Ada")
        await post("Grace", copies=2)

    answers = Mock(side_effect=[OSError("closed"), None, None])
    with WorkflowTestEnvironment(letters, stubs={post: answers}) as env:
        env.run(letters)
        assert env.calls(post) == [
            {"to": "Ada", "copies": 1},
            {"to": "Ada", "copies": 1},
            {"to": "Grace", "copies": 2},
        ]


def test_calls_are_read_once_everything_has_settled() -> None:
    with WorkflowTestEnvironment(monitor) as env:
        env.start(monitor, 2)
        assert env.calls(remind) == []
        env.skip(days=1)
        assert env.calls(remind) == [{"sku": "tea", "day": 0}]


@dataclass
class Sheet:
    rows: list[int]


def test_a_stub_can_t_change_what_the_history_holds() -> None:
    seen: list[Sheet] = []

    @activity
    def read(sheet: Sheet) -> Sheet: ...

    @workflow
    async def twice() -> list[int]:
        sheet = Sheet([1])
        return [*(await read(sheet)).rows, *(await read(sheet)).rows]

    def stub(sheet: Sheet) -> Sheet:
        seen.append(sheet)
        sheet.rows.append(99)
        return seen[0]

    with WorkflowTestEnvironment(twice, stubs={read: stub}) as env:
        assert env.run(twice) == [1, 99, 1, 99]
