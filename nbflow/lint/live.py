"""What names mean by the values that a definition's variables have: nothing is called, and modules alone are asked."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, cast

from nbflow.definitions import ActivityDefinition, WorkflowDefinition
from nbflow.lint.changes import changed_outside
from nbflow.lint.meanings import Code, FunctionNode, Kind, Meaning, Module, Outside, Task, Text, Variable
from nbflow.lint.objects import (
    RENAMED,
    class_attribute,
    class_name,
    function_in,
    is_author_code,
    is_authors_class,
    is_immutable,
    path_of,
    type_of,
)
from nbflow.lint.scopes import Layout

_MOST_SCANNED: Final = 400


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the live code stands.

    Attributes:
        cell_of: The cell that defines a variable, for a person; empty if that isn't known.
        label_of: What a person calls a file; empty where that is its own name.
    """

    cell_of: Callable[[str], str] = lambda _name: ""
    label_of: Callable[[str], str] = lambda _file: ""


class LiveNames:
    """The variables of a function: its module's, and those around it."""

    def __init__(self, function: FunctionType | None, namespace: Mapping[str, Any], places: Places) -> None:
        self._namespace = namespace
        self._places = places
        self._enclosed = {} if function is None else _enclosed(function)
        self._found: dict[str, Meaning | None] = {}

    def find(self, name: str) -> Meaning | None:
        """What a name means where the function stands."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Meaning | None:
        for place in (self._enclosed, self._namespace):
            if name in place:
                return self._meaning(name, place[name])
        return None

    def _meaning(self, name: str, value: Any) -> Meaning | None:
        kind = type_of(value)
        if issubclass(kind, ModuleType):
            return self._module(value)
        if issubclass(kind, (ActivityDefinition, WorkflowDefinition)):
            definition = cast("ActivityDefinition[Any, Any] | WorkflowDefinition[Any, Any]", value)
            plain = partial(code_of, definition.function, self._places)
            return Task(kind=definition.kind, name=definition.name, plain=plain)
        if issubclass(kind, type):
            return self._class(value)
        if callable(value) and (path := path_of(value)):
            return Outside(path=path)
        function = function_in(value)
        if function is not None:
            return code_of(value if kind is FunctionType else function, self._places)
        if class_name(kind) == "os._Environ":
            return Outside(path="os.environ")
        return self._variable(name, value)

    def _module(self, module: ModuleType) -> Meaning:
        file = vars(module).get("__file__") or ""
        if file and is_author_code(str(file)):
            return Module(name=module.__name__, names=LiveNames(None, vars(module), self._places))
        return Outside(path=RENAMED.get(module.__name__, module.__name__))

    def _class(self, found: type[Any]) -> Meaning:
        if is_authors_class(found):
            return Kind(of=LiveClass(found, self._places))
        return Outside(path=class_name(found))

    def _variable(self, name: str, value: Any) -> Variable:
        kind = type_of(value)
        variable = Variable(
            name=name,
            is_mutable=not is_immutable(value),
            is_set=_is_salted(value),
        )
        if is_authors_class(kind):
            variable = replace(variable, owner=LiveClass(kind, self._places))
        elif (path := class_name(kind)).startswith("pathlib."):
            variable = replace(variable, type_path="pathlib.Path")
        elif not path.startswith("builtins."):
            variable = replace(variable, type_path=path)
        return replace(variable, changes=self._changes(name, value), place=self._places.cell_of(name))

    def _changes(self, name: str, value: Any) -> str:
        """Which function of the same namespace changes a variable."""
        is_mutable = not is_immutable(value)
        for function in _functions_in(self._namespace):
            codes = list(_codes(function.__code__))
            if not any(name in code.co_names for code in codes):
                continue
            if any(_stores(code, name) for code in codes):
                return f"{function.__name__}() changes it"
            code = code_of(function, self._places) if is_mutable else None
            if code is not None and name in changed_outside(Layout(code.node)):
                return f"{function.__name__}() changes it"
        return ""


class LiveClass:
    """An author's class."""

    def __init__(self, found: type[Any], places: Places) -> None:
        self._found = found
        self._places = places

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiveClass) and other._found is self._found

    def __hash__(self) -> int:
        return hash(self._found)

    @property
    def name(self) -> str:
        """The class's name."""
        return self._found.__name__

    def field(self, name: str) -> ast.expr | None:
        """What an annotation in the class says of an attribute."""
        annotations: Any = class_attribute(self._found, "__annotations__") or {}
        annotation: Any = annotations.get(name)
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        try:
            return ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return None

    def member(self, name: str) -> Code | None:
        """A method or property of the class or of the author's classes that it is based on."""
        for base in cast("tuple[type[Any], ...]", type.__dict__["__mro__"].__get__(self._found)):
            value: Any = vars(base).get(name)
            if value is None or not is_authors_class(base):
                continue
            kind = type_of(value)
            inner = value
            if issubclass(kind, property):
                inner = value.fget
            elif issubclass(kind, (staticmethod, classmethod)):
                inner = value.__func__
            elif class_name(kind) == "functools.cached_property":
                inner = value.func
            function = function_in(inner)
            code = None if function is None else code_of(function, self._places)
            return None if code is None else replace(code, owner=self)
        return None


