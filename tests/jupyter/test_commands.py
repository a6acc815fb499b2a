"""``%wf`` in a notebook of this process: every command, and each bad input in one line."""

import sys
import threading
from datetime import UTC, datetime

import pytest
from IPython.core.completer import provisionalcompleter

from tests.jupyter.conftest import Notebook

ACTIVITY = """%%activity check(sku: str, qty: int) -> bool
return qty < 10
"""
WORKFLOW = """%%workflow fulfil(sku: str, qty: int = 1) -> str
in_stock = await check(sku, qty)
decision = await ctx.wait_for_external_event("approval")
return f"{sku} {in_stock} {decision}"
"""
SLEEPER = """%%workflow sleeper(seconds: float) -> str
import asyncio
await asyncio.sleep(seconds)
return "slept"
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook in which order-1 waits for an approval."""
    for cell in (ACTIVITY, WORKFLOW, SLEEPER):
        notebook.run(cell)
    notebook.run("run = %wf run fulfil('tea') --id order-1")
    notebook.run("%wf wait order-1")
    return notebook


def one_line(text: str) -> str:
    assert len(text.splitlines()) == 1, text
    return text


def test_run_shows_the_run_once_and_gives_its_handle(notebook: Notebook) -> None:
    notebook.run(ACTIVITY)
    notebook.run(WORKFLOW)
    shown = notebook.run("run = %wf run fulfil('tea', qty=3) --id order-1")
    assert shown.count("fulfil  order-1") == 1
    assert notebook["run"].instance_id == "order-1"
    assert notebook.run("%wf run fulfil('tea') --id order-2").count("fulfil  order-2") == 1
    assert notebook.run("%wf run fulfil('tea') --id order-3;") == ""
    assert notebook.run("run").count("fulfil  order-1") == 1
    assert notebook.run("i = 4\nlast = %wf run fulfil('{i}') --id order-{i};") == ""
    assert notebook["last"].instance_id == "order-4"
    assert notebook["last"].state().input == {"sku": "{i}", "qty": 1}


def test_arguments_are_python_that_knows_json_names(notebook: Notebook) -> None:
    notebook.run("%%workflow echo(value)\nreturn value")
    notebook.run("sku = 'tea'")
    notebook.run('run = %wf run echo({"sku": sku, "gift": true, "vip": false, "note": null});')
    assert notebook["run"].result(20) == {"sku": "tea", "gift": True, "vip": False, "note": None}
    notebook.run("%%wf run --id long\necho([\n  # it's long )\n  [x for x in range(3)],\n])")
    notebook.run("%%wf run\necho('x') --id below;")
    assert notebook["run"].client.handle("long").result(20) == [[0, 1, 2]]
    assert notebook["run"].client.handle("below").result(20) == "x"


def test_run_again_attaches_to_the_active_run(desk: Notebook) -> None:
    shown = desk.run("again = %wf run fulfil('tea', 1) --id order-1")
    assert shown.startswith("attached to order-1, which was started before and is RUNNING")
    assert desk["again"].instance_id == "order-1"
    assert len(desk.run("%wf ps").splitlines()) == 2


def test_run_again_with_another_input_is_an_error(desk: Notebook) -> None:
    said = one_line(desk.fail("%wf run fulfil('coffee') --id order-1"))
    assert said == (
        "InstanceExistsError: order-1 exists with another input and is RUNNING: type %wf show order-1, "
        "choose another --id, or add --reuse terminate to replace it"
    )
    said = one_line(desk.fail("%wf run sleeper(1) --id order-1"))
    assert "order-1 exists as a run of fulfil and is RUNNING" in said
    assert "order-1 exists and is RUNNING" in one_line(
        desk.fail("%wf run fulfil('tea') --id order-1 --reuse error")
    )
    assert desk.run("%wf run fulfil('coffee') --id order-1 --reuse ignore").startswith("attached to order-1")


@pytest.mark.semantics(3)
def test_the_python_calls_are_strict(desk: Notebook) -> None:
    said = desk.fail("fulfil.start('tea', 1, id='order-1')")
    assert "InstanceExistsError: order-1 exists and is RUNNING" in said
    assert "nbflow" not in said.replace("%wf", "")


def test_a_later_start(notebook: Notebook) -> None:
    notebook.run(SLEEPER)
    notebook.run("run = %wf run sleeper(0) --id later --start-in 24h;")
    assert notebook["run"].status == "PENDING"
    said = notebook.run("%wf ps")
    assert "its start at" in said
    assert f"{datetime.now(UTC).year}" in said


