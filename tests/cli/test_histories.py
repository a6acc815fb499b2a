"""`nbflow ls`, `show`, `sql` and `export` over a history that nobody has open: all is read, and nothing done."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from nbflow.cli import terminal
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.duckdb_schema import current
from nbflow.views.excerpts import cells
from tests.cli.conftest import Typed, make

ROOT = Path(__file__).parents[2]


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_ls_lists_the_runs(store: Path, typed: Typed) -> None:
    heading, second, first = typed("ls").splitlines()
    assert heading.split() == [
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
    assert second.split()[:3] == ["order-2", "fulfil", "COMPLETED"]
    assert first.startswith("order-1  fulfil    RUNNING    event 'approval'")


def test_ls_filters_and_pages(store: Path, typed: Typed) -> None:
    assert [row[0] for row in rows(typed("ls", "--status", "running"))] == ["ID", "order-1"]
    assert typed("ls", "--name", "monitor") == "no such runs: type nbflow ls for all\n"
    *_, more = typed("ls", "--limit", "1").splitlines()
    assert more == "1 more: nbflow ls --limit 1 --after order-2"
    assert [row[0] for row in rows(typed(*more.split(": nbflow ")[1].split()))] == ["ID", "order-1"]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "line",
    [
        "ls",
        "show order-1",
        "show order-2 --view history",
        "show order-2 --view replay",
        "show order-1 --view inbox",
        "show order-1 --view graph",
        "sql FROM activities",
    ],
)
def test_a_terminal_is_wide_enough(
    store: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch, line: str, width: int
) -> None:
    monkeypatch.setattr(terminal, "width", lambda: width)
    text = typed(*line.split())
    is_too_much = line.startswith("sql") and width < 17 * 10  # seventeen columns
    lines = [each for each in text.splitlines() if not each.startswith("lines and variables: ")]
    assert is_too_much or max(map(cells, lines)) <= width
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("view", "shows"),
    [
        ("timeline", "waits for 'approval'"),
        ("history", "EventWaitCreated"),
        ("replay", "waits for event 'approval'"),
        ("graph", "made from the history"),
        ("inbox", "%wf raise order-1 approval"),
    ],
)
def test_each_view_is_text(store: Path, typed: Typed, view: str, shows: str) -> None:
    assert shows in typed("show", "order-1", "--view", view)


def test_a_replay_with_the_code_shows_its_lines(store: Path, typed: Typed) -> None:
    code = str(ROOT / "tests" / "testing" / "orders.py")
    text = typed("show", "order-1", "--view", "replay", "--code", code)
    assert 'decision = await ctx.wait_for_external_event("approval", data_type=Decision)' in text
    assert "order: Order(sku='car', cents=2000001)" in text
    assert "event 3 of" in typed("show", "order-1", "--view", "replay", "--code", code, "--to", "3")


def test_without_the_code_it_says_what_to_type(
    folder: Path, store: Path, typed: Typed, refused: Typed
) -> None:
    (folder / "orders.ipynb").touch()
    text = typed("show", "order-1", "--view", "replay")
    assert text.endswith("lines and variables: nbflow show order-1 --view replay --code orders.ipynb\n")
    said = refused("show", "order-1", "--view", "replay", "--to", "3")
    assert said.endswith("type nbflow show order-1 --view replay --to 3 --code orders.ipynb")


def test_sql_answers_in_three_forms(store: Path, typed: Typed) -> None:
    question = ["sql", "SELECT instance, status, started_at FROM runs ORDER BY ALL"]
    assert typed(*question).splitlines() == [
        "instance  status     started_at",
        "order-1   RUNNING    2030-01-01 00:00:00",
        "order-2   COMPLETED  2030-01-01 00:00:01",
    ]
    told = list(csv.DictReader(io.StringIO(typed(*question, "--csv"))))
    assert told[1] == {"instance": "order-2", "status": "COMPLETED", "started_at": "2030-01-01 00:00:01"}
    assert json.loads(typed(*question, "--json")) == told
    assert typed("sql", "FROM runs WHERE false") == "no rows\n"


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("DELETE FROM history", "history is append-only: type nbflow sql SELECT …"),
        ("COPY history TO 'x.csv'", "this is COPY: history is append-only: type nbflow sql SELECT …"),
        ("SELECT 1; SELECT 2", "nbflow sql takes one statement, not 2: type nbflow sql SELECT …"),
        ("FROM orders", "nbflow sql SHOW TABLES lists what there is"),
        (" ", "nbflow sql needs a question: type nbflow sql SELECT * FROM runs"),
    ],
)
def test_sql_takes_questions_only(store: Path, refused: Typed, question: str, says: str) -> None:
    assert refused("sql", question).endswith(says)


def test_export_writes_what_the_suffix_says(folder: Path, store: Path, typed: Typed, refused: Typed) -> None:
    for name in ("run.html", "run.json", "run.parquet"):
        assert typed("export", "order-2", name).startswith(f"order-2 is written to {name} (")
    assert json.loads((folder / "run.json").read_text())["instance"]["output"] == '"rejected"'
    assert "order-2 of fulfil" in (folder / "run.html").read_text()
    said = refused("export", "order-2", "run.json")
    assert said.endswith("run.json exists: type nbflow export order-2 run.json --force to replace it")
    typed("export", "order-2", "run.json", "--force")


def test_export_writes_the_whole_history(folder: Path, store: Path, typed: Typed) -> None:
    typed("export", "db", "copy.duckdb")
    assert typed("ls", "--db", "copy.duckdb") == typed("ls")
    typed("export", "db", "all.parquet")
    assert duckdb.sql("SELECT count(DISTINCT instance_id) FROM 'all.parquet'").fetchall() == [(2,)]
    assert duckdb.sql("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "line",
    [
        "ls",
        "show order-1",
        "show order-1 --view graph",
        "sql FROM runs",
        "export order-1 run.html",
        "export db copy.duckdb",
    ],
)
def test_nothing_is_changed_by_reading(folder: Path, store: Path, typed: Typed, line: str) -> None:
    before = hashlib.sha256(store.read_bytes()).digest(), sorted(os.listdir(store.parent))
    typed(*line.split())
    assert (hashlib.sha256(store.read_bytes()).digest(), sorted(os.listdir(store.parent))) == before


def test_the_history_of_a_kernel_that_was_killed_is_read_with_its_log(folder: Path, typed: Typed) -> None:
    script = (
        "import os, sys; from pathlib import Path; from nbflow.stores.duckdb import DuckDBStore\n"
        "from tests.stores.samples import put\n"
        "store = DuckDBStore('killed.duckdb'); store.open(); store.commit([put('order-9')]); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)})
    log = Path("killed.duckdb.wal").read_bytes()
    assert "order-9" in typed("ls", "--db", "killed.duckdb")
    assert Path("killed.duckdb.wal").read_bytes() == log


def test_two_may_read_at_once(store: Path, typed: Typed) -> None:
    script = (
        "import sys; from nbflow.runtime.stored import StoredHistory\n"
        "with StoredHistory(sys.argv[1]):\n    print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert "order-1" in typed("ls")
        other.communicate()


def test_who_has_it_open_is_named_and_what_to_do(store: Path, refused: Typed) -> None:
    script = (
        "import sys; from nbflow.stores.duckdb import DuckDBStore\n"
        "store = DuckDBStore(sys.argv[1]); store.open(); print('open', flush=True); sys.stdin.read(); store.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        said = refused("ls")
        owner.communicate()
    assert said == (
        f"nbflow ls failed: .nbflow/orders.duckdb is open in process {owner.pid}: type %wf export db copy.duckdb "
        "there, then nbflow ls --db copy.duckdb here"
    )


def test_a_run_that_is_not_there_is_named(store: Path, refused: Typed) -> None:
    for line in ("show order-9", "export order-9 run.json"):
        said = refused(*line.split())
        assert said.endswith(
            "there is no run 'order-9' in .nbflow/orders.duckdb: `nbflow ls --db .nbflow/orders.duckdb` lists them"
        )


# -- which history ----------------------------------------------------------------------------------------


def test_no_history(folder: Path, refused: Typed) -> None:
    said = refused("ls")
    assert said == "nbflow ls failed: there is no history in this folder or below: type nbflow ls --db PATH"
    assert refused("show", "a").endswith("type nbflow show a --db PATH")
    assert refused("ls", "--db", "x.duckdb").endswith("there is no x.duckdb: `nbflow ls --db other.duckdb`")
    assert list(folder.iterdir()) == []


def test_a_history_below_is_found_and_of_several_one_has_to_be_named(
    folder: Path, typed: Typed, refused: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder / "deep" / "er" / ".nbflow" / "one.duckdb")
    assert "order-1" in typed("ls")
    two = make(folder / "two" / ".nbflow" / "two.duckdb")
    os.utime(two, (2_000_000_000, 2_000_000_000))
    assert refused("ls").endswith(
        "there are 2 histories here: type nbflow ls --db two/.nbflow/two.duckdb, or "
        "nbflow ls --db deep/er/.nbflow/one.duckdb"
    )
    monkeypatch.setenv("NBFLOW_DB", "two/.nbflow/two.duckdb")
    assert "order-1" in typed("ls")


def test_a_history_of_an_older_nbflow_is_left_as_it_is(store: Path, refused: Typed) -> None:
    with duckdb.connect(str(store)) as connection:
        connection.execute("UPDATE meta SET schema_version = schema_version - 1")
    before = store.read_bytes()
    said = refused("ls")
    version = current().version
    assert said.endswith(
        f"has the tables of an older nbflow (version {version - 1}, this one reads {version}), and who only reads "
        "changes nothing: `%wf db .nbflow/orders.duckdb` in a notebook brings it up to date"
    )
    assert store.read_bytes() == before


def test_who_only_reads_cannot_write(store: Path) -> None:
    from nbflow.errors import StoreError
    from tests.stores.samples import put

    reader = DuckDBStore(store, read_only=True)
    reader.open()
    with pytest.raises(StoreError, match="read-only"):
        reader.commit([put("order-9")])
    reader.close()


def test_a_reader_of_the_output_may_leave(store: Path) -> None:
    command = f"{sys.executable} -c 'from nbflow.cli import main; main([\"ls\"])' | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"
