"""One seed decides everything: the same seed does the same, here and in any other process."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.execution import Execution
from tests.simulation.workloads import SIMULATIONS

ROOT = Path(__file__).parents[2]
SEEDS = (0, 1, 5, 8)


def digests() -> dict[str, str]:
    """What the traces of some seeds come to."""
    return {
        f"{name} {seed}": simulator.trace(seed).digest()
        for name, simulator in ((name, make()) for name, make in SIMULATIONS.items())
        for seed in SEEDS
    }


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    command = [
        sys.executable,
        "-c",
        f"import json; from {__name__} import digests; print(json.dumps(digests()))",
    ]
    mine = digests()
    for hash_seed in ("1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == mine


def test_other_seeds_give_other_traces() -> None:
    simulator = SIMULATIONS["orders"]()
    assert len({simulator.trace(seed).digest() for seed in range(20)}) == 20


@pytest.mark.semantics(76)
@pytest.mark.parametrize("name", SIMULATIONS)
def test_s76_whatever_ends_an_engine_no_execution_is_left_to_the_garbage_collector(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made: list[Execution] = []
    begin = Execution.__init__

    def counted(self: Execution, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Execution, "__init__", counted)
    simulator = SIMULATIONS[name]()
    for seed in range(10):
        simulator.trace(seed)
        assert [execution.instance_id for execution in made if not execution.loop.frozen] == []
        made.clear()
    gc.collect()  # whatever a collected coroutine would still do, it does here
