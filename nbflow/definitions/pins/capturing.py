"""From live code to its pin: what each name means now, transitively.

What stands beside the code, in the same notebook or module, is kept by its source; what is imported, by
module and name; constants by value. What of a notebook is none of these can't be kept, and is a `Problem`.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, cast

import msgspec

from nbflow.definitions.pins.model import Alias, Constant, Declared, Defined, Imported, Item
from nbflow.definitions.pins.names import attributes_of, needed_at_once, outer_names
from nbflow.definitions.pins.values import (
    NotConstantError,
    found_in_module,
    has_identical,
    importable,
    to_node,
)

_FUTURES: Final = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_COMPILED: Final = ("__builtins__", "__name__", "__class__")
_PLAIN: Final = (type(None), bool, int, float, str)


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of source, and where it stands."""

    source: str
    file: str
    first_line: int


class Sources(Protocol):
    """Finds the source of functions and classes."""

    def __call__(self, value: Any, /) -> Text | None:
        """The source of a function or class; None if it can't be had."""
        ...


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can't be kept with the code.

    Attributes:
        name: The name in the code.
        what: What it is, and why it can't be kept.
        by: The function or class that uses it, where that is not the code itself.
    """

    name: str
    what: str
    by: str = ""


class Code(Protocol):
    """A definition, as far as it matters here."""

    kind: Any
    name: str
    function: Callable[..., Any]
    source: str


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What came of capturing a piece of code.

    Attributes:
        items: What its names mean.
        missing: Names that mean nothing.
        problems: What can't be kept.
        values: The live values that were looked at, by name: for telling later whether one is another now.
    """

    items: dict[str, Item]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    values: dict[str, Any]


def capture(code: Code, sources: Sources, *, is_definition: Callable[[Any], bool]) -> Capture:
    """Find out what a definition's code uses.

    Args:
        code: The definition.
        sources: Finds source texts.
        is_definition: Tells activities and workflows from everything else.
    """
    return _Capturing(code, sources, is_definition).result()


def source_of_value(value: Any) -> Text | None:
    """The source of a function or class as Python finds it."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(value) if callable(value) else value)
        file = inspect.getfile(inspect.unwrap(value))
    except (OSError, TypeError, ValueError, SyntaxError, IndexError):
        return None
    return Text(source="".join(lines), file=file, first_line=max(first, 1))


def future_flags(function: Any) -> int:
    """Which ``from __future__ import`` a function was compiled with."""
    code: types.CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_flags & _FUTURES if code is not None else 0


class _Capturing:
    def __init__(self, code: Code, sources: Sources, is_definition: Callable[[Any], bool]) -> None:
        self._code = code
        self._sources = sources
        self._is_definition = is_definition
        function = inspect.unwrap(code.function)
        self._globals: Mapping[str, Any] = getattr(function, "__globals__", {})
        self._module = str(self._globals.get("__name__", ""))
        self._own = _enclosed(function)
        self._items: dict[str, Item] = {}
        self._missing: dict[str, None] = {}
        self._problems: list[Problem] = []
        self._values: dict[str, Any] = {}
        self._pending: list[tuple[str, str]] = []
        self._as_functions: set[str] = set()

    def result(self) -> Capture:
        self._read(self._code.source, by="")
        while self._pending:
            name, by = self._pending.pop(0)
            if name not in self._values and name not in self._missing:
                self._name(name, by)
        return Capture(
            items=in_order(self._items),
            missing=tuple(self._missing),
            problems=tuple(self._problems),
            values=self._values,
        )

    def _read(self, source: str, by: str) -> None:
        """Note the names of a piece of source."""
        try:
            names = outer_names(source)
        except SyntaxError:
            self._problems.append(Problem(name=by or self._code.name, what="has no source that can be read"))
        else:
            self._pending += [(name, by) for name in names if name != self._code.function.__name__]
            self._note_functions(source)

    def _note_functions(self, source: str) -> None:
        """Note which activities a piece of source calls as plain functions, ``charge.fn(…)``: those are kept whole."""
        called = {name for name, attribute in attributes_of(source) if attribute == "fn"}
        for name in called - self._as_functions:
            self._as_functions.add(name)
            if self._items.pop(name, None) is not None:
                del self._values[name]
                self._pending.append((name, ""))

    def _name(self, name: str, by: str) -> None:
        if name in self._own:
            value = self._own[name]
        elif name in self._globals and not _stands_for_a_builtin(name, self._globals[name]):
            value = self._globals[name]
        elif hasattr(builtins, name) or name in _COMPILED:
            return
        else:
            self._missing[name] = None
            return
        self._values[name] = value
        try:
            self._items[name] = self._item(name, value)
        except NotConstantError as error:
            self._problems.append(Problem(name=name, what=str(error), by=by))
        except Exception as error:  # what an author's object does when it is looked at
            what = f"can't be looked at ({type(error).__name__})"
            self._problems.append(Problem(name=name, what=what, by=by))

    def _item(self, name: str, value: Any) -> Item:
        if isinstance(value, types.ModuleType):
            return self._a_module(value)
        if self._is_definition(value):
            return self._a_call(name, value)
        if (found := importable(value)) is not None and found[0] != self._module:
            return Imported(module=found[0], name=found[1])
        if self._is_beside(value):
            return self._a_source(name, value)
        in_module = self._module != "__main__" and has_identical(self._module, name, value)
        if in_module and not isinstance(value, _PLAIN):
            return Imported(module=self._module, name=name)  # a module is there again in another process
        try:
            return Constant(value=to_node(value, self._local))
        except NotConstantError:
            if (found := found_in_module(name, value)) is None:
                raise
            return Imported(module=found, name=name)

    def _a_module(self, module: types.ModuleType) -> Imported:
        if module.__name__ == "__main__" or sys.modules.get(module.__name__) is not module:
            raise NotConstantError("is a module that can't be imported by its name")
        return Imported(module=module.__name__)

    def _a_call(self, name: str, definition: Any) -> Item:
        """An activity or workflow that is called: its signature and defaults are part of the code, its body is not.

        Unless the code calls its function itself: then that is a function like any other.
        """
        found = importable(definition)
        if found is not None and found[0] != self._module:
            return Imported(module=found[0], name=found[1])
        is_whole = name in self._as_functions
        source = _declaration(definition.source, definition.function, with_body=is_whole)
        self._read(source, by=name)
        policy, timeout = (getattr(definition, each, None) for each in ("retry_policy", "timeout"))
        return Declared(
            kind=definition.kind,
            registered=definition.name,
            source=source,
            flags=future_flags(definition.function),
            retry_policy=to_node(policy, self._local),
            timeout=timeout.total_seconds() if timeout is not None else None,
        )

    def _is_beside(self, value: Any) -> bool:
        """Whether a function or class stands in the same notebook or module."""
        module = getattr(value, "__module__", None)
        is_code = isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__"))
        return is_code and module == self._module

    def _a_source(self, name: str, value: Any) -> Item:
        known = str(getattr(value, "__name__", name))
        if "<locals>" in str(getattr(value, "__qualname__", "")):
            return self._a_local(name, value)
        if known not in (name, "<lambda>") and self._globals.get(known) is value:
            self._pending.append((known, name))
            return Alias(of=known)
        return self._text(
            name, value, self._sources(value), must_define=name if known == "<lambda>" else known
        )

    def _a_local(self, name: str, value: Any) -> Item:
        """A function or class of an enclosing function: it can be kept if that function is the code's own, too."""
        if name not in self._own or getattr(value, "__closure__", None):
            raise NotConstantError("was made inside another function")
        return self._text(name, value, self._sources(value), must_define=value.__name__)

    def _text(self, name: str, value: Any, text: Text | None, *, must_define: str) -> Item:
        source = _dedented(text.source) if text is not None else ""
        if text is None or must_define not in _defined_by(source):
            raise NotConstantError("has no source text that can be found")
        if must_define != name:
            raise NotConstantError(f"is called {must_define} where it is defined")
        self._read(source, by=name)
        return Defined(source=source, file=text.file, first_line=text.first_line, flags=future_flags(value))

    def _local(self, value: Any) -> str | None:
        """The name under which the pin has, or gets, a class or function that stands beside the code."""
        name = getattr(value, "__name__", None)
        if not isinstance(name, str) or not self._is_beside(value):
            return None
        present = self._own.get(name, self._globals.get(name))
        if present is not value and not self._is_again(present, value):
            return None
        self._pending.append((name, ""))
        return name

    def _is_again(self, present: Any, value: Any) -> bool:
        """Whether a class is what a cell that was run again has made of another one."""
        classes = isinstance(present, type) and isinstance(value, type)
        return classes and self._is_beside(present) and present.__qualname__ == value.__qualname__


