"""Workflows of a text, run as a module would be."""

import linecache
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

MakeModule = Callable[..., ModuleType]


@pytest.fixture
def make_module() -> Iterator[MakeModule]:
    """Makes modules of texts, whose lines are known to tracebacks."""
    made: list[str] = []

    def make(source: str, name: str = "under_test") -> ModuleType:
        file = f"<{name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        module = ModuleType(name)
        module.__file__ = f"/somewhere/{name}.py"
        sys.modules[name] = module
        made.append(name)
        exec(compile(source, file, "exec"), vars(module))
        return module

    yield make
    for name in made:
        sys.modules.pop(name, None)
        linecache.cache.pop(f"<{name}>", None)
