"""Code whose name stays and whose input or output changes: said when it is defined (S49)."""

import logging
from typing import Any

import pytest

from nbflow import activity, workflow
from nbflow.definitions import breaking_changes
from tests.engine.worlds import World

pytestmark = pytest.mark.semantics(49)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("(order: Order) -> str", "(order: Order) -> str", []),
        ("(order: Order) -> str", "(given: Order) -> str", []),  # the value itself is on record
        ("(order: Order) -> str", "(order: Basket) -> str", ["order: Order is now Basket"]),
        ("(a: int, b: int)", "(a: int, b: int, c: int = 3)", []),
        ("(a: int, b: int)", "(a: int, b: int, c: int)", ["c is new and has no default"]),
        (
            "(a: int, b: int)",
            "(a: int, size: int, *, c: str)",
            ["b is gone", "size is new and has no default", "c is new and has no default"],
        ),
        ("(a: int)", "(a: int, b: int = 0)", ["the input (a) is now (a, b)"]),
        ("()", "(a: int = 0)", ["the input () is now (a)"]),
        ("(a: int) -> int", "(a: int) -> str", ["the result int is now str"]),
        ("(a: int) -> int", "(a: int)", ["the result int is now anything"]),
        ("(a=<object at 0x1>)", "(a)", ["the signature (a=<object at 0x1>) is now (a)"]),
        ("(a=<object at 0x1>)", "(a=<object at 0x1>)", []),
    ],
)
def test_signatures_are_compared_by_what_is_on_record(before: str, after: str, changes: list[str]) -> None:
    assert breaking_changes(before, after) == changes


def versions() -> tuple[Any, Any]:
    @workflow(name="order")
    async def old(sku: str, count: int) -> str: ...

    @workflow(name="order")
    async def new(sku: str, count: float) -> str: ...

    return old, new


def test_a_change_within_the_process_is_told(quick_world: World, caplog: pytest.LogCaptureFixture) -> None:
    old, new = versions()
    quick_world.open(old)
    with caplog.at_level(logging.WARNING, "nbflow.runtime"):
        quick_world.runtime.register(old)
        assert caplog.messages == []
        quick_world.runtime.register(new)
    assert caplog.messages == [
        (
            "workflow order no longer takes or gives what is on record: count: int is now float; "
            "runs in flight may not go on with it"
        )
    ]


def test_a_change_since_the_store_was_last_open_is_told(world: World) -> None:
    old, new = versions()
    world.open(old)
    world.close()
    world.open()
    told: list[tuple[str, list[str]]] = []
    world.runtime.register(new, told=lambda definition, changes: told.append((definition.name, changes)))
    assert told == [("order", ["count: int is now float"])]
    world.runtime.register(new, told=lambda definition, changes: told.append((definition.name, changes)))
    assert len(told) == 1


def test_an_activity_of_the_same_name_as_a_workflow_is_another_thing(world: World) -> None:
    @activity
    def order(number: int) -> None: ...

    world.open(versions()[0])
    world.reopen()
    told: list[Any] = []
    world.runtime.register(order, told=lambda definition, changes: told.append(changes))
    assert told == []