def test_events_are_raised(desk: Notebook) -> None:
    assert (
        desk.run('%wf raise order-1 approval {"approved": true}') == "order-1: event 'approval' is recorded"
    )
    assert desk["run"].result(20) == "tea True {'approved': True}"
    desk.run("run = %wf run fulfil('tea') --id order-2;")
    desk.run("%%wf raise run approval\n{\n  'approved': False,  # not today\n}")
    assert desk["run"].result(20) == "tea True {'approved': False}"
    desk.run("run = %wf run fulfil('tea') --id order-3;")
    desk.run("%wf raise order-{1 + 2} approval")
    assert desk["run"].result(20) == "tea True None"


def test_ps_lists_and_narrows(desk: Notebook) -> None:
    desk.run("%wf run sleeper(3600) --id nap;")
    said = desk.run("%wf ps").splitlines()
    assert said[0].split() == [
        "ID",
        "workflow",
        "status",
        "waits",
        "for",
        "created",
        "(UTC)",
        "updated",
        "(UTC)",
    ]
    assert [line.split()[0] for line in said[1:]] == ["nap", "order-1"]
    assert "event 'approval'" in said[2]
    assert len(desk.run("%wf ps --name sleeper").splitlines()) == 2
    assert desk.run("%wf ps --status FAILED") == "no such runs: type %wf ps for all"
    desk.run("runs = %wf ps")
    assert [row[0] for row in desk["runs"]] == ["nap", "order-1"]
    assert "<td" in desk["runs"]._repr_html_()


def test_views_of_a_run(desk: Notebook) -> None:
    assert "fulfil  order-1" in desk.run("%wf show order-1")
    assert "◷ approval" in desk.run("%wf show run --view timeline")
    history = desk.run("%wf show order-1 --view history")
    assert history == desk.run("%wf history order-1")
    for event in ("ExecutionStarted", "TaskCompleted", "EventWaitCreated"):
        assert event in history


def test_wait_returns_when_only_a_person_can_help(desk: Notebook) -> None:
    assert desk.run("%wf wait order-1") == "order-1 waits for 'approval': answer it, then `await run`"
    desk.run("%wf run sleeper(0.4) --id nap;")
    assert desk.run("%wf wait nap") == "nap is COMPLETED: 'slept'"
    desk.run("del run")
    assert desk.run("%wf wait order-1") == "order-1 waits for 'approval': answer it, then %wf wait order-1"


def test_wait_gives_up_in_time_and_the_run_goes_on(desk: Notebook) -> None:
    desk.run("%wf run sleeper(3600) --id nap;")
    said = one_line(desk.fail("%wf wait nap --timeout 0.3s"))
    assert said.startswith("nap waits for a timer until ")
    assert said.endswith("it has not ended after 0.3 s, and goes on: type %wf wait nap to wait longer")


def test_wait_sees_an_event_that_is_on_its_way(desk: Notebook) -> None:
    timer = threading.Timer(0.25, lambda: desk["run"].raise_event("approval", True))
    timer.start()
    desk.run("%wf raise order-1 approval True\n%wf wait order-1")
    timer.join()
    assert desk["run"].result(20) == "tea True True"


def test_suspend_resume_terminate_purge(desk: Notebook) -> None:
    desk.run("%wf run fulfil('tea') --id order-2;")
    assert (
        desk.run("%wf suspend order-1 order-2")
        == "suspended order-1, order-2: %wf resume order-1 lets it go on"
    )
    assert desk.run("%wf wait order-1") == "order-1 is suspended: %wf resume order-1"
    assert desk.run("%wf resume order-1") == "resumed order-1"
    said = one_line(desk.fail("%wf purge order-1"))
    assert said.startswith("InstanceStateError: order-1 is RUNNING")
    assert said.endswith("`%wf terminate order-1` first")
    assert desk.run("%wf terminate order-{1} order-2") == "terminated order-1, order-2"
    assert desk.run("%wf terminate order-1") == "order-1 is TERMINATED already"
    assert desk.run("%wf raise order-1 approval") == (
        "order-1 is TERMINATED: event 'approval' came too late, and was dropped"
    )
    assert desk.run("%wf purge order-1") == "purged order-1"
    assert len(desk.run("%wf ps").splitlines()) == 2


