"""Calls of child workflows: which IDs they get, and what may be called."""

import asyncio
import re
from collections.abc import Generator
from typing import Any

import pytest

from nbflow import TaskFailedError, WorkflowContext, when_any, workflow
from nbflow.core import history as h
from nbflow.core.identity import child_instance_id, is_derived
from nbflow.errors import (
    ArgumentsError,
    DefinitionError,
    InvalidInstanceIdError,
)
from tests.core.builder import Run, child_completed, child_failed, work


@workflow
async def packs(sku: str, qty: int = 1) -> str: ...


def children(run: Run) -> list[str]:
    """The IDs of the children that a run has called for, in order."""
    return [event.instance_id for event in run.history if isinstance(event, h.ChildWorkflowCreated)]


# -- IDs -------------------------------------------------------------------------------------------


@pytest.mark.semantics(20, 59)
def test_children_are_numbered_and_nothing_else_counts(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> None:
        await work(1)
        first, given = packs("a"), ctx.call_child_workflow(packs, input={"sku": "b"}, instance_id="mine")
        ctx.create_timer(60)
        await asyncio.gather(first, packs("c"), given)
        await packs("d")

    run = drive(calls, instance_id="order-42", execution_id="0123456789abcdef")
    run.start()
    run.complete(1)
    for i in (5, 3, 2):
        run.turn(child_completed(i, "packed"))
    assert children(run) == [
        "order-42:01234567:0001",
        "mine",
        "order-42:01234567:0002",
        "order-42:01234567:0003",
    ]
    assert run.turn(child_completed(6, "packed")) == ["return null"]


@pytest.mark.semantics(2, 59)
def test_another_execution_gives_its_children_other_ids(drive):
    @workflow
    async def calls() -> None:
        await packs("a")

    runs = [drive(calls, instance_id="order-42", execution_id=name) for name in ("aaaaaaaa1", "bbbbbbbb1")]
    for run in runs:
        run.start()
    assert children(runs[0]) != children(runs[1])


@pytest.mark.semantics(59)
def test_a_child_of_a_child_has_its_whole_descent_in_its_id():
    child = child_instance_id("order-42", "0123456789", 7)
    assert child == "order-42:01234567:0007"
    assert child_instance_id(child, "fedcba9876", 12345) == "order-42:01234567:0007:fedcba98:12345"
    assert is_derived(child)
    assert not is_derived("order-42")


@pytest.mark.semantics(59)
def test_an_id_that_would_be_too_long_ends_in_a_hash_and_stays_unlike_all_others():
    longest = "p" * 256
    ids = [child_instance_id(longest, "0123456789", n) for n in range(1, 2000)]
    ids += [child_instance_id(longest, "f123456789", n) for n in range(1, 2000)]
    ids += [child_instance_id("p" * 255 + "q", "0123456789", n) for n in range(1, 2000)]
    assert len(set(ids)) == len(ids)
    assert {len(each) for each in ids} == {256}
    assert all(re.fullmatch(r"p{239}:[0-9a-f]{16}", each) for each in ids)
    assert all(is_derived(each) for each in ids)
    assert len(child_instance_id("p" * 242, "0123456789", 1)) == 256
    assert child_instance_id("p" * 242, "0123456789", 1).endswith(":01234567:0001")


@pytest.mark.semantics(59)
def test_at_any_depth_an_id_is_short_enough_and_its_own():
    seen = {"order-42"}
    one, other = "order-42", "order-42"
    for depth in range(100):
        one, other = child_instance_id(one, f"{depth:08}", 1), child_instance_id(other, f"{depth:08}", 2)
        assert len(one) <= 256
        assert len(other) <= 256
        seen |= {one, other}
    assert len(seen) == 201


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "parent:0001", "ä", "x" * 257, "a\n"])
@pytest.mark.semantics(59)
def test_an_id_that_no_caller_may_give_is_refused_where_the_child_is_called(drive, bad):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            ctx.call_child_workflow(packs, input={"sku": "a"}, instance_id=bad)
        except InvalidInstanceIdError as error:
            return str(error)
        return "let through"

    run = drive(calls)
    (line,) = run.start()
    assert "can't be an instance ID: 1 to 256 letters, digits, _ and - (such as order-42)" in line


# -- what may be called, and how ----------------------------------------------------------------------


@pytest.mark.semantics(20)
def test_a_call_is_a_child_like_any_other(drive):
    @workflow
    async def plain() -> str:
        return await packs("a", qty=2)

    @workflow
    async def dapr(ctx: WorkflowContext) -> str:
        return await ctx.call_child_workflow(packs, input={"sku": "a", "qty": 2})

    @workflow
    def yields(ctx: WorkflowContext) -> Generator[Any, Any, str]:
        return (yield packs("a", 2))

    histories = []
    for code in (plain, dapr, yields):
        run = drive(code)
        assert run.start() == ['#1 child packs({"sku":"a","qty":2})']
        assert run.turn(child_completed(1, "packed")) == ['return "packed"']
        histories.append([each for each in run.history if not isinstance(each, h.ExecutionStarted)])
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.semantics(20, 48)
def test_generators_call_children_one_after_the_other_and_side_by_side(drive):
    @workflow
    def yields(ctx: WorkflowContext) -> Generator[Any, Any, list[Any]]:
        first = yield packs("a")
        winner = yield when_any([packs("b"), packs("c")])
        try:
            yield packs("d")
        except TaskFailedError as error:
            return [first, winner.get_result(), str(error.details)]

    run = drive(yields)
    run.start()
    assert run.turn(child_completed(1, "A")) == [
        '#2 child packs({"sku":"b","qty":1})',
        '#3 child packs({"sku":"c","qty":1})',
    ]
    run.turn(child_completed(3, "C"))
    assert run.turn(child_failed(4, ValueError("no d"))) == ['return ["A","C","ValueError: no d"]']


@pytest.mark.semantics(20)
def test_a_child_called_by_name_has_plain_json_values(drive):
    @workflow
    async def named(ctx: WorkflowContext) -> object:
        return await ctx.call_child_workflow("elsewhere", input={"a": [1, None]})

    run = drive(named)
    assert run.start() == ['#1 child elsewhere({"a":[1,null]})']
    assert run.turn(child_completed(1, {"b": 2})) == ['return {"b":2}']


@pytest.mark.parametrize(
    ("callee", "words"),
    [
        (work, "work is no workflow: put @workflow (or %%workflow) on it"),
        (len, "len is no workflow: put @workflow (or %%workflow) on it"),
        (7, "7 is no workflow: put @workflow (or %%workflow) on it"),
    ],
    ids=["an activity", "a function", "a number"],
)
def test_what_is_no_workflow_is_refused_as_a_child(drive, callee, words):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            ctx.call_child_workflow(callee)
        except DefinitionError as error:
            return str(error)
        return "let through"

    assert drive(calls).start() == [f'return "{words}"']


def test_a_workflow_is_no_activity(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            ctx.call_activity(packs, input="a")
        except DefinitionError as error:
            return str(error)
        return "let through"

    assert drive(calls).start() == ['return "packs is no activity: put @activity (or %%activity) on it"']


def test_an_input_that_does_not_fit_the_child_calls_nothing(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            ctx.call_child_workflow(packs, input={"sku": "a", "colour": "red"})
        except ArgumentsError:
            return await packs("after")
        return "let through"

    run = drive(calls)
    assert run.start() == ['#1 child packs({"sku":"after","qty":1})']
    assert children(run) == ["run-1:e1:0001"], "the call that was refused has used up no number"
