"""What writes and reads the values of one annotation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import msgspec
import msgspec.inspect

from nbflow.core.payloads.advice import advice, type_name
from nbflow.core.payloads.annotations import Unannotated, parse
from nbflow.core.payloads.foreign import Foreign
from nbflow.core.payloads.misfits import MisfitError
from nbflow.core.payloads.records import Record
from nbflow.core.payloads.schemas import msgspecs_schema, other_schema
from nbflow.core.payloads.shapes import Shape
from nbflow.core.payloads.unions import Union
from nbflow.errors import DefinitionError, PayloadError

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""Largest payload, as JSON, that goes into a history (S68)."""

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
        parsed = parse(annotation, _shape_of)
        self.shape: Shape = parsed.shape
        self.is_msgspecs = self.is_typed and parsed.is_msgspecs and _msgspec_knows(annotation)
        self._runs_code = parsed.runs_code
        self._read: Callable[[str], Any] = self._by_shape
        if not self.is_typed:
            self._read = _decode_plain
        elif self.is_msgspecs:
            self._read = msgspec.json.Decoder(annotation).decode
        elif isinstance(self.shape, Foreign):
            self._read = self.shape.read_text

    def encode(self, value: Any, *, what: str, root: str = "") -> str:
        """Write a value as JSON text.

        Args:
            value: The value.
            what: What it is, for messages: ``"the result of charge"``.
            root: Its name, with which paths to what is wrong in it begin: ``order.items[2].price``.

        Raises:
            PayloadError: It can't be written unchanged, doesn't fit the annotation, or is too large.
        """
        text, is_exact = self._write(value, what, root)
        if len(text) > MAX_PAYLOAD_BYTES // 4 and len(text.encode()) > MAX_PAYLOAD_BYTES:
            raise PayloadError(
                f"{what} is {len(text.encode()) / 2**20:.1f} MiB of JSON ({type_name(type(cast('object', value)))}), more than the "
                f"{MAX_PAYLOAD_BYTES / 2**20:g} MiB that a history takes: store it in a file and pass the path"
            )
        if self.is_typed:
            back = self.decode(text, what=what, root=root)
            if is_exact and self._write(back, what, root)[0] != text:
                raise PayloadError(
                    f"{what} would come back as {back!r:.200} and not as {value!r:.200}: what runs when a "
                    f"{self.shape.name} is made (__post_init__, say) may check its fields, not change them again"
                )
        return text

    def decode(self, text: str, *, what: str, root: str = "") -> Any:
        """Read a value from JSON text.

        Raises:
            PayloadError: The text doesn't fit the annotation.
        """
        try:
            return self._read(text)
        except MisfitError as misfit:
            raise PayloadError(misfit.told(what, root, self.shape.name)) from None
        except Exception as error:  # an author's type may raise anything while it is built
            reason = (
                str(error) if isinstance(error, msgspec.DecodeError) else f"{type(error).__name__}: {error}"
            )
            reason = reason.replace("at `$", f"at `{root or '$'}")
            raise PayloadError(f"{what} doesn't fit {self.shape.name}: {reason}") from None

    def schema(self) -> str | None:
        """The JSON schema of the annotation as JSON text, or None where there is none."""
        return self._schema

    @functools.cached_property
    def _schema(self) -> str | None:  # each wait of each run asks for it
        if not self.is_typed:
            return None
        return msgspecs_schema(self.annotation) if self.is_msgspecs else other_schema(self.annotation)

    def for_events(self) -> Codec:
        """The same codec, for what is sent by somebody who doesn't know the annotation.

        Raises:
            DefinitionError: Plain JSON can't say which member of a union it is: ``str | datetime``.
        """
        for shape in _outside_of_classes(self.shape):
            hidden = shape.hidden() if isinstance(shape, Union) else None
            if hidden is not None:
                raise DefinitionError(
                    f"data_type={self.shape.name}: an event comes as plain JSON, in which nothing tells a "
                    f"{hidden.name} from the others: wait for a {hidden.name} alone, or for a dataclass with a "
                    "field for each"
                )
        return self

    def _by_shape(self, text: str) -> Any:
        return self.shape.read(_decode_plain(text))

    def _write(self, value: Any, what: str, root: str) -> tuple[str, bool]:
        """Give the text, and whether it has to be read back as the very same."""
        try:
            if self._runs_code:
                try:
                    return _encode_json(self.shape.write(value, True)).decode(), True
                except MisfitError:
                    pass
            return _encode_json(self.shape.write(value)).decode(), False
        except MisfitError as misfit:
            raise PayloadError(misfit.told(what, root, self.shape.name)) from None
        except RecursionError:
            raise PayloadError(f"{what} is nested too deeply, or holds itself: {advice(object)}") from None
        except UnicodeEncodeError as error:
            raise PayloadError(
                f"{what} has text that is no Unicode ({error.object[error.start : error.end]!r}), such as a file "
                "name of other bytes: use bytes and annotate them, or text.encode('utf-8', 'replace').decode()"
            ) from None


@functools.lru_cache(maxsize=1024)
def _cached_codec(annotation: Any) -> Codec:
    return Codec(annotation)


def codec(annotation: Any = Unannotated) -> Codec:
    """The codec of an annotation; the same one for equal annotations."""
    try:
        return _cached_codec(annotation)
    except TypeError:  # an annotation that can't be hashed
        return Codec(annotation)


def _shape_of(python: type[Any]) -> Shape:
    return codec(python).shape


def _outside_of_classes(shape: Shape) -> Iterable[Shape]:
    yield shape
    if not isinstance(shape, Record):
        for part in shape.parts():
            yield from _outside_of_classes(part)


def _msgspec_knows(annotation: Any) -> bool:
    try:
        return not _has_custom(msgspec.inspect.type_info(annotation), set())
    except Exception:  # whatever it stumbles over, the shape can read
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
