"""Many runs and their IDs: ``--reuse``, pages of ``%wf ps``, children, and ``%wf purge`` by filter."""

import re
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from nbflow.jupyter import places, progress
from nbflow.jupyter.session import session_of
from nbflow.runtime import purging as runtime_purging
from tests.jupyter.conftest import Notebook

ASKS = """%%workflow asks(what: str) -> str
answer = await ctx.wait_for_external_event("answer")
return f"{what} {answer}"
"""
PARENT = """%%workflow parent(what: str) -> str
return await asks(what)
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook with a history in memory, in which order-1 waits."""
    notebook.run("%wf db :memory: --virtual-clock")
    notebook.run(ASKS)
    notebook.run(PARENT)
    notebook.run("%wf run asks('tea') --id order-1;")
    notebook.run("%wf wait order-1")
    return notebook


def fails(notebook: Notebook, line: str) -> str:
    said = notebook.fail(line)
    assert len(said.splitlines()) == 1, said
    return said


def ids(notebook: Notebook, line: str) -> list[str]:
    notebook.run(f"listed = {line}")
    return [row[0] for row in notebook["listed"]]


def started(notebook: Notebook, name: str, *, end: str = "") -> None:
    notebook.run(f"%wf run asks('x') --id {name};")
    notebook.run(f"%wf wait {name}")
    if end == "terminate":
        notebook.run(f"%wf terminate {name}")
    elif end:
        notebook.run(f"%wf raise {name} answer '{end}'")
        notebook.run(f"%wf wait {name}")


# -- an ID that is taken --------------------------------------------------------------------------


@pytest.mark.semantics(5)
def test_ignore_keeps_the_run_that_is_there_whatever_its_status(desk: Notebook) -> None:
    said = desk.run("again = %wf run asks('coffee') --id order-1 --reuse ignore")
    assert said.startswith("attached to order-1, which was started before and is RUNNING")
    desk.run("%wf raise order-1 answer 1\n")
    desk.run("%wf wait order-1")
    said = desk.run("done = %wf run asks('coffee') --id order-1 --reuse ignore")
    assert said.startswith("attached to order-1, which was started before and is COMPLETED")
    assert desk["done"].result(20) == "tea 1"


@pytest.mark.semantics(5)
def test_ignore_keeps_a_run_of_another_workflow_too(desk: Notebook) -> None:
    desk.run("other = %wf run parent('coffee') --id order-1 --reuse ignore;")
    assert desk["other"].name == "asks"


@pytest.mark.semantics(6)
def test_terminate_puts_a_new_run_in_the_place_of_the_old_one(desk: Notebook) -> None:
    said = desk.run("new = %wf run asks('coffee') --id order-1 --reuse terminate")
    assert said.startswith("order-1 takes the place of a run of asks that was not over")
    assert ids(desk, "%wf ps") == ["order-1"]
    desk.run("%wf wait order-1")
    desk.run("%wf raise order-1 answer 2")
    assert desk["new"].result(20) == "coffee 2"
    said = desk.run("newer = %wf run asks('milk') --id order-1 --reuse terminate")
    assert "takes the place" not in said
    assert desk["newer"].status == "RUNNING"


@pytest.mark.semantics(7)
def test_error_refuses_an_active_run_even_if_it_is_the_same(desk: Notebook) -> None:
    assert "order-1 exists and is RUNNING" in fails(desk, "%wf run asks('tea') --id order-1 --reuse error")
    desk.run("%wf terminate order-1")
    assert desk.run("%wf run asks('tea') --id order-1 --reuse error;") == ""


def test_an_id_that_is_free_needs_no_policy(desk: Notebook) -> None:
    for how in ("error", "ignore", "terminate", "IGNORE"):
        assert desk.run(f"%wf run asks('x') --id free-{how} --reuse {how};") == ""
    assert "--reuse 'replace' is not one of error, ignore, terminate" in fails(
        desk, "%wf run asks('x') --id order-1 --reuse replace"
    )


