"""A real kernel: the main job with its kill, and what only a kernel can show."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.jupyter.conftest import StartKernel
from tests.jupyter.kernels import Cell, Kernel

pytestmark = pytest.mark.kernel

CHECK = """%%activity check(sku: str, qty: int) -> bool
print("checking", sku)
note("check")
return qty < 10
"""
CHARGE = """%%activity charge(sku: str) -> str
note("charge")
return f"receipt for {sku}"
"""
NOTE = """import os
def note(key):
    log = os.open("done.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(log, f"{key} {os.getpid()}\\n".encode())
    os.close(log)
"""
FULFIL = """%%workflow fulfil(sku: str, qty: int = 1) -> str
in_stock = await check(sku, qty)
decision = await ctx.wait_for_external_event("approval", timeout=86400)
return await charge(sku)
"""
RUN = "run = %wf run fulfil('tea', 2) --id order-42"
DEFINITIONS = (NOTE, CHECK, CHARGE, FULFIL)


def ok(cell: Cell) -> Cell:
    assert cell.status == "ok", cell.text
    return cell


def define(kernel: Kernel) -> None:
    for definition in DEFINITIONS:
        ok(kernel.run(definition))


@pytest.mark.semantics(11, 52)
def test_a_run_outlives_its_killed_kernel(
    kernel: Kernel, start_kernel: StartKernel, notebook_folder: Path
) -> None:
    define(kernel)
    ok(kernel.run(RUN))
    said = ok(kernel.run("%wf wait order-42")).text
    assert "order-42 waits for 'approval': answer it, then `await run`" in said
    first = kernel.pid
    kernel.kill()

    kernel = start_kernel()
    said = ok(kernel.run("%load_ext nbflow")).text
    assert "order-42 waits for 'approval'" in said
    for definition in DEFINITIONS:
        assert "unchanged" in ok(kernel.run(definition)).text or "%%" not in definition
    assert "attached to order-42" in ok(kernel.run(RUN)).text
    ok(kernel.run('%wf raise order-42 approval {"approved": true}'))
    assert ok(kernel.run("await run")).results[0]["text/plain"] == "'receipt for tea'"

    lines = (notebook_folder / "done.log").read_text().splitlines()
    assert lines == [f"check {first}", f"charge {kernel.pid}"]


def test_run_all_after_a_restart(kernel: Kernel, start_kernel: StartKernel, notebook_folder: Path) -> None:
    cells = ["%load_ext nbflow", *DEFINITIONS, RUN, "%wf wait order-42", "%wf ps"]
    for cell in cells:
        ok(kernel.run(cell))
    kernel.close()
    kernel = start_kernel()
    for cell in cells:
        ok(kernel.run(cell))
    assert "RUNNING" in ok(kernel.run("%wf ps")).text
    done = Counter(line.split()[0] for line in (notebook_folder / "done.log").read_text().splitlines())
    assert done == {"check": 1}


def test_a_shutdown_lets_go_of_the_history(kernel: Kernel, start_kernel: StartKernel) -> None:
    kernel.client.shutdown()
    deadline = time.monotonic() + 10
    while kernel.manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not kernel.manager.is_alive()
    assert "no run waits" in ok(start_kernel().run("%load_ext nbflow")).text


@pytest.mark.semantics(72)
def test_two_kernels_on_one_history(kernel: Kernel, start_kernel: StartKernel) -> None:
    define(kernel)
    other = start_kernel()
    said = ok(other.run("%load_ext nbflow")).text
    assert f"is open in kernel PID {kernel.pid}: shut that kernel down" in said
    assert "`%wf db` tries again" in said
    define(other)
    refused = other.run(RUN)
    assert refused.status == "error"
    assert f"PID {kernel.pid}" in refused.evalue
    assert len(refused.traceback) == 1
    kernel.close()
    assert "no run waits" in ok(other.run("%wf db")).text
    ok(other.run(RUN))


def test_a_workflow_proceeds_while_a_cell_blocks(kernel: Kernel) -> None:
    define(kernel)
    ok(kernel.run("%%workflow nap() -> float\nimport asyncio\nawait asyncio.sleep(0.3)\nreturn 1.0"))
    ok(kernel.run("run = %wf run nap();"))
    blocks = (
        "import time\nend = time.monotonic() + 20\n"
        "while run.status != 'COMPLETED' and time.monotonic() < end:\n    time.sleep(0.05)\n"
        "print(run.status)"
    )
    assert ok(kernel.run(blocks)).stdout == "COMPLETED\n"  # while the cell still kept the kernel


@pytest.mark.parametrize("waiting", ["await run", "run.result()", "%wf wait nap"])
def test_waiting_notices_an_interrupt(kernel: Kernel, waiting: str) -> None:
    ok(kernel.run("%%workflow nap() -> float\nimport asyncio\nawait asyncio.sleep(3600)\nreturn 1.0"))
    ok(kernel.run("run = %wf run nap() --id nap"))
    message = kernel.start(f"print('begun', flush=True)\n{waiting}")
    for found in kernel.messages(message, 10):
        if found["msg_type"] == "stream":
            break
    time.sleep(0.3)
    kernel.interrupt()
    cell = kernel.finish(message)  # long before the nap is over
    assert cell.ename in {"KeyboardInterrupt", "CancelledError"}
    assert "nbflow" not in "".join(cell.traceback)
    assert ok(kernel.run("print(run.status)")).stdout == "RUNNING\n"


def test_prints_stay_with_the_cell_that_started_the_run(kernel: Kernel) -> None:
    ok(
        kernel.run(
            "%%activity slow(n: int)\nimport time\nfor i in range(3):\n    time.sleep(0.2)\n    print('step', i)"
        )
    )
    ok(kernel.run("%%workflow steps()\nawait slow(3)"))
    message = kernel.start("run = %wf run steps() --id steps")
    early = kernel.finish(message).stdout  # a print may come while the cell still draws its card
    later = kernel.start("import time\ntime.sleep(1.2)\nprint('mine')")
    printed = {message: early}
    while "mine\n" not in printed.get(later, "") or "step 2\n" not in printed[message]:
        found = kernel.client.get_iopub_msg(timeout=10)
        if found["msg_type"] == "stream":
            cell = found["parent_header"]["msg_id"]
            printed[cell] = printed.get(cell, "") + found["content"]["text"]
    kernel.client.get_shell_msg(timeout=10)
    assert printed == {message: "step 0\nstep 1\nstep 2\n", later: "mine\n"}
    kept = ok(kernel.run("[event.prints for event in run.history() if hasattr(event, 'prints')]"))
    assert kept.results[0]["text/plain"] == repr(["step 0\nstep 1\nstep 2\n"])


def test_the_card_is_shown_once_and_its_twin_follows(kernel: Kernel) -> None:
    define(kernel)
    assert len(ok(kernel.run(RUN)).cards) == 1
    assert len(ok(kernel.run("%wf show order-42")).cards) == 1
    assert ok(kernel.run("%wf run fulfil('tea') --id silent;")).displays == []
    both = ok(kernel.run("%wf run fulfil('tea') --id shown\nprint(1)\n%wf show shown --view card"))
    assert len(both.cards) == 2
    card, twin = ok(kernel.run("run")).displays
    assert "text/html" not in card
    assert card["text/plain"] == "the card of order-42 (fulfil)"
    assert "order-42 (fulfil) is running and waits for 'approval'" in twin["text/plain"]
    assert twin["text/html"].startswith("<div data-nbflow-twin=")
    assert "fulfil" in twin["text/html"]
    kernel.run("%wf raise order-42 approval true")
    for _ in range(20):
        ok(kernel.run("import asyncio\nawait asyncio.sleep(0.3)"))
        if any("order-42 (fulfil) completed after" in bundle["text/plain"] for bundle in kernel.updates):
            break
    assert "completed after" in kernel.updates[-1]["text/plain"]
    assert not any("application/vnd.jupyter.widget-view+json" in bundle for bundle in kernel.updates)


def test_a_card_that_is_opened_at_an_event_leaves_that_moment_behind(kernel: Kernel) -> None:
    define(kernel)
    ok(kernel.run(RUN))
    ok(kernel.run("%wf wait order-42"))
    card, twin = ok(kernel.run("%wf replay order-42 --to 3")).displays
    assert card["text/plain"] == "the card of order-42 (fulfil)"
    assert "event 3 of 7" in twin["text/plain"]
    assert "in_stock = await check(sku, qty)" in twin["text/html"]


def test_a_failed_run_shows_the_cells_lines(kernel: Kernel, start_kernel: StartKernel) -> None:
    ok(
        kernel.run(
            "%%activity charge(cents: int)\nlimit = 100\nif cents > limit:\n    raise ValueError('declined')"
        )
    )
    ok(kernel.run("%%workflow buy(cents: int)\nawait charge(cents)"))
    ok(kernel.run("run = %wf run buy(200) --id buy-1;"))
    failed = kernel.run("await run")
    assert failed.ename == "WorkflowFailedError"
    text = "\n".join(failed.traceback)
    assert "Cell In[2]" in text
    assert "raise ValueError('declined')" in text
    assert "nbflow/" not in text
    kernel.kill()
    kernel = start_kernel()
    ok(kernel.run("%load_ext nbflow"))
    failed = kernel.run("import nbflow\nnbflow.client().handle('buy-1').result()")
    text = "\n".join(failed.traceback)
    assert "A cell of an earlier kernel" in text
    assert "raise ValueError('declined')" in text


def test_a_syntax_error_names_the_cell_and_the_line_as_seen(kernel: Kernel) -> None:
    failed = kernel.run("%%workflow f(a)\nx = 1\nif x = 2:\n    pass")
    text = "\n".join(failed.traceback)
    assert failed.status == "error"
    assert "line 3" in text
    assert "Cell" in text
    assert "In[2]" in text
    assert "if x = 2:" in text
    assert "nbflow" not in text


BAD_INPUT = {
    "%wf run fulfill('tea')": "no workflow 'fulfill' is known: did you mean 'fulfil'?",
    "%wf show order-7": "there is no run 'order-7'",
    "%wf run fulfil()": "fulfil(sku: str, qty: int = 1) -> str: missing a required argument: 'sku'",
    "%wf run fulfil({'a': object()})": "sku of fulfil(sku: str, qty: int = 1) -> str doesn't fit str",
    "%wf run fulfil('tea') --idd x": "%wf run has no option --idd: did you mean --id?",
    "%wf run fulfil('coffee') --id order-42": "order-42 exists with another input and is RUNNING",
    "%wf db done.log": "done.log",
    "%wf db /sys/x.duckdb": "/sys",
    "%wf shwo": "%wf has no command 'shwo': did you mean 'show'?",
}


def test_bad_input_is_one_line_that_fails_the_cell(kernel: Kernel, notebook_folder: Path) -> None:
    define(kernel)
    ok(kernel.run(RUN))
    ok(kernel.run("%wf wait order-42"))
    log = (notebook_folder / "done.log").read_text()
    for cell, complaint in BAD_INPUT.items():
        failed = kernel.run(cell)
        assert failed.status == "error", cell
        assert len(failed.traceback) == 1, cell
        assert len(failed.traceback[0].splitlines()) == 1, cell
        assert complaint in failed.traceback[0], cell
    assert (notebook_folder / "done.log").read_text() == log
    assert "'approval'" in ok(kernel.run("%wf ps")).text


def test_completion_over_the_whole_line(kernel: Kernel) -> None:
    define(kernel)
    ok(kernel.run(RUN))
    ok(kernel.run("%wf wait order-42"))
    assert kernel.complete("x = %wf sh") == ["x = %wf show"]
    assert kernel.complete("%wf show or") == ["%wf show order-42"]
    assert kernel.complete("%wf raise order-42 a") == ["%wf raise order-42 approval"]
    assert kernel.complete("%wf run fu") == ["%wf run fulfil("]
