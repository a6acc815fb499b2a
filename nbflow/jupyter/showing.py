"""Putting something into the output of the running cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import IPython.display as ipython

_display: Final[Callable[..., Any]] = cast("Any", ipython).display


class Output(Protocol):
    """A piece of output that can be brought up to date, in whichever cell it is."""

    def update(self, obj: Any) -> None: ...


class Line:
    """A text that is shown as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def say(text: str) -> None:
    """Show a text."""
    _display(Line(text))


def show(thing: Any) -> None:
    """Show an object as IPython does."""
    _display(thing)


def show_for_good(thing: Any) -> Output:
    """Show an object, and return the output, so that it can be brought up to date."""
    output: Output = _display(thing, display_id=True)
    return output
