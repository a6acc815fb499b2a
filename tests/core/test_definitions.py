"""What a function becomes: inside a workflow scheduled, outside the function; known by name, version and hash."""

import asyncio
import functools
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from nbflow import RetryPolicy, WorkflowActivityContext, activity, workflow
from nbflow.definitions import ActivityDefinition, Registry, WorkflowDefinition, definitions_in
from nbflow.errors import ArgumentsError, DefinitionError, NbflowError, PayloadError


@activity
def add(a: int, b: int = 1) -> int:
    return a + b


@activity
async def later(a: int) -> int:
    await asyncio.sleep(0)
    return a


@activity(name="mul", retry_policy=RetryPolicy(1, 2), timeout=2.5)
def multiply(context: WorkflowActivityContext, a: int, b: int) -> list[Any]:
    return [a * b, context.idempotency_key, context.attempt]


@workflow
async def adds(n: int) -> int:
    return await add(n)


@workflow(name="renamed", version="2")
async def other() -> None:
    await adds_inside()


async def adds_inside() -> None:
    await later(1)


class Callable_:  # noqa: N801
    def __call__(self) -> None: ...


CONTEXT = WorkflowActivityContext(instance_id="i", execution_id="e", task_id=3, attempt=2, workflow_name="w")


def test_outside_a_workflow_an_activity_is_its_function():
    assert add(1) == 2
    assert add.fn(1, b=5) == 6
    assert asyncio.run(later(3)) == 3  # type: ignore[arg-type]


def test_an_activity_runs_with_a_recorded_input():
    assert add.run(CONTEXT, '{"a":1,"b":2}') == "3"
    assert multiply.run(CONTEXT, '{"a":2,"b":3}') == '[6,"i:e:3",2]'
    assert asyncio.run(later.run_async(CONTEXT, "7")) == "7"
    assert (add.is_async, later.is_async) == (False, True)
    assert repr(CONTEXT) == "<WorkflowActivityContext i:e:3 attempt 2>"


def test_an_activitys_result_is_checked_where_it_is_written():
    @activity
    def promises() -> int:
        return "text"  # type: ignore[return-value]

    with pytest.raises(
        PayloadError, match="the result of promises doesn't fit int: Expected `int`, got `str`"
    ):
        promises.run(CONTEXT, "null")


def test_options_are_kept():
    assert multiply.name == "mul"
    assert multiply.timeout == timedelta(seconds=2.5)
    assert multiply.retry_policy == RetryPolicy(1, 2)
    assert (other.name, other.version) == ("renamed", "2")
    assert repr(add) == "<activity add(a: int, b: int = 1) -> int>"
    assert repr(adds) == "<workflow adds(n: int) -> int>"
    assert adds.__wrapped__ is adds.function
    assert "async def adds" in adds.source


def test_a_workflow_is_started_and_not_called():
    with pytest.raises(NbflowError, match=r"adds\(…\) is a workflow.*adds.start\(…\) or %wf run adds\(…\)"):
        adds(1)
    with pytest.raises(
        NbflowError, match=r"adds.start\(…\) needs the notebook's runtime: run %load_ext nbflow"
    ):
        adds.start(1)


def test_arguments_are_checked_where_the_activity_is_called(drive):
    @workflow
    async def calls() -> list[str]:
        found = []
        for arguments in ((), ("x",), (1, 2, 3)):
            try:
                add(*arguments)
            except (ArgumentsError, PayloadError) as error:
                found.append(str(error))
        return found

    run = drive(calls)
    run.start()
    assert run.output == [
        "add(a: int, b: int = 1) -> int: missing a required argument: 'a'",
        "a of add(a: int, b: int = 1) -> int doesn't fit int: Expected `int`, got `str`",
        "add(a: int, b: int = 1) -> int: too many positional arguments",
    ]


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (5, "5 is no Python function"),
        (len, "is no Python function: write a def that calls it"),
        (Callable_, "is no Python function"),
        (Callable_(), "is no Python function"),
        (functools.partial(add.fn, 1), "is no Python function"),
        (lambda x: x, "'<lambda>' is no name: a letter or _, then letters, digits and _"),
    ],
)
def test_what_is_no_function_is_refused(thing, words):
    for make in (activity, workflow):
        with pytest.raises(DefinitionError) as error:
            make(thing)
        assert words in str(error.value)


