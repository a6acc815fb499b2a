"""From an annotation to the shape of its values."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast, get_args, get_origin
from uuid import UUID

import msgspec

from nbflow.core.payloads.containers import Entries, FixedTuple, Items
from nbflow.core.payloads.fields import fields_of, has_fields, record_of, variables_of
from nbflow.core.payloads.foreign import Foreign, no_json
from nbflow.core.payloads.misfits import MisfitError
from nbflow.core.payloads.plain import Plain
from nbflow.core.payloads.records import Field, Record
from nbflow.core.payloads.shapes import (
    Binary,
    Choice,
    Constant,
    Flags,
    Named,
    Scalar,
    Shape,
    Text,
)
from nbflow.core.payloads.unions import Union
from nbflow.errors import DefinitionError


class Unannotated:
    """Stands for a missing annotation."""


_abc = collections.abc
_ITEMS: Final[Mapping[Any, type[Any]]] = {
    **{python: python for python in (list, set, frozenset, collections.deque)},
    **dict.fromkeys(
        (_abc.Sequence, _abc.MutableSequence, _abc.Collection, _abc.Iterable, _abc.Container), list
    ),
    **dict.fromkeys((_abc.Set, _abc.MutableSet), set),
}
_ENTRIES: Final[Mapping[Any, type[Any]]] = {
    dict: dict,
    collections.OrderedDict: collections.OrderedDict,
    _abc.Mapping: dict,
    _abc.MutableMapping: dict,
}
_TEXTS: Final = (datetime, date, time, timedelta, Decimal, UUID)
_KEYS: Final = (frozenset({"str"}), frozenset({"int"}), frozenset({"int", "float"}))
_CALLABLE: Final[Any] = _abc.Callable
_QUALIFIERS: Final = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")

Bound: typing.TypeAlias = Mapping[Any, Shape]
"""What a class's type variables stand for."""


@dataclasses.dataclass
class Parsed:
    """What an annotation says.

    Attributes:
        shape: How its values look.
        is_msgspecs: Whether msgspec reads the JSON just as the shape does, if it knows the annotation.
        runs_code: Whether code of an author's runs when a value is made, and may change it.
    """

    shape: Shape
    is_msgspecs: bool
    runs_code: bool


def parse(annotation: Any, shape_of: Callable[[type[Any]], Shape]) -> Parsed:
    """Read an annotation.

    Args:
        annotation: The annotation.
        shape_of: Gives the shape of a class, for objects that have no annotation but themselves.

    Raises:
        DefinitionError: JSON has nothing for it, or it names what isn't defined yet.
    """
    parser = _Parser(shape_of)
    shape = parser.shape(annotation, {})
    parser.finish()
    return Parsed(shape, parser.is_msgspecs, parser.runs_code)


