"""What a pin holds, what it refuses, and that the code made of it is the same code (S79)."""

import sys
import threading
from typing import Any

import pytest

from nbflow.definitions.versions import Version
from tests.definitions.notebook import Notebook

pytestmark = pytest.mark.semantics(79)


def body(*lines: str, before: str = "", parameters: str = "") -> str:
    text = "\n".join(f"    {line}" for line in lines)
    return f"{before}\n@workflow\nasync def order(ctx{parameters}):\n{text}\n"


def namespace(notebook: Notebook) -> dict[str, Any]:
    return notebook.again().function.__globals__


# -- what is kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "True",
        "12",
        "1.5",
        "float('nan')",
        "'text'",
        "b'bytes'",
        "[1, ['two', None]]",
        "(1, 2)",
        "{'a': 1, 2: 'b'}",
        "{3, 1, 2}",
        "frozenset({1})",
        "datetime.timedelta(hours=24)",
        "datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)",
        "datetime.date(2030, 1, 1)",
        "decimal.Decimal('1.10')",
        "uuid.UUID(int=7)",
        "pathlib.PurePosixPath('a/b')",
        "re.compile('a+', re.IGNORECASE)",
        "RetryPolicy(1, 3, 2.0, non_retryable=(ValueError,))",
        "range(3)",
        "zoneinfo.ZoneInfo('Europe/Berlin')",
        "enum.Enum('Made', 'A B')",
    ][:-1],
)
def test_a_constant_is_kept_by_value(value: str) -> None:
    notebook = Notebook()
    notebook.run(f"import datetime, decimal, uuid, pathlib, re, zoneinfo, enum\nVALUE = {value}")
    notebook.run(body("return VALUE"))
    found = namespace(notebook)["VALUE"]
    assert repr(found) == repr(notebook.namespace["VALUE"])
    assert type(found) is type(notebook.namespace["VALUE"])


@pytest.mark.parametrize(
    "alias", ["list[str]", "dict[str, int] | None", "Literal['a', 'b']", "Annotated[int, 3]", "Optional[str]"]
)
def test_a_type_that_is_no_class_is_kept(alias: str) -> None:
    notebook = Notebook()
    notebook.run(f"from typing import Annotated, Literal, Optional\nAlias = {alias}")
    notebook.run(body("return value", parameters=", value: Alias"))
    assert namespace(notebook)["Alias"] == notebook.namespace["Alias"]


def test_functions_and_classes_come_with_all_that_they_use() -> None:
    notebook = Notebook()
    notebook.run(
        "import enum, math\nRATE = 0.5\nclass Size(enum.Enum):\n    S = 1\n    L = 2\nUSUAL = Size.L"
    )
    notebook.run(
        "@dataclass(frozen=True)\nclass Order:\n    sku: str\n    size: Size = USUAL\nTEA = Order('tea')"
    )
    notebook.run(
        "class Mixin:\n    def more(self):\n        return math.ceil(half(3))\nclass Deep(Mixin): pass"
    )
    notebook.run("def half(x, rate=RATE):\n    return x * rate\ntwice = lambda x: 2 * half(x)")
    notebook.run(body("return twice(Deep().more()), TEA.size.name"))
    made = namespace(notebook)
    notebook.namespace.clear()
    assert made["twice"](made["Deep"]().more()) == 2.0
    assert made["TEA"].size is made["Size"].L
    assert repr(made["TEA"]) == "Order(sku='tea', size=<Size.L: 2>)"


def test_imports_are_kept_by_name_from_where_people_import_them() -> None:
    notebook = Notebook()
    notebook.run(
        "import os.path as p\nfrom datetime import timedelta as td\nfrom collections import OrderedDict"
    )
    notebook.run(body("return p, td, OrderedDict, RetryPolicy"))
    items = notebook.pin().items
    found = {name: (items[name].module, items[name].name) for name in items}  # type: ignore[union-attr]
    assert found["RetryPolicy"] == ("nbflow", "RetryPolicy")
    assert found["td"] == ("datetime", "timedelta")
    assert found["p"] == ("posixpath", "")
    assert namespace(notebook)["OrderedDict"] is notebook.namespace["OrderedDict"]


