"""Code comes back by itself: a killed kernel's runs go on in a new one, in which no cell is run (S51, S79)."""

import pytest

from tests.jupyter.conftest import StartKernel

CELLS = [
    """\
import math
from dataclasses import dataclass
from datetime import timedelta

RATE = 0.25
PATIENCE = timedelta(days=2)

@dataclass(frozen=True)
class Order:
    sku: str
    cents: int

class SoldOut(Exception):
    pass
""",
    """\
def with_tax(cents: int) -> int:
    return math.ceil(cents * (1 + RATE))
""",
    """\
%%activity charge(order: Order, cents: int) -> str
return f"{order.sku}: {cents} cents"
""",
    """\
%%workflow fulfil(order: Order) -> str
if order.cents <= 0:
    raise SoldOut(order.sku)
approved = await ctx.wait_for_external_event("approval", data_type=bool, timeout=PATIENCE)
return await charge(order, with_tax(order.cents)) if approved else "rejected"
""",
]


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(51, 52, 79)
def test_a_run_whose_code_stood_in_four_cells_completes_without_any_of_them(
    start_kernel: StartKernel,
) -> None:
    first = start_kernel()
    first.run("%load_ext nbflow")
    for cell in CELLS:
        assert first.run(cell).status == "ok"
    first.run('run = %wf run fulfil({"sku": "tea", "cents": 101}) --id order-1;')
    first.run('run = %wf run fulfil({"sku": "car", "cents": 100}) --id order-2;')
    first.run("%wf wait order-1")
    first.run("%wf wait order-2")
    first.kill()

    second = start_kernel()
    loaded = second.run("%load_ext nbflow").text
    assert "order-1 waits for 'approval'" in loaded
    second.run("%wf raise order-1 approval true")
    assert "order-1 is COMPLETED: 'tea: 127 cents'" in second.run("%wf wait order-1").text
    # what this notebook means by the same names is nothing to a run that was begun with others
    second.run("RATE = 100.0\ndef with_tax(cents): return -1")
    second.run("%wf raise order-2 approval true")
    assert "order-2 is COMPLETED: 'car: 125 cents'" in second.run("%wf wait order-2").text
    second.run('run = %wf run fulfil({"sku": "tea", "cents": 0}) --id order-3;')
    assert "SoldOut: tea" in second.run("%wf wait order-3").text


@pytest.mark.slow
@pytest.mark.kernel
@pytest.mark.semantics(12, 79)
def test_a_run_whose_helper_is_missing_goes_on_when_its_cell_is_run(start_kernel: StartKernel) -> None:
    first = start_kernel()
    first.run("%load_ext nbflow")
    for cell in [CELLS[0], CELLS[2], CELLS[3]]:
        assert first.run(cell).status == "ok"
    first.run('run = %wf run fulfil({"sku": "tea", "cents": 101}) --id order-1;')
    first.run("%wf raise order-1 approval true")
    waits = first.run("%wf wait order-1").text
    assert "order-1 is stalled" in waits
    assert "with_tax" in waits
    first.kill()

    second = start_kernel()
    assert "with_tax" in second.run("%load_ext nbflow").text
    assert "order-1 goes on" in second.run(f"import math\nRATE = 0.5\n{CELLS[1]}").text
    assert "order-1 is COMPLETED: 'tea: 152 cents'" in second.run("%wf wait order-1").text
