"""Activities in a test: some replaced, all of them counted.

A stub stands in for an activity's function and for nothing else: what the activity
is called with has gone through JSON, and so does what the stub returns, by the
activity's own annotations. A stub that returns something else than the activity
may is an error of the run, as it would be of the real one.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import NonCallableMock

import msgspec

from nbflow.core.failures import describe
from nbflow.definitions import ActivityDefinition, Registry
from nbflow.executors.threads import ThreadExecutor
from nbflow.ports import ActivityExecutor, Invocation, InvocationOutcome
from nbflow.testing.complaints import NoStubError, WorkflowTestError

Stub: TypeAlias = Callable[..., Any]
"""Takes an activity's arguments by name; a ``def``, an ``async def``, or a mock of `unittest.mock`."""

Stubbed: TypeAlias = ActivityDefinition[..., Any] | str
"""An activity, or its name."""


class StubbedExecutor:
    """Runs stubs where there are any, and the activities themselves where not.

    Args:
        find: Gives the activity of a name.
        strict: Whether an activity without a stub is refused.
        inner: Runs what is run.

    Attributes:
        refused: The names of the activities that were called without a stub, and may not be.
    """

    def __init__(
        self,
        find: Callable[[str], ActivityDefinition[..., Any] | None],
        *,
        strict: bool,
        inner: ActivityExecutor | None = None,
    ) -> None:
        self._find = find
        self._strict = strict
        self._inner = inner if inner is not None else ThreadExecutor()
        self._stubs: dict[str, Stub] = {}
        self._calls: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.refused: dict[str, None] = {}

    def put(self, activity: ActivityDefinition[..., Any], stub: Stub) -> None:
        """Replace an activity from now on.

        Raises:
            WorkflowTestError: The stub can't be called as the activity is.
        """
        if not callable(stub):
            raise WorkflowTestError(f"the stub of {activity.name} is {stub!r}: write lambda: {stub!r}")
        names = activity.signature.names
        try:
            if not isinstance(stub, NonCallableMock):
                context = [None] if _takes_context(stub) else []
                inspect.signature(stub).bind(*context, **dict.fromkeys(names))
        except TypeError as error:
            raise WorkflowTestError(
                f"the stub of {activity.name} can't take its arguments ({', '.join(names)}) by name: {error}"
            ) from None
        self._stubs[activity.name] = stub

    def calls(self, name: str) -> list[dict[str, Any]]:
        """The arguments of every attempt of an activity, in the order in which they began."""
        with self._lock:
            return [*self._calls.get(name, ())]

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt: the stub, or the activity."""
        definition = self._find(invocation.name)
        assert definition is not None, "an attempt begins only once its code is there"
        stub = self._stubs.get(invocation.name)
        try:
            arguments = definition.signature.decode_input(invocation.input)
        except Exception as error:
            return InvocationOutcome(worker="stub", failure=describe(error))
        with self._lock:
            self._calls.setdefault(invocation.name, []).append(arguments)
        if stub is not None:
            return await self._run_stub(invocation, definition, stub, arguments)
        if self._strict:
            self.refused[invocation.name] = None
            refusal = NoStubError(f"{invocation.name} was called and has no stub")
            return InvocationOutcome(worker="stub", failure=describe(refusal))
        return await self._inner.run(invocation)

    async def close(self) -> None:
        """Let go of workers."""
        await self._inner.close()

    async def _run_stub(
        self,
        invocation: Invocation,
        definition: ActivityDefinition[..., Any],
        stub: Stub,
        arguments: Mapping[str, Any],
    ) -> InvocationOutcome:
        """Call a stub in a worker thread; what it gives to be awaited, as an ``async def`` does, on the loop."""
        call = partial(stub, *([invocation.info] if _takes_context(stub) else []), **arguments)
        what = f"what the stub of {definition.name} returned"
        awaitables: list[Awaitable[Any]] = []

        def run() -> str:
            result = call()
            if inspect.isawaitable(result):
                awaitables.append(result)
                return ""
            return definition.signature.result.encode(result, what=what)

        async def run_async() -> str:
            return definition.signature.result.encode(await awaitables[0], what=what)

        outcome = await self._inner.run(msgspec.structs.replace(invocation, call=run, call_async=None))
        if awaitables:
            in_loop = msgspec.structs.replace(invocation, call=None, call_async=run_async)
            outcome = await self._inner.run(in_loop)
        return outcome


def find_activity(registry: Registry, activity: Stubbed) -> ActivityDefinition[..., Any]:
    """The activity that is meant; raises WorkflowTestError if none is known by that name."""
    if not isinstance(activity, str):
        return activity
    known = registry.activity(activity)
    if known is not None:
        return known
    names = registry.activity_names()
    near = get_close_matches(activity, names, n=1)
    meant = f": did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names) or 'none'}"
    raise WorkflowTestError(
        f"no activity {activity!r} is known{meant} (give the @activity itself, if it is elsewhere)"
    )


def _takes_context(stub: Stub) -> bool:
    if isinstance(stub, NonCallableMock):
        return False
    return next(iter(inspect.signature(stub).parameters), None) == "ctx"
