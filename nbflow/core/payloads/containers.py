"""Lists, sets, tuples and dictionaries as JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, cast

import msgspec

from nbflow.core.payloads.misfits import MisfitError, RefusedError, expected
from nbflow.core.payloads.shapes import JSON_KINDS, Shape, converted, json_text

_SETS: Final = (set, frozenset)
_LISTS: Final = (list, tuple, deque, *_SETS)


def each(items: Iterable[Any], step: Callable[[Any], Any]) -> list[Any]:
    """Do something with every item; a misfit says at which."""
    done: list[Any] = []
    for index, item in enumerate(items):
        try:
            done.append(step(item))
        except MisfitError as misfit:
            raise misfit.inside(f"[{index}]") from None
    return done


class Items(Shape):
    """A list, tuple, deque or set of any length; a set in the order of its items' texts.

    Args:
        python: The class.
        item: What it holds.
        constraints: ``Annotated[list, Meta(min_length=1)]``, or None.
    """

    kinds = frozenset({"array"})

    def __init__(self, python: type[Any], item: Shape, constraints: Any = None) -> None:
        self.python = python
        self.item = item
        ending = ", ..." if python is tuple else ""
        self.name = f"{python.__name__}[{item.name}{ending}]"
        self.is_jsons = python is list
        self._constraints = constraints

    def parts(self) -> Iterable[Shape]:
        return (self.item,)

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is not self.python:
            is_named = isinstance(value, tuple) and hasattr(cast("Any", value), "_fields")
            if exact or is_named or not isinstance(value, _LISTS):
                raise expected(cast("type[Any]", self.python).__name__, value)
        if isinstance(value, deque) and value.maxlen is not None and self.python is deque:
            raise RefusedError(
                f"is a deque with maxlen={value.maxlen}, which JSON doesn't keep: pass list(...) of it"
            )
        if isinstance(value, _SETS):
            return sorted(self._written_set(value, exact), key=json_text)
        write = self.item.write
        return each(cast("Iterable[Any]", value), lambda item: write(item, exact))

    def _written_set(self, value: Any, exact: bool) -> list[Any]:
        try:
            return [self.item.write(item, exact) for item in value]
        except MisfitError as misfit:
            raise misfit.inside("{…}") from None

    def read(self, data: Any) -> Any:
        if type(data) is not list:
            raise MisfitError(f"Expected `array`, got `{JSON_KINDS[type(data)]}`")
        items = each(cast("list[Any]", data), self.item.read)
        value = items if self.python is list else cast("Any", self.python)(items)
        return value if self._constraints is None else converted(value, self._constraints)


class FixedTuple(Shape):
    """A tuple with one type for each place."""

    kinds = frozenset({"array"})
    python = tuple

    def __init__(self, items: Sequence[Shape]) -> None:
        self.items = tuple(items)
        self.name = f"tuple[{', '.join(item.name for item in items) or '()'}]"

    def parts(self) -> Iterable[Shape]:
        return self.items

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is not tuple and (exact or type(value) is not list):
            raise expected("tuple", value)
        return self._each(cast("Sequence[Any]", value), lambda shape, item: shape.write(item, exact))

    def read(self, data: Any) -> Any:
        if type(data) is not list:
            raise MisfitError(f"Expected `array`, got `{JSON_KINDS[type(data)]}`")
        return tuple(self._each(cast("list[Any]", data), lambda shape, item: shape.read(item)))

    def _each(self, items: Sequence[Any], step: Callable[[Shape, Any], Any]) -> list[Any]:
        if len(items) != len(self.items):
            raise MisfitError(f"Expected `array` of length {len(self.items)}, got {len(items)}")
        shapes = iter(self.items)
        return each(items, lambda item: step(next(shapes), item))


class Entries(Shape):
    """A dictionary: an object where its keys are texts or numbers, else a list of pairs.

    Args:
        python: dict or OrderedDict.
        key: Its keys; None: str only, as JSON's own are.
        value: Its values.
        as_pairs: Whether a key's text would not tell which key it was.
        constraints: ``Annotated[dict, Meta(min_length=1)]``, or None.
    """

    def __init__(
        self, python: type[Any], key: Shape | None, value: Shape, *, as_pairs: bool, constraints: Any = None
    ) -> None:
        self.python = python
        self.key = key
        self.value = value
        self.name = f"{python.__name__}[{key.name if key else 'str'}, {value.name}]"
        self.kinds = frozenset({"array" if as_pairs else "object"})
        self.is_jsons = python is dict and not as_pairs
        self.as_pairs = as_pairs
        self._constraints = constraints

    def parts(self) -> Iterable[Shape]:
        return (self.value,) if self.key is None else (self.key, self.value)

    def write(self, value: Any, exact: bool = False) -> Any:
        written: dict[str, Any] = {}
        pairs: list[Any] = []
        for key, item in self._entries(value, exact):
            name = self._written_key(key, exact)
            try:
                data = self.value.write(item, exact)
            except MisfitError as misfit:
                raise misfit.inside(_step(key)) from None
            if self.as_pairs:
                pairs.append([name, data])
            else:
                written[name if type(name) is str else msgspec.json.encode(name).decode()] = data
        return pairs if self.as_pairs else written

    def _entries(self, value: Any, exact: bool) -> Iterable[tuple[Any, Any]]:
        if type(value) is self.python or (not exact and isinstance(value, dict)):
            return cast("dict[Any, Any]", value).items()
        if self.as_pairs and not exact and type(value) is list:
            return _checked_pairs(cast("list[Any]", value))
        raise expected(cast("type[Any]", self.python).__name__, value)

    def _written_key(self, key: Any, exact: bool) -> Any:
        if self.key is None:
            if isinstance(key, str):
                return str.__str__(key)
            raise RefusedError(
                f"has the key {key!r} ({type(key).__name__}), and JSON's keys are strings: use str keys, or "
                f"annotate it, such as dict[{type(key).__name__}, ...]"
            )
        try:
            return self.key.write(key, exact)
        except MisfitError as misfit:
            raise misfit.inside(f".keys()[{key!r}]") from None

    def read(self, data: Any) -> Any:
        value = cast("Any", self.python)(self._pairs(data))
        return value if self._constraints is None else converted(value, self._constraints)

    def _pairs(self, data: Any) -> list[tuple[Any, Any]]:
        if type(data) is not (list if self.as_pairs else dict):
            wanted = "array" if self.as_pairs else "object"
            raise MisfitError(f"Expected `{wanted}`, got `{JSON_KINDS[type(data)]}`")
        if not self.as_pairs:
            entries = cast("dict[str, Any]", data)
            return [(self._read_key(key), self._read_value(key, item)) for key, item in entries.items()]
        pairs = _checked_pairs(cast("list[Any]", data))
        return [(key := self._read_key(name), self._read_value(key, item)) for name, item in pairs]

    def _read_key(self, data: Any) -> Any:
        if self.key is None:
            return data
        try:
            if self.as_pairs or "str" in self.key.kinds:
                return self.key.read(data)
            return self.key.read(msgspec.json.decode(data))
        except (MisfitError, msgspec.DecodeError) as error:
            raise MisfitError(f"{error} - as key {data!r}") from None

    def _read_value(self, key: Any, data: Any) -> Any:
        try:
            return self.value.read(data)
        except MisfitError as misfit:
            raise misfit.inside(_step(key)) from None


def _checked_pairs(data: list[Any]) -> list[Any]:
    if not all(type(pair) is list and len(cast("list[Any]", pair)) == 2 for pair in data):
        raise MisfitError("Expected an `array` of pairs [key, value]")
    return data


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) else f"[{key!r}]"