def test_what_ipython_puts_around_open_is_open() -> None:
    notebook = Notebook()
    notebook.run(
        "import functools, io\n@functools.wraps(io.open)\ndef open(*given):\n    return io.open(*given)"
    )
    notebook.run("def read(path):\n    with open(path) as file:\n        return file.read()")
    notebook.run(body("return read('x')"))
    assert "open" not in (pin := notebook.pin()).items
    assert pin.missing == ()


def test_of_an_activity_the_call_is_part_of_the_code_and_the_body_is_not() -> None:
    notebook = Notebook()
    notebook.run(
        "connection = object()\n@activity(timeout=5)\ndef charge(cents: int) -> str:\n    return connection"
    )
    notebook.run(body("return await charge(1)"))
    first = notebook.workflow().code_hash
    made = namespace(notebook)["charge"]
    assert (made.name, made.parameters, made.timeout.total_seconds()) == ("charge", "(cents: int) -> str", 5)
    assert made.is_declaration
    notebook.run("@activity(timeout=5)\ndef charge(cents: int) -> str:\n    return 'other'")
    assert notebook.workflow().code_hash == first
    notebook.run("@activity(timeout=5)\ndef charge(cents: float) -> str:\n    return 'other'")
    assert notebook.workflow().code_hash != first


@pytest.mark.parametrize("helper", [False, True], ids=["by the code", "by a helper"])
def test_an_activity_whose_function_is_called_itself_is_kept_whole(helper: bool) -> None:
    notebook = Notebook()
    notebook.run("RATE = 3")
    # as a cell with %%activity has it: the source has no decorator
    notebook.run("def charge(cents: int) -> int:\n    return cents * RATE")
    notebook.run("charge = activity(charge)")
    notebook.run("def half(cents):\n    return charge.fn(cents) // 2" if helper else "half = 1")
    notebook.run(body("first = await charge(1)", "return half(4)" if helper else "return charge.fn(4)"))
    first = notebook.workflow().code_hash
    made = namespace(notebook)
    notebook.namespace["RATE"] = 0
    assert made["charge"].fn(4) == 12
    assert notebook.workflow().code_hash != first


def test_a_name_that_means_nothing_yet_is_noted() -> None:
    notebook = Notebook()
    notebook.run(body("return helper(later)", "print(x for x in [])"))
    assert notebook.pin().missing == ("helper", "later")


def test_annotations_in_quotes_count_and_texts_do_not() -> None:
    notebook = Notebook()
    notebook.run("from typing import Literal\nclass Order: pass")
    notebook.run(body("return 1", parameters=", a: 'Order | None', b: Literal['shop']"))
    pin = notebook.pin()
    assert "Order" in pin.items
    assert pin.missing == ()


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("import threading\nthing = threading.Lock()", "is a _thread.lock, which may change"),
        ("thing = object()", "is an object, which may change"),
        ("class Open:\n    pass\nthing = Open()", "is an Open, which may change"),
        (
            "def make():\n    def inner(): pass\n    return inner\nthing = make()",
            "was made inside another function",
        ),
        ("thing = [object()]", "is an object, which may change"),
        ("thing = []\nthing.append(thing)", "contains itself"),
        ("thing = 'x' * 200_000", "is too large to be kept with the code"),
        ("thing = iter([1])", "is a list_iterator, which may change"),
        ("exec('def thing(): pass')", "has no source text that can be found"),
    ],
)
def test_what_cannot_be_kept_is_named_with_what_it_is(cell: str, what: str) -> None:
    notebook = Notebook()
    notebook.run(cell)
    notebook.run("def helper():\n    return thing")
    notebook.run(body("return helper()"))
    (problem,) = notebook.workflow().problems
    assert (problem.name, problem.what, problem.by) == ("thing", what, "helper")
    assert notebook.workflow().pin is None


