"""Why a value can't be written, or a text not be read, and where in it that is."""

from __future__ import annotations

import re
from typing import Any, Final, Self, cast

from nbflow.core.payloads.advice import advice, type_name, with_article

_OTHER_TYPE: Final = re.compile(r"Expected `.*`, got `.*`")


class MisfitError(Exception):
    """A value doesn't fit what is expected; each container that it leaves adds its step to the path.

    Args:
        message: ``Expected `int`, got `str` ``.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._steps: list[str] = []

    def inside(self, step: str) -> Self:
        """Say that the value lies in another, at ``.name`` or ``[0]``."""
        self._steps.append(step)
        return self

    @property
    def path(self) -> str:
        """From the outermost value to the one that is meant: ``.items[2].price``."""
        return "".join(reversed(self._steps))

    @property
    def is_about_contents(self) -> bool:
        """Whether the value has the right type, and something in it hasn't."""
        return bool(self._steps) or not _OTHER_TYPE.fullmatch(str(self))

    def told(self, what: str, root: str, annotation: str) -> str:
        """The whole sentence.

        Args:
            what: What was to be written or read.
            root: Name of the outermost value, for the path.
            annotation: What it should have been.
        """
        where = f" - at `{root or '$'}{self.path}`" if self.path else ""
        return f"{what} doesn't fit {annotation}: {self}{where}"


class RefusedError(MisfitError):
    """A value can't go into JSON, whatever is expected.

    Args:
        message: What is the matter with it, as a predicate: ``is a set, which can't be carried as JSON: …``.
    """

    def told(self, what: str, root: str, annotation: str) -> str:
        path = f"{root}{self.path}".removeprefix(".") if self.path else ""
        return f"{what}{f' at {path!r}' if path else ''} {self}"


def uncarried(value: object) -> RefusedError:
    """The error for a value that JSON has nothing for."""
    kind = type(value)
    return RefusedError(f"is {with_article(type_name(kind))}, which can't be carried as JSON: {advice(kind)}")


def expected(name: str, value: Any) -> MisfitError:
    """The error for a value of another type than ``name``; one that JSON can't carry anyway gets advice."""
    kind = type(cast("object", value))
    hint = advice(kind, known_only=True)
    if hint is not None:
        return RefusedError(
            f"is {with_article(type_name(kind))}, and {with_article(name)} is expected: {hint}"
        )
    return MisfitError(f"Expected `{name}`, got `{'null' if value is None else type_name(kind)}`")
