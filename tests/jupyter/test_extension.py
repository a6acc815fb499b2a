"""Loading and unloading; where the history is; code from cells with magics and without."""

from pathlib import Path

import pytest

import nbflow
from nbflow.errors import NbflowError
from nbflow.jupyter.session import session_of
from tests.jupyter.conftest import Notebook

WORKFLOW = """%%workflow fulfil(sku: str, qty: int = 1) -> str
decision = await ctx.wait_for_external_event("approval")
return f"{sku} {decision}"
"""


def test_loading_says_where_the_history_is(bare_notebook: Notebook, notebook_folder: Path) -> None:
    said = bare_notebook.run("%load_ext nbflow")
    assert said == "nbflow: history in .nbflow/history.duckdb · no run waits · %wf help"
    assert (notebook_folder / ".nbflow" / "history.duckdb").exists()


def test_unloading_takes_everything_back(bare_notebook: Notebook) -> None:
    shell = bare_notebook.shell
    before = (
        list(shell.Completer.custom_matchers),
        dict(shell.display_formatter.ipython_display_formatter.type_printers),
        list(shell.events.callbacks["post_run_cell"]),
        shell.custom_exceptions,
        {kind: set(magics) for kind, magics in shell.magics_manager.magics.items()},
    )
    bare_notebook.run("%load_ext nbflow")
    bare_notebook.run("%unload_ext nbflow")
    assert before == (
        shell.Completer.custom_matchers,
        shell.display_formatter.ipython_display_formatter.type_printers,
        shell.events.callbacks["post_run_cell"],
        shell.custom_exceptions,
        {kind: set(magics) for kind, magics in shell.magics_manager.magics.items()},
    )
    assert session_of(shell) is None
    assert [part for part in shell.configurables if type(part).__module__.startswith("nbflow")] == []
    said = bare_notebook.run("%load_ext nbflow")
    assert said == "nbflow: history in .nbflow/history.duckdb · no run waits · %wf help"


def test_a_history_that_cannot_be_opened_is_told_and_the_magics_are_there(
    bare_notebook: Notebook, monkeypatch: pytest.MonkeyPatch, notebook_folder: Path
) -> None:
    broken = notebook_folder / "broken.duckdb"
    broken.write_text("this is no database, however long one looks at it" * 100)
    monkeypatch.setenv("NBFLOW_DB", str(broken))
    said = bare_notebook.run("%load_ext nbflow")
    assert said.startswith("nbflow: ")
    assert "broken.duckdb" in said
    assert len(said.splitlines()) == 1
    assert bare_notebook.run(WORKFLOW).startswith("workflow fulfil(sku: str, qty: int = 1) -> str · new")
    failed = bare_notebook.fail("%wf run fulfil('tea')")
    assert "no history is open" in failed
    assert len(failed.splitlines()) == 1
    assert broken.read_text().startswith("this is no database")
    assert bare_notebook.run("%wf db other.duckdb").startswith("nbflow: history in other.duckdb")
    bare_notebook.run("%wf run fulfil('tea') --id order-1")


