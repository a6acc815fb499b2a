"""What is simulated: everything but the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbflow.core.history import Interpreter
from nbflow.definitions import ActivityDefinition, Definition, WorkflowDefinition
from nbflow.testing.stubs import Stub


@dataclass(frozen=True, kw_only=True)
class SimulatedRun:
    """A run of a simulation, and what its client does.

    Attributes:
        workflow: The workflow.
        input: Its input, as `WorkflowClient.schedule_new_workflow` takes it.
        id: The run's ID.
        events: Raised one after the other: (name, data).
        same: What of the run's output must be the same as undisturbed; None: the whole of it.
        after: The ID of a run that has to be there before this one is scheduled.
        start_in: Seconds after which it starts, once it is scheduled.
        terminated: Whether the run may be terminated while it runs.
        times: How often a run is started under this ID, each when the one before has ended, or in its place.
    """

    workflow: WorkflowDefinition[..., Any]
    input: Any = None
    id: str = "run"
    events: Sequence[tuple[str, Any]] = ()
    same: Callable[[Any], object] | None = None
    after: str | None = None
    start_in: float = 0.0
    terminated: bool = False
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is simulated.

    Attributes:
        runs: The runs, and what their clients do.
        definitions: The code.
        stubs: What stands in for activities.
        fails: How many attempts of an activity may fail, where its own policy doesn't say.
        interpreter: What histories are recorded under.
    """

    runs: Sequence[SimulatedRun]
    definitions: Sequence[Definition]
    stubs: Sequence[tuple[ActivityDefinition[..., Any], Stub]]
    fails: Mapping[str, int]
    interpreter: Interpreter
