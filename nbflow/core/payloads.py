"""Values to JSON and back, with types, and never silently changed.

A value is written as plain JSON: dataclasses and models as objects, enums by
value, times in ISO 8601. It is rebuilt by annotation. msgspec does the work;
annotations that msgspec refuses (a union of two dataclasses, ``str | datetime``,
pydantic models) go through `pydantic.TypeAdapter`.

What JSON can't carry is an error that names the path to it and its type:
non-finite floats always, and, where no annotation could bring them back, sets,
bytes and keys that are no strings. Sets are written in sorted order, since their
own differs from process to process.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import functools
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import msgspec.inspect
import pydantic

from nbflow.errors import DefinitionError, PayloadError

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""Largest payload, as JSON, that goes into a history (S68)."""


class Unannotated:
    """Stands for a missing annotation."""


_ADVICE: Final = "turn it into JSON values first, or store it in a file and pass the path"
_HINTS: Final = {
    "DataFrame": "pass df.to_dict('records'), or write a file and pass its path",
    "Series": "pass series.to_list(), or write a file and pass its path",
    "ndarray": "pass array.tolist(), or write a file and pass its path",
}
_SCALARS: Final = (str, bool, type(None))
_encode_json = msgspec.json.Encoder().encode
_decode_plain = msgspec.json.Decoder().decode


class Codec:
    """Writes and reads the values of one annotation.

    Args:
        annotation: A type, or `Unannotated` for plain JSON.

    Raises:
        DefinitionError: The type can't be carried as JSON.
    """

    def __init__(self, annotation: Any = Unannotated) -> None:
        self.annotation = annotation
        self.is_typed = annotation not in (Unannotated, Any)
        self._adapter: pydantic.TypeAdapter[Any] | None = None
        self._decode: Callable[[str], Any] = _decode_plain
        if self.is_typed:
            if _msgspec_can(annotation):
                self._decode = msgspec.json.Decoder(annotation).decode
            else:
                self._adapter = _adapter(annotation)
                self._decode = self._adapter.validate_json

    def encode(self, value: Any, *, what: str) -> str:
        """Write a value as JSON text.

        Args:
            value: The value.
            what: What it is, for messages: ``"the result of charge"``.

        Raises:
            PayloadError: It can't be written unchanged, doesn't fit the annotation, or is too large.
        """
        text = self._write(value, what)
        if len(text) > MAX_PAYLOAD_BYTES // 4 and len(text.encode()) > MAX_PAYLOAD_BYTES:
            raise PayloadError(
                f"{what} is {len(text.encode()) / 2**20:.1f} MiB of JSON ({_kind(value)}), more than the "
                f"{MAX_PAYLOAD_BYTES // 2**20} MiB that a history takes: store it in a file and pass the path"
            )
        if self.is_typed:
            self.decode(text, what=what)
        return text

    def decode(self, text: str, *, what: str) -> Any:
        """Read a value from JSON text.

        Raises:
            PayloadError: The text doesn't fit the annotation.
        """
        try:
            return self._decode(text)
        except Exception as error:  # an author's type may raise anything while it is built
            raise PayloadError(
                f"{what} doesn't fit {describe_type(self.annotation)}: {_reason(error)}"
            ) from None

    def schema(self) -> str | None:
        """The JSON schema of the annotation as JSON text, or None without one."""
        if not self.is_typed:
            return None
        if self._adapter is not None:
            return _encode_json(self._adapter.json_schema()).decode()
        return _encode_json(msgspec.json.schema(self.annotation)).decode()

    def _write(self, value: Any, what: str) -> str:
        try:
            if type(value) not in _SCALARS:
                if self._adapter is not None:
                    value = self._dump(value, what)
                value = _plain(value, what, "", lenient=self.is_typed)
            return _encode_json(value).decode()
        except RecursionError:
            raise PayloadError(f"{what} is nested too deeply, or holds itself: {_ADVICE}") from None
        except UnicodeEncodeError as error:
            raise PayloadError(
                f"{what} has text that is no Unicode ({error.object[error.start : error.end]!r}), such as a file "
                "name of other bytes: use bytes and annotate them, or text.encode('utf-8', 'replace').decode()"
            ) from None

    def _dump(self, value: Any, what: str) -> Any:
        assert self._adapter is not None
        try:
            return self._adapter.dump_python(value, mode="python", warnings="error")
        except pydantic.ValidationError as error:
            raise PayloadError(
                f"{what} doesn't fit {describe_type(self.annotation)}: {_reason(error)}"
            ) from None
        except Exception:
            return value  # the check behind it says what is wrong, by path


@functools.lru_cache(maxsize=1024)
def _cached_codec(annotation: Any) -> Codec:
    return Codec(annotation)


