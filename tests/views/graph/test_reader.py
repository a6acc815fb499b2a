"""From code to a graph: what becomes a node, and who leads to whom."""

from __future__ import annotations

import pytest

from nbflow.views.graph import Words, read_flow, text_graph
from nbflow.views.graph.model import GroupKind, NodeKind
from tests.views.graph.reading import flow, labels, ways


def test_a_chain_of_calls_is_a_chain_of_nodes() -> None:
    read = flow("""
        async def work(ctx, x):
            a = await fetch(x)
            b = sum(await store(a))
            return b
    """)
    assert ways(read) == {"work -> fetch", "fetch -> store", "store -> return b"}
    assert [node.line for node in read.graph.nodes] == [1, 2, 3, 4]


def test_a_decision_has_its_condition_and_its_ways_out() -> None:
    read = flow("""
        async def work(ctx, order):
            if order.total > 100:
                await check(order)
            elif order.gift:
                return "a present"
            await charge(order)
    """)
    assert ways(read) == {
        "work -> order.total > 100?",
        "order.total > 100? -> check [yes]",
        "order.total > 100? -> order.gift? [no]",
        "order.gift? -> return 'a present' [yes]",
        "order.gift? -> charge [no]",
        "check -> charge",
        "charge -> end",
    }


def test_what_decides_nothing_that_is_drawn_is_left_out() -> None:
    read = flow("""
        async def work(ctx, items):
            total = 0
            for item in items:
                if item > 3:
                    total += item
            while total > 100:
                total -= 1
            try:
                print(total)
            except ValueError:
                total = 0
            with open("x") as file:
                file.write("x")
            await charge(total)
    """)
    assert ways(read) == {"work -> charge", "charge -> end"}


def test_a_loop_leads_back_to_its_head() -> None:
    read = flow("""
        async def work(ctx, items):
            for item in items:
                if not item:
                    continue
                if await fetch(item):
                    break
                await asyncio.sleep(3600)
            else:
                await refund(items)
            return 1
    """)
    head = "for each item in items"
    assert ways(read) == {
        f"work -> {head}",
        f"{head} -> not item? [next]",
        f"not item? -> {head} [yes] (back)",
        "not item? -> fetch [no]",
        "fetch -> fetch(item)?",
        "fetch(item)? -> return 1 [yes]",
        "fetch(item)? -> sleep 1 h [no]",
        f"sleep 1 h -> {head} (back)",
        f"{head} -> refund [done]",
        "refund -> return 1",
    }


def test_a_loop_without_an_end_is_left_only_by_its_breaks() -> None:
    read = flow("""
        async def work(ctx):
            while True:
                if await check(1):
                    break
    """)
    assert "check(1)? -> end [yes]" in ways(read)
    assert not any(way.startswith("again and again -> end") for way in ways(read))


def test_a_while_loop_asks_before_each_round() -> None:
    read = flow("""
        async def work(ctx):
            while await check(1):
                await fetch(1)
    """)
    assert ways(read) == {
        "work -> check",
        "check -> while check(1)",
        "while check(1) -> fetch [next]",
        "fetch -> check (back)",
        "while check(1) -> end [done]",
    }


def test_a_match_has_a_way_for_each_case() -> None:
    read = flow("""
        async def work(ctx, how):
            match how:
                case "fast": await fetch(1)
                case Slow(n): await store(n)
                case _: return 0
    """)
    assert {"how? -> fetch ['fast']", "how? -> store [Slow(n)]", "how? -> return 0 [else]"} <= ways(read)


def test_handlers_are_reached_from_the_frame_of_what_fails() -> None:
    read = flow("""
        async def work(ctx):
            try:
                await fetch(1)
                await charge(1)
            except (TaskFailedError, TimeoutError):
                await refund(1)
                raise
            else:
                await store(1)
            finally:
                await check(1)
    """)
    assert ways(read) == {
        "work -> fetch",
        "fetch -> charge",
        "charge -> store",
        "charge -> refund [TaskFailedError or TimeoutError] (error)",
        "refund -> raise",
        "store -> check",
        "check -> end",
    }
    error = next(edge for edge in read.graph.edges if edge.kind.value == "error")
    assert error.tail_group == next(g.id for g in read.graph.groups if g.kind is GroupKind.TRY)


def test_a_return_inside_of_try_goes_by_way_of_finally() -> None:
    read = flow("""
        async def work(ctx):
            try:
                return await fetch(1)
            finally:
                await refund(1)
    """)
    assert ways(read) == {"work -> fetch", "fetch -> return", "return -> refund", "refund -> end"}


def test_a_raise_that_is_caught_leads_to_its_handler() -> None:
    read = flow("""
        async def work(ctx):
            try:
                await fetch(1)
                raise LookupError("no")
            except LookupError:
                await refund(1)
    """)
    assert "raise LookupError('no') -> refund [LookupError] (error)" in ways(read)


def test_helpers_are_boxes_with_their_calls_inside() -> None:
    read = flow(
        """
        async def work(ctx):
            async def careful(x):
                if not x:
                    return None
                return await charge(x)
            await careful(1)
            await other(2)
            await unknown(3)
            await self.known(4)
            return length(5)
        """,
        helpers={
            "other": "async def other(x):\n    await store(x)\n    await other(x)\n",
            "length": "def length(x): return 1\n",
        },
    )
    assert [group.label for group in read.graph.groups] == ["careful()", "other()"]
    assert labels(read) == [
        "not x?",
        "charge",
        "store",
        "other()",
        "unknown()",
        "self.known()",
        "return length(5)",
    ]
    assert "charge -> store" in ways(read)
    assert "not x? -> store [yes]" in ways(read)


