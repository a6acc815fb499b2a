"""A workflow or an activity as its author defines it.

A definition is a function with a registered name, its signature on record, its
source and the hash of what that source means.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from typing import (
    Any,
    Concatenate,
    Final,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

from nbflow.core.context import WorkflowActivityContext, WorkflowContext
from nbflow.core.execution import Execution
from nbflow.core.explain.report import CodeText
from nbflow.core.generators import drive
from nbflow.core.loop import WorkflowLoop
from nbflow.core.retry import RetryPolicy, as_duration
from nbflow.core.signatures import Signature
from nbflow.definitions.captured import Captured, captured
from nbflow.definitions.pins import Pin, Problem, Sources, source_of_value
from nbflow.definitions.source import Listing, code_hash, listing_of, source_of, text_hash
from nbflow.errors import DefinitionError, NbflowError, PayloadError

P = ParamSpec("P")
R = TypeVar("R")

STARTER_NAME: Final = "__nbflow_starter__"
"""Under this name a notebook's namespace holds the starter for definitions that are not registered yet."""


class Starter(Protocol):
    """Starts a run of a workflow; the notebook extension gives one to every definition it registers."""

    def __call__(
        self,
        definition: WorkflowDefinition[Any, Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        id: str | None,
    ) -> Any: ...


class _Definition:
    """What workflows and activities have in common."""

    def __init__(
        self, function: Callable[..., Any], *, name: str | None, source: str | None, contexts: tuple[str, ...]
    ) -> None:
        # a class, a partial and a function of C have no code to keep
        inner = inspect.unwrap(function)
        if not hasattr(inner, "__code__"):
            raise DefinitionError(f"{function!r} is no Python function: write a def that calls it")
        self.function = function
        self.name = name or function.__name__
        if not self.name.isidentifier():
            raise DefinitionError(f"{self.name!r} is no name: a letter or _, then letters, digits and _")
        self.signature = Signature(function, name=self.name, context_names=contexts)
        self.source = source_of(function) if source is None else source
        self.source_hash = text_hash(self.source)
        self.own_hash = code_hash(function, self.source)
        self._globals: Mapping[str, Any] = getattr(inner, "__globals__", {})
        self.sources: Sources = source_of_value
        self.is_declaration = False
        self._captured: Captured | None = None
        self.__name__ = self.name
        self.__qualname__ = getattr(function, "__qualname__", self.name)
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    @property
    def parameters(self) -> str:
        """The signature as text, without the name."""
        return self.signature.parameters

    @property
    def is_of_notebook(self) -> bool:
        """Whether its surroundings are a notebook's variables, which change from cell to cell."""
        return STARTER_NAME in self._globals

    @property
    def captured(self) -> Captured:
        """What the code uses, as it was when that was first asked for, or last captured."""
        if self._captured is None:
            self._captured = captured(cast("Any", self), self.sources, is_definition)
        return self._captured

    @property
    def code_hash(self) -> str:
        """Hash of what the code means, with all that it uses."""
        return self.captured.code_hash

    @property
    def pin(self) -> Pin | None:
        """The code with all that it uses; None if some of that can't be kept, see `problems`."""
        return self.captured.pin

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the code uses that can't be kept with it."""
        return self.captured.problems

    def capture_again(self) -> bool:
        """Look anew at what the code uses; tells whether it means something else now."""
        before, self._captured = self._captured, None
        return before is None or before.code_hash != self.code_hash

    def made_of(self, pinned: Captured) -> None:
        """Note that it was made of a pin, and not by its author here."""
        self._captured = pinned

    def encode_input(self, value: Any) -> str:
        """Write a whole input as JSON text; raises ArgumentsError or PayloadError."""
        return self.signature.encode_input(value)

    def encode_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Write a call's arguments as JSON text; raises ArgumentsError or PayloadError."""
        return self.signature.encode_call(args, kwargs)

    def encode_result(self, value: Any) -> str:
        """Write a result as JSON text; raises PayloadError."""
        return self.signature.result.encode(value, what=f"the result of {self.name}")

    def decode_result(self, text: str) -> Any:
        """Read a recorded result by the annotation; raises PayloadError."""
        return self.signature.result.decode(text, what=f"the result of {self.name}")


class ActivityDefinition(_Definition, Generic[P, R]):
    """An activity: inside a workflow a call of it is scheduled and durable, elsewhere it is the function.

    Args:
        function: A ``def``, which runs in a thread and never on the engine's loop, or an ``async def``, which runs on the engine's loop.
        name: The registered name; the function's own by default.
        retry_policy: For every call that names no other.
        timeout: Of each attempt, for every call that names no other.
        source: The text as its author wrote it, where Python can't tell.

    Raises:
        DefinitionError: The function can't be an activity; says why.
    """

    kind: Literal["activity"] = "activity"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        retry_policy: RetryPolicy | None = None,
        timeout: timedelta | float | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(function, name=name, source=source, contexts=("WorkflowActivityContext",))
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise DefinitionError(f"activity {self.name} yields: an activity returns its result, once")
        self.retry_policy = retry_policy
        self.timeout = None if timeout is None else as_duration(timeout, "timeout")
        self.is_async = inspect.iscoroutinefunction(function)

    def __repr__(self) -> str:
        return f"<activity {self.signature}>"

    @property
    def fn(self) -> Callable[P, R]:
        """The plain function, typed as such, anywhere."""
        return cast("Callable[P, R]", self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Schedule the activity, at once and durably; outside a workflow, call the plain function."""
        __tracebackhide__ = True
        execution = running_execution()
        if execution is None:
            return self.function(*args, **kwargs)
        return execution.context.schedule_activity(self, self.encode_call(args, kwargs))

    def run(self, context: WorkflowActivityContext, input: str) -> str:
        """Run a ``def`` with a recorded input; the result is JSON text."""
        return self.encode_result(self.signature.call(context, input))

    async def run_async(self, context: WorkflowActivityContext, input: str) -> str:
        """Run an ``async def`` with a recorded input; the result is JSON text."""
        return self.encode_result(await self.signature.call(context, input))


class WorkflowDefinition(_Definition, Generic[P, R]):
    """A workflow: a function whose runs are durable.

    Args:
        function: An ``async def``, or a generator function that yields its tasks.
        name: The registered name; the function's own by default.
        version: A name for this version of the code, for people.
        source: The text as its author wrote it, where Python can't tell.
        cell: The notebook's cell, where that is the function's body.
        label: What a person calls the cell that it is in.

    Raises:
        DefinitionError: The function can't be a workflow; says why.
    """

    kind: Literal["workflow"] = "workflow"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        version: str | None = None,
        source: str | None = None,
        cell: str | None = None,
        label: str = "",
    ) -> None:
        super().__init__(function, name=name, source=source, contexts=("WorkflowContext",))
        self.cell, self.label = cell, label
        self.is_generator = inspect.isgeneratorfunction(function)
        if not self.is_generator and not inspect.iscoroutinefunction(function):
            raise DefinitionError(
                f"workflow {self.name} must be an async def, or a generator that yields its tasks: write "
                f"'async def {self.name}{self.parameters}'"
            )
        self.version = version
        self.starter: Starter | None = None

    def __repr__(self) -> str:
        return f"<workflow {self.signature}>"

    @property
    def listing(self) -> Listing | None:
        """The code as its author sees it; None where there is no text."""
        return listing_of(self.function, self.source, cell=self.cell, label=self.label)

    @property
    def text(self) -> CodeText | None:
        """The source as it is kept, and where it stands; None where there is no text."""
        if not self.source:
            return None
        code = inspect.unwrap(self.function).__code__
        return CodeText(text=self.source, first_line=code.co_firstlineno, file=code.co_filename)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Inside another workflow, start a child; elsewhere a call is no run, and refused."""
        __tracebackhide__ = True
        execution = running_execution()
        if execution is not None:
            return execution.context.schedule_child(self, self.encode_call(args, kwargs))
        raise NbflowError(
            f"{self.name}(…) is a workflow, and a plain call would not be durable: start a run with "
            f"{self.name}.start(…) or %wf run {self.name}(…)"
        )

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Start a run on the notebook's runtime and return its handle; ``id=`` names the run.

        Raises:
            NbflowError: There is no notebook runtime: ``%load_ext nbflow`` makes one.
        """
        __tracebackhide__ = True
        starter = self.starter or self.function.__globals__.get(STARTER_NAME)
        if starter is None:
            raise NbflowError(
                f"{self.name}.start(…) needs the notebook's runtime: run %load_ext nbflow, or use "
                f"runtime.client.schedule_new_workflow({self.name}, input=…)"
            )
        named = dict(kwargs)
        instance_id = named.pop("id", None)
        return cast("Starter", starter)(self, args, named, cast("str | None", instance_id))

    def run(self, context: WorkflowContext, input: str) -> Coroutine[Any, Any, str]:
        """Run the workflow with a recorded input; the result is JSON text."""
        return self._run(context, input)

    async def _run(self, context: WorkflowContext, input: str) -> str:
        try:
            call = self.signature.call(context, input)
        except PayloadError as error:
            raise PayloadError(f"the run's input can't be read: {error}") from None
        result = await (drive(call) if self.is_generator else call)
        return self.encode_result(result)


Definition: TypeAlias = ActivityDefinition[Any, Any] | WorkflowDefinition[Any, Any]


def is_definition(value: Any) -> bool:
    """Tell activities and workflows from everything else."""
    return isinstance(value, _Definition)


def running_execution() -> Execution | None:
    """The execution whose workflow code is running here and now, or None outside of workflows."""
    loop = asyncio._get_running_loop()
    owner = loop.owner if isinstance(loop, WorkflowLoop) else None
    return owner if isinstance(owner, Execution) else None


@overload
def activity(function: Callable[P, Coroutine[Any, Any, R]], /) -> ActivityDefinition[P, R]: ...
@overload
def activity(
    function: Callable[Concatenate[WorkflowActivityContext, P], R], /
) -> ActivityDefinition[P, R]: ...
@overload
def activity(function: Callable[P, R], /) -> ActivityDefinition[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | None = None,
    timeout: timedelta | float | None = None,
) -> Callable[[Callable[P, Any]], ActivityDefinition[P, Any]]: ...
def activity(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | None = None,
    timeout: timedelta | float | None = None,
) -> Any:
    """Make a function an activity: ``@activity``, or ``@activity(name=…, retry_policy=…, timeout=…)``.

    Args:
        function: A ``def`` (runs in a thread) or an ``async def`` (runs on the engine's loop).
        name: The registered name; the function's own by default.
        retry_policy: For every call that names no other.
        timeout: Of each attempt, seconds or timedelta.

    Raises:
        DefinitionError: The function can't be an activity; says why.
    """

    def define(function: Callable[..., Any]) -> ActivityDefinition[Any, Any]:
        return ActivityDefinition(function, name=name, retry_policy=retry_policy, timeout=timeout)

    return define if function is None else define(function)


@overload
def workflow(
    function: Callable[Concatenate[WorkflowContext, P], Coroutine[Any, Any, R]], /
) -> WorkflowDefinition[P, R]: ...
@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> WorkflowDefinition[P, R]: ...
@overload
def workflow(
    *, name: str | None = None, version: str | None = None
) -> Callable[[Callable[P, Any]], WorkflowDefinition[P, Any]]: ...
def workflow(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, version: str | None = None
) -> Any:
    """Make an ``async def`` a workflow: ``@workflow``, or ``@workflow(name=…, version=…)``.

    Args:
        function: An ``async def``; a first parameter ``ctx`` gets the `WorkflowContext`.
        name: The registered name; the function's own by default.
        version: A name for this version of the code, for people.

    Raises:
        DefinitionError: The function can't be a workflow; says why.
    """

    def define(function: Callable[..., Any]) -> WorkflowDefinition[Any, Any]:
        return WorkflowDefinition(function, name=name, version=version)

    return define if function is None else define(function)
