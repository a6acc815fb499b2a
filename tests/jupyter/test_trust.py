"""A notebook beside a history that somebody else wrote, or altered: it says so, and runs nothing until it is told to."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from nbflow.stores.journal.leftover import load_leftover
from tests.jupyter.conftest import Notebook, StartKernel
from tests.jupyter.kernels import Cell, Kernel

pytestmark = pytest.mark.semantics(80)

CHARGE = """%%activity charge(cents: int) -> int
import asyncio, os
with open("charged.log", "a") as log:
    log.write(f"{cents} {os.getpid()}\\n")
if os.path.exists("down"):
    await asyncio.Event().wait()
return cents
"""
FULFIL = """%%workflow fulfil(cents: int) -> int
return await charge(cents)
"""


def ok(cell: Cell) -> str:
    assert cell.status == "ok", cell.text
    return cell.text


def alter(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.kernel
def test_s80_a_history_that_comes_back_altered_runs_nothing(
    kernel: Kernel, start_kernel: StartKernel, notebook_folder: Path, jupyter_env: dict[str, str]
) -> None:
    (notebook_folder / "down").write_text("")
    for cell in (CHARGE, FULFIL, "run = %wf run fulfil(1200) --id order-42"):
        ok(kernel.run(cell))
    said = ok(
        kernel.run(
            "import time\nwhile not os.path.exists('charged.log'): time.sleep(0.01)".replace(
                "import time", "import os, time"
            )
        )
    )
    first = kernel.pid
    kernel.kill()
    (notebook_folder / "down").unlink()

    stored, copied = Path(jupyter_env["NBFLOW_DB"]), notebook_folder / "sent.duckdb"
    load_leftover(stored)  # or the kernel's last commits would come to the altered file from beside it
    for end in ("", ".wal"):
        if (there := Path(f"{stored}{end}")).exists():
            shutil.copy(there, f"{copied}{end}")
            there.unlink()
    alter(
        copied,
        "UPDATE history SET payload = '999900' WHERE kind IN ('TaskScheduled', 'ExecutionStarted')",
        "UPDATE instances SET input = '999900'",
    )
    shutil.move(copied, stored)

    kernel = start_kernel()
    said = ok(kernel.run("%load_ext nbflow"))
    assert (
        "it is not trusted, and nothing of it runs: order-42: its name, input or status was altered" in said
    )
    assert "1 run waits for that · %wf trust" in said
    for cell in (CHARGE, FULFIL):
        assert "goes on" not in ok(kernel.run(cell))
    assert "this history is not trusted, and nothing of it runs: %wf trust" in ok(kernel.run("%wf ps"))
    cell = kernel.run("%wf run fulfil(1200) --id order-43")
    assert cell.status == "error"
    assert cell.evalue.endswith("`%wf trust`")
    said = ok(kernel.run("%wf trust"))
    assert "order-42: the input of charge, event 3, was altered" in said
    assert "workflow fulfil · 1 version · 1 run that has not ended" in said
    assert "activity charge · 1 version · 1 call that has not ended" in said
    assert said.rstrip().endswith("If it is yours, type %wf trust --yes")
    assert (notebook_folder / "charged.log").read_text() == f"1200 {first}\n"

    said = ok(kernel.run("%wf trust --yes"))
    assert "is trusted: 3 rows were signed with your key" in said
    assert "order-42 is COMPLETED: 999900" in ok(kernel.run("%wf wait order-42"))
    assert (notebook_folder / "charged.log").read_text() == f"1200 {first}\n999900 {kernel.pid}\n"
    assert "every row is signed with your key" in ok(kernel.run("%wf trust"))


@pytest.fixture
def altered(notebook: Notebook) -> Notebook:
    """A notebook whose history came back with altered source, in which order-1 waits for an approval."""
    notebook.run("%%workflow fulfil(sku: str)\nawait ctx.wait_for_external_event('approval')")
    notebook.run("%wf run fulfil('tea') --id order-1;")
    notebook.run("%wf wait order-1")
    notebook.run("%unload_ext nbflow")
    (path,) = Path().glob(".nbflow/*.duckdb")
    alter(path, "UPDATE definitions SET source = 'evil()'")
    return notebook


def test_s80_altered_source_is_named_and_signed_anew_by_its_cell(altered: Notebook) -> None:
    del altered.shell.user_ns["fulfil"]
    said = altered.run("%load_ext nbflow")
    assert (
        "it is not trusted, and nothing of it runs: the source of fulfil was altered · 1 run waits for that"
        in said
    )
    assert altered.fail("%wf raise order-1 approval").endswith(
        "the source of fulfil was altered: `%wf trust`"
    )
    assert "order-1 waits until this history is trusted" in altered.run("%wf wait order-1")
    altered.run("%%workflow fulfil(sku: str)\nawait ctx.wait_for_external_event('approval')")
    altered.run("%wf raise order-1 approval")
    assert altered.run("%wf wait order-1") == "order-1 is COMPLETED"


def test_s80_a_row_that_nobody_can_read_stops_nobody_from_looking(altered: Notebook) -> None:
    (path,) = Path().glob(".nbflow/*.duckdb")
    alter(path, "UPDATE instances SET status = 'MAYBE'")
    assert "the source of fulfil was altered" in altered.run("%load_ext nbflow")
    assert "order-1: its name, input or status was altered" in altered.run("%wf trust")
    assert "MAYBE" in altered.run("%wf sql SELECT status FROM instances")
    assert len(altered.fail("%wf ps").splitlines()) == 1


def test_s80_trust_takes_no_words_and_is_explained(notebook: Notebook) -> None:
    assert notebook.run("%wf trust").endswith("is trusted: every row is signed with your key")
    assert "every row was signed already" in notebook.run("%wf trust --yes")
    assert "%wf trust is about the whole history, 'order-1' says nothing to it" in notebook.fail(
        "%wf trust order-1"
    )
    assert "NBFLOW_KEY_FILE" in notebook.run("%wf help trust")


def test_s80_a_key_that_others_can_read_opens_no_history(
    bare_notebook: Notebook, jupyter_env: dict[str, str]
) -> None:
    key = Path(jupyter_env["NBFLOW_KEY_FILE"])
    key.write_text("00" * 32)
    key.chmod(0o644)
    assert f"`chmod 600 {key}`; `%wf db` tries again" in bare_notebook.run("%load_ext nbflow")
    key.chmod(0o600)
    assert "no run waits" in bare_notebook.run("%wf db")
