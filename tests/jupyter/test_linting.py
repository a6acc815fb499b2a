"""What the lint says in a notebook: below the cell, as a table, and about a rule."""

import subprocess
import sys

import pytest

from tests.jupyter.conftest import Notebook

CLOCK = """%%workflow remind(days: int) -> str
import asyncio

started = time.time()
await asyncio.sleep(days)
return f"{started}"
"""


@pytest.mark.semantics(46)
def test_a_line_under_the_cell_names_the_line_the_rule_and_the_fix(notebook: Notebook) -> None:
    notebook.run("import time")
    assert notebook.run(CLOCK).splitlines() == [
        "workflow remind(days: int) -> str · new",
        "line 4: NBF001 time.time() gives another value on replay: use ctx.current_utc_datetime",
    ]
    again = notebook.run(CLOCK).splitlines()
    assert again[0].endswith("unchanged")
    assert again[1].startswith("line 4: NBF001")
    run = "run = %wf run remind(0);"
    notebook.run(run)
    assert float(notebook["run"].result(10))


@pytest.mark.semantics(46)
def test_a_global_is_named_with_the_cell_that_defines_it(notebook: Notebook) -> None:
    notebook.run("orders = 1")
    notebook.run("orders, other = [], {}\nCONSTANT = {'a': 1}")
    notebook.run("print(len([]))")
    shown = notebook.run(
        "%%workflow collect(sku: str) -> int\norders.append(sku)\nreturn len(orders) + CONSTANT['a']"
    ).splitlines()
    assert shown[1] == (
        "line 2: NBF012 the global orders (Cell In[3]) is changed, and changed again on every replay: "
        "pass it in as an input, or make it a constant"
    )
    assert shown[2].startswith(
        "line 3: NBF012 the global orders (Cell In[3]) can change between a step and its replay"
    )
    assert len(shown) == 3


@pytest.mark.semantics(46)
def test_a_global_that_an_activity_changes(notebook: Notebook) -> None:
    notebook.run("COUNTS = {'n': 0}\ntotal = 0")
    notebook.run("%%activity count() -> None\nglobal total\ntotal += 1\nCOUNTS['n'] += 1")
    shown = notebook.run("%%workflow look() -> int\nawait count()\nreturn COUNTS['n'] + total").splitlines()
    assert [line.split(":")[1].split()[0] for line in shown[1:]] == ["NBF012", "NBF012"]
    assert "(count() changes it)" in shown[1]


def test_a_helper_of_another_cell_is_named_with_its_cell(notebook: Notebook) -> None:
    notebook.run("import uuid")
    notebook.run("def key(sku):\n    return f'{sku}-{uuid.uuid4()}'")
    shown = notebook.run("%%workflow order(sku: str) -> str\nreturn key(sku)").splitlines()
    assert shown[1] == (
        "Cell In[3] line 2: NBF003 uuid.uuid4() gives another value on replay (in key, called by order): "
        "use ctx.new_guid()"
    )


def test_decorators_in_plain_cells_are_read_too(notebook: Notebook) -> None:
    shown = notebook.run(
        "import time\nfrom nbflow import workflow\n\n@workflow\nasync def remind(ctx) -> float:\n    return time.time()"
    )
    assert "line 6: NBF001 time.time() gives another value on replay" in shown


def test_a_comment_keeps_a_line(notebook: Notebook) -> None:
    notebook.run("import time")
    assert len(notebook.run(CLOCK.replace("time.time()", "time.time()  # noqa: NBF001")).splitlines()) == 1


def test_many_findings_are_cut(notebook: Notebook) -> None:
    notebook.run("import time")
    shown = notebook.run("%%workflow many() -> int\n" + "time.time()\n" * 20 + "return 1").splitlines()
    assert len(shown) == 14
    assert shown[-1] == "8 more: type %wf lint many"


def test_wf_lint_lists_all_one_or_nothing(notebook: Notebook) -> None:
    assert notebook.run("%wf lint") == "nothing found in 0 workflows"
    notebook.run("import time")
    notebook.run(CLOCK)
    notebook.run("%%workflow fine() -> int\nreturn 1")
    table = notebook.run("table = %wf lint\ntable")
    assert table.splitlines()[0].split() == ["workflow", "where", "rule", "what", "instead"]
    assert list(notebook["table"]) == [
        (
            "remind",
            "Cell In[4] line 4",
            "NBF001",
            "time.time() gives another value on replay",
            "use ctx.current_utc_datetime",
        )
    ]
    assert "<td" in notebook["table"]._repr_html_()
    assert notebook.run("%wf lint fine") == "nothing found in fine"
    said = notebook.fail("%wf lint remnid")
    assert said.startswith("no workflow 'remnid' is known")
    assert said.count("\n") == 0


def test_a_rule_is_told(notebook: Notebook) -> None:
    for line in ("%wf lint NBF003", "%wf lint nbf003", "%wf help NBF003"):
        assert notebook.run(line).startswith("NBF003 (identifier): gives another value on replay\n")
    assert notebook.fail("%wf lint NBF999").startswith("there is no rule 'NBF999': they are NBF001")
    assert notebook.fail("%wf help NBF999").startswith("there is no rule 'NBF999'")


def test_a_workflow_is_defined_whatever_the_lint_meets(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oh")

    monkeypatch.setattr("nbflow.lint.check", broken)
    shown = notebook.run("%%workflow fine() -> int\nreturn 1").splitlines()
    assert shown == [
        "workflow fine() -> int · new",
        "fine could not be checked for determinism: KeyError: 'oh'",
    ]
    assert "fine" in notebook.shell.user_ns


def test_loading_the_extension_does_not_load_the_lint() -> None:
    code = "import sys, nbflow.jupyter.extension; print('nbflow.lint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
