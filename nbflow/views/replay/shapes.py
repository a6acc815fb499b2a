"""What values consist of, told without asking them: for a printer that goes item by item.

Only what Python, dataclasses, msgspec and pydantic print themselves is taken apart: a class that has a
``__repr__`` of its own is asked for it (by `nbflow.views.replay.values`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from nbflow.core.callers import NumberedGathering
from nbflow.core.calls import ActivityTask, ChildTask
from nbflow.core.context import WorkflowContext
from nbflow.core.futures import WorkflowFuture, WorkflowTask
from nbflow.core.tasks import DurableTask, EventTask, TimerTask

_MOST: Final = 2_000
"""Items of one container that are ever looked at."""

_MOST_BITS: Final = 2_000

Items: TypeAlias = Callable[[], Iterator[tuple[str, Any]]]


class Container(NamedTuple):
    """What has items.

    Attributes:
        opening: What stands before them.
        closing: What stands behind them.
        size: How many there are.
        items: Gives them, each with a label such as ``'sku': `` before it.
        noun: What they are called.
    """

    opening: str
    closing: str
    size: int
    items: Items
    noun: str = "items"


class Quoted(NamedTuple):
    """A text, or bytes."""

    text: Any


class Words(NamedTuple):
    """A value that a few words tell of; ``has_more`` if its ``repr`` tells more."""

    text: str
    has_more: bool = False


Shape: TypeAlias = Container | Quoted | Words


def shape_of(value: Any) -> Shape | None:
    """What a value consists of; None: ask its ``repr``."""
    kind = class_of(value)  # and never `isinstance`, which asks the value for its class
    if value is None or kind is bool or kind is float:
        return Words(repr(value))
    own = kind.__repr__
    if kind.__module__.startswith("anyio."):  # machinery, down to addresses
        return Words(f"<{type_name(kind)}>")
    known = _KNOWN.get(own)
    if known is not None:
        return known(value)
    if issubclass(kind, (WorkflowFuture, WorkflowTask, NumberedGathering, WorkflowContext)):
        return Words(_of_the_workflow(value))
    if issubclass(kind, (FunctionType, BuiltinFunctionType, MethodType)):
        return Words(f"<function {value.__qualname__}>")
    if issubclass(kind, ModuleType):
        return Words(f"<module {value.__name__}>")
    if own is type.__repr__:
        return Words(f"<class {type_name(value)}>")
    if issubclass(kind, Enum) and isinstance(value._name_, str):
        return Words(f"{type_name(kind)}.{value._name_}")
    return _record(value, kind, own)


def class_of(value: Any) -> type[Any]:
    """What a value is, whatever it says."""
    return cast("type[Any]", type(value))


def type_name(kind: type[Any]) -> str:
    """A class's name, whatever its metaclass says."""
    name: str = type.__dict__["__qualname__"].__get__(kind)
    return name.rpartition("<locals>.")[2][:60]


def durable_text(task: DurableTask[Any]) -> str:
    """A durable task in a few words: ``charge #5``, ``event 'approval' #3``."""
    match task:
        case ActivityTask():
            return f"{task.call.name} #{task.id}"
        case ChildTask():
            return f"child {task.call.name} #{task.id}"
        case TimerTask():
            return f"timer #{task.id}"
        case EventTask():
            return f"event {task.name!r} #{task.id}"
        case _:
            return f"#{task.id}"


def _of_the_workflow(value: Any) -> str:
    """Short forms of what belongs to nbflow: its own say too much."""
    if isinstance(value, WorkflowContext):
        return f"<ctx of {value.workflow_name} {value.instance_id!r}>"
    state = _state(value)
    if isinstance(value, DurableTask):
        return f"<DurableTask {durable_text(cast('DurableTask[Any]', value))}, {state}>"
    if isinstance(value, NumberedGathering):
        return f"<gather, {state}>"
    if isinstance(value, WorkflowTask):
        name = getattr(cast("Any", value).get_coro(), "__qualname__", value.get_name())
        return f"<Task {name.rpartition('<locals>.')[2]}, {state}>"
    return f"<Future, {state}>"


def _state(future: Any) -> str:
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    return "done" if future._exception is None else "failed"  # to ask for it would count as having looked


# -- what Python prints ---------------------------------------------------------------------------


def _sequence(base: Any, opening: str, closing: str) -> Callable[[Any], Shape]:
    def shape(value: Any) -> Shape:
        kind = class_of(value)
        before, after = ("", "") if kind in _PLAIN else (f"{type_name(kind)}(", ")")
        size = base.__len__(value)
        comma = "," if opening == "(" and size == 1 else ""
        return Container(
            before + opening,
            comma + closing + after,
            size,
            lambda: (("", item) for item in islice(base.__iter__(value), _MOST)),
        )

    return shape


def _set(base: Any, opening: str, closing: str) -> Callable[[Any], Shape]:
    def shape(value: Any) -> Shape:
        size = base.__len__(value)
        if not size:
            return Words(f"{base.__name__}()")
        return Container(
            opening, closing, size, lambda: (("", item) for item in islice(base.__iter__(value), _MOST))
        )

    return shape