class _Alias(Shape):
    """A ``type`` alias, which may stand for something that holds it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.meant: Shape = self

    def fits(self, value: Any) -> bool:
        return self.meant.fits(value)

    def write(self, value: Any, exact: bool = False) -> Any:
        return self.meant.write(value, exact)

    def read(self, data: Any) -> Any:
        return self.meant.read(data)


class _Parser:
    def __init__(self, shape_of: Callable[[type[Any]], Shape]) -> None:
        self.plain = Plain(shape_of)
        self.is_msgspecs = True
        self.runs_code = False
        self._records: dict[Any, Shape] = {}
        self._new: list[Record] = []

    def finish(self) -> None:
        """Read the fields of every class that was met, so that what is wrong with them is said now."""
        while self._new:
            _ = self._new.pop().fields

    def shape(self, annotation: Any, bound: Bound) -> Shape:
        """The shape of one annotation."""
        if annotation is None or annotation is type(None):
            return Constant()
        if annotation in (Any, object, Unannotated):
            return self.plain
        if isinstance(annotation, (str, typing.ForwardRef)):
            name = annotation if isinstance(annotation, str) else annotation.__forward_arg__
            raise DefinitionError(
                f"{name!r} is only a name here: define that type first, and write it without quotes"
            )
        if isinstance(annotation, typing.TypeVar) or annotation is typing.Self:
            return self._variable(annotation, bound)
        if isinstance(annotation, typing.NewType):
            return self.shape(annotation.__supertype__, bound)
        if hasattr(annotation, "__value__"):
            return self._alias(annotation, bound)
        origin = get_origin(annotation)
        if origin is None:
            return self._class(annotation) if isinstance(annotation, type) else self._foreign(annotation)
        args = get_args(annotation)
        if args or annotation == tuple[()]:
            return self._composed(annotation, origin, args, bound)
        return self._class(origin)  # List, as typing has it

    def _variable(self, variable: Any, bound: Bound) -> Shape:
        if variable in bound:
            return bound[variable]
        if variable is not typing.Self and variable.__constraints__:
            return self._union(variable.__constraints__, bound)
        limit = None if variable is typing.Self else variable.__bound__
        return self.plain if limit is None else self.shape(limit, bound)

    def _alias(self, annotation: Any, bound: Bound) -> Shape:
        """A ``type X = …`` of Python 3.12, ``X[int]`` included."""
        key = (annotation, tuple(map(id, bound.values())))
        if key not in self._records:
            alias = self._records[key] = _Alias(str(annotation))
            names = getattr(annotation, "__type_params__", ())
            given = [self.shape(arg, bound) for arg in get_args(annotation)]
            alias.meant = self.shape(annotation.__value__, {**bound, **dict(zip(names, given, strict=False))})
            alias.kinds = alias.meant.kinds
            alias.python = alias.meant.python
        return self._records[key]

    def _composed(self, annotation: Any, origin: Any, args: tuple[Any, ...], bound: Bound) -> Shape:
        if origin is typing.Annotated:
            return self._annotated(annotation, bound)
        if origin in (typing.Union, types.UnionType):
            return self._union(args, bound)
        if origin is typing.Literal:
            return Choice(written_name(annotation), [(v, self._literal(v, annotation)) for v in args], None)
        if getattr(origin, "_name", None) in _QUALIFIERS:
            return self.shape(args[0], bound)
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return Items(tuple, self.shape(args[0], bound))
            return FixedTuple([self.shape(arg, bound) for arg in args])
        if origin in _ITEMS:
            return self._items(origin, self.shape(args[0], bound))
        if origin in _ENTRIES:
            return self._entries(origin, self.shape(args[0], bound), self.shape(args[1], bound))
        if isinstance(origin, type) and has_fields(origin):
            return self._record(origin, written_name(annotation), [self.shape(arg, bound) for arg in args])
        return self._foreign(annotation)

    def _class(self, python: type[Any]) -> Shape:
        if python in (str, bool, int, float):
            return Scalar(python)
        if python in _TEXTS:
            return Text(python)
        if python in (bytes, bytearray):
            return Binary(python)
        if python is tuple:
            return Items(tuple, self.plain)
        if python in _ITEMS:
            return self._items(python, self.plain)
        if python in _ENTRIES:
            return self._entries(python, self.plain, self.plain)
        if issubclass(python, enum.Enum):
            return self._enum(python)
        if has_fields(python):
            return self._record(python, python.__name__, [])
        for base in (str, int, float):
            if issubclass(python, base):
                self.is_msgspecs, self.runs_code = False, True
                return Named(python, Scalar(base))
        return self._foreign(python)

    def _items(self, python: Any, item: Shape, constraints: Any = None) -> Shape:
        if _ITEMS[python] is collections.deque or python in (_abc.Iterable, _abc.Container):
            self.is_msgspecs = False
        return Items(_ITEMS[python], item, constraints)

    def _entries(self, python: Any, key: Shape, value: Shape, constraints: Any = None) -> Shape:
        is_text = key is self.plain or (type(key) is Scalar and key.python is str and key.name == "str")
        as_pairs = not is_text and not _has_one_text(key)
        if as_pairs or _ENTRIES[python] is not dict:
            self.is_msgspecs = False
        return Entries(
            _ENTRIES[python], None if is_text else key, value, as_pairs=as_pairs, constraints=constraints
        )

    def _union(self, args: Iterable[Any], bound: Bound) -> Shape:
        members: list[Shape] = []
        for arg in args:
            member = self.shape(arg, bound)
            members += member.members if isinstance(member, Union) else [member]
        if self.plain in members:
            return self.plain
        if len(members) == 1:
            return members[0]
        union = Union(members)
        self.is_msgspecs = self.is_msgspecs and not union.has_tags
        return union

    def _annotated(self, annotation: Any, bound: Bound) -> Shape:
        inner, *metadata = get_args(annotation)
        if any(_is_pydantics(data) for data in metadata):
            return self._foreign(annotation)
        limits = tuple(data for data in metadata if isinstance(data, msgspec.Meta))
        shape = self.shape(inner, bound)
        if not limits:
            return shape
        match shape:
            case Scalar() | Binary() | Text():
                constrained = typing.Annotated[shape.python, *limits]
                try:
                    msgspec.json.Decoder(constrained)
                except TypeError as error:
                    raise DefinitionError(f"{written_name(annotation)}: {error}") from error
                return type(shape)(cast("Any", shape.python), constrained)
            case Items(python=python, item=item):
                return Items(cast("type[Any]", python), item, typing.Annotated[python, *limits])
            case Entries(python=python):
                constrained = typing.Annotated[python, *limits]
                return Entries(
                    cast("type[Any]", python),
                    shape.key,
                    shape.value,
                    as_pairs=shape.as_pairs,
                    constraints=constrained,
                )
            case Union():
                return self._union([typing.Annotated[arg, *limits] for arg in get_args(inner)], bound)
            case _:
                return shape

    def _literal(self, value: Any, annotation: Any) -> Any:
        try:
            return self.plain.write(value)
        except MisfitError as misfit:
            raise DefinitionError(misfit.told(f"{value!r} in {annotation}", "", "")) from None

    def _enum(self, python: type[enum.Enum]) -> Shape:
        if issubclass(python, enum.Flag):
            self.is_msgspecs = False
            return Flags(python)
        members = [(member, self._enum_value(member)) for member in python]
        if any(type(data) not in (str, int) for _, data in members):
            self.is_msgspecs = False
        return Choice(python.__name__, members, python)

    def _enum_value(self, member: enum.Enum) -> Any:
        try:
            return self.plain.write(member.value)
        except MisfitError:
            return member.name

    def _record(self, python: type[Any], name: str, arguments: Sequence[Shape]) -> Shape:
        if hasattr(python, "__pydantic_validator__"):
            return self._foreign(python)
        key = (python, tuple(map(id, arguments)))
        if key not in self._records:

            def fields() -> Sequence[Field]:
                bound = variables_of(python, arguments, self.shape)
                return fields_of(
                    python, lambda hint, owner: self.shape(hint, {**bound[owner], typing.Self: record})
                )

            record = record_of(python)(python, name, fields)
            self._records[key] = record
            self._new.append(record)
            if hasattr(python, "__post_init__"):
                self.runs_code = True
        return self._records[key]

    def _foreign(self, annotation: Any) -> Shape:
        name = written_name(annotation)
        origin = get_origin(annotation)
        if (origin or annotation) in (type, _CALLABLE):
            raise no_json(origin or annotation, name)
        self.is_msgspecs, self.runs_code = False, True
        return Foreign(annotation, name, self.plain)


def _has_one_text(key: Shape) -> bool:
    """Whether a key's JSON can stand as the name of an object's field, and tells which key it was."""
    if isinstance(key, (Scalar, Named, Choice)):
        return key.kinds in _KEYS
    return isinstance(key, (Text, Binary))


def _is_pydantics(metadata: Any) -> bool:
    """Whether pydantic checks what stands in an ``Annotated``, and msgspec would not."""
    library = type(metadata).__module__.partition(".")[0]
    return library in ("annotated_types", "pydantic") or hasattr(metadata, "__get_pydantic_core_schema__")


def written_name(annotation: Any) -> str:
    """An annotation as its author would write it."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    text = repr(annotation) if get_origin(annotation) else str(annotation)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?:<locals>\.)?(?=\w)", "", text)
