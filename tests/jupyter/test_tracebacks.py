"""`await run` in a cell shows the line that raised, where it was written, and all that belongs to the failure."""

import pytest

from tests.jupyter.conftest import Notebook, StartKernel
from tests.jupyter.kernels import Kernel

pytestmark = pytest.mark.semantics(53)

CHARGE = """%%activity charge(cents: int)
limit = 100
try:
    {}["card"]
except KeyError as error:
    declined = ValueError("declined")
    declined.add_note("the card ends in 42")
    raise declined from error
"""
BUY = """%%workflow buy(cents: int)
try:
    await charge(cents)
except Exception:
    raise RuntimeError("nothing was sold")
"""
TOLD = [
    "Cell In[2], line 4, in charge",
    '----> 4     {}["card"]',
    "KeyError: 'card'",
    "The above exception was the direct cause of the following exception:",
    "Cell In[2], line 8, in charge",
    "----> 8     raise declined from error",
    "ValueError: declined",
    "the card ends in 42",
    "That ended the workflow:",
    "Cell In[3], line 3, in buy",
    "----> 3     await charge(cents)",
    "TaskFailedError: charge failed: ValueError: declined",
    "During handling of the above exception, another exception occurred:",
    "Cell In[3], line 5, in buy",
    '----> 5     raise RuntimeError("nothing was sold")',
    "RuntimeError: nothing was sold",
    "buy-1 has failed: type %wf show buy-1 --view timeline",
]


def assert_in_order(text: str, expected: list[str]) -> None:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in [" ".join(line.split()) for line in expected]:
        assert line in lines, f"{line!r} is missing, or not behind what comes before it, in:\n{text}"
        lines = lines[lines.index(line) + 1 :]


def test_the_whole_chain_is_told_in_the_order_in_which_it_happened(notebook: Notebook) -> None:
    notebook.run(CHARGE)
    notebook.run(BUY)
    notebook.run("run = %wf run buy(200) --id buy-1;")
    shown = notebook.fail("run.result()")
    assert_in_order(shown, TOLD)
    assert "nbflow/" not in shown


def test_a_group_shows_its_parts(notebook: Notebook) -> None:
    notebook.run('%%activity check(n: int)\nif n:\n    raise ValueError(f"{n} is wrong")')
    notebook.run(
        "%%workflow both()\nimport asyncio\nasync with asyncio.TaskGroup() as group:\n"
        "    group.create_task(check(1))\n    group.create_task(check(0))"
    )
    notebook.run("run = %wf run both() --id both-1;")
    shown = notebook.fail("run.result()")
    assert_in_order(
        shown,
        [
            "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
            "  +---------------- 1 ----------------",
            "  | Cell In[2], line 3, in check",
            '  | ----> 3     raise ValueError(f"{n} is wrong")',
            "  | ValueError: 1 is wrong",
            "  | That ended the workflow:",
            "  | TaskFailedError: check failed: ValueError: 1 is wrong",
        ],
    )


def test_an_endless_recursion_is_short(notebook: Notebook) -> None:
    notebook.run("%%activity deepen(n: int) -> int\ndef again(n):\n    return again(n + 1)\nreturn again(n)")
    notebook.run("%%workflow deep()\nreturn await deepen(0)")
    notebook.run("run = %wf run deep() --id deep-1;")
    shown = notebook.fail("run.result()")
    assert_in_order(
        shown,
        [
            "Cell In[2], line 4, in deepen",
            "Cell In[2], line 3, in again",
            "----> 3     return again(n + 1)",
            "      … and 28 more times",
            "That ended the workflow:",
        ],
    )
    assert len(shown.splitlines()) < 40


def test_a_syntax_error_shows_the_line_that_it_is_about(notebook: Notebook) -> None:
    notebook.run('%%activity parse()\ncompile("a = = 1", "shop.py", "exec")')
    notebook.run("%%workflow parses()\nawait parse()")
    notebook.run("run = %wf run parses() --id parse-1;")
    shown = notebook.fail("run.result()")
    assert_in_order(
        shown,
        [
            '----> 2 compile("a = = 1", "shop.py", "exec")',
            '  File "shop.py", line 1',
            "    a = = 1",
            "        ^",
            "SyntaxError: invalid syntax",
        ],
    )


@pytest.mark.semantics(28)
def test_an_exception_class_of_a_cell_is_not_retried_also_after_a_restart(notebook: Notebook) -> None:
    notebook.run(
        "class Declined(Exception): ...\nclass Stolen(Declined): ...\nfrom nbflow import RetryPolicy, activity"
    )
    notebook.run(
        "attempts = []\n"
        "@activity(retry_policy=RetryPolicy(0, 5, non_retryable=(Declined,)))\n"
        "def pay(how: str):\n"
        "    attempts.append(how)\n"
        "    raise {'stolen': Stolen, 'busy': OSError}[how](how)"
    )
    notebook.run("%%workflow pays(how: str)\nawait pay(how)")
    for how, count in (("stolen", 1), ("busy", 5)):
        notebook.run(f"run = %wf run pays('{how}') --id {how};")
        notebook.fail("run.result()")
        assert notebook.run(f"attempts.count('{how}')") == str(count)
    # the class is defined again, as Run All does: another class of the same name
    notebook.run("class Declined(Exception): ...\nclass Stolen(Declined): ...")
    notebook.run("run = %wf run pays('stolen') --id again;")
    notebook.fail("run.result()")
    assert notebook.run("attempts.count('stolen')") == "2"


@pytest.mark.kernel
def test_a_real_kernel_shows_it_too_and_so_does_the_next_one(
    kernel: Kernel, start_kernel: StartKernel
) -> None:
    for cell in (CHARGE, BUY, "run = %wf run buy(200) --id buy-1;"):
        assert kernel.run(cell).status == "ok"
    failed = kernel.run("await run")
    assert failed.ename == "WorkflowFailedError"
    text = "\n".join(failed.traceback)
    for line in ('{}["card"]', "raise declined from error", "the card ends in 42", "await charge(cents)"):
        assert line in text
    kernel.kill()
    kernel = start_kernel()
    assert kernel.run("%load_ext nbflow").status == "ok"
    text = "\n".join(kernel.run("import nbflow\nnbflow.client().handle('buy-1').result()").traceback)
    places = [
        text.index(line)
        for line in (
            '{}["card"]',
            "direct cause of",
            "raise declined from error",
            "That ended",
            "await charge(cents)",
        )
    ]
    assert places == sorted(places)
    assert "nbflow/" not in text
