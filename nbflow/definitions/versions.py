"""One version of a workflow or an activity: live, as its author defined it here, or made of a pin when it is needed."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any, Generic, TypeVar, cast

from nbflow.definitions.captured import Captured
from nbflow.definitions.definition import ActivityDefinition, WorkflowDefinition
from nbflow.definitions.pins import Declared, Pin, from_node, restore
from nbflow.errors import CodeNotRestoredError, NbflowError

D = TypeVar("D", WorkflowDefinition[Any, Any], ActivityDefinition[Any, Any])


class Version(Generic[D]):
    """Code under a name and a hash.

    Args:
        code_hash: Its hash.
        live: As its author defined it in this process; None if only its pin is there.
        pin: As it is stored; None if it can't be kept.
        lock: Making code imports modules, and puts one of its own among them: one thread at a time does.
    """

    def __init__(self, code_hash: str, live: D | None, pin: Pin | None, lock: threading.RLock) -> None:
        self._lock = lock
        self.code_hash = code_hash
        self.live = live
        self.pin = pin
        self.error: CodeNotRestoredError | None = None
        self._made: D | None = None

    @property
    def source(self) -> str:
        """The text of the function."""
        if self.live is not None:
            return self.live.source
        return self.pin.root.source if self.pin is not None else ""

    @property
    def is_ready(self) -> bool:
        """Whether using it makes nothing first."""
        return self.live is not None or self._made is not None

    def running(self) -> D:
        """The code that runs: a notebook's in a namespace of its own, other code as it is.

        Raises:
            CodeNotRestoredError: It can't be made here; says why.
        """
        if self.live is not None and (self.pin is None or not self.live.is_of_notebook):
            return self.live
        return self.made()

    def definition(self) -> D:
        """The code as people use it, whose types are those of the notebook; raises CodeNotRestoredError."""
        return self.live if self.live is not None else self.made()

    def made(self) -> D:
        """The code made of its pin, once; raises CodeNotRestoredError."""
        with self._lock:
            if self._made is None:
                assert self.pin is not None, "a version is live, or it has a pin"
                try:
                    self._made = cast("D", _definition(self.pin, self.code_hash))
                except Exception as error:
                    self.error = CodeNotRestoredError(_complaint(self.pin, error))
                    raise self.error from error
            return self._made


def _definition(pin: Pin, code_hash: str) -> WorkflowDefinition[Any, Any] | ActivityDefinition[Any, Any]:
    found = restore(pin, code_hash, _declared)
    function = found.function if isinstance(found, (WorkflowDefinition, ActivityDefinition)) else found
    made: WorkflowDefinition[Any, Any] | ActivityDefinition[Any, Any]
    if pin.kind == "workflow":
        made = WorkflowDefinition(
            function,
            name=pin.registered,
            version=pin.version,
            source=pin.root.source,
            cell=pin.cell,
            label=pin.label,
        )
    else:
        made = ActivityDefinition(
            function,
            name=pin.registered,
            source=pin.root.source,
            retry_policy=from_node(pin.retry_policy, function.__globals__),
            timeout=None if pin.timeout is None else timedelta(seconds=pin.timeout),
        )
    made.made_of(Captured(code_hash=code_hash, pin=pin, missing=pin.missing))
    return made


def _declared(item: Declared, function: Any) -> Any:
    """The activity or workflow that pinned code calls: enough of it for a call, and nothing to run."""
    made: WorkflowDefinition[Any, Any] | ActivityDefinition[Any, Any]
    if item.kind == "workflow":
        made = WorkflowDefinition(function, name=item.registered, source=item.source)
    else:
        made = ActivityDefinition(
            function,
            name=item.registered,
            source=item.source,
            retry_policy=from_node(item.retry_policy, function.__globals__),
            timeout=None if item.timeout is None else timedelta(seconds=item.timeout),
        )
    made.is_declaration = True
    return made


def _complaint(pin: Pin, error: Exception) -> str:
    what = f"the stored code of `{pin.registered}` can't be made here"
    if isinstance(error, ImportError):
        name = error.name or "a module"
        return f"{what}: {error} - install {name}, or run the cell that defines `{pin.registered}`"
    if isinstance(error, NbflowError):
        return f"{what}: {error}"
    return f"{what} ({type(error).__name__}: {error}): run the cell that defines `{pin.registered}`"
