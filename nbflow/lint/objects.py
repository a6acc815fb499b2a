"""What a value is to a replay, by its type alone: a library's thing and its full name, or one that can change."""

from __future__ import annotations

import enum
import random
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final, cast

from nbflow.core.failures import is_author_file

RENAMED: Final = {
    "posix": "os",
    "nt": "os",
    "_io": "io",
    "posixpath": "os.path",
    "ntpath": "os.path",
    "_socket": "socket",
}
_FLAT: Final = (
    "asyncio",
    "pathlib",
    "anyio",
    "pandas",
    "polars",
    "duckdb",
    "httpx",
    "requests",
    "random",
    "threading",
)
"""Packages whose names are known without the modules in which they are defined."""

_APART: Final = ("anyio.to_thread", "anyio.from_thread", "anyio.to_process")
_CACHED: Final = "functools._lru_cache_wrapper"
_OF_PYTHON: Final = 1 << 9
"""The flag of a class that a class statement has made, and not C."""

_IMMUTABLE: Final = (
    int, float, complex, str, bytes, type(None), type(Ellipsis), range, enum.Enum, type, FunctionType, BuiltinFunctionType,
)  # fmt: skip
_IMMUTABLE_MODULES: Final = (
    "datetime",
    "decimal",
    "fractions",
    "re",
    "uuid",
    "pathlib",
    "zoneinfo",
    "typing",
    "logging",
    "ipaddress",
    "operator",
    "functools",
    "string",
    "nbflow",
    "contextvars",
)


def type_of(value: object) -> Any:
    """A value's type, which no proxy can hide."""
    return type(value)


def class_name(found: type[Any]) -> str:
    """A class's full name."""
    return full_name(_of_type(found, "__module__"), _of_type(found, "__qualname__"))


def _of_type(found: type[Any], name: str) -> str:
    """What every class has, whatever its metaclass makes of it."""
    value: object = type.__dict__[name].__get__(found)
    return value if isinstance(value, str) else ""


def class_attribute(found: type[Any], name: str) -> Any:
    """What a class or one that it is based on has under a name; no code of theirs is run."""
    for base in cast("tuple[type[Any], ...]", type.__dict__["__mro__"].__get__(found)):
        if name in vars(base):
            return vars(base)[name]
    return None


def function_in(value: Any) -> FunctionType | None:
    """The Python function that a value is, or is a cache or a bound method of."""
    kind = type_of(value)
    inner = value
    if kind is MethodType:
        inner = value.__func__
    elif class_name(kind) == _CACHED:
        inner = getattr(value, "__wrapped__", None)
    elif class_name(kind) == "functools.partial":
        inner = value.func
    found: Any = inner if type_of(inner) is FunctionType else None
    return found if found is not None and is_author_code(found.__code__.co_filename) else None


def is_author_code(file: str) -> bool:
    """Whether a file is the author's own, and no installed package's."""
    return is_author_file(file) and "-packages" not in file


def path_of(value: Any) -> str:
    """The full name of a library's function; empty for all else."""
    kind = type_of(value)
    if kind is FunctionType:
        if is_author_code(value.__code__.co_filename):
            return ""
        return full_name(_module_of(value), value.__qualname__)
    if kind is BuiltinFunctionType or kind is MethodType:
        owner: Any = value.__self__
        if owner is None or type_of(owner) is ModuleType:
            return full_name(_module_of(value), value.__name__)
        if owner is getattr(random, "_inst", None):
            return f"random.{value.__name__}"
        of = owner if issubclass(type_of(owner), type) else type_of(owner)
        return "" if is_authors_class(of) else f"{class_name(of)}.{value.__name__}"
    is_cached = class_name(kind) == _CACHED
    if is_cached and function_in(value) is None:
        return full_name(_module_of(value), value.__qualname__)
    return ""


def _module_of(value: Any) -> str:
    """The name of the module that a function says it is from; C may have put anything there."""
    module: object = value.__module__
    return module if isinstance(module, str) else ""


def full_name(module: str, name: str) -> str:
    """A name as it is written where it is used: without the modules in which a package keeps it."""
    module = RENAMED.get(module, module)
    package = module.partition(".")[0]
    if module.startswith("numpy.random"):
        module = "numpy.random"
    elif package in _FLAT and module not in _APART:
        module = package
    elif module == "io" and name == "open":
        module = "builtins"
    return f"{module}.{name}"


def is_authors_class(found: type[Any]) -> bool:
    """Whether a class is defined in a notebook or in the author's own modules."""
    if not found.__flags__ & _OF_PYTHON:
        return False
    module = _of_type(found, "__module__")
    if module == "__main__":
        return True
    loaded = sys.modules.get(module)
    file = vars(loaded).get("__file__") if loaded is not None else None
    return bool(file) and is_author_code(str(file))


def is_immutable(value: Any) -> bool:
    """Whether a value stays as it is."""
    kind = type_of(value)
    if issubclass(kind, tuple):
        return all(map(is_immutable, tuple[Any, ...].__iter__(value)))
    if (
        issubclass(kind, (*_IMMUTABLE, frozenset))
        or _of_type(kind, "__module__").partition(".")[0] in _IMMUTABLE_MODULES
    ):
        return True
    for name in ("__dataclass_params__", "__struct_config__"):
        if getattr(class_attribute(kind, name), "frozen", False):
            return True
    model = class_attribute(kind, "model_config")
    return type_of(model) is dict and bool(model.get("frozen"))
