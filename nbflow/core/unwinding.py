"""How the code of an evicted execution is ended, so that nothing of it is left to chance (S76).

A coroutine that the garbage collector finds is closed at some moment, in some
thread, outside of its loop; there, an activity that a ``finally`` block calls is
a plain function, and runs. So each coroutine is unwound on purpose: `Evicted` is
thrown in where it waits. Thrown, and not ``close()``, since closing a coroutine
that waits inside an async generator leaves that generator as it is (before
Python 3.13).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any, Final

from nbflow.errors import Evicted

MAX_THROWS: Final = 100
"""How often a coroutine may await again while it is unwound."""


def unwind(coro: Any) -> None:
    """End a coroutine wherever it waits; its ``finally`` blocks run.

    One that can't be ended, since it catches everything and waits again, is kept for as long as
    the process lives: else the garbage collector would wake it once more, and out of its loop.
    """
    for _ in range(MAX_THROWS):
        try:
            coro.throw(Evicted())
        except BaseException:
            return
    _keep_for_ever(coro)


def close_generator(generator: Any) -> None:
    """End an async generator that is not in the middle of a step."""
    closing = generator.aclose()
    try:
        closing.send(None)
    except BaseException:
        return
    unwind(closing)


def is_collected(generator: Any) -> bool:
    """Tell, in an asyncgen finalizer hook, whether the garbage collector called it.

    What the collector finds is still referred to, from the garbage that it found it in; what lost
    its last reference is not.
    """
    return sys.getrefcount(generator) > _references_when_dropped()


@cache
def _references_when_dropped() -> int:
    """Count the references that a finalizer hook sees, as `is_collected` would be asked by one."""
    counted: list[int] = []

    class Hook:
        def dropped(self, generator: Any) -> None:
            self.count(generator)

        def count(self, generator: Any) -> None:
            counted.append(sys.getrefcount(generator))

    async def generate() -> AsyncGenerator[None]:
        yield None

    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=Hook().dropped)
    try:
        generator = generate()
        try:
            generator.__anext__().send(None)
        except StopIteration:
            pass
        del generator
    finally:
        sys.set_asyncgen_hooks(*hooks)
    return counted[0]


def _keep_for_ever(thing: Any) -> None:
    # A reference in a module or an object would go when the interpreter ends, and end in the same wake-up.
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