# -- pages ----------------------------------------------------------------------------------------


def test_runs_are_listed_a_page_at_a_time(desk: Notebook) -> None:
    for number in range(2, 8):
        desk.run("%wf skip 1s")
        desk.run(f"%wf run asks('x') --id order-{number};")
    assert ids(desk, "%wf ps --limit 3") == ["order-7", "order-6", "order-5"]
    assert desk["listed"].note == "4 more: %wf ps --limit 3 --after order-5"
    assert ids(desk, desk["listed"].note.removeprefix("4 more: ")) == ["order-4", "order-3", "order-2"]
    assert desk["listed"].note == "1 more: %wf ps --limit 3 --after order-2"
    assert ids(desk, "%wf ps --limit 3 --after order-2") == ["order-1"]
    assert desk["listed"].note == ""
    assert desk.run("%wf ps --limit 2").splitlines()[-1] == "5 more: %wf ps --limit 2 --after order-6"


def test_a_page_keeps_its_filter(desk: Notebook) -> None:
    for number in range(2, 6):
        desk.run("%wf skip 1s")
        started(desk, f"order-{number}", end="terminate" if number % 2 else "")
    assert ids(desk, "%wf ps --status running --name asks --limit 1") == ["order-4"]
    assert desk["listed"].note == "2 more: %wf ps --status RUNNING --name asks --limit 1 --after order-4"
    assert ids(desk, "%wf ps --status RUNNING --after order-5") == ["order-4", "order-2", "order-1"]
    assert ids(desk, "%wf ps --status Terminated") == ["order-5", "order-3"]
    assert "--limit 'few' is no whole number" in fails(desk, "%wf ps --limit few")
    assert "no run 'order-9'" in fails(desk, "%wf ps --after order-9")


def test_runs_of_one_moment_are_each_listed_once(desk: Notebook) -> None:
    for number in range(2, 8):
        desk.run(f"%wf run asks('x') --id order-{number};")
    seen, line = [], "%wf ps --limit 2"
    while line:
        seen += ids(desk, line)
        line = desk["listed"].note.partition(": ")[2]
    assert sorted(seen) == [f"order-{number}" for number in range(1, 8)]


# -- children, and erasing ------------------------------------------------------------------------


def family(desk: Notebook, name: str) -> str:
    desk.run(f"%wf run parent('child of {name}') --id {name};")
    desk.run(f"%wf wait {name}")
    return next(run for run in ids(desk, "%wf ps") if run.startswith(f"{name}:"))


@pytest.mark.semantics(23)
def test_terminate_ends_children_unless_they_are_to_be_kept(desk: Notebook) -> None:
    first, second = family(desk, "p"), family(desk, "q")
    assert desk.run("%wf terminate p") == "terminated p"
    desk.run(f"%wf wait {first}")
    assert desk.run("%wf terminate q --keep-children") == "terminated q"
    assert set(ids(desk, "%wf ps --status TERMINATED")) == {"p", "q", first}
    assert second in ids(desk, "%wf ps --status RUNNING")


@pytest.mark.semantics(44)
def test_purge_erases_children_unless_they_are_to_be_kept(desk: Notebook) -> None:
    first, second = family(desk, "p"), family(desk, "q")
    desk.run("%wf terminate p q")
    desk.run(f"%wf wait {first}")
    desk.run(f"%wf wait {second}")
    assert desk.run("%wf purge p") == "purged p and 1 child"
    assert desk.run("%wf purge q --keep-children") == "purged q"
    assert set(ids(desk, "%wf ps")) == {"order-1", second}


def test_a_child_that_is_named_with_its_parent_is_erased_with_it(desk: Notebook) -> None:
    child = family(desk, "p")
    desk.run("%wf terminate p")
    desk.run(f"%wf wait {child}")
    assert desk.run(f"%wf purge p {child}") == f"purged p, {child}"
    assert ids(desk, "%wf ps") == ["order-1"]