def test_a_folder_that_cannot_be_written_is_told(
    bare_notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/sys")
    said = bare_notebook.run("%load_ext nbflow")
    assert "/sys" in said or ".nbflow" in said
    assert "%wf db PATH" in said
    assert len(said.splitlines()) == 1


def test_another_history_and_back(notebook: Notebook) -> None:
    notebook.run(WORKFLOW)
    notebook.run("%wf run fulfil('tea') --id order-1")
    said = notebook.run("%wf db other.duckdb")
    assert said == "nbflow: history in other.duckdb · no run waits · %wf help"
    assert notebook.run("%wf db") == said
    said = notebook.run("%config NbFlow.db = '.nbflow/history.duckdb'")
    assert said == "nbflow: history in .nbflow/history.duckdb · order-1 waits for 'approval' · %wf help"
    notebook.run("place = 'third.duckdb'")
    assert notebook.run("%wf db {place}").startswith("nbflow: history in third.duckdb")


def test_a_history_that_cannot_be_opened_leaves_the_present_one(notebook: Notebook) -> None:
    notebook.run(WORKFLOW)
    notebook.run("%wf run fulfil('tea') --id order-1")
    failed = notebook.fail("%wf db nowhere/x.duckdb")
    assert failed.startswith("StoreUnavailableError: ")
    assert len(failed.splitlines()) == 1
    assert "order-1" in notebook.run("%wf ps")
    assert "nowhere" in notebook.run("%config NbFlow.db = 'nowhere/x.duckdb'")
    assert "order-1" in notebook.run("%wf ps")


def test_histories_beside_this_one_in_which_runs_wait(notebook: Notebook) -> None:
    notebook.run(WORKFLOW)
    notebook.run("%wf run fulfil('tea') --id order-1")
    notebook.run("%wf run fulfil('tea') --id order-2")
    said = notebook.run("%wf db .nbflow/renamed.duckdb")
    assert said.splitlines() == [
        "nbflow: history in .nbflow/renamed.duckdb · no run waits · %wf help",
        "2 runs wait in .nbflow/history.duckdb: %wf db .nbflow/history.duckdb",
    ]


def test_of_many_runs_that_wait_the_first_are_named(notebook: Notebook) -> None:
    notebook.run(WORKFLOW)
    for i in range(5):
        notebook.run(f"%wf run fulfil('tea') --id order-{i};\n%wf wait order-{i}")
    said = notebook.run("%wf db")
    assert "order-2 waits for 'approval' · 2 more: %wf ps · %wf help" in said
    assert "order-3" not in said


def test_a_variable_that_raises_when_it_is_looked_at_does_no_harm(notebook: Notebook) -> None:
    notebook.run(
        "class Proxy:\n    @property\n    def __class__(self):\n        raise RuntimeError('not bound')\nproxy = Proxy()"
    )
    assert notebook.run(WORKFLOW) == "workflow fulfil(sku: str, qty: int = 1) -> str · new"


def test_each_definition_says_what_is_new_about_it(notebook: Notebook) -> None:
    assert notebook.run(WORKFLOW) == "workflow fulfil(sku: str, qty: int = 1) -> str · new"
    assert (
        notebook.run(WORKFLOW + "# a remark") == "workflow fulfil(sku: str, qty: int = 1) -> str · unchanged"
    )
    assert notebook.run(WORKFLOW.replace("{sku} {", "{sku}: {")) == (
        "workflow fulfil(sku: str, qty: int = 1) -> str · "
        "changed: runs in flight keep the code that they were started with"
    )
    assert notebook.run("%%activity\ndef a(x): return x\ndef b(): return 1").splitlines() == [
        "activity a(x) · new",
        "activity b() · new",
    ]
    assert (
        notebook.run("%%activity a(x)\nreturn x + 1") == "activity a(x) · changed: calls from now on use it"
    )


def test_both_forms_of_the_same_code_are_the_same_version(notebook: Notebook) -> None:
    notebook.run("%%activity a(x: int) -> int\nreturn x + 1")
    said = notebook.run("%%activity\ndef a(x: int) -> int:\n    return x + 1")
    assert said == "activity a(x: int) -> int · unchanged"
    said = notebook.run("from nbflow import activity\n@activity\ndef a(x: int) -> int:\n    return x + 1")
    assert said == "activity a(x: int) -> int · unchanged"


def test_a_definition_is_a_variable_and_a_plain_call_works(notebook: Notebook) -> None:
    notebook.run("rate = 3")
    notebook.run(
        "%%activity price(cents: int) -> int --retries 2 --first-retry 5s --timeout 1m\nreturn cents * rate"
    )
    assert notebook["price"](2) == 6
    assert notebook["price"].retry_policy.max_number_of_attempts == 3
    assert notebook["price"].retry_policy.first_retry_interval.total_seconds() == 5
    assert notebook["price"].timeout.total_seconds() == 60
    assert notebook["price"].source == "def price(cents: int) -> int:\n    return cents * rate\n"
    notebook.run(WORKFLOW.replace(" -> str\n", " -> str --version spring\n"))
    assert notebook["fulfil"].version == "spring"


def test_decorated_functions_in_ordinary_cells_are_found(notebook: Notebook) -> None:
    said = notebook.run(
        "from nbflow import workflow\n@workflow\nasync def greet(name: str) -> str:\n    return f'hello {name}'"
    )
    assert said == "workflow greet(name: str) -> str · new"
    assert notebook.run("x = 1") == ""
    notebook.run("run = greet.start('Ada', id='greeting-1')")
    assert notebook["run"].result(20) == "hello Ada"


def test_a_decorated_function_can_be_run_by_its_own_cell(notebook: Notebook) -> None:
    notebook.run(
        "from nbflow import workflow\n@workflow\nasync def greet(name: str) -> str:\n    return f'hello {name}'\n"
        "run = %wf run greet('Ada') --id greeting-1;"
    )
    assert notebook["run"].result(20) == "hello Ada"


def test_an_older_definition_under_another_name_does_not_come_back(notebook: Notebook) -> None:
    notebook.run("%%activity a()\nreturn 1")
    notebook.run("old = a")
    notebook.run("%%activity a()\nreturn 2")
    notebook.run("y = 1")
    session = session_of(notebook.shell)
    assert session is not None
    assert session.known.activity("a") is notebook["a"]


def test_annotations_are_resolved_when_the_cell_runs(notebook: Notebook) -> None:
    failed = notebook.fail(
        "import threading\n%%activity f()" if False else "%%activity f(a: Unheard)\nreturn 1"
    )
    assert "NameError" in failed
    notebook.run("import threading")
    failed = notebook.fail("%%activity f(a: threading.Lock)\nreturn 1")
    assert failed.startswith("DefinitionError: f(a:")
    assert len(failed.splitlines()) == 1
    assert "f" not in notebook.shell.user_ns


def test_a_definition_that_fails_leaves_the_one_before(notebook: Notebook) -> None:
    notebook.run("%%activity f(a)\nreturn 1")
    before = notebook["f"]
    assert notebook.fail("%%activity f(*a)\nreturn 1").startswith("DefinitionError: f(*a) takes *a")
    assert notebook["f"] is before
    notebook.fail("%%activity f(a)\nreturn (")
    assert notebook["f"] is before


def test_syntax_errors_show_the_authors_line_only(notebook: Notebook) -> None:
    failed = notebook.fail("%%workflow f(a)\nx = 1\nif x = 2:\n    pass")
    assert ">:3\n" in failed
    assert "if x = 2:" in failed
    assert "SyntaxError: invalid syntax" in failed
    assert "nbflow" not in failed
    failed = notebook.fail("\n\n%%activity\n\ndef f(:\n    pass")
    assert ">:5\n" in failed


def test_an_error_in_a_plain_cell_shows_the_authors_lines_only(notebook: Notebook) -> None:
    failed = notebook.fail("%%activity\n\ndef f(x):\n    return 1 / x\n\nf(0)")
    assert ">:6\n" in failed
    assert ">:4, in f(x)" in failed
    assert "ZeroDivisionError" in failed
    assert "nbflow" not in failed
    assert "hidden" not in failed


def test_options_of_the_cell_magics_are_checked(notebook: Notebook) -> None:
    assert notebook.fail("%%activity f() --retry 3\nreturn 1") == (
        "%%activity has no option --retry: did you mean --retries? - it has --retries, --first-retry, --timeout"
    )
    assert "only with --retries" in notebook.fail("%%activity f() --first-retry 3s\nreturn 1")
    assert "means nothing" in notebook.fail("%%workflow --version 1 f()\nreturn 1")


def test_the_client_of_the_shell(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NbflowError, match="this is no notebook: use"):
        nbflow.client()
    monkeypatch.setattr("nbflow.jupyter.shell.get_ipython", lambda: notebook.shell)
    assert nbflow.client().list_workflows() == []
    notebook.run("%unload_ext nbflow")
    with pytest.raises(NbflowError, match="nbflow is not loaded in this notebook: run %load_ext nbflow"):
        nbflow.client()


def test_a_workflow_knows_its_cell_as_it_is_seen(notebook: Notebook) -> None:
    cell = "\n%%workflow greet(name: str) -> str\nreply = await ctx.wait_for_external_event('reply')\n\nreturn name"
    notebook.run(cell)
    listing = notebook["greet"].listing
    assert listing.text == cell
    assert listing.first_line == 1
    code = notebook["greet"].function.__code__
    assert listing.file == code.co_filename
    assert {line for _, _, line in code.co_lines() if line is not None} <= {2, 3, 5}


def test_a_workflow_in_the_plain_form_knows_its_own_lines(notebook: Notebook) -> None:
    notebook.run("%%workflow\nimport asyncio\n\nasync def naps() -> None:\n    await asyncio.sleep(1)")
    listing = notebook["naps"].listing
    assert listing.text == "async def naps() -> None:\n    await asyncio.sleep(1)\n"
    assert listing.first_line == 4
