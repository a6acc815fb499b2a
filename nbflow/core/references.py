"""Activities and workflows as the core sees them where workflow code calls them."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nbflow.core.retry import RetryPolicy

if TYPE_CHECKING:
    from nbflow.core.context import WorkflowContext


class Reference(Protocol):
    """An activity or a workflow as the core sees it: a name, and how its values look on record."""

    @property
    def name(self) -> str: ...

    def encode_input(self, value: Any) -> str: ...

    def decode_result(self, text: str) -> Any: ...


@runtime_checkable
class ActivityReference(Reference, Protocol):
    """An activity as the core sees it."""

    @property
    def retry_policy(self) -> RetryPolicy | None: ...

    @property
    def timeout(self) -> timedelta | None: ...


@runtime_checkable
class WorkflowReference(Reference, Protocol):
    """A workflow as the core sees it where another one calls it."""

    def run(self, context: WorkflowContext, input: str) -> Coroutine[Any, Any, str]: ...


class WorkflowCode(Protocol):
    """A workflow as the core sees it."""

    @property
    def name(self) -> str: ...

    def run(self, context: WorkflowContext, input: str) -> Coroutine[Any, Any, str]:
        """Run the workflow with a recorded input; the result is JSON text."""
        ...

    def encode_input(self, value: Any) -> str:
        """Write an input down; raises ArgumentsError or PayloadError."""
        ...
