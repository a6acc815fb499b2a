"""What `nbflow.testing` gives: these names, each documented, and no notebook with them."""

import inspect
import subprocess
import sys

import pytest

import nbflow.testing


def test_these_names_and_no_others() -> None:
    assert nbflow.testing.__all__ == [
        "Faults",
        "HistoryBuilder",
        "Invariant",
        "NoStubError",
        "ReplayError",
        "RunWaitsError",
        "SimulatedRun",
        "SimulationReport",
        "Simulator",
        "TortureReport",
        "VirtualClock",
        "WorkflowTestEnvironment",
        "WorkflowTestError",
        "replay_history",
        "save_history",
        "torture",
    ]
    with pytest.raises(AttributeError, match="has no attribute 'Simulation'"):
        _ = nbflow.testing.Simulation  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", nbflow.testing.__all__)
def test_each_is_documented(name: str) -> None:
    exported = getattr(nbflow.testing, name)
    assert inspect.getdoc(exported)
    if isinstance(exported, type):
        members = inspect.getmembers(exported)
        public = [member for attribute, member in members if not attribute.startswith("_")]
        ours = [m for m in public if inspect.isfunction(m) or isinstance(m, property)]
        assert [m for m in ours if not inspect.getdoc(m)] == []


def test_neither_a_notebook_nor_a_database_comes_with_it() -> None:
    heavy = "{'IPython', 'duckdb', 'ipywidgets', 'anywidget', 'pytest', 'hypothesis'}"
    code = f"import sys, nbflow.testing; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