def test_a_wrapped_function_is_one():
    cached = ActivityDefinition(functools.lru_cache(add.fn), source="")
    assert cached.name == "add"
    assert cached.parameters == "(a: int, b: int = 1) -> int"


def test_functions_of_the_wrong_sort_are_refused():
    def yields() -> Any:
        yield 1

    async def yields_too() -> Any:
        yield 1

    def plain(n: int) -> int:
        return n

    for function in (yields, yields_too):
        with pytest.raises(DefinitionError, match="yields: an activity returns its result, once"):
            activity(function)
    with pytest.raises(
        DefinitionError, match=r"workflow plain must be an async def, .*: write 'async def plain\(n: int\)"
    ):
        workflow(plain)
    with pytest.raises(ValueError, match="timeout can't be negative"):
        activity(timeout=-1)(plain)


def define(source: str, name: str = "f") -> ActivityDefinition[Any, Any]:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return ActivityDefinition(namespace[name], source=source)


def test_the_hash_of_the_code_goes_by_what_it_means():
    base = define("def f(x):\n    return x + 1")
    same = define("@staticmethod\n# a comment\ndef f( x ):\n\n    return (x+1)  # another", "f")
    changed = define("def f(x):\n    return x + 2")
    assert base.code_hash == same.code_hash != changed.code_hash
    assert base.source_hash != same.source_hash


def test_code_without_text_has_a_hash_too():
    def compiled(source: str) -> str:
        namespace: dict[str, Any] = {}
        exec(compile(source, "<nowhere>", "exec"), namespace)
        return ActivityDefinition(namespace["f"], source="").code_hash

    one = "def f(x):\n    return 'a' if x in {1, 2} else lambda: 3"
    assert compiled(one) == compiled("\n\n" + one)
    assert len({compiled(one), compiled(one.replace("'a'", "'b'")), compiled(one.replace("3", "4"))}) == 3


@pytest.mark.semantics(51)
def test_the_registry_keeps_every_version_of_a_workflow_and_the_newest_activity():
    registry = Registry()
    assert registry.add(adds)
    assert not registry.add(adds), "nothing new"

    @workflow(name="adds")
    async def changed(n: int) -> int:
        return 1 + await add(n)

    assert registry.add(changed)
    assert registry.workflow("adds") is changed
    assert registry.workflow("adds", adds.code_hash) is adds
    assert registry.workflow("adds", "unknown") is None
    assert registry.workflow("unknown") is None
    assert registry.add(adds), "the older one is the newest again"
    assert registry.workflow("adds") is adds

    @activity(name="add")
    def more(a: int) -> int:
        return a + 2

    assert [registry.add(add), registry.add(more), registry.add(more)] == [True, True, False]
    assert registry.activity("add") is more
    assert registry.activity("unknown") is None
    assert (registry.workflow_names(), registry.activity_names()) == (["adds"], ["add"])


def test_a_workflow_brings_the_activities_that_it_names():
    module = ModuleType("m")
    module.flow = adds  # type: ignore[attr-defined]
    assert list(definitions_in(module)) == [adds, add]
    assert list(definitions_in({"x": 1, "flow": adds})) == [adds, add]

    @activity
    def enclosed() -> None: ...

    @workflow
    async def closes() -> None:
        async def inner() -> None:
            await enclosed()

        await inner()

    assert list(definitions_in(closes)) == [closes, enclosed]
    assert all(
        isinstance(item, (ActivityDefinition, WorkflowDefinition)) for item in definitions_in(globals())
    )


def test_a_workflow_brings_what_the_functions_name_that_it_calls():
    """An attempt that a crash has left open finds its code, though no turn has named it yet."""

    @activity
    def deep() -> None: ...

    async def deeper(again: bool) -> None:
        await deep()
        if again:
            await deeper(False)

    @workflow
    async def shallow() -> None:
        await deeper(True)
        await asyncio.sleep(0)

    assert list(definitions_in(shallow)) == [shallow, deep]
