"""Tools to test workflows with, in any test runner and without a notebook.

`WorkflowTestEnvironment` runs whole workflows in virtual time, with stubs for their
activities. `HistoryBuilder` asks a workflow what it does next, given a history.
`save_history` and `replay_history` keep what runs did as regression tests. `Simulator`
runs a workflow on an engine to which everything happens that can go wrong, and
`torture` in processes that crash behind every event.
docs/testing.md shows how.
"""

from __future__ import annotations

from nbflow.engine.clock import VirtualClock
from nbflow.testing.builder import HistoryBuilder
from nbflow.testing.complaints import NoStubError, ReplayError, RunWaitsError, WorkflowTestError
from nbflow.testing.environment import WorkflowTestEnvironment
from nbflow.testing.regression import replay_history, save_history
from nbflow.testing.simulator import Faults, Invariant, SimulatedRun, SimulationReport, Simulator
from nbflow.testing.torturing import TortureReport, torture

__all__ = [
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