def test_nothing_is_done_if_one_of_several_runs_is_unknown(desk: Notebook) -> None:
    desk.fail("%wf suspend order-1 order-7")
    assert desk["run"].status == "RUNNING"


@pytest.mark.semantics(36)
def test_an_event_that_does_not_fit_is_refused_and_the_wait_goes_on(notebook: Notebook) -> None:
    notebook.run("%%workflow ask() -> int\nreturn await ctx.wait_for_external_event('number', data_type=int)")
    notebook.run("run = %wf run ask() --id ask-1;\n%wf wait ask-1")
    said = one_line(notebook.fail("%wf raise ask-1 number 'seven'"))
    assert said.startswith("EventRejectedError: ")
    assert "Expected `int`, got `str`" in said
    notebook.run("%wf raise ask-1 number 7")
    assert notebook["run"].result(20) == 7


def test_a_history_in_memory(notebook: Notebook) -> None:
    assert (
        notebook.run("%wf db :memory:")
        == "nbflow: history in memory (nothing is kept) · no run waits · %wf help"
    )
    notebook.run(SLEEPER)
    notebook.run("run = %wf run sleeper(0);")
    assert notebook["run"].result(20) == "slept"


def test_sql_answers_questions(desk: Notebook) -> None:
    desk.run("answer = %wf sql SELECT instance_id, status FROM instances")
    assert desk["answer"].to_dict("records") == [{"instance_id": "order-1", "status": "RUNNING"}]
    desk.run("run = 3")
    desk.run("%%wf sql\nSELECT count(*) AS n  -- all of them\nFROM history\nWHERE kind = 'TaskScheduled'")
    assert desk["_"].to_dict("records") == [{"n": 1}]
    assert "instances" in desk.run("%wf sql SHOW TABLES")


def test_sql_answers_with_a_table_where_there_is_no_dataframe(
    desk: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    shown = desk.run("answer = %wf sql SELECT instance_id, status FROM instances\nanswer")
    assert shown.splitlines() == ["instance_id  status", "order-1      RUNNING"]
    assert list(desk["answer"]) == [("order-1", "RUNNING")]
    many = desk.run("%wf sql SELECT * FROM range(1001)").splitlines()
    assert (len(many), many[-1]) == (1002, "only the first 1000 rows are shown")


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ("DELETE FROM history", "history is append-only: type %wf sql SELECT …"),
        ("EXPLAIN ANALYZE DELETE FROM history", "read-only"),
        ("SELECT 1; SELECT 2", "takes one statement, not 2"),
        ("SELECT * FROM orders", "Table with name orders does not exist!"),
        ("SELECT * FROM frame", "Table with name frame does not exist!"),
        ("", "needs a question: type %wf sql SELECT * FROM runs"),
    ],
)
def test_sql_takes_nothing_else(desk: Notebook, question: str, complaint: str) -> None:
    desk.run("import pandas\nframe = pandas.DataFrame({'a': [1]})")
    before = len(desk["run"].history())
    assert complaint in one_line(desk.fail(f"%wf sql {question}"))
    assert len(desk["run"].history()) == before


