"""`runtime.code`: which versions of workflows' code there are, which run has which, and changing over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbflow.definitions.pins import Sources
from nbflow.engine.registration import Registration
from nbflow.errors import NbflowError
from nbflow.runtime.gate import Gate, GateReport
from nbflow.runtime.versions import StoredVersion, versions_of

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime


class RuntimeCode:
    """The code of a runtime's workflows.

    Args:
        runtime: The runtime.
        registration: The engine's registration of code.
    """

    def __init__(self, runtime: WorkflowRuntime, registration: Registration) -> None:
        self._runtime = runtime
        self._registration = registration

    def versions(self, workflow: str) -> list[StoredVersion]:
        """The versions of a workflow's code that the history keeps, oldest first, with the runs that have each."""
        return versions_of(self._runtime, workflow)

    def drop(self, workflow: str, *code_hashes: str) -> None:
        """Forget versions of a workflow's code; raises InstanceStateError if a run in flight has one."""
        for code_hash in code_hashes:
            self._runtime.call(self._runtime.requests.drop_version(workflow, code_hash))
            self._runtime.call(self._registration.forget(workflow, code_hash))

    def gate(self, workflow: str, code_hash: str | None = None) -> GateReport:
        """Hold a version of a workflow's code against every run in flight that has other code; nothing changes.

        Args:
            workflow: The workflow's name.
            code_hash: The version; the newest by default.

        Raises:
            UnknownWorkflowError: There is no such version.
        """
        return Gate(self._runtime).check(workflow, code_hash)

    def adopt(self, instance_ids: Iterable[str], code_hash: str) -> dict[str, str]:
        """Have runs in flight go on with another version of their workflow's code, whether it fits or not.

        One that it doesn't fit is STALLED at its next turn, and says where the two part.

        Args:
            instance_ids: The runs.
            code_hash: The version, see `gate`.

        Returns:
            Why it was not done, by run; empty if it was done for all.
        """
        refused: dict[str, str] = {}
        for instance_id in instance_ids:
            try:
                self._runtime.call(self._runtime.requests.adopt(instance_id, code_hash))
            except NbflowError as error:
                refused[instance_id] = str(error)
        return refused

    def complete(self, namespace: dict[str, Any], sources: Sources) -> list[str]:
        """Have runs go on that wait for a name which their code missed, and which is there by now; gives their IDs.

        Args:
            namespace: Where the names are.
            sources: Finds source texts.
        """
        return self._runtime.call(self._registration.complete(namespace, sources))
