"""The lint goes where the workflow's code goes: through helpers, methods and decorators, and into no activity."""

from types import ModuleType

import pytest

from nbflow.lint import check, check_source
from tests.lint.conftest import MakeModule

HEAD = """\
import asyncio, contextlib, functools, time, uuid
from dataclasses import dataclass, field
from nbflow import WorkflowContext, activity, workflow

@activity
def charge(key=""):
    return time.time(), uuid.uuid4()

"""

TRANSITIVE = """
def stamp():
    return time.time()

async def prepare(order):
    return await charge(stamp())

@workflow
async def fulfil(ctx):
    await charge()
    return await prepare("x")

@workflow
async def other(ctx):
    return await prepare("y")
"""


def both(
    make_module: MakeModule, source: str, name: str = "fulfil"
) -> list[tuple[str, str, tuple[str, ...]]]:
    """What is found by the text and by the values, which must be the same."""
    text = [(each.code, each.function, each.via) for each in check_source(source)]
    live = [(each.code, each.function, each.via) for each in check(getattr(make_module(source), name))]
    assert text == live
    return live


@pytest.mark.semantics(46)
def test_helpers_of_helpers_are_followed_and_the_way_is_told(make_module: MakeModule) -> None:
    assert both(make_module, HEAD + TRANSITIVE) == [("NBF001", "stamp", ("fulfil", "prepare"))]
    (found,) = check_source(HEAD + TRANSITIVE)
    assert str(found) == (
        "NBF001 time.time() gives another value on replay (in stamp, called by prepare, fulfil): "
        "use ctx.current_utc_datetime"
    )


def test_an_activity_may_do_anything(make_module: MakeModule) -> None:
    assert both(make_module, HEAD + "@workflow\nasync def fulfil(ctx):\n    return await charge()\n") == []


def test_the_plain_function_of_an_activity_is_the_workflows_code(make_module: MakeModule) -> None:
    found = both(make_module, HEAD + "@workflow\nasync def fulfil(ctx):\n    return charge.fn()\n")
    assert found == [("NBF001", "charge", ("fulfil",)), ("NBF003", "charge", ("fulfil",))]


def test_helpers_that_call_each_other_come_to_an_end(make_module: MakeModule) -> None:
    source = HEAD + (
        "def one(n):\n    return two(n) if n else time.time()\n\n"
        "def two(n):\n    return one(n - 1)\n\n"
        "@workflow\nasync def fulfil(ctx):\n    return one(3)\n"
    )
    assert both(make_module, source) == [("NBF001", "one", ("fulfil",))]


METHODS = """
class Base:
    def inherited(self):
        return time.time()

@dataclass
class Cart(Base):
    key: str = ""

    def __post_init__(self):
        self.key = str(uuid.uuid4())

    @property
    def age(self):
        return time.monotonic()

    @staticmethod
    def static():
        return time.perf_counter()

    def deep(self):
        return self.inner()

    def inner(self):
        return time.time_ns()

    def unused(self):
        return time.ctime()

@workflow
async def fulfil(ctx, given: Cart):
    cart = Cart()
    cart.inherited()
    given.age
    Cart.static()
    given.deep()
"""


def test_methods_and_properties_of_the_authors_classes(make_module: MakeModule) -> None:
    assert both(make_module, HEAD + METHODS) == [
        ("NBF001", "Cart.inherited", ("fulfil",)),
        ("NBF003", "Cart.__post_init__", ("fulfil",)),
        ("NBF001", "Cart.age", ("fulfil",)),
        ("NBF001", "Cart.static", ("fulfil",)),
        ("NBF001", "Cart.inner", ("fulfil", "Cart.deep")),
    ]


DECORATED = """
def timed(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        started = time.time()
        return await function(*args, **kwargs), started
    return wrapper

@workflow
@timed
async def fulfil(ctx):
    return await helper()

@timed
async def helper():
    return uuid.uuid4()
"""


def test_what_a_decorator_puts_around_a_function_is_read_too(make_module: MakeModule) -> None:
    found = check(make_module(HEAD + DECORATED).fulfil)
    assert {(each.code, each.function) for each in found} == {("NBF001", "wrapper"), ("NBF003", "helper")}


