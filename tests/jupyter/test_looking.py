"""``%wf show``, ``replay`` and ``export`` where there is no kernel, and each bad input in one line."""

import re
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from nbflow.jupyter import looking
from nbflow.runtime import pictures
from tests.jupyter.conftest import Notebook

FULFIL = """%%workflow fulfil(sku: str) -> str
decision = await ctx.wait_for_external_event("approval")
return f"{sku} {decision}"
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook in which order-1 waits for an approval: four events."""
    notebook.run(FULFIL)
    notebook.run("run = %wf run fulfil('tea') --id order-1")
    notebook.run("%wf wait order-1")
    return notebook


def completed(desk: Notebook, line: str) -> list[str]:
    with provisionalcompleter():
        return [found.text for found in desk.shell.Completer.completions(line, len(line))]


@pytest.mark.parametrize(
    ("view", "shows"),
    [
        ("card", "waits for 'approval'"),
        ("timeline", "waits for 'approval'"),
        ("replay", 'decision = await ctx.wait_for_external_event("approval")'),
        ("graph", "approval · waiting"),
        ("inbox", "%wf raise order-1 approval"),
        ("history", "EventWaitCreated"),
    ],
)
def test_each_view_is_text(desk: Notebook, view: str, shows: str) -> None:
    assert shows in desk.run(f"%wf show order-1 --view {view}")
    assert desk.run(f"%wf show order-1 --view {view};") == ""


def test_a_replay_begins_where_it_is_told_to(desk: Notebook) -> None:
    assert desk.run("%wf replay order-1").startswith("event 3 of 3: ")
    assert desk.run("%wf replay order-1 --to 0").startswith("event 0 of 3: ")
    assert desk.run("%wf replay order-1 --to=2").startswith("event 2 of 3: ")
    assert desk.run("again = %wf replay order-1 --to 2;") == ""
    assert desk["again"].instance_id == "order-1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("show", "%wf show needs a run: type %wf show ID, and %wf ps for the IDs"),
        ("show nope", "InstanceNotFoundError: there is no run 'nope' - type %wf ps for all of them"),
        ("show ordre-1 --view graph", "did you mean 'order-1'? - type %wf ps for all of them"),
        ("show order-1 order-1", "%wf show takes one run, not 2: type %wf show ID, and %wf ps for the IDs"),
        ("show order-1 --view tree", "is not one of card, timeline, replay, graph, inbox, history"),
        ("replay order-1 --to 4", "order-1 has 3 events, and no event 4: type %wf history order-1"),
        ("replay order-1 --to -1", "--to '-1' is no whole number: type --to 3"),
        ("replay order-1 --to ²", "--to '²' is no whole number: type --to 3"),
        ("export order-1", "%wf export needs a run and a file: type %wf export ID page.html"),
        ("export nope page.html", "there is no run 'nope' - type %wf ps for all of them"),
        ("export order-1 page", "page is no page: type %wf export order-1 page.html"),
        ("export order-1 'my page'", "'my page' is no page: type %wf export order-1 'my page.html'"),
        ("export order-1 .", ". is a folder: type %wf export order-1 page.html"),
        ("export order-1 /", "/ is a folder: type %wf export order-1 /page.html"),
        (
            "export order-1 no/page.html",
            "there is no folder no: make it, or type %wf export order-1 page.html",
        ),
        (
            "export order-1 there.html",
            "there.html exists: type %wf export order-1 there.html --force to replace it",
        ),
        (
            "export order-1 folder.html --force",
            "folder.html is a folder: type %wf export order-1 folder.html/page.html",
        ),
        ("nope;", "%wf has no command 'nope' - type %wf help for all of them"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    desk: Notebook, notebook_folder: Path, line: str, says: str
) -> None:
    (notebook_folder / "there.html").touch()
    (notebook_folder / "folder.html").mkdir()
    shown = desk.fail(f"%wf {line}")
    assert len(shown.splitlines()) == 1
    assert shown.endswith(says) or says in shown
    assert (notebook_folder / "there.html").read_text() == ""


def test_an_exported_file_is_named_as_any_word(desk: Notebook, notebook_folder: Path) -> None:
    desk.run("n = 7")
    assert "is written to my page.html (" in desk.run("%wf export order-1 'my page.html'")
    assert "is written to page-7.html (" in desk.run("%wf export run page-{n}.html")
    assert desk.run("%wf export order-1 quiet.html;") == ""
    assert sorted(path.name for path in notebook_folder.glob("*.html")) == [
        "my page.html",
        "page-7.html",
        "quiet.html",
    ]


def test_a_command_may_be_closed_without_a_blank(desk: Notebook) -> None:
    assert desk.run("%wf ps;") == ""
    assert desk.run("%wf ps ;") == ""
    assert desk.run("%wf help;") == ""


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("%wf show ", ["order-1"]),
        ("%wf replay or", ["order-1"]),
        ("x = %wf export or", ["order-1"]),
        ("%wf show order-1 ", ["--view"]),
        ("%wf show order-1 --view ", ["card", "graph", "history", "inbox", "replay", "timeline"]),
        ("%wf show order-1 --view t", ["timeline"]),
        ("%wf replay order-1 ", ["--to"]),
        ("%wf export order-1 page.html ", ["--force"]),
    ],
)
def test_runs_views_and_options_are_completed(desk: Notebook, line: str, becomes: list[str]) -> None:
    assert completed(desk, line) == becomes


def test_an_export_that_takes_its_time_says_how_far_it_is(
    desk: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_QUIET", 0.0)
    monkeypatch.setattr(pictures, "_STEP", 0.0)
    shown = desk.run("%wf export order-1 page.html").splitlines()
    assert len(shown) == 2
    assert re.fullmatch(r"order-1: [0-3] of 3 events are in the page", shown[0])
    assert shown[1].startswith("order-1 is written to page.html (")
