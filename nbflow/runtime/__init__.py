"""The composition root: the one place that names concrete adapters.

`WorkflowRuntime` wires store, executor, clock and threads; `WorkflowClient` is
Dapr's client over it; `WorkflowHandle` is one run, as its owner holds it; `RunSource`
is one run, as its card sees it. (`stored` is a history that
nobody runs.)
"""

from nbflow.runtime.client import WorkflowClient
from nbflow.runtime.gate import GateReport, Verdict
from nbflow.runtime.handle import WorkflowHandle
from nbflow.runtime.pictures import Picture
from nbflow.runtime.runtime import WorkflowRuntime
from nbflow.runtime.skipping import Skipped
from nbflow.runtime.source import RunSource
from nbflow.runtime.state import WorkflowState

__all__ = [
    "GateReport",
    "Picture",
    "RunSource",
    "Skipped",
    "Verdict",
    "WorkflowClient",
    "WorkflowHandle",
    "WorkflowRuntime",
    "WorkflowState",
]