def _enclosed(function: Any) -> dict[str, Any]:
    """The variables of enclosing functions that a function uses, as far as they have a value."""
    found: dict[str, Any] = {}
    code: types.CodeType | None = getattr(function, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _dedented(source: str) -> str:
    first = source[: len(source) - len(source.lstrip(" \t"))].rpartition("\n")[2]
    if not first:
        return source
    return "".join(line.removeprefix(first) for line in source.splitlines(keepends=True))


def _defined_by(source: str) -> set[str]:
    """The names that a text defines at its top level."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _declaration(source: str, function: Callable[..., Any], *, with_body: bool) -> str:
    """The ``def`` line of a function, with its body or alone, and no decorators."""
    for node in ast.walk(_parsed(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == function.__name__:
            node.decorator_list = []
            if not with_body:
                node.body = [ast.Expr(ast.Constant(...))]
            return ast.unparse(node) + "\n"
    raise NotConstantError("has no source text that can be found")


def _parsed(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def in_order(items: Mapping[str, Item]) -> dict[str, Item]:
    """The items so that each comes behind those that it needs when it is made; circles as they come."""
    done: dict[str, Item] = {}
    begun: set[str] = set()

    def visit(name: str) -> None:
        if name in begun or name not in items:
            return
        begun.add(name)
        for needed in sorted(_needs(items[name])):
            visit(needed)
        done[name] = items[name]

    for name in sorted(items):
        visit(name)
    return done


def _needs(item: Item) -> set[str]:
    match item:
        case Imported():
            return set()
        case Alias(of=of):
            return {of}
        case Constant(value=value):
            return set(_names_in(value))
        case Defined(source=source):
            return needed_at_once(source)
        case Declared(source=source, retry_policy=policy):
            return needed_at_once(source) | set(_names_in(policy))


def _names_in(node: Any) -> Iterator[str]:
    """The names of the pin that a value needs."""
    if isinstance(node, list):
        for part in cast("list[Any]", node):
            yield from _names_in(part)
    elif isinstance(node, dict):
        for kind, content in cast("dict[str, Any]", node).items():
            yield from [content] if kind == "name" else _names_in(content)


def _stands_for_a_builtin(name: str, value: Any) -> bool:
    """Whether it only wraps Python's own function of that name, as the `open` does that IPython gives to notebooks."""
    return hasattr(builtins, name) and getattr(value, "__wrapped__", None) is getattr(builtins, name)