def _mapping(value: Any) -> Shape:
    before, after = ("", "") if type(value) is dict else (f"{type_name(class_of(value))}(", ")")
    return Container(
        f"{before}{{",
        f"}}{after}",
        _DICT.__len__(value),
        lambda: ((f"{_key(key)}: ", item) for key, item in islice(_DICT.items(value), _MOST)),
    )


def _key(key: Any) -> str:
    """A key of a mapping; keys that are long or strange are cut, as they are only labels."""
    match shape_of(key):
        case Words(text=text):
            return text
        case Quoted(text=text):
            return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"
        case Container() as shape if shape.size <= 4:
            items = [item for _, item in shape.items()]
            if all(type(item) in _SIMPLE for item in items):
                return f"{shape.opening}{', '.join(repr(item)[:30] for item in items)}{shape.closing}"
            return f"<{type_name(class_of(key))}>"
        case _:
            return f"<{type_name(class_of(key))}>"


def _text(value: Any) -> Shape:
    return Quoted(str.__str__(value))


def _integer(value: Any) -> Shape:
    bits = int.bit_length(value)
    return Words(int.__repr__(value) if bits <= _MOST_BITS else f"<int of {bits:,} bits>")


def _plain_object(value: Any) -> Shape:
    """An instance whose class says nothing: its attributes, which Python would hide behind an address."""
    name = type_name(class_of(value))
    try:
        attributes: Any = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = None
    if type(attributes) is not dict or not attributes:
        return Words(f"<{name} object>")
    found = cast("dict[Any, Any]", attributes)
    return Container(
        f"<{name}: ", ">", len(found), lambda: ((f"{key}=", item) for key, item in _pairs(found)), "fields"
    )


def _pairs(found: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return list(islice(found.items(), _MOST))


def _error(value: Any) -> Shape:
    args: tuple[Any, ...] = value.args
    return Container(f"{type_name(class_of(value))}(", ")", len(args), lambda: (("", item) for item in args))


_DICT: Final[Any] = dict
_PLAIN: Final = (list, tuple)
_SIMPLE: Final = (str, int, float, bool, type(None))

_PRINTED: Final[tuple[tuple[Any, Callable[[Any], Shape | None]], ...]] = (
    (str, _text),
    (bytes, Quoted),
    (bytearray, Quoted),
    (int, _integer),
    (list, _sequence(list, "[", "]")),
    (tuple, _sequence(tuple, "(", ")")),
    (deque, _sequence(deque, "[", "]")),
    (set, _set(set, "{", "}")),
    (frozenset, _set(frozenset, "frozenset({", "})")),
    *((kind, _mapping) for kind in (dict, defaultdict, OrderedDict, Counter)),
    (object, _plain_object),
    (BaseException, _error),
)


def _by_repr(
    printed: Iterable[tuple[Any, Callable[[Any], Shape | None]]],
) -> dict[Any, Callable[[Any], Shape | None]]:
    return {kind.__repr__: shape for kind, shape in printed}


_KNOWN: Final = _by_repr(_PRINTED)
"""By the ``__repr__`` that Python gave them: a subclass that has none of its own is printed alike."""


# -- records and frames ---------------------------------------------------------------------------


def _record(value: Any, kind: Any, own: Any) -> Shape | None:
    """A record or a data frame that is printed as its library has it; None: it has its own way."""
    maker = getattr(own, "__module__", None)
    names: list[str]
    if kind.__module__.partition(".")[0] in ("pandas", "polars", "numpy"):
        return _table(value, kind)
    if hasattr(kind, "__dataclass_fields__") and _is_generated(own):
        names = [field.name for field in dataclasses.fields(kind) if field.repr]
    elif own is msgspec.Struct.__repr__:
        names = list(kind.__struct_fields__)
    elif maker == "collections" and hasattr(kind, "_fields"):  # of a namedtuple
        names = list(kind._fields)
    elif maker in ("pydantic.main", "pydantic._internal._repr") and hasattr(kind, "__pydantic_fields__"):
        names = [name for name, field in kind.__pydantic_fields__.items() if field.repr]
    else:
        return None
    return Container(
        f"{type_name(kind)}(",
        ")",
        len(names),
        lambda: ((f"{name}=", getattr(value, name, Missing)) for name in names),
        "fields",
    )


class Missing:
    """Stands for a field that has no value."""


def _is_generated(own: Any) -> bool:
    inner = getattr(own, "__wrapped__", None)
    return inner is not None and inner.__code__.co_filename == "<string>"


def _table(value: Any, kind: Any) -> Shape | None:
    """A data frame or an array by its extent and its columns; a small array as it is."""
    extent: Any = getattr(value, "shape", None)
    if class_of(extent) is not tuple or not extent or (len(extent) == 1 and extent[0] <= 8):
        return None
    lengths = " by ".join(f"{length:,}" for length in extent)
    columns = [str(column)[:30] for column in islice(iter(getattr(value, "columns", ())), 8)]
    names = f": {', '.join(columns)}" if columns else ""
    return Words(f"<{kind.__qualname__} {lengths}{names}{', …' if len(columns) == 8 else ''}>", has_more=True)
