"""``%wf show`` and ``replay`` where there is no kernel, and each bad input in one line."""

import pytest
from IPython.core.completer import provisionalcompleter

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
        ("nope;", "%wf has no command 'nope' - type %wf help for all of them"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(desk: Notebook, line: str, says: str) -> None:
    shown = desk.fail(f"%wf {line}")
    assert len(shown.splitlines()) == 1
    assert shown.endswith(says) or says in shown


def test_a_command_may_be_closed_without_a_blank(desk: Notebook) -> None:
    assert desk.run("%wf ps;") == ""
    assert desk.run("%wf ps ;") == ""
    assert desk.run("%wf help;") == ""


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("%wf show ", ["order-1"]),
        ("%wf replay or", ["order-1"]),
        ("%wf show order-1 ", ["--view"]),
        ("%wf show order-1 --view ", ["card", "graph", "history", "inbox", "replay", "timeline"]),
        ("%wf show order-1 --view t", ["timeline"]),
        ("%wf replay order-1 ", ["--to"]),
    ],
)
def test_runs_views_and_options_are_completed(desk: Notebook, line: str, becomes: list[str]) -> None:
    assert completed(desk, line) == becomes
