"""One command to many runs."""

from __future__ import annotations

from typing import Any

import pytest

from nbflow.errors import InstanceNotFoundError, InstanceStateError, RuntimeClosedError
from nbflow.widgets.doing import Orders
from tests.views.stories import Story
from tests.widgets.instances_sources import FakeInstances
from tests.widgets.sources import FakeSource, Outbox


class Bench:
    def __init__(self, number: int = 3) -> None:
        self.source = FakeInstances()
        self.names = [f"order-{i}" for i in range(number)]
        for name in self.names:
            self.source.sources[name] = FakeSource(Story(instance_id=name))
        self.box = Outbox()
        self.orders = Orders(self.source, send=self.box.post)

    def give(self, command: str = "purge", id: str = "o-1", runs: Any = None) -> None:
        self.orders.give(
            {"type": "do", "id": id, "do": command, "runs": self.names if runs is None else runs}
        )

    @property
    def given(self) -> list[str]:
        return [name for name in self.names if self.source.sources[name].commanded]

    def finish(self, name: str, error: Exception | None = None) -> None:
        ((_, future),) = self.source.sources[name].commanded
        if error is None:
            future.set_result("done")
        else:
            future.set_exception(error)


def test_each_run_gets_the_command_and_the_end_is_told() -> None:
    bench = Bench()
    bench.give("suspend")
    for name in bench.names:
        bench.finish(name)
    last = bench.box.take()[-1]
    assert [bench.source.sources[name].commanded[0][0] for name in bench.names] == ["suspend"] * 3
    assert last == {
        "type": "order", "id": "o-1", "do": "suspend", "done": 3, "of": 3, "failed": 0, "reason": None, "over": True,
    }  # fmt: skip


def test_many_are_worked_on_a_few_at_a_time_and_told_of_now_and_then() -> None:
    bench = Bench(1000)
    bench.give()
    assert len(bench.given) == 16
    for name in bench.names:
        bench.finish(name)
    told = bench.box.take()
    assert (told[0]["done"], told[-1]["done"], told[-1]["over"]) == (0, 1000, True)
    assert len(told) < 60


def test_what_could_not_be_done_is_told_with_the_first_reason() -> None:
    bench = Bench()
    bench.give("purge")
    bench.finish("order-0", InstanceStateError("order-0 is RUNNING: only runs that have ended can be purged"))
    bench.finish("order-1", InstanceNotFoundError("there is no run 'order-1'"))
    bench.finish("order-2", InstanceStateError("another reason"))
    last = bench.box.take()[-1]
    assert (last["done"], last["failed"], last["over"]) == (1, 2, True), (
        "what was purged with its parent is purged"
    )
    assert last["reason"].startswith("order-0 is RUNNING")


def test_the_same_order_twice_is_done_once() -> None:
    bench = Bench()
    bench.give()
    bench.give()
    assert [len(bench.source.sources[name].commanded) for name in bench.names] == [1, 1, 1]
    assert len(bench.box.take()) == 2


def test_a_run_that_is_named_twice_is_done_once() -> None:
    bench = Bench(1)
    bench.give(runs=["order-0", "order-0"])
    bench.finish("order-0")
    assert bench.box.take()[-1]["of"] == 1


def test_a_thousand_runs_of_a_closed_history_fail_without_a_deep_stack() -> None:
    bench = Bench(2000)

    def closed(_name: str) -> Any:
        raise RuntimeClosedError("its history is closed")

    for source in bench.source.sources.values():
        source.command = closed  # type: ignore[method-assign]
    bench.give()
    last = bench.box.take()[-1]
    assert (last["failed"], last["reason"], last["over"]) == (2000, "its history is closed", True)


@pytest.mark.parametrize(
    "content",
    [
        {"type": "do", "id": "o", "do": "explode", "runs": ["order-0"]},
        {"type": "do", "id": "o", "do": "purge", "runs": []},
        {"type": "do", "id": "o", "do": "purge", "runs": [1]},
        {"type": "do", "id": "o", "do": "purge", "runs": "order-0"},
        {"type": "do", "do": "purge", "runs": ["order-0"]},
    ],
)
def test_orders_that_make_no_sense_do_nothing(content: Any) -> None:
    bench = Bench()
    bench.orders.give(content)
    assert (bench.given, bench.box.take()) == ([], [])
