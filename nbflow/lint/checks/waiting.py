"""What is started and not awaited, what never waits, and what can't be waited for in an order."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from typing import Final

from nbflow.core.tasks import DurableTask
from nbflow.lint.hits import Hit, own_level, shown, waits
from nbflow.lint.meanings import Code, Outside, Task
from nbflow.lint.reading import Reading
from nbflow.lint.scopes import FUNCTIONS

LOOKED_AT: Final = (
    ast.Expr,
    ast.Assign,
    ast.If,
    ast.While,
    ast.IfExp,
    ast.Assert,
    ast.Compare,
    ast.BinOp,
    ast.UnaryOp,
    ast.FormattedValue,
    ast.For,
    ast.Subscript,
    ast.Attribute,
    ast.Call,
    ast.Return,
)
_STARTS: Final = ("call_activity", "call_child_workflow", "create_timer", "wait_for_external_event")
_LIBRARY_STARTS: Final = (
    "asyncio.sleep",
    "asyncio.gather",
    "anyio.sleep",
    "nbflow.when_all",
    "nbflow.when_any",
)
_OF_TASKS: Final = frozenset(
    name for name in dir(DurableTask) if not inspect.ismemberdescriptor(getattr(DurableTask, name))
)
"""What somebody may want of a task that is not awaited: its methods. An ``id`` is likelier meant to be the result's."""

_WANT_RESULTS: Final = frozenset(
    f"builtins.{name}"
    for name in [
        "len",
        "str",
        "int",
        "float",
        "bool",
        "sum",
        "min",
        "max",
        "sorted",
        "round",
        "abs",
        "enumerate",
        "reversed",
    ]
)
_FOREVER: Final = ("itertools.count", "itertools.cycle", "itertools.repeat")
_BECOMES_TRUE: Final = ("done", "is_set", "cancelled", "empty", "current_utc_datetime", "time")


def not_awaited(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Calls of activities, children and timers whose result nobody waits for."""
    match node:
        case ast.Expr(value=ast.Call() as call) if _starts(call, reading):
            yield Hit("NBF013", call, f"{shown(call)}")
        case ast.Expr(value=ast.ListComp(elt=ast.Call() as call)) if _starts(call, reading):
            yield Hit("NBF013", call, f"{shown(call)}")
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if _starts(call, reading):
            if not name.startswith("_") and not _is_used(name, node, reading):
                yield Hit("NBF013", call, f"{name} = {shown(call)}")
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
            yield from _as_values([test], reading)
        case ast.Compare(left=left, comparators=others):
            yield from _as_values([left, *others], reading)
        case ast.BinOp(left=left, right=right):
            yield from _as_values([left, right], reading)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _as_values([operand], reading)
        case ast.FormattedValue(value=value):
            yield from _as_values([value], reading)
        case ast.For(iter=value) | ast.Subscript(value=value):
            yield from _as_values([value], reading)
        case ast.Attribute(value=value, attr=attr) if attr not in _OF_TASKS:
            yield from _as_values([value], reading)
        case ast.Call(args=args, keywords=keywords) if _wants_results(node, reading):
            yield from _as_values([*args, *(keyword.value for keyword in keywords)], reading)
        case ast.Return(value=ast.Call() as call) if _is_end_of_workflow(node, reading):
            yield from _as_values([call], reading)
        case _:
            pass


def _wants_results(call: ast.Call, reading: Reading) -> bool:
    """Whether a call can do nothing with a task: that of an activity, or of ``len`` and the like."""
    meaning = reading.meaning(call.func)
    return isinstance(meaning, Task) or (isinstance(meaning, Outside) and meaning.path in _WANT_RESULTS)


def _is_end_of_workflow(node: ast.AST, reading: Reading) -> bool:
    """Whether a return statement is the workflow's own, whose result goes on record."""
    at = reading.layout.parents.get(node)
    while at is not None and not isinstance(at, FUNCTIONS):
        at = reading.layout.parents.get(at)
    return reading.is_workflow and reading.code is not None and at is reading.code.node


def _as_values(nodes: Iterable[ast.expr], reading: Reading) -> Iterator[Hit]:
    """A call that is taken for its result."""
    for node in nodes:
        if isinstance(node, ast.Call) and _starts(node, reading, own=True):
            yield Hit("NBF013", node, shown(node), "is a task here, not its result", "await it")


def _starts(call: ast.Call, reading: Reading, *, own: bool = False) -> bool:
    """Whether a call starts something that must be awaited.

    Args:
        call: The call.
        reading: Its function.
        own: Only activities, children and coroutines.
    """
    meaning = reading.meaning(call.func)
    match meaning:
        case Task():
            return True
        case Code(node=ast.AsyncFunctionDef() as node):
            return not _yields(node)
        case Outside(path=path):
            return not own and path in _LIBRARY_STARTS
        case _:
            return isinstance(call.func, ast.Attribute) and call.func.attr in _STARTS and meaning is None


def _yields(node: ast.AsyncFunctionDef) -> bool:
    return any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in own_level(node.body))