def code_of(
    function: Callable[..., Any],
    places: Places,
    *,
    source: str | None = None,
    seen: str = "",
    label: str = "",
) -> Code | None:
    """An author's function as code, with what decorators have put around it; None where there is no text.

    Args:
        function: The function.
        places: Where the code stands.
        source: Its text, where Python can't tell.
        seen: The text as its author sees it, where that is another one.
        label: What a person calls its file.
    """
    layers = list(_layers(function))
    codes = [_code_of_layer(layer, places) for layer in layers[:-1]]
    code = _code_of_layer(layers[-1], places, source) if layers else None
    if code is not None and (seen or label):
        code = replace(code, text=replace(code.text, seen=seen, label=label or code.text.label))
    known = [found for found in (*codes, code) if found is not None]
    return replace(known[-1], wrapped=tuple(known[:-1])) if known else None


def _code_of_layer(function: FunctionType, places: Places, source: str | None = None) -> Code | None:
    code = function.__code__
    if not is_author_code(code.co_filename):
        return None
    dedented = source or textwrap.dedent(_text_of(code))
    try:
        tree = ast.parse(dedented)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    node = _function_node(tree, code.co_name)
    if node is None:
        return None
    place = Text(
        source=dedented,
        file=code.co_filename,
        label=places.label_of(code.co_filename),
        shift=code.co_firstlineno - 1,
    )
    names = LiveNames(function, function.__globals__, places)
    return Code(name=node.name, node=node, text=place, names=names, key=_key(code))


def _key(code: CodeType) -> Hashable:
    return (code.co_filename, code.co_firstlineno, code.co_name)


def _function_node(tree: ast.Module, name: str) -> FunctionNode | None:
    found = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    named = [node for node in found if node.name == name]
    return next(iter([*named, *found]), None)


def _text_of(code: CodeType) -> str:
    """A function's text; getsource takes what it is given, and a code object is never unwrapped."""
    try:
        return inspect.getsource(code)
    except (OSError, TypeError, SyntaxError, IndexError):
        return ""


def _layers(function: Any) -> Iterator[FunctionType]:
    """A function and those that it wraps, the outermost first."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        if isinstance(function, FunctionType):
            yield function
        function = vars(function).get("__wrapped__") if hasattr(function, "__dict__") else None


def _is_salted(value: Any) -> bool:
    """Whether a value is a set whose order differs from process to process."""
    of_numbers = (int, float, bool)
    return issubclass(type_of(value), (set, frozenset)) and not all(type_of(x) in of_numbers for x in value)


def _enclosed(function: FunctionType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # a variable that is not assigned yet
            continue
    return found


def _functions_in(namespace: Mapping[str, Any]) -> Iterator[FunctionType]:
    """The author's functions in a namespace, those of definitions too."""
    found = 0
    for value in list(namespace.values()):
        is_definition = issubclass(type(value), (ActivityDefinition, WorkflowDefinition))
        function = value.function if is_definition else value
        if type(function) is FunctionType and function.__globals__ is namespace:
            found += 1
            if found > _MOST_SCANNED:
                return
            yield function


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _codes(constant)


def _stores(code: CodeType, name: str) -> bool:
    """Whether compiled code assigns to a global."""
    if name not in code.co_names:
        return False
    import dis

    return any(
        step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") and step.argval == name
        for step in dis.get_instructions(code)
    )
