"""A real kernel whose workflow awaits nothing: it answers all the same, and names the line as the cell has it (S17)."""

import re

import pytest

from tests.jupyter.kernels import Cell, Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.semantics(17)]

LOOPS = """%%workflow loops(start: int) -> int
number = await ctx.wait_for_external_event("go")
while number >= start:
    number += 1
return number
"""
NAPS = """%%workflow naps() -> int
import time
time.sleep(1000)
return 1
"""


def ok(cell: Cell) -> Cell:
    assert cell.status == "ok", cell.text
    return cell


def test_the_kernel_answers_while_a_workflow_is_stuck_and_shows_its_line(kernel: Kernel) -> None:
    ok(kernel.run(LOOPS))
    ok(kernel.run("run = %wf run loops(1) --id order-42;"))
    ok(kernel.run("%wf wait order-42"))
    ok(kernel.run("%wf raise order-42 go 1"))
    answered = 0
    while ok(kernel.run("print(run.status)")).stdout != "STALLED\n":
        answered += 1
    assert answered > 0
    failed = kernel.run("await run")
    assert re.search(
        r"has not awaited anything for 2 s \(line (3|4), in loops: `(while number >= start:|number \+= 1)`\)",
        failed.evalue,
    )
    assert "then `%wf resume order-42`" in failed.evalue

    ok(kernel.run(LOOPS.replace("number >= start", "number < start")))
    ok(kernel.run("%wf resume order-42"))
    assert ok(kernel.run("await run")).results[0]["text/plain"] == "1"


def test_a_kernel_shuts_down_although_a_workflow_is_stuck(kernel: Kernel) -> None:
    ok(kernel.run(NAPS))
    ok(kernel.run("run = %wf run naps() --id order-42;"))
    while ok(kernel.run("print(run.status)")).stdout != "STALLED\n":
        pass
    assert "It could not be stopped: its thread was left behind" in kernel.run("await run").evalue
    kernel.client.shutdown()
    kernel.manager.provisioner.process.wait(60)
    assert not kernel.manager.is_alive()