BAD_INPUT = [
    (
        "%wf run fulfill('tea')",
        (
            "no workflow 'fulfill' is known: did you mean 'fulfil'? - there are fulfil, sleeper; "
            "run the cell that defines fulfill"
        ),
    ),
    ("%wf run check('tea', 1)", "check is an activity: call it in a workflow, or type check.fn(…) to try it"),
    (
        "%wf show order-2",
        "InstanceNotFoundError: there is no run 'order-2': did you mean 'order-1'? - type %wf ps for all of them",
    ),
    (
        "%wf run fulfil()",
        (
            "ArgumentsError: fulfil(sku: str, qty: int = 1) -> str: missing a required argument: 'sku': "
            "type %wf run fulfil(sku=…, qty=…)"
        ),
    ),
    (
        "%wf run fulfil('tea', cups=2)",
        (
            "ArgumentsError: fulfil(sku: str, qty: int = 1) -> str: got an unexpected keyword argument 'cups': "
            "type %wf run fulfil(sku=…, qty=…)"
        ),
    ),
    (
        "%wf run fulfil('tea', qty='many')",
        "PayloadError: qty of fulfil(sku: str, qty: int = 1) -> str doesn't fit int: Expected `int`, got `str`",
    ),
    (
        "%wf raise order-1 approval {'a': [1, {2}]}",
        (
            "PayloadError: the payload of 'approval' at 'a[1]' is a set, which can't be carried as JSON: "
            "annotate it, such as set[str], or pass sorted(...) of it"
        ),
    ),
    ("%wf run fulfil(tea)", "NameError in fulfil(tea): name 'tea' is not defined - correct it there"),
    ("%wf run fulfil('a' 'b", "%wf run fulfil('a' 'b: the '(' is never closed: type %wf run fulfil(…)"),
    ("%wf raise order-1 approval {", "SyntaxError in {: '{' was never closed - correct it there"),
    (
        "%wf run fulfil('tea') --wait",
        "%wf run has no option --wait - it has --id, --reuse, --start-in",
    ),
    (
        "%wf run fulfil('tea') order-9",
        "%wf run fulfil('tea') is followed by 'order-9': options begin with --, as in %wf run fulfil('tea') --id ID",
    ),
    (
        "%wf run fulfil('tea') --id a/b",
        "InvalidInstanceIdError: 'a/b' can't be an instance ID: 1 to 256 letters, digits, _ and - (such as order-42)",
    ),
    ("%wf raise order-1", "%wf raise needs a run and an event: type %wf raise ID EVENT [EXPRESSION]"),
    ("%wf suspend", "%wf suspend needs a run: type %wf suspend ID, and %wf ps for the IDs"),
    ("%wf wait order-1 order-2", "%wf wait takes one run, not 2: type %wf wait ID, and %wf ps for the IDs"),
    ("%wf ps order-1", "%wf ps lists all runs, 'order-1' says nothing to it: type %wf show order-1"),
    ("%%wf ps\nx", "%%wf ps takes no cell: type %wf ps, with one % sign"),
    (
        "%wf ps --status RUNING",
        (
            "--status 'RUNING' is not one of PENDING, RUNNING, SUSPENDED, STALLED, COMPLETED, FAILED, TERMINATED"
            " - type --status RUNNING"
        ),
    ),
]


@pytest.mark.parametrize(("cell", "complaint"), BAD_INPUT, ids=[cell for cell, _ in BAD_INPUT])
def test_bad_input_is_one_line_and_nothing_is_lost(desk: Notebook, cell: str, complaint: str) -> None:
    before = desk["run"].history()
    assert desk.fail(cell) == complaint
    assert desk["run"].history() == before
    assert len(desk.run("%wf ps").splitlines()) == 2


def test_a_failed_run_shows_its_authors_code(notebook: Notebook) -> None:
    notebook.run(
        "%%activity charge(cents: int)\nlimit = 100\nif cents > limit:\n    raise ValueError('declined')"
    )
    notebook.run("%%workflow buy(cents: int)\nawait charge(cents)")
    notebook.run("run = %wf run buy(200) --id buy-1;")
    shown = notebook.fail("run.result(20)")
    assert [line for line in shown.splitlines() if "---->" in line] == [
        "----> 4         raise ValueError('declined')",
        "----> 2     await charge(cents)",
    ]
    assert "ValueError: declined" in shown
    assert shown.endswith("buy-1 has failed: type %wf show buy-1 --view timeline")
    assert "nbflow" not in shown
    assert (
        notebook.run("%wf wait buy-1")
        == "buy-1 is FAILED: TaskFailedError: charge failed: ValueError: declined"
    )


def test_completion(desk: Notebook) -> None:
    def complete(line: str) -> list[str]:
        with provisionalcompleter():
            return [found.text for found in desk.shell.Completer.completions(line, len(line))]

    assert complete("%wf hi") == ["history"]
    assert "terminate" in complete("%workflow ")
    assert complete("x = %wf run fu") == ["fulfil("]
    assert complete("%wf show o") == ["order-1"]
    assert complete("%wf raise order-1 ") == ["approval"]
    assert complete("%wf raise run app") == ["approval"]
    assert complete("%wf show order-1 --v") == ["--view"]
    assert complete("%wf show order-1 --view ") == ["card", "graph", "history", "inbox", "replay", "timeline"]
    assert complete("%wf ps --name s") == ["sleeper"]
    assert complete("%wf ps --status COM") == ["COMPLETED"]
    assert complete("%wf run fulfil('tea') --re") == ["--reuse"]
    assert complete("%%wf run --i") == ["--id"]
    assert complete("%wf help sus") == ["suspend"]
    assert complete("%%activity f(a) --fi") == ["--first-retry"]
    assert complete("%%workflow --v") == ["--version"]
    assert "approval" not in complete("%wf raise nobody ")
    assert "approval" not in complete("x = run")
