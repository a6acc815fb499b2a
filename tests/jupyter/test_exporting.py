"""``%wf export``: each kind of file, each bad input in one line, and what is never written over."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from IPython.core.completer import provisionalcompleter

from nbflow.errors import StoreLockedError
from nbflow.jupyter import progress
from nbflow.runtime import pictures
from nbflow.runtime.stored import StoredHistory
from nbflow.widgets import export
from nbflow.widgets.source import CardSource
from tests.jupyter.conftest import Notebook

FULFIL = """%%workflow fulfil(sku: str) -> str
decision = await ctx.wait_for_external_event("approval")
return f"{sku} {decision}"
"""


@pytest.fixture
def desk(notebook: Notebook) -> Notebook:
    """A notebook in which order-1 waits for an approval, and order-2 has had one."""
    notebook.run(FULFIL)
    notebook.run("run = %wf run fulfil('tea') --id order-1")
    notebook.run("done = %wf run fulfil('tea') --id order-2")
    notebook.run("%wf raise order-2 approval True")
    notebook.run("%wf wait order-1")
    notebook.run("%wf wait order-2")
    return notebook


NAMES = (
    "(.html for a page that any browser opens; .json for everything about the run, as text; "
    ".parquet for its history, a row an event; .py for a test for pytest)"
)


def files_in(folder: Path) -> list[Path]:
    """What there is, but for the history's own files, which come and go by themselves."""
    return sorted(path for path in folder.rglob("*") if ".nbflow" not in path.parts)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "order-1",
            "%wf export needs a run and a file: type %wf export ID page.html, or %wf export db copy.duckdb",
        ),
        ("nope page.html", "there is no run 'nope' - type %wf ps for all of them"),
        (
            "order-1 page",
            f"the name page doesn't say what to write {NAMES}: type %wf export order-1 page.html",
        ),
        (
            "order-1 'my page'",
            f"'my page' doesn't say what to write {NAMES}: type %wf export order-1 'my page.html'",
        ),
        (
            "order-1 run.yaml",
            f"the name run.yaml doesn't say what to write {NAMES}: type %wf export order-1 run.html",
        ),
        ("order-1 .", ". is a folder: type %wf export order-1 page.html"),
        ("order-1 /", "/ is a folder: type %wf export order-1 /page.html"),
        ("order-1 no/page.html", "there is no folder no: make it, or type %wf export order-1 page.html"),
        ("order-1 there.html", "there.html exists: type %wf export order-1 there.html --force to replace it"),
        (
            "order-1 folder.html --force",
            "folder.html is a folder: type %wf export order-1 folder.html/page.html",
        ),
        ("order-1 order.py", "pytest finds no tests in order.py: type %wf export order-1 test_order.py"),
        (
            "order-1 test_there.py",
            "test_there.json exists: type %wf export order-1 test_there.py --force to replace it",
        ),
        (
            "order-1 test_order.py",
            (
                "a test needs to know which file has the code of fulfil: type %wf export order-1 test_order.py "
                "--code orders.ipynb, or a .py file"
            ),
        ),
        (
            "order-1 test_order.py --code no.ipynb",
            "there is no file no.ipynb: name the notebook or module that has the workflow",
        ),
        (
            "order-1 copy.duckdb",
            "a database is a copy of the whole history, not of one run: type %wf export db copy.duckdb",
        ),
        (
            "db all.html",
            (
                "the name all.html doesn't say what to write (.duckdb for a copy of the whole history; "
                ".parquet for all history events, a row each): type %wf export db all.duckdb"
            ),
        ),
        ("db folder.html", "folder.html is a folder: type %wf export db folder.html/copy.duckdb"),
        (
            "db there.html --parquet",
            "there.html is a file: type %wf export db tables --parquet, with a new folder",
        ),
        (
            "order-1 full --parquet",
            "full has files in it: type %wf export order-1 full --parquet --force to replace those of its tables",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    desk: Notebook, notebook_folder: Path, line: str, says: str
) -> None:
    for name in ("there.html", "test_there.json"):
        (notebook_folder / name).touch()
    (notebook_folder / "folder.html").mkdir()
    (notebook_folder / "full").mkdir()
    (notebook_folder / "full" / "mine.txt").touch()
    before = files_in(notebook_folder)
    shown = desk.fail(f"%wf export {line}")
    assert len(shown.splitlines()) == 1
    assert shown.endswith(says)
    assert files_in(notebook_folder) == before
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


