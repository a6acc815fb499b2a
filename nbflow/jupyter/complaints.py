"""Errors as a person at a notebook sees them: one line, without our frames, ending with what to type next.

They stay exceptions, so that a notebook that is run as a whole stops and fails at
them. IPython shows an exception by its ``_render_traceback_``, if it has one; that
is the only thing in here that is IPython's.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

from nbflow.errors import NbflowError

P = ParamSpec("P")
R = TypeVar("R")
_Self = TypeVar("_Self")


class CommandError(NbflowError):
    """A magic's line can't be carried out as it stands; says what to type instead."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class CellSyntaxError(NbflowError):
    """A cell of ``%%activity`` or ``%%workflow`` has a syntax error; shown with the author's line only.

    Args:
        error: What the compiler said.
        lines: How the shell shows it.
    """

    def __init__(self, error: SyntaxError, lines: list[str]) -> None:
        super().__init__(str(error))
        self.error = error
        self._lines = lines

    def _render_traceback_(self) -> list[str]:
        return self._lines


def in_one_line(
    method: Callable[Concatenate[_Self, P], R],
) -> Callable[Concatenate[_Self, P], R]:
    """Let a magic's own errors be shown as their message alone; those of an author's code stay as they are."""

    @functools.wraps(method)
    def wrapper(self: _Self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return method(self, *args, **kwargs)
        except NbflowError as error:
            if not hasattr(error, "_render_traceback_"):
                show_as(error, [f"{type(error).__name__}: {error}"])
            raise

    return wrapper


def show_as(error: BaseException, lines: list[str]) -> None:
    """Make IPython show an exception as these lines."""

    def render() -> list[str]:
        return lines

    shown: Any = error
    shown._render_traceback_ = render


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a mistyped one most likely stands for."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return names[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``: did you mean 'x'?`` for the nearest known word, or nothing."""
    near = nearest(word, known)
    return f": did you mean {near!r}?" if near is not None else ""