@pytest.mark.semantics(44)
def test_a_run_with_a_child_that_goes_on_is_not_erased(desk: Notebook) -> None:
    child = family(desk, "p")
    desk.run("%wf terminate p --keep-children")
    said = fails(desk, "%wf purge p")
    assert f"{child} below p is RUNNING" in said
    assert "`%wf purge p --keep-children`" in said
    assert desk.run("%wf purge p --keep-children") == "purged p"


@pytest.mark.semantics(44)
def test_a_purge_of_many_says_how_far_it_is(desk: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        started(desk, name, end="yes")
    monkeypatch.setattr(progress, "_QUIET", 0.0)
    assert desk.run("%wf purge --status completed") == "3 of 3 runs are looked at\npurged 3 runs"


def test_the_file_gets_smaller_by_a_purge_or_when_it_is_asked_for(
    notebook: Notebook, notebook_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = notebook_folder / ".nbflow" / "history.duckdb"
    notebook.run("import random")
    notebook.run("%%workflow keeps(what: str) -> str\nreturn what")
    notebook.run("%%workflow stays(what: str) -> str\nreturn what")

    def fill() -> None:
        for n in range(3):
            notebook.run(f"%wf run keeps(random.Random({n}).randbytes(2**20).hex()) --id big-{n};")
            notebook.run(f"%wf wait big-{n}")
        notebook.run("%wf run stays(random.Random(9).randbytes(2**19).hex());")  # at the end of the file
        session = session_of(notebook.shell)
        assert session is not None
        session.client.compact(most=0)  # with which all of it is in the file

    fill()
    before = file.stat().st_size
    monkeypatch.setattr(places, "SPARE", 2**20)
    assert notebook.run("%wf purge --name keeps") == "purged 3 runs"
    assert file.stat().st_size < before / 2
    fill()
    monkeypatch.setattr(runtime_purging, "QUICK", 0)
    said = notebook.run("%wf purge --name keeps")
    assert re.fullmatch(
        r"purged 3 runs · \d+\.\d MB of the file are free for new runs: %wf db --compact gives them back",
        said,
    )
    assert file.stat().st_size > before / 2
    said = notebook.run("%wf db --compact")
    assert re.fullmatch(
        r"nbflow: history in \.nbflow/history\.duckdb had \d+\.\d MB, and has \d\.\d MB now", said
    )
    assert file.stat().st_size < before / 2
    said = notebook.run("%wf db --compact")
    if not said.endswith(" MB, and nothing to give back"):  # a checkpoint in between has left some more
        said = notebook.run("%wf db --compact")
    assert said.endswith(" MB, and nothing to give back")
    assert "for the open history: type %wf db x.duckdb, and then" in notebook.fail(
        "%wf db x.duckdb --compact"
    )
    notebook.run("%wf db :memory:")
    assert notebook.run("%wf db --compact").endswith("memory (nothing is kept) takes no room on disk")


def test_runs_are_erased_by_status_age_and_name(desk: Notebook) -> None:
    started(desk, "old-done", end="yes")
    started(desk, "old-ended", end="terminate")
    desk.run("%wf skip 10d")
    started(desk, "new-done", end="yes")
    assert desk.run("%wf purge --status completed --older-than 7d") == "purged 1 run"
    assert set(ids(desk, "%wf ps")) == {"order-1", "old-ended", "new-done"}
    assert desk.run("%wf purge --older-than 30d") == "purged nothing: no run that has ended is like that"
    assert desk.run("%wf purge --name parent") == "purged nothing: no run that has ended is like that"
    assert desk.run("%wf purge --name asks") == "purged 2 runs"
    assert ids(desk, "%wf ps") == ["order-1"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "%wf purge",
            "%wf purge needs to know which runs: type %wf purge ID, or %wf purge --status completed --older-than 7d",
        ),
        ("%wf purge --keep-children", "%wf purge needs to know which runs"),
        (
            "%wf purge order-1 --older-than 7d",
            "%wf purge takes IDs or --older-than, not both: type %wf purge order-1",
        ),
        ("%wf purge order-1", "order-1 is RUNNING, and only runs that have ended can be purged"),
        ("%wf purge order-2", "there is no run 'order-2': did you mean 'order-1'?"),
        ("%wf purge --status running", "--status 'running' is not one of COMPLETED, FAILED, TERMINATED"),
        ("%wf terminate --keep-children", "%wf terminate needs a run: type %wf terminate ID"),
        ("%wf suspend order-1 --keep-children", "%wf suspend has no option --keep-children, and no other"),
    ],
)
def test_what_is_mistyped_is_one_line(desk: Notebook, line: str, complaint: str) -> None:
    assert complaint in fails(desk, line)