def codec(annotation: Any = Unannotated) -> Codec:
    """The codec of an annotation; the same one for equal annotations."""
    try:
        return _cached_codec(annotation)
    except TypeError:  # an annotation that can't be hashed
        return Codec(annotation)


def describe_type(annotation: Any) -> str:
    """An annotation as its author would write it."""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "").replace("__main__.", "")


def _msgspec_can(annotation: Any) -> bool:
    try:
        return not _has_custom(msgspec.inspect.type_info(annotation), set())
    except TypeError:
        return False


def _has_custom(info: Any, seen: set[Any]) -> bool:
    if isinstance(info, msgspec.inspect.CustomType):
        return True
    cls = getattr(info, "cls", None)
    if cls is not None:
        if cls in seen:
            return False
        seen.add(cls)
    parts: list[Any] = [getattr(info, name, None) for name in ("item_type", "key_type", "value_type")]
    parts += getattr(info, "item_types", ())
    parts += getattr(info, "types", ())
    parts += [field.type for field in getattr(info, "fields", ())]
    return any(_has_custom(part, seen) for part in parts if part is not None)


def _adapter(annotation: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return pydantic.TypeAdapter(annotation)
    except pydantic.PydanticUserError as error:
        name = describe_type(annotation)
        hint = _HINTS.get(name.rpartition(".")[2], _ADVICE)
        raise DefinitionError(f"a {name} can't be kept in a history as JSON: {hint}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{first['msg']}" + (f" - at `$.{where}`" if where else "")
    return str(error) if isinstance(error, msgspec.DecodeError) else f"{type(error).__name__}: {error}"


def _kind(value: Any) -> str:
    return type(value).__qualname__


def _plain(value: Any, what: str, path: str, *, lenient: bool) -> Any:
    """Copy a value into what JSON has; ``lenient`` where an annotation will bring the rest back."""
    match value:
        case None | bool() | str():
            if isinstance(value, enum.Enum):
                return _plain(value.value, what, path, lenient=lenient)
            return value if type(value) in _SCALARS else str(value)
        case enum.Enum():
            return _plain(value.value, what, path, lenient=lenient)
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise PayloadError(
                    f"{what}{_at(path)} is {value!r}, which JSON doesn't have: use None, or a string"
                )
            return float(value)
        case list() | tuple():
            items = cast("list[Any]", value)
            return [_plain(item, what, f"{path}[{i}]", lenient=lenient) for i, item in enumerate(items)]
        case dict():
            return _plain_dict(cast("dict[Any, Any]", value), what, path, lenient=lenient)
        case _:
            return _plain_object(value, what, path, lenient=lenient)


def _plain_dict(value: Mapping[Any, Any], what: str, path: str, *, lenient: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key
        if not isinstance(key, str):
            if not lenient:
                raise PayloadError(
                    f"{what}{_at(path)} has the key {key!r} ({_kind(key)}), and JSON's keys are strings: "
                    "use str keys, or annotate the parameter, such as dict[int, str]"
                )
            name = msgspec.to_builtins({key: 0}, str_keys=True).popitem()[0]
        elif isinstance(key, enum.Enum):
            name = key.value
        result[str(name)] = _plain(item, what, f"{path}.{name}" if path else f".{name}", lenient=lenient)
    return result


def _plain_object(value: Any, what: str, path: str, *, lenient: bool) -> Any:
    match value:
        case datetime() | date() | time() | timedelta() | Decimal() | UUID():
            return msgspec.to_builtins(value)
        case set() | frozenset() if lenient:
            items = cast("set[Any]", value)
            plain = [_plain(item, what, f"{path}{{…}}", lenient=lenient) for item in items]
            return sorted(plain, key=_encode_json)
        case bytes() | bytearray() if lenient:
            return base64.b64encode(value).decode()
        case pydantic.BaseModel():
            return _plain(value.model_dump(mode="json"), what, path, lenient=lenient)
        case msgspec.Struct():
            names = value.__struct_fields__
            return {n: _plain(getattr(value, n), what, f"{path}.{n}", lenient=lenient) for n in names}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                f.name: _plain(getattr(value, f.name), what, f"{path}.{f.name}", lenient=lenient)
                for f in dataclasses.fields(value)
            }
        case _:
            kind = _kind(value)
            annotated = "annotate it, or " if isinstance(value, (set, frozenset, bytes, bytearray)) else ""
            thing = cast("object", value)
            scalar = "call .item() on it" if hasattr(thing, "dtype") and hasattr(thing, "item") else None
            hint = _HINTS.get(kind, scalar or annotated + _ADVICE)
            raise PayloadError(f"{what}{_at(path)} is a {kind}, which can't be carried as JSON: {hint}")


def _at(path: str) -> str:
    return f" at {path.removeprefix('.')!r}" if path else ""
