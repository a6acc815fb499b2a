"""The gate at the cell: changed code is held against every run in flight before anything is decided."""

from typing import Any

import pytest

from tests.jupyter.conftest import Notebook

pytestmark = pytest.mark.semantics(12, 50, 51)

ORDER = """\
%%workflow order(sku: str) -> int {options}
first = await weigh({input})
await ctx.wait_for_external_event("approval")
return await weigh("late")
"""


def order(input: str = "sku", options: str = "") -> str:
    return ORDER.format(input=input, options=options)


@pytest.fixture
def shop(notebook: Notebook) -> Notebook:
    """Two runs in flight, of the same code, that have had different inputs."""
    notebook.run("%%activity weigh(sku: str) -> int\nreturn len(sku)")
    notebook.run(order())
    for sku in ("tea", "car"):
        notebook.run(f"run = %wf run order('{sku}') --id {sku};")
        notebook.run(f"%wf wait {sku}")
    return notebook


def definitions(notebook: Notebook) -> dict[str, Any]:
    session = next(part for part in notebook.shell.configurables if type(part).__name__ == "NbFlow")
    runs = session.client.list_workflows()
    records = session.runtime.read(lambda store: store.get_instances([run.instance_id for run in runs]))
    return {name: record.definition for name, record in records.items()}


def test_code_that_fits_some_is_told_for_each_and_nothing_changes(shop: Notebook) -> None:
    before = definitions(shop)
    shown = shop.run(order(input="'tea'"))
    assert "changed: runs in flight keep the code that they were started with" in shown
    assert "1 fit, 1 would diverge: all keep the code that they were started with" in shown
    row = next(line for line in shown.splitlines() if line.startswith("car "))
    assert "would diverge" in row
    assert 'weigh("car")' in row
    assert 'weigh("tea")' in row
    assert " 3 " in row  # the event
    assert " 2 " in row  # the line
    assert definitions(shop) == before
    for name in ("tea", "car"):
        shop.run(f"%wf raise {name} approval")
        assert f"{name} is COMPLETED: 4" in shop.run(f"%wf wait {name}")


def test_those_that_fit_change_over_when_it_is_asked_for(shop: Notebook) -> None:
    before = definitions(shop)
    shown = shop.run(order(input="'tea'", options="--adopt fitting"))
    assert "1 changed over to the new code; 1 keep the code that they were started with" in shown
    after = definitions(shop)
    assert after["car"] == before["car"]
    assert after["tea"] != before["tea"]
    assert "every run in flight of order has that code already" not in shop.run("%wf adopt order")
    for name in ("tea", "car"):
        shop.run(f"%wf raise {name} approval")
        assert f"{name} is COMPLETED: 4" in shop.run(f"%wf wait {name}")


def test_all_change_over_and_what_does_not_fit_stalls_with_a_report(shop: Notebook) -> None:
    shop.run(order(input="'tea'"))
    assert "2 changed over" in shop.run("%wf adopt order all")
    shop.run("%wf raise tea approval")
    assert "tea is COMPLETED: 4" in shop.run("%wf wait tea")
    shop.run("%wf raise car approval")
    assert 'the code did: call of activity weigh("tea")' in shop.run("%wf wait car")


def test_a_change_of_what_the_code_uses_passes_the_gate_too(notebook: Notebook) -> None:
    notebook.run("%%activity weigh(sku: str) -> int\nreturn len(sku)")
    notebook.run("PREFIX = 'a'")
    notebook.run(order(input="PREFIX + sku"))
    notebook.run("run = %wf run order('tea') --id tea;")
    notebook.run("%wf wait tea")
    shown = notebook.run("PREFIX = 'b'")
    assert "workflow order(sku: str) -> int · through PREFIX · changed" in shown
    assert "1 would diverge" in shown
    notebook.run("%wf raise tea approval")
    assert "tea is COMPLETED: 4" in notebook.run("%wf wait tea")


def test_the_same_code_again_is_nothing(shop: Notebook) -> None:
    shown = shop.run(order() + "# and a comment")
    assert shown == "workflow order(sku: str) -> int · unchanged"


def test_versions_are_listed_and_those_that_nobody_needs_are_dropped(shop: Notebook) -> None:
    shop.run(order(input="'tea'", options="--version two --adopt fitting"))
    listed = shop.run("%wf versions order")
    rows = [line.split() for line in listed.splitlines()[1:3]]
    assert [row[-3:] for row in rows] == [["1", "0", "yes"]] * 2
    assert rows[1][1:3] == ["(newest)", "two"]
    assert "it stays" in shop.fail("%wf versions order --drop two")
    shop.run("%wf terminate car")
    assert shop.run("%wf versions order --drop old") == "1 version of order forgotten"
    assert "order has no old versions" in shop.run("%wf versions order --drop old")
    shop.run("%wf raise tea approval")
    assert "tea is COMPLETED: 4" in shop.run("%wf wait tea")


def test_a_version_that_was_dropped_is_kept_again_when_it_is_defined_again(shop: Notebook) -> None:
    shop.run(order(input="'tea'", options="--adopt all"))
    assert shop.run("%wf versions order --drop old") == "1 version of order forgotten"
    shop.run(order())
    newest = shop.run("%wf versions order").splitlines()[2].split()
    assert (newest[1], newest[-1]) == ("(newest)", "yes")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%wf versions", "%wf versions needs a workflow: type %wf versions NAME; there are order"),
        ("%wf versions ordre", "no workflow 'ordre' is known: did you mean 'order'?"),
        ("%wf versions order --drop zz", "no version of order begins with 'zz'"),
        ("%wf adopt order some", "type %wf adopt order fitting"),
        ("%wf adopt order fitting --version zz", "no version of order begins with 'zz'"),
    ],
)
def test_what_is_typed_wrong_is_said_in_one_line(shop: Notebook, line: str, said: str) -> None:
    assert said in shop.fail(line)


@pytest.mark.semantics(79)
def test_a_workflow_that_cannot_be_kept_is_refused_with_what_to_do(notebook: Notebook) -> None:
    notebook.run("import threading\nlock = threading.Lock()")
    said = notebook.fail("%%workflow order(sku: str)\nreturn lock")
    assert "workflow order uses `lock`, which is a _thread.lock" in said
    assert "pass it in as input, move the work into an activity" in said
    assert "order" not in notebook.shell.user_ns


@pytest.mark.semantics(79)
def test_a_cell_that_makes_what_is_used_unfit_to_be_kept_is_told_and_the_workflow_goes_on(
    notebook: Notebook,
) -> None:
    notebook.run("limit = 3")
    notebook.run("%%workflow order(n: int) -> int\nreturn n + limit")
    said = notebook.run("limit = object()")
    assert "workflow order uses `limit`, which is an object, which may change" in said
    assert "Until then it goes on as it was" in said
    assert notebook.run("1") == "1"
    notebook.run("run = %wf run order(1) --id order-1;")
    assert "order-1 is COMPLETED: 4" in notebook.run("%wf wait order-1")
