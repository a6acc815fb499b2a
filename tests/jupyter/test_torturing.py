"""``%wf torture``: a notebook's workflow in processes that run no cell."""

import re
from typing import cast

import pytest
from IPython.core.completer import provisionalcompleter

from nbflow.jupyter.shell import Shell
from tests.jupyter.conftest import Notebook
from tests.jupyter.kernels import Kernel

CELLS = (
    "RATE = 2\ncounter = [0]\nlog = open('log', 'w')\ndef price(count):\n    return RATE * count",
    "%%activity charge(cents: int) -> str\nreturn f'R-{cents}'",
    "%%activity tell(what: str) -> str\nreturn str(log.write(what))",
    """%%workflow order(count: int) -> list
answer = await ctx.wait_for_external_event('approval')
return [answer, await charge(price(count))]
""",
    "%%workflow counts() -> str\ncounter.append(1)\nreturn await charge(len(counter))",
    "%%workflow tells() -> str\nreturn await tell('hello')",
)


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    for cell in CELLS:
        notebook.run(cell)
    return notebook


@pytest.mark.semantics(79)
def test_a_notebooks_workflow_is_tortured_without_a_cell_being_run(desk: Notebook) -> None:
    said = desk.run("""report = %wf torture order(3) --event 'approval={"approved": true}' --seed 7""")
    assert "order(3): making a scratch store" in said
    report = desk["report"]
    assert report.is_same, report
    assert report.output == [{"approved": True}, "R-6"]
    assert (report.seed, report.restarts) == (7, 3)
    assert desk.run("%wf ps") == "no runs: type %wf run NAME(…) to start one"


def test_a_global_of_another_cell_is_found(desk: Notebook) -> None:
    said = desk.run("%wf torture counts()")
    assert "✗ counts didn't come out the same in another process" in said
    assert "of counts in the first run: call of activity charge(2)" in said
    assert "line 3: return await charge(len(counter))" in said
    assert "the global counter can change between a step and its replay" in said
    assert re.search(r"the same again: %wf torture counts\(…\) --seed \d+", said)


def test_a_run_of_the_history_is_tortured_with_its_input_and_its_events(desk: Notebook) -> None:
    desk.run("run = %wf run order(4) --id order-42;")
    assert "order waits for event 'approval'" in desk.fail("%wf torture order-42")
    desk.run("%wf raise order-42 approval 'yes'\n%wf wait order-42")
    desk.run("report = %wf torture {run.instance_id} --restarts 1")
    report = desk["report"]
    assert (report.is_same, report.output, report.restarts) == (True, ["yes", "R-8"], 1)
    assert desk.run("run.status.value") == "'COMPLETED'"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "order(3)",
            "order waits for event 'approval', which nobody gives: type %wf torture order(…) --event",
        ),
        ("tells()", "activity tell uses `log`, which is a _io.TextIOWrapper"),
        ("tells() --stub tell=12", "doesn't fit str"),
        ("tells() --stub telll='x'", "no activity 'telll' is known: did you mean 'tell'"),
        ("order()", "missing a required argument: 'count': type %wf torture order(count=…)"),
        ("ordr(3)", "no workflow 'ordr' is known: did you mean 'order'"),
        ("order(3) approval", "is followed by 'approval': options begin with --"),
        ("order(3) --event", "--event needs a value: type %wf torture … --event NAME=EXPRESSION"),
        ("order(3) --event 'approval=oh('", "SyntaxError in oh("),
        ("order(3) --sed 4", "did you mean --seed?"),
        ("", "%wf torture needs a call of a workflow"),
    ],
)
def test_what_can_not_be_carried_out_is_said_in_a_line(desk: Notebook, line: str, says: str) -> None:
    assert says in desk.fail(f"%wf torture {line}")


def test_it_is_told_of_and_completed(desk: Notebook) -> None:
    said = desk.run("%wf help torture")
    assert "%wf torture NAME(ARGUMENTS)|ID" in said
    assert "each attempt once, in the first run" in said

    def completed(line: str) -> list[str]:
        with provisionalcompleter():
            return [one.text for one in cast("Shell", desk.shell).Completer.completions(line, len(line))]  # type: ignore[attr-defined]

    assert "order(" in completed("%wf torture or")
    assert {"--event", "--stub", "--seed"} <= set(completed("%wf torture order(3) --"))


def test_in_a_kernel_the_line_is_brought_up_to_date_and_the_report_is_html(kernel: Kernel) -> None:
    kernel.run("%%workflow greet(name: str) -> str\nreturn f'hello {name}'")
    done = kernel.run("%wf torture greet('<b>')")
    assert done.status == "ok", done.text
    (report,) = [result for result in done.results if "came out the same" in result["text/plain"]]
    assert "hello &lt;b&gt;" in report["text/html"]
