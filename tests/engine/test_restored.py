"""Code that nobody has registered is made of what the store keeps of it (S51, S52, S79)."""

import sys
from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.errors import WorkflowStalledError
from tests.definitions.notebook import Notebook
from tests.engine.worlds import World

pytestmark = pytest.mark.semantics(51, 79)

ORDER = """\
@activity
def charge(cents: int) -> str:
    return f"{cents} cents"

@workflow
async def tell(ctx, text: str) -> str:
    return text.upper()

@workflow
async def order(ctx, cents: int) -> str:
    extra = await ctx.wait_for_external_event("extra", data_type=int)
    return await tell(await charge(with_tax(cents) + extra))
"""


def cells(*before: str) -> Notebook:
    notebook = Notebook()
    for cell in before:
        notebook.run(cell)
    notebook.run(ORDER)
    return notebook


def begin(world: World, notebook: Notebook, id: str = "order-42") -> None:
    """Start a run of the notebook's order, until it waits, with all that the cells define registered."""
    world.open(*(notebook.workflow(name) for name in ("tell", "order")), notebook.namespace["charge"])
    world.until_waiting(world.start("order", 100, id), "extra")


def test_a_run_goes_on_with_nothing_registered(world: World) -> None:
    begin(world, cells("RATE = 0.5\ndef with_tax(cents: int) -> int:\n    return round(cents * (1 + RATE))"))
    world.reopen(crash=True, restore_code=True)
    world.client.raise_workflow_event("order-42", "extra", data=7)
    assert world.handle("order-42").result(20) == "157 CENTS"


def test_new_runs_take_the_newest_of_what_is_stored(world: World) -> None:
    begin(world, cells("def with_tax(cents: int) -> int:\n    return cents"))
    world.close()
    begin(world, cells("def with_tax(cents: int) -> int:\n    return 2 * cents"), id="order-43")
    world.reopen(restore_code=True)
    world.until_waiting(world.start("order", 100, "order-44"), "extra")
    for id in ("order-42", "order-43", "order-44"):
        world.client.raise_workflow_event(id, "extra", data=0)
    results = [world.handle(id).result(20) for id in ("order-42", "order-43", "order-44")]
    assert results == ["100 CENTS", "200 CENTS", "200 CENTS"]


def test_of_an_activity_the_newest_registered_runs_and_not_the_stored_one(world: World) -> None:
    begin(world, cells("def with_tax(cents: int) -> int:\n    return cents"))

    @activity(name="charge")
    def another(cents: int) -> str:
        return f"{cents} pence"

    world.reopen(another, restore_code=True)
    world.client.raise_workflow_event("order-42", "extra", data=7)
    assert world.handle("order-42").result(20) == "107 PENCE"


@pytest.mark.semantics(12)
def test_code_that_needs_a_module_that_is_not_here_waits_and_names_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "taxes_of_a_test.py"
    module.write_text("def with_tax(cents):\n    return 3 * cents\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    begin(world, cells("from taxes_of_a_test import with_tax"))
    world.close()
    module.rename(tmp_path / "elsewhere.txt")
    del sys.modules["taxes_of_a_test"]

    world.open(restore_code=True)
    world.client.raise_workflow_event("order-42", "extra", data=7)
    stall = world.until_status("order-42", "STALLED").stall
    assert stall is not None
    assert "No module named 'taxes_of_a_test' - install taxes_of_a_test, or run the cell" in stall.message
    with pytest.raises(WorkflowStalledError, match="taxes_of_a_test"):
        world.handle("order-42").resume()
    (tmp_path / "elsewhere.txt").rename(module)
    world.handle("order-42").resume()
    assert world.handle("order-42").result(20) == "307 CENTS"
    sys.modules.pop("taxes_of_a_test", None)


@pytest.mark.semantics(52)
def test_an_activity_that_cannot_be_kept_is_waited_for(world: World) -> None:
    connection = object()

    @activity
    def send(text: str) -> str:
        return f"{text} {connection is not None}"

    @workflow
    async def order(ctx: WorkflowContext) -> str:
        await ctx.wait_for_external_event("go")
        return await send("sent")

    world.open(order, send)
    world.until_waiting(world.start(order, id="order-42"), "go")
    world.reopen(restore_code=True)
    world.client.raise_workflow_event("order-42", "go")
    stall = world.until_status("order-42", "STALLED").stall
    assert stall is not None
    assert "waits for code: run the cell that defines the activity `send`" in stall.message
    world.runtime.register(send)
    assert world.handle("order-42").result(20) == "sent True"


def test_a_run_keeps_a_constant_that_its_notebook_changes_while_it_is_in_flight(world: World) -> None:
    notebook = cells("RATE = 2\ndef with_tax(cents: int) -> int:\n    return RATE * cents")
    begin(world, notebook)
    notebook.run("RATE = 5")
    world.runtime.register(notebook.workflow("order"))
    world.until_waiting(world.start("order", 100, "order-43"), "extra")
    for id in ("order-42", "order-43"):
        world.client.raise_workflow_event(id, "extra", data=0)
    assert world.handle("order-42").result(20) == "200 CENTS"
    assert world.handle("order-43").result(20) == "500 CENTS"


def test_what_a_notebook_gives_back_is_of_the_notebooks_own_classes(quick_world: World) -> None:
    notebook = Notebook()
    notebook.run("@dataclass\nclass Parcel:\n    grams: int")
    notebook.run("@workflow\nasync def pack(ctx, grams: int) -> Parcel:\n    return Parcel(grams)")
    quick_world.open(notebook.workflow("pack"))
    result: Any = quick_world.start("pack", 5, "pack-1").result(20)
    assert result == notebook.namespace["Parcel"](5)
    quick_world.reopen(restore_code=True)
    again: Any = quick_world.handle("pack-1").result(20)
    assert again.grams == 5


def test_a_result_of_older_code_is_of_the_class_that_the_notebook_has_now(quick_world: World) -> None:
    notebook = Notebook()
    notebook.run("@dataclass\nclass Parcel:\n    grams: int")
    notebook.run("@workflow\nasync def pack(ctx, grams: int) -> Parcel:\n    return Parcel(grams)")
    quick_world.open(notebook.workflow("pack"))
    run = quick_world.start("pack", 5, "pack-1")
    run.result(20)
    notebook.run("@dataclass\nclass Parcel:\n    grams: int\n    note: str = ''")
    notebook.run("@workflow\nasync def pack(ctx, grams: int) -> Parcel:\n    return Parcel(grams)")
    quick_world.runtime.register(notebook.workflow("pack"))
    assert run.result(20) == notebook.namespace["Parcel"](5)
