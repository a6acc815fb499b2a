"""What this package needs of IPython's shell: one protocol, so that it is checked and can be read in one place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any, Protocol, cast

from IPython.core.getipython import get_ipython

from nbflow.errors import NbflowError


class Compiler(Protocol):
    """IPython's compiler, which remembers the ``from __future__`` imports of a session."""

    def __call__(self, source: ast.AST, filename: str, symbol: str) -> CodeType: ...

    def ast_parse(self, source: str, filename: str = ..., symbol: str = ...) -> ast.Module: ...

    def cache(self, transformed_code: str, number: int = ..., raw_code: str | None = ...) -> str:
        """Keep a text for tracebacks, and return the name of the file that it stands for."""
        ...

    def format_code_name(self, name: str) -> tuple[str, str] | None:
        """``("Cell", "In[3]")`` for the name of a cell's code."""
        ...


class Shell(Protocol):
    """IPython's shell."""

    user_ns: dict[str, Any]
    execution_count: int
    colors: str
    config: Any
    configurables: list[Any]
    compile: Compiler
    Completer: Any

    def push(self, variables: dict[str, Any], interactive: bool = ...) -> None:
        """Put variables into the namespace; hidden ones where not ``interactive``."""
        ...

    SyntaxTB: Any
    InteractiveTB: Any
    CustomTB: Any
    custom_exceptions: tuple[type[BaseException], ...]
    display_formatter: Any
    events: Any
    history_manager: Any
    magics_manager: Any

    def transform_cell(self, raw_cell: str) -> str: ...

    def transform_ast(self, node: ast.Module) -> ast.Module: ...

    def register_magics(self, *magics: Any) -> None: ...

    def set_custom_exc(
        self, exc_tuple: tuple[type[BaseException], ...], handler: Callable[..., Any] | None
    ) -> None: ...

    def showtraceback(
        self, exc_tuple: tuple[type[BaseException], BaseException, TracebackType | None] | None = ...
    ) -> None: ...


def current_shell() -> Shell:
    """The shell of the running notebook.

    Raises:
        NbflowError: This is no notebook.
    """
    shell = get_ipython()
    if shell is None:
        raise NbflowError("this is no notebook: use `with WorkflowRuntime(PATH) as runtime: runtime.client`")
    return cast("Shell", shell)


def nobody_types(shell: Shell) -> bool:
    """Whether a program runs the notebook from top to bottom, such as nbclient: it lets no cell ask for input.

    It takes what concerns a cell's output while that cell or another one runs, and drops the rest.
    """
    get_parent: Any = getattr(shell, "get_parent", dict[str, Any])
    request: Any = get_parent()
    return request.get("content", {}).get("allow_stdin") is False