def test_an_export_that_takes_its_time_says_how_far_it_is(
    desk: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is only finished behind the first word about it, so that it takes its time on any machine."""
    said, tell, make = threading.Event(), progress.Progress.__call__, export.export_page

    def told(self: progress.Progress, done: int, of: int) -> None:
        tell(self, done, of)
        said.set()

    def made(source: CardSource, *, tell: Callable[[int, int], None]) -> str:
        def note(done: int, of: int) -> None:
            tell(done, of)
            assert said.wait(60)

        return make(source, tell=note)

    monkeypatch.setattr(progress, "_QUIET", 0.0)
    monkeypatch.setattr(pictures, "_STEP", 0.001)
    monkeypatch.setattr(progress.Progress, "__call__", told)
    monkeypatch.setattr(export, "export_page", made)
    shown = desk.run("%wf export order-1 page.html").splitlines()
    assert len(shown) == 2
    assert re.fullmatch(r"order-1: [0-3] of 3 events are in the page", shown[0])
    assert shown[1].startswith("order-1 is written to page.html (")


def test_a_run_as_text_says_everything_about_it(desk: Notebook, notebook_folder: Path) -> None:
    assert "order-2 is written to run.json (" in desk.run("%wf export order-2 run.json")
    text = (notebook_folder / "run.json").read_text()
    told = json.loads(text)
    assert told["format"] == 1
    assert told["instance"]["status"] == "COMPLETED"
    assert told["instance"]["output"] == '"tea True"'
    (execution,) = told["executions"]
    assert [event["seq"] for event in execution["events"]] == list(range(1, len(execution["events"]) + 1))
    (definition,) = told["definitions"]
    assert definition["source"][:2] == [
        "async def fulfil(ctx, sku: str) -> str:",
        '    decision = await ctx.wait_for_external_event("approval")',
    ]


def test_a_run_as_text_is_made_to_be_compared(desk: Notebook, notebook_folder: Path) -> None:
    desk.run("%wf export order-2 run.json")
    text = (notebook_folder / "run.json").read_text()
    desk.run("%wf export order-2 run.json --force")
    assert (notebook_folder / "run.json").read_text() == text
    events = [line for line in text.splitlines() if '"kind":' in line and '"seq":' in line]
    assert len(events) == len(json.loads(text)["executions"][0]["events"])
    for line in events:
        keys = list(json.loads(line.rstrip(",")))
        assert keys == sorted(keys)


def test_a_history_as_rows(desk: Notebook, notebook_folder: Path) -> None:
    desk.run("%wf export order-2 one.parquet")
    desk.run("%wf export db all.parquet")
    asked = "SELECT DISTINCT instance_id FROM '{}' ORDER BY ALL"
    one, every = str(notebook_folder / "one.parquet"), str(notebook_folder / "all.parquet")
    assert duckdb.sql(asked.format(one)).fetchall() == [("order-2",)]
    assert duckdb.sql(asked.format(every)).fetchall() == [("order-1",), ("order-2",)]
    assert duckdb.sql(f"SELECT kind FROM '{one}'").fetchall()[0] == ("WorkflowStarted",)


def test_all_tables_in_a_folder(desk: Notebook, notebook_folder: Path) -> None:
    assert "order-2 is written to tables (" in desk.run("%wf export order-2 tables --parquet")
    assert sorted(path.stem for path in (notebook_folder / "tables").iterdir()) == [
        "activities", "definitions", "events", "history", "inbox", "instances", "runs", "timers",
    ]  # fmt: skip
    events = duckdb.sql(f"SELECT instance, what FROM '{notebook_folder}/tables/events.parquet'").fetchall()
    assert events == [("order-2", "AWAITED"), ("order-2", "RAISED")]
    assert "(" in desk.run("%wf export order-1 tables --parquet --force")


def test_a_copy_of_the_whole_history_while_it_is_open(desk: Notebook, notebook_folder: Path) -> None:
    said = desk.run("%wf export db copy.duckdb")
    assert said.endswith(": nbflow ls --db copy.duckdb reads it; %wf db would go on with the runs in it")
    with StoredHistory(notebook_folder / "copy.duckdb") as copy:
        assert copy.read(lambda store: store.get_instance("order-1")) is not None
    desk.run("%wf raise order-1 approval False")
    desk.run("%wf wait order-1")
    desk.run("%wf export db copy.duckdb --force")
    with StoredHistory(notebook_folder / "copy.duckdb") as copy:
        record = copy.read(lambda store: store.get_instance("order-1"))
    assert record is not None
    assert record.output == '"tea False"'
    assert [path.name for path in notebook_folder.iterdir() if "copy" in path.name] == ["copy.duckdb"]


@pytest.mark.parametrize("line", ["db .nbflow/history.duckdb", "db link.duckdb"])
def test_the_open_history_is_never_written_over(desk: Notebook, notebook_folder: Path, line: str) -> None:
    (notebook_folder / "link.duckdb").symlink_to(".nbflow/history.duckdb")
    shown = desk.fail(f"%wf export {line} --force")
    assert shown.endswith("is the history that is open: type %wf export db copy.duckdb")
    assert desk.run("%wf sql SELECT count(*) AS n FROM instances").split()[-1] == "2"


def test_what_is_no_history_is_not_replaced_by_one(desk: Notebook, notebook_folder: Path) -> None:
    (notebook_folder / "mine.duckdb").write_text("a diary")
    assert "mine.duckdb is no nbflow store" in desk.fail("%wf export db mine.duckdb --force")
    assert (notebook_folder / "mine.duckdb").read_text() == "a diary"


def test_a_history_in_memory_can_be_kept(notebook: Notebook, notebook_folder: Path) -> None:
    notebook.run("%wf db :memory:")
    notebook.run(FULFIL)
    notebook.run("run = %wf run fulfil('tea') --id order-1")
    notebook.run("%wf export db kept.duckdb")
    with StoredHistory(notebook_folder / "kept.duckdb") as kept:
        assert kept.read(lambda store: store.get_instance("order-1")) is not None


def test_a_history_that_is_open_cannot_be_read_beside(desk: Notebook, notebook_folder: Path) -> None:
    with pytest.raises(StoreLockedError), StoredHistory(notebook_folder / ".nbflow" / "history.duckdb"):
        pass


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("x = %wf export or", ["order-1", "order-2"]),
        ("%wf export d", ["db"]),
        ("%wf export order-1 page.html ", ["--code", "--force", "--parquet"]),
        ("%wf export order-1 page.html --f", ["--force"]),
    ],
)
def test_runs_and_options_are_completed(desk: Notebook, line: str, becomes: list[str]) -> None:
    with provisionalcompleter():
        found = [each.text for each in desk.shell.Completer.completions(line, len(line))]
    assert found == becomes


def test_from_python_the_suffix_says_as_what_too(desk: Notebook, notebook_folder: Path) -> None:
    desk.run("sizes = [run.export(f'run{suffix}') for suffix in ('.html', '.json', '.parquet')]")
    assert desk["sizes"] == [
        (notebook_folder / f"run{s}").stat().st_size for s in (".html", ".json", ".parquet")
    ]
    assert "doesn't say what to write" in desk.fail("run.export('run.txt')")