def test_help_and_completion_know_it(desk: Notebook) -> None:
    assert "--keep-children" in desk.run("%wf help terminate")
    assert "%wf purge --status completed --older-than 7d" in desk.run("%wf help purge")

    def complete(line: str) -> set[str]:
        with provisionalcompleter():
            return {completion.text for completion in desk.shell.Completer.completions(line, len(line))}

    assert complete("%wf run asks('x') --reuse ") >= {"error", "ignore", "terminate"}
    assert complete("%wf ps --after ") >= {"order-1"}
    assert complete("%wf purge --status ") >= {"COMPLETED", "FAILED", "TERMINATED"}
    assert "RUNNING" not in complete("%wf purge --status ")
    assert complete("%wf purge --keep-children ") >= {"order-1", "--status"}


# -- runs that go on and on -----------------------------------------------------------------------


def test_run_all_again_attaches_to_a_run_that_has_continued_as_new(desk: Notebook) -> None:
    desk.run(
        "%%workflow watch(seen: int) -> None\n"
        'seen += await ctx.wait_for_external_event("look", data_type=int)\n'
        "ctx.continue_as_new(seen)\n"
    )
    desk.run("%wf run watch(0) --id eye;")
    for _ in range(2):
        desk.run("%wf wait eye")
        desk.run("%wf raise eye look 5")
    desk.run("%wf wait eye")
    said = desk.run("again = %wf run watch(0) --id eye")
    assert said.startswith("attached to eye, which was started before and is RUNNING, in its generation 3")
    assert desk["again"].state().input == 10
    assert "as a run of watch" in fails(desk, "%wf run asks('x') --id eye")


def test_terminate_returns_when_those_below_have_ended_too(desk: Notebook) -> None:
    desk.run("%%workflow grandparent() -> list\nreturn await asyncio.gather(*[parent(n) for n in 'abc'])\n")
    desk.run("import asyncio")
    desk.run("top = %wf run grandparent() --id top")
    desk.run("%wf wait top")
    desk.run("%wf terminate top")
    desk.run(
        "states = {s.runtime_status for s in top.client.list_workflows(name='asks') if 'top' in s.instance_id}"
    )
    assert desk["states"] == {"TERMINATED"}


def test_a_run_that_has_ended_is_started_once_more(notebook: Notebook) -> None:
    notebook.run(
        "%%workflow greet(name: str) -> str\nawait ctx.wait_for_external_event('go')\nreturn f'hi {name}'"
    )
    notebook.run("run = %wf run greet('Ada') --id greeting;")
    said = notebook.fail("%wf restart greeting")
    assert "greeting is RUNNING: it can be started again once it has ended" in said
    notebook.run("%wf raise greeting go\n%wf wait greeting")
    assert (
        notebook.run("%wf restart greeting") == "started greeting again: %wf show greeting shows how it goes"
    )
    notebook.run("%wf raise greeting go")
    assert "greeting is COMPLETED: 'hi Ada'" in notebook.run("%wf wait greeting")
