"""What is known of the values in a tree: which are sets, tasks, coroutines, paths, objects of the author's classes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from nbflow.lint.meanings import Code, FunctionNode, Kind, Meaning, Outside, Task, Variable
from nbflow.lint.names import DEEPEST, NameReading, Value, last_word
from nbflow.lint.scopes import Binding

_CONTEXT_CALLS: Final = ("call_activity", "call_child_workflow", "create_timer", "wait_for_external_event")
_TASK_MAKERS: Final = ("create_task", "ensure_future", "gather", "when_all", "when_any", "shield")
_SET_METHODS: Final = ("union", "intersection", "difference", "symmetric_difference", "copy")
_SETS: Final = ("builtins.set", "builtins.frozenset")
_SET_WORDS: Final = ("set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet")
_ORDERED_WORDS: Final = ("int", "float", "bool", "Task", "Future", "DurableTask", "Awaitable")
_INSTANCES: Final = ("pathlib.Path", "anyio.Path")
_PATH_PARTS: Final = ("parent", "joinpath", "with_suffix", "with_name", "with_stem")


Found: TypeAlias = Value | None


class Reading(NameReading):
    """A tree whose names and values are known."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._values: dict[ast.expr, Found] = {}
        self._asked: set[ast.AST] = set()

    def value(self, node: ast.expr, deep: int = 0) -> Found:
        """What is known of an expression's value."""
        if node in self._values:
            return self._values[node]
        if deep > DEEPEST or node in self._asked:
            return None
        self._asked.add(node)
        found = self._value(node, deep + 1)
        self._asked.discard(node)
        self._values[node] = found
        return found

    def _value(self, node: ast.expr, deep: int) -> Found:
        match node:
            case ast.Set(elts=elements):
                return None if all(self._is_ordered(element, deep) for element in elements) else Value("set")
            case ast.SetComp(elt=element):
                return None if self._is_ordered(element, deep) else Value("set")
            case ast.Call():
                return self._called(node, deep)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._combined(left, operator, right, deep)
            case ast.IfExp(body=body, orelse=other):
                return self.value(body, deep) or self.value(other, deep)
            case ast.NamedExpr(value=value):
                return self.value(value, deep)
            case ast.Attribute(value=value, attr=attr) if attr in _PATH_PARTS:
                return self._path(value, deep)
            case ast.Attribute(value=value, attr=attr):
                whose = self.value(value, deep)
                annotation = (
                    whose.owner.field(attr) if whose is not None and whose.owner is not None else None
                )
                return None if annotation is None else self.annotated(annotation)
            case ast.Name(id=name):
                found = self.bindings(name, node)
                if found is not None:
                    return self._bound(name, found, deep)
                return self._variable(self.names.find(name))
            case _:
                return None

    def _variable(self, meaning: Meaning | None) -> Found:
        if not isinstance(meaning, Variable):
            return None
        if meaning.is_set:
            return Value("set")
        if meaning.owner is not None:
            return Value("object", owner=meaning.owner)
        return Value("instance", meaning.type_path) if meaning.type_path else None

    def _bound(self, name: str, bindings: list[Binding], deep: int) -> Found:
        """What a variable holds, if all of its assignments agree."""
        values: list[Found] = []
        for binding in bindings:
            if binding.annotation is not None:
                values.append(self.annotated(binding.annotation))
                if values[-1] is None and _has_word(binding.annotation, _ORDERED_WORDS):
                    return None
            elif binding.kind == "assigned" and binding.value is not None:
                values.append(self.value(binding.value, deep))
            elif (
                self.code is not None
                and self.code.owner is not None
                and _is_self(binding.node, self.code.node)
            ):
                return Value("object", owner=self.code.owner)
            elif isinstance(binding.node, ast.AugAssign):
                continue
            else:
                return None
        if not values or any(
            value is None or value.kind != (values[0] and values[0].kind) for value in values
        ):
            return None
        if values[0] is not None and values[0].kind == "set" and self._holds_tasks(name, deep):
            return None
        return values[0]

    def annotated(self, annotation: ast.expr) -> Found:
        """What an annotation tells of a value."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except (SyntaxError, ValueError):
                return None
        name = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        if last_word(name) in _SET_WORDS:
            inner = annotation.slice if isinstance(annotation, ast.Subscript) else None
            return None if inner is not None and _has_word(inner, _ORDERED_WORDS) else Value("set")
        meaning = self.meaning(name)
        if isinstance(meaning, Kind):
            return Value("object", owner=meaning.of)
        if isinstance(meaning, Outside) and meaning.path in _INSTANCES:
            return Value("instance", meaning.path)
        return None

    def _called(self, node: ast.Call, deep: int) -> Found:
        meaning = self.meaning(node.func, deep)
        match meaning:
            case Task():
                return Value("task")
            case Code() if meaning.is_async:
                return Value("coroutine")
            case Kind(of=owner):
                return Value("object", owner=owner)
            case Outside(path=path) if path in _SETS:
                if not node.args:
                    return Value("set")
                return None if self._is_ordered_all(node.args[0], deep) else Value("set")
            case Outside(path=path) if path in _INSTANCES:
                return Value("instance", path)
            case Outside(path=path) if path.rpartition(".")[2] in _TASK_MAKERS or path.endswith(
                "asyncio.sleep"
            ):
                return Value("task")
            case _:
                pass
        if not isinstance(node.func, ast.Attribute):
            return None
        if node.func.attr in (*_CONTEXT_CALLS, *_TASK_MAKERS):
            return Value("task")
        if node.func.attr in _PATH_PARTS:
            return self._path(node.func.value, deep)
        inner = self.value(node.func.value, deep)
        return inner if inner is not None and inner.kind == "set" and node.func.attr in _SET_METHODS else None

    def _path(self, node: ast.expr, deep: int) -> Found:
        inner = self.value(node, deep)
        return inner if inner is not None and inner.kind == "instance" else None

    def _combined(self, left: ast.expr, operator: ast.operator, right: ast.expr, deep: int) -> Found:
        first = self.value(left, deep)
        if isinstance(operator, ast.Div) and first is not None and first.kind == "instance":
            return first
        if not isinstance(operator, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)):
            return None
        for side in (first, self.value(right, deep)):
            if side is not None and side.kind == "set":
                return side
        return Value("set") if _is_keys(left) and not isinstance(right, ast.Constant) else None

    def _is_ordered(self, node: ast.expr, deep: int) -> bool:
        """Whether a set of such things has the same order everywhere: numbers, tasks."""
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        if isinstance(node, ast.Constant):
            return isinstance(node.value, (int, float))
        if isinstance(node, ast.Tuple):
            return all(self._is_ordered(part, deep) for part in node.elts)
        if isinstance(node, ast.Call):
            meaning = self.meaning(node.func, deep)
            if isinstance(meaning, Outside) and meaning.path in (
                "builtins.int",
                "builtins.len",
                "builtins.float",
            ):
                return True
        value = self.value(node, deep)
        return value is not None and value.kind == "task"

    def _is_ordered_all(self, node: ast.expr, deep: int) -> bool:
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return bool(elements) and all(self._is_ordered(element, deep) for element in elements)
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                return self._is_ordered(element, deep)
            case ast.Call(func=func):
                meaning = self.meaning(func, deep)
                return isinstance(meaning, Outside) and meaning.path == "builtins.range"
            case ast.Name(id=name):
                found = self.bindings(name, node) or []
                return any(
                    (b.annotation is not None and _has_word(b.annotation, _ORDERED_WORDS))
                    or (
                        b.kind == "assigned"
                        and b.value is not None
                        and b.value is not node
                        and isinstance(b.value, (ast.List, ast.Tuple, ast.ListComp))
                        and self._is_ordered_all(b.value, deep)
                    )
                    for b in found
                )
            case _:
                return False

    def _holds_tasks(self, name: str, deep: int) -> bool:
        """Whether something is added to a set that has an order: a task, a number."""
        for node in self.layout.nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=whose), attr="add"), args=[added]):
                    if whose == name and self._is_ordered(added, deep):
                        return True
                case _:
                    pass
        return False


def _is_self(node: ast.AST, function: FunctionNode) -> bool:
    first = next(iter([*function.args.posonlyargs, *function.args.args]), None)
    static = any(last_word(decorator) == "staticmethod" for decorator in function.decorator_list)
    return node is first and not static


def _has_word(node: ast.AST, words: Sequence[str]) -> bool:
    return any(last_word(part) in words for part in ast.walk(node))


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"
