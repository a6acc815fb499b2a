"""What goes on side by side, however it is written."""

from __future__ import annotations

import pytest

from nbflow.views.graph.model import EdgeKind, GroupKind, NodeKind
from tests.views.graph.reading import flow, labels, ways

TWO = {
    "gather": "await asyncio.gather(fetch(1), store(2))",
    "when_all": "await when_all([fetch(1), store(2)])",
    "started first": "a = fetch(1)\n    b = store(2)\n    await a\n    await b",
    "create_task": "a, b = asyncio.create_task(fetch(1)), asyncio.create_task(store(2))\n    await when_all([a, b])",
    "task group": "async with asyncio.TaskGroup() as tg:\n        tg.create_task(fetch(1))\n        x = tg.create_task(store(2))",
    "anyio": "async with anyio.create_task_group() as tg:\n        tg.start_soon(one)\n        tg.start_soon(two)",
    "wait": "await asyncio.wait([asyncio.create_task(fetch(1)), asyncio.create_task(store(2))])",
    "one and meanwhile": "a = fetch(1)\n    await store(2)\n    await a",
    "a list that grows": "tasks = []\n    tasks.append(fetch(1))\n    tasks.append(store(2))\n    await when_all(tasks)",
}


@pytest.mark.parametrize("form", TWO)
def test_two_calls_at_once_are_two_branches(form: str) -> None:
    read = flow(
        f"async def work(ctx):\n    {TWO[form]}\n    await charge(3)\n",
        helpers={
            "one": "async def one():\n    await fetch(1)\n",
            "two": "async def two():\n    await store(1)\n",
        },
    )
    assert {
        "in parallel -> fetch",
        "in parallel -> store",
        "fetch -> join",
        "store -> join",
        "join -> charge",
    } <= ways(read)


MANY = {
    "gather": "await asyncio.gather(*[fetch(x) for x in xs])",
    "generator": "await asyncio.gather(*(fetch(x) for x in xs))",
    "when_all": "tasks = [fetch(x) for x in xs]\n    await when_all(tasks)",
    "map": "await asyncio.gather(*map(fetch, xs))",
    "loop": "tasks = []\n    for x in xs:\n        tasks.append(fetch(x))\n    await when_all(tasks)",
    "group": "async with asyncio.TaskGroup() as tg:\n        for x in xs:\n            tg.create_task(fetch(x))",
    "comprehension in a group": "async with asyncio.TaskGroup() as tg:\n        all = [tg.create_task(fetch(x)) for x in xs]",
    "as_completed": "for one in asyncio.as_completed([fetch(x) for x in xs]):\n        await one",
    "in turn": "found = [await fetch(x) for x in xs]",
}


@pytest.mark.parametrize("form", MANY)
def test_one_call_for_each_of_many_is_one_node_that_says_so(form: str) -> None:
    read = flow(f"async def work(ctx, xs):\n    {MANY[form]}\n    await charge(3)\n")
    node = next(node for node in read.graph.nodes if node.kind is NodeKind.ACTIVITY)
    each = "for each in xs" if form == "map" else "for each x in xs"
    assert (node.label, node.each, node.repeats) == ("fetch", each + ", in turn" * (form == "in turn"), True)
    assert {"work -> fetch", "fetch -> charge"} <= ways(read)


def test_a_helper_for_each_of_many_is_a_frame() -> None:
    read = flow("""
        async def work(ctx, xs):
            room = asyncio.Semaphore(2)
            async def one(x):
                async with room:
                    await fetch(x)
                    await store(x)
            await asyncio.gather(*[one(x) for x in xs], charge(1))
    """)
    assert [(g.kind, g.label) for g in read.graph.groups] == [
        (GroupKind.PARALLEL, "in parallel"),
        (GroupKind.MANY, "for each x in xs"),
        (GroupKind.HELPER, "one()"),
    ]
    assert {"in parallel -> fetch", "fetch -> store", "store -> join", "in parallel -> charge"} <= ways(read)


def test_a_race_says_that_the_first_one_counts() -> None:
    read = flow("""
        def work(ctx):
            approval = ctx.wait_for_external_event("approval")
            timer = ctx.create_timer(10)
            winner = yield when_any([approval, timer])
            if winner is timer:
                yield ctx.call_activity(refund)
    """)
    fork = "in parallel, until the first is done"
    assert {f"{fork} -> approval", f"{fork} -> timer 10 s", "join -> winner is timer?"} <= ways(read)


def test_what_nobody_waits_for_stands_beside_the_way() -> None:
    read = flow("""
        async def work(ctx):
            async def remind():
                while True:
                    await asyncio.sleep(60)
            reminder = asyncio.create_task(remind())
            await fetch(1)
            reminder.cancel()
    """)
    assert {"work -> again and again (spawn)", "work -> fetch", "fetch -> end"} <= ways(read)
    assert not any(edge.target == "end" and edge.kind is EdgeKind.SPAWN for edge in read.graph.edges)


def test_the_body_of_a_group_goes_on_beside_its_branches() -> None:
    read = flow("""
        async def work(ctx):
            async with asyncio.TaskGroup() as tg:
                tg.create_task(fetch(1))
                await store(2)
                await charge(3)
    """)
    assert {"in parallel -> fetch", "in parallel -> store", "store -> charge", "charge -> join"} <= ways(read)


def test_a_call_that_is_awaited_later_is_one_node_at_the_call() -> None:
    read = flow("""
        async def work(ctx, o):
            t = charge(o)
            total = 3
            await t
            again = await t
            return total
    """)
    assert labels(read) == ["charge", "return total"]
    assert next(n for n in read.graph.nodes if n.label == "charge").line == 2
