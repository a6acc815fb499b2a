from collections.abc import Callable
from pathlib import Path

import pytest

from nbflow import WorkflowRuntime
from nbflow.cli import main
from nbflow.testing import VirtualClock
from tests.testing.orders import Decision, Order, charge, fulfil

Typed = Callable[..., str]


def make(path: Path) -> Path:
    """A history in which order-1 waits for its approval, and order-2 was rejected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with WorkflowRuntime(path, clock=VirtualClock(), definitions=[fulfil, charge]) as runtime:
        for number in (1, 2):
            run = runtime.client.schedule_new_workflow(
                fulfil, input=Order("car", 2_000_000 + number), instance_id=f"order-{number}"
            )
            runtime.skip(seconds=1)
        run.raise_event("approval", Decision(False))
        assert run.result(20) == "rejected"
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the commands are typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBFLOW_DB", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Path:
    """The folder's one history."""
    return make(folder / ".nbflow" / "orders.duckdb")


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Carries a command out, and gives what it prints."""

    def carry_out(*arguments: str) -> str:
        status = main(arguments)
        said = capsys.readouterr()
        assert (status, said.err) == (0, "")
        return said.out

    return carry_out


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Tries to carry a command out, and gives the one line that says why it can't be."""

    def carry_out(*arguments: str) -> str:
        status = main(arguments)
        said = capsys.readouterr()
        assert (status, said.out) == (1, "")
        assert said.err.count("\n") == 1
        return said.err.removesuffix("\n")

    return carry_out