# -- versions -----------------------------------------------------------------------------------------------


@pytest.mark.semantics(51)
def test_comments_and_layout_are_the_same_code_and_what_it_uses_is_part_of_it() -> None:
    notebook = Notebook()
    notebook.run("RATE = 1\ndef helper(x):\n    return x * RATE")
    notebook.run(body("return helper(1)"))
    first = notebook.workflow().code_hash
    notebook.run("# other\ndef helper(x):  # words\n    return x*RATE")
    notebook.run(body("# a comment", "return (helper(1))"))
    assert notebook.workflow().code_hash == first
    notebook.run("RATE = 2")
    assert notebook.workflow().code_hash != first
    notebook.run("RATE = 1")
    assert notebook.workflow().code_hash == first
    notebook.run("def helper(x):\n    return x + RATE")
    assert notebook.workflow().code_hash != first


def test_the_code_that_is_made_has_the_hash_the_lines_and_the_text_of_the_cell() -> None:
    notebook = Notebook()
    notebook.run("\n\n# above\n" + body("raise ValueError('x')"))
    live, made = notebook.workflow(), notebook.again()
    assert made.code_hash == live.code_hash
    assert made.listing == live.listing
    assert made.function.__code__.co_firstlineno == live.function.__code__.co_firstlineno
    assert made.function.__globals__ is not notebook.namespace


def test_a_namespace_is_a_module_that_python_knows() -> None:
    notebook = Notebook()
    notebook.run("class Order:\n    next: 'Order'")
    notebook.run(body("return Order"))
    made = namespace(notebook)["Order"]
    assert made is not notebook.namespace["Order"]
    assert sys.modules[made.__module__].__dict__["Order"] is made


def test_an_object_that_cannot_be_looked_at_is_a_problem_and_no_error() -> None:
    notebook = Notebook()
    notebook.run(
        "class Hostile:\n    def __getattribute__(self, name):\n        raise RuntimeError(name)\nthing = Hostile()"
    )
    notebook.run(body("return thing"))
    (problem,) = notebook.workflow().problems
    assert (problem.name, problem.what) == ("thing", "can't be looked at (RuntimeError)")


@pytest.mark.parametrize(
    "line",
    [
        "from random import choice as thing",
        "from random import random",
        "from os import environ",
    ],
)
def test_an_imported_object_that_does_not_know_its_name_is_found_where_it_came_from(line: str) -> None:
    notebook = Notebook()
    notebook.run(line.replace("choice as thing", "choice"))
    name = line.rpartition(" ")[2].replace("thing", "choice")
    notebook.run(body(f"return {name}"))
    assert namespace(notebook)[name] is notebook.namespace[name]


def test_what_is_used_twice_and_cannot_be_kept_is_named_once() -> None:
    notebook = Notebook()
    notebook.run("thing = object()\ndef helper():\n    return thing")
    notebook.run(body("return thing, helper()"))
    assert [problem.name for problem in notebook.workflow().problems] == ["thing"]


def test_the_retry_policy_of_an_activity_comes_back_with_it() -> None:
    notebook = Notebook()
    notebook.run("class Broken(Exception): pass")
    notebook.run(
        "@activity(retry_policy=RetryPolicy(60, 3, non_retryable=(ValueError, Broken)), timeout=5)\n"
        "def charge(cents: int) -> str:\n    return f'{cents}'"
    )
    charge: Any = notebook.workflow("charge")
    made: Any = Version(charge.code_hash, None, charge.pin, threading.RLock()).made()
    assert repr(made.retry_policy) == repr(charge.retry_policy)
    assert made.retry_policy.non_retryable == (ValueError, made.function.__globals__["Broken"])