def test_functions_that_are_handed_on_are_followed(make_module: MakeModule) -> None:
    source = HEAD + (
        "def key(x):\n    return time.time()\n\n"
        "async def one(x):\n    return uuid.uuid4()\n\n"
        "@workflow\nasync def fulfil(ctx, xs: list[str]):\n"
        "    sorted(xs, key=key)\n    await asyncio.gather(*map(one, xs))\n"
    )
    assert {entry[:2] for entry in both(make_module, source)} == {("NBF001", "key"), ("NBF003", "one")}


def test_nested_functions_are_named_by_their_way(make_module: MakeModule) -> None:
    source = HEAD + (
        "@workflow\nasync def fulfil(ctx):\n    async def remind():\n        await charge(time.time())\n    await remind()\n"
    )
    assert both(make_module, source) == [("NBF001", "fulfil.remind", ())]


def test_a_module_of_the_authors_is_followed(make_module: MakeModule) -> None:
    helpers = make_module("import time\n\ndef stamp():\n    return time.time()\n", "my_helpers")
    assert isinstance(helpers, ModuleType)
    source = HEAD + "import my_helpers\n\n@workflow\nasync def fulfil(ctx):\n    return my_helpers.stamp()\n"
    (found,) = check(make_module(source).fulfil)
    assert (found.code, found.function, found.file, found.line) == ("NBF001", "stamp", "<my_helpers>", 4)


def test_what_is_around_a_workflow_is_known(make_module: MakeModule) -> None:
    source = HEAD + (
        "def make():\n    now = time.time\n    seen = []\n\n    @workflow\n    async def inner(ctx):\n"
        "        seen.append(now())\n\n    return inner\n\nfulfil = make()\n"
    )
    found = check(make_module(source).fulfil)
    assert {(each.code, each.line) for each in found} == {("NBF001", 15), ("NBF012", 15)}
    assert {(each.code, each.line) for each in check_source(source)} == {("NBF001", 15), ("NBF012", 15)}


def test_a_library_is_not_followed() -> None:
    source = HEAD + "import json\n\n@workflow\nasync def fulfil(ctx):\n    return json.dumps([])\n"
    assert check_source(source) == []


def test_dapr_style_registration_is_known() -> None:
    source = (
        "import time\nimport dapr.ext.workflow as wf\nwfr = wf.WorkflowRuntime()\n\n"
        "@wfr.workflow(name='order')\ndef order(ctx: wf.DaprWorkflowContext, input):\n"
        "    yield ctx.call_activity(pay, input=time.time())\n\n"
        "@wfr.activity\ndef pay(ctx, input):\n    return time.time()\n\n"
        "def late(ctx: wf.DaprWorkflowContext, input):\n    yield ctx.create_timer(time.time())\n"
    )
    assert [(each.code, each.function) for each in check_source(source)] == [
        ("NBF001", "order"),
        ("NBF001", "late"),
    ]


NOQA = """
@workflow
async def fulfil(ctx):
    a = time.time()  # noqa
    b = time.time()  # noqa: NBF001
    c = time.time()  # noqa: NBF003
    d = time.time(), uuid.uuid4()  # noqa: NBF003, NBF001
    e = time.time(), "# noqa"
    f = time.time(), uuid.uuid4()  # NOQA:NBF003 - it is only shown
    return helper()

def helper():
    return time.time()  # noqa: NBF001
"""


@pytest.mark.semantics(46)
def test_a_comment_keeps_a_line(make_module: MakeModule) -> None:
    for found in (check_source(HEAD + NOQA), check(make_module(HEAD + NOQA).fulfil)):
        lines = [(each.code, each.source[0]) for each in found]
        assert lines == [("NBF001", "c"), ("NBF001", "e"), ("NBF001", "f")]


def test_what_cannot_be_read_is_not_found(make_module: MakeModule) -> None:
    source = HEAD + "@workflow\nasync def fulfil(ctx):\n    return time.time()\n"
    module = make_module(source)
    import linecache

    linecache.cache.pop("<under_test>")
    module.fulfil.source = ""
    assert check(module.fulfil) == []
