"""``%wf rewind``, ``%wf fork`` and ``%wf compare`` as people type them."""

import pytest
from IPython.core.completer import provisionalcompleter

from tests.jupyter.conftest import Notebook

CODE = """%%activity
def check(sku: str) -> int:
    return len(sku)

def ship(sku: str) -> str:
    raise OSError("no van")
"""
MENDED = """%%activity ship(sku: str) -> str
return f"shipped {sku}"
"""
WORKFLOW = """%%workflow fulfil(sku: str) -> str
count = await check(sku)
decision = await ctx.wait_for_external_event("approval")
if not decision["approved"]:
    return f"refused {count}"
return f"{await ship(sku)}, {count}"
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook in which order-1 has failed, and what failed is mended."""
    for cell in (CODE, WORKFLOW):
        notebook.run(cell)
    notebook.run("run = %wf run fulfil('tea') --id order-1;")
    notebook.run("%wf wait order-1")
    notebook.run('%wf raise order-1 approval {"approved": true}')
    notebook.run("%wf wait order-1")
    notebook.run(MENDED)
    return notebook


def approval(desk: Notebook) -> int:
    return next(e.seq for e in desk["run"].history() if type(e).__name__ == "EventRaised")


def test_rewind_says_where_to_and_what_is_tried_again(desk: Notebook) -> None:
    last = len(desk["run"].history()) - 2
    assert desk.run("%wf rewind order-1") == (f"order-1 is taken back to event {last}: ship is tried again")
    assert desk["run"].result(20) == "shipped tea, 3"
    assert "order-1 is COMPLETED, and only a FAILED run can be taken back" in desk.fail("%wf rewind order-1")
    assert "%wf rewind needs a run" in desk.fail("%wf rewind")


@pytest.mark.parametrize(
    "typed",
    [
        '%wf fork order-1 --at {at} --id no --set {{"approved": false}};',
        '%wf fork order-1 --at {at} --set {{"approved": false}} --id no;',
        '%wf fork run --set={{"approved":false}} --at {at} --id no;',
        '%%wf fork order-1 --at {at} --id no\n{{\n  "approved": false,  # not today\n}};',
    ],
)
def test_a_value_is_python_that_knows_json_names(desk: Notebook, typed: str) -> None:
    typed = typed.format(at=approval(desk))
    desk.run(typed if typed.startswith("%%") else f"no = {typed}")
    assert desk["run"].client.handle("no").result(20) == "refused 3"


def test_fork_shows_the_new_runs_card_and_gives_its_handle(desk: Notebook) -> None:
    at = approval(desk)
    shown = desk.run(f"fork = %wf fork order-1 --at {at}")
    assert shown.splitlines()[0] == f"order-1-fork-1 is forked from order-1 at event {at}"
    assert shown.count("fulfil  order-1-fork-1") == 1
    assert desk["fork"].result(20) == "shipped tea, 3"
    assert desk.run(f"again = %wf fork fork --at {at} --code newest;") == ""
    assert desk["again"].instance_id == "order-1-fork-1-fork-1"
    assert desk["again"].result(20) == "shipped tea, 3"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("%wf fork", "%wf fork needs a run: type %wf fork ID --at N"),
        ("%wf fork order-1", "%wf fork order-1 needs to know where: type %wf fork order-1 --at N, and %wf history order-1"),
        ("%wf fork order-1 order-2 --at 3", "%wf fork takes one run, not 2"),
        ("%wf fork order-1 --at three", "--at 'three' is no whole number: type --at 3"),
        ("%wf fork order-1 --at 99", "order-1: there is no event 99: its history goes from 1 to"),
        ("%wf fork order-1 --at 3 --set", "--set needs a value: type --set EXPRESSION"),
        ("%wf fork order-1 --at 3 --set {'a': ", "SyntaxError in {'a':"),
        ("%wf fork order-1 --at 3 --set 1", "event 3 is a TaskScheduled, which has no value to change"),
        ("%wf fork order-1 --at 5 --set 'x'", "the result of check doesn't fit int: Expected `int`, got `str`"),
        ("%wf fork order-1 --at 5 --set 1 --id a:b", "'a:b' can't be an instance ID"),
        ("%wf fork order-1 --at 5 --sett 1", "has no option --sett: did you mean --set?"),
        ("%wf fork order-9 --at 5", "there is no run 'order-9': did you mean 'order-1'?"),
        ("%wf forks order-1", "%wf has no command 'forks': did you mean 'fork'?"),
        ("%%wf fork order-1 --at 5 --set 1\n2", "%%wf fork takes the value from its cell: leave --set away"),
        ("%wf compare order-1", "%wf compare takes two runs, not 1"),
    ],
)  # fmt: skip
def test_what_is_typed_wrong_is_one_line(desk: Notebook, typed: str, words: str) -> None:
    said = desk.fail(typed)
    assert words in said
    assert len(said.splitlines()) == 1


def test_compare_shows_where_two_runs_part(desk: Notebook) -> None:
    at = approval(desk)
    desk.run(f'no = %wf fork order-1 --at {at} --set {{"approved": false}} --id no;')
    desk["no"].result(20)
    shown = desk.run("%wf compare run no")
    assert f"the first {at - 1} events are shared; they part at approval (event)" in shown
    assert 'returns "refused 3"' in shown
    assert desk["run"].compare("no").html.startswith("<div")
    assert "refused 3" in desk["run"].compare(desk["no"]).html


def complete(desk: Notebook, line: str) -> list[str]:
    with provisionalcompleter():
        return [found.text for found in desk.shell.Completer.completions(line, len(line))]


def test_completion_and_help_know_them(desk: Notebook) -> None:
    assert complete(desk, "%wf rew") == ["rewind"]
    assert "order-1" in complete(desk, "%wf fork or")
    assert complete(desk, "%wf fork order-1 --a") == ["--at"]
    assert complete(desk, "%wf fork order-1 --code n") == ["newest"]
    assert "order-1" in complete(desk, "%wf compare order-1 o")
    assert "--set EXPRESSION" in desk.run("%wf help fork")
