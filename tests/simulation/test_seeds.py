"""Thousands of seeds, dealt out over the workloads: `SEEDS=20000 pytest tests/simulation/test_seeds.py` for more."""

import os
from functools import cache

import pytest

from nbflow.testing import Simulator
from tests.simulation.workloads import SIMULATIONS

SEEDS = int(os.environ.get("SEEDS", "2000"))
CHUNK = 50
NAMES = list(SIMULATIONS)


@cache
def simulator(name: str) -> Simulator:
    """One for all seeds, since the undisturbed run needs to be simulated only once."""
    return SIMULATIONS[name]()


@pytest.mark.semantics(8, 11, 14, 19, 22, 23, 32, 63, 64, 67, 71)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_whatever_a_seed_does_every_invariant_holds(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS)):
        name = NAMES[seed % len(NAMES)]
        report = simulator(name).run(seeds=[seed])
        assert report.ok, f"{name}: {report}"
