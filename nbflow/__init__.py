"""nbflow: durable workflows in a notebook, in plain asyncio.

Authoring: `activity`, `workflow`, `WorkflowContext`, `WorkflowActivityContext`,
`RetryPolicy`, `when_all`, `when_any`. Running: `WorkflowRuntime` and what it gives. In a
notebook, ``%load_ext nbflow`` brings the magics.

What runs needs DuckDB, and the notebook's side IPython; both are imported when
they are first asked for, so that ``import nbflow`` is quick. `load_workflow` takes a workflow
out of a notebook, for a test.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nbflow.core.context import WorkflowActivityContext, WorkflowContext
from nbflow.core.joins import when_all, when_any
from nbflow.core.retry import RetryPolicy
from nbflow.core.reuse import ReuseIdAction, ReuseIdPolicy
from nbflow.core.state import RuntimeStatus
from nbflow.core.tasks import DurableTask
from nbflow.definitions import activity, workflow
from nbflow.errors import ChildTerminatedError, NbflowError, TaskFailedError, WorkflowFailedError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from nbflow.jupyter.loading import load_workflow
    from nbflow.runtime import WorkflowClient, WorkflowHandle, WorkflowRuntime, WorkflowState

__all__ = [
    "ChildTerminatedError",
    "DurableTask",
    "NbflowError",
    "RetryPolicy",
    "ReuseIdAction",
    "ReuseIdPolicy",
    "RuntimeStatus",
    "TaskFailedError",
    "WorkflowActivityContext",
    "WorkflowClient",
    "WorkflowContext",
    "WorkflowFailedError",
    "WorkflowHandle",
    "WorkflowRuntime",
    "WorkflowState",
    "activity",
    "load_workflow",
    "when_all",
    "when_any",
    "workflow",
]

_LATE = {
    "WorkflowClient": "nbflow.runtime",
    "WorkflowHandle": "nbflow.runtime",
    "WorkflowRuntime": "nbflow.runtime",
    "WorkflowState": "nbflow.runtime",
    "load_workflow": "nbflow.jupyter.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'nbflow' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


def client() -> WorkflowClient:
    """The client of the notebook's runtime, which ``%load_ext nbflow`` opened."""
    return import_module("nbflow.jupyter.extension").client()


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Bring nbflow into a notebook: called by ``%load_ext nbflow``."""
    import_module("nbflow.jupyter.extension").load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Close the notebook's runtime and take the magics away: called by ``%unload_ext nbflow``."""
    import_module("nbflow.jupyter.extension").unload(ipython)