def test_dapr_generators_read_like_coroutines() -> None:
    read = flow(
        """
        def work(ctx, order):
            found = yield ctx.call_activity(fetch, input=order)
            yield ctx.call_activity("by_name", input=order)
            yield ctx.call_child_workflow(child, input=order, instance_id="x")
            tasks = [ctx.call_activity(store, input=one) for one in found]
            yield when_all(tasks)
            yield from again(ctx)
            ctx.send_event("other", "late", data=1)
            ctx.set_custom_status("nearly")
            return 1
    """,
        helpers={"again": "def again(ctx):\n    yield ctx.create_timer(timedelta(days=2))\n"},
    )
    nodes = [(node.kind.value, node.label, node.each) for node in read.graph.nodes[1:]]
    assert nodes == [
        ("activity", "fetch", ""),
        ("activity", "by_name", ""),
        ("child", "child", ""),
        ("activity", "store", "for each one in found"),
        ("timer", "timer 2 d", ""),
        ("send", "late", ""),
        ("status", "'nearly'", ""),
        ("return", "return 1", ""),
    ]


def test_times_are_told_where_they_can_be() -> None:
    read = flow("""
        async def work(ctx, patience):
            await asyncio.sleep(30 * 86400)
            await asyncio.sleep(patience)
            await asyncio.sleep(0)
            await anyio.sleep(-3 + 5.5)
            await ctx.create_timer(timedelta(minutes=5, seconds=12))
            await ctx.wait_for_external_event("go", timeout=timedelta(hours=2))
            await ctx.wait_for_external_event(f"go {patience}", timeout=patience)
            await asyncio.wait_for(fetch(1), 90)
    """)
    assert labels(read) == [
        "sleep 30 d",
        "sleep patience",
        "sleep 2.5 s",
        "timer 5 min 12 s",
        "go",
        "f'go {patience}'",
        "fetch",
    ]
    assert [node.limit for node in read.graph.nodes if node.limit] == [
        "timeout 2 h",
        "timeout patience",
        "timeout 1 min 30 s",
    ]


def test_limits_are_frames() -> None:
    read = flow("""
        async def work(ctx):
            try:
                async with asyncio.timeout(5):
                    await fetch(1)
            except TimeoutError:
                pass
            with anyio.move_on_after(60):
                await store(1)
            await charge(1)
    """)
    assert [group.label for group in read.graph.groups if group.kind is GroupKind.TIMEOUT] == [
        "timeout 5 s",
        "timeout 1 min",
    ]
    assert {"fetch -> store [TimeoutError] (error)", "store -> charge [time is up] (error)"} <= ways(read)


def test_continue_as_new_leads_back_to_the_start() -> None:
    read = flow("""
        async def work(ctx, x):
            await fetch(x)
            ctx.continue_as_new(x + 1)
    """)
    assert ways(read) == {"work -> fetch", "fetch -> continue as new", "continue as new -> work (back)"}


def test_a_conditional_expression_is_a_decision() -> None:
    read = flow("""
        async def work(ctx, x):
            return await (fetch(x) if x else store(x))
    """)
    assert {"x? -> fetch [yes]", "x? -> store [no]"} <= ways(read)


@pytest.mark.parametrize(
    "text", ["", "lambda ctx: 1", "async def other(): pass", "def work(:", "\0", "x = " + "(" * 5000]
)
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert read_flow(text, "work") is None


def test_text_that_is_indented_keeps_its_lines() -> None:
    read = read_flow(
        "    async def work(ctx):\n        text = '''\nat the margin'''\n        await fetch(1)\n",
        "work",
        names=Words(activities=frozenset({"fetch"})),
        first_line=11,
    )
    assert read is not None
    assert [node.line for node in read.graph.nodes if node.kind is NodeKind.ACTIVITY] == [14]


def test_code_with_more_steps_than_can_be_looked_at_is_not_drawn() -> None:
    many = "async def work(ctx):\n" + "    await fetch(1)\n" * 3000
    assert read_flow(many, "work", names=Words(activities=frozenset({"fetch"}))) is None


def test_helpers_that_call_each_other_do_not_grow_without_end() -> None:
    helpers = {
        f"h{i}": f"async def h{i}(x):\n    await h{i + 1}(x)\n    await h{i + 1}(x)\n    await fetch(x)\n"
        for i in range(30)
    }
    read = flow("async def work(ctx):\n    await h0(1)\n", helpers=helpers)
    assert len(read.graph.nodes) < 2000


def test_the_outline_follows_the_code() -> None:
    read = flow("""
        async def work(ctx, order):
            if order.gift:
                await check(order)
            a, b = await asyncio.gather(fetch(1), child(2))
            for item in order:
                await charge(item)
    """)
    assert text_graph(read).splitlines() == [
        "● work",
        "  · order.gift?",
        "    yes:",
        "      · check · activity",
        "    no: go on",
        "  ∥ in parallel",
        "  ├ · fetch · activity",
        "  └ ▣ child · child workflow",
        "  ↻ for each item in order",
        "    · charge · activity",
    ]
