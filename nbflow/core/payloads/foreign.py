"""What pydantic knows how to carry: its models, constrained types, paths, IP addresses and the like.

It is imported when the first such annotation is met: most workflows have none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import msgspec

from nbflow.core.payloads.advice import advice, type_name, with_article
from nbflow.core.payloads.misfits import MisfitError, RefusedError, expected
from nbflow.core.payloads.shapes import JSON_KINDS, Shape, json_text
from nbflow.errors import DefinitionError

if TYPE_CHECKING:
    import pydantic


class Foreign(Shape):
    """A type of pydantic's; its models convert what they are given as their authors set it.

    Args:
        annotation: The type.
        name: As its author writes it.
        plain: Writes JSON values, and refuses what is none.

    Raises:
        DefinitionError: pydantic knows nothing of it, or no JSON for it.
    """

    def __init__(self, annotation: Any, name: str, plain: Shape) -> None:
        import pydantic
        from pydantic.errors import PydanticInvalidForJsonSchema

        self._error = pydantic.ValidationError
        self.name = name
        self.python = annotation if isinstance(annotation, type) else None
        self._plain = plain
        self._is_model = hasattr(annotation, "__pydantic_validator__")
        try:
            self.adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
            self._has_sets = b"uniqueItems" in json_text(self.adapter.json_schema(mode="serialization"))
        except (pydantic.PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
            raise no_json(annotation, name) from None
        except pydantic.PydanticUndefinedAnnotation as error:
            raise DefinitionError(f"{name}: {error.message}") from error
        except pydantic.PydanticUserError as error:
            if error.code != "class-not-fully-defined":
                raise DefinitionError(f"{name}: {error.message}") from error
            early = NameError(error.message)
            raise DefinitionError(f"{name} names a type that is not defined yet: define it first") from early

    def write(self, value: Any, exact: bool = False) -> Any:
        try:
            dumped = self._dump(value)
        except Exception as error:  # an author's serializers may raise anything
            if self.python is not None and isinstance(value, self.python):
                raise MisfitError(f"{type(error).__name__}: {error}") from None
            if exact or type(value) not in JSON_KINDS:
                raise expected(self.name, value) from None
            dumped = value
        data = self._plain.write(dumped)
        if type(value) in JSON_KINDS and not exact:
            self.read(data)
            return data
        self._check(value, data)
        return data

    def read(self, data: Any) -> Any:
        return self.read_text(msgspec.json.encode(data).decode())

    def read_text(self, text: str) -> Any:
        """Make the value again from a whole JSON text."""
        try:
            return self.adapter.validate_json(text, strict=None if self._is_model else True)
        except self._error as error:
            raise _misfit(error) from None

    def _dump(self, value: Any) -> Any:
        dumped = self.adapter.dump_python(value, mode="json", by_alias=True, warnings="error")
        return _with_sorted_sets(dumped, self.adapter.dump_python(value)) if self._has_sets else dumped

    def _check(self, value: Any, data: Any) -> None:
        back = self.read(data)
        if type(back) is not type(value) or not self._equal(value, back, data):
            raise RefusedError(
                f"is {with_article(type_name(type(cast('object', value))))} that would come back as {back!r:.200}: "
                f"pydantic's {self.name} doesn't keep all of it"
            )

    def _equal(self, value: Any, back: Any, data: Any) -> bool:
        try:
            if value == back:
                return True
        except Exception:  # an author's own comparison may raise anything
            pass
        if is_model(value):
            return False
        return json_text(self._dump(back)) == json_text(data)


def is_model(value: object) -> bool:
    """Whether a value is of a model of pydantic's: of none, where nothing has imported them."""
    models = sys.modules.get("pydantic.main")
    return models is not None and isinstance(value, models.BaseModel)


def _with_sorted_sets(dumped: Any, value: Any) -> Any:
    """Put the items of sets in the order of their texts: their own differs from process to process.

    Args:
        dumped: As JSON, where a set is a list.
        value: The same in Python, where it can be told.
    """
    match value:
        case set() | frozenset() if isinstance(dumped, list):
            return sorted(cast("list[Any]", dumped), key=json_text)
        case list() | tuple() if isinstance(dumped, list):
            items = zip(cast("list[Any]", dumped), cast("list[Any]", value), strict=False)
            return [_with_sorted_sets(item, shown) for item, shown in items]
        case dict() if isinstance(dumped, dict):
            entries = zip(
                cast("dict[str, Any]", dumped).items(), cast("dict[Any, Any]", value).values(), strict=False
            )
            return {name: _with_sorted_sets(item, shown) for (name, item), shown in entries}
        case _:
            return dumped


def no_json(annotation: Any, name: str) -> DefinitionError:
    """The error for an annotation that JSON has nothing for."""
    hint = advice(annotation) if isinstance(annotation, type) else advice(object)
    return DefinitionError(f"{with_article(name)} can't be kept in a history as JSON: {hint}")


def _misfit(error: pydantic.ValidationError) -> MisfitError:
    first = error.errors(include_url=False)[0]
    misfit = MisfitError(first["msg"])
    for part in reversed(first["loc"]):
        misfit.inside(f"[{part}]" if isinstance(part, int) else f".{part}")
    return misfit
