"""Seeds that have found a bug of the engine, kept: each failed before the bug was fixed.

What a seed does changes with the engine, and so does what it would find; `test_seeds.py` is what looks
for new bugs.
"""

import pytest

from tests.simulation.workloads import SIMULATIONS

KEPT = {
    "suspended, an event came, resumed and another event came in one turn: the later event was first": (
        "orders",
        17,
    ),
    "a read failed while an event was being written: its sender was told no, and it was handled": (
        "orders",
        78,
    ),
    "a run ended by itself just before it was to be replaced: the new one never began, and was promised": (
        "reuse",
        20,
    ),
    "a run continued as new in the turn that was to replace it: it was replaced, and went on": (
        "reuse",
        79,
    ),
    "a later start was refused while a turn of the ended run was under way: a run that never was stayed": (
        "reuse",
        2781,
    ),
    "a run was held when it was replaced: its events reached the new one": ("reuse", 110),
    "a run was held before its start when it was replaced: the engine tried that start for ever": (
        "reuse",
        288,
    ),
    "a held run was suspended and resumed before it had heard of the former: it stayed suspended": (
        "orders",
        36,
    ),
}


@pytest.mark.semantics(6, 62, 64, 67)
@pytest.mark.parametrize(("workload", "seed"), KEPT.values(), ids=KEPT)
def test_a_seed_that_found_a_bug_finds_it_no_more(workload: str, seed: int) -> None:
    report = SIMULATIONS[workload]().run(seeds=[seed])
    assert report.ok, report