def _is_used(name: str, node: ast.AST, reading: Reading) -> bool:
    """Whether a variable is read anywhere, where it is the same variable."""
    mine = reading.bindings(name, node)
    return any(
        isinstance(other, ast.Name)
        and other.id == name
        and not isinstance(other.ctx, ast.Store)
        and reading.bindings(name, other) is mine
        for other in reading.layout.nodes
    )


def endless(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Loops that wait for nothing and have no way out, or wait for the time without letting it go on."""
    match node:
        case ast.While(test=ast.Constant(value=value), body=body) if value:
            if not waits(body) and not _leaves(body) and not _may_be_left_by_error(node, reading):
                yield Hit("NBF014", node, f"while {shown(node.test)}:")
        case ast.While(test=test, body=body) if _is_looked_at(test) and not waits([test, *body]):
            if not _leaves(body) and not any(isinstance(part, ast.Call) for part in own_level(body)):
                yield Hit("NBF014", node, f"while {shown(test)}:")
        case ast.For(iter=ast.Call(func=func) as call, body=body):
            meaning = reading.meaning(func)
            path = meaning.path if isinstance(meaning, Outside) else ""
            is_finite = path == "itertools.repeat" and len(call.args) > 1
            if path in _FOREVER and not is_finite and not waits(body) and not _leaves(body):
                yield Hit("NBF014", node, f"for … in {shown(call)}:")
        case _:
            pass


def _may_be_left_by_error(node: ast.While, reading: Reading) -> bool:
    """Whether something that the loop calls may raise what is caught around it: ``queue.get_nowait()``."""
    if not any(isinstance(part, ast.Call) for part in own_level(node.body)):
        return False
    at = reading.layout.parents.get(node)
    while at is not None and not isinstance(at, FUNCTIONS):
        if isinstance(at, (ast.Try, ast.TryStar)) and at.handlers:
            return True
        if isinstance(at, ast.With) and any("suppress" in shown(item.context_expr) for item in at.items):
            return True
        at = reading.layout.parents.get(at)
    return False


def _is_looked_at(test: ast.expr) -> bool:
    """Whether a condition only becomes true by itself: the time, a task that is done."""
    return any(
        isinstance(part, ast.Attribute) and part.attr in _BECOMES_TRUE for part in ast.walk(test)
    ) and not any(
        isinstance(part, ast.Attribute) and part.attr in ("get_nowait", "pop", "put_nowait")
        for part in ast.walk(test)
    )


def _leaves(body: Iterable[ast.AST]) -> bool:
    """Whether there is a way out of a loop: break, return, an exception, continue-as-new."""
    pending = list(body)
    while pending:
        node = pending.pop()
        match node:
            case ast.Break() | ast.Return() | ast.Raise():
                return True
            case ast.Call(func=ast.Attribute(attr="continue_as_new")):
                return True
            case ast.For() | ast.AsyncFor() | ast.While():
                pending.extend(
                    part
                    for part in own_level(node.body)
                    if isinstance(part, (ast.Return, ast.Raise, ast.Call))
                )
                pending.extend(node.orelse)
            case ast.Lambda() | ast.ClassDef():
                pass
            case _ if not isinstance(node, FUNCTIONS):
                pending.extend(ast.iter_child_nodes(node))
            case _:
                pass
    return False


def bare_coroutines(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """``asyncio.as_completed`` and ``asyncio.wait`` over coroutines that are no tasks yet."""
    if not isinstance(node, ast.Call) or not node.args:
        return
    meaning = reading.meaning(node.func)
    if not isinstance(meaning, Outside) or meaning.path not in ("asyncio.as_completed", "asyncio.wait"):
        return
    if _has_coroutines(node.args[0], reading):
        yield Hit(
            "NBF017", node, f"{shown(node.func)}(…) over coroutines", "would start them in the order of a set"
        )


def _has_coroutines(node: ast.expr, reading: Reading, deep: int = 0) -> bool:
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return any(_is_coroutine(element, reading) for element in elements)
        case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.SetComp(elt=element):
            return _is_coroutine(element, reading)
        case ast.Call(func=ast.Name(id="map"), args=[function, *_]):
            meaning = reading.meaning(function)
            return isinstance(meaning, Code) and meaning.is_async
        case ast.Name(id=name) if deep < 3:
            found = reading.bindings(name, node) or []
            values = [
                binding.value for binding in found if binding.kind == "assigned" and binding.value is not None
            ]
            return len(found) == 1 and any(_has_coroutines(value, reading, deep + 1) for value in values)
        case _:
            return False


def _is_coroutine(node: ast.expr, reading: Reading) -> bool:
    value = reading.value(node)
    return value is not None and value.kind == "coroutine"
